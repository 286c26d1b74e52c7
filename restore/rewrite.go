package restore

import (
	"slices"
	"strings"

	"github.com/pgarc/pgarc/script"
	"github.com/pgarc/pgarc/toc"
)

// rewrite takes a step that runs an entry's definition apart, where that comes
// to the same end in less time. What is not recognised to its last token stays
// one step with the archive's own statement.
func (p *planner) rewrite(s *Step) []*Step {
	if len(s.Statements) != 1 || s.Phase != PhaseMain {
		return []*Step{s}
	}
	switch s.Entry.Kind {
	case toc.Constraint:
		return p.rewriteKey(s)
	case toc.FKConstraint:
		return p.rewriteForeignKey(s)
	case toc.Index:
		return p.rewriteIndex(s)
	}
	return []*Step{s}
}

// rewriteKey builds the index of a PRIMARY KEY or UNIQUE constraint under
// SHARE lock, beside other indexes of the table, where ADD CONSTRAINT would
// hold ACCESS EXCLUSIVE for the whole build. Partitioned tables have no such
// form. Since PostgreSQL 18 USING INDEX makes NOT NULL constraints that a table
// inherits its own, so a primary key there stays whole.
//
// That the table is small is no reason to leave it whole: how large it is, a copy
// of the archive that was cut off does not say, and that is to be gone on with.
func (p *planner) rewriteKey(s *Step) []*Step {
	key, ok := script.SplitKey(s.Entry.Defn, p.sel.TOC.StdStrings)
	if !ok || !p.opts.has(RewriteKeys) || p.onPartitioned(s.Entry) || key.Primary && p.opts.ServerVersion >= 180000 && p.onHeir(s.Entry) {
		return []*Step{s}
	}
	build := p.part(s, ActionCreate, key.Index, p.tables.onOwnTable(s.Entry, Share))
	build.Cost = s.Cost
	attach := p.part(s, ActionAttach, key.Attach, append(p.tables.onOwnTable(s.Entry, AccessExclusive), p.ownIndex(s.Entry, ShareUpdateExclusive)))
	return append([]*Step{build, attach}, p.marks(s, key.Then)...)
}

// rewriteIndex runs what the definition of an index goes on with as steps of
// their own: CLUSTER ON and REPLICA IDENTITY need a stronger lock than the
// build, and two definitions that strengthen theirs deadlock.
func (p *planner) rewriteIndex(s *Step) []*Step {
	index, ok := script.SplitIndex(s.Entry.Defn, p.sel.TOC.StdStrings)
	if !ok || len(index.Then) == 0 || !p.opts.has(RewriteIndexes) {
		return []*Step{s}
	}
	build := p.part(s, ActionCreate, index.Create, p.tables.onTables(s.Entry, Share, false))
	build.Cost = s.Cost
	return append([]*Step{build}, p.marks(s, index.Then)...)
}

// marks returns steps for the statements that follow the one that made an
// index.
func (p *planner) marks(s *Step, then []script.FollowUp) []*Step {
	var steps []*Step
	for _, f := range then {
		mode := AccessExclusive
		if f.Kind == script.ClusterOn {
			mode = ShareUpdateExclusive
		}
		locks := p.tables.onTables(s.Entry, mode, false)
		steps = append(steps, p.part(s, ActionMark, f.SQL, append(locks, p.ownIndex(s.Entry, mode))))
	}
	return steps
}

// rewriteForeignKey makes a foreign key NOT VALID, which locks both tables but
// only for a moment, and then validates it under locks that agree with reading
// and writing, with index builds on the referenced table and with the
// validation of other tables' keys. Before PostgreSQL 18 a partitioned table
// cannot have such a key, and of a key that refers to one VALIDATE does not
// reach the copies for its partitions.
func (p *planner) rewriteForeignKey(s *Step) []*Step {
	key, ok := script.SplitForeignKey(s.Entry.Defn, p.sel.TOC.StdStrings)
	if !ok || !p.opts.has(RewriteForeignKeys) || p.opts.ServerVersion < 180000 && p.touchesPartitioned(s.Entry) {
		return []*Step{s}
	}
	add := p.part(s, ActionCreate, key.Add, s.Locks)
	validate := p.part(s, ActionValidate, key.Validate, p.tables.validateLocks(s.Entry))
	validate.Cost = s.Cost
	return []*Step{add, validate}
}

// part returns a step that does a part of what s does.
func (p *planner) part(s *Step, action Action, sql string, locks []Lock) *Step {
	role := RoleAlter
	if action == ActionCreate {
		role = RoleCreate
	}
	return &Step{Entry: s.Entry, Action: action, Phase: s.Phase, Cost: smallCost, Locks: locks,
		Statements: []Statement{{SQL: sql, Role: role}}}
}

// ownIndex is the lock on the index of an entry.
func (p *planner) ownIndex(e *toc.Entry, mode LockMode) Lock {
	return Lock{Relation{e.Namespace, p.sel.TOC.NameOf(e).Name}, mode}
}

// ownTable returns the table that an entry belongs to; nil in an archive that
// does not say.
func (p *planner) ownTable(e *toc.Entry) *toc.Entry {
	for _, d := range p.tables.graph.Deps(e) {
		if isTable(d) && d.Namespace == e.Namespace && d.Tag == p.sel.TOC.NameOf(e).Table {
			return d
		}
	}
	return nil
}

// onPartitioned reports whether the table that an entry belongs to is
// partitioned, or might be.
func (p *planner) onPartitioned(e *toc.Entry) bool {
	table := p.ownTable(e)
	return table == nil || p.isPartitioned(table)
}

// onHeir reports whether the table that an entry belongs to is a partition or
// inherits from another, or might.
func (p *planner) onHeir(e *toc.Entry) bool {
	table := p.ownTable(e)
	return table == nil || p.tables.parent[table.ID] != nil || strings.Contains(table.Defn, "INHERITS (")
}

// touchesPartitioned reports whether any table that an entry depends on is
// partitioned, or might be.
func (p *planner) touchesPartitioned(e *toc.Entry) bool {
	return p.ownTable(e) == nil || slices.ContainsFunc(p.tables.graph.Deps(e), func(d *toc.Entry) bool {
		return isTable(d) && p.isPartitioned(d)
	})
}

func (p *planner) isPartitioned(table *toc.Entry) bool {
	return isPartitioned(table) || len(p.tables.children[table.ID]) > 0
}

// isPartitioned errs on the side of yes: a comment or default that holds the
// words costs nothing but the rewrite.
func isPartitioned(table *toc.Entry) bool {
	return table.RelKind == 'p' || strings.Contains(table.Defn, "PARTITION BY ")
}

// marksLast lets CLUSTER ON and REPLICA IDENTITY wait for all index builds on
// their table, which their locks would hold up one by one.
func (p *planner) marksLast() {
	builds := make(map[Relation][]StepID)
	for _, s := range p.plan.Steps {
		if isBuild(s) {
			for _, l := range s.Locks {
				if l.Mode == Share {
					builds[l.Relation] = append(builds[l.Relation], s.ID)
				}
			}
		}
	}
	for _, s := range p.plan.Steps {
		if s.Action == ActionMark {
			for _, l := range s.Locks {
				s.waitFor(builds[l.Relation]...)
			}
		}
	}
}

// isBuild reports whether a step builds an index and does nothing else.
func isBuild(s *Step) bool {
	return s.Action == ActionCreate && len(s.Locks) > 0 && s.Locks[0].Mode == Share && isIndex(s.Entry)
}

// freeze lets a table that this restore makes be loaded by COPY FREEZE: its
// pages are all-visible at once, and nothing has to freeze them later. A large
// one is vacuumed right after: over pages that are all-visible VACUUM reads
// only the visibility map, and tells the planner, which then checks foreign
// keys by index-only scans. COPY sets the map since PostgreSQL 14; without it
// VACUUM would read the table.
func (p *planner) freeze(s *Step) {
	table := p.tables.tableOf(s.Entry)
	if s.Entry.DataSize >= 0 && s.Entry.DataSize <= freezeSize {
		return
	}
	if table == nil || table.Kind != toc.Table || isPartitioned(table) || loadsViaRoot(s.Entry) || len(p.steps[table.ID]) == 0 || !p.opts.has(RewriteFreeze) {
		return
	}
	if _, ok := script.FreezeCopy(s.Entry.Copy); !ok {
		return
	}
	s.Freeze = true
	s.Locks = append(s.Locks, Lock{relationOf(table), AccessExclusive}) // TRUNCATE
	if p.opts.has(RewriteVacuum) && p.opts.ServerVersion >= 140000 && s.Entry.DataSize >= vacuumSize {
		s.Statements = append(s.Statements, Statement{SQL: vacuum(table, p.opts.ServerVersion), Role: RoleTidy})
	}
}

// freezeSize is the stored size up to which TRUNCATE, which makes new files for
// the table, costs the server more than freezing saves.
const freezeSize = 8 << 10

// vacuumSize is the stored size from which the plan of a foreign key's check
// matters.
const vacuumSize = 256 << 10

func vacuum(table *toc.Entry, version int) string {
	options := "INDEX_CLEANUP OFF, TRUNCATE OFF, PROCESS_TOAST OFF"
	if version >= 160000 {
		options += ", SKIP_DATABASE_STATS" // which reads all of pg_class
	}
	return "VACUUM (" + options + ") " + script.Qualified(table.Namespace, table.Tag) + ";\n"
}

// quickSize is the stored size up to which what is done with a table's rows
// takes no time.
const quickSize = 32 << 10

// isQuick reports whether a step may be sent ahead with others.
func (p *planner) isQuick(s *Step) bool {
	if !p.opts.has(RewriteAhead) || s.Reconnect != "" {
		return false
	}
	for _, st := range s.Statements {
		if isAlone(s, st.SQL) {
			return false
		}
	}
	switch s.Action {
	case ActionAttach, ActionMark, ActionDrop:
		return true
	case ActionCopy:
		return s.Entry.DataSize >= 0 && s.Entry.DataSize <= quickSize && len(s.Statements) == 1
	case ActionCreate, ActionValidate:
	default:
		return false
	}
	switch e := s.Entry; e.Kind {
	case toc.Index, toc.Constraint, toc.CheckConstraint, toc.FKConstraint:
		return p.isSmall(e)
	case toc.Database, toc.DatabaseProperties, toc.MaterializedViewData, toc.Subscription, toc.BlobMetadata:
		return false
	}
	return s.Entry.Kind.Known()
}

// isSmall reports whether all tables that an entry depends on are known to be
// small. One of which the archive has no data may hold any, unless the restore
// makes it.
func (p *planner) isSmall(e *toc.Entry) bool {
	for _, d := range p.tables.graph.Deps(e) {
		if !isTable(d) {
			continue
		}
		for _, table := range p.tables.withDescendants(d) {
			if len(p.tables.data[table.ID]) == 0 && len(p.steps[table.ID]) == 0 {
				return false
			}
			for _, data := range p.tables.data[table.ID] {
				if data.DataSize < 0 || data.DataSize > quickSize {
					return false
				}
			}
		}
	}
	return true
}

// waitFor adds steps that must have ended before s begins.
func (s *Step) waitFor(ids ...StepID) {
	for _, id := range ids {
		if id != s.ID {
			s.Deps = append(s.Deps, id)
		}
	}
	slices.Sort(s.Deps)
	s.Deps = slices.Compact(s.Deps)
}
