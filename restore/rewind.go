package restore

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/toc"
)

// A server that crashes, and a standby that takes over, may lack the last
// commits: sessions do not wait for them to be written down. The rows of the
// journal are gone with the work, and so a connection that was lost is a reason
// to compare what is thought to be done with the journal, and to go on from
// what it says.

// booked is a step that ended: well, or with a part of it done.
type booked struct {
	step        *Step
	rows, bytes int64
	counted     bool    // its rows were compared with the archive's
	failed      bool    // it did not end well
	parts       []int64 // if so: what the journal has of it
}

// in reports whether a journal has what a step did in it.
func (b booked) in(done map[string]doneStep) bool {
	if b.failed {
		return !slices.ContainsFunc(b.parts, func(part int64) bool { return !done[b.step.Key].parts[part] })
	}
	return stepDone(b.step, done[b.step.Key]) || len(stepParts(b.step)) == 0
}

// journaled leaves out what was done before there was a journal: the database
// itself.
func journaled(list []booked) []booked {
	i := slices.IndexFunc(list, func(b booked) bool { return b.step.Reconnect != "" })
	for ; i >= 0 && i < len(list) && list[i].step.Phase <= PhaseDatabase; i++ {
	}
	return list[max(i, 0):]
}

// readDone reads what the database has of the steps.
func (j *journal) readDone(ctx context.Context, s *session) (map[string]doneStep, error) {
	rows, err := s.query(ctx, "SELECT step, part, coalesce(rows, 0) FROM pgarc_journal.all_done")
	switch {
	case noJournal(err):
		return nil, fmt.Errorf("the journal is gone; is this another server? %w", err)
	case err != nil:
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	return doneSteps(rows), nil
}

// takeOver prepares a session to go on in place of one that a slot had, if it
// had one. It reports whether the journal lacks what it should have.
func (j *journal) takeOver(ctx context.Context, s *session, slot *slot) (lacks bool, err error) {
	if former := slot.pid.Load(); former != 0 {
		if err := j.endSession(ctx, s, former); err != nil {
			return false, err
		}
		done, err := j.readDone(ctx, s)
		if err != nil {
			return false, err
		}
		lacks = slices.ContainsFunc(journaled(slot.known), func(b booked) bool { return !b.in(done) })
	}
	return lacks, j.register(ctx, s)
}

// betweenTasks does what has to wait until nothing runs.
func (w *work) betweenTasks(ctx context.Context) error {
	if w.rewinds {
		w.rewinds = false
		return w.insist(ctx, func(s *session) error {
			done, err := w.exec.journal.readDone(ctx, s)
			if err != nil {
				return err
			}
			if err := w.undoAfterData(ctx, s, done); err != nil {
				return err
			}
			return w.rewind(done)
		})
	}
	return w.journalAfterCreate(ctx)
}

// makeSure lets the server write down what was committed, once all steps have
// ended. If it has lost any of it, it has to be done again.
func (w *work) makeSure(ctx context.Context) error {
	if w.opts.SingleTransaction || w.result.Stopped {
		return nil
	}
	return w.insist(ctx, func(s *session) error {
		if err := w.flush(ctx, s); err != nil {
			return err
		}
		return w.compareBooks(ctx, s)
	})
}

// compareBooks finds out, if a connection was lost, whether the journal has all
// that was done; else that is to be done again.
func (w *work) compareBooks(ctx context.Context, s *session) error {
	if !w.unsure || w.exec.journal == nil {
		return nil
	}
	done, err := w.exec.journal.readDone(ctx, s)
	if err != nil {
		return err
	}
	w.rewinds = slices.ContainsFunc(journaled(w.booked), func(b booked) bool { return !b.in(done) })
	w.unsure = w.rewinds
	return nil
}

// rewind begins again from what the journal has. What failed is tried once
// more: it may have failed because of what was lost.
func (w *work) rewind(done map[string]doneStep) error {
	w.exec.journal.done = done
	have, err := w.keepBooked(done)
	if err != nil {
		return err
	}
	over, passed := w.over(), w.passed(have)
	w.notice("the server has lost its last commits: doing again what they did, and what had failed")
	w.schedule()
	w.forgetResults(func(s *Step) bool { return passed(s) || over(s) })
	r := &w.result
	for _, s := range w.plan.Steps {
		b, ok := have[s.ID]
		failed := slices.ContainsFunc(r.Failed, func(e *StepError) bool { return e.Step == s })
		if !ok && !failed && !w.earlier[s.ID] && !over(s) && !passed(s) {
			continue
		}
		w.complete(s)
		switch {
		case w.earlier[s.ID]:
			r.Earlier++
		case !failed && !passed(s):
			r.Restored++
		}
		r.Rows, r.Bytes = r.Rows+b.rows, r.Bytes+b.bytes
		if b.counted {
			w.tablesCounted++
		}
		if s.Action.IsData() {
			w.stored += max(s.Entry.DataSize, 0)
		}
	}
	w.arriveAgain()
	return nil
}

// keepBooked keeps of the books what the journal has, and returns it by step.
// Data that came from a stream should be among it: their commits are waited
// for.
func (w *work) keepBooked(done map[string]doneStep) (map[StepID]booked, error) {
	var kept []booked
	have := make(map[StepID]booked)
	before := len(w.booked) - len(journaled(w.booked)) // there was a journal
	for i, b := range w.booked {
		switch {
		case b.failed: // it is tried again
		case i < before || stepDone(b.step, done[b.step.Key]):
			kept, have[b.step.ID] = append(kept, b), b
		case b.step.FromStream && len(stepParts(b.step)) > 0:
			return nil, fmt.Errorf("%s: %w", b.step, ErrStreamLost)
		}
	}
	w.booked = kept
	return have, nil
}

// ErrStreamLost says that a server has lost data that came from a stream, though
// it had said that they were written down: it does not do that (fsync = off), or
// it is a standby that has taken over.
var ErrStreamLost = fmt.Errorf("the server has lost data that it had committed, and a stream cannot be read again: %w", archive.ErrNotSeekable)

// passed says which steps have ended without their data, which a stream does
// not bring again: what came of them stays.
func (w *work) passed(have map[StepID]booked) func(*Step) bool {
	before := w.sched
	return func(s *Step) bool {
		_, ok := have[s.ID]
		return s.FromStream && !ok && !w.earlier[s.ID] && before.ended(s.ID)
	}
}

// forgetResults begins to count anew, but for what stays.
func (w *work) forgetResults(stays func(*Step) bool) {
	r := &w.result
	r.Steps, r.Restored, r.Earlier, r.Rows, r.Bytes = len(w.plan.Steps), 0, 0, 0, 0
	w.ends, w.stored, w.tablesCounted = 0, 0, 0
	w.made = make(map[toc.DumpID]bool)
	goes := func(s *Step) bool { return !stays(s) }
	goesError := func(e *StepError) bool { return goes(e.Step) }
	goesSkip := func(s Skip) bool { return goes(s.Step) }
	r.Failed, r.Ignored = slices.DeleteFunc(r.Failed, goesError), slices.DeleteFunc(r.Ignored, goesError)
	r.Skipped, r.IgnoredSkips = slices.DeleteFunc(r.Skipped, goesSkip), slices.DeleteFunc(r.IgnoredSkips, goesSkip)
	maps.DeleteFunc(w.roots, func(id StepID, _ *Step) bool { return goes(w.plan.Steps[id]) })
	maps.DeleteFunc(w.ignored, func(id StepID, _ bool) bool { return goes(w.plan.Steps[id]) })
	w.refused = slices.DeleteFunc(w.refused, func(c RowCount) bool {
		return !slices.ContainsFunc(w.booked, func(b booked) bool { return b.step.Entry == c.Entry && b.counted })
	})
}
