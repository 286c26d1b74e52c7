package restore_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/internal/pgscratch"
	"github.com/pgarc/pgarc/internal/pgscratch/scratchtest"
	"github.com/pgarc/pgarc/restore"
	"github.com/pgarc/pgarc/toc"
)

// family is a database of which one foreign key is to be made while somebody
// else holds a lock on parents.
type family struct {
	s       *pgscratch.Server
	db      string
	archive *archive.Reader
	holder  *pgx.Conn // in a transaction
}

func newFamily(t *testing.T) *family {
	t.Helper()
	s := server(t)
	db := scratchtest.Database(t, s)
	psql(t, s, db, `CREATE TABLE parents (id int PRIMARY KEY);
		CREATE TABLE children (id int PRIMARY KEY, parent int CONSTRAINT fk_parent REFERENCES parents);
		INSERT INTO parents VALUES (1); INSERT INTO children VALUES (1, 1);`)
	a, err := archive.Open(archiveOf(t, s, db))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	psql(t, s, db, `ALTER TABLE children DROP CONSTRAINT fk_parent`)
	holder, err := pgx.Connect(t.Context(), s.ConnString(db)+" application_name=holder")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { holder.Close(context.Background()) })
	f := &family{s, db, a, holder}
	f.do(t, `SET deadlock_timeout = '1min'; BEGIN; LOCK TABLE parents IN ROW EXCLUSIVE MODE`) // the deadlock is pgarc's to find
	return f
}

// do runs SQL as the holder of the lock.
func (f *family) do(t *testing.T, sql string) {
	if _, err := f.holder.Exec(context.Background(), sql); err != nil {
		t.Errorf("%s: %v", sql, err)
	}
}

// restoreKey makes the foreign key, and returns what was told meanwhile. then is
// called once the key waits for the lock, or, if a lock timeout is set, once it
// has run into that.
func (f *family) restoreKey(t *testing.T, settings []restore.Setting, then func()) (*restore.Result, string) {
	t.Helper()
	var told strings.Builder
	opts := restore.Options{Selection: only(f.archive, "FK CONSTRAINT children fk_parent"), Settings: settings}
	opts.OnEvent = func(e restore.Event) {
		if e.Type == restore.EventNotice {
			told.WriteString(e.Text + "\n")
			if then != nil && settings[0].Name == "lock_timeout" && strings.Contains(e.Text, "trying again") {
				then()
			}
		}
	}
	ended := make(chan struct{})
	if settings[0].Name != "lock_timeout" {
		go func() {
			defer close(ended)
			untilWaiting(f.s, f.db)
			then()
		}()
	} else {
		close(ended)
	}
	r := runReader(t, f.s, f.archive, f.db, opts)
	<-ended
	return r, told.String()
}

// untilWaiting returns once a session of the database waits for a lock.
func untilWaiting(s *pgscratch.Server, db string) {
	admin, err := pgx.Connect(context.Background(), s.ConnString(db))
	if err != nil {
		return
	}
	defer admin.Close(context.Background())
	for range 3000 {
		var n int
		err := admin.QueryRow(context.Background(), `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&n)
		if err != nil || n > 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// TestDeadlock: pgarc and somebody else wait for each other. The server ends
// pgarc's statement, which is done again; it is told because of whom.
func TestDeadlock(t *testing.T) {
	f := newFamily(t)
	r, told := f.restoreKey(t, []restore.Setting{{Name: "deadlock_timeout", Value: "2s"}}, func() {
		f.do(t, `LOCK TABLE children IN ROW EXCLUSIVE MODE`)
		f.do(t, `COMMIT`)
	})
	expectNoFailures(t, r)
	if !strings.Contains(told, "FK CONSTRAINT public.children fk_parent (") || !strings.Contains(told, "deadlock detected (SQLSTATE 40P01)") {
		t.Errorf("told %q; want that there was a deadlock", told)
	}
	if n := psql(t, f.s, f.db, `SELECT count(*) FROM pg_constraint WHERE conname = 'fk_parent' AND convalidated`); n != "1\n" {
		t.Errorf("%q foreign keys, want 1", n)
	}
}

// TestLockTimeout: with a lock_timeout of the user's choice the step is tried
// five times, and the failure names who had the lock; or it is done as soon as
// the lock is free.
func TestLockTimeout(t *testing.T) {
	f := newFamily(t)
	short := []restore.Setting{{Name: "lock_timeout", Value: "100ms"}}
	r, told := f.restoreKey(t, short, nil)
	if len(r.Failed) != 1 || r.Failed[0].SQLState() != "55P03" || r.Failed[0].Class() != restore.ClassLock || !r.Journal {
		t.Fatalf("failed %v, journal %t; want the key to have run into the timeout", r.Failed, r.Journal)
	}
	by := r.Failed[0].HeldBy
	if len(by) != 1 || by[0] != (restore.Holder{PID: f.holder.PgConn().PID(), User: "postgres", Application: "holder", State: "idle in transaction"}) {
		t.Errorf("held by %v, want the process %d", by, f.holder.PgConn().PID())
	}
	if n := strings.Count(told, "trying again"); n != 1 || !strings.Contains(told, "held up by "+by[0].String()) {
		t.Errorf("told %d times that it is tried again, want once, with who holds the lock: %q", n, told)
	}
	psql(t, f.s, f.db, `DROP SCHEMA pgarc_journal CASCADE`)
	r, _ = f.restoreKey(t, short, func() { f.do(t, `COMMIT`) })
	expectNoFailures(t, r)
}

// TestSerializationFailure: a trigger lets the first attempts fail as a
// serializable transaction may. Nothing comes twice.
func TestSerializationFailure(t *testing.T) {
	s, a := server(t), murmur(t)
	db := restored(t, a, s, restore.Options{Jobs: 2, Selection: toc.Selection{Sections: []toc.Section{toc.SectionPreData}}})
	psql(t, s, db, `CREATE SEQUENCE public.tries;
		CREATE FUNCTION public.conflict() RETURNS trigger LANGUAGE plpgsql AS
			$$BEGIN IF nextval('public.tries') <= 3 THEN RAISE 'could not serialize access' USING ERRCODE = '40001'; END IF; RETURN NULL; END$$;
		CREATE TRIGGER conflict AFTER INSERT ON public.tags EXECUTE FUNCTION public.conflict()`)
	for _, opts := range []restore.Options{{Jobs: 1}, {Jobs: 4}, {Jobs: 1, Without: restore.AllRewrites}} {
		psql(t, s, db, `TRUNCATE public.tags CASCADE; ALTER SEQUENCE public.tries RESTART`)
		opts.Selection = only(a, "TABLE DATA tags")
		r := runReader(t, s, a, db, opts)
		expectNoFailures(t, r)
		if got := psql(t, s, db, `SELECT count(*), (SELECT last_value FROM public.tries) FROM public.tags`); got != psql(t, s, db, `SELECT count(DISTINCT id), 4 FROM public.tags`) || r.Rows == 0 {
			t.Errorf("-j%d: rows and attempts: %q, of %d rows; want each once, at the fourth attempt", opts.Jobs, got, r.Rows)
		}
	}
}
