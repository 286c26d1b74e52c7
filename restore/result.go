package restore

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/pgarc/pgarc/script"
)

// A Result is what a restore did.
type Result struct {
	Steps        int // steps in the plan, without those that go on with an entry which failed
	Restored     int // steps that ended well
	Failed       []*StepError
	Skipped      []Skip
	Ignored      []*StepError // failures that do not count, by [Options.Policy]
	IgnoredSkips []Skip       // comments, labels and grants on what failed and was ignored; they do not count either
	Left         int          // steps never begun, because the restore was stopped
	Earlier      int          // steps that an earlier run had done

	Journal bool // the database holds a journal, by which the restore can be gone on with

	LeftOut []script.LeftOut // because of Options.SkipMissing; not among the steps, or in part

	Stopped     bool // stopped at a failure, because of ExitOnError or SingleTransaction, or of a full disk
	Interrupted bool // the context was cancelled
	RolledBack  bool // a single transaction did not commit: nothing was restored

	Checked *Check // the final check; nil: it was not made

	Rows, Bytes int64
	Begun       time.Time
	Duration    time.Duration
	Server      string // its version, as it says it
	Database    string // the one that was restored into
	Phases      []PhaseTime
	Slowest     []StepTime // the ten slowest, slowest first
}

// complete reports whether nothing is left to do.
func (r *Result) complete() bool {
	return len(r.Failed) == 0 && len(r.Skipped) == 0 && r.Restored+r.Earlier+len(r.Ignored)+len(r.IgnoredSkips) >= r.Steps && !r.Interrupted && !r.Stopped
}

// Skip is a step that was not run because another one failed.
type Skip struct {
	Step  *Step
	Cause *Step // the failure at the root of it
}

// PhaseTime is how long a phase took from its first start to its last end.
type PhaseTime struct {
	Phase    Phase
	Steps    int
	Duration time.Duration
}

// StepTime is how long a step took.
type StepTime struct {
	Step     *Step
	Duration time.Duration
	Rows     int64
	Bytes    int64
}

// slowestKept is how many of the slowest steps the result names.
const slowestKept = 10

// finish completes the result.
func (w *work) finish(ctx context.Context) *Result {
	w.keepSlowest()
	r := &w.result
	r.Interrupted = ctx.Err() != nil
	r.Begun, r.Duration = w.begun, time.Since(w.begun)
	r.Database = w.config.Database
	r.Slowest = w.times
	r.Left = r.Steps - r.Earlier - r.Restored - len(r.Failed) - len(r.Skipped) - len(r.Ignored) - len(r.IgnoredSkips)
	for p, t := range w.phases {
		if !t.first.IsZero() {
			r.Phases = append(r.Phases, PhaseTime{Phase(p), w.counted[p], t.last.Sub(t.first)})
		}
	}
	return r
}

func (w *work) keepSlowest() {
	slices.SortStableFunc(w.times, func(a, b StepTime) int { return cmp.Compare(b.Duration, a.Duration) })
	w.times = w.times[:min(len(w.times), slowestKept)]
}
