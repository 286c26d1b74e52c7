package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/pgarc/pgarc/toc"
)

// selectionFlags choose the entries to restore, with pg_restore's options of
// the same names and meaning.
type selectionFlags struct {
	toc.Selection // all but Sections and List
	sections      []string
	listFile      string
	filterFiles   []string
	strictNames   bool
}

func (s *selectionFlags) addFlags(fs *pflag.FlagSet) {
	// Names may hold commas, hence no StringSlice.
	fs.StringArrayVarP(&s.Schemas, "schema", "n", nil, "only objects in this schema")
	fs.StringArrayVarP(&s.Tables, "table", "t", nil, "only this table, view, sequence, ...")
	fs.StringArrayVar(&s.sections, "section", nil, "only pre-data, data or post-data")
	s.addMore(fs, "a")
}

// addMore adds the flags that mean the same in pgarc ls, where -n, -t, and the
// letter of --data-only, mean something else.
func (s *selectionFlags) addMore(fs *pflag.FlagSet, dataOnly string) {
	fs.StringArrayVarP(&s.ExcludeSchemas, "exclude-schema", "N", nil, "no objects in this schema")
	fs.StringArrayVarP(&s.Indexes, "index", "I", nil, "only this index")
	fs.StringArrayVarP(&s.Functions, "function", "P", nil, "only this function: name(argument types)")
	fs.StringArrayVarP(&s.Triggers, "trigger", "T", nil, "only this trigger: table trigger")
	fs.BoolVar(&s.strictNames, "strict-names", false, "a name that nothing has is an error")
	fs.StringVarP(&s.listFile, "use-list", "L", "", "only what the list file names, in its order")
	fs.StringArrayVar(&s.filterFiles, "filter", nil, "names as the filter file says")

	fs.BoolVarP(&s.DataOnly, "data-only", dataOnly, false, "only the data")
	fs.BoolVarP(&s.SchemaOnly, "schema-only", "s", false, "only the definitions")
	fs.BoolVar(&s.StatisticsOnly, "statistics-only", false, "only the planner's statistics")
	fs.BoolVar(&s.Statistics, "statistics", false, "the planner's statistics too")
	fs.BoolVar(&s.NoData, "no-data", false, "no data")
	fs.BoolVar(&s.NoSchema, "no-schema", false, "no definitions")
	fs.BoolVar(&s.NoStatistics, "no-statistics", false, "no statistics")

	fs.BoolVarP(&s.Create, "create", "C", false, "create the database")
	fs.BoolVarP(&s.NoPrivileges, "no-privileges", "x", false, "no grants")
	fs.BoolVar(&s.NoPrivileges, "no-acl", false, "no grants")
	fs.BoolVar(&s.NoComments, "no-comments", false, "no comments")
	fs.BoolVar(&s.NoPolicies, "no-policies", false, "no row security")
	fs.BoolVar(&s.NoPublications, "no-publications", false, "no publications")
	fs.BoolVar(&s.NoSubscriptions, "no-subscriptions", false, "no subscriptions")
	fs.BoolVar(&s.NoSecurityLabels, "no-security-labels", false, "no security labels")
}

// selectionConflicts are the pairs that pg_restore 18 refuses.
var selectionConflicts = [][2]string{
	{"schema-only", "data-only"},
	{"schema-only", "statistics-only"},
	{"data-only", "statistics-only"},
	{"data-only", "no-data"},
	{"schema-only", "no-schema"},
	{"statistics-only", "no-statistics"},
	{"statistics", "no-statistics"},
	{"data-only", "statistics"},
	{"schema-only", "statistics"},
}

// checkConflicts returns a usage error for the first pair of options that are
// both on.
func checkConflicts(fs *pflag.FlagSet, pairs [][2]string) error {
	for _, pair := range pairs {
		if isOn(fs, pair[0]) && isOn(fs, pair[1]) {
			return usagef("options %s and %s cannot be used together", optionName(fs, pair[0]), optionName(fs, pair[1]))
		}
	}
	return nil
}

func isOn(fs *pflag.FlagSet, name string) bool {
	f := fs.Lookup(name)
	return f.Changed && f.Value.String() != "false"
}

// optionName names an option with its short form: -s/--schema-only.
func optionName(fs *pflag.FlagSet, name string) string {
	if short := fs.Lookup(name).Shorthand; short != "" {
		return "-" + short + "/--" + name
	}
	return "--" + name
}

// check reads --section; the conflicts are the command's to check.
func (s *selectionFlags) check() error {
	var err error
	s.Sections, err = parseSections(s.sections)
	return err
}

// readFilters adds the names of the filter files to those of the options, and
// returns what is odd about them.
func (s *selectionFlags) readFilters(env *env) (warnings []string, err error) {
	for _, name := range s.filterFiles {
		odd, err := s.readFilter(env, name)
		if err != nil {
			return nil, fmt.Errorf("filter file %s: %w", name, err)
		}
		for _, o := range odd {
			warnings = append(warnings, fmt.Sprintf("filter file %s: %s matches nothing: names are compared with their quotes, as pg_restore does; leave them out", name, o))
		}
	}
	return warnings, nil
}

// readFilter reads one filter file; "-" is standard input.
func (s *selectionFlags) readFilter(env *env, name string) (odd []string, err error) {
	if name == "-" {
		return s.ReadFilter(env.stdin)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return s.ReadFilter(f)
}

// choose returns the selection and what of t it is, and warns of what is odd
// about it: list and filter files, names that nothing has, nothing at all.
func (s *selectionFlags) choose(env *env, t *toc.TOC) (sel toc.Selection, selected *toc.Selected, err error) {
	warnings, err := s.readFilters(env)
	if err != nil {
		return sel, nil, err
	}
	sel, more, err := s.selection(t)
	warnings = append(warnings, more...)
	if err == nil {
		selected = sel.Apply(t)
		more, err = s.checkNames(selected)
		warnings = append(warnings, more...)
		isEmpty := len(selected.Entries()) == 0 && len(toc.Selection{}.Apply(t).Entries()) > 0
		if err == nil && isEmpty {
			warnings = append(warnings, "nothing is selected: no entry passes the selection")
		}
	}
	for _, w := range warnings {
		fmt.Fprintf(env.stderr, "pgarc: warning: %s\n", visible(w))
	}
	return sel, selected, err
}

// selection returns the options as a selection from t, and what is odd about
// the list file. The filter files have been read.
func (s *selectionFlags) selection(t *toc.TOC) (toc.Selection, []string, error) {
	sel := s.Selection
	if s.listFile == "" {
		return sel, nil, nil
	}
	f, err := os.Open(s.listFile)
	if err != nil {
		return sel, nil, fmt.Errorf("list file: %w", err)
	}
	defer f.Close()
	ids, warnings, err := toc.ReadList(f, t)
	for i, w := range warnings {
		warnings[i] = fmt.Sprintf("list file %s: %s", s.listFile, w)
	}
	if err != nil {
		return sel, warnings, fmt.Errorf("list file %s: %w", s.listFile, err)
	}
	sel.UseList, sel.List = true, ids
	return sel, warnings, nil
}

// checkNames is for the names that no entry has: with --strict-names an error,
// without a warning each. pg_restore says nothing of them.
func (s *selectionFlags) checkNames(selected *toc.Selected) (warnings []string, err error) {
	for _, u := range selected.Unmatched {
		unknown := &unknownNameError{what: u.What}
		unknown.add(u.Name, closestSelectable(selected.TOC, u))
		if s.strictNames {
			return nil, unknown
		}
		warnings = append(warnings, unknown.Error()+": "+unknown.hint())
	}
	return warnings, nil
}

// closestSelectable returns names that the option would have taken and that
// are much like the one given: the whole tag, which holds a function's
// arguments and a trigger's table.
func closestSelectable(t *toc.TOC, u toc.Unmatched) []string {
	var tags []string
	for _, e := range t.Entries {
		if isSelectableAs(e.Kind, u.What) {
			tags = append(tags, e.Tag)
		}
	}
	name := u.Name
	if i := strings.LastIndexByte(name, '.'); i >= 0 && u.What != "schema" {
		name = name[i+1:] // the option takes no schema
	}
	return toc.ClosestNames(name, tags, 3)
}

func isSelectableAs(k toc.Kind, what string) bool {
	switch k {
	case toc.Schema:
		return what == "schema"
	case toc.Table, toc.View, toc.ForeignTable, toc.MaterializedView, toc.Sequence:
		return what == "table"
	case toc.Index:
		return what == "index"
	case toc.Function, toc.Aggregate, toc.Procedure:
		return what == "function"
	case toc.Trigger:
		return what == "trigger"
	}
	return false
}
