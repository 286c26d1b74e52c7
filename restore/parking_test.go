package restore

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestSchedulerIsThorough compares the scheduler, at every choice in random
// plans full of conflicts, with a look at all steps: it must begin the first of
// those that wait for nothing and whose locks are free.
func TestSchedulerIsThorough(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		steps := conflictingSteps(r, 1+r.IntN(40))
		s := NewScheduler(steps, false)
		var running, ended []StepID
		for len(ended) < len(steps) {
			want := bestStep(steps, running, ended)
			got, ok := s.Next()
			switch {
			case ok != (want != nil), ok && got != want:
				t.Fatalf("seed %d, %v under way, %v ended: got %v, want %v", seed, running, ended, got, want)
			case ok:
				running = append(running, got.ID)
			}
			if len(running) > 0 && (!ok || r.IntN(3) == 0) {
				i := r.IntN(len(running))
				id := running[i]
				running = slices.Delete(running, i, i+1)
				if r.IntN(8) == 0 {
					s.Requeue(id)
					continue
				}
				s.Done(id, OutcomeDone)
				ended = append(ended, id)
			}
		}
	}
}

func conflictingSteps(r *rand.Rand, n int) []*Step {
	var steps []*Step
	for id := range n {
		s := &Step{ID: StepID(id), Phase: PhaseMain, Priority: float64(r.IntN(10))}
		for range r.IntN(4) {
			l := Lock{Relation{"s", string(rune('a' + r.IntN(4)))}, AccessShare + LockMode(r.IntN(int(AccessExclusive)))}
			s.Locks = append(s.Locks, l)
		}
		for range r.IntN(2) {
			if id > 0 {
				s.Deps = append(s.Deps, StepID(r.IntN(id)))
			}
		}
		steps = append(steps, s)
	}
	return steps
}

// bestStep looks at all steps.
func bestStep(steps []*Step, running, ended []StepID) *Step {
	var best *Step
	for _, s := range steps {
		if slices.Contains(running, s.ID) || slices.Contains(ended, s.ID) ||
			slices.ContainsFunc(s.Deps, func(d StepID) bool { return !slices.Contains(ended, d) }) {
			continue
		}
		free := true
		for _, l := range s.Locks {
			for _, id := range running {
				for _, held := range steps[id].Locks {
					free = free && !(held.Relation == l.Relation && l.Mode.Conflicts(held.Mode))
				}
			}
		}
		if free && (best == nil || s.Priority > best.Priority) {
			best = s
		}
	}
	return best
}
