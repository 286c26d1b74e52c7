package restore

import (
	"slices"
	"testing"

	"github.com/pgarc/pgarc/toc"
)

// TestGather: two tables with indexes, of which one is a GIN index that takes long.
func TestGather(t *testing.T) {
	index := func(id StepID, table, method string, work float64) *Step {
		return &Step{ID: id, Phase: PhaseMain, Action: ActionCreate, Entry: &toc.Entry{Kind: toc.Index, Defn: "CREATE INDEX i ON t USING " + method + " (a);"},
			Locks: []Lock{{Relation{"s", table}, Share}}, Work: work, Priority: work}
	}
	plan := func(gin float64) []*Step {
		return []*Step{index(0, "a", "gin", gin), index(1, "b", "btree", 9), index(2, "a", "btree", 4), index(3, "a", "btree", 5), index(4, "b", "btree", 3), index(5, "a", "gin", 4)}
	}
	for _, c := range []struct {
		name  string
		jobs  int
		steps []*Step
		want  []StepID // the order in which they begin, if none ends before all have begun
	}{
		{"not gathered", 0, plan(10), []StepID{0, 1, 3, 2, 5, 4}},
		{"time to wait", 2, plan(10), []StepID{3, 2, 0, 1, 5, 4}},
		{"the chain is all there is", 2, plan(100), []StepID{0, 1, 4, 3, 2, 5}},
		{"more connections than work", 16, plan(10), []StepID{0, 1, 3, 2, 5, 4}},
	} {
		sched := NewScheduler(c.steps, false)
		sched.Jobs = c.jobs
		var got []StepID
		for {
			s, ok := sched.Next()
			if !ok {
				break
			}
			got = append(got, s.ID)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// TestGatherEnds: what has ended is not joined any more.
func TestGatherEnds(t *testing.T) {
	step := func(id StepID, table string, work float64) *Step {
		return &Step{ID: id, Phase: PhaseMain, Action: ActionCreate, Entry: &toc.Entry{Kind: toc.Index}, Locks: []Lock{{Relation{"s", table}, Share}}, Work: work, Priority: work}
	}
	sched := NewScheduler([]*Step{step(0, "a", 9), step(1, "b", 8), step(2, "a", 7), step(3, "b", 6), step(4, "a", 5)}, false)
	sched.Jobs = 2
	next := func(want StepID) {
		t.Helper()
		if s, ok := sched.Next(); !ok || s.ID != want {
			t.Errorf("next is %v, want %d", s, want)
		}
	}
	next(0)
	next(2) // joins 0
	sched.Done(0, OutcomeDone)
	sched.Requeue(2)
	next(1)
	next(3) // joins 1; nobody reads a
	if len(sched.scanned) != 1 || sched.pending != 7+5 {
		t.Errorf("scanned %v, pending %v; want one table and 12", sched.scanned, sched.pending)
	}
}
