package errorlog

import (
	"slices"
	"strings"

	"github.com/pgarc/pgarc/script"
	"github.com/pgarc/pgarc/toc"
)

// object is what a statement is about, as far as its first words tell.
type object struct {
	kinds  []toc.Kind
	schema string
	table  string // for what belongs to a table
	name   string
}

// byStatement finds entries by the names in a statement, whose text is not that
// of the archive: it comes from another dump of the database, or from another
// version.
func (x *index) byStatement(sql string) []*toc.Entry {
	o := readObject(sql)
	if o.name == "" {
		return nil
	}
	var list []*toc.Entry
	for _, e := range x.toc.Entries {
		if slices.Contains(o.kinds, e.Kind) && (o.schema == "" || e.Namespace == o.schema) && o.named(e.Tag) {
			list = append(list, e)
		}
	}
	return list
}

// named reports whether a tag is that of the object.
func (o object) named(tag string) bool {
	if o.table != "" {
		return tag == o.table+" "+o.name
	}
	return tag == o.name || strings.HasPrefix(tag, o.name+"(")
}

// words reads a statement word by word.
type words struct {
	list []string // capitals for bare words, names in quotes as they are
}

func newWords(sql string) *words {
	w := &words{}
	for t := range script.Tokens(sql, true) {
		switch t.Kind {
		case script.Space, script.LineComment, script.BlockComment:
		default:
			w.list = append(w.list, sql[t.Start:t.End])
		}
		if len(w.list) > 200 { // names stand at the front
			break
		}
	}
	return w
}

// take removes the given keywords from the front, if they all stand there.
func (w *words) take(keywords ...string) bool {
	if len(w.list) < len(keywords) {
		return false
	}
	for i, k := range keywords {
		if !strings.EqualFold(w.list[i], k) {
			return false
		}
	}
	w.list = w.list[len(keywords):]
	return true
}

// skipTo drops words up to and with the keywords.
func (w *words) skipTo(keywords ...string) bool {
	for len(w.list) > 0 {
		if w.take(keywords...) {
			return true
		}
		w.list = w.list[1:]
	}
	return false
}

// name takes "schema.name" from the front.
func (w *words) name() (schema, name string) {
	if len(w.list) == 0 {
		return "", ""
	}
	name, w.list = unquoted(w.list[0]), w.list[1:]
	if len(w.list) > 1 && w.list[0] == "." {
		schema, name, w.list = name, unquoted(w.list[1]), w.list[2:]
	}
	return schema, name
}

func unquoted(word string) string {
	if len(word) >= 2 && word[0] == '"' {
		return strings.ReplaceAll(word[1:len(word)-1], `""`, `"`)
	}
	return strings.ToLower(word)
}

var (
	constraints = []toc.Kind{toc.FKConstraint, toc.Constraint, toc.CheckConstraint}
	relations   = []toc.Kind{toc.Table, toc.View, toc.MaterializedView, toc.Sequence, toc.ForeignTable}
)

// readObject reads the first words of a statement.
func readObject(sql string) object {
	w := newWords(sql)
	switch {
	case w.take("ALTER", "TABLE"):
		return alterTable(w)
	case w.take("ALTER", "INDEX"):
		schema, _ := w.name()
		if w.take("ATTACH", "PARTITION") {
			s, name := w.name()
			return object{kinds: []toc.Kind{toc.IndexAttach}, schema: s, name: name}
		}
		return object{schema: schema}
	case w.take("CREATE"):
		return create(w)
	case w.take("ALTER"), w.take("DROP"):
		return kindAndName(w)
	case w.take("COPY"), w.take("INSERT", "INTO"), w.take("TRUNCATE", "TABLE", "ONLY"):
		schema, name := w.name()
		return object{kinds: []toc.Kind{toc.TableData}, schema: schema, name: name}
	case w.take("REFRESH", "MATERIALIZED", "VIEW"):
		schema, name := w.name()
		return object{kinds: []toc.Kind{toc.MaterializedViewData}, schema: schema, name: name}
	case w.take("SELECT", "pg_catalog", ".", "setval", "("):
		if len(w.list) > 0 && strings.HasPrefix(w.list[0], "'") {
			schema, name := newWords(strings.Trim(w.list[0], "'")).name()
			return object{kinds: []toc.Kind{toc.SequenceSet}, schema: schema, name: name}
		}
	}
	return object{}
}

// alterTable reads on after ALTER TABLE.
func alterTable(w *words) object {
	_ = w.take("IF", "EXISTS")
	_ = w.take("ONLY")
	schema, table := w.name()
	switch {
	case w.take("ADD", "CONSTRAINT"), w.take("DROP", "CONSTRAINT"):
		_ = w.take("IF", "EXISTS")
		_, name := w.name()
		return object{kinds: constraints, schema: schema, table: table, name: name}
	case w.take("ALTER", "COLUMN"):
		_, column := w.name()
		if w.take("SET", "DEFAULT") {
			return object{kinds: []toc.Kind{toc.Default}, schema: schema, table: table, name: column}
		}
	case w.take("ATTACH", "PARTITION"):
		s, name := w.name()
		return object{kinds: []toc.Kind{toc.TableAttach}, schema: s, name: name}
	case w.take("ENABLE", "ROW", "LEVEL", "SECURITY"):
		return object{kinds: []toc.Kind{toc.RowSecurity}, schema: schema, name: table}
	}
	return object{kinds: relations, schema: schema, name: table}
}

// create reads on after CREATE.
func create(w *words) object {
	_ = w.take("OR", "REPLACE")
	for _, k := range []string{"UNIQUE", "UNLOGGED", "CONSTRAINT", "RECURSIVE", "TRUSTED"} {
		_ = w.take(k)
	}
	return kindAndName(w)
}

// kindAndName reads "INDEX CONCURRENTLY IF NOT EXISTS schema.name …".
func kindAndName(w *words) object {
	var kind toc.Kind
	for n := min(4, len(w.list)); n > 0; n-- {
		if k := toc.Kind(strings.ToUpper(strings.Join(w.list[:n], " "))); k.Known() {
			kind, w.list = k, w.list[n:]
			break
		}
	}
	_ = w.take("CONCURRENTLY")
	_ = w.take("IF", "NOT", "EXISTS")
	_ = w.take("IF", "EXISTS")
	schema, name := w.name()
	switch kind {
	case "":
		return object{}
	case toc.Trigger, toc.Rule, toc.Policy:
		keyword := "ON"
		if kind == toc.Rule {
			keyword = "TO"
		}
		if !w.skipTo(keyword) {
			return object{}
		}
		s, table := w.name()
		return object{kinds: []toc.Kind{kind}, schema: s, table: table, name: name}
	case "DOMAIN", "TYPE":
		return object{kinds: []toc.Kind{kind, "SHELL TYPE"}, schema: schema, name: name}
	}
	return object{kinds: []toc.Kind{kind}, schema: schema, name: name}
}
