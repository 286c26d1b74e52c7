package errorlog

import (
	"slices"
	"strings"

	"github.com/pgarc/pgarc/script"
	"github.com/pgarc/pgarc/toc"
)

// index knows the entries of a TOC by the statements they send.
type index struct {
	toc        *toc.TOC
	statements map[string][]*toc.Entry // normal form of a statement
	sorted     []string                // its keys
}

func newIndex(t *toc.TOC) *index {
	x := &index{toc: t, statements: map[string][]*toc.Entry{}}
	for _, e := range t.Entries {
		if e.IsSpecial() {
			continue
		}
		for _, s := range statementsOf(t, e) {
			x.add(e, s)
		}
	}
	for s := range x.statements {
		x.sorted = append(x.sorted, s)
	}
	slices.Sort(x.sorted)
	return x
}

func (x *index) add(e *toc.Entry, sql string) {
	key := normal(sql)
	if key == "" || slices.Contains(x.statements[key], e) {
		return
	}
	x.statements[key] = append(x.statements[key], e)
}

// statementsOf returns every text that a restore of the entry may send: its
// queries, and the single statements in them, as psql and servers log them.
func statementsOf(t *toc.TOC, e *toc.Entry) []string {
	list, err := script.Create(t, e, script.Options{})
	if err != nil {
		list = []string{e.Defn}
	}
	list = append(list, script.Owner(e, script.Options{})...)
	list = append(list, oldOwner(e)...)
	list = append(list, script.SetAccessMethod(e, script.Options{})...)
	list = append(list, script.Drop(e, false)...)
	list = append(list, script.Drop(e, true)...)
	if e.HasDumper {
		list = append(list, e.Copy, script.DisableTriggers(e), script.EnableTriggers(e))
		if e.Namespace != "" {
			list = append(list, "TRUNCATE TABLE ONLY "+script.Qualified(e.Namespace, e.Tag)+";")
		}
	}
	if statements := script.SplitStatements(e.Defn, t.StdStrings); len(statements) > 1 {
		list = append(list, statements...)
	}
	return list
}

// oldOwner returns the owner statement as pg_restore up to 15 sends it for
// what is no table.
func oldOwner(e *toc.Entry) []string {
	switch e.Kind {
	case toc.View, toc.Sequence, toc.MaterializedView:
		if e.Owner.String != "" {
			return []string{"ALTER TABLE " + script.Qualified(e.Namespace, e.Tag) + " OWNER TO " + script.Ident(e.Owner.String)}
		}
	}
	return nil
}

// normal returns SQL with all white space runs as one blank, without the last
// semicolon.
func normal(sql string) string {
	return strings.TrimRight(strings.Join(strings.Fields(sql), " "), "; ")
}

// bySQL finds the entries that send a failure's statement.
func (x *index) bySQL(f Failure) ([]*toc.Entry, string) {
	sql := normal(f.SQL)
	if sql == "" {
		return nil, ""
	}
	if f.Truncated {
		if list := x.startingWith(sql); len(list) > 0 {
			return list, ByPrefix
		}
		return nil, ""
	}
	if list := x.statements[sql]; len(list) > 0 {
		return list, BySQL
	}
	if list := x.startOf(sql); len(list) > 0 {
		return list, BySQL
	}
	return nil, ""
}

// startingWith finds the entries whose statement begins with the given text.
func (x *index) startingWith(sql string) []*toc.Entry {
	var list []*toc.Entry
	i, _ := slices.BinarySearch(x.sorted, sql)
	for ; i < len(x.sorted) && strings.HasPrefix(x.sorted[i], sql); i++ {
		for _, e := range x.statements[x.sorted[i]] {
			if !slices.Contains(list, e) {
				list = append(list, e)
			}
		}
	}
	return list
}

// startOf finds the entries with the longest statement that the text begins
// with: after the statement, the log went on with lines of others.
func (x *index) startOf(sql string) []*toc.Entry {
	for common := sql; common != ""; {
		i, exact := slices.BinarySearch(x.sorted, common)
		if !exact {
			i--
		}
		if i < 0 {
			return nil
		}
		statement := x.sorted[i]
		n := commonPrefix(statement, common)
		if n == len(statement) && (n == len(sql) || sql[n] == ';' || sql[n] == ' ') {
			return x.statements[statement]
		}
		if n == len(common) {
			n-- // a whole statement, but the text's word goes on
		}
		common = common[:n]
	}
	return nil
}

func commonPrefix(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
