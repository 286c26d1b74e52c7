package toc

import "slices"

// exclude returns what the --exclude options but -N leave out, and for which
// name: the entries that they name and all that would fail without them for
// certain.
func (m *matcher) exclude(graph *Graph) map[DumpID]reason {
	x := &excluder{graph: graph, out: make(map[DumpID]reason)}
	for _, e := range graph.toc.Entries {
		if slices.Contains(m.ExcludeKinds, e.Kind) {
			x.add(e, reason{"exclude-type", string(e.Kind)})
		}
		for _, n := range m.exclusions {
			if name, ok := n.of(e); ok && (n.option != "exclude-table-data" || isDataOf(e.Kind)) {
				x.add(e, reason{n.option, name})
			}
		}
	}
	x.spread()
	return x.out
}

// excluder collects what is left out.
type excluder struct {
	graph *Graph
	out   map[DumpID]reason
	stack []*Entry // those whose dependents are to be looked at
}

func (x *excluder) add(e *Entry, why reason) {
	if _, ok := x.out[e.ID]; !ok {
		x.out[e.ID] = why
		x.stack = append(x.stack, e)
	}
}

// spread adds what goes with the entries left out, and what ties others to
// them.
func (x *excluder) spread() {
	for len(x.stack) > 0 {
		e := x.stack[len(x.stack)-1]
		x.stack = x.stack[:len(x.stack)-1]
		why := x.out[e.ID]
		if isRelation(e.Kind) {
			for _, part := range x.graph.Belonging(e) {
				x.add(part, why)
			}
		}
		if isDataOf(e.Kind) {
			continue // others come after it, but do not need it
		}
		for _, d := range x.graph.Dependents(e) {
			isConfig := e.Kind == Extension && d.Kind == TableData
			if isTie(d.Kind) || isConfig || x.graph.goesWith(d, e) {
				x.add(d, why)
			}
		}
	}
}

// isDataOf reports whether entries of a kind hold what is in a table, a
// materialized view or a sequence.
func isDataOf(k Kind) bool { return k == TableData || k == MaterializedViewData || k == SequenceSet }

// isTie reports whether entries of a kind only tie two objects together. They
// are of no use where one is missing, and the other is whole without them.
func isTie(k Kind) bool {
	switch k {
	case FKConstraint, TableAttach, IndexAttach, SequenceOwnedBy,
		PublicationTable, PublicationTablesInSchema, SubscriptionTable:
		return true
	}
	return false
}
