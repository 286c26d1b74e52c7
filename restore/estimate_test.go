package restore

import (
	"testing"
	"time"

	"github.com/pgarc/pgarc/toc"
)

// TestEstimateLeft: two tables of 100 and 50 and an index on the larger one that is taken for 50, on two connections.
func TestEstimateLeft(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	const table = 1e6
	plan := func() *Plan {
		return &Plan{Steps: []*Step{
			{ID: 0, Phase: PhasePreData, Action: ActionCreate, Entry: &toc.Entry{Kind: toc.Table}, Quick: true},
			{ID: 1, Phase: PhaseMain, Entry: &toc.Entry{Kind: toc.TableData}, Action: ActionCopy, Cost: table},
			{ID: 2, Phase: PhaseMain, Entry: &toc.Entry{Kind: toc.TableData}, Action: ActionCopy, Cost: table / 2},
			{ID: 3, Phase: PhaseMain, Action: ActionCreate, Entry: &toc.Entry{Kind: toc.Index, Defn: "CREATE INDEX i ON t USING btree (a);"}, Cost: table / 2, Deps: []StepID{1}},
		}}
	}
	loads := func(ended int, took float64) (r rates) {
		r.add(plan().Steps[0], 10*time.Millisecond)
		if ended > 0 {
			r.add(plan().Steps[ended], time.Duration(took*float64(time.Second)))
		}
		return r
	}
	for _, c := range []struct {
		name    string
		ended   []StepID
		rates   rates
		jobs    int
		running map[StepID]Running
		want    float64
	}{
		{"nothing known", nil, rates{}, 2, nil, 0},
		{"no data seen", []StepID{0}, loads(0, 0), 2, nil, 0},
		{"a running one tells", []StepID{0}, loads(0, 0), 2, map[StepID]Running{1: {Since: now.Add(-10 * time.Second), Portion: 0.1}}, 90 + 50},
		{"the chain", []StepID{0, 2}, loads(2, 50), 2, nil, 100 + 50},
		{"one connection", []StepID{0}, loads(2, 50), 1, nil, 100 + 50 + 50},
		{"all at work", []StepID{0, 1, 2}, loads(2, 50), 2, map[StepID]Running{3: {Since: now.Add(-20 * time.Second), Portion: -1}}, 30},
		{"longer than thought", []StepID{0, 1, 2}, loads(2, 50), 2, map[StepID]Running{3: {Since: now.Add(-90 * time.Second), Portion: -1}}, 5},
		{"all done", []StepID{0, 1, 2, 3}, loads(2, 50), 2, nil, 0},
	} {
		p := plan()
		sched := NewScheduler(p.Steps, false)
		for _, id := range c.ended {
			sched.Complete(id)
		}
		var running []Running
		for id, r := range c.running {
			r.Step = p.Steps[id]
			running = append(running, r)
		}
		if got := estimateLeft(p, sched, c.rates, c.jobs, running, now).Seconds(); got < c.want-0.1 || got > c.want+0.1 {
			t.Errorf("%s: %v s left, want %v", c.name, got, c.want)
		}
	}
}
