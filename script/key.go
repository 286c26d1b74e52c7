package script

// A Key is a PRIMARY KEY or UNIQUE constraint taken apart: its index is built
// first, under a lock that lets others read and build, and is then made the
// constraint, which takes no time. The end state is that of the whole.
//
// Statements end in a semicolon. Before CREATE UNIQUE INDEX as before ADD
// CONSTRAINT, default_tablespace is to be set to the entry's tablespace.
type Key struct {
	Table   RelationName
	Name    string     // of the constraint and of its index, unquoted
	Primary bool       // PRIMARY KEY, else UNIQUE
	Columns []string   // unquoted
	Index   string     // CREATE UNIQUE INDEX name ON …;
	Attach  string     // ALTER TABLE ONLY … ADD CONSTRAINT name … USING INDEX name …;
	Then    []FollowUp // what the definition goes on with
}

// SplitKey takes the definition of a CONSTRAINT entry apart. ok is false where
// it is anything else than a key, recognised to its last token, or is one that
// cannot be made from an index (WITHOUT OVERLAPS).
//
// The text does not tell whether the end state will be the same, which it is
// but in two cases: servers refuse USING INDEX on partitioned tables, and since
// 18 a PRIMARY KEY made so on a partition, or on a table that inherits, turns
// inherited NOT NULL constraints into the table's own (conislocal).
func SplitKey(defn string, stdStrings bool) (k Key, ok bool) {
	r := newReader(defn, stdStrings)
	r.words("alter table only")
	var table string
	k.Table, table = r.relation()
	r.words("add constraint")
	name := r.at
	k.Name = r.name()
	quoted := r.text(name, r.at)

	kind, nulls := "PRIMARY KEY", ""
	if k.Primary = r.found("primary key"); !k.Primary {
		kind = "UNIQUE"
		r.words("unique")
		nulls = r.nulls()
	}
	columns, index := r.columns()
	k.Columns = columns
	if r.found("include") {
		_, include := r.columns()
		index += " INCLUDE " + include
	}
	index += nulls
	if r.found("with") {
		index += " WITH " + r.parameters()
	}
	if r.found("using index tablespace") {
		start := r.at
		r.name()
		index += " TABLESPACE " + r.text(start, r.at)
	}
	deferrable := r.deferrable()
	r.end()
	k.Then = r.followUps(k.Table, k.Name)

	k.Index = "CREATE UNIQUE INDEX " + quoted + " ON " + table + " USING btree " + index + ";"
	k.Attach = "ALTER TABLE ONLY " + table + " ADD CONSTRAINT " + quoted + " " + kind + " USING INDEX " + quoted + deferrable + ";"
	if r.bad {
		return Key{}, false
	}
	return k, true
}

// nulls takes whether NULLs are distinct, and returns it as written, after a
// blank.
func (r *reader) nulls() string {
	start := r.at
	if !r.found("nulls not distinct") && !r.found("nulls distinct") {
		return ""
	}
	return " " + r.text(start, r.at)
}

// deferrable takes what a constraint says about when it is checked, and
// returns it as written, after a blank.
func (r *reader) deferrable() string {
	start := r.at
	if !r.found("not deferrable") {
		r.found("deferrable")
	}
	if !r.found("initially deferred") {
		r.found("initially immediate")
	}
	if r.at == start {
		return ""
	}
	return " " + r.text(start, r.at)
}
