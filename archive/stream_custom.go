package archive

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/pgarc/pgarc/toc"
)

// customStream is the data part of an archive in custom format that is read
// forward. The queue of an entry has the bytes of its block as they stand, so
// that its consumer reads them as from a file.
type customStream struct {
	*custom
	in *source
	b  *blockReader
	at found
}

// newCustomStream opens a stream in custom format.
func newCustomStream(in *bufio.Reader) (*Reader, error) {
	start, _ := in.Peek(min(max(in.Buffered(), len(magic)), sniffSize))
	start = bytes.Clone(start)
	d := newDecoder(in, -1)
	s, _, warnings, err := readCustom(d)
	if (err == nil && len(s.entries.Entries) == 0 || err != nil && isDamage(err)) && lineEndsConverted(start) {
		err = errLineEnds
	}
	if s != nil && err != nil && isDamage(err) {
		store := newEndedStream(s.entries, &FormatError{Kind: ErrCorrupt, Offset: d.offset(), What: "the table of contents is damaged"})
		return nil, &PartialError{&Reader{Header: s.header, TOC: s.entries, size: -1, store: store}, err}
	}
	if err != nil {
		return nil, err
	}
	c := &customStream{custom: s}
	c.in = &source{r: io.MultiReader(strings.NewReader(d.window[d.pos:]), in), n: s.start}
	s.src, s.size = &forward{r: c.in, pos: s.start}, math.MaxInt64
	c.b = s.newBlockReader(s.start, blockBuffer)
	if !s.header.Version.supported() {
		if err := c.checkUnknown(); err != nil {
			return nil, &UnsupportedVersionError{s.header.Version, err}
		}
		warnings = append(warnings, newerWarning(s.header.Version))
	}
	_ = s.measure(s.size)
	for _, e := range s.entries.Entries {
		if e.Data == toc.DataLocated && e.DataSize == s.size-e.Offset {
			e.DataSize = -1 // the last, of which nobody knows where it ends
		}
	}
	return &Reader{Header: s.header, TOC: s.entries, Warnings: warnings, size: -1, store: newStreamStore(c.in, c, s.entries)}, nil
}

// checkUnknown reports why a TOC that was read as one of the newest known
// version is not: behind it there must be a block, or nothing.
func (c *customStream) checkUnknown() error {
	b := c.b
	if !b.fill(1) {
		if errors.Is(b.err, ErrTruncated) {
			b.err = nil // it comes again, if there should be data
		}
		return b.err
	}
	kind, id := b.header()
	if b.err != nil {
		return b.err
	}
	b.r = 0 // the pump reads it again
	if e := c.entries.Lookup(id); kind != blockData && kind != blockBlobs || e == nil || !e.HasDumper {
		return &FormatError{Kind: ErrCorrupt, Offset: c.start, What: "no data begin behind the table of contents"}
	}
	return nil
}

// find reads the header of a block.
func (c *customStream) find() (found, error) {
	b := c.b
	b.id = 0
	c.at = found{start: b.offset()}
	if b.r == b.w && !b.fill(1) {
		err := b.err
		if errors.Is(err, ErrTruncated) {
			err = &FormatError{Kind: ErrTruncated, Offset: c.in.n, What: "the archive ends"}
		}
		return c.at, err
	}
	var id toc.DumpID
	c.at.kind, id = b.header()
	if b.err != nil {
		return c.at, b.err
	}
	if c.at.kind != blockData && c.at.kind != blockBlobs {
		return c.at, &FormatError{Kind: ErrCorrupt, Offset: c.at.start, What: fmt.Sprintf("data block of unknown type %d", c.at.kind)}
	}
	b.id = id
	c.at.entry, c.at.body = c.entries.Lookup(id), b.offset()
	return c.at, nil
}

// pass reads over the chunks of a block.
func (c *customStream) pass(q *queue) error {
	if c.at.kind == blockData {
		c.passStream(q)
	} else {
		for c.passInt(q) != 0 && c.b.err == nil {
			c.passStream(q)
		}
	}
	var f *FormatError
	if errors.As(c.b.err, &f) && f.Kind == ErrTruncated {
		f.Offset = c.in.n
	}
	return c.b.err
}

func (c *customStream) passStream(q *queue) {
	b := c.b
	for {
		n := int(c.passInt(q))
		if n < 0 {
			b.fail(ErrCorrupt, fmt.Sprintf("chunk of %d bytes", n), nil)
		}
		if n == 0 || b.err != nil {
			return
		}
		for n > 0 && (b.r < b.w || b.fill(1)) {
			m := min(n, b.w-b.r)
			if !q.write(b.buf[b.r : b.r+m]) {
				b.discard(n)
				break
			}
			b.r += m
			n -= m
		}
	}
}

// passInt passes an integer on, and returns it.
func (c *customStream) passInt(q *queue) int32 {
	s := c.b.take(c.b.intSize)
	if s == nil {
		return 0
	}
	q.write(s)
	v, ok := parseInt(s, c.b.signed)
	if !ok {
		c.b.fail(ErrCorrupt, "integer of more than 32 bits", nil)
	}
	return v
}

// open returns a reader of the block in a queue, behind its header.
func (c *customStream) open(q *queue) *blockReader {
	own := *c.custom
	own.src = &forward{r: q, pos: q.found.body}
	b := own.newBlockReader(q.found.body, blockBuffer)
	b.id = q.found.entry.ID
	return b
}

func (c *customStream) data(q *queue) (*Data, error) {
	f := q.found
	if err := c.checkHeader(f.entry, f.kind, f.entry.ID, f.start); err != nil {
		return nil, err
	}
	return &Data{stored: &queuedChunks{chunkReader{b: c.open(q), start: f.start, owned: true}, q}, codec: c.codec}, nil
}

func (c *customStream) objects(q *queue, yield func(LargeObject, error) bool) {
	f := q.found
	if err := c.checkHeader(f.entry, f.kind, f.entry.ID, f.start); err != nil {
		yield(LargeObject{}, err)
		return
	}
	b := c.open(q)
	defer b.release()
	c.custom.objects(b, f.start, yield)
}

// queuedChunks are chunks from a queue, which is closed with them.
type queuedChunks struct {
	chunkReader
	q *queue
}

func (c *queuedChunks) Close() error {
	c.chunkReader.Close()
	return c.q.Close()
}

// forward lets a stream be read at an offset, as long as offsets only grow. It
// may return fewer bytes than asked for without an error.
type forward struct {
	r   io.Reader
	pos int64
}

func (f *forward) ReadAt(p []byte, off int64) (int, error) {
	if off > f.pos {
		n, err := io.CopyN(io.Discard, f.r, off-f.pos)
		f.pos += n
		if err != nil {
			return 0, err
		}
	}
	n, err := f.r.Read(p)
	f.pos += int64(n)
	return n, err
}
