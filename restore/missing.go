package restore

import (
	"strconv"
	"strings"

	"github.com/pgarc/pgarc/toc"
)

// Missing is what of an archive a database lacks; see [Comparison.Missing].
// The nil *Missing is everything.
type Missing struct {
	entries map[toc.DumpID]bool
	objects map[string]bool // large objects that are there, by OID
}

// Missing returns the entries that were found absent. What is incomplete is not
// among them: its definition could not be run again. Nor is what is unknown.
func (c *Comparison) Missing() *Missing {
	m := &Missing{entries: make(map[toc.DumpID]bool), objects: make(map[string]bool)}
	for _, f := range c.Findings {
		if f.Presence != Absent {
			continue
		}
		m.entries[f.Entry.ID] = true
		if f.Entry.Kind == toc.BlobMetadata || f.Entry.Kind == toc.Blobs {
			oids, _ := c.catalog.largeObjects(f.Entry)
			for _, oid := range oids {
				m.objects[oid] = c.catalog.has(largeObject(oid))
			}
		}
	}
	return m
}

// of returns what of a selection is missing.
func (m *Missing) of(sel *toc.Selected) *toc.Selected {
	if m == nil {
		return sel
	}
	return sel.Only(func(e *toc.Entry) bool { return m.entries[e.ID] })
}

// wantsObject reports whether a large object is to be written: one that was
// there keeps its contents.
func (m *Missing) wantsObject(oid uint32) bool {
	return m == nil || !m.objects[strconv.FormatUint(uint64(oid), 10)]
}

// reduced returns an entry without the large objects that are there. Other
// entries it returns as they are.
func (m *Missing) reduced(e *toc.Entry) *toc.Entry {
	if m == nil || e.Kind != toc.BlobMetadata {
		return e
	}
	var b strings.Builder
	for _, oid := range strings.Fields(e.Defn) {
		if !m.objects[oid] {
			b.WriteString(oid + "\n")
		}
	}
	reduced := *e
	reduced.Defn = b.String()
	return &reduced
}
