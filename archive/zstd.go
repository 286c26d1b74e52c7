package archive

import (
	"errors"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// A zstd frame says how far back its matches may reach: its window, which its
// reader keeps in memory. Long mode and the highest levels ask for up to 128 MiB
// even around a table of ten rows. That number is not believed: a frame is first
// read with a window of at most smallWindow, which is right as long as no more
// has come out of it. The compressed bytes are kept so long, and where they turn
// out to be more, decompressed once more with the window that they ask for.
const (
	smallWindow = 8 << 20 // up to level 19, without long mode
	largeWindow = 128 << 20

	// smallLimit is how much is read with a small window: two blocks less,
	// since the library decompresses the block that it is asked for to its end.
	smallLimit = smallWindow - 2*zstdBlock
	zstdBlock  = 128 << 10

	// keepLimit bounds what is kept. What decompresses to smallLimit is
	// hardly longer, but there may be frames that decompress to nothing.
	keepLimit = smallWindow + smallWindow/8
)

// errKeepLimit ends reading with a small window.
var errKeepLimit = errors.New("too much zstd without content")

// A sharedWindow is the one large window of several readers. Who needs it locks
// it, until it is released.
type sharedWindow struct {
	sync.Mutex
	dec *zstd.Decoder // kept from one to the next: another 128 MiB would be garbage for a while
}

// A zstdReader reads zstd frames, on its caller's goroutine.
type zstdReader struct {
	dec   *zstd.Decoder
	pool  *sync.Pool // where dec is from; nil: it is large's
	src   io.Reader
	large *sharedWindow // see openZstd

	// Until the small window is known to be enough, or not:
	trying bool
	n      int    // bytes returned
	head   []byte // the beginning of src, with a small window in it
	kept   []byte // all that was read of src, as it stands
}

var (
	smallZstd = sync.Pool{New: func() any { return newZstd(smallWindow) }}
	largeZstd = sync.Pool{New: func() any { return newZstd(largeWindow) }}

	keptBuffers = sync.Pool{New: func() any { return new([]byte) }}
)

// newZstd returns a decoder that takes windows up to a size.
func newZstd(window uint64) *zstd.Decoder {
	d, err := zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(1), // parallelism is across entries
		zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(window))
	if err != nil {
		panic(err) // an option that the library does not take
	}
	return d
}

// openZstd returns a decompressor of r. If it comes to need a large window, that
// is large, unless large is nil.
func openZstd(r io.Reader, large *sharedWindow) (decompressor, error) {
	z := &zstdReader{dec: smallZstd.Get().(*zstd.Decoder), pool: &smallZstd, src: r, large: large}
	start := make([]byte, zstd.HeaderMaxSize)
	n, err := io.ReadFull(r, start)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil // the decoder comes to it again
	}
	if err != nil {
		z.release()
		return nil, err
	}
	start = start[:n]
	z.head, z.trying = withSmallWindow(start)
	if z.trying {
		z.kept = append((*keptBuffers.Get().(*[]byte))[:0], start...)
	}
	return z, z.dec.Reset(zstdSource{z})
}

// zstdSource is what the decoder of a zstdReader reads.
type zstdSource struct{ z *zstdReader }

func (s zstdSource) Read(p []byte) (int, error) {
	z := s.z
	if len(z.head) > 0 {
		n := copy(p, z.head)
		z.head = z.head[n:]
		return n, nil
	}
	if !z.trying {
		return z.src.Read(p)
	}
	if len(z.kept) >= keepLimit {
		return 0, errKeepLimit
	}
	n, err := z.src.Read(p[:min(len(p), keepLimit-len(z.kept))])
	z.kept = append(z.kept, p[:n]...)
	return n, err
}

// Read reads decompressed data.
func (z *zstdReader) Read(p []byte) (int, error) {
	if z.trying {
		if z.n < smallLimit {
			n, err := z.dec.Read(p[:min(len(p), smallLimit-z.n)])
			z.n += n
			if !tooSmall(err) {
				return n, err
			}
			if n > 0 {
				return n, nil // the error comes again
			}
		}
		if err := z.enlarge(); err != nil {
			return 0, err
		}
	}
	return z.dec.Read(p)
}

// tooSmall reports whether an error may come from the small window alone.
func tooSmall(err error) bool {
	return errors.Is(err, errKeepLimit) || errors.Is(err, zstd.ErrWindowSizeExceeded) || errors.Is(err, zstd.ErrDecoderSizeExceeded)
}

// enlarge goes on with a large window from where the small one is at its end.
func (z *zstdReader) enlarge() error {
	z.put()
	if z.large == nil {
		z.dec, z.pool = largeZstd.Get().(*zstd.Decoder), &largeZstd
	} else {
		z.large.Lock()
		if z.large.dec == nil {
			z.large.dec = newZstd(largeWindow)
		}
		z.dec, z.pool = z.large.dec, nil
	}
	z.head, z.trying = z.kept, false
	err := z.dec.Reset(zstdSource{z})
	if err == nil {
		_, err = io.CopyN(io.Discard, z.dec, int64(z.n))
	}
	return noEOF(err)
}

// put gives the decoder back.
func (z *zstdReader) put() {
	err := z.dec.Reset(nil)
	switch {
	case z.pool == nil:
		z.large.Unlock()
	case err == nil:
		z.pool.Put(z.dec)
	}
}

func (z *zstdReader) release() {
	z.put()
	if z.kept != nil {
		keptBuffers.Put(&z.kept)
	}
}

// withSmallWindow returns the beginning of a zstd stream, rewritten (RFC 8878,
// 3.1.1.1) if its frame asks for a window between smallWindow and largeWindow. It
// reports whether a small window may turn out to be too small.
func withSmallWindow(start []byte) (rewritten []byte, may bool) {
	const (
		singleSegment   = 0x20           // in the frame header descriptor: there is no window descriptor
		smallDescriptor = (23 - 10) << 3 // the window descriptor of smallWindow
	)
	var h zstd.Header
	switch err := h.Decode(start); {
	case err != nil, h.Skippable: // a damaged frame, or whatever follows
		return start, h.Skippable
	case h.SingleSegment && h.FrameContentSize > smallWindow && h.FrameContentSize <= largeWindow:
		rewritten = append(rewritten, start[:5]...)
		rewritten[4] &^= singleSegment
		rewritten = append(rewritten, smallDescriptor)
		return append(rewritten, start[5:]...), true
	case !h.SingleSegment && h.WindowSize > smallWindow && h.WindowSize <= largeWindow:
		rewritten = append(rewritten, start...)
		rewritten[5] = smallDescriptor
		return rewritten, true
	}
	return start, false
}
