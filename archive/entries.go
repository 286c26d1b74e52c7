package archive

import (
	"fmt"
	"strconv"

	"github.com/pgarc/pgarc/toc"
)

// slab is how many entries, and how many dependencies, are allocated at once.
const slab = 512

// An entryReader reads the entries of a TOC. It allocates them, and their
// dependencies, many at a time.
type entryReader struct {
	*decoder
	version Version
	files   bool // directory and tar: entries name files instead of offsets
	free    []toc.Entry
	ids     []toc.DumpID
}

// readEntries reads the TOC (ReadToc in pg_backup_archiver.c). files says that
// it is that of a directory or tar archive. With an error in d it returns the
// entries before the one in which it is.
func readEntries(d *decoder, v Version, files bool) []*toc.Entry {
	r := entryReader{decoder: d, version: v, files: files}
	count := int(d.int())
	if count < 0 {
		d.fail(ErrCorrupt, fmt.Sprintf("TOC of %d entries", count))
	}
	var entries []*toc.Entry // never sized by count, which may lie
	for i := 0; i < count && d.err == nil; i++ {
		d.index, d.id = i+1, 0
		if len(r.free) == 0 {
			r.free = make([]toc.Entry, min(count-i, slab))
		}
		e := &r.free[0]
		r.free = r.free[1:]
		r.entry(e)
		entries = append(entries, e)
	}
	d.index, d.id = 0, 0
	if d.err != nil && len(entries) > 0 {
		entries = entries[:len(entries)-1]
	}
	return entries
}

// entry reads one entry, field by field, in the order of docs/format.md.
func (r *entryReader) entry(e *toc.Entry) {
	v := r.version
	if e.ID = toc.DumpID(r.int()); e.ID <= 0 {
		r.fail(ErrCorrupt, fmt.Sprintf("dump id %d", e.ID))
	}
	r.id = e.ID
	e.HasDumper = r.int() != 0
	if v.has(minorDumpIDs) {
		e.ClassOID = number(r.text().String)
	}
	e.OID = number(r.text().String)
	e.Tag = r.required("tag")
	e.Kind = toc.Kind(r.intern(r.required("kind")))
	e.Section = r.section(e.Kind)
	e.Defn = r.text().String
	e.Drop = r.text()
	if v.has(minorCopyStmt) {
		e.Copy = r.text().String
	}
	if v.has(minorNamespace) {
		e.Namespace = r.intern(r.text().String)
	}
	if v.has(minorTablespace) {
		e.Tablespace = r.text()
	}
	if v.has(minorTableAM) {
		e.TableAM = r.intern(r.text().String)
	}
	if v.has(minorRelKind) {
		e.RelKind = byte(r.int())
	}
	e.Owner = r.text()
	e.Owner.String = r.intern(e.Owner.String)
	// Before it was recorded, tables had OIDs unless told otherwise.
	e.WithOIDs = true
	if v.has(minorWithOIDs) {
		e.WithOIDs = r.text().String == "true"
	}
	if v.has(minorDeps) {
		e.Deps = r.deps()
	}
	r.data(e)
}

// required reads a string that must not be NULL.
func (r *entryReader) required(name string) string {
	s := r.text()
	if !s.Valid {
		r.fail(ErrCorrupt, "no "+name)
	}
	return s.String
}

// section reads the section, or derives it in archives that do not say (end of
// ReadToc in pg_backup_archiver.c).
func (r *entryReader) section(k toc.Kind) toc.Section {
	if r.version.has(minorSection) {
		n := r.int()
		if n < int32(toc.SectionNone) || n > int32(toc.SectionPostData) {
			r.fail(ErrCorrupt, fmt.Sprintf("section %d", n))
		}
		return toc.Section(n)
	}
	switch k {
	case toc.Comment, toc.ACL, toc.ACLLanguage:
		return toc.SectionNone
	case toc.TableData, toc.Blobs, toc.BlobComments:
		return toc.SectionData
	case toc.Constraint, toc.CheckConstraint, toc.FKConstraint, toc.Index, toc.Rule, toc.Trigger:
		return toc.SectionPostData
	}
	return toc.SectionPreData
}

// deps reads dependencies: decimal strings, ended by NULL. As in pg_restore,
// what is no number is left out.
func (r *entryReader) deps() []toc.DumpID {
	start := len(r.ids)
	for {
		s := r.text()
		if !s.Valid {
			break
		}
		id := toc.DumpID(number(s.String))
		if id == 0 {
			continue
		}
		if len(r.ids) == cap(r.ids) {
			// A new slab; the list being read moves into it.
			ids := append(make([]toc.DumpID, 0, max(slab, 2*(len(r.ids)-start))), r.ids[start:]...)
			r.ids, start = ids, 0
		}
		r.ids = append(r.ids, id)
	}
	if start == len(r.ids) {
		return nil
	}
	return r.ids[start:len(r.ids):len(r.ids)]
}

// data reads where the data are, which each format says in its own way.
func (r *entryReader) data(e *toc.Entry) {
	e.DataSize = -1
	if r.files {
		e.File = r.text().String
		if e.File != "" && e.HasDumper {
			e.Data = toc.DataLocated
		}
	} else if p := r.place(r.version); e.HasDumper {
		e.Data, e.Offset = p.state, p.offset
	}
	if e.Data == toc.DataNone {
		e.DataSize = 0
	}
}

// number reads a decimal number of 32 bits; 0 if s is none. Object OIDs take
// all 32 bits.
func number(s string) uint32 {
	if s == "" || s == "0" {
		return 0
	}
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}
