package restore

import "testing"

// steps of cost 1 in a diamond: 0 before 1 and 2, these before 3.
func diamond() *Plan {
	p := &Plan{}
	for id, deps := range [][]StepID{{}, {0}, {0}, {1, 2}} {
		p.Steps = append(p.Steps, &Step{ID: StepID(id), Phase: PhaseMain, Deps: deps, Cost: 1})
	}
	p.setPriorities(estimated)
	return p
}

func TestSimulate(t *testing.T) {
	for _, c := range []struct {
		jobs          int
		time, waiting float64
	}{{1, 4, 0}, {2, 3, 2}, {16, 3, 44}} {
		sim := Simulate(diamond(), c.jobs, estimated)
		if sim.Time != c.time || sim.Work != 4 || sim.Waiting != c.waiting {
			t.Errorf("%d jobs: time %v, work %v, waiting %v; want %v, 4, %v", c.jobs, sim.Time, sim.Work, sim.Waiting, c.time, c.waiting)
		}
	}
	sim := Simulate(diamond(), 2, estimated)
	if n := len(sim.Chain); n != 3 || sim.Chain[0].ID != 0 || sim.Chain[2].ID != 3 {
		t.Errorf("chain %v, want three steps from 0 to 3", sim.Chain)
	}
}

// TestSimulateLocks: what locks forbid to run at once takes its time one after
// the other, whatever the number of connections.
func TestSimulateLocks(t *testing.T) {
	p := &Plan{}
	for id := range 3 {
		p.Steps = append(p.Steps, &Step{ID: StepID(id), Phase: PhaseMain, Cost: 1, Locks: []Lock{{Relation{"s", "t"}, AccessExclusive}}})
	}
	p.setPriorities(estimated)
	if sim := Simulate(p, 8, estimated); sim.Time != 3 {
		t.Errorf("three steps that exclude each other take %v, want 3", sim.Time)
	}
}
