package main

import (
	"slices"

	"github.com/pgarc/pgarc/restore"
	"github.com/pgarc/pgarc/toc"
)

// hardlyMore is the part of the time that a larger -j has to save to be worth
// it.
const hardlyMore = 0.05

// A forecast is how long a restore will take on how many connections.
type forecast struct {
	plan    *restore.Plan
	seconds func(*restore.Step) float64 // that a step takes

	rows   []forecastRow // by connections, fewest first
	enough int           // connections from which more hardly help
	work   float64       // seconds of all steps together

	// least is the time with a connection for every step, and chain what
	// takes it: steps each of which can begin only when the one before has
	// ended, because it needs it, its locks conflict, or a phase ends there.
	least float64
	chain []*restore.Step
}

// A forecastRow is the time on a number of connections.
type forecastRow struct {
	jobs    int
	seconds float64
	gain    float64 // part of the time saved over half as many connections
	busy    float64 // part of the connections' time in which they work
}

// newForecast simulates a plan on 1, 2, 4, ... connections, and on jobs, until
// more make no difference.
func newForecast(plan *restore.Plan, jobs int, seconds func(*restore.Step) float64) *forecast {
	f := &forecast{plan: plan, seconds: seconds}
	limit := restore.Simulate(plan, len(plan.Steps)+2, seconds)
	f.least, f.chain, f.work = limit.Time, limit.Chain, limit.Work
	const fewest, most = 16, 128
	for n := 1; n <= most; n *= 2 {
		f.simulate(n)
		if n < jobs && jobs < 2*n {
			f.simulate(jobs)
		}
		if n >= max(fewest, jobs) && f.rows[len(f.rows)-1].seconds <= f.least*(1+hardlyMore/2) {
			break
		}
	}
	if jobs > most {
		f.simulate(jobs)
	}
	f.enough = enoughJobs(f.rows)
	return f
}

func (f *forecast) simulate(jobs int) {
	sim := restore.Simulate(f.plan, jobs, f.seconds)
	row := forecastRow{jobs: jobs, seconds: sim.Time}
	if sim.Time > 0 {
		row.busy = sim.Work / (sim.Time * float64(jobs))
	}
	for _, half := range f.rows {
		if half.jobs*2 == jobs && half.seconds > 0 {
			row.gain = 1 - sim.Time/half.seconds
		}
	}
	f.rows = append(f.rows, row)
}

// enoughJobs returns the fewest connections over which no larger number saves
// as much as hardlyMore.
func enoughJobs(rows []forecastRow) int {
	for i, row := range rows {
		faster := func(r forecastRow) bool { return r.seconds < row.seconds*(1-hardlyMore) }
		if !slices.ContainsFunc(rows[i+1:], faster) {
			return row.jobs
		}
	}
	return 1
}

// on returns the row of a number of connections that was simulated.
func (f *forecast) on(jobs int) forecastRow {
	i := slices.IndexFunc(f.rows, func(r forecastRow) bool { return r.jobs == jobs })
	return f.rows[i]
}

// chainByTable returns the table whose steps take most of the chain, and how
// many seconds.
func (f *forecast) chainByTable(t *toc.TOC) (table restore.Relation, seconds float64) {
	sum := make(map[restore.Relation]float64)
	for _, s := range f.chain {
		r, ok := tableOfStep(t, s)
		if !ok {
			continue
		}
		sum[r] += f.seconds(s)
		if sum[r] > seconds {
			table, seconds = r, sum[r]
		}
	}
	return table, seconds
}

// tableOfStep returns the table that a step works on. Of an index only the
// locks tell.
func tableOfStep(t *toc.TOC, s *restore.Step) (restore.Relation, bool) {
	n := t.NameOf(s.Entry)
	switch {
	case s.Entry.Kind == toc.Table || s.Entry.Kind == toc.TableData:
		return restore.Relation{Namespace: n.Schema, Name: n.Name}, true
	case n.Table != "":
		return restore.Relation{Namespace: n.Schema, Name: n.Table}, true
	case s.Entry.Kind == toc.Index && len(s.Locks) > 0:
		return s.Locks[0].Relation, true
	}
	return restore.Relation{}, false
}
