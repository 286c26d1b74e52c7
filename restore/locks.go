package restore

import (
	"slices"
	"strings"

	"github.com/pgarc/pgarc/toc"
)

// Pseudo namespaces, for what is no relation but must not be changed by two
// sessions at once: the server answers with "tuple concurrently updated".
const (
	lockGrants      = "\x00grants"      // the privileges of one object
	lockPublication = "\x00publication" // the list of one publication
)

// lockIndexes is the pseudo namespace of all indexes of one partition. What
// reads the table locks each of them, which INDEX ATTACH has to wait for, and
// building more of them has not.
const lockIndexes = "\x00indexes"

func relationOf(e *toc.Entry) Relation { return Relation{e.Namespace, e.Tag} }

// locks returns the locks that the statements of an entry take. The table of
// modes is that of docs/restore.md section 12.1; TestLockTable and
// TestLocksOfPlan read it from pg_locks of 14 to 18. Pre-data steps run alone
// and need none.
func (ts *tables) locks(e *toc.Entry) []Lock {
	switch e.Kind {
	case toc.TableData:
		return ts.dataLocks(e)
	case toc.Index:
		return ts.indexLocks(e)
	case toc.IndexAttach:
		return ts.attachLocks(e)
	case toc.TableAttach: // in the main phase only if the partitioned table was there before
		return ts.onTables(e, AccessExclusive, true)
	case toc.FKConstraint:
		// Cloned to every partition, as triggers are. It puts triggers on
		// the referenced table too.
		return append(ts.onTables(e, ShareRowExclusive, true), ts.readIndexes(e)...)
	case toc.Trigger:
		return ts.onTables(e, ShareRowExclusive, true)
	case toc.Rule:
		return ts.ruleLocks(e)
	case toc.Constraint, toc.CheckConstraint, toc.Policy, toc.RowSecurity, toc.Default:
		return ts.onOwnTable(e, AccessExclusive)
	case toc.Statistics:
		return ts.onTables(e, ShareUpdateExclusive, false)
	case toc.StatisticsData:
		return ts.statisticsLocks(e)
	case toc.SequenceSet:
		return []Lock{{relationOf(e), RowExclusive}}
	case toc.MaterializedViewData:
		return ts.refreshLocks(e)
	case toc.PublicationTable:
		publication := Lock{Relation{lockPublication, ts.toc.NameOf(e).Table}, AccessExclusive}
		return append(ts.onTables(e, ShareUpdateExclusive, false), publication)
	case toc.Comment, toc.SecurityLabel:
		return ts.commentLocks(e)
	case toc.ACL, toc.ACLLanguage:
		return []Lock{{Relation{lockGrants, e.Namespace + "." + grantee(e.Tag)}, AccessExclusive}}
	case toc.DefaultACL:
		return []Lock{{Relation{lockGrants, ""}, AccessExclusive}}
	}
	if e.Kind.Known() {
		return ts.onTables(e, AccessShare, false)
	}
	return ts.onTables(e, AccessExclusive, true)
}

// grantee returns what a grant is on. Those on columns change the table's.
func grantee(tag string) string {
	if column, ok := strings.CutPrefix(tag, "COLUMN "); ok {
		if i := strings.LastIndexByte(column, '.'); i >= 0 {
			return "TABLE " + column[:i]
		}
	}
	return tag
}

// onTables locks every relation that the entry depends on, and with
// descendants also their partitions.
func (ts *tables) onTables(e *toc.Entry, mode LockMode, descendants bool) []Lock {
	var locks []Lock
	for _, d := range ts.graph.Deps(e) {
		switch {
		case !isRelation(d):
		case descendants:
			for _, x := range ts.withDescendants(d) {
				locks = append(locks, Lock{relationOf(x), mode})
			}
		default:
			locks = append(locks, Lock{relationOf(d), mode})
		}
	}
	return locks
}

// onOwnTable locks the table that the entry changes, and holds off changes of
// the others that its expressions mention.
func (ts *tables) onOwnTable(e *toc.Entry, mode LockMode) []Lock {
	return ts.onOwnAndOthers(e, mode, AccessShare)
}

// ruleLocks: the tables that a rule writes into are locked as by writing. Which
// they are its text would tell; a rule that makes a view writes nothing.
func (ts *tables) ruleLocks(e *toc.Entry) []Lock {
	if ts.toc.NameOf(e).Name == "_RETURN" {
		return ts.onOwnTable(e, AccessExclusive)
	}
	return ts.onOwnAndOthers(e, AccessExclusive, RowExclusive)
}

func (ts *tables) onOwnAndOthers(e *toc.Entry, mode, others LockMode) []Lock {
	own := Relation{e.Namespace, ts.toc.NameOf(e).Table}
	if e.Kind == toc.RowSecurity {
		own.Name = e.Tag
	}
	if own.Name == "" { // an old archive does not say
		return ts.onTables(e, mode, false)
	}
	locks := []Lock{{own, mode}}
	for _, l := range ts.onTables(e, others, false) {
		if l.Relation != own {
			locks = append(locks, l)
		}
	}
	return locks
}

// validateLocks: checking a foreign key keeps other changes of the referencing
// table away, and only those that would lock out readers from the referenced
// one. Either may be partitioned, or both be the same.
func (ts *tables) validateLocks(e *toc.Entry) []Lock {
	child := ts.toc.NameOf(e).Table
	var locks []Lock
	for _, d := range ts.graph.Deps(e) {
		if !isTable(d) {
			continue
		}
		mode := RowShare
		if d.Namespace == e.Namespace && d.Tag == child {
			mode = ShareUpdateExclusive
		}
		for _, x := range ts.withDescendants(d) {
			locks = append(locks, Lock{relationOf(x), mode})
		}
	}
	return append(locks, ts.readIndexes(e)...)
}

// readIndexes locks the indexes of all partitions that an entry depends on, or
// that are below what it depends on, as reading does.
func (ts *tables) readIndexes(e *toc.Entry) []Lock {
	var locks []Lock
	for _, d := range ts.graph.Deps(e) {
		if !isTable(d) {
			continue
		}
		for _, x := range ts.withDescendants(d) {
			if ts.parent[x.ID] != nil {
				locks = append(locks, Lock{indexesOf(x), AccessShare})
			}
		}
	}
	return locks
}

func indexesOf(table *toc.Entry) Relation {
	return Relation{lockIndexes, table.Namespace + "." + table.Tag}
}

// refreshLocks: a refresh reads what its query names, and through views what
// theirs name.
func (ts *tables) refreshLocks(e *toc.Entry) []Lock {
	locks := []Lock{{relationOf(e), AccessExclusive}}
	list := []*toc.Entry{e}
	seen := map[toc.DumpID]bool{e.ID: true}
	for i := 0; i < len(list); i++ {
		for _, d := range ts.queried(list[i]) {
			own := relationOf(d) == relationOf(e)
			if !isRelation(d) || seen[d.ID] {
				continue
			}
			seen[d.ID] = true
			if own || d.Kind == toc.View {
				list = append(list, d)
			}
			if own {
				continue
			}
			for _, x := range ts.withDescendants(d) {
				locks = append(locks, Lock{relationOf(x), AccessShare})
			}
		}
	}
	return locks
}

// queried returns what an entry depends on; of a view in a dependency loop, the
// query is in a rule of its own.
func (ts *tables) queried(e *toc.Entry) []*toc.Entry {
	list := ts.graph.Deps(e)
	if e.Kind == toc.View {
		for _, d := range ts.graph.Dependents(e) {
			if d.Kind == toc.Rule && ts.toc.NameOf(d).Name == "_RETURN" {
				list = slices.Concat(list, ts.graph.Deps(d))
			}
		}
	}
	return list
}

// statisticsLocks: those of an index are the business of its table too.
func (ts *tables) statisticsLocks(e *toc.Entry) []Lock {
	locks := []Lock{{relationOf(e), ShareUpdateExclusive}}
	for _, d := range ts.graph.Deps(e) {
		if isIndex(d) {
			locks = append(locks, ts.onTables(d, ShareUpdateExclusive, false)...)
		}
	}
	return append(locks, ts.onTables(e, ShareUpdateExclusive, false)...)
}

// dataLocks: COPY writes into its table, or via the root into any partition,
// and looks at a partition's ancestors for their bounds.
func (ts *tables) dataLocks(e *toc.Entry) []Lock {
	table := ts.tableOf(e)
	if table == nil {
		return []Lock{{relationOf(e), RowExclusive}}
	}
	if loadsViaRoot(e) {
		var locks []Lock
		for _, target := range ts.withDescendants(ts.root(table)) {
			locks = append(locks, Lock{relationOf(target), RowExclusive})
		}
		return locks
	}
	locks := []Lock{{relationOf(table), RowExclusive}}
	for _, a := range ts.ancestors(table) {
		locks = append(locks, Lock{relationOf(a), AccessShare})
	}
	return locks
}

// indexLocks: a plain build shares the table with others. The definition may
// go on with CLUSTER ON or REPLICA IDENTITY, whose stronger lock is taken in
// the same transaction: two such at once would deadlock.
func (ts *tables) indexLocks(e *toc.Entry) []Lock {
	locks := ts.onTables(e, Share, false)
	if strings.Contains(e.Defn, " REPLICA IDENTITY USING INDEX ") {
		locks = ts.onTables(e, AccessExclusive, false)
	} else if strings.Contains(e.Defn, " CLUSTER ON ") {
		locks = append(locks, ts.onTables(e, ShareUpdateExclusive, false)...)
	}
	return locks
}

// attachLocks: the index of a partition becomes part of its parent's. When
// that completes an index which is itself attached already, the server takes
// ACCESS EXCLUSIVE on the ancestors for a moment (validatePartitionedIndex);
// the plan attaches bottom-up, where it does not, but an archive may already
// have been restored in part.
func (ts *tables) attachLocks(e *toc.Entry) []Lock {
	locks := []Lock{{relationOf(e), AccessExclusive}}
	if parent := ts.attachParent(e); parent != nil {
		locks = append(locks, Lock{Relation{parent.Namespace, ts.toc.NameOf(parent).Name}, ShareUpdateExclusive})
	}
	if child := ts.attachChild(e); child != nil {
		for _, d := range ts.graph.Deps(child) {
			if ts.parent[d.ID] != nil {
				locks = append(locks, Lock{indexesOf(d), AccessExclusive})
			}
		}
	}
	for _, d := range ts.graph.Deps(e) {
		if !isTable(d) {
			continue
		}
		locks = append(locks, Lock{relationOf(d), AccessShare})
		if len(ts.children[d.ID]) == 0 { // the leaf, whose ancestors are beyond its parent
			for i, a := range ts.ancestors(d) {
				if i > 0 {
					locks = append(locks, Lock{relationOf(a), AccessExclusive})
				}
			}
		}
	}
	return locks
}

// attachChild and attachParent return the index (or constraint) entries that
// an INDEX ATTACH entry ties together; nil if the archive does not have them.
func (ts *tables) attachChild(e *toc.Entry) *toc.Entry {
	for _, d := range ts.graph.Deps(e) {
		if isIndex(d) && d.Namespace == e.Namespace && ts.toc.NameOf(d).Name == e.Tag {
			return d
		}
	}
	return nil
}

// attachParent: the parent index stands on the parent of the child's table.
func (ts *tables) attachParent(e *toc.Entry) *toc.Entry {
	child := ts.attachChild(e)
	for _, d := range ts.graph.Deps(e) {
		if isIndex(d) && d != child && strings.Contains(e.Defn, ts.toc.NameOf(d).Name) && ts.toc.NameOf(d).Name != e.Tag {
			return d
		}
	}
	return nil
}

func isIndex(e *toc.Entry) bool { return e.Kind == toc.Index || e.Kind == toc.Constraint }

// commentLocks depend on what the comment is on.
func (ts *tables) commentLocks(e *toc.Entry) []Lock {
	var locks []Lock
	for _, d := range ts.graph.Deps(e) {
		switch {
		case isRelation(d):
			locks = append(locks, Lock{relationOf(d), ShareUpdateExclusive})
		case d.Kind == toc.Index:
			locks = append(locks, Lock{relationOf(d), ShareUpdateExclusive})
		case d.Kind.Info().Tag == toc.TagOfTable: // a constraint, trigger, rule or policy
			locks = append(locks, Lock{Relation{d.Namespace, ts.toc.NameOf(d).Table}, AccessShare})
		}
	}
	return locks
}
