package restore

// A ForeignKey says that rows of Child refer to rows of Parent.
type ForeignKey struct {
	Child, Parent Relation
}

// OrderData makes data that other data refer to come first, in a plan whose
// tables have their foreign keys already. Keys that would close a loop are
// left out: no order satisfies them.
func (p *Plan) OrderData(keys []ForeignKey) {
	data := make(map[Relation][]*Step)
	for _, s := range p.Steps {
		if isTableData(s) {
			data[relationOf(s.Entry)] = append(data[relationOf(s.Entry)], s)
		}
	}
	for _, k := range keys {
		for _, child := range data[k.Child] {
			for _, parent := range data[k.Parent] {
				if !p.reaches(parent, child) {
					child.Deps = append(child.Deps, parent.ID)
				}
			}
		}
	}
	p.sortData()
	p.setPriorities(estimated)
}

// reaches reports whether a waits, directly or not, for b.
func (p *Plan) reaches(a, b *Step) bool {
	seen := make(map[StepID]bool)
	for stack := []StepID{a.ID}; len(stack) > 0; {
		id := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if id == b.ID {
			return true
		}
		if !seen[id] {
			seen[id] = true
			stack = append(stack, p.Steps[id].Deps...)
		}
	}
	return false
}

// sortData renumbers the steps so that plan order, in which a single
// connection works, agrees with the dependencies.
func (p *Plan) sortData() {
	next := make([][]StepID, len(p.Steps))
	for _, s := range p.Steps {
		next[s.ID] = s.Deps
	}
	order := leavesFirst(next) // what a step waits for comes before it
	renumbered := make([]StepID, len(p.Steps))
	steps := make([]*Step, 0, len(p.Steps))
	for phase := PhaseDrop; phase <= lastPhase; phase++ {
		for _, id := range order {
			if s := p.Steps[id]; s.Phase == phase {
				renumbered[id] = StepID(len(steps))
				steps = append(steps, s)
			}
		}
	}
	for _, s := range steps {
		s.ID = renumbered[s.ID]
		for _, list := range [][]StepID{s.Deps, s.Requires} {
			for i, id := range list {
				list[i] = renumbered[id]
			}
		}
	}
	p.Steps = steps
}
