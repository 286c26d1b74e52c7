package script

import "slices"

// A ForeignKey is a FOREIGN KEY constraint taken apart: it is added without
// looking at the rows, and they are checked later, under locks that let others
// check and build. The end state is that of the whole.
//
// Names are unquoted. Statements end in a semicolon.
type ForeignKey struct {
	Name          string       // of the constraint
	Child         RelationName // the referencing table
	ChildColumns  []string
	Parent        RelationName // the referenced table; may be Child
	ParentColumns []string     // nil: those of the primary key
	MatchFull     bool         // a row with some columns NULL, but not all, violates it
	Period        bool         // the last columns are periods: what is referenced must cover them (PostgreSQL 18)

	// Partitioned is that Child is partitioned (there is no ONLY). Servers
	// before 18 refuse such a key NOT VALID.
	Partitioned bool

	Add      string // ALTER TABLE … ADD CONSTRAINT … FOREIGN KEY … NOT VALID;
	Validate string // ALTER TABLE … VALIDATE CONSTRAINT …;
}

// SplitForeignKey takes the definition of an FK CONSTRAINT entry apart. ok is
// false where it is anything else than one foreign key, recognised to its last
// token, or is one that must not be validated: NOT VALID or NOT ENFORCED where
// it came from.
//
// The text does not tell whether Parent is partitioned. Then servers before 18
// validate the constraint, but not the copies of it that refer to the
// partitions: the end state would not be the same.
func SplitForeignKey(defn string, stdStrings bool) (fk ForeignKey, ok bool) {
	r := newReader(defn, stdStrings)
	r.words("alter table")
	fk.Partitioned = !r.found("only")
	fk.Child, _ = r.relation()
	table := r.text(0, r.at)
	r.words("add constraint")
	name := r.at
	fk.Name = r.name()
	quoted := r.text(name, r.at)

	r.words("foreign key")
	fk.ChildColumns, fk.Period = r.keyColumns()
	r.words("references")
	fk.Parent, _ = r.relation()
	if r.isSymbol("(") {
		var period bool
		fk.ParentColumns, period = r.keyColumns()
		r.bad = r.bad || period != fk.Period || len(fk.ParentColumns) != len(fk.ChildColumns)
	}
	fk.MatchFull = r.found("match full")
	if !fk.MatchFull {
		r.found("match simple")
	}
	r.keyActions()
	r.deferrable()

	fk.Add = r.text(0, r.at) + " NOT VALID;"
	fk.Validate = table + " VALIDATE CONSTRAINT " + quoted + ";"
	r.end()
	if r.bad || !r.done() {
		return ForeignKey{}, false
	}
	return fk, true
}

// isSymbol reports whether a symbol comes next, and leaves it.
func (r *reader) isSymbol(symbol string) bool {
	found := r.foundSymbol(symbol)
	if found {
		r.at--
	}
	return found
}

// keyColumns takes the columns of a foreign key, of which the last may be a
// PERIOD. A column may itself be named so.
func (r *reader) keyColumns() (names []string, period bool) {
	r.symbol("(")
	for more := true; more && !period && !r.bad; more = r.foundSymbol(",") {
		name := r.at
		names = append(names, r.name())
		period = r.text(name, r.at) != `"period"` && names[len(names)-1] == "period" && !r.isSymbol(",") && !r.isSymbol(")")
		if period {
			names[len(names)-1] = r.name()
		}
	}
	r.symbol(")")
	return names, period
}

// keyActions takes ON UPDATE and ON DELETE, each once at most.
func (r *reader) keyActions() {
	var seen []string
	for r.isWord(0, "on") && !r.bad {
		r.words("on")
		event := "update"
		if r.isWord(0, "delete") {
			event = "delete"
		}
		r.words(event)
		r.bad = r.bad || slices.Contains(seen, event)
		seen = append(seen, event)
		sets := r.isWord(0, "set")
		r.oneOf("no action", "restrict", "cascade", "set null", "set default")
		if sets && event == "delete" && r.isSymbol("(") {
			r.columns()
		}
	}
}
