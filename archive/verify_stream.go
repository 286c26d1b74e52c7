package archive

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/pgarc/pgarc/toc"
)

// readStream reads all entries of a stream, in its order.
func (v *verifier) readStream(ctx context.Context) {
	checks := make(map[toc.DumpID]*check, len(v.checks))
	for i := range v.checks {
		checks[v.checks[i].Entry.ID] = &v.checks[i]
	}
	free := make(chan *entryReading, v.jobs()) // who has nothing to do
	for range cap(free) {
		free <- v.newReading(ctx)
	}
	var readers sync.WaitGroup
	for {
		w := <-free
		e, err := v.reader.Next(ctx)
		if err != nil {
			if err != io.EOF {
				v.lost = err
			}
			break
		}
		c := checks[e.ID]
		delete(checks, e.ID)
		read := v.open(w, c)
		readers.Go(func() {
			read()
			v.entriesDone.Add(1)
			free <- w
		})
	}
	readers.Wait()
	if ctx.Err() != nil {
		return
	}
	for i := range v.checks {
		if e := v.checks[i].Entry; checks[e.ID] != nil {
			v.problem(Problem{Entry: e, Offset: -1, What: fmt.Sprintf("the data were not found: %v", v.lost), Lost: allOf(e), Err: v.lost})
		}
	}
}

// open opens the data of an entry at which the stream is, and returns what
// reads them.
func (v *verifier) open(w *entryReading, c *check) (read func()) {
	if c.Entry.Kind == toc.Blobs {
		objects := v.reader.LargeObjects(c.Entry)
		return func() { w.readObjects(c, objects) }
	}
	d, err := v.reader.Data(c.Entry)
	return func() { w.readTable(c, d, err) }
}

// verifyObjects reads the large objects of a BLOBS entry.
func (s *stream) verifyObjects(w *entryReading, c *check) {
	w.readObjects(c, s.largeObjects(c.Entry))
}

// verifyRest reads a stream to its end, where what is around the archive may
// have a checksum.
func (s *stream) verifyRest(v *verifier) {
	if v.lost != nil {
		return
	}
	c, isCustom := s.src.(*customStream)
	if isCustom {
		c.verifyTail(v)
	}
	if _, err := io.Copy(io.Discard, s.in); err != nil {
		v.problem(problemOf(nil, readError(s.in.n, err), "perhaps nothing: all entries were read before"))
	}
}

// verifyTail looks at what is behind the last block: nothing, or the second TOC
// that pg_dump 16 to 18 leave. Of that one only the beginning is looked at.
func (c *customStream) verifyTail(v *verifier) {
	at := c.b.offset()
	rest := &counting{r: io.MultiReader(bytes.NewReader(c.b.buf[c.b.r:c.b.w]), c.in)}
	d := newDecoder(rest, -1)
	d.intSize, d.offSize, d.signed = c.header.IntSize, c.header.OffSize, c.signed
	entries := c.entries.Entries
	isCopy := int(d.int()) == len(entries) && len(entries) > 0 && toc.DumpID(d.int()) == entries[0].ID
	_, _ = io.Copy(io.Discard, rest) // an error comes again
	switch {
	case rest.n == 0:
	case isCopy:
		v.noteCopy(at)
	default:
		v.problem(Problem{Offset: at, What: plural(rest.n, "byte") + " behind the data", Lost: "unknown"})
	}
}

// counting counts what is read.
type counting struct {
	r io.Reader
	n int64
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
