package restore

import (
	"context"
	"slices"
	"time"

	"github.com/pgarc/pgarc/toc"
)

// collect takes back a slot whose tasks have ended.
func (w *work) collect(ctx context.Context, s *slot) error {
	tasks := s.tasks
	s.tasks = nil
	for _, other := range s.sharing {
		other.tasks = nil
		if other.session != nil && other.session.lost() {
			other.drop()
			w.unsure = true
		}
		other.alive = other.session != nil
	}
	s.sharing = nil
	if s.connectErr != nil || s.lacks {
		for _, t := range slices.Backward(tasks) {
			w.sched.Requeue(t.step.ID)
		}
		if s.connectErr != nil {
			return w.retire(ctx, s)
		}
		s.alive, w.rewinds = true, true
		return nil
	}
	s.alive = !s.session.lost()
	if !s.alive {
		s.drop()
		w.unsure = true
	}
	for _, t := range tasks {
		switch {
		case t.fatal != nil && ctx.Err() == nil:
			return t.fatal
		case t.fatal != nil: // interrupted: it is one of those left
			continue
		case !s.alive && w.requeue(ctx, t):
			continue
		}
		w.record(ctx, s, t)
		if err := w.endOfBatch(ctx, s, t); err != nil {
			return err
		}
		if t.step.Reconnect != "" {
			w.moveTo(t.step.Reconnect)
		}
	}
	if !s.alive {
		w.rollBackBatch() // as the server has; there is no journal to go on by
	}
	return nil
}

// record books how a task ended and tells of it.
func (w *work) record(ctx context.Context, s *slot, t *task) {
	now := time.Now()
	took := t.took
	if took == 0 {
		took = now.Sub(s.since)
	}
	w.phases[t.step.Phase].last = now
	w.answer(t.step.Entry) // if it failed before it opened its data
	w.counted[t.step.Phase]++
	w.ends++
	if t.step.Action.IsData() {
		w.stored += max(t.step.Entry.DataSize, 0)
	}
	if t.err != nil && (isInterrupt(ctx, t.err.Err) || w.result.Stopped && isDiskFull(t.err)) {
		w.sched.Done(t.step.ID, OutcomeDone) // nothing more is launched; it counts as left
		return
	}
	w.result.Rows += t.rows
	w.result.Bytes += t.bytes.Load()
	if w.batch.open {
		w.batch.add(t)
	}
	w.times = append(w.times, StepTime{t.step, took, t.rows, t.bytes.Load()})
	if len(w.times) > 1000 {
		w.keepSlowest()
	}
	if t.err == nil {
		w.succeeded(s, t, took)
		return
	}
	if len(t.noted) > 0 {
		w.booked = append(w.booked, booked{step: t.step, failed: true, parts: t.noted})
	}
	if root := w.rootOf(t.step); root != nil && !t.isMade() { // it was sent before that had failed
		w.skip(t.step, root, w.sched.Done(t.step.ID, OutcomeFailed))
		return
	}
	w.failed(s, t, took)
}

// succeeded ends a task that did all it had to.
func (w *work) succeeded(s *slot, t *task, took time.Duration) {
	w.result.Restored++
	if t.counted {
		w.tablesCounted++
	}
	if t.counted && t.archived != t.rows {
		w.refused = append(w.refused, RowCount{Entry: t.step.Entry, Loaded: t.rows, Archive: t.archived})
	}
	w.booked = append(w.booked, booked{step: t.step, rows: t.rows, bytes: t.bytes.Load(), counted: t.counted})
	w.learn(t.step, took)
	if !t.step.Quick {
		w.full = 0
	}
	if t.step.Entry.Kind == toc.Table {
		w.made[t.step.Entry.ID] = true
	}
	w.sched.Done(t.step.ID, OutcomeDone)
	w.emit(Event{Type: EventDone, Step: t.step, Worker: s.number, Duration: took, Rows: t.rows, Bytes: t.bytes.Load()})
}

// rootOf returns the failure because of which a step makes no sense; nil if
// there is none.
func (w *work) rootOf(step *Step) *Step {
	for _, id := range step.Requires {
		if root := w.roots[id]; root != nil {
			return root
		}
	}
	return nil
}

// failed ends a failed task, and skips what makes no sense without it. An object
// that is there, though its owner could not be set or it was there before, keeps
// nothing from being restored.
func (w *work) failed(s *slot, t *task, took time.Duration) {
	outcome := EventFailed
	t.err = w.opts.foremost(t.err)
	if w.opts.ignores(t.err) {
		outcome = EventIgnored
		w.ignored[t.step.ID] = true
		w.result.Ignored = append(w.result.Ignored, t.err)
	} else {
		w.result.Failed = append(w.result.Failed, t.err)
		if isDiskFull(t.err) {
			w.full++
		}
		w.result.Stopped = w.opts.ExitOnError || w.opts.SingleTransaction || w.full >= fullMost
	}
	w.emit(Event{Type: outcome, Step: t.step, Worker: s.number, Duration: took, Err: t.err})
	var skipped []*Step
	switch {
	case !t.err.isThere():
		w.roots[t.step.ID] = t.step
		skipped = w.sched.Done(t.step.ID, OutcomeFailed)
	default:
		w.sched.Done(t.step.ID, OutcomeDone)
		if w.opts.NoDataForFailedTables && isTable(t.step.Entry) {
			skipped = w.sched.SkipData(t.step.ID)
		}
	}
	w.skip(nil, t.step, skipped)
}

// skip tells of the steps that will not run because of a failure: one that was
// tried already, if there is such, and those that the scheduler gave up.
func (w *work) skip(tried, cause *Step, skipped []*Step) {
	if tried != nil {
		skipped = append([]*Step{tried}, skipped...)
	}
	if w.result.Stopped {
		return // all that is left is left
	}
	for _, step := range skipped {
		w.roots[step.ID] = cause
		if step != tried {
			w.answer(step.Entry)
			w.ends++
		}
		if step.Entry == cause.Entry && step.Action != ActionDrop && !step.Action.IsData() {
			w.result.Steps-- // it would have gone on with what failed
			continue
		}
		if w.ignored[cause.ID] && isAttachment(step.Entry) {
			w.result.IgnoredSkips = append(w.result.IgnoredSkips, Skip{Step: step, Cause: cause})
			continue
		}
		w.result.Skipped = append(w.result.Skipped, Skip{Step: step, Cause: cause})
		w.emit(Event{Type: EventSkipped, Step: step, Cause: cause})
	}
}
