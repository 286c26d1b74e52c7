package toc

import "strings"

// Unmatched is a name in a selection that no entry has.
type Unmatched struct {
	What string // "schema", "table", "index", "function", "trigger" or "extension"
	Name string

	// Plain is set if pg_restore would take the name, and restore nothing
	// for it: it is no pattern, not qualified, and not of an option that
	// pg_restore does not have.
	Plain bool
}

// What the names of an option can be, by the kinds of entries they choose.
const (
	ofSchema    = "schema"
	ofTable     = "table"
	ofIndex     = "index"
	ofFunction  = "function"
	ofTrigger   = "trigger"
	ofExtension = "extension"
)

// SelectableAs says what names choose entries of a kind: "table" for tables,
// views, materialized views, foreign tables, sequences and the data of all of
// these, "index", "function" (aggregates and procedures too), "trigger",
// "extension", or "". Of schemas no entry is chosen, but what is in them.
func SelectableAs(k Kind) string {
	switch k {
	case Table, TableData, View, ForeignTable, MaterializedView, MaterializedViewData, Sequence, SequenceSet:
		return ofTable
	case Index:
		return ofIndex
	case Function, Aggregate, Procedure:
		return ofFunction
	case Trigger:
		return ofTrigger
	case Extension:
		return ofExtension
	}
	return ""
}

// object is what a name stands for: entries of one namespace and tag. A whole
// schema has no tag.
type object struct{ namespace, tag string }

// names are those given to one option.
type names struct {
	option string // its long name
	what   string
	list   []string
	exact  map[string]bool   // those that entries have, byte for byte
	read   map[object]string // what the others stand for as patterns, and the first that does
	met    map[string]bool   // those that chose something
}

// newNames reads the names of one option. Every object of the archive that
// they could mean counts, but that a pattern met something says only what
// admits lets through.
func newNames(t *TOC, option, what string, list []string, patterns bool, admits func(*Entry) bool) *names {
	n := &names{option: option, what: what, list: list}
	if len(list) == 0 {
		return n
	}
	n.exact, n.read, n.met = make(map[string]bool), make(map[object]string), make(map[string]bool)
	for _, name := range list {
		n.exact[name] = !patterns
	}
	for _, e := range t.Entries {
		name, ok := n.nameOf(e)
		if what == ofSchema && e.Kind == Schema {
			name, ok = e.Tag, true // it may be empty
		}
		if _, given := n.exact[name]; ok && given {
			n.exact[name] = true
		}
	}
	for _, name := range list {
		if !n.exact[name] {
			n.readPattern(t, NewPattern(name), admits)
		}
	}
	return n
}

// nameOf returns the name by which the option would choose an entry.
func (n *names) nameOf(e *Entry) (string, bool) {
	if n.what == ofSchema {
		return e.Namespace, e.Namespace != ""
	}
	return e.Tag, SelectableAs(e.Kind) == n.what
}

func (n *names) objectOf(e *Entry) object {
	if n.what == ofSchema {
		return object{namespace: e.Namespace}
	}
	return object{e.Namespace, e.Tag}
}

// readPattern finds what a pattern stands for.
func (n *names) readPattern(t *TOC, p Pattern, admits func(*Entry) bool) {
	for _, e := range t.Entries {
		name, ok := n.nameOf(e)
		if !ok || n.what == ofSchema && !p.MatchesName(name) || n.what != ofSchema && !t.Matches(p, e) {
			continue
		}
		if o := n.objectOf(e); n.read[o] == "" {
			n.read[o] = p.String()
		}
		if admits(e) {
			n.met[p.String()] = true
		}
	}
}

// of returns which of the names an entry has.
func (n *names) of(e *Entry) (string, bool) {
	if len(n.list) == 0 {
		return "", false
	}
	name, ok := n.nameOf(e)
	if !ok {
		return "", false
	}
	if n.exact[name] {
		n.met[name] = true
		return name, true
	}
	name, ok = n.read[n.objectOf(e)]
	return name, ok
}

// unmatched lists the names never met.
func (n *names) unmatched() []Unmatched {
	var list []Unmatched
	for _, name := range n.list {
		if !n.met[name] {
			list = append(list, Unmatched{n.what, name, !strings.HasPrefix(n.option, "exclude-") && isPlain(n.what, name)})
		}
	}
	return list
}

// isPlain reports whether a name can be no pattern and is not qualified. The
// arguments of a function may hold anything.
func isPlain(what, name string) bool {
	if what == ofFunction {
		name = functionName(name)
	}
	return !strings.ContainsAny(name, `*?["`) && (what == ofSchema || !strings.Contains(name, "."))
}

// readNames reads the names of all options.
func (m *matcher) readNames(t *TOC) {
	all := func(*Entry) bool { return true }
	read := func(option, what string, list []string, admits func(*Entry) bool) *names {
		return newNames(t, option, what, list, m.Patterns, admits)
	}
	m.schemas = read("schema", ofSchema, m.Schemas, all)
	m.excludeSchemas = read("exclude-schema", ofSchema, m.ExcludeSchemas, all)
	inSchemas := func(e *Entry) bool { return m.inSchemas(e) }
	m.tables = read("table", ofTable, m.Tables, inSchemas)
	m.indexes = read("index", ofIndex, m.Indexes, inSchemas)
	m.functions = read("function", ofFunction, m.Functions, inSchemas)
	m.triggers = read("trigger", ofTrigger, m.Triggers, inSchemas)
	for _, x := range []struct {
		option, what string
		list         []string
	}{
		{"exclude-table", ofTable, m.ExcludeTables},
		{"exclude-table-data", ofTable, m.ExcludeTableData},
		{"exclude-index", ofIndex, m.ExcludeIndexes},
		{"exclude-function", ofFunction, m.ExcludeFunctions},
		{"exclude-trigger", ofTrigger, m.ExcludeTriggers},
		{"exclude-extension", ofExtension, m.ExcludeExtensions},
	} {
		if len(x.list) > 0 {
			m.exclusions = append(m.exclusions, read(x.option, x.what, x.list, all))
		}
	}
}

// inSchemas reports whether -n and -N let an entry through, without counting
// their names as met.
func (m *matcher) inSchemas(e *Entry) bool {
	in := func(n *names) bool { return n.exact[e.Namespace] || n.read[object{namespace: e.Namespace}] != "" }
	return (len(m.Schemas) == 0 || in(m.schemas)) && !in(m.excludeSchemas)
}

// unmatched lists the names never met, in the order of pg_restore's tests.
// Of -N pg_restore does not tell; only its patterns are listed.
func (m *matcher) unmatched() []Unmatched {
	if m.reach != nil {
		return m.withExclusions(m.reach.base.Unmatched)
	}
	var list []Unmatched
	for _, n := range []*names{m.schemas, m.tables, m.indexes, m.functions, m.triggers} {
		list = append(list, n.unmatched()...)
	}
	for _, name := range m.ExcludeSchemas {
		if m.Patterns && !isPlain(ofSchema, name) && !m.excludeSchemas.met[name] {
			list = append(list, Unmatched{What: ofSchema, Name: name})
		}
	}
	return m.withExclusions(list)
}

func (m *matcher) withExclusions(list []Unmatched) []Unmatched {
	for _, n := range m.exclusions {
		list = append(list, n.unmatched()...)
	}
	return list
}
