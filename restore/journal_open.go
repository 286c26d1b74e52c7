package restore

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/pgarc/pgarc/script"
	"github.com/pgarc/pgarc/toc"
)

// openJournal begins the journal of this restore, or goes on with the one that
// it finds. Where none can be made, the restore goes on without.
func (w *work) openJournal(ctx context.Context, s *session) error {
	w.journalOpened = true
	if w.opts.NoJournal || w.opts.SingleTransaction || w.opts.asOwners() {
		if w.opts.Resume {
			return ErrNothingToResume
		}
		return nil
	}
	j := &journal{std: s.stdStrings}
	found, err := j.find(ctx, s)
	switch {
	case err == nil:
		return w.useJournal(ctx, s, j, found)
	case !noJournal(err):
		return fmt.Errorf("read the journal: %w", err)
	case w.opts.Resume:
		return ErrNothingToResume
	}
	return w.beginJournal(ctx, s, j)
}

// found is a journal as it stands in the database.
type found struct {
	Unfinished
	prints Fingerprints
}

// find reads the head of a journal.
func (j *journal) find(ctx context.Context, s *session) (*found, error) {
	rows, err := s.query(ctx, `SELECT archive, plan, name, command, steps, begun AT TIME ZONE 'UTC', ended IS NOT NULL,
		(SELECT count(DISTINCT step) FROM pgarc_journal.done), (SELECT count(*) FROM pgarc_journal.failed)
		FROM pgarc_journal.restore`)
	if err != nil {
		return nil, err
	}
	f := &found{}
	if len(rows) == 0 {
		return f, nil
	}
	r := rows[0]
	f.prints = Fingerprints{r[0], r[1]}
	f.Name, f.Command, f.Ended = r[2], r[3], r[6] == "t"
	f.Steps, _ = strconv.Atoi(r[4])
	f.Begun, _ = time.Parse("2006-01-02 15:04:05.999999", r[5])
	f.Done, _ = strconv.Atoi(r[7])
	f.Failed, _ = strconv.Atoi(r[8])
	return f, nil
}

// useJournal goes on with a journal, if that is what was asked for and it is
// the journal of this restore.
func (w *work) useJournal(ctx context.Context, s *session, j *journal, f *found) error {
	if pid, err := w.lockJournal(ctx, j); err != nil {
		return err
	} else if pid != 0 {
		f.Running = pid
		return &f.Unfinished
	}
	prints := w.prints()
	f.OtherArchive = f.prints.Archive != prints.Archive
	f.OtherOptions = !f.OtherArchive && f.prints.Plan != prints.Plan
	if w.opts.Restart {
		if err := s.exec(ctx, "DROP SCHEMA pgarc_journal CASCADE"); err != nil {
			return fmt.Errorf("drop the journal: %w", err)
		}
		return w.beginJournal(ctx, s, j)
	}
	if !w.opts.Resume || f.OtherArchive || f.OtherOptions {
		return &f.Unfinished
	}
	if err := j.endLeftovers(ctx, s); err != nil {
		return fmt.Errorf("end what an earlier run has left running: %w", err)
	}
	rows, err := s.query(ctx, "SELECT step, part, coalesce(rows, 0) FROM pgarc_journal.done")
	if err != nil {
		return fmt.Errorf("read the journal: %w", err)
	}
	j.done = doneSteps(rows)
	w.exec.journal = j
	if err := s.exec(ctx, "UPDATE pgarc_journal.restore SET ended = NULL, pid = "+w.keeperPID()); err != nil {
		return fmt.Errorf("go on with the journal: %w", err)
	}
	return j.register(ctx, s)
}

// beginJournal makes an empty journal. Who may not create a schema restores
// without one.
func (w *work) beginJournal(ctx context.Context, s *session, j *journal) error {
	if pid, err := w.lockJournal(ctx, j); err != nil {
		return err
	} else if pid != 0 {
		return &Unfinished{Name: w.opts.Name, Running: pid}
	}
	prints := w.prints()
	err := s.exec(ctx, journalTables+"INSERT INTO pgarc_journal.restore (archive, plan, name, command, steps, pid) VALUES ("+
		script.Literal(prints.Archive, j.std)+", "+script.Literal(prints.Plan, j.std)+", "+script.Literal(w.opts.Name, j.std)+", "+
		script.Literal(w.opts.Command, j.std)+", "+strconv.Itoa(len(w.plan.Steps))+", "+w.keeperPID()+");")
	switch {
	case isPrivilege(err) || alreadyExists(err):
		w.emit(Event{Type: EventNotice, Text: "no journal: " + reason(err) + "; if this restore is broken off, it cannot be gone on with"})
		return nil
	case err != nil:
		return fmt.Errorf("begin the journal: %w", err)
	}
	w.exec.journal = j
	return j.register(ctx, s)
}

func (w *work) keeperPID() string {
	if w.keeper == nil {
		return "NULL"
	}
	return w.keeper.session.pid()
}

func (w *work) prints() Fingerprints { return fingerprints(w.archive, w.plan) }

func (s *session) pid() string { return strconv.FormatUint(uint64(s.conn.PID()), 10) }

// journalLock is the key of the advisory lock that a restore under way holds in
// its database, so that no second one goes on with the same journal. It means
// nothing else.
const journalLock = "7067261726"

// lockJournal takes the lock with a connection of its own, unless that was done
// already. Where the server has no connection to spare for it, the restore goes
// on without.
func (w *work) lockJournal(ctx context.Context, j *journal) (pid uint32, err error) {
	if w.keeper != nil {
		return 0, nil
	}
	s, err := w.connect(ctx)
	if err != nil {
		if isAway(err) {
			return 0, nil
		}
		return 0, err
	}
	if pid, err := j.lock(ctx, s); err != nil || pid != 0 {
		s.close()
		return pid, err
	}
	w.keeper = &keeper{session: s, journal: j}
	return 0, nil
}

// watch lets the keeper watch. The function that it returns ends that.
func (w *work) watch(ctx context.Context) (end func()) {
	w.waits = make(chan map[uint32]Wait)
	k := w.keeper
	if k == nil {
		k = &keeper{} // no journal, or not yet: it connects when it is to look
	}
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.keep(ctx, k)
	}()
	return func() {
		stop()
		<-ended
	}
}

// lock takes the lock of the database's journal for as long as the session
// lasts. If another session has it, its process id is returned.
func (j *journal) lock(ctx context.Context, s *session) (pid uint32, err error) {
	for range 50 { // a killed pgarc's session may take a moment to end
		rows, err := s.query(ctx, "SELECT pg_catalog.pg_try_advisory_lock("+journalLock+")")
		if err != nil {
			return 0, fmt.Errorf("lock the journal: %w", err)
		}
		if rows[0][0] == "t" {
			return 0, nil
		}
		if pid, err = s.lockHolder(ctx); err != nil {
			return 0, fmt.Errorf("lock the journal: %w", err)
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	return max(pid, 1), nil
}

// endLeftovers ends the sessions of an earlier run that still work: a server
// notices only late that a client is gone. What they do would be done twice,
// or refused because it is being done.
func (j *journal) endLeftovers(ctx context.Context, s *session) error {
	const leftovers = ` FROM pg_catalog.pg_stat_activity a JOIN pgarc_journal.running r ON r.pid = a.pid
		WHERE a.datname = pg_catalog.current_database() AND a.backend_start < r.begun AND a.pid <> pg_catalog.pg_backend_pid()`
	for range 600 {
		rows, err := s.query(ctx, "SELECT pg_catalog.pg_terminate_backend(a.pid)"+leftovers)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return s.exec(ctx, "DELETE FROM pgarc_journal.running")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return fmt.Errorf("they do not end")
}

// stepDone reports whether all of a step is done.
func stepDone(s *Step, d doneStep) bool {
	switch s.Action {
	case ActionAnalyze:
		return false
	case ActionInsert:
		return d.parts[insertsDone]
	case ActionBlobs:
		return d.parts[0]
	}
	parts := 0
	for i, st := range s.Statements {
		if st.Role == RoleTidy || st.Role == RoleBefore {
			continue
		}
		parts++
		if !d.parts[int64(i)] {
			return false
		}
	}
	return parts > 0
}

// skipDone ends the steps that an earlier run has done. Of a database that was
// made then, and what was dropped in it, nothing is to be done again.
func (w *work) skipDone() {
	for _, s := range w.plan.Steps {
		again := w.opts.Resume && w.opts.Selection.Create && s.Phase <= PhaseDatabase
		if !again && !stepDone(s, w.exec.journal.before(s)) {
			continue
		}
		w.sched.Complete(s.ID)
		w.ends++
		w.result.Earlier++
		if s.Entry.Kind == toc.Table && s.Action == ActionCreate {
			w.made[s.Entry.ID] = true
		}
	}
}

// before returns what an earlier run has done of a step.
func (j *journal) before(s *Step) doneStep {
	if j == nil {
		return doneStep{}
	}
	return j.done[s.Key]
}

// closeJournal drops the journal if all is done, and otherwise notes that the
// restore has come to its end.
func (w *work) closeJournal(ctx context.Context) error {
	if w.exec.journal == nil {
		return nil
	}
	s := w.anySession()
	if s == nil {
		return nil
	}
	if w.result.complete() {
		return s.exec(ctx, "SET client_min_messages = error; SET synchronous_commit = on; DROP SCHEMA pgarc_journal CASCADE")
	}
	w.result.Journal = true
	return s.exec(ctx, "UPDATE pgarc_journal.restore SET ended = pg_catalog.clock_timestamp(), pid = NULL; DELETE FROM pgarc_journal.running")
}

func (w *work) anySession() *session {
	for _, s := range w.slots {
		if s.session != nil && !s.session.lost() {
			return s.session
		}
	}
	return nil
}
