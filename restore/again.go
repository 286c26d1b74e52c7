package restore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/toc"
)

// DefaultRetryFor is how long a restore tries to connect again to a server
// that is away.
const DefaultRetryFor = 10 * time.Minute

// attempts is how often a step is tried whose failure may be no more than bad
// luck: a deadlock with somebody else, or a lost connection.
const attempts = 5

// lossesMost is how many connections a step may cost. A network or an
// administrator may end the same long one several times; but a statement that
// crashes the server each time must not do so for ever.
const lossesMost = 10

// backoff is the pause before the nth attempt, from 0: doubling, with a random
// part so that sessions do not all come back at once.
func backoff(n int) time.Duration {
	most := min(50*time.Millisecond<<min(n, 10), 5*time.Second)
	return most/2 + rand.N(most/2)
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// isPassing reports whether the server refused something that may well succeed
// the next time. That an administrator has ended a process, though this session
// is still there, is said of a parallel worker.
func isPassing(err error) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return false
	}
	switch pg.Code {
	case "40001", // serialization_failure
		"40P01", // deadlock_detected
		"55P03", // lock_not_available
		"57P01": // admin_shutdown
		return true
	}
	return false
}

// isTwice reports whether the journal refused a note because it has it: another
// session, given up for lost, has done the same.
func isTwice(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "23505" && pg.SchemaName == JournalSchema // unique_violation
}

// isAway reports whether a server that cannot be connected to may be there
// again soon: it restarts, fails over, or has no connection to spare.
func isAway(err error) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		var connect *pgconn.ConnectError
		return errors.As(err, &connect) || errors.Is(err, errCutOff) // refused, unreachable, cut off
	}
	switch pg.Code {
	case "57P01", "57P02", "57P03", // admin_shutdown, crash_shutdown, cannot_connect_now
		"53300": // too_many_connections
		return true
	}
	return false
}

// reconnect opens a session in place of one that was lost. It goes on trying
// for as long as the options say.
func (w *work) reconnect(ctx context.Context, s *slot) (*session, error) {
	limit := w.opts.RetryFor
	if limit == 0 {
		limit = DefaultRetryFor
	}
	begun := time.Now()
	for n := 0; ; n++ {
		session, err := w.connect(ctx)
		switch {
		case err == nil:
			if n > 0 {
				w.notice(fmt.Sprintf("connected again after %s", time.Since(begun).Round(100*time.Millisecond)))
			}
			return session, nil
		case ctx.Err() != nil || !isAway(err) || !s.had || time.Since(begun) >= limit:
			return nil, err
		case n == 0:
			w.notice(fmt.Sprintf("cannot connect: %s; trying again for %s", reason(err), limit))
		}
		pause(ctx, backoff(n))
	}
}

// insist runs f on a session of the restore, and again on a new one if that was
// lost meanwhile. It is for the loop while nothing runs.
func (w *work) insist(ctx context.Context, f func(*session) error) error {
	slot := w.slots[0]
	for _, s := range w.slots {
		if s.session != nil && !s.session.lost() {
			slot = s
			break
		}
	}
	for n := 0; ; n++ {
		if slot.session == nil || slot.session.lost() {
			session, err := w.reconnect(ctx, slot)
			if err != nil {
				return err
			}
			slot.opened(session)
			w.unsure = true
		}
		err := f(slot.session)
		if err == nil || !slot.session.lost() || ctx.Err() != nil || n == lossesMost-1 || w.opts.SingleTransaction {
			return err
		}
		slot.drop()
		w.unsure = true
		pause(ctx, backoff(n))
	}
}

// runOne runs a single task, again if its failure may pass, and if a lost
// connection had left it in doubt only what the journal does not have.
func (w *work) runOne(ctx context.Context, s *session, t *task) {
	if t.doubt && w.settled(ctx, s, t) {
		return
	}
	if err := w.exec.journal.begin(ctx, s, t.step); err != nil && s.lost() {
		t.fail("", RoleLoad, err)
		t.unsent = true
		return
	}
	s.worksOn(&position{step: t.step})
	if isBuild(t.step) {
		_ = s.allowWorkers(ctx, !t.alone) // a lost connection shows at once again
	}
	for n := 0; ; n++ {
		w.exec.run(ctx, s, t)
		if t.err != nil && t.doubt && errors.Is(t.err.Err, archive.ErrPassed) {
			t.err.Err = fmt.Errorf("the connection was lost while the data were loaded, and they cannot be read again: %w", t.err.Err)
		}
		if t.err == nil || s.lost() || ctx.Err() != nil {
			return
		}
		twice := isTwice(t.err.Err)
		if (t.doubt || twice) && w.settled(ctx, s, t) {
			return // the lost session came to its end only now
		}
		if s.lost() {
			return
		}
		passing := isPassing(t.err.Err)
		last := n == attempts-1 || w.exec.inTransaction(t) || t.step.FromStream
		if passing && !w.exec.inTransaction(t) {
			w.heldUp(ctx, s, t, !last)
		}
		if !twice && !passing || last {
			w.journalFailures(ctx, s, t.err)
			return
		}
		t.err, t.rows = nil, 0
		t.bytes.Store(0)
		pause(ctx, backoff(n))
	}
}

// runMany runs quick tasks, sent ahead together, in the same way. Those behind
// one that was tried again may have failed only because it had failed.
func (w *work) runMany(ctx context.Context, s *session, tasks []*task) {
	send := w.unsettled(ctx, s, tasks)
	w.exec.runAhead(ctx, s, send)
	again := false
	var failures []*StepError
	for _, t := range send {
		switch {
		case t.err == nil || s.lost():
		case (t.doubt || isTwice(t.err.Err)) && w.settled(ctx, s, t):
		case isPassing(t.err.Err) || isTwice(t.err.Err) || again && isServerError(t.err.Err) && !isCancelled(t.err.Err):
			again = true
			if isPassing(t.err.Err) {
				w.heldUp(ctx, s, t, true)
			}
			t.err, t.rows = nil, 0
			t.bytes.Store(0)
			w.runOne(ctx, s, t)
		default:
			failures = append(failures, t.err)
		}
	}
	w.journalFailures(ctx, s, failures...)
}

// unsettled returns those tasks of which something is left to do: all but those
// in doubt of which the journal has all. What it has of them, they know then.
func (w *work) unsettled(ctx context.Context, s *session, tasks []*task) []*task {
	var doubtful []*task
	for _, t := range tasks {
		if t.doubt {
			doubtful = append(doubtful, t)
		}
	}
	if len(doubtful) == 0 || w.exec.journal == nil {
		return tasks
	}
	done, err := w.exec.journal.lookUp(ctx, s, doubtful)
	return slices.DeleteFunc(slices.Clone(tasks), func(t *task) bool { return t.doubt && t.settle(done, err) })
}

// settled reports whether the journal has all of a task; what it has of it, the
// task knows then.
func (w *work) settled(ctx context.Context, s *session, t *task) bool {
	if w.exec.journal == nil {
		return false
	}
	done, err := w.exec.journal.lookUp(ctx, s, []*task{t})
	return t.settle(done, err)
}

// settle ends a task that the journal has all of, or that cannot be looked up
// in it, and reports whether it did.
func (t *task) settle(done map[string]doneStep, err error) bool {
	if err != nil {
		t.fail("", RoleLoad, fmt.Errorf("look into the journal: %w", err))
		return true
	}
	d := done[t.step.Key]
	t.knows(d)
	if !stepDone(t.step, d) {
		return false
	}
	t.err, t.rows = nil, d.rows
	return true
}

// knows notes what of a task was done before.
func (t *task) knows(d doneStep) {
	if t.step.Action == ActionInsert {
		t.inserted, t.insertsDone = insertedBefore(d), d.parts[insertsDone]
	}
	for part := range d.parts {
		t.partly = t.partly || part < 0 && t.step.Action == ActionCopy
	}
	for i := range t.step.Statements {
		if d.parts[partOf(t.step, i)] {
			t.setDone(i)
		}
	}
	for part := range d.parts {
		if t.step.Action == ActionCreate && part >= partsApart {
			t.didApart([]int64{part})
		}
	}
	t.noted = slices.Collect(maps.Keys(d.parts))
	if t.partly { // the notes of its parts are forgotten when it is begun
		t.noted = nil
	}
}

// requeue takes back what a lost connection has left in doubt, to be done
// again as far as the journal says. Without a journal nobody knows; and what
// has cost several connections is not tried for ever.
func (w *work) requeue(ctx context.Context, t *task) bool {
	if w.exec.journal == nil && !isOfDatabase(t.step) || t.err == nil || ctx.Err() != nil || isArchiveError(t.err) {
		return false
	}
	if w.losses[t.step.ID] >= lossesMost-1 && !t.unsent {
		return false
	}
	w.doubts[t.step.ID] = true
	if !t.unsent {
		w.losses[t.step.ID]++
	}
	w.sched.Requeue(t.step.ID)
	return true
}

// isOfDatabase reports whether a step makes, drops or sets up the database. The
// journal is in it, and so not there yet, but all of it can be done twice; see
// wasDone.
func isOfDatabase(s *Step) bool {
	return s.Entry.Kind == toc.Database || s.Entry.Kind == toc.DatabaseProperties
}

// wasDone reports whether an error says that a database has been made or
// dropped already: by the connection that was lost over it. Should another have
// been there before, and the connection be lost before the server could say so,
// that is not told apart; what exists in it is reported then, object by object.
func (t *task) wasDone(err error) bool {
	var pg *pgconn.PgError
	if !t.doubt || t.step.Entry.Kind != toc.Database || !errors.As(err, &pg) {
		return false
	}
	switch pg.Code {
	case "42P04", // duplicate_database
		"23505": // unique_violation: it was just being made
		return t.step.Action == ActionCreate
	case "3D000": // invalid_catalog_name
		return t.step.Action == ActionDrop
	}
	return false
}

// isArchiveError reports whether a task failed because its data could not be
// read.
func isArchiveError(e *StepError) bool {
	var pg *pgconn.PgError
	var read *readError
	return !errors.As(e.Err, &pg) && (errors.As(e.Err, &read) || errors.Is(e.Err, archive.ErrTruncated) || errors.Is(e.Err, archive.ErrCorrupt) || errors.Is(e.Err, archive.ErrNoData))
}

// anySession returns a session that can be used while nothing runs; nil if
// there is none.
func (w *work) anySession() *session {
	for _, s := range w.slots {
		if s.session != nil && !s.session.lost() {
			return s.session
		}
	}
	return nil
}
