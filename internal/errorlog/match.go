package errorlog

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pgarc/pgarc/toc"
)

// How an entry was found, for people.
const (
	ByID        = "dump id and name agree"
	ByName      = "by name: the dump id is another dump's"
	BySQL       = "by its SQL"
	ByPrefix    = "by its SQL, cut off in the log"
	ByStatement = "by the name in the statement: its text is not the archive's"
	ByTable     = "by the name of the table"
)

// A Match is what became of one failure, or of several of one entry.
type Match struct {
	Failures []Failure    // in the order of the log; never empty
	Entries  []*toc.Entry // one; several if the log does not tell them apart; none if nothing was found
	How      string       // one of the constants; "" if nothing was found
	Problem  string       // why there is not exactly one entry; else ""
	Setting  bool         // what failed is a setting of the session: there is no entry to find
}

// Resolve finds the entries of failures. Failures of the same entry come as one
// match, at the place of the first.
func Resolve(t *toc.TOC, failures []Failure) []Match {
	x := newIndex(t)
	var list []Match
	at := map[toc.DumpID]int{}
	problems := map[string]int{}
	for _, f := range failures {
		m := x.match(f)
		if len(m.Entries) == 1 {
			if i, ok := at[m.Entries[0].ID]; ok {
				list[i].Failures = append(list[i].Failures, f)
				continue
			}
			at[m.Entries[0].ID] = len(list)
		} else if f.SQL+f.Subject != "" {
			// The same unknown statement, once for every connection.
			key := f.Subject + "\x00" + f.SQL + "\x00" + f.Table
			if i, ok := problems[key]; ok {
				list[i].Failures = append(list[i].Failures, f)
				continue
			}
			problems[key] = len(list)
		}
		list = append(list, m)
	}
	return list
}

// match goes from the surest sign to the least.
func (x *index) match(f Failure) Match {
	m := Match{Failures: []Failure{f}}
	bySQL, how := x.bySQL(f)
	if e := x.toc.Lookup(f.ID); e != nil && agrees(e, f) != no && sameOIDs(e, f) {
		// Workers write at the same time, so the line with the id may be
		// that of another failure. The statement cannot be.
		if how == "" || how == ByPrefix && agrees(e, f) == whole || slices.Contains(bySQL, e) {
			return m.found([]*toc.Entry{e}, ByID)
		}
	}
	if len(bySQL) == 1 {
		return m.found(bySQL, how)
	}
	if byName := x.byName(f, bySQL); len(byName) > 0 {
		return m.found(byName, ByName)
	}
	if len(bySQL) > 0 {
		return m.found(bySQL, how)
	}
	if f.SQL != "" {
		if list := x.byStatement(f.SQL); len(list) > 0 {
			return m.found(list, ByStatement)
		}
	}
	if f.Table != "" {
		if list := x.tables(f.Table); len(list) > 0 {
			return m.found(list, ByTable)
		}
	}
	m.Problem, m.Setting = unfound(f), f.SQL != "" && isSetting(f.SQL)
	return m
}

func (m Match) found(entries []*toc.Entry, how string) Match {
	m.Entries, m.How = entries, how
	if len(entries) > 1 {
		var names []string
		for _, e := range entries[:min(len(entries), 5)] {
			names = append(names, fmt.Sprintf("%s %s (dump id %d)", e.Kind, qualified(e), e.ID))
		}
		if len(entries) > 5 {
			names = append(names, "…")
		}
		m.Problem = fmt.Sprintf("ambiguous: %d entries fit: %s", len(entries), strings.Join(names, ", "))
	}
	return m
}

func qualified(e *toc.Entry) string {
	if e.Namespace == "" {
		return toc.OneLine(e.Tag)
	}
	return toc.OneLine(e.Namespace + "." + e.Tag)
}

// unfound says why a failure has no entry.
func unfound(f Failure) string {
	switch {
	case f.SQL != "" && isSetting(f.SQL):
		return "the statement is a setting of the session, not of an entry"
	case f.Subject != "":
		return "no entry of this archive is called " + f.Subject
	case f.Table != "":
		return "this archive has no data of a table " + f.Table
	case f.SQL == "":
		return "the log does not show the statement"
	}
	return "no entry of this archive has this statement"
}

func isSetting(sql string) bool {
	word, _, _ := strings.Cut(strings.TrimSpace(sql), " ")
	switch strings.ToUpper(strings.TrimRight(word, ";")) {
	case "SET", "RESET", "BEGIN", "COMMIT", "START":
		return true
	}
	return strings.HasPrefix(strings.TrimSpace(sql), "SELECT pg_catalog.set_config(")
}

// agreement is how well a subject names an entry.
type agreement int

const (
	no    agreement = iota
	name            // kind and tag; the owner is another one
	whole           // kind, tag and owner
)

// agrees compares the subject "KIND TAG OWNER" with an entry.
func agrees(e *toc.Entry, f Failure) agreement {
	rest, ok := strings.CutPrefix(f.Subject, string(e.Kind)+" ")
	if !ok {
		return no
	}
	rest, ok = strings.CutPrefix(rest, e.Tag)
	if !ok || rest != "" && rest[0] != ' ' {
		return no
	}
	owner := strings.TrimSuffix(strings.TrimSpace(rest), " から") // Japanese ends in a particle
	switch {
	case owner == e.Owner.String, owner == "" && !e.Owner.Valid, owner == "(no owner)" && !e.Owner.Valid:
		return whole
	case strings.Contains(owner, " "):
		return no // more likely the end of a longer tag
	}
	return name
}

// sameOIDs reports whether the OIDs of the log may be those of the entry.
func sameOIDs(e *toc.Entry, f Failure) bool {
	return f.ClassOID == e.ClassOID && (f.OID == e.OID || f.OID == 0 || e.OID == 0)
}

// byName finds the entries that have the subject's kind and tag. The statement
// (candidates by SQL), then the owner, then the OIDs choose among several.
func (x *index) byName(f Failure, bySQL []*toc.Entry) []*toc.Entry {
	if f.Subject == "" {
		return nil
	}
	var list []*toc.Entry
	for _, e := range x.toc.Entries {
		if agrees(e, f) != no {
			list = append(list, e)
		}
	}
	keep := func(wanted func(*toc.Entry) bool) {
		var kept []*toc.Entry
		for _, e := range list {
			if wanted(e) {
				kept = append(kept, e)
			}
		}
		if len(kept) > 0 {
			list = kept
		}
	}
	if len(bySQL) > 0 {
		keep(func(e *toc.Entry) bool { return slices.Contains(bySQL, e) })
	}
	keep(func(e *toc.Entry) bool { return agrees(e, f) == whole })
	if len(list) > 1 && f.SQL != "" {
		byStatement := x.byStatement(f.SQL)
		keep(func(e *toc.Entry) bool { return slices.Contains(byStatement, e) })
	}
	keep(func(e *toc.Entry) bool { return e.OID != 0 && e.OID == f.OID && e.ClassOID == f.ClassOID })
	return list
}

// tables returns the data of all tables of a name, in any schema.
func (x *index) tables(table string) []*toc.Entry {
	var list []*toc.Entry
	for _, e := range x.toc.Entries {
		if e.Kind == toc.TableData && e.Tag == table {
			list = append(list, e)
		}
	}
	return list
}
