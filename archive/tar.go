package archive

import (
	"archive/tar"
	"errors"
	"io"
	"iter"
	"maps"
	"strconv"
	"strings"
)

// tarFile is the folder of an archive in tar format (pg_backup_tar.c). Its
// members are indexed once and then read in any order; that pg_restore reads
// them forward only is not for the format.
type tarFile struct {
	src     io.ReaderAt
	members map[string]member
	broken  error // why the index ends where it does; nil at the end of the archive
}

// A member is where one file is.
type member struct{ offset, size int64 }

// tarBlock is the size of a tar header, and what members are padded to.
const tarBlock = 512

// isTar reports whether b starts with a tar header: with a magic string that
// one of POSIX, GNU tar and pg_dump before 9.3 writes, and the right checksum
// (isValidTarHeader in pg_backup_tar.c).
func isTar(b []byte) bool {
	if len(b) < tarBlock {
		return false
	}
	switch string(b[257:265]) {
	case "ustar\x0000", "ustar  \x00", "ustar00\x00":
	default:
		return false
	}
	sum := 0
	for i, c := range b[:tarBlock] {
		if i >= 148 && i < 156 { // the checksum itself
			c = ' '
		}
		sum += int(c)
	}
	want, err := strconv.ParseInt(strings.Trim(string(b[148:156]), " \x00"), 8, 32)
	return err == nil && int64(sum) == want
}

// newTar opens an archive in tar format.
func newTar(src io.ReaderAt, size int64) (*Reader, error) {
	t := &tarFile{src: src, members: make(map[string]member)}
	if err := t.index(size); err != nil {
		return nil, err
	}
	if _, _, ok := find(t, tocName); !ok {
		return nil, t.identify()
	}
	r, err := newFiles(t, FormatTar, size)
	if err != nil {
		return nil, err
	}
	if t.broken != nil {
		r.Warnings = append(r.Warnings, t.broken.Error())
	}
	return r, nil
}

// index notes where the members are, from header to header. It returns an
// error of the file alone: damage leaves what comes before it readable.
func (t *tarFile) index(size int64) error {
	at := io.NewSectionReader(t.src, 0, size)
	r := tar.NewReader(at)
	for {
		h, err := r.Next()
		offset, _ := at.Seek(0, io.SeekCurrent) // the tar reader does not read ahead
		switch {
		case err == io.EOF:
			return nil
		case errors.Is(err, io.ErrUnexpectedEOF):
			t.broken = &FormatError{Kind: ErrTruncated, Offset: offset, What: "the tar file ends within a member"}
			return nil
		case errors.Is(err, tar.ErrHeader), errors.Is(err, tar.ErrFieldTooLong):
			t.broken = &FormatError{Kind: ErrCorrupt, Offset: offset, What: "tar header", Err: err}
			return nil
		case err != nil:
			return &FormatError{Offset: offset, What: "reading", Err: err}
		}
		name := strings.TrimPrefix(h.Name, "./")
		if _, seen := t.members[name]; !seen && h.Typeflag == tar.TypeReg {
			t.members[name] = member{offset, h.Size}
		}
	}
}

func (t *tarFile) size(name string) (int64, bool) {
	m, ok := t.members[name]
	return m.size, ok
}

func (t *tarFile) open(name string) (io.ReadCloser, int64, error) {
	m := t.members[name]
	return io.NopCloser(io.NewSectionReader(t.src, m.offset, m.size)), m.size, nil
}

func (t *tarFile) names() iter.Seq[string] { return maps.Keys(t.members) }

func (t *tarFile) missing() error {
	if t.broken != nil {
		return t.broken
	}
	return errMissing
}

// identify says what a tar file without toc.dat is.
func (t *tarFile) identify() error {
	for name := range t.members {
		switch {
		case name == "PG_VERSION" || name == "backup_label" || strings.HasPrefix(name, "base/"):
			return &NotArchiveError{Kind: KindBaseBackup, What: "a physical backup (pg_basebackup) as a tar file, not a dump"}
		case strings.HasSuffix(name, "/"+tocName):
			return &NotArchiveError{Kind: KindTarOfDir, What: "a tar file of the directory of an archive: " + name + " is not at its top"}
		}
	}
	if t.broken != nil {
		return t.broken
	}
	return &NotArchiveError{Kind: KindTar, What: "a tar file without " + tocName}
}
