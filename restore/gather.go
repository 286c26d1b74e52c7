package restore

import "container/heap"

// Builds of several indexes of one table that run at once share one scan of it,
// if they keep pace (synchronize_seqscans). Where reading is what takes time,
// it matters more that they are together than which of them comes first: on the
// slow volume each further scan of the largest table took 20 s. So while the
// longest chain has time to wait, builds join those under way; and of the
// indexes of a table that was just loaded, those that keep pace begin before
// the others, for what a GIN index writes as it goes along pushes the table out
// of the cache.

// gather returns a step to begin in place of the first that is ready, or that
// one itself.
func (s *Scheduler) gather(first StepID) StepID {
	table, isBuild := s.steps[first].scans()
	if s.Jobs < 2 || !isBuild || s.steps[first].keepsPace() && s.scanned[table] > 0 {
		return first
	}
	if s.steps[first].Priority*float64(s.Jobs) >= s.pending { // it is on the longest chain
		return first
	}
	joins, begins := -1, -1 // in the heap: the first that joins a scan, and that may begin one
	for i, id := range s.ready.ids {
		step := s.steps[id]
		other, isBuild := step.scans()
		if !isBuild || !step.keepsPace() || s.state[id] != stepPending || s.conflict(step) != nil {
			continue
		}
		if s.scanned[other] > 0 && (joins < 0 || s.ready.Less(i, joins)) {
			joins = i
		}
		if other == table && !s.steps[first].keepsPace() && (begins < 0 || s.ready.Less(i, begins)) {
			begins = i
		}
	}
	best := joins
	if best < 0 {
		best = begins
	}
	if best < 0 {
		return first
	}
	id := heap.Remove(&s.ready, best).(StepID)
	if next, ok := s.parked.follow(id, nil); ok {
		heap.Push(&s.ready, next)
	}
	heap.Push(&s.ready, first)
	return id
}

// scan counts a build that keeps pace with others, or takes it back.
func (s *Scheduler) scan(step *Step, n int) {
	table, ok := step.scans()
	if !ok || !step.keepsPace() {
		return
	}
	if s.scanned[table] += n; s.scanned[table] == 0 {
		delete(s.scanned, table)
	}
}

// scans returns the table that a step builds an index of.
func (s *Step) scans() (Relation, bool) {
	if !isBuild(s) || s.Quick {
		return Relation{}, false
	}
	return s.Locks[0].Relation, true
}

// keepsPace reports whether an index is built about as fast as its table is
// read.
func (s *Step) keepsPace() bool { return indexFactor(s.Entry.Defn) <= btreeFactor }
