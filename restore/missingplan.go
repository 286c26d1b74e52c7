package restore

import "github.com/pgarc/pgarc/toc"

// joinsExisting returns the partition that a TABLE ATTACH entry attaches, if
// that is made and the partitioned table is there; else nil. One whose data are
// loaded via the root has to be attached before.
func (p *planner) joinsExisting(e *toc.Entry) *toc.Entry {
	only := p.opts.Only
	if only == nil || e.Kind != toc.TableAttach {
		return nil
	}
	for _, d := range p.tables.graph.Deps(e) {
		if !isTable(d) || d.Tag != e.Tag || d.Namespace != e.Namespace {
			continue
		}
		if parent := p.tables.parent[d.ID]; parent != nil && only.entries[d.ID] && !only.entries[parent.ID] && !p.loadedViaRoot(d) {
			return d
		}
	}
	return nil
}

// attachAfterIndexes attaches a partition to a table that is there only when
// the partition has its indexes and keys: the server makes those that the
// partitioned table has and finds none like them, so that the partition's own
// would be refused, or be there twice. Its triggers and foreign keys, and its
// indexes' attachment, come after that.
func (p *planner) attachAfterIndexes() {
	found := false
	for _, attach := range p.plan.Steps {
		partition := p.joinsExisting(attach.Entry)
		if partition == nil {
			continue
		}
		found = true
		family := make(map[*toc.Entry]bool)
		for _, t := range p.tables.withDescendants(partition) {
			family[t] = true
		}
		for _, s := range p.plan.Steps {
			switch {
			case s == attach || s.Phase != PhaseMain || !p.dependsOnAny(s.Entry, family):
			case p.comesBefore(s.Entry, partition):
				attach.waitFor(s.ID)
			default:
				s.waitFor(attach.ID)
			}
		}
	}
	if found {
		p.plan.sortData()
	}
}

// loadedViaRoot reports whether the data of a partition need it to be attached.
func (p *planner) loadedViaRoot(partition *toc.Entry) bool {
	for _, e := range p.tables.data[partition.ID] {
		if loadsViaRoot(e) {
			return true
		}
	}
	return false
}

func (p *planner) dependsOnAny(e *toc.Entry, tables map[*toc.Entry]bool) bool {
	for _, d := range p.tables.graph.Deps(e) {
		if tables[d] {
			return true
		}
	}
	return false
}

// comesBefore reports whether an entry on a partition, or on one of its own
// partitions, is restored before the partition is attached.
func (p *planner) comesBefore(e, partition *toc.Entry) bool {
	switch e.Kind {
	case toc.TableData, toc.Index, toc.Constraint:
		return true
	case toc.TableAttach: // of a partition of the partition
		return e.Tag != partition.Tag || e.Namespace != partition.Namespace
	case toc.IndexAttach:
		child := p.tables.attachChild(e)
		return child != nil && !p.isOn(child, partition)
	}
	return false
}

// isOn reports whether an index or a key is on a table.
func (p *planner) isOn(index, table *toc.Entry) bool {
	if index.Kind == toc.Constraint {
		return index.Namespace == table.Namespace && p.sel.TOC.NameOf(index).Table == table.Tag
	}
	for _, d := range p.tables.graph.Deps(index) {
		if isTable(d) {
			return d == table
		}
	}
	return false
}
