package restore

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pgarc/pgarc/toc"
)

// TestSchedulerRandom works off random plans, with random failures, on a
// random number of workers that end in random order, and checks every promise
// of the Scheduler.
func TestSchedulerRandom(t *testing.T) {
	for seed := range uint64(400) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 7))
			plan := randomPlan(rnd, seed%4 == 3, seed%5 == 2)
			sim := newSimulation(t, plan, rnd, 1+rnd.IntN(8), seed%5 == 4)
			sim.failing = rnd.Float64() * 0.3
			sim.run()
			sim.checkEnd()
		})
	}
}

// randomPlan makes a plan of steps in all phases. With loops, dependencies may
// point anywhere, so that some can never be satisfied. With stream, some steps
// wait for their data to arrive.
func randomPlan(rnd *rand.Rand, loops, stream bool) []*Step {
	steps := make([]*Step, 1+rnd.IntN(150))
	phases := make([]Phase, len(steps))
	for i := range phases {
		phases[i] = Phase(rnd.IntN(int(PhaseEventTriggers) + 1))
		if rnd.IntN(2) == 0 {
			phases[i] = PhaseMain
		}
	}
	slices.Sort(phases)
	for i := range steps {
		s := &Step{ID: StepID(i), Phase: phases[i], Entry: &toc.Entry{ID: toc.DumpID(i + 1)}, Priority: float64(rnd.IntN(20))}
		limit := i
		if loops {
			limit = len(steps)
		}
		for range rnd.IntN(4) {
			if limit == 0 {
				break
			}
			d := StepID(rnd.IntN(limit))
			if d == s.ID || slices.Contains(s.Deps, d) {
				continue
			}
			s.Deps = append(s.Deps, d)
			if rnd.IntN(2) == 0 {
				s.Requires = append(s.Requires, d)
			}
		}
		s.FromStream = stream && !s.Phase.serial() && rnd.IntN(3) == 0
		for range rnd.IntN(4) {
			s.Locks = append(s.Locks, Lock{Relation{"s", string(rune('a' + rnd.IntN(6)))}, AccessShare + LockMode(rnd.IntN(8))})
		}
		steps[i] = s
	}
	return steps
}

// simulation runs a scheduler without a database.
type simulation struct {
	t       *testing.T
	rnd     *rand.Rand
	steps   []*Step
	sched   *Scheduler
	serial  bool
	workers int
	failing float64

	running []*Step
	order   []StepID
	ended   map[StepID]string // "done", "failed" or "skipped"
	arrived map[StepID]bool
	forced  bool // a loop was broken
}

func newSimulation(t *testing.T, steps []*Step, rnd *rand.Rand, workers int, serial bool) *simulation {
	return &simulation{
		t: t, rnd: rnd, steps: steps, serial: serial, workers: workers,
		sched: NewScheduler(steps, serial), ended: make(map[StepID]string), arrived: make(map[StepID]bool),
	}
}

func (m *simulation) run() {
	for range 10 * len(m.steps) {
		for len(m.running) < m.workers {
			step, ok := m.sched.Next()
			if !ok {
				break
			}
			if m.rnd.IntN(10) == 0 { // a worker that cannot connect gives it back
				m.sched.Requeue(step.ID)
				continue
			}
			m.begin(step)
		}
		if m.sched.Waits() && (len(m.running) == 0 || m.rnd.IntN(3) == 0) {
			m.arrive()
			continue
		}
		if len(m.running) == 0 {
			if _, ok := m.sched.Next(); !ok {
				return
			}
			m.t.Fatal("Next found a step only when asked again")
		}
		m.end(m.rnd.IntN(len(m.running)))
	}
	m.t.Fatalf("no end: %d of %d steps ended", len(m.ended), len(m.steps))
}

// arrive brings the stream to one of the steps that wait for it.
func (m *simulation) arrive() {
	for _, s := range m.steps {
		if m.sched.ahead[s.ID] {
			m.arrived[s.ID] = true
			m.sched.Arrived(s.ID)
			return
		}
	}
}

func (m *simulation) begin(s *Step) {
	if was, ok := m.ended[s.ID]; ok {
		m.t.Errorf("step %d begins again after it was %s", s.ID, was)
	}
	for _, r := range m.running {
		if r.Phase != s.Phase {
			m.t.Errorf("step %d of phase %v begins while step %d of phase %v runs", s.ID, s.Phase, r.ID, r.Phase)
		}
		if s.Phase.serial() || m.serial {
			m.t.Errorf("step %d begins while step %d runs in a serial phase", s.ID, r.ID)
		}
		for _, a := range s.Locks {
			for _, b := range r.Locks {
				if a.Relation == b.Relation && a.Mode.Conflicts(b.Mode) {
					m.t.Errorf("steps %d and %d run at once with %v and %v on %v", s.ID, r.ID, a.Mode, b.Mode, a.Relation)
				}
			}
		}
	}
	for _, d := range s.Requires {
		if w := m.ended[d]; w == "failed" || w == "skipped" {
			m.t.Errorf("step %d begins though step %d, which it requires, %s", s.ID, d, w)
		}
	}
	if !s.Phase.serial() && !m.serial {
		for _, d := range s.Deps {
			if m.ended[d] == "" {
				if len(m.running) > 0 {
					m.t.Errorf("step %d begins before step %d has ended, while others run", s.ID, d)
				}
				m.forced = true
			}
		}
	}
	if s.FromStream && !m.arrived[s.ID] {
		m.t.Errorf("step %d begins before its data have arrived", s.ID)
	}
	m.running = append(m.running, s)
	m.order = append(m.order, s.ID)
}

func (m *simulation) end(i int) {
	s := m.running[i]
	m.running = slices.Delete(m.running, i, i+1)
	outcome := OutcomeDone
	m.ended[s.ID] = "done"
	if m.rnd.Float64() < m.failing {
		outcome = OutcomeFailed
		m.ended[s.ID] = "failed"
	}
	for _, skipped := range m.sched.Done(s.ID, outcome) {
		if was, ok := m.ended[skipped.ID]; ok {
			m.t.Errorf("step %d is skipped after it was %s", skipped.ID, was)
		}
		if outcome != OutcomeFailed {
			m.t.Errorf("step %d is skipped because of %d, which did not fail", skipped.ID, s.ID)
		}
		m.ended[skipped.ID] = "skipped"
	}
}

func (m *simulation) checkEnd() {
	for _, s := range m.steps {
		if m.ended[s.ID] == "" {
			m.t.Errorf("step %d never ended", s.ID)
		}
	}
	if m.serial && !slices.IsSorted(m.order) {
		m.t.Errorf("serial order is not plan order: %v", m.order)
	}
	if len(m.sched.held) > 0 {
		for r, modes := range m.sched.held {
			for mode, n := range modes {
				if n != 0 {
					m.t.Errorf("%d locks of mode %v on %v are still held", n, LockMode(mode), r)
				}
			}
		}
	}
}

// TestSchedulerNoLoopNeverForces: without loops no step may begin before what
// it waits for.
func TestSchedulerNoLoopNeverForces(t *testing.T) {
	for seed := range uint64(100) {
		rnd := rand.New(rand.NewPCG(seed, 9))
		plan := randomPlan(rnd, false, seed%2 == 1)
		// What a step waits for may be in a later phase only by mistake.
		sim := newSimulation(t, plan, rnd, 4, false)
		sim.run()
		if sim.forced {
			t.Errorf("seed %d: a step began before what it waits for", seed)
		}
	}
}

// TestSchedulerPriority: of what may run, the longest chain comes first, and a
// step kept back by a lock lets others pass.
func TestSchedulerPriority(t *testing.T) {
	table := Relation{"public", "a"}
	step := func(id StepID, priority float64, locks ...Lock) *Step {
		return &Step{ID: id, Phase: PhaseMain, Priority: priority, Locks: locks, Entry: &toc.Entry{}}
	}
	sched := NewScheduler([]*Step{
		step(0, 1),
		step(1, 30, Lock{table, ShareRowExclusive}),
		step(2, 20, Lock{table, ShareRowExclusive}),
		step(3, 10, Lock{table, AccessShare}),
	}, false)
	var order []StepID
	next := func() {
		if s, ok := sched.Next(); ok {
			order = append(order, s.ID)
		}
	}
	next()
	next()
	next()
	next()
	sched.Done(1, OutcomeDone)
	next()
	if want := []StepID{1, 3, 0, 2}; !slices.Equal(order, want) {
		t.Errorf("steps began in order %v, want %v", order, want)
	}
}

func TestLockModes(t *testing.T) {
	for a := AccessShare; a <= AccessExclusive; a++ {
		for b := AccessShare; b <= AccessExclusive; b++ {
			if a.Conflicts(b) != b.Conflicts(a) {
				t.Errorf("%v and %v: conflict is not symmetric", a, b)
			}
		}
	}
	for _, c := range []struct {
		a, b LockMode
		want bool
	}{
		{Share, Share, false},
		{ShareUpdateExclusive, ShareUpdateExclusive, true},
		{Share, ShareUpdateExclusive, true},
		{RowExclusive, Share, true},
		{RowShare, Exclusive, true},
		{RowShare, ShareRowExclusive, false},
		{AccessShare, Exclusive, false},
		{AccessShare, AccessExclusive, true},
	} {
		if got := c.a.Conflicts(c.b); got != c.want {
			t.Errorf("%v conflicts with %v: %t, want %t", c.a, c.b, got, c.want)
		}
	}
}
