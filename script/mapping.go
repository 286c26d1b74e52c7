package script

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/pgarc/pgarc/toc"
)

// A Mapping gives schemas, roles and tablespaces of an archive other names. All
// names are plain, without quotes, and are mapped at once: a to b and b to a
// swaps them. The zero Mapping changes nothing.
//
// Names are changed where SQL names an object: in the tokens of the archive's
// statements, never in comments, data or the bodies of functions. Of strings
// only those are changed that are names by where they stand: 'a.t'::regclass
// and its sisters, the elements of search_path, the sequence of a setval, the
// schema of planner statistics. A statement in which a schema may be named in a
// way that cannot be told from other things is [Unsafe].
//
// Schema public has no statement that makes it in archives of PostgreSQL 11 and
// later. Its new name gets one, and the right of all roles to use it, which
// public has from initdb.
type Mapping struct {
	Schemas     map[string]string
	Owners      map[string]string // every role: owners, and those in grants, policies, user mappings, …
	Tablespaces map[string]string

	// KeepUnsafe leaves what is unsafe as it is. Otherwise it is an error.
	KeepUnsafe bool
}

// IsZero reports whether the mapping changes nothing.
func (m Mapping) IsZero() bool { return len(m.Schemas)+len(m.Owners)+len(m.Tablespaces) == 0 }

// Unsafe is a place where a schema, or role, that is to get another name is,
// or may be, named, and where it cannot be changed.
type Unsafe struct {
	Entry *toc.Entry
	Line  int    // of the entry's definition, from 1
	Text  string // that line
	Why   string
}

// An UnsafeError says that a mapping cannot be applied to all of an archive.
type UnsafeError struct{ List []Unsafe }

// Error names the first entry and says how many others there are.
func (e *UnsafeError) Error() string {
	text := e.List[0].String()
	if n := len(e.List) - 1; n > 0 {
		text += fmt.Sprintf(" (and %d more)", n)
	}
	return text
}

// String names the entry, the line and what is wrong.
func (u Unsafe) String() string {
	e := u.Entry
	name := e.Tag
	if e.Namespace != "" {
		name = e.Namespace + "." + name
	}
	return fmt.Sprintf("%s %s (dump id %d), line %d: %s: %s", e.Kind, toc.OneLine(name), e.ID, u.Line, u.Why, toc.OneLine(strings.TrimSpace(u.Text)))
}

// An UnknownNameError says that the archive has nothing that a mapping is to
// give another name.
type UnknownNameError struct {
	What  string // "schema", "role" or "tablespace"
	Name  string
	Names []string // those that the archive has
}

// Error says which name.
func (e *UnknownNameError) Error() string {
	return fmt.Sprintf("no %s %q in the archive", e.What, e.Name)
}

// Apply changes the names in what is selected, and in the names of all other
// entries. It returns the unsafe places; without KeepUnsafe they are also the
// error, an *[UnsafeError]. A name that the archive does not have is an
// *[UnknownNameError]. Other errors are new names that cannot be: one that
// another schema has, or that two would have.
func (m Mapping) Apply(sel *toc.Selected) (*toc.Selected, []Unsafe, error) {
	if m.IsZero() {
		return sel, nil, nil
	}
	a := newMapper(m, sel)
	if err := a.check(); err != nil {
		return nil, nil, err
	}
	changed := make(map[toc.DumpID]*toc.Entry)
	for _, e := range sel.TOC.Entries {
		if e.IsSpecial() {
			continue
		}
		if c := a.entry(e, sel.Parts(e.ID)); c != nil {
			changed[e.ID] = c
		}
	}
	added := a.publicStandIn(changed)
	if err := a.checkRoles(); err != nil {
		return nil, nil, err
	}
	if len(a.unsafe) > 0 && !m.KeepUnsafe {
		return nil, a.unsafe, &UnsafeError{a.unsafe}
	}
	return sel.Replace(changed, added), a.unsafe, nil
}

// mapper is one run of Apply.
type mapper struct {
	Mapping
	sel          *toc.Selected
	knownSchemas map[string]bool // of the archive
	knownRoles   map[string]bool // that it names
	relations    map[string]bool // names of tables and the like, in archives that rely on the search path
	unsafe       []Unsafe
}

func newMapper(m Mapping, sel *toc.Selected) *mapper {
	a := &mapper{Mapping: m, sel: sel, knownSchemas: make(map[string]bool), knownRoles: make(map[string]bool), relations: make(map[string]bool)}
	for _, e := range sel.TOC.Entries {
		if e.Namespace != "" {
			a.knownSchemas[e.Namespace] = true
		}
		if e.Owner.String != "" {
			a.knownRoles[e.Owner.String] = true
		}
		switch e.Kind {
		case toc.Schema:
			a.knownSchemas[e.Tag] = true
		case toc.Extension:
			words := Lexemes(e.Defn, sel.TOC.StdStrings)
			for _, i := range schemaWords(e, words) {
				a.knownSchemas[words[i].Name] = true
			}
		case toc.Table, toc.View, toc.MaterializedView, toc.ForeignTable, toc.Sequence:
			if sel.TOC.SearchPath == "" {
				a.relations[e.Tag] = true
			}
		}
	}
	return a
}

// check finds new names that cannot be.
func (a *mapper) check() error {
	for _, old := range slices.Sorted(maps.Keys(a.Schemas)) {
		name := a.Schemas[old]
		switch {
		case !a.knownSchemas[old]:
			return &UnknownNameError{"schema", old, slices.Sorted(maps.Keys(a.knownSchemas))}
		case isReserved(old):
			return fmt.Errorf("schema %q belongs to the server and cannot get another name", old)
		case isReserved(name):
			return fmt.Errorf("schema %q cannot be called %q: such names belong to the server", old, name)
		}
		if _, moves := a.Schemas[name]; a.knownSchemas[name] && !moves {
			return fmt.Errorf("schema %q cannot be called %q: the archive has a schema of that name; give that one another name too", old, name)
		}
		for other, same := range a.Schemas {
			if other != old && same == name {
				return fmt.Errorf("schemas %q and %q cannot both be called %q", min(old, other), max(old, other), name)
			}
		}
	}
	tablespaces := make(map[string]bool)
	for _, e := range a.sel.TOC.Entries {
		words := []Lexeme(nil)
		if e.Tablespace.String != "" {
			tablespaces[e.Tablespace.String] = true
		}
		if len(a.Tablespaces) > 0 && hasTablespaceClause(e.Kind) {
			words = Lexemes(e.Defn, a.sel.TOC.StdStrings)
		}
		for _, i := range tablespaceWords(words) {
			tablespaces[words[i].Name] = true
		}
	}
	for _, old := range slices.Sorted(maps.Keys(a.Tablespaces)) {
		if !tablespaces[old] {
			return &UnknownNameError{"tablespace", old, slices.Sorted(maps.Keys(tablespaces))}
		}
	}
	return nil
}

// isReserved reports whether the server keeps a schema's name for itself.
func isReserved(schema string) bool {
	return strings.HasPrefix(schema, "pg_") || schema == "information_schema"
}

// checkRoles finds roles that the archive does not name, after all entries
// have been read.
func (a *mapper) checkRoles() error {
	for _, old := range slices.Sorted(maps.Keys(a.Owners)) {
		if !a.knownRoles[old] {
			return &UnknownNameError{"role", old, slices.Sorted(maps.Keys(a.knownRoles))}
		}
	}
	return nil
}

// entry returns an entry with other names, or nil if it has none of the old
// ones. Unsafe places count in the parts that are selected.
func (a *mapper) entry(e *toc.Entry, parts toc.Parts) *toc.Entry {
	c := *e
	c.Namespace = mapped(a.Schemas, e.Namespace)
	c.Owner.String = mapped(a.Owners, e.Owner.String)
	c.Tablespace.String = mapped(a.Tablespaces, e.Tablespace.String)
	c.Tag = a.tag(e)
	before := len(a.unsafe)
	c.Defn = a.sql(e, e.Defn)
	if parts&(toc.PartSchema|toc.PartStatistics) == 0 && !(parts&toc.PartData != 0 && !e.HasDumper) {
		a.unsafe = a.unsafe[:before]
	}
	before = len(a.unsafe)
	c.Drop.String = a.sql(e, e.Drop.String)
	a.unsafe = a.unsafe[:before] // what a drop names, the definition names too
	c.Copy = a.sql(e, e.Copy)
	if parts&toc.PartData != 0 {
		a.checkInserts(e)
	}
	if e.Kind == toc.Schema {
		a.makesOrNot(&c, e.Tag)
	}
	if same(&c, e) {
		return nil
	}
	return &c
}

func mapped(names map[string]string, name string) string {
	if to, ok := names[name]; ok {
		return to
	}
	return name
}

func same(a, b *toc.Entry) bool {
	return a.Namespace == b.Namespace && a.Owner == b.Owner && a.Tablespace == b.Tablespace && a.Tag == b.Tag &&
		a.Defn == b.Defn && a.Drop == b.Drop && a.Copy == b.Copy
}

// checkInserts finds data that are INSERT commands: they name the table, and
// data are not changed.
func (a *mapper) checkInserts(e *toc.Entry) {
	if _, renamed := a.Schemas[e.Namespace]; renamed && e.Kind == toc.TableData && e.Copy == "" && e.Data != toc.DataNone {
		a.unsafe = append(a.unsafe, Unsafe{e, 1, "INSERT INTO " + Qualified(e.Namespace, e.Tag) + " …",
			"the data are INSERT commands, which name the schema, and data are not changed"})
	}
}

// What pg_dump writes for schema public, which every database has.
const (
	notMade    = "-- *not* creating schema, since initdb creates it\n"
	notDropped = "-- *not* dropping schema, since initdb creates it\n"
)

// makesOrNot adapts the statements of a schema that was public, or is now.
func (a *mapper) makesOrNot(c *toc.Entry, was string) {
	switch {
	case c.Tag == was:
	case c.Tag == "public":
		c.Defn, c.Drop = notMade, toc.NewText(notDropped)
	case was == "public":
		c.Defn, c.Drop = makeLikePublic(c.Tag), toc.NewText("DROP SCHEMA "+Ident(c.Tag)+";\n")
	}
}

// makeLikePublic returns the statements that make a schema in the state in which
// initdb leaves public since PostgreSQL 15: all roles may use it. The grants of
// the archive say only what is different from that.
func makeLikePublic(name string) string {
	return "CREATE SCHEMA IF NOT EXISTS " + Ident(name) + ";\nGRANT USAGE ON SCHEMA " + Ident(name) + " TO PUBLIC;\n"
}

// publicStandIn returns the entries that make the schema which stands for
// public, if no entry of the archive does. It is part of what is selected if
// anything in it is defined.
func (a *mapper) publicStandIn(changed map[toc.DumpID]*toc.Entry) []*toc.Entry {
	name, renamed := a.Schemas["public"]
	if !renamed {
		return nil
	}
	var last toc.DumpID
	wanted := false
	for _, e := range a.sel.TOC.Entries {
		last = max(last, e.ID)
		if e.Kind == toc.Schema && e.Tag == "public" {
			return nil
		}
		inside := e.Namespace == "public" || e.Kind == toc.Extension && changed[e.ID] != nil
		wanted = wanted || inside && a.sel.Parts(e.ID)&toc.PartSchema != 0
	}
	if !wanted || last == math.MaxInt32 {
		return nil
	}
	return []*toc.Entry{{ID: last + 1, Kind: toc.Schema, Tag: name, Section: toc.SectionPreData, Defn: makeLikePublic(name)}}
}
