package restore

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/pgarc/pgarc/script"
	"github.com/pgarc/pgarc/toc"
)

// hasLargeObjects looks for the objects of an entry. Their contents are not
// looked at: that takes a superuser.
func (c *Catalog) hasLargeObjects(f Finding) Finding {
	oids, ok := c.largeObjects(f.Entry)
	if !ok {
		return f.unknown("the archive does not say which large objects it has")
	}
	missing := 0
	for _, oid := range oids {
		if _, there := c.objects[largeObject(oid)]; !there {
			missing++
		}
	}
	if missing > 0 {
		return f.absent(fmt.Sprintf("%d of %d large objects", missing, len(oids)))
	}
	return f
}

func largeObject(oid string) object { return object{class: classLargeObject, name: oid} }

// largeObjects returns the OIDs of the large objects that an entry makes, or
// whose contents it holds: those of the entries it depends on since PostgreSQL
// 17, before that all of the archive.
func (c *Catalog) largeObjects(e *toc.Entry) (oids []string, ok bool) {
	switch e.Kind {
	case toc.Blob:
		return []string{e.Tag}, true
	case toc.BlobMetadata:
		return strings.Fields(e.Defn), true
	}
	from := c.graph.Deps(e)
	if e.Tag == string(toc.Blobs) {
		from = c.toc.Entries
	}
	for _, d := range from {
		if d.Kind == toc.Blob || d.Kind == toc.BlobMetadata {
			list, _ := c.largeObjects(d)
			oids = append(oids, list...)
		}
	}
	return oids, len(oids) > 0
}

// hasStatistics is for the planner's statistics, which change by themselves.
func (c *Catalog) hasStatistics(f Finding) Finding {
	if _, there := c.objects[relation(f.Entry)]; !there {
		return f.absent("")
	}
	return f.unknown("statistics are not compared")
}

// relation is the table, sequence or view with the name of an entry.
func relation(e *toc.Entry) object {
	return object{class: classRelation, schema: e.Namespace, name: e.Tag}
}

// hasRows looks whether the table has any rows, or as many as the archive
// where both were counted.
func (c *Catalog) hasRows(f Finding) Finding {
	o := relation(f.Entry)
	there, ok := c.objects[o]
	if !ok {
		return f.absent("the table is missing")
	}
	rows, looked := c.rows[o]
	want, counted := c.count[f.Entry.ID]
	switch {
	case rows.why != "":
		return f.unknown(rows.why)
	case !looked:
		return f.unknown("rows of a " + relkindName(there.relkind) + " are not looked at")
	case loadsViaRoot(f.Entry) && (!rows.any || counted):
		if !rows.any {
			return f.unknown("the rows may be in another partition")
		}
		return f
	case counted && rows.count == want, !counted && rows.any:
		return f
	case !rows.any:
		return f.absent("the table is empty")
	}
	f.Presence, f.Note = Incomplete, fmt.Sprintf("%d rows, %d in the archive", rows.count, want)
	return f
}

// hasValue compares the value of a sequence only while it was never used: one
// that goes on counting has a value of its own.
func (c *Catalog) hasValue(f Finding) Finding {
	o := relation(f.Entry)
	if _, there := c.objects[o]; !there {
		return f.absent("the sequence is missing")
	}
	value, looked := c.values[o]
	if !looked {
		return f.unknown("no privilege to read the sequence")
	}
	last, called, ok := valueOf(c.toc, f.Entry)
	if !ok {
		return f.unknown("its definition does not say the value")
	}
	if value.called || value.last != value.start || last == value.last && !called {
		return f
	}
	return f.absent("the sequence was never used")
}

// valueOf reads "SELECT pg_catalog.setval('name', 8, true)".
func valueOf(t *toc.TOC, e *toc.Entry) (last string, called, ok bool) {
	list := script.Lexemes(e.Defn, t.StdStrings)
	for i, p := range list {
		if p.Text != "," || i+3 >= len(list) {
			continue
		}
		last, i = list[i+1].Text, i+2
		if last == "-" {
			last, i = last+list[i].Text, i+1
		}
		if list[i].Text == "," && i+1 < len(list) {
			_, err := strconv.ParseInt(last, 10, 64)
			return last, list[i+1].Text == "true", err == nil
		}
	}
	return "", false, false
}
