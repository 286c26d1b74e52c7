package restore

import (
	"context"
	"fmt"
	"time"

	"github.com/pgarc/pgarc/toc"
)

// Verify says when a restore ends with a look at what is in the database.
type Verify uint8

const (
	VerifyCheap Verify = iota // if that takes no time: up to some thousand entries
	VerifyAlways
	VerifyNever
)

// verifyMost is how many entries are looked up without being asked to.
const verifyMost = 5000

// A Check is what the look at the end found.
type Check struct {
	Entries  int // looked up in the catalog
	Tables   int // whose rows were counted
	Findings []Finding
	Rows     []RowCount // tables of which not every row was taken
	Err      error      // the catalog could not be read
	Duration time.Duration
}

// OK reports whether everything was found to be there.
func (c *Check) OK() bool { return len(c.Findings)+len(c.Rows) == 0 && c.Err == nil }

// A RowCount is a table into which a COPY that did not fail has put other than
// the archive's rows.
type RowCount struct {
	Entry           *toc.Entry
	Loaded, Archive int64
}

// String says it in a line.
func (r RowCount) String() string {
	return fmt.Sprintf("%d of %d rows were loaded", r.Loaded, r.Archive)
}

// check looks whether everything that was restored is in the catalog, and
// valid. Rows were counted while they were loaded.
func (w *work) check(ctx context.Context) {
	if w.opts.Verify == VerifyNever || w.result.Stopped {
		return
	}
	c := &Check{Rows: w.refused, Tables: w.tablesCounted}
	begun := time.Now()
	entries := w.toCheck()
	if len(entries) <= verifyMost || w.opts.Verify == VerifyAlways {
		c.Entries = len(entries)
		c.Findings, c.Err = w.lookUp(ctx, entries)
		for n := 0; n < lossesMost && c.Err != nil && (isAway(c.Err) || !isServerError(c.Err)); n++ {
			if w.insist(ctx, func(s *session) error { return s.exec(ctx, "SELECT 1") }) != nil {
				break
			}
			c.Findings, c.Err = w.lookUp(ctx, entries)
		}
	}
	c.Duration = time.Since(begun)
	if ctx.Err() == nil {
		w.result.Checked = c
	}
}

// toCheck returns the entries that were restored without any failure: those of
// the plan, but for data and what was reported already.
func (w *work) toCheck() []*toc.Entry {
	reported := make(map[toc.DumpID]bool)
	for _, list := range [][]*StepError{w.result.Failed, w.result.Ignored} {
		for _, e := range list {
			if e.Step.Action != ActionDrop {
				reported[e.Step.Entry.ID] = true
			}
		}
	}
	for _, list := range [][]Skip{w.result.Skipped, w.result.IgnoredSkips} {
		for _, s := range list {
			reported[s.Step.Entry.ID] = true
		}
	}
	var entries []*toc.Entry
	for _, s := range w.plan.Steps {
		id := s.Entry.ID
		if s.Action == ActionDrop || s.Action == ActionAnalyze || s.Action.IsData() || reported[id] || !isLookedUp(s.Entry) {
			continue
		}
		reported[id] = true // once is enough
		entries = append(entries, s.Entry)
	}
	return entries
}

// isLookedUp leaves out what is no object, and what others change without
// anything being lost.
func isLookedUp(e *toc.Entry) bool {
	switch e.Kind {
	case toc.Database, toc.DatabaseProperties, toc.SequenceSet, toc.StatisticsData, toc.Warning, toc.MaterializedViewData:
		return false
	}
	return true
}

// lookUp asks with a connection of its own, for which the others make room: the
// server may have none to spare. Nobody sees then whether the server crashes.
func (w *work) lookUp(ctx context.Context, entries []*toc.Entry) ([]Finding, error) {
	w.closeAll()
	w.unsure = true
	found, err := lookUpIn(ctx, w.archive, w.exec.toc, w.config, entries, LookupOptions{Role: w.opts.Role})
	if err != nil {
		return nil, err
	}
	var list []Finding
	for _, f := range found.Findings {
		if f.Presence == Absent || f.Presence == Incomplete {
			list = append(list, f)
		}
	}
	return list, nil
}
