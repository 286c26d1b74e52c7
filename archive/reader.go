package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"strings"
	"sync"

	"github.com/pgarc/pgarc/toc"
)

// A Reader gives access to one archive. Its fields are not to be changed.
type Reader struct {
	Header   Header
	TOC      *toc.TOC
	Warnings []string // what is odd but did not stop Open; one line each

	// Damage is what opening the archive showed to be broken in it: a file that
	// ends before its data do. nil does not mean that it is whole; see Verify.
	Damage error

	size   int64
	store  store
	closer io.Closer

	locating sync.Mutex // guards where data are: the store may be looking for them
}

// A store is where an archive's data are: one for each format. Its methods are
// safe for concurrent use, locate aside.
type store interface {
	// locate fills in the places of data that the TOC does not know. It
	// does the work once; what it found stays, also after an error.
	locate(ctx context.Context) error

	// data opens the data of an entry that is not BLOBS.
	data(e *toc.Entry) (*Data, error)

	// largeObjects walks over the large objects of a BLOBS entry.
	largeObjects(e *toc.Entry) iter.Seq2[LargeObject, error]
}

// A LargeObject is one large object while [Reader.LargeObjects] is at it. Its
// Reader gives the object's bytes, decompressed.
type LargeObject struct {
	OID uint32
	io.Reader

	before int64 // bytes of the entry before this object
}

// Stored returns how many bytes of the archive were read for the entry so far,
// this object's included, as stored. It may be called while another goroutine
// reads.
func (o LargeObject) Stored() int64 {
	if d, ok := o.Reader.(*Data); ok {
		return o.before + d.Stored()
	}
	return o.before
}

// Open opens an archive: a custom-format file, a directory, or a tar file.
// Errors name it. It reads the header and the table of contents, not the data.
// What can only be read forward, a named pipe or an archive that was compressed
// once more, is opened as by [NewStream].
func Open(name string) (*Reader, error) {
	r, err := open(name)
	var path *fs.PathError
	if err != nil && !errors.As(err, &path) {
		err = fmt.Errorf("%s: %w", name, err)
	}
	return r, err
}

func open(name string) (*Reader, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return openDirectory(name)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	var r *Reader
	if info.Mode().IsRegular() {
		r, err = NewReader(f, info.Size())
	} else { // a named pipe, a tape
		r, err = NewStream(f)
	}
	if got := intact(r, err); got != nil {
		got.closer = f
	} else {
		f.Close()
	}
	return r, err
}

// NewReader reads an archive in custom or tar format from the size bytes of ra.
// It reads the header and the table of contents, not the data. Closing the
// Reader does not close ra.
//
// One that was compressed once more with gzip, zstd or LZ4 is read as a stream
// (see [Reader.Streaming]), with a warning.
func NewReader(ra io.ReaderAt, size int64) (*Reader, error) {
	start := make([]byte, max(0, min(size, sniffSize)))
	n, err := ra.ReadAt(start, 0)
	if err != nil && err != io.EOF {
		return nil, &FormatError{Offset: int64(n), What: "reading", Err: err}
	}
	start = start[:n]
	switch {
	case strings.HasPrefix(string(start), magic):
		r, err := newCustom(ra, size)
		// Lengths that shifted may also make a table of contents of nothing.
		if (err == nil && len(r.TOC.Entries) == 0 || err != nil && isDamage(err)) && lineEndsConverted(start) {
			return nil, errLineEnds
		}
		return r, err
	case isTar(start):
		return newTar(ra, size)
	}
	err = sniff(ra, start, size)
	var not *NotArchiveError
	if errors.As(err, &not) && readThrough(not) {
		return newCompressed(ra, size, not.Kind)
	}
	return nil, err
}

// Size returns the size of the archive in bytes; for a directory, of all its
// files; -1 for a stream.
func (r *Reader) Size() int64 { return r.size }

// Close closes the file that Open opened. Data that are being read fail.
func (r *Reader) Close() error {
	if s, ok := r.store.(*stream); ok {
		s.close()
	}
	if r.closer == nil {
		return nil
	}
	return r.closer.Close()
}

// Locate finds the data of entries whose place the TOC does not know, those
// with toc.DataUnlocated, and sets their Data, Offset and DataSize. It walks
// over the archive once, reading all of it but decompressing nothing; in an
// archive with offsets it does nothing. Whoever looks at those fields while
// other goroutines read data must call it first.
//
// On an error, entries found before it stay located, and their data can be
// read. A walk that ctx ended is taken up again by the next call.
func (r *Reader) Locate(ctx context.Context) error {
	r.locating.Lock()
	defer r.locating.Unlock()
	return r.store.locate(ctx)
}

// Data opens the data of an entry: the text of a COPY, with its end marker, or
// INSERT commands. An entry that has none gives ErrNoData, and so does a BLOBS
// entry, whose data are read with [Reader.LargeObjects]. On a stream it waits,
// and skips what comes before; see [NewStream].
func (r *Reader) Data(e *toc.Entry) (*Data, error) {
	e, err := r.find(e, false)
	if err != nil {
		return nil, err
	}
	return r.store.data(e)
}

// LargeObjects walks over the large objects of a BLOBS entry. Each is valid
// until the next step; what was not read of it is skipped. An error is the
// last step; what is wrong with the bytes of a single object is told by its
// Reader alone.
func (r *Reader) LargeObjects(e *toc.Entry) iter.Seq2[LargeObject, error] {
	e, err := r.find(e, true)
	if err != nil {
		return func(yield func(LargeObject, error) bool) { yield(LargeObject{}, err) }
	}
	return r.store.largeObjects(e)
}

// find returns the entry of this archive with e's id, located.
func (r *Reader) find(e *toc.Entry, blobs bool) (*toc.Entry, error) {
	r.locating.Lock()
	defer r.locating.Unlock()
	own := r.TOC.Lookup(e.ID)
	if own == nil || own.Data == toc.DataNone || blobs != (own.Kind == toc.Blobs) {
		what := "has no data"
		switch {
		case own == nil:
			what = "is not in this archive"
		case own.Data != toc.DataNone && blobs:
			what = fmt.Sprintf("is %s, not %s", own.Kind, toc.Blobs)
		case own.Data != toc.DataNone:
			what = "has large objects, not a stream of data"
		}
		return nil, &FormatError{Kind: ErrNoData, Offset: -1, ID: e.ID, What: "the entry " + what}
	}
	if own.Data == toc.DataUnlocated && !r.Streaming() {
		if err := r.store.locate(context.Background()); own.Data == toc.DataUnlocated {
			return nil, err
		}
	}
	return own, nil
}

// newTOC makes the TOC of entries.
func newTOC(entries []*toc.Entry, h Header, at int64) (*toc.TOC, error) {
	t, err := toc.New(entries)
	if err != nil {
		return nil, &FormatError{Kind: ErrCorrupt, Offset: at, What: "table of contents", Err: err}
	}
	t.DepsAreOIDs = !h.Version.has(minorDumpIDs)
	return t, nil
}
