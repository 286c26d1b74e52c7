package archive

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/pgarc/pgarc/toc"
)

// streamBuffer is through how much a stream is read, and how much is looked at
// to say what it is if it is no archive.
const streamBuffer = 64 << 10

// NewStream reads an archive in custom or tar format from r, which is read
// once, from front to back: a pipe, a download. Header and TOC are read now. An
// archive that was compressed as a whole with gzip, zstd or LZ4 is decompressed
// on the way. If the TOC is broken in the middle, the error is a *PartialError;
// of an archive in custom format it has no data then, since they follow the TOC
// and nobody knows where.
//
// The data of entries come in the order they have in the stream. Who opens them
// does it from one goroutine:
//
//	for {
//		e, err := r.Next(ctx) // waits until the stream is past what was opened before
//		if err == io.EOF {
//			break // no more data
//		}
//		…
//		d, err := r.Data(e) // or r.LargeObjects(e), or neither: Next then skips the entry
//		go load(e, d)       // reads and closes d
//	}
//
// Data and LargeObjects of an entry further on skip those before it. Data of an
// entry that was passed, by reading it or by skipping it, give ErrPassed.
//
// The stream stands still before each entry until it is asked for more. Once an
// entry is open, its block is read ahead of its consumer, as stored, into at
// most 32 MiB for all entries together. As soon as the rest of the block fits
// in, the stream is past the entry (see [Data.Passed]) and the next one can be
// opened, while the consumers of earlier ones still work. Decompressing is done
// by each consumer.
//
// So an entry that is open and not read from holds the stream up, and with it
// everybody who waits for a later entry, once its block is longer than what may
// be read ahead. Consumers must not wait for each other. Closing Data, or
// leaving the loop over large objects, discards the rest of the block. What was
// opened must be read to its end or closed. Reader.Close ends all waiting, with
// errors that match os.ErrClosed. It does not close r; where a Read of r is
// under way, the goroutine that reads r ends when that returns.
func NewStream(r io.Reader) (*Reader, error) {
	a, err := newStream(bufio.NewReaderSize(progress{r}, streamBuffer))
	if got := intact(a, err); got != nil {
		if t, ok := got.store.(*stream).src.(*tarStream); ok && t.early > 0 {
			got.Warnings = append(got.Warnings, fmt.Sprintf("%d files come before %s in the tar file: from a stream their data cannot be read", t.early, tocName))
		}
	}
	return a, err
}

// Streaming reports whether data can only be opened in the order in which they
// are stored, as [NewStream] describes.
func (r *Reader) Streaming() bool {
	_, ok := r.store.(*stream)
	return ok
}

// Next waits until a stream is past the entry that was opened last, goes to the
// next one with data and returns it. If it is not opened, the next call skips
// it. After the last entry Next returns io.EOF; if the stream ends before all
// data were there, an error that names the first entry whose data are missing.
//
// A call that ctx ended can be repeated. A Reader that is not a stream has no
// next entry.
func (r *Reader) Next(ctx context.Context) (*toc.Entry, error) {
	s, ok := r.store.(*stream)
	if !ok {
		return nil, errors.New("archive: Next of a Reader that is not a stream")
	}
	return s.next(ctx)
}

// alwaysPassed is what Passed returns where there is no stream.
var alwaysPassed = func() <-chan struct{} { c := make(chan struct{}); close(c); return c }()

// Passed is closed once a stream is past the entry: all that is left of its data
// is in memory, and the next entry can be opened without waiting for the
// consumer of this one. It is also closed when the stream fails or is closed.
// For data that are not from a stream it always is.
func (d *Data) Passed() <-chan struct{} {
	if d.passed == nil {
		return alwaysPassed
	}
	return d.passed
}

// progress does not wait for ever for a reader that gives nothing.
type progress struct{ r io.Reader }

func (p progress) Read(b []byte) (int, error) {
	for range 100 {
		if n, err := p.r.Read(b); n > 0 || err != nil || len(b) == 0 {
			return n, err
		}
	}
	return 0, io.ErrNoProgress
}

// newStream opens what is in a stream.
func newStream(in *bufio.Reader) (*Reader, error) {
	start, err := in.Peek(6) // the longest signature of a compression
	if err != nil && err != io.EOF {
		return nil, readError(0, err)
	}
	if kind, _ := identify(start); outerCodecs[kind] != codecNone {
		return openOuter(in, kind)
	}
	return newArchive(in)
}

// newArchive opens an archive that is not compressed as a whole.
func newArchive(in *bufio.Reader) (*Reader, error) {
	if start, _ := in.Peek(len(magic)); string(start) == magic {
		return newCustomStream(in)
	}
	start, err := in.Peek(tarBlock)
	if isTar(start) {
		return newTarStream(in)
	}
	if err == nil {
		start, err = in.Peek(streamBuffer)
	}
	if err != nil && err != io.EOF {
		return nil, readError(0, err)
	}
	start = bytes.Clone(start)
	return nil, sniff(bytes.NewReader(start), start[:min(len(start), sniffSize)], int64(len(start)))
}

// readError makes the error of a stream that cannot be read, unless it already
// says what is wrong.
func readError(offset int64, err error) error {
	var known *FormatError
	if errors.As(err, &known) {
		return err
	}
	return &FormatError{Offset: offset, What: "reading", Err: err}
}

// outerCodecs are what an archive as a whole may be compressed with to be read
// through.
var outerCodecs = map[FileKind]codec{KindGzip: codecGzip, KindZstd: codecZstd, KindLZ4: codecLZ4}

// compressedWith says what a kind of compression is.
func compressedWith(kind FileKind) string {
	for _, s := range signatures {
		if s.kind == kind {
			return s.what
		}
	}
	return "compressed"
}

// openOuter opens an archive within something compressed.
func openOuter(in *bufio.Reader, kind FileKind) (*Reader, error) {
	inside := newOuter(in, kind)
	if first, err := inside.Peek(1); len(first) == 0 && errors.Is(err, ErrCorrupt) {
		return nil, compressedError(kind, compressedWith(kind), KindEmpty, "")
	}
	r, err := newArchive(inside)
	var not *NotArchiveError
	if errors.As(err, &not) {
		return nil, compressedError(kind, compressedWith(kind), not.Kind, not.What)
	}
	return r, err
}

// newOuter returns what is inside something compressed.
func newOuter(in io.Reader, kind FileKind) *bufio.Reader {
	return bufio.NewReaderSize(&outer{in: in, codec: outerCodecs[kind], what: compressedWith(kind)}, streamBuffer)
}

// An outer decompresses what is around an archive. Its errors say so, and where
// in the compressed stream it happened.
type outer struct {
	in    io.Reader
	codec codec
	what  string // "compressed with gzip"
	dec   decompressor
	n     int64 // bytes read of in
	cause error // of reading in
	err   error // of decompressing
}

// Read reads decompressed bytes.
func (o *outer) Read(p []byte) (int, error) {
	if o.err != nil {
		return 0, o.err
	}
	if o.dec == nil {
		if o.dec, o.err = o.codec.open(outerSource{o}, nil); o.err != nil {
			o.err = o.explain(o.err)
			return 0, o.err
		}
	}
	n, err := o.dec.Read(p)
	if err != nil {
		o.err = o.explain(err)
	}
	return n, o.err
}

// explain says what an error of the decompressor means.
func (o *outer) explain(err error) error {
	switch {
	case err == io.EOF && o.cause == nil:
		return err
	case o.cause != nil:
		return &FormatError{Offset: o.n, What: "reading", Err: o.cause}
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &FormatError{Kind: ErrTruncated, Offset: o.n, What: "the file " + o.what + " ends too early"}
	}
	return &FormatError{Kind: ErrCorrupt, Offset: o.n, What: "the file " + o.what + " does not decompress", Err: err}
}

// outerSource is what the decompressor of an outer reads.
type outerSource struct{ o *outer }

func (s outerSource) Read(p []byte) (int, error) {
	n, err := s.o.in.Read(p)
	s.o.n += int64(n)
	if err != nil && err != io.EOF {
		s.o.cause = err
	}
	return n, err
}

// readThrough reports whether a file that is not an archive has one inside that
// can be read as a stream.
func readThrough(e *NotArchiveError) bool {
	_, ok := outerCodecs[e.Kind]
	return ok && (e.Inner == KindCustom || e.Inner == KindTar)
}

// newCompressed opens a file that is an archive compressed as a whole.
func newCompressed(ra io.ReaderAt, size int64, kind FileKind) (*Reader, error) {
	restart := func() *bufio.Reader {
		return bufio.NewReaderSize(io.NewSectionReader(ra, 0, size), streamBuffer)
	}
	r, err := openOuter(restart(), kind)
	got := intact(r, err)
	if got == nil {
		return nil, err
	}
	// Who packs a directory may have its files in any order. Here one can
	// begin again, the TOC being known.
	if t, ok := got.store.(*stream).src.(*tarStream); ok && t.early > 0 {
		t.restart(newOuter(restart(), kind))
	}
	got.size = size
	got.Warnings = append(got.Warnings, compressedWith(kind)+" as a whole: read as a stream, which is slower for single objects")
	return r, err
}
