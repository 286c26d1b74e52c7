package archive

import (
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/pgarc/pgarc/toc"
)

// The data part of a custom-format archive (pg_backup_custom.c) is blocks, one
// after the other:
//
//	block  = type dumpId ( stream | { oid stream } 0 )
//	stream = { length bytes } 0
//
// The pieces of a stream are called chunks. Their borders mean nothing; in an
// archive that is not compressed every row is one.

// The types of blocks. Type 2, one large object, was in no release.
const (
	blockData  = 1
	blockBlobs = 3
)

// blockBuffer is the size of the buffer through which blocks are read. A walk
// over all of them uses a larger one.
const (
	blockBuffer = 64 << 10
	walkBuffer  = 1 << 20
)

var blockBuffers = sync.Pool{New: func() any { b := make([]byte, blockBuffer); return &b }}

// A blockReader reads blocks forward through one buffer, so that a chunk the
// size of a row costs neither a system call nor an allocation. Like the
// decoder it keeps its first failure.
type blockReader struct {
	src     io.ReaderAt
	part    section // what src is then; closed with this
	size    int64   // of the archive
	intSize int     // bytes of an integer, sign byte included
	signed  bool
	typed   bool // blocks start with a type byte

	buf  []byte
	r, w int   // what is buffered is buf[r:w]
	base int64 // offset in the archive of buf[0]
	hint int64 // bytes the first read should ask for; 0: the whole buffer

	id  toc.DumpID // the block's entry; for errors
	err error
}

// offset returns the place in the archive of the next byte.
func (b *blockReader) offset() int64 { return b.base + int64(b.r) }

// seek goes to an offset and forgets what is buffered.
func (b *blockReader) seek(offset int64) { b.base, b.r, b.w = offset, 0, 0 }

func (b *blockReader) fail(kind error, what string, cause error) {
	if b.err == nil {
		b.err = &FormatError{Kind: kind, Offset: b.offset(), ID: b.id, What: what, Err: cause}
	}
}

// fill makes at least n bytes be buffered; n is at most an integer's size. It
// reports whether they are.
func (b *blockReader) fill(n int) bool {
	if b.err != nil {
		return false
	}
	b.base += int64(b.r)
	b.w = copy(b.buf, b.buf[b.r:b.w])
	b.r = 0
	want := len(b.buf)
	if b.hint > 0 {
		want = int(min(int64(want), max(b.hint, int64(n))))
		b.hint = 0
	}
	for b.w < n {
		left := b.size - b.base - int64(b.w)
		if left <= 0 {
			b.fail(ErrTruncated, "unexpected end", nil)
			return false
		}
		end := b.w + int(min(left, int64(want-b.w)))
		m, err := b.src.ReadAt(b.buf[b.w:end], b.base+int64(b.w))
		b.w += m
		if b.w >= n {
			return true // an error, if it lasts, comes again
		}
		if err == io.EOF {
			b.fail(ErrTruncated, "unexpected end", nil)
		} else if err != nil {
			b.fail(nil, "reading", err)
		} else if m == 0 {
			b.fail(nil, "reading", io.ErrNoProgress)
		}
		if b.err != nil {
			return false
		}
	}
	return true
}

// take returns the next n bytes, valid until the next read, or nil.
func (b *blockReader) take(n int) []byte {
	if b.err != nil || b.w-b.r < n && !b.fill(n) {
		return nil
	}
	s := b.buf[b.r : b.r+n]
	b.r += n
	return s
}

// int reads an integer.
func (b *blockReader) int() int32 {
	s := b.take(b.intSize)
	if s == nil {
		return 0
	}
	v, ok := parseInt(s, b.signed)
	if !ok {
		b.fail(ErrCorrupt, "integer of more than 32 bits", nil)
	}
	return v
}

// discard skips n bytes.
func (b *blockReader) discard(n int) {
	if n <= b.w-b.r {
		b.r += n
		return
	}
	to := b.offset() + int64(n)
	if to > b.size {
		b.fail(ErrTruncated, fmt.Sprintf("%d bytes announced, %d left", n, b.size-b.offset()), nil)
		return
	}
	b.seek(to)
}

// header reads the type and the dump id of a block.
func (b *blockReader) header() (kind byte, id toc.DumpID) {
	kind = blockData
	if b.typed {
		if s := b.take(1); s != nil {
			kind = s[0]
		}
	}
	return kind, toc.DumpID(b.int())
}

// release gives the buffer back. Nothing can be read any more.
func (b *blockReader) release() {
	if buf := b.buf; len(buf) == blockBuffer {
		blockBuffers.Put(&buf)
	}
	b.buf, b.r, b.w = nil, 0, 0
	if b.part != nil {
		b.part.Close()
	}
	if b.err == nil {
		b.err = errClosed
	}
}

// A chunkReader reads one stream of a block, joining its chunks. It implements
// the stored interface.
type chunkReader struct {
	b     *blockReader
	start int64 // offset of the block or, for a large object, of its stream
	left  int   // bytes left in the chunk
	done  bool  // the end of the stream was read
	some  bool  // there was a chunk
	owned bool  // closing this closes b
}

// next goes to the next chunk. It reports false at the end of the stream, and
// on a failure.
func (c *chunkReader) next() bool {
	if c.done {
		return false
	}
	n := c.b.int()
	switch {
	case c.b.err != nil:
		return false
	case n < 0:
		c.b.fail(ErrCorrupt, fmt.Sprintf("chunk of %d bytes", n), nil)
		return false
	case n == 0:
		c.done = true
		return false
	}
	c.left, c.some = int(n), true
	return true
}

// Read fills p from as many chunks as are buffered.
func (c *chunkReader) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		if c.left == 0 && !c.next() {
			break
		}
		if c.b.r == c.b.w && (n > 0 || !c.b.fill(1)) {
			break
		}
		m := copy(p[n:], c.b.buf[c.b.r:min(c.b.w, c.b.r+c.left)])
		c.b.r += m
		c.left -= m
		n += m
	}
	switch {
	case n > 0 || len(p) == 0:
		return n, nil
	case c.b.err != nil:
		return 0, c.b.err
	}
	return 0, io.EOF
}

// skip reads to the end of the stream without looking at it.
func (c *chunkReader) skip() error {
	for {
		c.b.discard(c.left)
		c.left = 0
		if !c.next() {
			return c.b.err
		}
	}
}

func (c *chunkReader) consumed() int64 { return c.b.offset() - c.start }
func (c *chunkReader) empty() bool     { return !c.some }
func (c *chunkReader) failure() error  { return c.b.err }

// fail makes the error of a stream that does not decompress. The chunks were
// all there, so it is not for lack of bytes.
func (c *chunkReader) fail(what string, cause error) error {
	return &FormatError{Kind: ErrCorrupt, Offset: c.b.offset(), ID: c.b.id, What: what, Err: cause}
}

func (c *chunkReader) Close() error {
	if c.owned {
		c.b.release()
	}
	return nil
}

// A block is what a walk found.
type block struct {
	kind byte
	id   toc.DumpID
	at   int64 // offset of the block
	end  int64 // offset behind it
}

// walk reads over one block without looking into its streams. Where the file
// ends it returns io.EOF. The kind of a block whose end could not be read is
// still returned.
func (b *blockReader) walk(ctx context.Context) (block, error) {
	if b.offset() >= b.size {
		return block{}, io.EOF
	}
	bl := block{at: b.offset()}
	b.id = 0
	bl.kind, bl.id = b.header()
	if b.err != nil || bl.kind != blockData && bl.kind != blockBlobs {
		return bl, b.err
	}
	b.id = bl.id
	if bl.kind == blockData {
		b.skipStream(ctx)
	} else {
		for b.err == nil && b.int() != 0 {
			b.skipStream(ctx)
		}
	}
	bl.end = b.offset()
	return bl, b.err
}

// skipStream reads over one stream, looking at ctx now and then.
func (b *blockReader) skipStream(ctx context.Context) {
	c := chunkReader{b: b}
	for base := b.base; c.next(); {
		b.discard(c.left)
		c.left = 0
		if b.base != base { // the buffer was filled again
			base = b.base
			if err := ctx.Err(); err != nil && b.err == nil {
				b.err = err
			}
		}
	}
}
