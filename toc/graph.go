package toc

import "slices"

// A Graph answers which entries need which. Dependencies on ids that are not
// in the archive count as satisfied and are left out, and so are repeated
// ones. It may be used concurrently.
type Graph struct {
	toc        *TOC
	dependents [][]*Entry // by position in the TOC
}

// NewGraph makes the graph of t's recorded dependencies.
func NewGraph(t *TOC) *Graph {
	g := &Graph{toc: t, dependents: make([][]*Entry, len(t.Entries))}
	for _, e := range t.Entries {
		for _, d := range g.Deps(e) {
			i := t.Position(d.ID)
			g.dependents[i] = append(g.dependents[i], e)
		}
	}
	return g
}

// Deps returns the entries that e needs directly. An archive whose
// dependencies are OIDs has none that can be used.
func (g *Graph) Deps(e *Entry) []*Entry {
	if g.toc.DepsAreOIDs {
		return nil
	}
	// Lists are short, nearly always, and a map would cost more than a walk.
	const short = 64
	var seen map[DumpID]bool
	if len(e.Deps) > short {
		seen = make(map[DumpID]bool)
	}
	var list []*Entry
	for i, id := range e.Deps {
		d := g.toc.Lookup(id)
		if d == nil || d == e || seen[id] || seen == nil && slices.Contains(e.Deps[:i], id) {
			continue
		}
		if seen != nil {
			seen[id] = true
		}
		list = append(list, d)
	}
	return list
}

// Dependents returns the entries that need e directly, in archive order.
func (g *Graph) Dependents(e *Entry) []*Entry {
	if i := g.toc.Position(e.ID); i >= 0 {
		return g.dependents[i]
	}
	return nil
}

// Needs returns the given entries and all that they need, directly or not, in
// archive order.
func (g *Graph) Needs(entries ...*Entry) []*Entry {
	wanted := make(map[DumpID]bool)
	for stack := entries; len(stack) > 0; {
		e := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if !wanted[e.ID] {
			wanted[e.ID] = true
			stack = append(stack[:len(stack):len(stack)], g.Deps(e)...)
		}
	}
	return g.toc.inOrder(wanted)
}

// inOrder returns the entries of a set in archive order.
func (t *TOC) inOrder(set map[DumpID]bool) []*Entry {
	list := make([]*Entry, 0, len(set))
	for _, e := range t.Entries {
		if set[e.ID] {
			list = append(list, e)
		}
	}
	return list
}
