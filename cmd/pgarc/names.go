package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pgarc/pgarc/toc"
)

// A namedEntries is what one name on the command line stands for.
type namedEntries struct {
	name    string
	entries []*toc.Entry // in archive order; none if nothing has the name
}

// findNames looks up each name. With kinds, only entries of one of them count.
func findNames(t *toc.TOC, names []string, kinds []toc.Kind) []namedEntries {
	found := make([]namedEntries, len(names))
	for i, name := range names {
		found[i] = namedEntries{name, t.Find(toc.NewPattern(name), kinds)}
	}
	return found
}

// checkFound returns an error for the names that nothing has.
func checkFound(t *toc.TOC, found []namedEntries, kinds []toc.Kind) error {
	err := &unknownNameError{what: "object"}
	if len(kinds) > 0 {
		err.what = "object of that type"
	}
	for _, f := range found {
		if len(f.entries) == 0 {
			err.add(f.name, t.Closest(f.name, kinds, 3))
		}
	}
	return err.orNil()
}

// An unknownNameError says that names on the command line are not those of
// anything in the archive.
type unknownNameError struct {
	what    string // "object", "schema", "table"
	names   []string
	closest []string // names that are much like them
}

func (e *unknownNameError) add(name string, closest []string) {
	e.names = append(e.names, name)
	e.closest = append(e.closest, closest...)
}

// orNil returns the error, or nil if no name was added.
func (e *unknownNameError) orNil() error {
	if len(e.names) == 0 {
		return nil
	}
	return e
}

func (e *unknownNameError) Error() string {
	return fmt.Sprintf("no %s %s in the archive", e.what, quoteList(e.names))
}

func (e *unknownNameError) hint() string {
	if len(e.closest) == 0 {
		return "pgarc ls shows what is in the archive"
	}
	return "did you mean " + strings.Join(quoted(e.closest), " or ") + "?"
}

func quoteList(names []string) string { return strings.Join(quoted(names), ", ") }

func quoted(names []string) []string {
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = `"` + visible(name) + `"`
	}
	return list
}

// parseKinds reads the --type options.
func parseKinds(t *toc.TOC, lists []string) ([]toc.Kind, error) {
	kinds, unknown := t.ParseKinds(strings.Join(lists, ","))
	if len(unknown) == 0 {
		return kinds, nil
	}
	err := &usageError{message: "unknown type " + quoteList(unknown)}
	if close := toc.ClosestNames(unknown[0], t.KindNames(), 2); len(close) > 0 {
		err.hint = "did you mean " + strings.Join(quoted(close), " or ") + "? "
	}
	err.hint += "this archive has: " + strings.Join(kindsIn(t), ", ")
	return nil, err
}

// kindsIn returns the kinds in an archive as one types them, sorted.
func kindsIn(t *toc.TOC) []string {
	var names []string
	for _, kind := range totalsOf(t.Entries).byCount() {
		if !kind.Info().Special {
			names = append(names, strings.ToLower(strings.ReplaceAll(string(kind), " ", "-")))
		}
	}
	slices.Sort(names)
	return names
}

// completeNames completes the arguments of a command: the archive, then the
// names of objects in it.
func completeNames(env *env) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		name, _, err := archiveArg(env, args)
		if err != nil {
			return nil, cobra.ShellCompDirectiveDefault // file names
		}
		t := tocForCompletion(name)
		if t == nil {
			return nil, cobra.ShellCompDirectiveDefault
		}
		directive := cobra.ShellCompDirectiveNoFileComp
		if len(args) == 0 {
			directive = cobra.ShellCompDirectiveDefault // it may be the archive yet
		}
		return namesWith(t, typed, nil), directive
	}
}

// namesWith returns the names of objects that begin with what was typed, each
// once, in archive order. With kinds, only of these.
func namesWith(t *toc.TOC, typed string, kinds []toc.Kind) []string {
	var names []string
	seen := make(map[string]bool)
	for _, e := range t.Entries {
		info := e.Kind.Info()
		if info.Special || info.Tag == toc.TagOnObject || len(kinds) > 0 && !hasKind(kinds, e.Kind) {
			continue
		}
		n := t.NameOf(e)
		// With the table or the schema, if the user began with it.
		for _, name := range []string{n.Name, toc.Name{Table: n.Table, Name: n.Name}.String(), n.String()} {
			if strings.HasPrefix(name, typed) && !seen[name] && isVisible(name) {
				seen[name] = true
				names = append(names, name)
				break
			}
		}
	}
	return names
}
