package archive

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/pgarc/pgarc/toc"
)

// verifyObjects reads the large objects of a BLOBS entry.
func (s *custom) verifyObjects(w *entryReading, c *check) {
	b, err := s.block(c.Entry, c.Entry.DataSize)
	if err != nil {
		w.problem(problemOf(c.Entry, err, allOf(c.Entry)))
		return
	}
	defer b.release()
	c.found, c.Whole = true, true
	for w.ctx.Err() == nil {
		oid := uint32(b.int())
		if b.err == nil && oid == 0 {
			c.end = b.offset()
			break
		}
		stream := &chunkReader{b: b, start: b.offset()}
		if b.err == nil {
			d := &Data{stored: stream, codec: s.codec, nothing: s.codec != codecZlib}
			w.readObject(c, oid, d)
			d.Close()
			if b.err != nil {
				return // it was told
			}
			_ = stream.skip()
		}
		if b.err != nil {
			c.Whole = false
			w.problem(problemOf(c.Entry, b.err, fmt.Sprintf("all but the first %s of this entry", plural(c.Rows, "large object"))))
			return
		}
	}
	c.Stored = b.offset() - c.Entry.Offset
}

// verifyRest looks for bytes that no entry has: blocks follow each other from
// the end of the TOC to the end of the file without a gap.
func (s *custom) verifyRest(v *verifier) {
	var blocks []*check
	for i := range v.checks {
		if c := &v.checks[i]; c.found {
			blocks = append(blocks, c)
		}
	}
	slices.SortFunc(blocks, func(a, b *check) int { return cmp.Compare(a.Entry.Offset, b.Entry.Offset) })
	known := true // at is where the next block must be
	at := s.start
	for _, c := range blocks {
		if known && c.Entry.Offset > at {
			s.verifyGap(v, at, c.Entry.Offset)
		} else if known && c.Entry.Offset < at {
			v.problem(Problem{Entry: c.Entry, Offset: c.Entry.Offset, What: "the data begin within those of another entry", Lost: "nothing, if both are whole"})
		}
		at, known = c.end, c.end > 0
	}
	if known && at < s.size && v.lost == nil {
		s.verifyTail(v, at)
	}
}

// verifyTail looks at what is behind the last block that an entry has.
func (s *custom) verifyTail(v *verifier, at int64) {
	if !s.isCopy(at) {
		s.verifyGap(v, at, s.size)
		return
	}
	v.noteCopy(at)
}

// noteCopy notes the second TOC that isCopy knows.
func (v *verifier) noteCopy(at int64) {
	v.note("a second table of contents, with offsets, follows the data at byte %#x: pg_dump 16 to 18 leave it when the shell redirects their output to a file", at)
}

// isCopy reports whether the rest of the file is a copy of the TOC (see
// readCopy). The one that pg_dump 18 makes with --statistics cannot be read to
// its end, since the texts that were made late are missing from it; it is known
// by its beginning.
func (s *custom) isCopy(at int64) bool {
	entries := s.entries.Entries
	d := newDecoder(io.NewSectionReader(s.src, at, s.size-at), s.size-at)
	d.intSize, d.offSize, d.signed = s.header.IntSize, s.header.OffSize, s.signed
	if len(entries) == 0 || int(d.int()) != len(entries) || toc.DumpID(d.int()) != entries[0].ID {
		return false
	}
	d = newDecoder(io.NewSectionReader(s.src, at, s.size-at), s.size-at)
	d.intSize, d.offSize, d.signed = s.header.IntSize, s.header.OffSize, s.signed
	again := readEntries(d, s.header.Version, false)
	if d.err != nil || d.offset() != s.size-at || len(again) != len(entries) {
		return slices.ContainsFunc(entries, func(e *toc.Entry) bool { return e.Kind == toc.StatisticsData })
	}
	for i, e := range entries {
		if a := again[i]; a.ID != e.ID || a.HasDumper != e.HasDumper || a.Data == toc.DataLocated && a.Offset != e.Offset {
			return false
		}
	}
	return true
}

// verifyGap reports what is in a stretch of the file that no entry has.
func (s *custom) verifyGap(v *verifier, from, to int64) {
	b := s.newBlockReader(from, walkBuffer)
	b.size = to
	for at := from; at < to; at = b.offset() {
		bl, err := b.walk(context.Background())
		if err != nil || bl.kind != blockData && bl.kind != blockBlobs {
			v.problem(Problem{Offset: at, What: fmt.Sprintf("%s that belong to nothing", plural(to-at, "byte")), Lost: "unknown"})
			return
		}
		p := Problem{Entry: s.entries.Lookup(bl.id), Offset: bl.at, Lost: "nothing that has a name"}
		switch e := p.Entry; {
		case e == nil:
			p.What = fmt.Sprintf("a data block of entry %d, which is not in the table of contents", bl.id)
		case e.Data == toc.DataNone:
			p.What = "a data block of an entry that has no data by the table of contents"
		case e.Offset == bl.at:
			continue // its own problem was told
		default:
			p.What = fmt.Sprintf("a data block of this entry; by the table of contents it is at byte %#x", e.Offset)
			p.Lost = "nothing, if it is whole"
		}
		v.problem(p)
	}
}
