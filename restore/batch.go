package restore

import (
	"context"
	"fmt"

	"github.com/pgarc/pgarc/script"
	"github.com/pgarc/pgarc/toc"
)

// A batch is the transaction that is open under Options.TransactionSize. As in
// pg_restore, several connections make batches only as long as one of them
// works alone: of definitions before the data.
type batch struct {
	open        bool
	commands    int // sent in it
	steps       int // restored in it
	rows, bytes int64
}

// add counts a task that has run in the batch.
func (b *batch) add(t *task) {
	if t.err == nil {
		b.steps++
	}
	b.rows += t.rows
	b.bytes += t.bytes.Load()
}

// batched reports whether a step runs in a batch.
func (w *work) batched(step *Step) bool {
	return w.opts.TransactionSize > 0 && (w.single || step.Phase.serial()) && step.Phase != PhaseDatabase
}

// beginBatch begins a transaction for a task, if none is open. It runs in the
// task's goroutine.
func (w *work) beginBatch(ctx context.Context, s *session, t *task) bool {
	if !t.batched || w.batch.open {
		return true
	}
	if !t.fail("BEGIN", RoleLoad, s.exec(ctx, "BEGIN")) {
		return false
	}
	w.batch = batch{open: true}
	return true
}

// endOfBatch commits once enough has been sent, or when others are to see it.
// A failure ends the restore, and the server rolls back what is open.
func (w *work) endOfBatch(ctx context.Context, s *slot, t *task) error {
	if !w.batch.open || w.result.Stopped || s.session == nil {
		return nil
	}
	w.batch.commands += w.commandsOf(t.step)
	last := w.single && w.sched.AllLeft() == 0 || !w.single && w.sched.serialLeft() == 0 || w.sched.Left(PhaseDrop) == 0 && t.step.Phase == PhaseDrop
	if w.batch.commands < w.opts.TransactionSize && !last {
		return nil
	}
	if err := s.session.commit(ctx); err != nil {
		w.rollBackBatch()
		return fmt.Errorf("commit: %w", err)
	}
	w.batch = batch{}
	return nil
}

// commandsOf counts what a step sends, as pg_restore does (restore_toc_entry).
func (w *work) commandsOf(s *Step) int {
	n := max(len(s.Statements), 1)
	if s.Action == ActionCreate && s.Entry.Kind != toc.Function && s.Entry.Kind != toc.Procedure {
		n += max(len(script.SplitStatements(s.Entry.Defn, w.exec.toc.StdStrings))-1, 0)
	}
	return n
}

// rollBackBatch takes back what a failed batch had done, if one is open.
func (w *work) rollBackBatch() {
	r := &w.result
	r.Restored, r.Rows, r.Bytes = r.Restored-w.batch.steps, r.Rows-w.batch.rows, r.Bytes-w.batch.bytes
	w.batch = batch{}
}
