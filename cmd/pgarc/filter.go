package main

import (
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pgarc/pgarc/toc"
)

// A filter narrows the entries of an archive: the options that ls and ddl have
// in common, and the names on the command line.
type filter struct {
	tables   []string
	schemas  []string
	types    []string
	sections []string

	allowEmpty bool // names that nothing has are no errors
}

func (f *filter) addFlags(flags *pflag.FlagSet) {
	flags.StringArrayVarP(&f.tables, "table", "t", nil, "only these tables and what belongs to them")
	flags.StringArrayVarP(&f.schemas, "schema", "n", nil, "only these schemas")
	flags.StringArrayVar(&f.types, "type", nil, "only these types")
}

// apply returns the entries that pass all options and have one of the names,
// in archive order. Names that nothing has are errors.
func (f *filter) apply(t *toc.TOC, names []string) ([]*toc.Entry, error) {
	kinds, err := parseKinds(t, f.types)
	if err != nil {
		return nil, err
	}
	passes, err := f.passing(t)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return keep(t.Entries, func(e *toc.Entry) bool { return hasKind(kinds, e.Kind) && passes(e) }), nil
	}
	found := findNames(t, names, kinds)
	if err := checkFound(t, found, kinds); err != nil && !f.allowEmpty {
		return nil, err
	}
	named := make(map[toc.DumpID]bool)
	for _, n := range found {
		for _, e := range n.entries {
			named[e.ID] = true
		}
	}
	return keep(t.Entries, func(e *toc.Entry) bool { return named[e.ID] && passes(e) }), nil
}

// passing returns the test that -t, -n and --section are.
func (f *filter) passing(t *toc.TOC) (func(*toc.Entry) bool, error) {
	sections, err := parseSections(f.sections)
	if err != nil {
		return nil, err
	}
	schemas, err := schemasOf(t, f.schemas)
	if err != nil && !f.allowEmpty {
		return nil, err
	}
	belongs, err := belongingTo(t, f.tables, schemas)
	if err != nil && !f.allowEmpty {
		return nil, err
	}
	var sectionOf func(toc.DumpID) toc.Section
	if len(sections) > 0 {
		sectionOf = toc.Selection{}.Apply(t).SectionOf
	}
	return func(e *toc.Entry) bool {
		return (belongs == nil || belongs[e.ID]) &&
			(schemas == nil || schemas[e.Namespace]) &&
			(sectionOf == nil || slices.Contains(sections, sectionOf(e.ID)))
	}, nil
}

// relationKinds are what --table takes.
var relationKinds = []toc.Kind{toc.Table, toc.View, toc.MaterializedView, toc.ForeignTable, toc.Sequence}

// functionKinds are what --function takes.
var functionKinds = []toc.Kind{toc.Function, toc.Aggregate, toc.Procedure}

// belongingTo returns the tables with these names, in these schemas if any are
// given, and all that belongs to them; nil if there are no names.
func belongingTo(t *toc.TOC, names []string, schemas map[string]bool) (map[toc.DumpID]bool, error) {
	if len(names) == 0 {
		return nil, nil
	}
	unknown := &unknownNameError{what: "table"}
	graph := toc.NewGraph(t)
	set := make(map[toc.DumpID]bool)
	for _, name := range names {
		tables := keep(t.Find(toc.NewPattern(name), relationKinds), func(e *toc.Entry) bool {
			return schemas == nil || schemas[e.Namespace]
		})
		if len(tables) == 0 {
			unknown.add(name, t.Closest(name, relationKinds, 3))
		}
		for _, table := range tables {
			for _, e := range graph.Belonging(table) {
				set[e.ID] = true
			}
		}
	}
	return set, unknown.orNil()
}

// schemasOf returns the schemas with these names, byte for byte or else as
// patterns, nil if there are no names, and an error for names that mean no
// schema in which there is anything.
func schemasOf(t *toc.TOC, names []string) (map[string]bool, error) {
	if len(names) == 0 {
		return nil, nil
	}
	all := make(map[string]bool)
	for _, e := range t.Entries {
		all[e.Namespace] = e.Namespace != ""
	}
	set := make(map[string]bool)
	unknown := &unknownNameError{what: "schema"}
	for _, name := range names {
		found := all[name]
		set[name] = found
		for schema, is := range all {
			if is && !all[name] && toc.NewPattern(name).MatchesName(schema) {
				set[schema], found = true, true
			}
		}
		if !found {
			unknown.add(name, closestName(t, "schema", name))
		}
	}
	return set, unknown.orNil()
}

// checkSchemas returns an error for schemas in which there is nothing.
func checkSchemas(t *toc.TOC, names []string) error {
	_, err := schemasOf(t, names)
	return err
}

// closestName suggests names for one of a selection that matched nothing.
func closestName(t *toc.TOC, what, name string) []string {
	if what != "schema" {
		return t.Closest(name, relationKinds, 3)
	}
	var schemas []string
	for _, e := range t.Entries {
		schemas = append(schemas, e.Namespace)
	}
	return toc.ClosestNames(name, schemas, 3)
}

// parseSections reads the --section options.
func parseSections(names []string) ([]toc.Section, error) {
	var list []toc.Section
	for _, name := range names {
		found := false
		for _, s := range []toc.Section{toc.SectionPreData, toc.SectionData, toc.SectionPostData} {
			if name == s.String() {
				list = append(list, s)
				found = true
			}
		}
		if !found {
			return nil, &usageError{message: "unknown section " + quoteList([]string{name}), hint: "sections are pre-data, data and post-data"}
		}
	}
	return list, nil
}

// keep returns the entries that pass a test, as a new slice.
func keep(entries []*toc.Entry, test func(*toc.Entry) bool) []*toc.Entry {
	var list []*toc.Entry
	for _, e := range entries {
		if test(e) {
			list = append(list, e)
		}
	}
	return list
}

// hasKind reports whether k is one of the kinds; all are if there are none.
func hasKind(kinds []toc.Kind, k toc.Kind) bool {
	return len(kinds) == 0 || slices.Contains(kinds, k)
}

// completeFilter completes the values of a filter's flags.
func completeFilter(cmd *cobra.Command, env *env) {
	names := func(list func(t *toc.TOC, typed string) []string) cobra.CompletionFunc {
		return func(_ *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
			name, _, err := archiveArg(env, args)
			if t := tocForCompletion(name); err == nil && t != nil {
				return list(t, typed), cobra.ShellCompDirectiveNoFileComp
			}
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
	}
	for flag, kinds := range map[string][]toc.Kind{
		"table": relationKinds, "exclude-table": relationKinds, "exclude-table-data": relationKinds,
		"schema": {toc.Schema}, "exclude-schema": {toc.Schema},
		"index": {toc.Index}, "exclude-index": {toc.Index},
		"function": functionKinds, "exclude-function": functionKinds,
		"trigger": {toc.Trigger}, "exclude-trigger": {toc.Trigger},
		"exclude-extension": {toc.Extension},
	} {
		if cmd.Flags().Lookup(flag) != nil {
			cmd.RegisterFlagCompletionFunc(flag, names(func(t *toc.TOC, typed string) []string { return namesWith(t, typed, kinds) }))
		}
	}
	for _, flag := range []string{"type", "exclude-type"} {
		if cmd.Flags().Lookup(flag) != nil {
			cmd.RegisterFlagCompletionFunc(flag, names(func(t *toc.TOC, _ string) []string { return t.KindNames() }))
		}
	}
	if cmd.Flags().Lookup("section") != nil {
		completeWords(cmd, "section", "pre-data", "data", "post-data")
	}
}

// completeWords completes the value of a flag from a few words.
func completeWords(cmd *cobra.Command, flag string, words ...string) {
	cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
}
