package restore

import (
	"context"
	"fmt"
	"slices"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/toc"
)

// A server that crashes, and a standby that takes over, may lack the last
// commits: sessions do not wait for them to be written down. The rows of the
// journal are gone with the work, and so a connection that was lost is a reason
// to compare what is thought to be done with the journal, and to go on from
// what it says.

// booked is a step that ended well.
type booked struct {
	step        *Step
	rows, bytes int64
}

// in reports whether a journal has what a step did in it.
func (b booked) in(done map[string]doneStep) bool {
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
	})
}

// rewind begins again from what the journal has. What failed is tried once
// more: it may have failed because of what was lost.
func (w *work) rewind(done map[string]doneStep) error {
	if w.stream != nil {
		return fmt.Errorf("the server has lost what it had committed last, and %w", errStreamOver)
	}
	w.exec.journal.done = done
	var kept []booked
	have := make(map[StepID]booked)
	for i, b := range w.booked {
		if i < len(w.booked)-len(journaled(w.booked)) || stepDone(b.step, done[b.step.Key]) {
			kept, have[b.step.ID] = append(kept, b), b
		}
	}
	w.notice(fmt.Sprintf("the server has lost its last commits: doing %d steps again", len(w.booked)-len(kept)))
	w.booked = kept
	w.sched = NewScheduler(w.plan.Steps, w.single && w.stream == nil)
	w.made, w.roots = make(map[toc.DumpID]bool), make(map[StepID]*Step)
	w.ends, w.stored = 0, 0
	r := &w.result
	r.Steps, r.Restored, r.Earlier, r.Rows, r.Bytes, r.Skipped = len(w.plan.Steps), 0, 0, 0, 0, nil
	over := w.over()
	r.Failed = slices.DeleteFunc(r.Failed, func(e *StepError) bool { return !over(e.Step) })
	for _, s := range w.plan.Steps {
		b, ok := have[s.ID]
		failed := slices.ContainsFunc(r.Failed, func(e *StepError) bool { return e.Step == s })
		switch {
		case failed:
		case ok || w.earlier[s.ID] || over(s):
		default:
			continue
		}
		w.complete(s)
		switch {
		case w.earlier[s.ID]:
			r.Earlier++
		case !failed:
			r.Restored++
		}
		r.Rows, r.Bytes = r.Rows+b.rows, r.Bytes+b.bytes
		if s.Action.IsData() {
			w.stored += max(s.Entry.DataSize, 0)
		}
	}
	return nil
}

var errStreamOver = fmt.Errorf("%w: a stream cannot be read again", archive.ErrNotSeekable)
