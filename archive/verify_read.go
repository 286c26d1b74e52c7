package archive

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"strings"

	"github.com/pgarc/pgarc/toc"
)

// readBuffer is how much decompressed data is looked at in one go. It fits the
// second-level cache, and takes what inflate has in a window.
const readBuffer = 64 << 10

// An entryReading reads entries, one after the other, on one goroutine.
type entryReading struct {
	*verifier
	ctx context.Context
	buf []byte
	sum hash.Hash // nil if no digest is wanted
}

func (v *verifier) newReading(ctx context.Context) *entryReading {
	return &entryReading{verifier: v, ctx: ctx, buf: make([]byte, readBuffer)}
}

// content looks at the data of an entry as they go by.
type content interface {
	write(p []byte) // the next piece of the data
	end() []flaw    // what was wrong, when all has gone by
	rows() int64    // seen so far
	size() int64    // bytes seen so far that are data, not end marks
}

// A flaw is what is wrong with the content of an entry.
type flaw struct{ what, lost string }

// raw is content that may be anything.
type raw int64

func (r *raw) write(p []byte) { *r += raw(len(p)) }
func (r *raw) end() []flaw    { return nil }
func (r *raw) rows() int64    { return 0 }
func (r *raw) size() int64    { return int64(*r) }

// contentOf returns what looks at an entry's data.
func (v *verifier) contentOf(e *toc.Entry) content {
	t := v.reader.TOC
	switch {
	case e.Copy != "":
		return newCopyContent(e, v.reader.Header.Version, t.Encoding)
	case e.Kind == toc.TableData:
		return &sqlContent{backslashes: !t.StdStrings, start: "INSERT INTO "}
	case e.Kind == toc.BlobComments:
		return &sqlContent{backslashes: !t.StdStrings}
	}
	return new(raw)
}

// read reads one entry.
func (w *entryReading) read(c *check) {
	if c.Entry.Kind != toc.Blobs {
		d, err := w.reader.store.data(c.Entry)
		w.readTable(c, d, err)
	} else if s, ok := w.reader.store.(verifiable); ok {
		w.begin()
		s.verifyObjects(w, c)
		w.digest(c)
	} else {
		w.readObjects(c, w.reader.store.largeObjects(c.Entry))
	}
}

// begin starts a digest.
func (w *entryReading) begin() {
	if w.opts.Digest {
		w.sum = sha256.New()
	}
}

// digest ends it.
func (w *entryReading) digest(c *check) {
	if c.Whole && w.sum != nil {
		w.sum.Sum(c.Digest[:0])
	}
}

// readTable reads the data of an entry that is not BLOBS. err is that of
// opening them.
func (w *entryReading) readTable(c *check, d *Data, err error) {
	e := c.Entry
	if err != nil {
		w.problem(problemOf(e, err, allOf(e)))
		return
	}
	defer d.Close()
	w.begin()
	content := w.contentOf(e)
	err = w.drain(d, content)
	c.Rows, c.Bytes = content.rows(), content.size()
	c.readTo(d)
	switch {
	case w.ctx.Err() != nil:
		return
	case err != nil:
		w.problem(problemOf(e, err, lostBehind(content)))
		return
	}
	c.Whole = true
	w.digest(c)
	file := w.checkName(e, d)
	for _, f := range content.end() {
		w.problem(Problem{Entry: e, File: file, Offset: placeOf(e, file), What: f.what, Lost: f.lost})
	}
}

// readObjects reads the large objects of a BLOBS entry, where the store has no
// better way.
func (w *entryReading) readObjects(c *check, objects iter.Seq2[LargeObject, error]) {
	w.begin()
	c.Whole = true
	for lo, err := range objects {
		if w.ctx.Err() != nil {
			c.Whole = false
			return
		}
		if err != nil {
			c.Whole = false
			w.problem(problemOf(c.Entry, err, fmt.Sprintf("all but the first %s of this entry", plural(c.Rows, "large object"))))
			return
		}
		if d, ok := lo.Reader.(*Data); ok {
			w.readObject(c, lo.OID, d)
			c.readTo(d)
		}
	}
	w.digest(c)
}

// drain reads d to its end. It returns nil if it was whole.
func (w *entryReading) drain(d *Data, content content) error {
	head := &head{stored: d.stored}
	d.stored, d.large = head, &w.large
	defer func() {
		d.stored = head.stored
		w.unsummed.add(d.codec, head)
	}()
	stored := int64(0)
	for {
		n, err := d.Read(w.buf)
		content.write(w.buf[:n])
		if w.sum != nil {
			w.sum.Write(w.buf[:n])
		}
		now := d.Stored()
		w.storedDone.Add(now - stored)
		w.decoded.Add(int64(n))
		stored = now
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case w.ctx.Err() != nil:
			return w.ctx.Err()
		}
	}
}

// readTo notes where reading ended. In custom format it goes on to the end of
// the block, if what did not decompress can be skipped.
func (c *check) readTo(d *Data) {
	switch s := d.stored.(type) {
	case *chunkReader:
		c.found = true
		if s.b.err == nil && s.skip() == nil {
			c.end = s.b.offset()
		}
		c.Stored += s.consumed()
	case *fileReader:
		c.files = append(c.files, s.name)
		c.Stored += s.n
	default:
		c.Stored += s.consumed()
	}
}

// checkName reports a file whose name says gzip but that is none; it was read
// as it stands, as pg_restore does. It returns the name.
func (w *entryReading) checkName(e *toc.Entry, d *Data) string {
	f, ok := d.stored.(*fileReader)
	if !ok {
		return ""
	}
	if z, ok := d.dec.(*gzipReader); ok && z.asIs {
		w.problem(Problem{Entry: e, File: f.name, Offset: 0, What: "the file is not compressed with gzip, as its name says; pg_restore would take it as it stands", Lost: allOf(e)})
	}
	return f.name
}

// readObject reads one large object of an entry, and reports what is wrong
// with it.
func (w *entryReading) readObject(c *check, oid uint32, d *Data) {
	var number [8]byte
	if w.sum != nil {
		binary.BigEndian.PutUint32(number[:4], oid)
		w.sum.Write(number[:4])
	}
	var content raw
	err := w.drain(d, &content)
	c.Rows++
	c.Bytes += content.size()
	c.oids = append(c.oids, oid)
	if w.sum != nil {
		binary.BigEndian.PutUint64(number[:], uint64(content))
		w.sum.Write(number[:])
	}
	switch {
	case w.ctx.Err() != nil:
		c.Whole = false
	case err != nil:
		c.Whole = false
		w.problem(problemOf(c.Entry, err, fmt.Sprintf("large object %d, but for its first %d bytes, which may be wrong too", oid, content)))
	default:
		w.checkName(c.Entry, d)
	}
}

// placeOf is the offset by which to find an entry's data.
func placeOf(e *toc.Entry, file string) int64 {
	if file != "" || e.Data != toc.DataLocated {
		return -1
	}
	return e.Offset
}

// problemOf makes a problem of an error of the reader.
func problemOf(e *toc.Entry, err error, lost string) Problem {
	p := Problem{Entry: e, Offset: -1, What: err.Error(), Lost: lost, Err: err}
	var format *FormatError
	if errors.As(err, &format) {
		p.File, p.Offset, p.What = format.File, format.Offset, format.What
		if format.Err != nil {
			p.What += ": " + format.Err.Error()
		}
		if format.Kind == ErrTruncated && format.Err == nil && !strings.Contains(p.What, "end") {
			p.What += ", the archive is truncated"
		}
	}
	return p
}

// allOf says that all data of an entry are lost.
func allOf(e *toc.Entry) string {
	switch e.Kind {
	case toc.Blobs:
		return "all large objects of this entry"
	case toc.BlobComments:
		return "comments on large objects"
	}
	return "all rows"
}

// lostBehind says what is lost where content could not be read on.
func lostBehind(c content) string {
	if c.rows() == 0 {
		return "all rows"
	}
	return fmt.Sprintf("all but the first %d rows, of which the last may be wrong too", c.rows())
}
