package restore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/toc"
)

// Run restores an archive into the database that config connects to.
//
// The error says that the restore could not be carried on at all: no
// connection, a wrong password, a lost server. Entries that failed are not an
// error but in the Result, which is nil only if nothing was begun. When ctx is
// cancelled, running statements are cancelled on the server, and the Result
// says what was done; that is no error either. A stream is closed then.
func Run(ctx context.Context, a *archive.Reader, config *pgconn.Config, opts Options) (*Result, error) {
	opts = opts.normal()
	damage := a.Locate(ctx)
	if damage != nil && !errors.Is(damage, archive.ErrTruncated) && !errors.Is(damage, archive.ErrCorrupt) {
		return nil, damage
	}
	var stream *archive.Reader
	if a.Streaming() {
		if a.TOC.DepsAreOIDs {
			return nil, fmt.Errorf("%w: an archive of before PostgreSQL 8.0 says too little to be restored from a stream; save it to a file", archive.ErrNotSeekable)
		}
		stream = a
		// A pipe that gives nothing would hold up the end.
		defer context.AfterFunc(ctx, func() { a.Close() })()
	}
	oneAtATime := opts.Jobs <= 1 || opts.SingleTransaction || a.TOC.DepsAreOIDs
	ownBlobs := a.Header.Version.AtLeast(1, 12)
	w := &work{
		opts:    opts,
		archive: a,
		single:  oneAtATime,
		config:  config,
		damage:  damage,
		stream:  stream,
		exec: executor{
			toc:          a.TOC,
			source:       a,
			script:       opts.script(),
			transaction:  opts.SingleTransaction,
			binaryCopies: opts.has(RewriteBinary),
			createBlobs:  !ownBlobs,
			dropBlobs:    !ownBlobs && opts.Clean,
			only:         opts.Only,
		},
	}
	return w.run(ctx)
}

// run connects, makes the plan, which depends on the server, and works it off.
func (w *work) run(ctx context.Context) (*Result, error) {
	w.begun = time.Now()
	w.notices = make(chan string, 64)
	w.exec.notice = w.notice
	if w.opts.Resume && w.opts.Selection.Create { // the journal is in the database that was made
		for _, e := range w.exec.toc.Entries {
			if e.Kind == toc.Database {
				w.config = w.config.Copy()
				w.config.Database = e.Tag
			}
		}
	}
	first, err := w.connect(ctx)
	for n := 0; n < lossesMost && errors.Is(err, errCutOff); n++ { // it was there a moment ago
		pause(ctx, backoff(n))
		first, err = w.connect(ctx)
	}
	if err != nil {
		return nil, err
	}
	w.opts.ServerVersion = serverVersion(first.conn)
	w.result.Server = first.conn.ParameterStatus("server_version")
	sel, err := w.choose(ctx, first)
	if err == nil {
		w.plan, err = NewPlan(sel, w.opts)
	}
	if err != nil {
		first.close()
		return nil, err
	}
	if w.stream != nil {
		w.plan.streamed()
	}
	w.init()
	w.slots[0].opened(first)
	defer w.closeAll()
	defer w.endKeeper()
	defer w.stopWatching()
	if w.damage != nil { // what is whole is restored all the same
		w.emit(Event{Type: EventNotice, Text: "warning: the archive is damaged: " + w.damage.Error()})
	}
	if err := w.insist(ctx, func(s *session) error { return w.setUp(ctx, s) }); err != nil {
		return nil, err
	}
	err = w.conclude(ctx, w.loop(ctx))
	w.stopWatching() // not before: who looks for a restore under way is to see this one till its end
	return w.finish(ctx), err
}

// conclude does what comes after the last step: err says why it is the last, if
// not all have ended.
func (w *work) conclude(ctx context.Context, err error) error {
	w.rollBackBatch()
	if w.opts.SingleTransaction {
		if err != nil {
			w.rolledBack()
			return err
		}
		err = w.endTransaction(ctx)
		w.drainNotices()
		if err == nil && ctx.Err() == nil && !w.result.RolledBack {
			w.check(ctx)
		}
		return err
	}
	for again := true; again; again = err == nil && w.rewinds && w.stream == nil {
		if w.rewinds {
			err = w.loop(ctx)
		}
		if err == nil && ctx.Err() == nil {
			w.lookForViolations(ctx)
			w.check(ctx) // while there is a journal: a crash of the server until then is still found out
		}
		err = errors.Join(err, w.end(ctx, err))
	}
	return err
}

// setUp does what comes before the first step. It may be called again, with a
// new session, if the connection is lost meanwhile.
func (w *work) setUp(ctx context.Context, first *session) error {
	if err := w.chooseSettings(ctx, first); err != nil {
		return err
	}
	if (!w.plan.Schema || w.opts.Only != nil) && !w.opts.DisableTriggers && w.stream == nil {
		if err := w.orderData(ctx, first); err != nil {
			return fmt.Errorf("read the foreign keys of the database: %w", err)
		}
	}
	if w.opts.SingleTransaction {
		if err := first.exec(ctx, "BEGIN"); err != nil {
			return err
		}
	}
	w.schedule()
	if !w.createsDatabase() || w.opts.Resume {
		if err := w.openJournal(ctx, first); err != nil {
			return err
		}
		w.skipDone()
	}
	return nil
}

// schedule begins the plan, from its beginning.
func (w *work) schedule() {
	w.sched = NewScheduler(w.plan.Steps, w.single && w.stream == nil)
	w.sched.Jobs = len(w.slots)
}

// createsDatabase reports whether the plan makes a database and goes on in it.
func (w *work) createsDatabase() bool {
	return slices.ContainsFunc(w.plan.Steps, func(s *Step) bool { return s.Reconnect != "" })
}

// journalAfterCreate opens the journal once the database that it is to be in
// is there.
func (w *work) journalAfterCreate(ctx context.Context) error {
	if w.journalOpened || w.sched.Phase() <= PhaseDatabase && w.sched.Left(PhaseDatabase) > 0 {
		return nil
	}
	return w.insist(ctx, func(s *session) error { return w.openJournal(ctx, s) })
}

// end writes down what was committed, and closes the journal.
func (w *work) end(ctx context.Context, err error) error {
	if err != nil || ctx.Err() != nil {
		w.result.Journal = w.exec.journal != nil // it stays
		return nil
	}
	return w.insist(ctx, func(s *session) error {
		if err := w.flush(ctx, s); err != nil { // it was, unless a failure stopped all
			return err
		}
		// A crash since then has emptied the unlogged tables. If the journal is
		// gone, it was dropped with the connection that was lost.
		switch err := w.compareBooks(ctx, s); {
		case noJournal(err):
			return w.renewIfEmptied(ctx, s)
		case err != nil || w.rewinds && w.stream == nil:
			return err
		}
		return w.closeJournal(ctx, s)
	})
}

// stopWatching gives up the lock of the journal, with the connection that holds
// it.
func (w *work) stopWatching() {
	if w.endWatch != nil {
		w.endWatch()
		w.endWatch = func() {}
	}
}

// endTransaction commits if all went well. Otherwise closing the connection
// rolls back.
func (w *work) endTransaction(ctx context.Context) error {
	if len(w.result.Failed) > 0 || ctx.Err() != nil || w.slots[0].session == nil {
		w.rolledBack()
		return nil
	}
	if err := w.slots[0].session.commit(ctx); err != nil {
		w.rolledBack()
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

func (w *work) rolledBack() {
	r := &w.result
	r.RolledBack, r.Restored, r.Rows, r.Bytes = true, 0, 0, 0
}

// orderData asks the database for its foreign keys, when only data are
// restored, and loads referenced tables before those that refer to them. The
// archive does not record that: pg_dump expects the keys to come later.
func (w *work) orderData(ctx context.Context, s *session) error {
	rows, err := s.query(ctx, `SELECT cn.nspname, c.relname, pn.nspname, p.relname
		FROM pg_catalog.pg_constraint k
		JOIN pg_catalog.pg_class c ON c.oid = k.conrelid JOIN pg_catalog.pg_namespace cn ON cn.oid = c.relnamespace
		JOIN pg_catalog.pg_class p ON p.oid = k.confrelid JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
		WHERE k.contype = 'f' AND k.conrelid <> k.confrelid ORDER BY 1, 2, 3, 4`)
	if err != nil {
		return err
	}
	var keys []ForeignKey
	for _, r := range rows {
		keys = append(keys, ForeignKey{Relation{r[0], r[1]}, Relation{r[2], r[3]}})
	}
	w.plan.OrderData(keys)
	return nil
}

// isInterrupt reports whether a step failed only because it was cancelled from
// here.
func isInterrupt(ctx context.Context, err error) bool {
	var pg *pgconn.PgError
	switch {
	case ctx.Err() == nil:
		return false
	case errors.As(err, &pg):
		return pg.Code == "57014" // query_canceled
	}
	return true
}
