package archive

import (
	"errors"
	"io"
	"os"
	"sync/atomic"
)

// errClosed is what reading after Close gives.
var errClosed = os.ErrClosed

// stored is the stream of one entry, or of one large object, as it lies in the
// archive: compressed.
type stored interface {
	io.ReadCloser

	// consumed is how many bytes of the archive were read, framing included.
	consumed() int64

	// empty reports whether there was nothing in the stream, asked at its end.
	empty() bool

	// failure is the error that reading the archive met, if any. It is more
	// exact than what a decompressor makes of it.
	failure() error

	// fail makes the error of a stream that does not decompress.
	fail(what string, cause error) error
}

// Data is the decompressed data of one entry: COPY text with its end marker
// (`\.` and three line ends), INSERT commands, or, of a large object, its
// bytes. It must be closed, and is used by one goroutine, [Data.Stored] aside.
type Data struct {
	stored  stored
	codec   codec
	dec     decompressor // nil before the first Read
	err     error
	read    atomic.Int64
	nothing bool // a compressed stream may have no bytes at all, not even a frame
	passed  <-chan struct{}
	large   *sharedWindow // see codec.open
}

// Read reads decompressed data. It returns io.EOF only if the data were whole.
func (d *Data) Read(p []byte) (int, error) {
	if d.err != nil {
		return 0, d.err
	}
	if d.dec == nil {
		if d.dec, d.err = d.codec.open(d.stored, d.large); d.err != nil {
			d.dec = nil
			d.finish()
			return 0, d.err
		}
	}
	n, err := d.dec.Read(p)
	if err != nil {
		d.err = err
		d.finish()
	}
	d.read.Store(d.stored.consumed())
	return n, d.err
}

// finish replaces the error of a decompressor by one that says where.
func (d *Data) finish() {
	cause := d.stored.failure()
	switch {
	case cause != nil:
		d.err = cause
	case d.codec != codecNone && d.stored.empty():
		if d.err = io.EOF; !d.nothing {
			d.err = d.stored.fail("compressed data are missing", nil)
		}
	case d.err == io.EOF:
	case errors.Is(d.err, io.ErrUnexpectedEOF):
		d.err = d.stored.fail("compressed data end too early", nil)
	default:
		d.err = d.stored.fail("data do not decompress", d.err)
	}
}

// Stored returns how many bytes of the archive were read for this so far, as
// stored. At the end of the data it equals the entry's DataSize. It may be
// called while another goroutine reads.
func (d *Data) Stored() int64 { return d.read.Load() }

// Close releases what reading took. It does not read the rest.
func (d *Data) Close() error {
	if d.err == errClosed {
		return nil
	}
	if d.dec != nil {
		d.dec.release()
		d.dec = nil
	}
	d.err = errClosed
	return d.stored.Close()
}
