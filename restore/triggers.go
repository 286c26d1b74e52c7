package restore

import (
	"slices"

	"github.com/pgarc/pgarc/toc"
)

// cloneTriggersFirst lets an entry that disables a partition's trigger, or
// otherwise differs from the partitioned table's, wait for the trigger that
// the server clones it from. pg_dump writes it as a TRIGGER of its own whose
// definition is ALTER TABLE … DISABLE TRIGGER, and the archive does not record
// what it needs (dumpTrigger in pg_dump.c); under -j pg_restore fails there.
func (p *planner) cloneTriggersFirst() {
	type trigger struct {
		table Relation
		name  string
	}
	of := func(e *toc.Entry) trigger {
		name := p.sel.TOC.NameOf(e)
		return trigger{Relation{e.Namespace, name.Table}, name.Name}
	}
	made := make(map[trigger]StepID)
	for _, s := range p.plan.Steps {
		if s.Entry.Kind == toc.Trigger && s.Action == ActionCreate {
			made[of(s.Entry)] = s.ID
		}
	}
	for own, id := range made {
		s := p.plan.Steps[id]
		for _, table := range p.tables.graph.Deps(s.Entry) {
			if !isTable(table) || relationOf(table) != own.table {
				continue
			}
			for _, a := range p.tables.ancestors(table) {
				if first, ok := made[trigger{relationOf(a), own.name}]; ok {
					s.Deps, s.Requires = append(s.Deps, first), append(s.Requires, first)
				}
			}
		}
		slices.Sort(s.Deps)
		s.Deps = slices.Compact(s.Deps)
		slices.Sort(s.Requires)
		s.Requires = slices.Compact(s.Requires)
	}
}
