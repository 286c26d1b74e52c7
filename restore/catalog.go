package restore

import (
	"strings"

	"github.com/pgarc/pgarc/script"
	"github.com/pgarc/pgarc/toc"
)

// Presence says whether a database has what an entry of an archive makes.
type Presence uint8

const (
	Present    Presence = iota
	Absent              // it is not there; of a grant, a part of it
	Incomplete          // it is there, and not as it should be: an invalid index, other rows
	Unknown             // there is no telling; Finding.Note says why
)

// String returns the presence in one word.
func (p Presence) String() string {
	switch p {
	case Present:
		return "present"
	case Absent:
		return "missing"
	case Incomplete:
		return "incomplete"
	}
	return "unknown"
}

// A Finding is what a database has of an entry.
type Finding struct {
	Entry    *toc.Entry
	Presence Presence
	Note     string // more about it, for people; may be empty

	// Complete is SQL that makes an Incomplete object whole; may be empty.
	Complete string
}

// A Catalog is what a database has of an archive, as far as its system
// catalogs say: see [Lookup], which fills one. What it says of an entry is
// decided without I/O.
//
// Existence is by name (functions by name and argument types) and kind, and
// nothing but existence: a table that lacks a column is present. Of
// constraints and indexes validity counts, of grants every privilege, of a
// table's data whether it has any row.
type Catalog struct {
	toc     *toc.TOC
	graph   *toc.Graph
	version int // of the server, as server_version_num

	objects map[object]catalogRow

	comments map[address]string
	labels   map[label]bool
	grants   map[address]acl
	defaults map[object]acl

	rows    map[object]tableRows // of tables that were looked into
	values  map[object]sequenceValue
	dummies map[object]bool // views that stand in for another, without its content

	rules map[object]bool // the archive's views that are made by a rule
	count map[toc.DumpID]int64
}

// A catalogRow is a row of the catalog.
type catalogRow struct {
	address
	relkind string
	problem string // why it is incomplete
}

// An address is what PostgreSQL itself calls an object: the OIDs of its
// catalog and of its row, as text, and a column of it.
type address struct{ class, oid, column string }

type label struct {
	address
	provider string
}

// tableRows are the rows of a table.
type tableRows struct {
	any   bool
	count int64  // if they were counted
	why   string // why they cannot be looked at; then nothing else is known
}

type sequenceValue struct {
	last, start string
	called      bool
}

func newCatalog(t *toc.TOC, version int) *Catalog {
	c := &Catalog{
		toc: t, graph: toc.NewGraph(t), version: version,
		objects: map[object]catalogRow{}, comments: map[address]string{}, labels: map[label]bool{}, grants: map[address]acl{},
		defaults: map[object]acl{}, rows: map[object]tableRows{}, values: map[object]sequenceValue{}, dummies: map[object]bool{},
		rules: map[object]bool{},
	}
	for _, e := range t.Entries {
		if e.Kind == toc.Rule {
			if n := t.NameOf(e); n.Name == returnRule {
				c.rules[object{class: classRelation, schema: n.Schema, name: n.Table}] = true
			}
		}
	}
	return c
}

// Has says what the database has of an entry.
func (c *Catalog) Has(e *toc.Entry) Finding {
	f := Finding{Entry: e, Presence: Present}
	switch e.Kind {
	case toc.Database, toc.DatabaseProperties:
		return f.unknown("databases and their settings are not looked at")
	case toc.Comment:
		return c.hasComment(f)
	case toc.SecurityLabel:
		return c.hasLabel(f)
	case toc.ACL, toc.ACLLanguage, toc.DefaultACL:
		return c.hasGrants(f)
	case toc.TableData:
		return c.hasRows(f)
	case toc.SequenceSet:
		return c.hasValue(f)
	case toc.BlobMetadata, toc.Blobs:
		return c.hasLargeObjects(f)
	case toc.StatisticsData:
		return c.hasStatistics(f)
	}
	o, ok := objectOf(c.toc, e)
	if !ok {
		return f.unknown("its definition does not say what to look for")
	}
	return c.hasObject(f, o)
}

func (f Finding) unknown(why string) Finding {
	f.Presence, f.Note = Unknown, why
	return f
}

func (f Finding) absent(note string) Finding {
	f.Presence, f.Note = Absent, note
	return f
}

// hasObject looks for what an entry makes.
func (c *Catalog) hasObject(f Finding, o object) Finding {
	e := f.Entry
	there, ok := c.objects[o]
	switch {
	case !ok && e.Kind == toc.Constraint:
		return c.hasHalfAKey(f)
	case !ok:
		return f.absent("")
	case o.class == classRelation && !c.fits(e, o, there.relkind):
		return f.absent("the database has a " + relkindName(there.relkind) + " of this name")
	case c.dummies[o]:
		return f.absent("the view is there without its content")
	case there.problem == "" || isNotValid(e) || isShell(e):
		return f
	}
	f.Presence, f.Note = Incomplete, there.problem
	switch e.Kind {
	case toc.CheckConstraint, toc.FKConstraint:
		f.Complete = validation(e, o)
	case toc.Index:
		f.Complete = "REINDEX INDEX " + script.Qualified(e.Namespace, e.Tag) + ";\n"
	}
	return f
}

// hasHalfAKey is for a key that is not there: its index may be, where a restore
// without a journal was broken off between the two. Then the definition cannot
// be run, for the name of the index is taken. That the index is one for this key
// the server checks but for its columns.
func (c *Catalog) hasHalfAKey(f Finding) Finding {
	key, ok := script.SplitKey(f.Entry.Defn, c.toc.StdStrings)
	index := c.objects[object{class: classRelation, schema: key.Table.Schema, name: key.Name}]
	if !ok || index.relkind != "i" {
		return f.absent("")
	}
	f.Presence, f.Note, f.Complete = Incomplete, "an index of its name is there, without the key", key.Attach
	if index.problem != "" {
		f.Complete = "REINDEX INDEX " + script.Qualified(key.Table.Schema, key.Name) + ";\n" + f.Complete
	}
	return f
}

// isNotValid reports whether the archive itself has a constraint as not valid.
func isNotValid(e *toc.Entry) bool {
	words := strings.TrimRight(e.Defn, ";\n ")
	return strings.HasSuffix(words, " NOT VALID") || strings.Contains(words, " NOT ENFORCED")
}

// isShell reports whether the archive itself has no more of a type than its
// shell: CREATE TYPE and a name.
func isShell(e *toc.Entry) bool {
	return (e.Kind == "TYPE" || e.Kind == "SHELL TYPE") && !strings.ContainsAny(strings.TrimPrefix(e.Defn, "CREATE TYPE "), " (")
}

// validation returns the statement that checks a constraint.
func validation(e *toc.Entry, o object) string {
	sort := "TABLE"
	if strings.HasPrefix(e.Drop.String, "ALTER DOMAIN ") {
		sort = "DOMAIN"
	}
	return "ALTER " + sort + " " + script.Qualified(o.schema, o.table) + " VALIDATE CONSTRAINT " + script.Ident(o.name) + ";\n"
}

// fits reports whether a relation is of the kind of an entry. A view in a loop
// of dependencies is a table with a rule in archives of before PostgreSQL 10.
func (c *Catalog) fits(e *toc.Entry, o object, relkind string) bool {
	switch e.Kind {
	case toc.Table:
		return relkind == relkindTable || relkind == relkindPartitioned || relkind == relkindView && c.rules[o]
	case toc.Index:
		return relkind == "i" || relkind == "I"
	case toc.ForeignTable:
		return relkind == "f"
	case toc.View:
		return relkind == relkindView
	case toc.MaterializedView:
		return relkind == "m"
	case toc.Sequence:
		return relkind == relkindSequence
	}
	return true
}

func relkindName(relkind string) string {
	names := map[string]string{relkindTable: "table", relkindPartitioned: "partitioned table", relkindView: "view", "m": "materialized view",
		"f": "foreign table", relkindSequence: "sequence", "i": "index", "I": "partitioned index", "c": "composite type"}
	if name := names[relkind]; name != "" {
		return name
	}
	return "relation"
}

// hasComment looks whether there is a comment; which one does not matter, for
// it may have been changed since. An empty one is how pg_dump says that there
// is none.
func (c *Catalog) hasComment(f Finding) Finding {
	o, text, ok := commentOf(c.toc, f.Entry)
	if !ok || o.class == classDatabase {
		return f.unknown("comments on this are not looked at")
	}
	at, there := c.find(o)
	if !there {
		return f.absent("")
	}
	if _, commented := c.comments[at]; !commented && text != "" {
		return f.absent("")
	}
	return f
}

func commentOf(t *toc.TOC, e *toc.Entry) (o object, text string, ok bool) {
	p := newPhrase(t, e, e.Defn)
	o, ok = p.after("COMMENT", "ON")
	if !ok || !p.words("IS") {
		return o, "", false
	}
	text, ok = p.text()
	return o, text, ok
}

func (c *Catalog) hasLabel(f Finding) Finding {
	o, provider, ok := labelOf(c.toc, f.Entry)
	if !ok || o.class == classDatabase {
		return f.unknown("security labels on this are not looked at")
	}
	at, there := c.find(o)
	if !there || !c.labels[label{at, provider}] {
		return f.absent("")
	}
	return f
}

func labelOf(t *toc.TOC, e *toc.Entry) (o object, provider string, ok bool) {
	p := newPhrase(t, e, e.Defn)
	if !p.words("SECURITY", "LABEL", "FOR") {
		return o, "", false
	}
	if provider = p.ident(); provider == "" {
		provider, _ = p.text()
	}
	o, ok = p.after("ON")
	return o, provider, ok
}

// find returns the address of an object; a column's is that of its table.
func (c *Catalog) find(o object) (address, bool) {
	column := ""
	if o.class == classColumn {
		column = o.name
		o = object{class: classRelation, schema: o.schema, name: o.table}
	}
	there, ok := c.objects[o]
	at := there.address
	at.column = column
	return at, ok
}

// hasGrants looks for every privilege that the statements grant, and for those
// that they revoke.
func (c *Catalog) hasGrants(f Finding) Finding {
	list, ok := demandsOf(c.toc, f.Entry)
	if !ok {
		return f.unknown("its statements are not understood")
	}
	var unmet []string
	for _, d := range list {
		if d.object.class == classDatabase || d.object.class == classTablespace {
			return f.unknown("grants on this are not looked at")
		}
		held, relkind, there := c.held(d.object)
		if !there {
			return f.absent("")
		}
		unmet = append(unmet, d.unmet(held, relkind, c.version)...)
	}
	if len(unmet) > 0 {
		return f.absent(strings.Join(unmet, ", "))
	}
	return f
}

// held returns the privileges that are held on an object.
func (c *Catalog) held(o object) (held acl, relkind string, there bool) {
	if o.class == classDefaultACL {
		held, there = c.defaults[o]
		if !there {
			held = usualACL(o, c.version)
		}
		return held, "", true
	}
	x, there := c.objects[o]
	return c.grants[x.address], x.relkind, there
}
