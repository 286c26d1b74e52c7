package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/pgarc/pgarc/restore"
	"github.com/pgarc/pgarc/script"
	"github.com/pgarc/pgarc/toc"
)

// mappingFlags give schemas, roles and tablespaces of the archive other names.
type mappingFlags struct {
	schemas, owners, tablespaces []string // "old=new"
	unsafe                       string
}

func (m *mappingFlags) addFlags(fs *pflag.FlagSet) {
	fs.StringArrayVar(&m.schemas, "rename-schema", nil, "OLD=NEW: another name for a schema")
	fs.StringArrayVar(&m.owners, "map-owner", nil, "OLD=NEW: another role in place of one")
	fs.StringArrayVar(&m.tablespaces, "map-tablespace", nil, "OLD=NEW: another tablespace in place of one")
	fs.StringVar(&m.unsafe, "rename-unsafe", "error", "keep: leave what cannot be renamed safely as it is")
}

// mappingHelp describes the flags, in the help of every command that has them.
const mappingHelp = `Other names, where SQL names the object; OLD and NEW without quotes, or as in SQL
("a=b"=c). Each may be given several times, and all are done at once:
      --rename-schema OLD=NEW   in every statement, but not in data, comments, nor
                                in strings unless they are names ('a.t'::regclass).
                                What is selected is chosen by the old names
      --map-owner OLD=NEW       in owners, grants, policies, user mappings, ...
      --map-tablespace OLD=NEW
      --rename-unsafe keep      where it cannot be told whether a schema is named,
                                or it is named in the body of a function, leave the
                                statement as it is, with a warning; by default that
                                is an error
`

// mapping reads the options.
func (m *mappingFlags) mapping() (script.Mapping, error) {
	var r script.Mapping
	switch m.unsafe {
	case "error":
	case "keep":
		r.KeepUnsafe = true
	default:
		return r, &usageError{fmt.Sprintf("unknown value %q of --rename-unsafe", visible(m.unsafe)), "it is error, the default, or keep"}
	}
	for _, x := range []struct {
		flag string
		list []string
		to   *map[string]string
	}{{"rename-schema", m.schemas, &r.Schemas}, {"map-owner", m.owners, &r.Owners}, {"map-tablespace", m.tablespaces, &r.Tablespaces}} {
		names, err := readPairs(x.flag, x.list)
		if err != nil {
			return r, err
		}
		*x.to = names
	}
	return r, nil
}

// readPairs reads "old=new" options.
func readPairs(flag string, list []string) (map[string]string, error) {
	names := make(map[string]string)
	for _, text := range list {
		old, rest, ok := cutName(text)
		name, end, ok2 := cutName(strings.TrimPrefix(rest, "="))
		if !ok || !ok2 || !strings.HasPrefix(rest, "=") || end != "" || old == "" || name == "" {
			return nil, &usageError{fmt.Sprintf("--%s %s: want OLD=NEW", flag, visible(text)), `a name that holds "=" goes in double quotes, as in SQL`}
		}
		if other, twice := names[old]; twice && other != name {
			return nil, usagef("--%s gives %q two names: %q and %q", flag, visible(old), visible(other), visible(name))
		}
		names[old] = name
	}
	for old, name := range names {
		if old == name {
			delete(names, old)
		}
	}
	if len(names) == 0 {
		return nil, nil
	}
	return names, nil
}

// cutName reads a name from the front of a text: in double quotes, or up to "=".
func cutName(text string) (name, rest string, ok bool) {
	if !strings.HasPrefix(text, `"`) {
		if i := strings.IndexByte(text, '='); i >= 0 {
			return text[:i], text[i:], true
		}
		return text, "", true
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		if text[i] == '"' {
			if i+1 == len(text) || text[i+1] != '"' {
				return b.String(), text[i+1:], true
			}
			i++
		}
		b.WriteByte(text[i])
	}
	return "", "", false
}

// applyMapping gives what is selected its other names, and warns of what stays.
func applyMapping(env *env, m script.Mapping, selected *toc.Selected) (*toc.Selected, error) {
	selected, unsafe, err := m.Apply(selected)
	var refused *script.UnsafeError
	var unknown *script.UnknownNameError
	switch {
	case errors.As(err, &refused):
		for _, u := range unsafe[:len(unsafe)-1] {
			fmt.Fprintf(env.stderr, "pgarc: error: cannot be renamed safely: %s\n", visible(u.String()))
		}
		return nil, &unsafeError{unsafe[len(unsafe)-1]}
	case errors.As(err, &unknown):
		e := &unknownNameError{what: unknown.What}
		e.add(unknown.Name, toc.ClosestNames(unknown.Name, unknown.Names, 3))
		return nil, e
	case err != nil:
		return nil, err
	}
	for _, u := range unsafe {
		fmt.Fprintf(env.stderr, "pgarc: warning: left as it is: %s\n", visible(u.String()))
	}
	return selected, nil
}

// An unsafeError is the last of the places that a mapping cannot be applied to;
// those before have been told.
type unsafeError struct{ script.Unsafe }

func (e *unsafeError) Error() string { return "cannot be renamed safely: " + e.String() }

func (e *unsafeError) hint() string {
	return "restore without these (-L), or with --rename-unsafe keep leave them as they are; then change them by hand"
}

// writeChanges tells, a line a name, what a mapping does to a selection.
func writeChanges(w io.Writer, m script.Mapping, was, is *toc.Selected) {
	changed := 0
	entries := was.Entries()
	for _, e := range entries {
		if is.TOC.Lookup(e.ID) != e {
			changed++
		}
	}
	for _, x := range []struct {
		names  map[string]string
		format string
		is     func(e *toc.Entry, name string) bool
	}{
		{m.Schemas, "schema %s becomes %s: %s in it\n", func(e *toc.Entry, name string) bool { return e.Namespace == name }},
		{m.Owners, "role %s becomes %s: owner of %s\n", func(e *toc.Entry, name string) bool { return e.Owner.String == name }},
		{m.Tablespaces, "tablespace %s becomes %s: %s in it\n", func(e *toc.Entry, name string) bool { return e.Tablespace.String == name }},
	} {
		for _, old := range slices.Sorted(maps.Keys(x.names)) {
			n := len(keep(entries, func(e *toc.Entry) bool { return x.is(e, old) }))
			fmt.Fprintf(w, x.format, quoteList([]string{old}), quoteList([]string{x.names[old]}), entryCount(n))
		}
	}
	if !m.IsZero() {
		fmt.Fprintf(w, "%s changed by this\n\n", entryCount(changed))
	}
}

func entryCount(n int) string {
	if n == 1 {
		return "1 entry"
	}
	return thousands(int64(n)) + " entries"
}

// readLacking reads the list of --skip-missing.
func readLacking(list []string) (restore.Lacking, error) {
	var m restore.Lacking
	for _, word := range list {
		switch word {
		case "roles":
			m |= restore.LackingRoles
		case "extensions":
			m |= restore.LackingExtensions
		case "tablespaces":
			m |= restore.LackingTablespaces
		default:
			return 0, &usageError{fmt.Sprintf("--skip-missing knows no %q", visible(word)), "it takes roles, extensions, tablespaces, or several of them with commas"}
		}
	}
	return m, nil
}

// writeLeftOut lists what --skip-missing did without, a line a name.
func writeLeftOut(w io.Writer, left []script.LeftOut) {
	type thing struct{ what, name string }
	var things []thing
	whole, parts := make(map[thing][]string), make(map[thing]int)
	for _, l := range left {
		t := thing{l.What, l.Name}
		if len(whole[t]) == 0 && parts[t] == 0 {
			things = append(things, t)
		}
		if l.Whole {
			whole[t] = append(whole[t], fmt.Sprintf("%s %s", l.Entry.Kind, entryName(l.Entry)))
		} else {
			parts[t]++
		}
	}
	if len(things) > 0 {
		fmt.Fprintf(w, "pgarc: left out, because the server does not have it (--skip-missing):\n")
	}
	for _, t := range things {
		fmt.Fprintf(w, "  %s %s:", t.what, quoteList([]string{t.name}))
		if n := parts[t]; n > 0 {
			fmt.Fprintf(w, " a part of %s", entryCount(n))
		}
		if list := whole[t]; len(list) > 0 {
			if parts[t] > 0 {
				fmt.Fprint(w, ", and")
			}
			fmt.Fprintf(w, " %s", shortList(list, 20))
		}
		fmt.Fprintln(w)
	}
}

// apply gives some entries of an archive their other names, and returns the
// table of contents that has them. What cannot be changed safely in the
// definitions is told to talk; nil: they are not printed.
func (m *mappingFlags) apply(t *toc.TOC, entries []*toc.Entry, talk io.Writer) (*toc.TOC, []*toc.Entry, error) {
	mapping, err := m.mapping()
	if err != nil || mapping.IsZero() {
		return t, entries, err
	}
	selected := toc.Selection{UseList: true, List: ids(entries), Create: true}.Apply(t)
	if talk == nil {
		mapping.KeepUnsafe, talk = true, io.Discard
	}
	selected, err = applyMapping(&env{stderr: talk}, mapping, selected)
	if err != nil {
		return nil, nil, err
	}
	changed := make([]*toc.Entry, len(entries))
	for i, e := range entries {
		changed[i] = selected.TOC.Lookup(e.ID)
	}
	return selected.TOC, changed, nil
}

func ids(entries []*toc.Entry) []toc.DumpID {
	list := make([]toc.DumpID, len(entries))
	for i, e := range entries {
		list[i] = e.ID
	}
	return list
}
