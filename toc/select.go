package toc

import "strings"

// Parts are the parts of an entry that a selection restores.
type Parts uint8

const (
	PartSchema     Parts = 1 << iota // the definition
	PartData                         // the data
	PartStatistics                   // planner statistics (PostgreSQL 18)

	// partSpecial marks the entries that describe the archive. They produce
	// nothing, but what depends on them counts as wanted.
	partSpecial
)

// A Selection says which entries to restore. Fields that pg_restore has an
// option for mean what that means. The zero Selection keeps everything that
// pg_restore without options keeps.
//
// Names are compared byte for byte: no patterns, no schema qualification, no
// quotes. With Patterns this is only what is tried first: a name that no entry
// of the archive has, of those that its option can take, is read as a
// [Pattern], the one rule by which pgarc names objects. So a name that holds a
// star, a dot or a blank still means what it means to pg_restore, whatever
// else it would match, and only names with which pg_restore restores nothing
// mean something new.
type Selection struct {
	DataOnly       bool // -a
	SchemaOnly     bool // -s
	StatisticsOnly bool // --statistics-only
	Statistics     bool // --statistics: what they are restored by anyway, without -a and -s
	NoData         bool
	NoSchema       bool
	NoStatistics   bool

	Sections []Section // --section; empty: all

	Schemas        []string // -n
	ExcludeSchemas []string // -N
	Tables         []string // -t: tables, views, materialized views, foreign tables, sequences
	Indexes        []string // -I
	Functions      []string // -P: "name(argument types)"
	Triggers       []string // -T: "table trigger"

	Patterns bool // names that nothing has are patterns

	// What to leave out, whatever else selects it. A table is left out
	// with all that belongs to it and with what ties others to it: foreign
	// keys and attachments on either side, memberships in publications.
	// What else needs it, a view, stays. Table data are also the contents
	// of a materialized view and the value of a sequence.
	ExcludeTables     []string
	ExcludeTableData  []string
	ExcludeIndexes    []string
	ExcludeFunctions  []string
	ExcludeTriggers   []string
	ExcludeExtensions []string
	ExcludeKinds      []Kind

	// WithDeps adds what the entries chosen by names or a list need to be
	// made, and what that needs: definitions without data (but the value
	// of a sequence), with their comments and grants. WithDependents also
	// adds all that belongs to them ([Graph.Belonging]), and what that
	// needs. A foreign key is restored if both its tables are, and pulls
	// in neither. What is added obeys all options but the names and the
	// list, whose order is not kept.
	WithDeps       bool
	WithDependents bool

	Create           bool // -C: keep the entries of the database itself
	NoPrivileges     bool // -x
	NoComments       bool
	NoPolicies       bool
	NoPublications   bool
	NoSubscriptions  bool
	NoSecurityLabels bool

	// UseList keeps only the entries in List, in that order (-L).
	UseList bool
	List    []DumpID
}

// Selected is the outcome of a selection.
type Selected struct {
	TOC *TOC

	// Order holds all entries of the TOC, also those not selected, in the
	// order to restore them. It is archive order, but with a list the
	// listed entries come last, in the order of the list.
	Order []*Entry

	// Schema is false when no definition is restored at all, whether asked
	// for or because nothing else is left ("implied no-schema restore").
	Schema bool

	// Unmatched are the names of the selection that no entry has
	// (pg_restore's --strict-names).
	Unmatched []Unmatched

	parts     map[DumpID]Parts
	sections  map[DumpID]Section
	reasons   map[DumpID]reason // why it is kept or dropped, where an option says so
	selection Selection
}

// Parts returns what of an entry is selected; 0 if nothing is.
func (s *Selected) Parts(id DumpID) Parts { return s.parts[id] &^ partSpecial }

// SectionOf returns the section of an entry; for comments and grants that of
// the entry before them in Order.
func (s *Selected) SectionOf(id DumpID) Section { return s.sections[id] }

// Entries returns the selected entries, in order.
func (s *Selected) Entries() []*Entry {
	var list []*Entry
	for _, e := range s.Order {
		if s.Parts(e.ID) != 0 {
			list = append(list, e)
		}
	}
	return list
}

// Apply selects from t. It is _tocEntryRequired in pg_backup_archiver.c of
// PostgreSQL 18, entry by entry in restore order, with pgarc's own options
// among its tests.
func (s Selection) Apply(t *TOC) *Selected {
	r := &Selected{
		TOC:       t,
		Order:     s.order(t),
		parts:     make(map[DumpID]Parts, len(t.Entries)),
		sections:  make(map[DumpID]Section, len(t.Entries)),
		reasons:   make(map[DumpID]reason),
		selection: s,
	}
	m := newMatcher(s, t)
	section := SectionPreData
	for _, e := range r.Order {
		if e.Section != SectionNone {
			section = e.Section
		}
		r.sections[e.ID] = section
		p, why := m.parts(r, e, section)
		r.parts[e.ID] = p
		if why != (reason{}) {
			r.reasons[e.ID] = why
		}
		if p&PartSchema != 0 && m.wantSchema { // -C keeps the database's even with -a
			r.Schema = true
		}
	}
	r.Unmatched = m.unmatched()
	return r
}

// Only returns what of a selection passes a test, in the same order.
func (s *Selected) Only(keep func(*Entry) bool) *Selected {
	r := *s
	r.Schema = false
	r.parts = make(map[DumpID]Parts, len(s.parts))
	for _, e := range s.Order {
		p := s.parts[e.ID]
		if p != partSpecial && !keep(e) {
			p = 0
		}
		r.parts[e.ID] = p
		r.Schema = r.Schema || s.Schema && p&PartSchema != 0
	}
	return &r
}

// order returns the entries with those of the list moved to the end
// (SortTocFromFile). What is added to a list has its place in the archive's
// order alone.
func (s Selection) order(t *TOC) []*Entry {
	if !s.UseList || s.reaches() {
		return t.Entries
	}
	listed := make(map[DumpID]bool, len(s.List))
	for _, id := range s.List {
		listed[id] = true
	}
	order := make([]*Entry, 0, len(t.Entries))
	for _, e := range t.Entries {
		if !listed[e.ID] {
			order = append(order, e)
		}
	}
	for _, id := range s.List {
		if e := t.Lookup(id); e != nil && listed[id] {
			order = append(order, e)
			listed[id] = false // once, also if the list has it twice
		}
	}
	return order
}

// reaches reports whether more is selected than names and list choose.
func (s Selection) reaches() bool { return s.WithDeps || s.WithDependents }

// PassOf returns the pass in which an entry is restored
// (_tocEntryRestorePass).
func PassOf(e *Entry) Pass {
	switch e.Kind {
	case Comment, SecurityLabel:
		if strings.HasPrefix(e.Tag, "EVENT TRIGGER ") {
			return PassPostACL
		}
	case StatisticsData:
		if e.Section == SectionPostData {
			return PassPostACL
		}
	}
	return e.Kind.Info().Pass
}
