package restore

import "github.com/pgarc/pgarc/toc"

// rowSecurityAfterKeys lets the row security of a table be enabled only after
// the foreign keys from and to it are checked: whom it would filter the rows
// for, as an owner under FORCE ROW LEVEL SECURITY, is refused the check
// (RI_Initial_Check in src/backend/utils/adt/ri_triggers.c, under row_security
// = off). The archive has that order, but does not record it.
func (p *planner) rowSecurityAfterKeys() {
	keys := make(map[Relation][]StepID)
	for _, s := range p.plan.Steps {
		if s.Entry.Kind != toc.FKConstraint || s.Action == ActionDrop {
			continue
		}
		keys[p.tableAt(s.Entry)] = append(keys[p.tableAt(s.Entry)], s.ID)
		for _, d := range p.tables.graph.Deps(s.Entry) {
			of := p.tableAt(d)
			keys[of] = append(keys[of], s.ID)
		}
	}
	for _, s := range p.plan.Steps {
		if s.Entry.Kind == toc.RowSecurity && s.Action == ActionCreate {
			s.waitFor(keys[relationOf(s.Entry)]...)
		}
	}
}

// tableAt returns the table that an entry is, or that it belongs to.
func (p *planner) tableAt(e *toc.Entry) Relation {
	if table := p.sel.TOC.NameOf(e).Table; table != "" {
		return Relation{e.Namespace, table}
	}
	return relationOf(e)
}
