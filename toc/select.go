package toc

import (
	"slices"
	"strings"
)

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

// A Selection says which entries to restore, with the meaning of pg_restore's
// options of the same names. Names are compared byte for byte: no patterns, no
// schema qualification, no quotes. The zero Selection keeps everything that
// pg_restore without options keeps.
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

	parts    map[DumpID]Parts
	sections map[DumpID]Section
}

// Unmatched is a name in a selection that no entry has.
type Unmatched struct {
	What string // "schema", "table", "index", "function" or "trigger"
	Name string
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
// PostgreSQL 18, entry by entry in restore order.
func (s Selection) Apply(t *TOC) *Selected {
	r := &Selected{
		TOC:      t,
		Order:    s.order(t),
		parts:    make(map[DumpID]Parts, len(t.Entries)),
		sections: make(map[DumpID]Section, len(t.Entries)),
	}
	m := newMatcher(s)
	section := SectionPreData
	for _, e := range r.Order {
		if e.Section != SectionNone {
			section = e.Section
		}
		r.sections[e.ID] = section
		p := m.parts(r, e, section)
		r.parts[e.ID] = p
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
// (SortTocFromFile).
func (s Selection) order(t *TOC) []*Entry {
	if !s.UseList {
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

// matcher applies one selection and remembers which of its names were met.
type matcher struct {
	Selection
	listed                                       map[DumpID]bool
	schemas, tables, indexes, functions, trigger names
	named                                        bool // any of -t -I -P -T
	wantSchema, wantData, wantStatistics         bool
}

func newMatcher(s Selection) *matcher {
	plain := !s.SchemaOnly && !s.DataOnly && !s.StatisticsOnly
	m := &matcher{
		Selection:      s,
		schemas:        newNames(s.Schemas),
		tables:         newNames(s.Tables),
		indexes:        newNames(s.Indexes),
		functions:      newNames(s.Functions),
		trigger:        newNames(s.Triggers),
		wantData:       (plain || s.DataOnly) && !s.NoData,
		wantSchema:     (plain || s.SchemaOnly) && !s.NoSchema,
		wantStatistics: (plain || s.StatisticsOnly || s.Statistics) && !s.NoStatistics,
	}
	m.named = len(s.Tables)+len(s.Indexes)+len(s.Functions)+len(s.Triggers) > 0
	if s.UseList {
		m.listed = make(map[DumpID]bool, len(s.List))
		for _, id := range s.List {
			m.listed[id] = true
		}
	}
	return m
}

// parts decides on one entry. The order of the tests is PostgreSQL's.
func (m *matcher) parts(r *Selected, e *Entry, section Section) Parts {
	switch {
	case e.IsSpecial():
		return partSpecial
	case e.Kind == StatisticsData && !m.wantStatistics:
		return 0
	case e.Kind == Database || e.Kind == DatabaseProperties:
		if m.Create {
			return PartSchema
		}
		return 0
	case m.suppressed(e):
		return 0
	case len(m.Sections) > 0 && !slices.Contains(m.Sections, section):
		return 0
	case m.UseList && !m.listed[e.ID]:
		return 0
	case !m.matches(r, e):
		return 0
	}
	return m.trim(e)
}

// suppressed reports whether a --no-… option drops the entry.
func (m *matcher) suppressed(e *Entry) bool {
	onObject := e.Kind == Comment || e.Kind == SecurityLabel
	switch e.Kind {
	case ACL, ACLLanguage, DefaultACL:
		return m.NoPrivileges
	case Comment:
		if m.NoComments || m.NoPolicies && strings.HasPrefix(e.Tag, "POLICY") {
			return true
		}
	case SecurityLabel:
		if m.NoSecurityLabels {
			return true
		}
	case Policy, RowSecurity:
		return m.NoPolicies
	case Publication, PublicationTable, PublicationTablesInSchema:
		return m.NoPublications
	case Subscription, SubscriptionTable:
		return m.NoSubscriptions
	}
	return onObject && (m.NoPublications && strings.HasPrefix(e.Tag, "PUBLICATION") ||
		m.NoSubscriptions && strings.HasPrefix(e.Tag, "SUBSCRIPTION"))
}

// matches applies the options that choose by name.
func (m *matcher) matches(r *Selected, e *Entry) bool {
	switch e.Kind {
	case ACL, Comment, SecurityLabel:
		if strings.HasPrefix(e.Tag, "DATABASE ") {
			return m.Create
		}
		if !m.named && len(m.Schemas)+len(m.ExcludeSchemas) == 0 {
			return true
		}
		return m.dependsOnWanted(r, e)
	}
	if len(m.Schemas) > 0 && (e.Namespace == "" || !m.schemas.has(e.Namespace)) {
		return false
	}
	if e.Namespace != "" && slices.Contains(m.ExcludeSchemas, e.Namespace) {
		return false
	}
	return !m.named || m.matchesName(r, e)
}

// dependsOnWanted reports whether a comment or grant belongs to an entry that
// is itself restored. What comes later in the order does not count.
func (m *matcher) dependsOnWanted(r *Selected, e *Entry) bool {
	for _, id := range e.Deps {
		if d := r.TOC.Lookup(id); d != nil && d.Kind != ACL && r.parts[id] != 0 {
			return true
		}
	}
	return false
}

func (m *matcher) matchesName(r *Selected, e *Entry) bool {
	switch e.Kind {
	case StatisticsData:
		for _, id := range e.Deps {
			if d := r.TOC.Lookup(id); d != nil && (isRelation(d.Kind) && m.tables.has(d.Tag) ||
				d.Kind == Index && m.indexes.has(d.Tag)) {
				return true
			}
		}
	case Table, TableData, View, ForeignTable, MaterializedView, MaterializedViewData, Sequence, SequenceSet:
		return m.tables.has(e.Tag)
	case Index:
		return m.indexes.has(e.Tag)
	case Function, Aggregate, Procedure:
		return m.functions.has(e.Tag)
	case Trigger:
		return m.trigger.has(e.Tag)
	}
	return false
}

func isRelation(k Kind) bool {
	return k == Table || k == View || k == ForeignTable || k == MaterializedView
}

// trim reduces an entry that is wanted to the parts that it has and that are
// asked for.
func (m *matcher) trim(e *Entry) Parts {
	parts := PartSchema | PartData
	if e.Kind == StatisticsData {
		parts = PartStatistics
	}
	if !e.HasDumper {
		if countsAsData(e) {
			parts &= PartData
		} else {
			parts &^= PartData
		}
	}
	if e.Defn == "" || strings.HasPrefix(e.Defn, "-- load via partition root ") {
		parts &^= PartSchema
	}
	if e.Kind == "<Init>" && e.Tag == "Max OID" {
		return 0
	}
	if !m.wantData {
		parts &= PartSchema | PartStatistics
	}
	if !m.wantSchema {
		parts &= PartData | PartStatistics
	}
	return parts
}

// countsAsData reports whether an entry that has only a definition belongs to
// the data: the values of sequences, and large objects with all that is theirs.
func countsAsData(e *Entry) bool {
	switch e.Kind {
	case SequenceSet, Blob, BlobMetadata:
		return true
	case ACL, Comment, SecurityLabel:
		return strings.HasPrefix(e.Tag, "LARGE OBJECT")
	}
	return false
}

// names is a list of names that remembers which were asked for and found.
type names struct {
	list []string
	met  map[string]bool
}

func newNames(list []string) names { return names{list, map[string]bool{}} }

func (n names) has(name string) bool {
	if !slices.Contains(n.list, name) {
		return false
	}
	n.met[name] = true
	return true
}

// unmatched lists the names never met, in the order of pg_restore's tests.
func (m *matcher) unmatched() []Unmatched {
	var list []Unmatched
	for _, x := range []struct {
		what string
		names
	}{{"schema", m.schemas}, {"table", m.tables}, {"index", m.indexes}, {"function", m.functions}, {"trigger", m.trigger}} {
		for _, name := range x.list {
			if !x.met[name] {
				list = append(list, Unmatched{x.what, name})
			}
		}
	}
	return list
}

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
