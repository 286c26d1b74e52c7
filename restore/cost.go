package restore

import (
	"strings"

	"github.com/pgarc/pgarc/toc"
)

// Costs are in bytes of stored table data; only their proportions matter.
// The factors are first guesses from one Mastodon-shaped database: building an
// index costs about half of loading its table, checking a foreign key a third.
const (
	smallCost     = 4096 // of a statement that only changes the catalogue
	primaryFactor = 0.5
	btreeFactor   = 0.5
	foreignFactor = 0.3
	analyzeFactor = 0.1
	analyzeMost   = 8 << 20 // ANALYZE reads a sample of 30,000 pages at most
)

// createCost estimates the work of an entry's definition.
func (p *planner) createCost(e *toc.Entry) float64 {
	switch e.Kind {
	case toc.Index:
		return smallCost + indexFactor(e.Defn)*p.largestTable(e)
	case toc.Constraint:
		return smallCost + primaryFactor*p.largestTable(e)
	case toc.FKConstraint:
		return smallCost + foreignFactor*p.largestTable(e)
	case toc.BlobMetadata:
		return smallCost * float64(1+strings.Count(e.Defn, "\n")/100)
	}
	return smallCost
}

// indexFactor tells index methods apart: GIN and GiST take many times as long
// as a btree over the same rows, BRIN next to nothing. The long ones must begin
// first, or the restore ends with one connection at work.
func indexFactor(defn string) float64 {
	for _, m := range []struct {
		using  string
		factor float64
	}{{" USING gin ", 3}, {" USING gist ", 3}, {" USING spgist ", 2}, {" USING brin ", 0.1}} {
		if strings.Contains(defn, m.using) {
			return m.factor
		}
	}
	return btreeFactor
}

// largestTable returns the stored size of the largest table, partitions not
// counted, that an entry depends on.
func (p *planner) largestTable(e *toc.Entry) float64 {
	var size int64
	for _, d := range p.tables.graph.Deps(e) {
		if isTable(d) {
			size = max(size, p.tables.storedSize(d))
		}
	}
	return float64(size)
}

// estimated is the cost of a step as the plan knows it.
func estimated(s *Step) float64 { return s.Cost }

// setPriorities gives each step the cost of the most expensive chain that
// begins with it. A dependency that closes a loop counts for nothing.
func (p *Plan) setPriorities(cost func(*Step) float64) {
	dependents := make([][]StepID, len(p.Steps))
	for _, s := range p.Steps {
		for _, id := range s.Deps {
			dependents[id] = append(dependents[id], s.ID)
		}
	}
	for _, id := range leavesFirst(dependents) {
		s := p.Steps[id]
		longest := 0.0
		for _, d := range dependents[id] {
			longest = max(longest, p.Steps[d].Priority)
		}
		s.Work = cost(s)
		s.Priority = s.Work + longest
	}
}

// leavesFirst orders the nodes of a graph so that each comes after all that it
// points to, loops aside. It does not recurse: chains can be long.
func leavesFirst(next [][]StepID) []StepID {
	order := make([]StepID, 0, len(next))
	entered := make([]bool, len(next))
	type frame struct {
		id   StepID
		next int
	}
	for root := range next {
		if entered[root] {
			continue
		}
		entered[root] = true
		stack := []frame{{id: StepID(root)}}
		for len(stack) > 0 {
			top := &stack[len(stack)-1]
			if top.next == len(next[top.id]) {
				order = append(order, top.id)
				stack = stack[:len(stack)-1]
				continue
			}
			child := next[top.id][top.next]
			top.next++
			if !entered[child] {
				entered[child] = true
				stack = append(stack, frame{id: child})
			}
		}
	}
	return order
}
