package restore

import "container/heap"

// A Scheduler says which step of a plan to run next. It does no work itself
// and knows no time: the caller runs what Next returns and says with Done how
// it ended. It is not safe for concurrent use.
//
// It promises:
//   - phases do not overlap; within the serial ones steps run in plan order,
//     one at a time;
//   - no step begins before all its Deps have ended, unless a loop of
//     dependencies leaves nothing else to do;
//   - no step begins before a stream has arrived at its data;
//   - steps whose locks conflict never run at once;
//   - of the steps that may run, the one with the highest Priority comes first,
//     loading after all else: what was just loaded is still in the cache. Where
//     it has time to wait, index builds of one table come together before it;
//   - a step that requires a failed one is skipped;
//   - every step ends: done, failed or skipped.
type Scheduler struct {
	Jobs int // connections, for index builds to be gathered: see gather; 0: they are not

	steps  []*Step
	serial bool // all phases in plan order, one step at a time

	state      []stepState
	waiting    []int // Deps that have not ended, and one more if the stream is not there
	dependents [][]StepID
	ahead      map[StepID]bool // steps at whose data the stream has not arrived
	requiredBy [][]StepID

	phase   Phase
	left    [lastPhase + 1]int // steps of a phase that have not ended
	first   StepID             // no step before it is pending
	ready   readyHeap          // of the current phase, unless it is serial
	parked  parking            // steps that are ready but for a lock
	running int
	held    map[Relation]*[AccessExclusive + 1]int // how many hold each mode
	pending float64                                // Work of the steps that have not begun
	scanned map[Relation]int                       // tables that builds which keep pace are reading, and how many
}

type stepState uint8

const (
	stepPending stepState = iota
	stepRunning
	stepEnded
)

// Outcome is how a step ended.
type Outcome uint8

const (
	OutcomeDone   Outcome = iota
	OutcomeFailed         // what requires it is skipped
)

// NewScheduler makes a scheduler for the steps of a plan. With serial, it
// hands them out one at a time in plan order, which does not go together with
// steps from a stream.
func NewScheduler(steps []*Step, serial bool) *Scheduler {
	s := &Scheduler{
		steps:      steps,
		serial:     serial,
		state:      make([]stepState, len(steps)),
		waiting:    make([]int, len(steps)),
		dependents: make([][]StepID, len(steps)),
		ahead:      make(map[StepID]bool),
		requiredBy: make([][]StepID, len(steps)),
		held:       make(map[Relation]*[AccessExclusive + 1]int),
		scanned:    make(map[Relation]int),
	}
	s.ready.steps = steps
	for _, step := range steps {
		s.left[step.Phase]++
		s.pending += step.Work
		s.waiting[step.ID] = len(step.Deps)
		if step.FromStream {
			s.waiting[step.ID]++
			s.ahead[step.ID] = true
		}
		for _, d := range step.Deps {
			s.dependents[d] = append(s.dependents[d], step.ID)
		}
		for _, d := range step.Requires {
			s.requiredBy[d] = append(s.requiredBy[d], step.ID)
		}
	}
	s.enter(0)
	return s
}

// enter makes a phase the current one.
func (s *Scheduler) enter(p Phase) {
	s.phase = p
	s.parked = newParking(s.steps)
	if s.inOrder() {
		return
	}
	for _, step := range s.steps {
		if step.Phase == p && s.state[step.ID] == stepPending && s.waiting[step.ID] == 0 {
			heap.Push(&s.ready, step.ID)
		}
	}
}

func (s *Scheduler) inOrder() bool { return s.serial || s.phase.serial() }

// Phase returns the phase that is under way.
func (s *Scheduler) Phase() Phase { return s.phase }

// Left returns how many steps of a phase have not ended.
func (s *Scheduler) Left(p Phase) int { return s.left[p] }

// AllLeft returns how many steps of the plan have not ended.
func (s *Scheduler) AllLeft() int {
	n := 0
	for _, left := range s.left {
		n += left
	}
	return n
}

// serialLeft returns how many steps of the serial phases have not ended.
func (s *Scheduler) serialLeft() int {
	return s.left[PhaseDrop] + s.left[PhaseDatabase] + s.left[PhasePreData]
}

// Next begins a step and returns it; false if none can begin now. When none
// runs either, all have ended.
func (s *Scheduler) Next() (*Step, bool) {
	for s.left[s.phase] == 0 && s.phase < lastPhase {
		s.enter(s.phase + 1)
	}
	id, ok := s.pick()
	if !ok {
		return nil, false
	}
	return s.begin(id), true
}

// Follow begins another step that may be sent right behind the one that Next
// (or Follow) has just returned, on the same connection and without waiting
// for that to end; false if there is none. Only quick steps follow quick
// steps.
func (s *Scheduler) Follow() (*Step, bool) {
	if s.inOrder() {
		if id, ok := s.firstPending(); ok && s.steps[id].Quick {
			return s.begin(id), true
		}
		return nil, false
	}
	id, ok := s.firstReady()
	if ok && s.steps[id].Quick {
		return s.begin(id), true
	}
	if ok {
		heap.Push(&s.ready, id)
	}
	return nil, false
}

// Ready returns how many steps could begin now, if locks allow; fewer than
// there are where steps go one by one.
func (s *Scheduler) Ready() int { return s.ready.Len() + s.parked.count }

func (s *Scheduler) begin(id StepID) *Step {
	s.state[id] = stepRunning
	s.running++
	s.pending -= s.steps[id].Work
	s.lock(s.steps[id])
	s.scan(s.steps[id], 1)
	return s.steps[id]
}

func (s *Scheduler) pick() (StepID, bool) {
	if s.inOrder() {
		if s.running > 0 {
			return 0, false
		}
		return s.firstPending()
	}
	if id, ok := s.firstReady(); ok {
		return s.gather(id), true
	}
	if s.running > 0 || len(s.ahead) > 0 {
		return 0, false
	}
	return s.firstPending() // all that is left waits for each other
}

// firstReady takes the first of the ready steps whose locks are free. Those that
// it finds blocked it parks until the lock in their way may be free.
func (s *Scheduler) firstReady() (StepID, bool) {
	for s.ready.Len() > 0 {
		id := heap.Pop(&s.ready).(StepID)
		var blocked *Lock
		if s.state[id] == stepPending {
			blocked = s.conflict(s.steps[id])
		}
		if blocked != nil {
			s.parked.park(id, *blocked)
		}
		if next, ok := s.parked.follow(id, blocked); ok {
			heap.Push(&s.ready, next)
		}
		if s.state[id] == stepPending && blocked == nil {
			return id, true
		}
	}
	return 0, false
}

// reorder takes in that priorities have changed.
func (s *Scheduler) reorder() {
	s.pending = 0
	for _, step := range s.steps {
		if s.state[step.ID] == stepPending {
			s.pending += step.Work
		}
	}
	heap.Init(&s.ready)
	s.parked.reorder()
}

// Waits reports whether steps wait for a stream to arrive at their data. As
// long as it does, Next may have nothing to begin though nothing runs.
func (s *Scheduler) Waits() bool { return len(s.ahead) > 0 }

// Arrived says that a stream has come to the data of a step.
func (s *Scheduler) Arrived(id StepID) {
	if s.ahead[id] {
		delete(s.ahead, id)
		s.release([]StepID{id})
	}
}

// firstPending returns the first step in plan order, of the current phase,
// that has not begun. Plan order is by phase.
func (s *Scheduler) firstPending() (StepID, bool) {
	for int(s.first) < len(s.steps) && s.state[s.first] != stepPending {
		s.first++
	}
	if int(s.first) == len(s.steps) || s.steps[s.first].Phase != s.phase {
		return 0, false
	}
	return s.first, true
}

// conflict returns the first lock of a step that is not free, or nil.
func (s *Scheduler) conflict(step *Step) *Lock {
	for i, l := range step.Locks {
		held := s.held[l.Relation]
		if held == nil {
			continue
		}
		for mode := AccessShare; mode <= AccessExclusive; mode++ {
			if held[mode] > 0 && l.Mode.Conflicts(mode) {
				return &step.Locks[i]
			}
		}
	}
	return nil
}

// lock takes the locks of a step.
func (s *Scheduler) lock(step *Step) {
	for _, l := range step.Locks {
		if s.held[l.Relation] == nil {
			s.held[l.Relation] = new([AccessExclusive + 1]int)
		}
		s.held[l.Relation][l.Mode]++
	}
}

// unlock gives them back, and makes ready what they may have been in the way
// of.
func (s *Scheduler) unlock(step *Step) {
	for _, l := range step.Locks {
		s.held[l.Relation][l.Mode]--
	}
	for _, l := range step.Locks {
		for _, id := range s.parked.wake(l.Relation) {
			heap.Push(&s.ready, id)
		}
	}
}

// Done says that a step which Next returned has ended. It returns the steps
// that are skipped because of it.
func (s *Scheduler) Done(id StepID, outcome Outcome) (skipped []*Step) {
	s.running--
	s.unlock(s.steps[id])
	s.scan(s.steps[id], -1)
	s.end(id)
	if outcome != OutcomeFailed {
		return nil
	}
	for stack := []StepID{id}; len(stack) > 0; {
		failed := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		for _, d := range s.requiredBy[failed] {
			if s.state[d] == stepPending {
				skipped = append(skipped, s.steps[d])
				s.end(d)
				stack = append(stack, d)
			}
		}
	}
	return skipped
}

// ended reports whether a step has ended.
func (s *Scheduler) ended(id StepID) bool { return s.state[id] == stepEnded }

// SkipData skips the loading of data that requires a step which has ended.
func (s *Scheduler) SkipData(id StepID) (skipped []*Step) {
	for _, d := range s.requiredBy[id] {
		if s.steps[d].Action.IsData() && s.state[d] == stepPending {
			skipped = append(skipped, s.steps[d])
			s.end(d)
		}
	}
	return skipped
}

// Complete ends a step that was done before, and that Next has not returned.
func (s *Scheduler) Complete(id StepID) {
	if s.state[id] == stepPending {
		s.end(id)
	}
}

// Requeue takes a step back that Next returned and that has not begun.
func (s *Scheduler) Requeue(id StepID) {
	s.running--
	s.pending += s.steps[id].Work
	s.unlock(s.steps[id])
	s.scan(s.steps[id], -1)
	s.state[id] = stepPending
	s.first = min(s.first, id)
	if !s.inOrder() {
		heap.Push(&s.ready, id)
	}
}

// end marks a step as ended and makes ready what waited for it last.
func (s *Scheduler) end(id StepID) {
	if s.state[id] == stepPending { // it never began
		s.pending -= s.steps[id].Work
	}
	s.state[id] = stepEnded
	s.left[s.steps[id].Phase]--
	delete(s.ahead, id)
	s.release(s.dependents[id])
}

// release makes ready what waited for nothing else.
func (s *Scheduler) release(steps []StepID) {
	for _, d := range steps {
		s.waiting[d]--
		if s.waiting[d] == 0 && s.state[d] == stepPending && s.steps[d].Phase == s.phase && !s.inOrder() {
			heap.Push(&s.ready, d)
		}
	}
}

// readyHeap holds the steps that wait for nothing, those that work with what
// was loaded before those that load, then highest priority first.
type readyHeap struct {
	steps []*Step
	ids   []StepID
}

func (h *readyHeap) Len() int { return len(h.ids) }

func (h *readyHeap) Less(i, j int) bool {
	a, b := h.steps[h.ids[i]], h.steps[h.ids[j]]
	if a.Action.IsData() != b.Action.IsData() {
		return b.Action.IsData()
	}
	if a.Priority != b.Priority {
		return a.Priority > b.Priority
	}
	return a.ID < b.ID
}

func (h *readyHeap) Swap(i, j int) { h.ids[i], h.ids[j] = h.ids[j], h.ids[i] }

func (h *readyHeap) Push(x any) { h.ids = append(h.ids, x.(StepID)) }

func (h *readyHeap) Pop() any {
	last := len(h.ids) - 1
	id := h.ids[last]
	h.ids = h.ids[:last]
	return id
}
