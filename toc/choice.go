package toc

// A Choice is what one option of a selection did, or one of the names given to
// it. Each entry counts once, for the option that decided on it; a comment for
// that which decided on its object.
type Choice struct {
	Option  string // its long name, as "table" or "with-deps"; empty for what no name chose
	Name    string // as it was given; empty if the option takes none
	Kept    []*Entry
	Dropped []*Entry
}

// reason is the option that decided on an entry, and which of its names. The
// zero reason: no option did.
type reason struct{ option, name string }

// notNamed is the reason of what passes no option that names.
var notNamed = reason{option: "\x00"}

// Choices tells what each option kept and dropped, in restore order: first
// those that choose, in the order of Selection's fields, then those that leave
// out, last what nothing chose.
func (s *Selected) Choices() []Choice {
	at := make(map[reason]int)
	var list []Choice
	for _, r := range s.selection.reasons() {
		if _, ok := at[r]; !ok {
			at[r] = len(list)
			list = append(list, Choice{Option: r.option, Name: r.name})
		}
	}
	rest := Choice{}
	for _, e := range s.Order {
		r, ok := s.reasons[e.ID]
		if !ok {
			continue
		}
		c := &rest
		if i, ok := at[r]; ok {
			c = &list[i]
		}
		if s.Parts(e.ID) != 0 {
			c.Kept = append(c.Kept, e)
		} else {
			c.Dropped = append(c.Dropped, e)
		}
	}
	if len(rest.Kept)+len(rest.Dropped) > 0 {
		list = append(list, rest)
	}
	return list
}

// reasons lists the options of the selection that are in use.
func (s Selection) reasons() []reason {
	var list []reason
	flag := func(on bool, option string) {
		if on {
			list = append(list, reason{option: option})
		}
	}
	each := func(option string, names []string) {
		for _, name := range names {
			list = append(list, reason{option, name})
		}
	}
	flag(s.UseList, "use-list")
	each("schema", s.Schemas)
	each("table", s.Tables)
	each("index", s.Indexes)
	each("function", s.Functions)
	each("trigger", s.Triggers)
	flag(s.WithDeps && !s.WithDependents, "with-deps")
	flag(s.WithDependents, "with-dependents")
	flag(s.Create, "create")
	each("exclude-schema", s.ExcludeSchemas)
	each("exclude-table", s.ExcludeTables)
	each("exclude-table-data", s.ExcludeTableData)
	each("exclude-index", s.ExcludeIndexes)
	each("exclude-function", s.ExcludeFunctions)
	each("exclude-trigger", s.ExcludeTriggers)
	each("exclude-extension", s.ExcludeExtensions)
	for _, k := range s.ExcludeKinds {
		list = append(list, reason{"exclude-type", string(k)})
	}
	flag(len(s.Sections) > 0, "section")
	flag(s.DataOnly, "data-only")
	flag(s.SchemaOnly, "schema-only")
	flag(s.StatisticsOnly, "statistics-only")
	flag(s.NoData, "no-data")
	flag(s.NoSchema, "no-schema")
	flag(s.NoStatistics, "no-statistics")
	flag(s.NoPrivileges, "no-privileges")
	flag(s.NoComments, "no-comments")
	flag(s.NoPolicies, "no-policies")
	flag(s.NoPublications, "no-publications")
	flag(s.NoSubscriptions, "no-subscriptions")
	flag(s.NoSecurityLabels, "no-security-labels")
	return list
}
