package archive

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/pgarc/pgarc/toc"
)

// files is the store of the formats that keep the data of each entry in a file
// of its own: a directory, and a tar file, whose members are such files.
type files struct {
	folder  folder
	header  Header
	entries *toc.TOC

	trailing bool // toc.dat goes on behind the TOC
}

// A folder is where the files are.
type folder interface {
	// size returns the size of a file, and whether there is one.
	size(name string) (int64, bool)

	// open opens a file that is there, and returns its size.
	open(name string) (io.ReadCloser, int64, error)

	// names walks over all files.
	names() iter.Seq[string]

	// missing is what to say of a file that is not there.
	missing() error
}

// tocName is the file that holds header and TOC.
const tocName = "toc.dat"

// suffixes are how compressed files are called.
var suffixes = []struct {
	suffix string
	codec  codec
}{{".gz", codecGzip}, {".lz4", codecLZ4}, {".zst", codecZstd}}

// find returns the file that holds what the archive calls name: as it is, or
// compressed (InitDiscoverCompressFileHandle in compress_io.c). The header is
// not asked; each file may be compressed in another way.
func find(f folder, name string) (file string, c codec, ok bool) {
	for _, s := range suffixes {
		if strings.HasSuffix(name, s.suffix) {
			_, ok = f.size(name)
			return name, s.codec, ok
		}
	}
	if _, ok = f.size(name); ok {
		return name, codecNone, true
	}
	for _, s := range suffixes {
		if _, ok = f.size(name + s.suffix); ok {
			return name + s.suffix, s.codec, true
		}
	}
	return name, codecNone, false
}

// openData opens what the archive calls name. nothing says that a compressed
// file may be empty, not even a frame.
func openData(f folder, name string, id toc.DumpID, nothing bool) (*Data, error) {
	// Names come from the archive: keep them inside the folder.
	if !filepath.IsLocal(name) || strings.ContainsAny(name, `/\`) || name == "." {
		return nil, &FormatError{Kind: ErrCorrupt, Offset: -1, ID: id, What: fmt.Sprintf("file name %q", name)}
	}
	file, c, ok := find(f, name)
	if !ok {
		kind := ErrTruncated
		err := f.missing()
		if errors.Is(err, ErrCorrupt) {
			kind = ErrCorrupt
		}
		return nil, &FormatError{Kind: kind, File: file, Offset: -1, ID: id, What: "the file is missing", Err: err}
	}
	in, size, err := f.open(file)
	if err != nil {
		return nil, &FormatError{File: file, Offset: -1, ID: id, What: "opening", Err: err}
	}
	return fileData(in, size, file, c, id, nothing), nil
}

// fileData returns the data of a file, which is read from in.
func fileData(in io.ReadCloser, size int64, file string, c codec, id toc.DumpID, nothing bool) *Data {
	r := &fileReader{name: file, id: id, size: size, closer: in}
	r.in = fileBuffers.Get().(*bufio.Reader)
	r.in.Reset(&counted{r: r, in: in})
	return &Data{stored: r, codec: c, nothing: nothing && c != codecGzip}
}

var fileBuffers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 64<<10) }}

// A fileReader reads one file. It implements the stored interface.
type fileReader struct {
	name   string
	id     toc.DumpID
	size   int64
	in     *bufio.Reader // nil once closed
	closer io.Closer
	n      int64 // bytes read of the file
	err    error
}

func (r *fileReader) Read(p []byte) (int, error) {
	if r.in == nil {
		return 0, errClosed
	}
	return r.in.Read(p)
}

// counted counts what is read of a file, and notices if it is less than there
// should be.
type counted struct {
	r  *fileReader
	in io.Reader
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	c.r.n += int64(n)
	switch {
	case err == io.EOF && c.r.n < c.r.size:
		err = c.r.error(ErrTruncated, fmt.Sprintf("the file ends %d bytes too early", c.r.size-c.r.n), nil)
		c.r.err = err
	case err != nil && err != io.EOF:
		err = c.r.error(nil, "reading", err)
		c.r.err = err
	}
	return n, err
}

func (r *fileReader) error(kind error, what string, cause error) error {
	return &FormatError{Kind: kind, File: r.name, Offset: r.n, ID: r.id, What: what, Err: cause}
}

func (r *fileReader) consumed() int64 { return r.n }
func (r *fileReader) empty() bool     { return r.n == 0 }
func (r *fileReader) failure() error  { return r.err }

// fail makes the error of a file that does not decompress: without a cause it
// just ends too early.
func (r *fileReader) fail(what string, cause error) error {
	if cause == nil {
		return r.error(ErrTruncated, what, nil)
	}
	return r.error(ErrCorrupt, what, cause)
}

func (r *fileReader) Close() error {
	if r.in == nil {
		return nil
	}
	r.in.Reset(nil)
	fileBuffers.Put(r.in)
	r.in = nil
	return r.closer.Close()
}

// newFiles reads the header and TOC in a folder.
func newFiles(f folder, format Format, size int64) (*Reader, error) {
	file, c, ok := find(f, tocName)
	if !ok {
		return nil, &NotArchiveError{Kind: KindUnknown, What: "something without " + tocName}
	}
	data, err := openData(f, tocName, 0, false)
	if err != nil {
		return nil, err
	}
	defer data.Close()
	length := int64(-1)
	if c == codecNone {
		length, _ = f.size(file)
	}
	s, warnings, err := readTOCFile(data, length, file, format)
	if s == nil || err != nil && !isDamage(err) {
		return nil, err
	}
	s.folder = f
	if err != nil {
		s.measure()
		return nil, &PartialError{&Reader{Header: s.header, TOC: s.entries, size: size, store: s}, err}
	}
	warnings = append(warnings, s.measure()...)
	return &Reader{Header: s.header, TOC: s.entries, Warnings: warnings, size: size, store: s}, nil
}

// readTOCFile reads a toc.dat of length bytes, or -1 if unknown. What it
// returns does not know its folder yet. With an error it may still return a
// store, of the entries before the damage.
func readTOCFile(data io.Reader, length int64, file string, format Format) (s *files, warnings []string, err error) {
	d := newDecoder(data, length)
	d.file = file
	h, formatByte, warnings := readHeader(d)
	h.Format = format
	tocStart := d.offset()
	entries, err := readTOC(d, h, formatByte, formatByteTar)
	if err != nil && len(entries) > 0 {
		if t, tocErr := newTOC(entries, h, tocStart); tocErr == nil {
			return &files{header: h, entries: t, trailing: true}, nil, err
		}
	}
	if err != nil {
		return nil, nil, err
	}
	atEnd := d.atEnd()
	if !atEnd {
		if !h.Version.supported() {
			return nil, nil, &UnsupportedVersionError{h.Version, d.err}
		}
		warnings = append(warnings, fmt.Sprintf("%s goes on behind the table of contents", file))
	} else if !h.Version.supported() {
		warnings = append(warnings, newerWarning(h.Version))
	}
	t, err := newTOC(entries, h, tocStart)
	if err != nil {
		return nil, nil, err
	}
	return &files{header: h, entries: t, trailing: !atEnd}, warnings, nil
}

// locate has nothing to do: every file has its name.
func (s *files) locate(context.Context) error { return nil }

func (s *files) data(e *toc.Entry) (*Data, error) { return openData(s.folder, e.File, e.ID, false) }

// listName is the file that lists the large objects of a BLOBS entry. Before
// version 1.16 there was one for all, whatever the entry says. A tar file's
// entry names a member that does not exist.
func (s *files) listName(e *toc.Entry) string {
	switch {
	case !s.header.Version.has(minorRelKind):
		return "blobs.toc"
	case strings.HasSuffix(e.File, ".toc"):
		return e.File
	}
	return fmt.Sprintf("blobs_%d.toc", e.ID)
}

// largeObjects walks over the lines "oid file" of a list.
func (s *files) largeObjects(e *toc.Entry) iter.Seq2[LargeObject, error] {
	return func(yield func(LargeObject, error) bool) {
		list, err := openData(s.folder, s.listName(e), e.ID, false)
		if err != nil {
			yield(LargeObject{}, err)
			return
		}
		defer list.Close()
		lines := bufio.NewScanner(list)
		lines.Buffer(nil, 4096)
		before := int64(0)
		for lines.Scan() && lines.Err() == nil { // a line cut by an error is none
			lo, d, err := s.largeObject(e, list, lines.Text())
			if err != nil {
				yield(LargeObject{}, err)
				return
			}
			lo.before = before + list.Stored()
			more := yield(lo, nil)
			before += d.Stored()
			d.Close()
			if !more {
				return
			}
		}
		if err := lines.Err(); err == bufio.ErrTooLong {
			yield(LargeObject{}, list.stored.fail("line in the list of large objects", err))
		} else if err != nil {
			yield(LargeObject{}, err)
		}
	}
}

// largeObject opens the large object of a line.
func (s *files) largeObject(e *toc.Entry, list *Data, line string) (LargeObject, *Data, error) {
	first, name, ok := strings.Cut(strings.TrimSuffix(line, "\r"), " ")
	oid, err := strconv.ParseUint(first, 10, 32)
	if !ok || err != nil {
		return LargeObject{}, nil, list.stored.fail(fmt.Sprintf("line %q in the list of large objects", line), errors.New("want an OID and a file"))
	}
	d, err := openData(s.folder, name, e.ID, true)
	return LargeObject{OID: uint32(oid), Reader: d}, d, err
}

// measure fills in the sizes of data. It returns a warning if files are
// missing, which is what a dump leaves that was interrupted.
func (s *files) measure() []string {
	missing, first := 0, ""
	for _, e := range s.entries.Entries {
		if e.Data == toc.DataNone {
			continue
		}
		name := e.File
		if e.Kind == toc.Blobs {
			name = s.listName(e)
		}
		file, _, ok := find(s.folder, name)
		if !ok {
			if missing++; missing == 1 {
				first = name
			}
			continue
		}
		e.DataSize, _ = s.folder.size(file)
		if e.Kind == toc.Blobs {
			e.DataSize = s.objectsSize(e, e.DataSize)
		}
	}
	if missing == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%d data files are missing, the first is %s", missing, first)}
}

// objectsSize adds the sizes of a BLOBS entry's large objects to size. Which
// they are is in the entry of their metadata; in old archives, all are.
func (s *files) objectsSize(e *toc.Entry, size int64) int64 {
	if !s.header.Version.has(minorRelKind) {
		for name := range s.folder.names() {
			if strings.HasPrefix(name, "blob_") {
				n, _ := s.folder.size(name)
				size += n
			}
		}
		return size
	}
	for _, id := range e.Deps {
		metadata := s.entries.Lookup(id)
		if metadata == nil || metadata.Kind != toc.BlobMetadata {
			continue
		}
		for oid := range strings.Lines(metadata.Defn) {
			file, _, _ := find(s.folder, "blob_"+strings.TrimSuffix(oid, "\n")+".dat")
			n, ok := s.folder.size(file)
			if !ok {
				return -1
			}
			size += n
		}
		return size
	}
	return -1
}

// errMissing is why a file of a directory is not there, as far as one can tell.
var errMissing = fmt.Errorf("%w: was the dump interrupted, or not copied whole?", fs.ErrNotExist)
