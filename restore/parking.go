package restore

import "container/heap"

// A parking keeps steps that are ready but for a lock. Those that want the same
// mode of lock on the same relation are in one queue: if the first of them
// cannot have it, neither can the others, and so only the first has to be
// looked at. Without that, each step that ends would have all be looked at.
type parking struct {
	steps  []*Step
	queues map[Relation]*[AccessExclusive + 1]*readyHeap // by mode
	first  map[StepID]Lock                               // of a step that was taken out to be tried: its queue
	count  int
}

func newParking(steps []*Step) parking {
	return parking{steps: steps, queues: make(map[Relation]*[AccessExclusive + 1]*readyHeap), first: make(map[StepID]Lock)}
}

// park keeps a step that cannot have a lock.
func (p *parking) park(id StepID, l Lock) {
	modes := p.queues[l.Relation]
	if modes == nil {
		modes = new([AccessExclusive + 1]*readyHeap)
		p.queues[l.Relation] = modes
	}
	if modes[l.Mode] == nil {
		modes[l.Mode] = &readyHeap{steps: p.steps}
	}
	heap.Push(modes[l.Mode], id)
	p.count++
}

// wake returns the steps to be tried when a lock on a relation was given back:
// the first of each queue.
func (p *parking) wake(r Relation) (ids []StepID) {
	modes := p.queues[r]
	if modes == nil {
		return nil
	}
	for mode, queue := range modes {
		if queue != nil && queue.Len() > 0 {
			ids = append(ids, p.take(Lock{r, LockMode(mode)}))
		}
	}
	return ids
}

// follow returns the next of the queue that a step was taken out of, now that
// it was tried, unless it was put back there: then the others cannot have the
// lock either.
func (p *parking) follow(id StepID, blocked *Lock) (StepID, bool) {
	l, ok := p.first[id]
	if !ok {
		return 0, false
	}
	delete(p.first, id)
	if blocked != nil && *blocked == l || p.queues[l.Relation][l.Mode].Len() == 0 {
		return 0, false
	}
	return p.take(l), true
}

func (p *parking) take(l Lock) StepID {
	id := heap.Pop(p.queues[l.Relation][l.Mode]).(StepID)
	p.first[id] = l
	p.count--
	return id
}

// reorder takes in that priorities have changed.
func (p *parking) reorder() {
	for _, modes := range p.queues {
		for _, queue := range modes {
			if queue != nil {
				heap.Init(queue)
			}
		}
	}
}
