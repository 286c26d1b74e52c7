package restore

import "container/heap"

// A Simulation is how a plan would be worked off.
type Simulation struct {
	Jobs    int
	Time    float64   // until the last step has ended, in the unit of the costs
	Work    float64   // of all steps together
	Chain   []*Step   // of steps each of which could begin only when the one before had ended, to the end
	Waiting float64   // time during which a connection had nothing to do, summed over all
	Begin   []float64 // when each step begins, by its ID
}

// Simulate works a plan off on a number of connections with the scheduler
// itself, where each step takes as long as cost says. It does no I/O. What the
// connections have to share, processors and disks, it does not know: where
// these are the limit, more connections help less than it says.
func Simulate(p *Plan, jobs int, cost func(*Step) float64) Simulation {
	sim := Simulation{Jobs: max(jobs, 1), Begin: make([]float64, len(p.Steps))}
	sched := NewScheduler(p.Steps, sim.Jobs == 1)
	sched.Jobs = sim.Jobs
	cause := make([]*Step, len(p.Steps)) // whose end let a step begin
	var running endHeap
	var last *Step
	now := 0.0
	for {
		for len(running) < sim.Jobs {
			s, ok := sched.Next()
			if !ok {
				break
			}
			sim.Begin[s.ID], cause[s.ID] = now, last
			sim.Work += cost(s)
			heap.Push(&running, ending{now + cost(s), s})
		}
		if len(running) == 0 {
			break
		}
		e := heap.Pop(&running).(ending)
		sim.Waiting += float64(sim.Jobs-len(running)-1) * (e.at - now)
		now, last = e.at, e.step
		sched.Done(e.step.ID, OutcomeDone)
	}
	sim.Time = now
	for s := last; s != nil; s = cause[s.ID] {
		sim.Chain = append(sim.Chain, s)
	}
	for i, j := 0, len(sim.Chain)-1; i < j; i, j = i+1, j-1 {
		sim.Chain[i], sim.Chain[j] = sim.Chain[j], sim.Chain[i]
	}
	return sim
}

// ending is a step that is under way in a simulation.
type ending struct {
	at   float64
	step *Step
}

// endHeap holds what is under way, the first to end first.
type endHeap []ending

func (h endHeap) Len() int { return len(h) }

func (h endHeap) Less(i, j int) bool {
	if h[i].at != h[j].at {
		return h[i].at < h[j].at
	}
	return h[i].step.ID < h[j].step.ID
}

func (h endHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

func (h *endHeap) Push(x any) { *h = append(*h, x.(ending)) }

func (h *endHeap) Pop() any {
	e := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return e
}

// Seconds estimates how long a step takes on a server like the one that the
// factors were measured on (docs/benchmarks.md), with warm caches.
func Seconds(s *Step) float64 {
	if s.Quick || s.Cost <= smallCost {
		return quickSeconds
	}
	return quickSeconds + s.Cost/costPerSecond
}

const (
	quickSeconds  = 0.0005
	costPerSecond = 4 << 20 // stored (gzip) bytes whose loading takes a second
)
