package toc

import (
	"slices"
	"strings"
)

// Belonging returns a relation (table, view, materialized view, foreign table)
// and all that is its own: defaults, owned and identity sequences with their
// values, constraints, outgoing foreign keys, indexes, triggers, rules,
// policies, statistics, attachment to a parent, data, comments, labels and
// grants. They come in an order in which they can be run: by pass, and in
// archive order within it.
func (g *Graph) Belonging(relation *Entry) []*Entry {
	own := map[DumpID]bool{relation.ID: true}
	for stack := []*Entry{relation}; len(stack) > 0; {
		d := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		for _, e := range g.Dependents(d) {
			if !own[e.ID] && (g.goesWith(e, d) || d == relation && g.isPart(e, relation)) {
				own[e.ID] = true
				stack = append(stack, e)
			}
		}
	}
	return WorkingOrder(g.toc.inOrder(own))
}

// WorkingOrder sorts entries of one archive by pass, keeping their order
// within each.
func WorkingOrder(entries []*Entry) []*Entry {
	sorted := slices.Clone(entries)
	slices.SortStableFunc(sorted, func(a, b *Entry) int { return int(PassOf(a)) - int(PassOf(b)) })
	return sorted
}

// goesWith reports whether an entry belongs wherever one that it depends on
// does: a comment or grant on an object, the value of a sequence, the
// attachment of an index.
func (g *Graph) goesWith(e, d *Entry) bool {
	switch e.Kind {
	case Comment, ACL, SecurityLabel, SequenceSet, SequenceOwnedBy, StatisticsData:
		return true
	case IndexAttach: // depends on the indexes and tables of child and parent, and is the child's
		return d.Namespace == e.Namespace && (d.Tag == e.Tag || g.toc.NameOf(d).Name == e.Tag)
	}
	return false
}

// isPart reports whether an entry that depends on the relation is a part of it.
func (g *Graph) isPart(e, relation *Entry) bool {
	sameName := e.Tag == relation.Tag && e.Namespace == relation.Namespace
	switch e.Kind {
	case Sequence: // serial or identity: other sequences depend on no relation
		return true
	case TableAttach, RowSecurity, TableData, MaterializedViewData:
		return sameName
	case Index, Statistics:
		return g.isIndexOf(e, relation)
	case Publication, PublicationTable, PublicationTablesInSchema, Subscription, SubscriptionTable:
		return false
	}
	return e.Kind.Info().Tag == TagOfTable && e.Namespace == relation.Namespace && g.toc.NameOf(e).Table == relation.Tag
}

// isIndexOf reports whether the one relation that an index or statistics
// object stands on is the given one. Most depend on one relation only; an
// expression that uses a row type adds others, and then the text decides.
func (g *Graph) isIndexOf(e, relation *Entry) bool {
	relations := 0
	for _, d := range g.Deps(e) {
		if isRelation(d.Kind) {
			relations++
		}
	}
	return relations == 1 || strings.Contains(e.Defn, relation.Tag)
}
