package archive

import (
	"bufio"
	"errors"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/pierrec/lz4/v4"

	"github.com/pgarc/pgarc/internal/inflate"
)

// codec is how one stored stream is compressed. That is not quite the
// archive's algorithm: deflate comes as zlib in custom format and as gzip in
// files.
type codec uint8

const (
	codecNone codec = iota
	codecZlib
	codecGzip
	codecLZ4
	codecZstd
)

// inflateBuffer is how much compressed data inflate is handed at a time. It is
// fastest on a bufio.Reader.
const inflateBuffer = 16 << 10

// A decompressor reads decompressed data. Its io.EOF means that the stream
// ended where its format says and with the right checksum, and that its source
// is at its end too.
type decompressor interface {
	io.Reader
	release() // gives it back for reuse; it cannot be read any more
}

// open returns a decompressor of r. large may be nil; see openZstd.
func (c codec) open(r io.Reader, large *sharedWindow) (decompressor, error) {
	switch c {
	case codecZlib:
		return openZlib(r), nil
	case codecGzip:
		return openGzip(r)
	case codecLZ4:
		return openLZ4(r), nil
	case codecZstd:
		return openZstd(r, large)
	}
	return plain{r}, nil
}

// plain is no compression.
type plain struct{ io.Reader }

func (plain) release() {}

// A zlibReader reads a zlib stream (RFC 1950).
type zlibReader struct{ inflate.Reader }

var zlibReaders = sync.Pool{New: func() any { return new(zlibReader) }}

func openZlib(r io.Reader) decompressor {
	z := zlibReaders.Get().(*zlibReader)
	z.Reset(r)
	return z
}

func (z *zlibReader) release() {
	z.Reset(nil)
	zlibReaders.Put(z)
}

// A gzipReader reads a gzip file (RFC 1952), of one member or several. As in
// zlib's gzread, which pg_restore uses, a file that is not gzip at all is
// read as it stands.
type gzipReader struct {
	in   *bufio.Reader
	z    gzip.Reader
	asIs bool
}

var gzipReaders = sync.Pool{New: func() any { return &gzipReader{in: bufio.NewReaderSize(nil, inflateBuffer)} }}

func openGzip(r io.Reader) (decompressor, error) {
	g := gzipReaders.Get().(*gzipReader)
	g.in.Reset(r)
	start, err := g.in.Peek(2)
	if g.asIs = len(start) == 2 && string(start) != "\x1f\x8b"; g.asIs {
		return g, nil
	}
	if len(start) == 2 {
		err = g.z.Reset(g.in)
	}
	if err != nil {
		g.release()
		return nil, noEOF(err)
	}
	return g, nil
}

func (g *gzipReader) Read(p []byte) (int, error) {
	if g.asIs {
		return g.in.Read(p)
	}
	return g.z.Read(p)
}

func (g *gzipReader) release() {
	g.in.Reset(nil)
	gzipReaders.Put(g)
}

// An lz4Reader reads LZ4 frames. It is not reused: a reset lz4.Reader keeps
// the history of its last stream, and a damaged block could then be completed
// with another table's rows instead of failing. Its buffers are pooled by the
// library.
type lz4Reader struct {
	*lz4.Reader
	src *noLegacy
}

func openLZ4(r io.Reader) decompressor {
	src := &noLegacy{r: r}
	return &lz4Reader{lz4.NewReader(src), src}
}

func (z *lz4Reader) release() { z.Reset(nil) }

// noLegacy refuses the legacy LZ4 format, which has no end mark, so that a cut
// would go unnoticed.
type noLegacy struct {
	r       io.Reader
	checked bool
}

var errLegacyLZ4 = errors.New("legacy LZ4 format")

func (l *noLegacy) Read(p []byte) (int, error) {
	if l.checked {
		return l.r.Read(p)
	}
	n, err := io.ReadFull(l.r, p[:min(len(p), 4)]) // the library asks for the magic by itself
	if string(p[:n]) == "\x02\x21\x4c\x18" {
		return 0, errLegacyLZ4
	}
	l.checked = true
	return n, err
}

// noEOF turns an end in the middle of something into what it is.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
