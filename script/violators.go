package script

import (
	"strconv"
	"strings"
)

// Violators are queries for the rows that violate a constraint or a unique
// index, which the table need not have. Statements end in a semicolon.
type Violators struct {
	Rows   string // all of them: of a foreign key the rows, of a unique index its keys with how many rows each has
	Count  string // one row, one column: how many rows violate it
	Sample string // some of the rows, or keys: columns as named in Columns

	Columns []string // as SQL
}

// sampleRows is how many rows Violators.Sample asks for.
const sampleRows = 5

// A KeyTable is what the text of a foreign key does not tell of its tables.
type KeyTable struct {
	ParentPartitioned bool
	ChildKey          []string // columns by which to name a row of the referencing table, before those of the key; may be empty

	// Operators compare the columns, referenced with referencing, as in
	// "OPERATOR(public.=)"; nil: "=" for all, which is right unless a type
	// is not the server's own.
	Operators []string
}

// Violators returns queries for the rows that refer to none, or with MATCH FULL
// have only some columns NULL. ok is false where the definition does not say
// enough: it leaves out the referenced columns, or is about periods.
func (fk ForeignKey) Violators(t KeyTable) (v Violators, ok bool) {
	if fk.Period || len(fk.ParentColumns) != len(fk.ChildColumns) || t.Operators != nil && len(t.Operators) != len(fk.ChildColumns) {
		return v, false
	}
	var set, equal []string
	for i, column := range fk.ChildColumns {
		child, operator := "child."+Ident(column), "="
		if t.Operators != nil {
			operator = t.Operators[i]
		}
		set = append(set, child+" IS NOT NULL")
		equal = append(equal, "parent."+Ident(fk.ParentColumns[i])+" "+operator+" "+child)
	}
	where := strings.Join(set, " AND ")
	if fk.MatchFull && len(set) > 1 {
		where = "(" + strings.Join(set, " OR ") + ")"
	}
	from := "FROM " + only(!fk.Partitioned) + Qualified(fk.Child.Schema, fk.Child.Name) + " child\nWHERE " + where +
		"\n  AND NOT EXISTS (SELECT 1 FROM " + only(!t.ParentPartitioned) + Qualified(fk.Parent.Schema, fk.Parent.Name) +
		" parent WHERE " + strings.Join(equal, " AND ") + ")"
	seen := make(map[string]bool)
	for _, column := range append(append([]string(nil), t.ChildKey...), fk.ChildColumns...) {
		if !seen[column] {
			seen[column] = true
			v.Columns = append(v.Columns, Ident(column))
		}
	}
	v.Rows = "SELECT child.* " + from + ";"
	v.Count = "SELECT count(*) " + from + ";"
	v.Sample = "SELECT child." + strings.Join(v.Columns, ", child.") + " " + from + " LIMIT " + strconv.Itoa(sampleRows) + ";"
	return v, true
}

func only(yes bool) string {
	if yes {
		return "ONLY "
	}
	return ""
}

// UniqueViolators returns queries for the rows that share their key with
// others, from the definition of a PRIMARY KEY, UNIQUE constraint or unique
// index. ok is false where that is not recognised, or has an operator class:
// what it takes for equal cannot be told from the text.
func UniqueViolators(defn string, stdStrings, partitioned bool) (v Violators, ok bool) {
	r := newReader(defn, stdStrings)
	var table, where string
	var distinct bool // NULLs
	if r.isWord(0, "alter") {
		table, distinct = r.uniqueConstraint(&v)
	} else {
		table, where, distinct = r.uniqueIndex(&v)
	}
	if r.bad || len(v.Columns) == 0 {
		return Violators{}, false
	}
	var conditions, numbers, names []string
	for i, expression := range v.Columns {
		numbers = append(numbers, strconv.Itoa(i+1))
		names = append(names, "k"+strconv.Itoa(i+1))
		if distinct {
			conditions = append(conditions, expression+" IS NOT NULL")
		}
	}
	if where != "" {
		conditions = append(conditions, where)
	}
	v.Rows = "SELECT " + strings.Join(v.Columns, ", ") + ", count(*) FROM " + only(!partitioned) + table
	if len(conditions) > 0 {
		v.Rows += "\nWHERE " + strings.Join(conditions, " AND ")
	}
	v.Rows += "\nGROUP BY " + strings.Join(numbers, ", ") + " HAVING count(*) > 1"
	v.Count = "SELECT coalesce(sum(n), 0) FROM (" + v.Rows + ") violators(" + strings.Join(names, ", ") + ", n);"
	v.Sample = v.Rows + " LIMIT " + strconv.Itoa(sampleRows) + ";"
	v.Rows += ";"
	v.Columns = append(v.Columns, "count")
	return v, true
}

// uniqueConstraint takes ALTER TABLE … ADD CONSTRAINT … up to its columns.
func (r *reader) uniqueConstraint(v *Violators) (table string, distinct bool) {
	r.words("alter table")
	r.found("only")
	_, table = r.relation()
	r.words("add constraint")
	r.name()
	distinct = true
	if !r.found("primary key") {
		r.words("unique")
		distinct = r.nulls() != " NULLS NOT DISTINCT"
	}
	names, _ := r.columns()
	for _, name := range names {
		v.Columns = append(v.Columns, Ident(name))
	}
	return table, distinct
}

// uniqueIndex takes a CREATE UNIQUE INDEX.
func (r *reader) uniqueIndex(v *Violators) (table, where string, distinct bool) {
	r.words("create unique index")
	r.name()
	r.words("on")
	r.found("only")
	_, table = r.relation()
	if r.found("using") {
		r.words("btree")
	}
	r.symbol("(")
	for more := true; more && !r.bad; more = r.foundSymbol(",") {
		v.Columns = append(v.Columns, r.indexElement())
	}
	r.symbol(")")
	if r.found("include") {
		r.expressions()
	}
	distinct = r.nulls() != " NULLS NOT DISTINCT"
	if r.found("with") {
		r.parameters()
	}
	if r.found("tablespace") {
		r.name()
	}
	if r.found("where") {
		start := r.at
		r.balanced(0)
		where = r.text(start, r.at)
	}
	return table, where, distinct
}

// indexElement takes a column or expression of an index, and returns it
// without its operator class and order.
func (r *reader) indexElement() string {
	start := r.at
	if r.isSymbol("(") {
		r.expressions()
	} else if r.relation(); r.isSymbol("(") {
		r.expressions()
	}
	if r.found("collate") {
		r.relation()
	}
	expression := r.text(start, r.at)
	switch { // those that differ from the usual only in order
	case r.found("text_pattern_ops"), r.found("varchar_pattern_ops"), r.found("bpchar_pattern_ops"):
	}
	if !r.found("asc") {
		r.found("desc")
	}
	if !r.found("nulls first") {
		r.found("nulls last")
	}
	r.bad = r.bad || !r.isSymbol(",") && !r.isSymbol(")")
	return expression
}
