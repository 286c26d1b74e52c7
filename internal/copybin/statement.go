package copybin

import "strings"

// A Statement is the COPY statement of an archive's TABLE DATA entry.
type Statement struct {
	Table   string   // as it is written, quoted where it must be: what a regclass reads
	Columns []string // names without quotes, in the order of the data
	list    string
}

// ParseStatement takes a statement apart that pg_dump wrote:
//
//	COPY public.t (id, "a ""name""") FROM stdin;
//
// It returns false for any other, as COPY … WITH OIDS of before 12, and for a
// table without columns.
func ParseStatement(sql string) (Statement, bool) {
	rest, ok := strings.CutPrefix(sql, "COPY ")
	if !ok {
		return Statement{}, false
	}
	var s Statement
	_, after := cutName(rest)
	if tail, ok := strings.CutPrefix(after, "."); ok {
		_, after = cutName(tail)
	}
	s.Table = rest[:len(rest)-len(after)]
	list, ok := strings.CutPrefix(after, " (")
	for ok {
		var name string
		if name, list = cutName(list); name == "" {
			return Statement{}, false
		}
		s.Columns = append(s.Columns, name)
		list, ok = strings.CutPrefix(list, ", ")
	}
	if list, ok = strings.CutPrefix(list, ")"); !ok || s.Table == "" || strings.TrimRight(list, "\n") != " FROM stdin;" {
		return Statement{}, false
	}
	s.list = after[:len(after)-len(list)]
	return s, true
}

// Binary is the statement that reads what a [Reader] writes. Freeze is only
// for a table that this transaction made or truncated.
func (s Statement) Binary(freeze bool) string {
	sql := "COPY " + s.Table + s.list + " FROM stdin WITH (FORMAT binary"
	if freeze {
		sql += ", FREEZE"
	}
	return sql + ")"
}

// cutName cuts an identifier, quoted or not, off the front of an SQL text. It
// returns it without quotes; "" if there is none.
func cutName(sql string) (name, rest string) {
	if !strings.HasPrefix(sql, `"`) {
		n := strings.IndexAny(sql, " .,()\"\n")
		if n < 0 {
			n = len(sql)
		}
		return sql[:n], sql[n:]
	}
	for i := 1; i < len(sql); i++ {
		if sql[i] != '"' {
			continue
		}
		if i+1 < len(sql) && sql[i+1] == '"' {
			i++
			continue
		}
		return strings.ReplaceAll(sql[1:i], `""`, `"`), sql[i+1:]
	}
	return "", sql
}
