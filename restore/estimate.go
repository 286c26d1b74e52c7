package restore

import "time"

// estimateLeft estimates how long the steps take that have not ended: as long
// as others of their kind took for their cost, on as many connections as there
// are, but no less than the longest chain of them. Of what runs, what it has
// run counts. It is 0 before anything is known to go by.
func estimateLeft(p *Plan, sched *Scheduler, r rates, jobs int, running []Running, now time.Time) time.Duration {
	r = r.with(running, now)
	began := make(map[StepID]Running, len(running))
	for _, run := range running {
		began[run.Step.ID] = run
	}
	seconds := make([]float64, len(p.Steps)) // by step
	serial, side := 0.0, 0.0                 // of all steps that go one by one, and side by side
	next := make([][]StepID, len(p.Steps))
	for _, s := range p.Steps {
		if sched.ended(s.ID) {
			continue
		}
		left := r.quickSeconds()
		switch {
		case workOf(s) == "" && r.quickEnded == 0, workOf(s) != "" && len(r.seconds) == 0:
			return 0
		case workOf(s) != "":
			left = r.secondsOf(s)
		}
		if run, ok := began[s.ID]; ok {
			left = run.left(left, now)
		}
		seconds[s.ID] = left
		if s.Phase.serial() {
			serial += left
		} else {
			side += left
		}
		for _, id := range s.Deps {
			if !sched.ended(id) {
				next[s.ID] = append(next[s.ID], id)
			}
		}
	}
	longest := 0.0
	chain := make([]float64, len(p.Steps)) // that ends with a step, those of the serial phases not counted
	for _, id := range leavesFirst(next) {
		if p.Steps[id].Phase.serial() {
			continue
		}
		for _, d := range next[id] {
			chain[id] = max(chain[id], chain[d])
		}
		chain[id] += seconds[id]
		longest = max(longest, chain[id])
	}
	return time.Duration((serial + max(side/float64(max(jobs, 1)), longest)) * float64(time.Second))
}

// left is what remains of a step that was thought to take some seconds. One that
// takes longer than that is thought to be nearly there.
func (r Running) left(seconds float64, now time.Time) float64 {
	if r.Portion > 0.01 {
		spent := now.Sub(r.Since).Seconds()
		return spent/r.Portion - spent
	}
	return max(seconds-now.Sub(r.Since).Seconds(), seconds/10)
}

// with is the rates and what can be seen of data that are being loaded: of a
// large table, long before it ends.
func (r rates) with(running []Running, now time.Time) rates {
	seen := rates{quickEnded: r.quickEnded, quickTook: r.quickTook, cost: make(map[string]float64), seconds: make(map[string]float64)}
	for kind := range r.cost {
		seen.cost[kind], seen.seconds[kind] = r.cost[kind], r.seconds[kind]
	}
	for _, run := range running {
		if kind := workOf(run.Step); kind != "" && run.Portion > 0.01 {
			seen.cost[kind] += run.Step.Cost * run.Portion
			seen.seconds[kind] += now.Sub(run.Since).Seconds()
		}
	}
	return seen
}

// quickSeconds is how long a step takes of those that cost nothing: mostly the
// way to the server.
func (r rates) quickSeconds() float64 {
	if r.quickEnded == 0 {
		return 0
	}
	return r.quickTook.Seconds() / float64(r.quickEnded)
}

// estimate estimates anew, now and then.
func (w *work) estimate(now time.Time) {
	if now.Sub(w.estimated) < watchEvery {
		return
	}
	w.estimated = now
	jobs := 0
	for _, s := range w.slots {
		if !s.retired {
			jobs++
		}
	}
	w.left.Store(int64(estimateLeft(w.plan, w.sched, w.rates, jobs, w.progress().Running, now)))
}
