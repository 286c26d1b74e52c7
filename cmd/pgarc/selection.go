package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/pgarc/pgarc/toc"
)

// selectionFlags choose the entries to restore: pg_restore's options, with
// their names and meaning, and those that pg_restore does not have.
//
// A script that runs pg_restore may name what a database happens not to have,
// and pg_restore passes over it in silence. Such a name is a warning here. Once
// a name or an option is one that pg_restore does not know, a person has
// written this for pgarc, and whatever matches nothing is an error, unless
// --allow-empty.
type selectionFlags struct {
	toc.Selection // all but Sections, List, Patterns and ExcludeKinds
	excludeTypes  []string
	allowEmpty    bool
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
	fs.BoolVar(&s.allowEmpty, "allow-empty", false, "a name that nothing has is no error")
	fs.StringVarP(&s.listFile, "use-list", "L", "", "only what the list file names, in its order")
	fs.StringArrayVar(&s.filterFiles, "filter", nil, "names as the filter file says")

	fs.StringArrayVar(&s.ExcludeTables, "exclude-table", nil, "not this table and what belongs to it")
	fs.StringArrayVar(&s.ExcludeTableData, "exclude-table-data", nil, "not the data of this table")
	fs.StringArrayVar(&s.ExcludeIndexes, "exclude-index", nil, "not this index")
	fs.StringArrayVar(&s.ExcludeFunctions, "exclude-function", nil, "not this function")
	fs.StringArrayVar(&s.ExcludeTriggers, "exclude-trigger", nil, "not this trigger")
	fs.StringArrayVar(&s.ExcludeExtensions, "exclude-extension", nil, "not this extension")
	fs.StringArrayVar(&s.excludeTypes, "exclude-type", nil, "not these types")
	fs.BoolVar(&s.WithDeps, "with-deps", false, "also what the selection needs")
	fs.BoolVar(&s.WithDependents, "with-dependents", false, "also what belongs to the selection, and what all that needs")

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

// beyondHelp is what the help of all commands with these options says of those
// that pg_restore does not have.
const beyondHelp = `What pg_restore cannot select:
      --with-deps                  also what the selection needs: types, functions,
                                   parent tables, extensions, ..., without data
      --with-dependents            also what belongs to the selection: sequences,
                                   constraints, indexes, triggers, rules, policies,
                                   ...; and what all that needs. A foreign key is
                                   restored if both its tables are
      --exclude-table NAME         not this table (view, sequence, ...) and what
                                   belongs to it, nor foreign keys that refer to it
      --exclude-table-data NAME    not its data
      --exclude-index NAME         --exclude-function NAME
      --exclude-trigger NAME       --exclude-extension NAME
      --exclude-type TYPE,...      not these types: trigger, fk, policy, ...
      --allow-empty                a name that nothing has is no error

  A NAME that something in the archive has means that, byte for byte, in any schema:
  as in pg_restore. Any other is read as elsewhere in pgarc: schema.name, a name in
  double quotes as in SQL, a function without its arguments, a trigger without its
  table, a dump id, or any of these with the shell's *, ? and [a-z].
  A name that nothing has is an error which tells the closest ones. It is only a
  warning where pg_restore would say nothing: a plain name, with none of these
  options. What is excluded stays out whatever needs it. With --with-deps and
  --with-dependents, -L chooses, and does not order.
`

// selectionConflicts are the pairs that pg_restore 18 refuses, and one of
// pgarc's own.
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
	{"strict-names", "allow-empty"},
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

// isOn reports whether an option is on; one that the command does not have is
// not.
func isOn(fs *pflag.FlagSet, name string) bool {
	f := fs.Lookup(name)
	return f != nil && f.Changed && f.Value.String() != "false"
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

// readFilters adds the names of the filter files to those of the options.
func (s *selectionFlags) readFilters(env *env) error {
	for _, name := range s.filterFiles {
		if err := s.readFilter(env, name); err != nil {
			return fmt.Errorf("filter file %s: %w", name, err)
		}
	}
	return nil
}

// readFilter reads one filter file; "-" is standard input.
func (s *selectionFlags) readFilter(env *env, name string) error {
	if name == "-" {
		return s.ReadFilter(env.stdin)
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return s.ReadFilter(f)
}

// choose returns the selection and what of t it is, and warns of what is odd
// about it: list and filter files, names that nothing has, nothing at all.
func (s *selectionFlags) choose(env *env, t *toc.TOC) (sel toc.Selection, selected *toc.Selected, err error) {
	if err := s.readFilters(env); err != nil {
		return sel, nil, err
	}
	sel, warnings, err := s.selection(t)
	if err == nil {
		selected = sel.Apply(t)
		var more []string
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
	sel.Patterns = true
	var err error
	if sel.ExcludeKinds, err = parseKinds(t, s.excludeTypes); err != nil {
		return sel, nil, err
	}
	if s.isBeyond() && t.DepsAreOIDs {
		return sel, nil, &usageError{"the archive does not tell what depends on what",
			"it is of PostgreSQL 7: neither --with-... nor --exclude-... can be used with it"}
	}
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

// isBeyond reports whether an option is used that pg_restore does not have.
func (s *selectionFlags) isBeyond() bool {
	names := [][]string{s.ExcludeTables, s.ExcludeTableData, s.ExcludeIndexes, s.ExcludeFunctions,
		s.ExcludeTriggers, s.ExcludeExtensions, s.excludeTypes}
	return s.WithDeps || s.WithDependents || slices.ContainsFunc(names, func(list []string) bool { return len(list) > 0 })
}

// checkNames is for the names that no entry has: an error, or a warning where
// pg_restore says nothing of them.
func (s *selectionFlags) checkNames(selected *toc.Selected) (warnings []string, err error) {
	for _, u := range selected.Unmatched {
		unknown := &unknownNameError{what: u.What}
		unknown.add(u.Name, closestSelectable(selected.TOC, u))
		if s.strictNames || !s.allowEmpty && (!u.Plain || s.isBeyond()) {
			return nil, unknown
		}
		warnings = append(warnings, unknown.Error()+": "+unknown.hint())
	}
	return warnings, nil
}

// closestSelectable returns names that the option would have taken and that
// are much like the one given: the bare name or the whole tag, which holds a
// function's arguments and a trigger's table.
func closestSelectable(t *toc.TOC, u toc.Unmatched) []string {
	var names []string
	for _, e := range t.Entries {
		switch {
		case u.What == "schema" && e.Kind == toc.Schema:
			names = append(names, e.Tag)
		case u.What == "schema":
			names = append(names, e.Namespace)
		case toc.SelectableAs(e.Kind) == u.What:
			names = append(names, bareName(t, e), e.Tag)
		}
	}
	name := strings.NewReplacer("*", "", "?", "", `"`, "").Replace(u.Name)
	end := len(name)
	if i := strings.IndexByte(name, '('); i >= 0 {
		end = i
	}
	if i := strings.LastIndexByte(name[:end], '.'); i >= 0 && u.What != "schema" {
		name = name[i+1:]
	}
	return toc.ClosestNames(name, names, 3)
}

// bareName is the name of an entry without table, schema and arguments.
func bareName(t *toc.TOC, e *toc.Entry) string {
	name := t.NameOf(e).Name
	if e.Kind.Info().Tag == toc.TagSignature {
		name, _, _ = strings.Cut(name, "(")
	}
	return name
}
