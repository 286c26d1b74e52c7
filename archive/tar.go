package archive

import (
	"archive/tar"
	"errors"
	"io"
	"iter"
	"maps"
	"path"
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
	if _, _, ok := find(t, tocName); !ok && !t.descend() {
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
		case err != nil:
			err := tarError(err, offset)
			if err.Kind == nil {
				return err
			}
			t.broken = err
			return nil
		}
		name := strings.TrimPrefix(h.Name, "./")
		if _, seen := t.members[name]; !seen && h.Typeflag == tar.TypeReg && !sparse(h) {
			t.members[name] = member{offset, h.Size}
		}
	}
}

// tarError makes the error of a tar reader at offset. Its kind is nil if the
// file could not be read.
func tarError(err error, offset int64) *FormatError {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &FormatError{Kind: ErrTruncated, Offset: offset, What: "the tar file ends within a member"}
	case errors.Is(err, tar.ErrHeader), errors.Is(err, tar.ErrFieldTooLong):
		return &FormatError{Kind: ErrCorrupt, Offset: offset, What: "tar header", Err: err}
	}
	return &FormatError{Offset: offset, What: "reading", Err: err}
}

// tocFolder returns the path before toc.dat, or a compressed toc.dat, if name
// is that of one. Somebody who packs a directory often packs its name too.
func tocFolder(name string) (prefix string, ok bool) {
	prefix, base := path.Split(name)
	for _, s := range suffixes {
		base = strings.TrimSuffix(base, s.suffix)
	}
	return prefix, base == tocName
}

// descend takes the only folder that has a toc.dat for the top of the tar file.
// It reports whether there is one.
func (t *tarFile) descend() bool {
	top, found := "", false
	for name := range t.members {
		prefix, ok := tocFolder(name)
		if ok && found && prefix != top {
			return false
		}
		if ok {
			top, found = prefix, true
		}
	}
	inside := make(map[string]member, len(t.members))
	for name, m := range t.members {
		if name, ok := strings.CutPrefix(name, top); ok {
			inside[name] = m
		}
	}
	if found {
		t.members = inside
	}
	return found
}

func (t *tarFile) size(name string) (int64, bool) {
	m, ok := t.members[name]
	return m.size, ok
}

func (t *tarFile) open(name string) (io.ReadCloser, int64, error) {
	m := t.members[name]
	return openSection(t.src, m.offset, m.size), m.size, nil
}

func (t *tarFile) names() iter.Seq[string] { return maps.Keys(t.members) }

func (t *tarFile) missing() error {
	if t.broken != nil {
		return t.broken
	}
	return errMissing
}

var errBaseBackup = &NotArchiveError{Kind: KindBaseBackup, What: "a physical backup (pg_basebackup) as a tar file, not a dump"}

// isBaseBackup reports whether only a physical backup has such a file.
func isBaseBackup(name string) bool {
	return name == "PG_VERSION" || name == "backup_label" || strings.HasPrefix(name, "base/")
}

// identify says what a tar file without toc.dat is.
func (t *tarFile) identify() error {
	for name := range t.members {
		switch {
		case isBaseBackup(name):
			return errBaseBackup
		case strings.HasSuffix(name, "/"+tocName):
			return &NotArchiveError{Kind: KindTarOfDir, What: "a tar file of the directories of several archives, one of them with " + name}
		}
	}
	if t.broken != nil {
		return t.broken
	}
	return &NotArchiveError{Kind: KindTar, What: "a tar file without " + tocName}
}
