package archive

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pgarc/pgarc/toc"
)

// checkTOC looks for entries that contradict each other or what pg_dump
// writes. Texts have no checksum, so this finds what it can.
func (v *verifier) checkTOC() {
	h := v.reader.Header
	if h.Version.has(minorLevelInt) && h.Created.IsZero() {
		v.problem(Problem{Offset: -1, What: "the header has an impossible creation time", Lost: "that time"})
	}
	for _, e := range v.reader.TOC.Entries {
		v.checkHasData(e)
		if e.Copy != "" {
			if _, ok := copyColumns(e.Copy); !ok {
				v.entryProblem(e, allOf(e), "the COPY statement is none that pg_dump writes: %.60q", e.Copy)
			}
		}
		if !v.reader.TOC.DepsAreOIDs {
			v.checkDeps(e)
		}
	}
}

// entryProblem reports what is wrong with an entry of the TOC.
func (v *verifier) entryProblem(e *toc.Entry, lost, format string, args ...any) {
	v.problem(Problem{Entry: e, Offset: -1, What: fmt.Sprintf(format, args...), Lost: lost})
}

// checkHasData reports an entry that must have data and has none. (A TABLE
// without TABLE DATA is normal: its data were excluded.)
func (v *verifier) checkHasData(e *toc.Entry) {
	isData := e.Kind == toc.TableData || e.Kind == toc.Blobs || e.Kind == toc.BlobComments
	switch {
	case e.HasDumper && e.Data == toc.DataNone:
		v.entryProblem(e, allOf(e), "the table of contents says that it has data, and that there are none")
	case isData && !e.HasDumper:
		v.entryProblem(e, allOf(e), "the table of contents says that it has no data")
	}
}

// checkDeps reports dependencies that cannot be. Ids that no entry has are
// normal (docs/format.md, 5.2).
func (v *verifier) checkDeps(e *toc.Entry) {
	for _, id := range e.Deps {
		if id <= 0 || id == e.ID {
			v.entryProblem(e, "the right order of a restore", "it depends on entry %d", id)
		}
	}
	if e.Kind != toc.TableData {
		return
	}
	// Data belong to the table of the same name.
	for _, id := range e.Deps {
		d := v.reader.TOC.Lookup(id)
		if d == nil || d.Kind != toc.Table && d.Kind != toc.ForeignTable {
			continue
		}
		if d.Tag != e.Tag || d.Namespace != e.Namespace || d.OID != e.OID {
			v.entryProblem(e, "perhaps the name of the table", "it depends on entry %d, which is another table: %q.%q, OID %d, not %q.%q, OID %d",
				id, d.Namespace, d.Tag, d.OID, e.Namespace, e.Tag, e.OID)
		}
	}
}

// checkObjects compares the large objects that were read with those of which
// there are definitions: from archive version 1.16 on a list for each BLOBS
// entry, from 1.12 on an entry for each object, before that none.
func (v *verifier) checkObjects() {
	switch version := v.reader.Header.Version; {
	case version.has(minorRelKind):
		for i := range v.checks {
			if c := &v.checks[i]; c.Entry.Kind == toc.Blobs {
				v.compareObjects(c.Entry, c.oids, v.listedIn(c.Entry), c.Whole)
			}
		}
	case version.has(minorBlobEntries):
		v.compareEntries()
	}
}

// listedIn returns the large objects in the BLOB METADATA entry of a BLOBS
// entry, and reports it if there is none.
func (v *verifier) listedIn(e *toc.Entry) []uint32 {
	for _, id := range e.Deps {
		m := v.reader.TOC.Lookup(id)
		if m == nil || m.Kind != toc.BlobMetadata {
			continue
		}
		var oids []uint32
		for line := range strings.Lines(m.Defn) {
			oid, err := strconv.ParseUint(strings.TrimSuffix(line, "\n"), 10, 32)
			if err != nil || oid == 0 {
				v.entryProblem(m, "this large object", "line %.40q in the list of large objects is no OID", line)
				continue
			}
			oids = append(oids, uint32(oid))
		}
		return oids
	}
	return nil
}

// compareEntries compares large objects with BLOB entries. Where there is no
// BLOBS entry, their contents were not dumped.
func (v *verifier) compareEntries() {
	var blobs *toc.Entry
	var found, listed []uint32
	whole := true
	for i := range v.checks {
		if c := &v.checks[i]; c.Entry.Kind == toc.Blobs {
			blobs = c.Entry
			found = append(found, c.oids...)
			whole = whole && c.Whole
		}
	}
	if blobs == nil {
		return
	}
	for _, e := range v.reader.TOC.Entries {
		if e.Kind == toc.Blob {
			listed = append(listed, e.OID)
		}
	}
	v.compareObjects(blobs, found, listed, whole)
}

// compareObjects reports large objects that are in one list and not in the
// other, or twice. If not all could be read, missing ones were reported.
func (v *verifier) compareObjects(e *toc.Entry, found, listed []uint32, whole bool) {
	slices.Sort(listed)
	found = slices.Sorted(slices.Values(found))
	for i, oid := range found {
		if i > 0 && oid == found[i-1] {
			v.entryProblem(e, "one of them", "large object %d is there twice", oid)
		} else if _, ok := slices.BinarySearch(listed, oid); !ok {
			v.entryProblem(e, "its owner and privileges", "large object %d is defined nowhere", oid)
		}
	}
	if !whole {
		return
	}
	for _, oid := range slices.Compact(listed) {
		if _, ok := slices.BinarySearch(found, oid); !ok {
			v.entryProblem(e, fmt.Sprintf("the content of large object %d", oid), "large object %d is missing", oid)
		}
	}
}
