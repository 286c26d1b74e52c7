package restore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/script"
	"github.com/pgarc/pgarc/toc"
)

// source is where the data come from: what of an *archive.Reader the
// execution of steps needs.
type source interface {
	Data(*toc.Entry) (*archive.Data, error)
	LargeObjects(*toc.Entry) iter.Seq2[archive.LargeObject, error]
}

// An executor runs single steps. It is shared by all workers.
type executor struct {
	toc          *toc.TOC
	source       source
	script       script.Options
	transaction  bool // everything runs inside one transaction already
	createBlobs  bool // no entries of the archive create large objects (before 1.12)
	dropBlobs    bool // … and --clean was asked for
	binaryCopies bool // load by binary COPY where it pays
	notice       func(string)
	journal      *journal // nil: none
	only         *Missing
	keyCheck     string // settings for the check of a foreign key, as SQL; empty: none
}

// inTransaction reports whether a task runs in a transaction that is not its
// own.
func (x *executor) inTransaction(t *task) bool { return x.transaction || t.batched }

// run does a step; t.err says how it went.
func (x *executor) run(ctx context.Context, s *session, t *task) {
	if !x.becomeOwner(ctx, s, t) {
		return
	}
	switch e := t.step.Entry; {
	case t.step.Action == ActionDrop:
		x.settings(ctx, s, t, s.state.BeforeDrop(x.toc, e, x.script))
		x.send(ctx, s, t, RoleDrop)
		s.state.AfterDrops()
	case t.step.Action.IsData():
		x.settings(ctx, s, t, s.state.Before(x.toc, e, x.script))
		x.load(ctx, s, t)
	case t.step.Action == ActionAnalyze:
		x.tidy(ctx, s, t)
	default:
		x.settings(ctx, s, t, s.state.Before(x.toc, e, x.script))
		// What exists already is still given its owner, as by pg_restore.
		if x.create(ctx, s, t) {
			x.send(ctx, s, t, RoleAlter)
		}
		s.state.After(e)
	}
}

// becomeOwner makes the entry's owner the user of the session, if objects are
// made by their owners. What followed a failure would run as the wrong user.
func (x *executor) becomeOwner(ctx context.Context, s *session, t *task) bool {
	e := t.step.Entry
	for _, sql := range s.state.BecomeOwner(x.toc, e, x.script) {
		err := s.exec(ctx, sql)
		switch {
		case err == nil:
		case s.lost():
			return t.fail(sql, RoleCreate, err)
		default:
			t.fatal = fmt.Errorf("%s: could not set session user to %q: %w", t.step, e.Owner.String, err)
			return false
		}
	}
	return true
}

// create sends the definition of an entry and reports whether the object is
// there now.
//
// A definition of several statements is one transaction. If that of a table or
// index fails it is tried again statement by statement, so that a table is not
// lost, with all its data, because the server lacks what its last ALTER TABLE
// asks for.
func (x *executor) create(ctx context.Context, s *session, t *task) bool {
	there := true
	for i, st := range t.step.Statements {
		if st.Role != RoleCreate || t.isDone(i) {
			continue
		}
		if parts := x.begunApart(t, i); parts != nil {
			there = x.createApart(ctx, s, t, i, parts) && there
			continue
		}
		err := x.do(ctx, s, t, i)
		if isPublic(t.step.Entry) && alreadyExists(err) && !x.inTransaction(t) {
			// Every database has it; pg_dump before 11 makes it all the same.
			err = s.exec(ctx, x.journal.mark(t.step, partOf(t.step, i)))
		}
		if err != nil && (worthApart(t.step.Entry) || firstWords(st.SQL)[0] == "SET") && !alreadyExists(err) && !x.inTransaction(t) && ctx.Err() == nil && !s.lost() {
			if parts := script.SplitStatements(st.SQL, x.toc.StdStrings); len(parts) > 1 && t.step.Entry.Kind == toc.DatabaseProperties {
				x.eachApart(ctx, s, t, i, parts)
				continue
			} else if len(parts) > 1 {
				there = x.createApart(ctx, s, t, i, parts) && there
				continue
			}
		}
		there = (t.fail(st.SQL, RoleCreate, err) || alreadyExists(err)) && there
	}
	return there
}

func isPublic(e *toc.Entry) bool { return e.Kind == toc.Schema && e.Tag == "public" }

// worthApart reports whether an object is of use without the statements that
// follow its first.
func worthApart(e *toc.Entry) bool {
	return isTable(e) || isIndex(e) || e.Kind == toc.MaterializedView || e.Kind == toc.DatabaseProperties
}

// eachApart sends the settings of a database, of which none needs another.
func (x *executor) eachApart(ctx context.Context, s *session, t *task, i int, parts []string) {
	for _, sql := range parts {
		t.fail(sql+";\n", RoleAlter, s.exec(ctx, sql))
	}
	if mark := x.journal.mark(t.step, int64(i)); mark != "" && t.err == nil {
		_ = s.exec(ctx, mark) // else they are made once more, which changes nothing
	}
}

// do sends a statement of a step, and in the same transaction the note that it
// is done.
func (x *executor) do(ctx context.Context, s *session, t *task, i int) error {
	sql, mark := t.step.Statements[i].SQL, x.journal.mark(t.step, partOf(t.step, i))
	if mark != "" && isAlone(t.step, sql) {
		if err := s.exec(ctx, sql); err != nil {
			return err
		}
		sql = ""
	}
	if checksKey(t.step) && !x.inTransaction(t) {
		sql = x.keyCheck + sql
	}
	err := s.exec(ctx, sql+mark)
	if t.wasDone(err) {
		err = nil
	}
	if err == nil {
		t.setDone(i)
		t.note(partOf(t.step, i))
	}
	return err
}

// isAlone reports whether a statement cannot be in a transaction with the note
// that it is done: the server refuses it there, or it changes who speaks.
func isAlone(s *Step, sql string) bool {
	switch s.Entry.Kind {
	case toc.Database, toc.DatabaseProperties:
		return true
	case toc.Subscription:
		// What the server refuses in a transaction is to make a slot on the
		// publisher, and without a connection it makes none
		// (CreateSubscription in src/backend/commands/subscriptioncmds.c).
		return strings.HasPrefix(sql, "CREATE ") && !strings.Contains(sql, "(connect = false")
	}
	return strings.Contains(sql, "SET SESSION AUTHORIZATION")
}

// createApart sends the statements of a definition one by one, in one
// transaction. Only the first that is no setting makes the object; of the
// others any may fail. What did not is noted, so that only the rest is tried
// another time.
func (x *executor) createApart(ctx context.Context, s *session, t *task, i int, parts []string) bool {
	if !t.fail("BEGIN", RoleCreate, s.exec(ctx, "BEGIN")) {
		return false
	}
	made, all := false, true
	var did []int64
	for n, sql := range parts {
		part := partApart(i, n)
		isSetting := firstWords(sql)[0] == "SET"
		switch {
		case t.apart[part]:
			made = true
		case !made && !isSetting:
			if err := s.exec(ctx, sql+x.journal.markPart(t.step, part)); !t.fail(sql+";\n", RoleCreate, err) {
				_ = s.exec(ctx, "ROLLBACK")
				return alreadyExists(err)
			}
			made, did = true, append(did, part)
		default:
			note := ""
			if !isSetting { // which has to be made each time
				note = x.journal.markPart(t.step, part)
			}
			if !t.fail(sql+";\n", RoleAlter, s.exec(ctx, "SAVEPOINT pgarc; "+sql+note)) {
				all = false
				_ = s.exec(ctx, "ROLLBACK TO SAVEPOINT pgarc") // in vain if the connection is lost
			} else if !isSetting {
				did = append(did, part)
			}
		}
	}
	mark := ""
	if all {
		mark = x.journal.mark(t.step, int64(i))
	}
	if !t.fail("COMMIT", RoleCreate, s.exec(ctx, mark+"; COMMIT")) {
		return false
	}
	t.didApart(did)
	if all {
		t.setDone(i)
		t.note(int64(i))
	}
	return true
}

// didApart notes statements of a definition as done.
func (t *task) didApart(parts []int64) {
	for _, part := range parts {
		if t.apart == nil {
			t.apart = make(map[int64]bool)
		}
		t.apart[part] = true
		t.note(part)
	}
}

// begunApart returns the statements of a definition of which an earlier try has
// done some; else nil.
func (x *executor) begunApart(t *task, i int) []string {
	for part := range t.apart {
		if part/partsApart == int64(i)+1 {
			return script.SplitStatements(t.step.Statements[i].SQL, x.toc.StdStrings)
		}
	}
	return nil
}

// settings sends what has to be set before an entry. A tablespace that does
// not exist is a failure of the entry, which is then made in the default one.
func (x *executor) settings(ctx context.Context, s *session, t *task, list []string) {
	for _, sql := range list {
		t.fail(sql, RoleAlter, s.exec(ctx, sql))
	}
}

// send sends the statements of one role, all of them, and reports whether all
// went well.
func (x *executor) send(ctx context.Context, s *session, t *task, role Role) bool {
	ok := true
	for i, st := range t.step.Statements {
		if st.Role == role && !t.isDone(i) && !t.fail(st.SQL, role, x.do(ctx, s, t, i)) {
			ok = false
		}
	}
	return ok
}

// tidy sends what only makes later work faster. Nothing is lost if it fails.
func (x *executor) tidy(ctx context.Context, s *session, t *task) {
	for i, st := range t.step.Statements {
		if st.Role != RoleTidy || t.isDone(i) || t.err != nil {
			continue
		}
		sql := st.SQL
		if x.inTransaction(t) { // where a failure would take all else with it
			sql = "SAVEPOINT pgarc; " + sql
		}
		err := s.exec(ctx, sql)
		if err != nil && x.inTransaction(t) && !s.lost() {
			_ = s.exec(ctx, "ROLLBACK TO SAVEPOINT pgarc")
		}
		if s.lost() {
			t.fail(st.SQL, RoleTidy, err)
		} else if err != nil && ctx.Err() == nil {
			x.notice("note: " + strings.TrimSpace(st.SQL) + " " + reason(err))
		}
	}
}

// load loads the data of an entry.
func (x *executor) load(ctx context.Context, s *session, t *task) {
	if x.surround(ctx, s, t, RoleBefore) { // else what was disabled is enabled again all the same
		switch t.step.Action {
		case ActionCopy:
			if sharing := x.beside(ctx, t, t.sharing); len(sharing) > 0 {
				x.copySplit(ctx, append([]*session{s}, sharing...), t)
			} else {
				x.copyData(ctx, s, t)
			}
		case ActionInsert:
			x.insertData(ctx, s, t)
		case ActionBlobs:
			x.loadBlobs(ctx, s, t)
		}
	}
	after := ctx
	if ctx.Err() != nil { // triggers are not left disabled because of Ctrl-C
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), cancelGrace)
		defer cancel()
		after = grace
	}
	x.surround(after, s, t, RoleAfter)
	if t.frozen { // else VACUUM would read the table
		x.tidy(ctx, s, t)
	}
}

// surround sends what comes before the data or after. All of it is sent again
// when a step is: it changes the session, or the table only for as long as the
// data are loaded. The last statement after them tells that the step is done.
func (x *executor) surround(ctx context.Context, s *session, t *task, role Role) bool {
	ok := true
	last := lastAfter(t.step)
	for i, st := range t.step.Statements {
		if st.Role != role {
			continue
		}
		err := error(nil)
		if i == last && t.err == nil {
			err = x.do(ctx, s, t, i)
		} else {
			err = s.exec(ctx, st.SQL)
		}
		ok = t.fail(st.SQL, role, err) && ok
	}
	return ok
}

// alreadyExists reports whether the server refused to make an object because
// there is one of that name.
func alreadyExists(err error) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return false
	}
	switch pg.Code {
	case "42P04", // duplicate_database
		"42P06", // duplicate_schema
		"42P07", // duplicate_table: also indexes, sequences, views
		"42710", // duplicate_object
		"42723": // duplicate_function
		return true
	}
	return false
}
