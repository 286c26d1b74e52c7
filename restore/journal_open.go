package restore

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
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
	j := &journal{std: s.stdStrings, unlogged: w.plan.unlogged(w.archive.TOC), failed: make(map[string]bool)}
	pid, err := w.lockJournal(ctx, j) // first: what is read then is not being changed
	if err != nil {
		return err
	}
	found, err := j.find(ctx, s)
	switch {
	case pid != 0 && found == nil:
		return &Unfinished{Name: w.opts.Name, Running: pid}
	case pid != 0:
		found.Running = pid
		return &found.Unfinished
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
	rows, err := s.query(ctx, `SELECT archive, plan, name, command, steps, `+inUTC("begun")+`, ended IS NOT NULL,
		(SELECT count(DISTINCT step) FROM pgarc_journal.all_done), (SELECT count(*) FROM pgarc_journal.failed)
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
	f.Begun = parseTime(r[5])
	f.Done, _ = strconv.Atoi(r[7])
	f.Failed, _ = strconv.Atoi(r[8])
	return f, nil
}

// useJournal goes on with a journal, if that is what was asked for and it is
// the journal of this restore.
func (w *work) useJournal(ctx context.Context, s *session, j *journal, f *found) error {
	prints := w.prints()
	f.NewCommand = w.opts.Command
	f.OtherArchive = f.prints.Archive != prints.Archive
	f.OtherOptions = !f.OtherArchive && f.prints.Plan != prints.Plan
	empty := f.Done == 0 && f.Failed == 0 && !w.opts.Resume // no reason to ask what to do
	if w.opts.Restart || empty {
		if err := j.endLeftovers(ctx, s); err != nil {
			return fmt.Errorf("end what an earlier run has left running: %w", err)
		}
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
	rows, err := s.query(ctx, "SELECT step, part, coalesce(rows, 0) FROM pgarc_journal.all_done")
	if err != nil {
		return fmt.Errorf("read the journal: %w", err)
	}
	j.done = doneSteps(rows)
	if err := j.readFailed(ctx, s); err != nil {
		return fmt.Errorf("read the journal: %w", err)
	}
	if err := w.undoAfterData(ctx, s, j.done); err != nil {
		return err
	}
	w.exec.journal = j
	if err := w.forgetOver(ctx, s); err != nil {
		return fmt.Errorf("go on with the journal: %w", err)
	}
	// Waited for, and so is all that the earlier run has done: a server that
	// crashes now must not lose what this one takes for done.
	if err := s.exec(ctx, "BEGIN; SET LOCAL synchronous_commit = on; UPDATE pgarc_journal.restore SET ended = NULL, seconds_left = NULL, pid = "+w.keeperPID()+"; COMMIT"); err != nil {
		return fmt.Errorf("go on with the journal: %w", err)
	}
	return j.register(ctx, s)
}

// beginJournal makes an empty journal. Who may not create a schema restores
// without one.
func (w *work) beginJournal(ctx context.Context, s *session, j *journal) error {
	switch err := w.makeJournal(ctx, s, j, ""); {
	case isPrivilege(err) || alreadyExists(err):
		w.emit(Event{Type: EventNotice, Text: "no journal: " + reason(err) + "; if this restore is broken off, it cannot be gone on with"})
		return nil
	case err != nil:
		return fmt.Errorf("begin the journal: %w", err)
	}
	w.exec.journal = j
	return j.register(ctx, s)
}

// makeJournal makes the journal with these notes in it, which are SQL. All of
// it is one transaction, and waited for, unlike the commits that follow: a
// server that crashes now must not lose the journal itself.
func (w *work) makeJournal(ctx context.Context, s *session, j *journal, notes string) error {
	prints := w.prints()
	err := s.exec(ctx, "BEGIN; SET LOCAL synchronous_commit = on; "+journalTables+"INSERT INTO pgarc_journal.restore (archive, plan, name, command, steps, pid) VALUES ("+
		script.Literal(prints.Archive, j.std)+", "+script.Literal(prints.Plan, j.std)+", "+script.Literal(w.opts.Name, j.std)+", "+
		script.Literal(w.opts.Command, j.std)+", "+strconv.Itoa(len(w.plan.Steps))+", "+w.keeperPID()+"); "+notes+"COMMIT")
	if err != nil && !s.lost() {
		_ = s.exec(ctx, "ROLLBACK")
	}
	return err
}

func (w *work) keeperPID() string {
	if w.keeper == nil {
		return "NULL"
	}
	return w.keeper.session.pid()
}

func (w *work) prints() Fingerprints { return fingerprints(w.archive, w.plan) }

func (s *session) pid() string { return strconv.FormatUint(uint64(s.backend), 10) }

// journalLock is the key of the advisory lock that a restore under way holds in
// its database, so that no second one goes on with the same journal. It means
// nothing else.
const journalLock = "7067261726"

// lockJournal takes the lock with a connection of its own, unless that was done
// already. Where the server has no connection to spare for it, the restore goes
// on without.
func (w *work) lockJournal(ctx context.Context, j *journal) (pid uint32, err error) {
	if w.keeper != nil && w.keeper.session.exec(ctx, "SELECT 1") == nil {
		return 0, nil
	}
	w.endKeeper()
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
	w.keeper = &keeper{session: s, journal: j, locked: true, former: s.backend}
	return 0, nil
}

// endKeeper closes the connection of a keeper that does not watch yet.
func (w *work) endKeeper() {
	if w.keeper != nil && w.keeper.session != nil {
		w.keeper.session.close()
	}
	w.keeper = nil
}

// watch lets the keeper watch. The function that it returns ends that.
func (w *work) watch(ctx context.Context) (end func()) {
	k := w.keeper
	w.keeper = nil // it belongs to the goroutine now
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
	if err := j.end(ctx, s, "pid <> pg_catalog.pg_backend_pid()"); err != nil {
		return err
	}
	return s.exec(ctx, "DELETE FROM pgarc_journal.running")
}

// endSession ends a session of this run that was given up for lost, should the
// server not have noticed: it may still be doing what is to be done again.
func (j *journal) endSession(ctx context.Context, s *session, backend uint32) error {
	return j.end(ctx, s, "pid = "+strconv.FormatUint(uint64(backend), 10))
}

// end ends the registered sessions that a condition picks, and waits for their
// end. They were made by the role that connects, of whom a role that was chosen
// after that may know nothing.
func (j *journal) end(ctx context.Context, s *session, which string) error {
	rows, err := s.query(ctx, "SELECT pid, "+inUTC("begun")+" FROM pgarc_journal.running WHERE "+which)
	if err != nil || len(rows) == 0 {
		return err
	}
	var list []string
	for _, r := range rows {
		list = append(list, "a.pid = "+r[0]+" AND a.backend_start < "+fromUTC(r[1]))
	}
	for range 600 {
		rows, err := s.query(ctx, `BEGIN; SET LOCAL ROLE NONE; SELECT pg_catalog.pg_terminate_backend(a.pid) FROM pg_catalog.pg_stat_activity a
			WHERE a.datname = pg_catalog.current_database() AND (`+strings.Join(list, " OR ")+"); COMMIT")
		if err != nil {
			if !s.lost() {
				_ = s.exec(ctx, "ROLLBACK")
			}
			return err
		}
		if len(rows) == 0 {
			return nil
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
	parts := stepParts(s)
	for _, part := range parts {
		if !d.parts[part] {
			return false
		}
	}
	return len(parts) > 0
}

// stepParts returns the parts of a step that the journal has when all of it is
// done; none if the journal does not care.
func stepParts(s *Step) []int64 {
	var parts []int64
	switch s.Action {
	case ActionAnalyze:
		return nil
	case ActionInsert:
		parts = append(parts, insertsDone)
	case ActionBlobs:
		parts = append(parts, 0)
	}
	last := lastAfter(s)
	for i, st := range s.Statements {
		if st.Role != RoleTidy && st.Role != RoleBefore && (st.Role != RoleAfter || i == last) {
			parts = append(parts, partOf(s, i))
		}
	}
	return parts
}

// partOf is the number of a statement of a step in the journal. Around INSERT
// data they are negative, out of the way of the commands.
func partOf(s *Step, i int) int64 {
	if s.Action == ActionInsert {
		return insertsDone - 1 - int64(i)
	}
	return int64(i)
}

// partApart is the number of the nth statement of a definition that was sent
// statement by statement: the ith of the step.
func partApart(i, n int) int64 { return int64(i+1)*partsApart + int64(n) }

const partsApart = 1 << 20

// lastAfter returns which statement of a step is the last after its data, or
// -1.
func lastAfter(s *Step) int {
	last := -1
	for i, st := range s.Statements {
		if st.Role == RoleAfter {
			last = i
		}
	}
	return last
}

// skipDone ends the steps that an earlier run has done.
func (w *work) skipDone() {
	over := w.over()
	for _, s := range w.plan.Steps {
		if over(s) {
			w.complete(s)
			w.earlier[s.ID] = true
			w.result.Earlier++
		}
	}
}

// complete ends a step that was done before.
func (w *work) complete(s *Step) {
	w.sched.Complete(s.ID)
	w.ends++
	if s.Entry.Kind == toc.Table && s.Action == ActionCreate {
		w.made[s.Entry.ID] = true
	}
}

// over says of which steps nothing is left to do, going by the journal as it
// was when it was read last. Once anything was made, nothing is dropped any
// more, also if that had failed at its time: it would be what was restored. And
// where there is a journal, the database that it is in was made.
func (w *work) over() func(*Step) bool {
	j := w.exec.journal
	if j == nil {
		return func(*Step) bool { return false }
	}
	made := slices.ContainsFunc(w.plan.Steps, func(s *Step) bool { return s.Phase > PhaseDrop && len(j.before(s).parts) > 0 })
	inOwn := w.createsDatabase()
	return func(s *Step) bool {
		return made && s.Phase == PhaseDrop || inOwn && s.Phase <= PhaseDatabase || stepDone(s, j.before(s))
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
func (w *work) closeJournal(ctx context.Context, s *session) error {
	if w.exec.journal == nil {
		return nil
	}
	if w.result.complete() {
		err := s.exec(ctx, "SET client_min_messages = error; SET synchronous_commit = on; DROP SCHEMA pgarc_journal CASCADE")
		if noJournal(err) {
			return nil // it was dropped with the connection that was lost then
		}
		return err
	}
	w.result.Journal = true
	if err := w.noteFailures(ctx, s); err != nil {
		return err
	}
	return s.exec(ctx, "UPDATE pgarc_journal.restore SET ended = pg_catalog.clock_timestamp(), pid = NULL; DELETE FROM pgarc_journal.running")
}
