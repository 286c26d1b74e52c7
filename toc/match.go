package toc

import (
	"slices"
	"strings"
)

// matcher applies one selection and remembers which of its names were met.
type matcher struct {
	Selection
	listed                               map[DumpID]bool
	schemas, excludeSchemas              *names
	tables, indexes, functions, triggers *names
	exclusions                           []*names
	named                                bool // any of -t -I -P -T
	wantSchema, wantData, wantStatistics bool
	excluded                             map[DumpID]reason
	reach                                *reach // nil: names and list alone choose
}

func newMatcher(s Selection, t *TOC) *matcher {
	plain := !s.SchemaOnly && !s.DataOnly && !s.StatisticsOnly
	m := &matcher{
		Selection:      s,
		wantData:       (plain || s.DataOnly) && !s.NoData,
		wantSchema:     (plain || s.SchemaOnly) && !s.NoSchema,
		wantStatistics: (plain || s.StatisticsOnly || s.Statistics) && !s.NoStatistics,
	}
	m.readNames(t)
	m.named = len(s.Tables)+len(s.Indexes)+len(s.Functions)+len(s.Triggers) > 0
	if s.UseList {
		m.listed = make(map[DumpID]bool, len(s.List))
		for _, id := range s.List {
			m.listed[id] = true
		}
	}
	if len(m.exclusions)+len(s.ExcludeKinds) == 0 && !s.reaches() {
		return m
	}
	graph := NewGraph(t)
	m.excluded = m.exclude(graph)
	if s.reaches() {
		m.reach = m.newReach(graph)
	}
	return m
}

// parts decides on one entry, and says which option did. The order of the
// tests is PostgreSQL's.
func (m *matcher) parts(r *Selected, e *Entry, section Section) (Parts, reason) {
	switch {
	case e.IsSpecial():
		return partSpecial, reason{}
	case e.Kind == StatisticsData && !m.wantStatistics:
		return 0, reason{option: m.without(PartStatistics)}
	case e.Kind == Database || e.Kind == DatabaseProperties:
		if m.Create {
			return PartSchema, reason{option: "create"}
		}
		return 0, reason{}
	}
	if option := m.suppressed(e); option != "" {
		return 0, reason{option: option}
	}
	if len(m.Sections) > 0 && !slices.Contains(m.Sections, section) {
		return 0, reason{option: "section"}
	}
	if why, ok := m.excluded[e.ID]; ok {
		return 0, why
	}
	why, ok := m.chosen(r, e)
	if !ok {
		return 0, why
	}
	return m.trim(e, why)
}

// chosen reports whether names, list and what is added to them choose the
// entry.
func (m *matcher) chosen(r *Selected, e *Entry) (reason, bool) {
	if m.reach != nil && !isOfDatabase(e) {
		return m.reach.has(e)
	}
	if m.UseList && !m.listed[e.ID] {
		return reason{option: "use-list"}, false
	}
	why, ok := m.matches(r, e)
	if why == (reason{}) && m.UseList {
		why.option = "use-list"
	}
	return why, ok
}

// suppressed returns the --no-… option that drops the entry, or "".
func (m *matcher) suppressed(e *Entry) string {
	onObject := e.Kind == Comment || e.Kind == SecurityLabel
	switch {
	case m.NoPrivileges && (e.Kind == ACL || e.Kind == ACLLanguage || e.Kind == DefaultACL):
		return "no-privileges"
	case m.NoComments && e.Kind == Comment:
		return "no-comments"
	case m.NoSecurityLabels && e.Kind == SecurityLabel:
		return "no-security-labels"
	case m.NoPolicies && (e.Kind == Policy || e.Kind == RowSecurity || e.Kind == Comment && strings.HasPrefix(e.Tag, "POLICY")):
		return "no-policies"
	case m.NoPublications && (e.Kind == Publication || e.Kind == PublicationTable || e.Kind == PublicationTablesInSchema ||
		onObject && strings.HasPrefix(e.Tag, "PUBLICATION")):
		return "no-publications"
	case m.NoSubscriptions && (e.Kind == Subscription || e.Kind == SubscriptionTable ||
		onObject && strings.HasPrefix(e.Tag, "SUBSCRIPTION")):
		return "no-subscriptions"
	}
	return ""
}

// isOfDatabase reports whether an entry is a comment on the database, or a
// grant or label: they are restored with it.
func isOfDatabase(e *Entry) bool {
	return isOnObject(e.Kind) && strings.HasPrefix(e.Tag, "DATABASE ")
}

// isOnObject reports whether entries of a kind say something of an object that
// is an entry of its own.
func isOnObject(k Kind) bool { return k == ACL || k == Comment || k == SecurityLabel }

// matches applies the options that choose by name.
func (m *matcher) matches(r *Selected, e *Entry) (reason, bool) {
	if isOfDatabase(e) {
		if !m.Create {
			return reason{}, false
		}
		return reason{option: "create"}, true
	}
	if isOnObject(e.Kind) {
		if !m.named && len(m.Schemas)+len(m.ExcludeSchemas) == 0 {
			return reason{}, true
		}
		return m.dependsOnWanted(r, e)
	}
	var why reason
	if len(m.Schemas) > 0 {
		name, ok := m.schemas.of(e)
		if !ok {
			return notNamed, false
		}
		why = reason{"schema", name}
	}
	if name, ok := m.excludeSchemas.of(e); ok {
		return reason{"exclude-schema", name}, false
	}
	if !m.named {
		return why, true
	}
	return m.matchesName(r, e)
}

// dependsOnWanted reports whether a comment or grant belongs to an entry that
// is itself restored. What comes later in the order does not count.
func (m *matcher) dependsOnWanted(r *Selected, e *Entry) (reason, bool) {
	why := notNamed
	for _, id := range e.Deps {
		d := r.TOC.Lookup(id)
		if d == nil || d.Kind == ACL {
			continue
		}
		if r.parts[id] != 0 {
			return r.reasons[id], true
		}
		if dropped, ok := r.reasons[id]; ok && why == notNamed {
			why = dropped
		}
	}
	return why, false
}

func (m *matcher) matchesName(r *Selected, e *Entry) (reason, bool) {
	if e.Kind == StatisticsData {
		for _, id := range e.Deps {
			d := r.TOC.Lookup(id)
			if d == nil || !isRelation(d.Kind) && d.Kind != Index {
				continue
			}
			if why, ok := m.matchesName(r, d); ok {
				return why, true
			}
		}
		return notNamed, false
	}
	for _, n := range []*names{m.tables, m.indexes, m.functions, m.triggers} {
		if name, ok := n.of(e); ok {
			return reason{n.option, name}, true
		}
	}
	return notNamed, false
}

func isRelation(k Kind) bool {
	return k == Table || k == View || k == ForeignTable || k == MaterializedView
}

// trim reduces an entry that is wanted to the parts that it has and that are
// asked for. If none is left, the reason is what took the last.
func (m *matcher) trim(e *Entry, why reason) (Parts, reason) {
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
	if e.Kind == "<Init>" && e.Tag == "Max OID" || parts == 0 {
		return 0, reason{}
	}
	if !m.wantData {
		if parts &^= PartData; parts == 0 {
			return 0, reason{option: m.without(PartData)}
		}
	}
	if !m.wantSchema {
		if parts &^= PartSchema; parts == 0 {
			return 0, reason{option: m.without(PartSchema)}
		}
	}
	return parts, why
}

// without returns the option by which a part is not restored.
func (m *matcher) without(part Parts) string {
	switch {
	case part == PartSchema && m.NoSchema:
		return "no-schema"
	case part == PartData && m.NoData:
		return "no-data"
	case part == PartStatistics && m.NoStatistics:
		return "no-statistics"
	case m.SchemaOnly:
		return "schema-only"
	case m.DataOnly:
		return "data-only"
	}
	return "statistics-only"
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
