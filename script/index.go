package script

// An Index is the definition of an INDEX entry taken apart. What follows the
// CREATE INDEX takes stronger locks; in one transaction with it, two of them
// on one table can deadlock.
type Index struct {
	Table  RelationName
	Name   string     // unquoted
	Only   bool       // ON ONLY: of a partitioned table, an index without those of its partitions
	Create string     // CREATE INDEX …;
	Then   []FollowUp // what the definition goes on with
}

// A FollowUp is a statement that goes on with the definition of an index or
// key, for what CREATE INDEX and ADD CONSTRAINT cannot say.
type FollowUp struct {
	Kind FollowUpKind
	SQL  string // ends in a semicolon
}

// FollowUpKind says what a [FollowUp] does.
type FollowUpKind uint8

// The kinds of statements that pg_dump adds (dumpIndex and dumpConstraint in
// src/bin/pg_dump/pg_dump.c).
const (
	ClusterOn          FollowUpKind = iota // ALTER TABLE … CLUSTER ON index
	ReplicaIdentity                        // ALTER TABLE ONLY … REPLICA IDENTITY USING INDEX index
	ColumnStatistics                       // ALTER INDEX … ALTER COLUMN n SET STATISTICS n
	DependsOnExtension                     // ALTER INDEX … DEPENDS ON EXTENSION name
)

// SplitIndex takes the definition of an INDEX entry apart. ok is false where it
// is anything else than a plain CREATE INDEX and follow-ups on that same index,
// recognised to their last tokens; expressions and predicates are taken as
// they come.
func SplitIndex(defn string, stdStrings bool) (x Index, ok bool) {
	r := newReader(defn, stdStrings)
	r.oneOf("create index", "create unique index")
	x.Name = r.name()
	r.words("on")
	x.Only = r.found("only")
	x.Table, _ = r.relation()
	if r.found("using") {
		r.name()
	}
	r.expressions()
	if r.found("include") {
		r.expressions()
	}
	r.nulls()
	if r.found("with") {
		r.parameters()
	}
	if r.found("tablespace") {
		r.name()
	}
	if r.found("where") {
		r.balanced(0)
	}
	x.Create = r.text(0, r.at) + ";"
	r.end()
	x.Then = r.followUps(x.Table, x.Name)
	if r.bad {
		return Index{}, false
	}
	return x, true
}

// followUps takes the statements that may come after the making of an index,
// up to the end of the text. They must be about that index.
func (r *reader) followUps(table RelationName, index string) []FollowUp {
	var list []FollowUp
	for !r.bad && !r.done() {
		start := r.at
		kind := r.followUp(table, index)
		list = append(list, FollowUp{kind, r.text(start, r.at) + ";"})
		r.end()
	}
	return list
}

func (r *reader) followUp(table RelationName, index string) FollowUpKind {
	same := func(what string) { r.bad = r.bad || what != index }
	if r.found("alter index") {
		name, _ := r.relation()
		same(name.Name)
		r.bad = r.bad || name.Schema != table.Schema
		if r.found("depends on extension") {
			r.name()
			return DependsOnExtension
		}
		r.words("alter column")
		r.oneToken(Number)
		r.words("set statistics")
		r.foundSymbol("-")
		r.oneToken(Number)
		return ColumnStatistics
	}
	r.words("alter table")
	only := r.found("only")
	name, _ := r.relation()
	r.bad = r.bad || name != table
	if only && r.found("replica identity using index") {
		same(r.name())
		return ReplicaIdentity
	}
	r.words("cluster on")
	same(r.name())
	return ClusterOn
}
