package restore

import (
	"slices"

	"github.com/pgarc/pgarc/script"
	"github.com/pgarc/pgarc/toc"
)

// addAnalyze adds ANALYZE steps for the tables that the restore loads, unless
// the archive brings their statistics: a small sample of what a materialized
// view reads before its refresh, whose plan may depend on it, and everything
// at the end if the user wants that. On a slow volume sampling every table
// takes longer than all else that is saved there, and autovacuum does it anyway
// soon. Partitions are analyzed through their root, which autovacuum never
// looks at.
func (p *planner) addAnalyze(phase Phase) {
	if phase == PhaseAnalyze && !p.opts.Analyze || phase == PhasePostACL && !p.opts.has(RewriteAnalyze) {
		return
	}
	early := p.readByRefreshes()
	loads := make(map[*toc.Entry][]StepID)
	var order []*toc.Entry
	for _, s := range p.plan.Steps {
		if !isTableData(s) {
			continue
		}
		table := p.tables.tableOf(s.Entry)
		if table == nil || p.hasStatistics(table) {
			continue
		}
		root := p.tables.root(table)
		if loads[root] == nil {
			order = append(order, root)
		}
		loads[root] = append(loads[root], s.ID)
	}
	for _, table := range order {
		if phase == PhaseAnalyze || early[table.ID] {
			p.addAnalyzeOf(table, phase, loads[table])
		}
	}
}

func (p *planner) addAnalyzeOf(table *toc.Entry, phase Phase, loads []StepID) {
	s := &Step{Entry: table, Action: ActionAnalyze, Phase: phase, Cost: smallCost, Deps: loads,
		Statements: []Statement{{SQL: "ANALYZE " + script.Qualified(table.Namespace, table.Tag) + ";\n", Role: RoleTidy}}}
	if phase != PhaseAnalyze {
		const sample = "SET default_statistics_target = 10;\n" // 3,000 pages at most
		s.Statements = append([]Statement{{SQL: sample, Role: RoleTidy}}, append(s.Statements, Statement{SQL: "RESET default_statistics_target;\n", Role: RoleTidy})...)
	}
	for _, t := range p.tables.withDescendants(table) {
		s.Locks = append(s.Locks, Lock{relationOf(t), ShareUpdateExclusive})
	}
	for _, id := range loads {
		s.Cost += min(analyzeFactor*p.plan.Steps[id].Cost, analyzeMost)
	}
	p.add(s)
}

// readByRefreshes returns the tables that the refreshes of materialized views
// read, directly or through views.
func (p *planner) readByRefreshes() map[toc.DumpID]bool {
	read := make(map[toc.DumpID]bool)
	var visit func(e *toc.Entry)
	visit = func(e *toc.Entry) {
		for _, d := range p.tables.graph.Deps(e) {
			if isRelation(d) && !read[d.ID] {
				read[d.ID] = true
				read[p.tables.root(d).ID] = true
				visit(d)
			}
		}
	}
	for _, e := range p.sel.Entries() {
		if e.Kind == toc.MaterializedViewData {
			visit(e)
		}
	}
	return read
}

// afterAnalyze lets refreshes wait for the statistics that are made before
// them.
func (p *planner) afterAnalyze() {
	var early []StepID
	for _, s := range p.plan.Steps {
		switch {
		case s.Phase != PhasePostACL:
		case s.Action == ActionAnalyze:
			early = append(early, s.ID)
		case s.Entry.Kind == toc.MaterializedViewData:
			s.waitFor(early...)
		}
	}
}

// hasStatistics reports whether the archive's own statistics of a table are
// restored.
func (p *planner) hasStatistics(table *toc.Entry) bool {
	return slices.ContainsFunc(p.tables.graph.Dependents(table), func(d *toc.Entry) bool {
		return d.Kind == toc.StatisticsData && len(p.steps[d.ID]) > 0
	})
}
