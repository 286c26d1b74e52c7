package restore_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/internal/pgscratch"
	"github.com/pgarc/pgarc/internal/pgscratch/scratchtest"
	"github.com/pgarc/pgarc/restore"
	"github.com/pgarc/pgarc/toc"
)

// TestResumeClean: what could not be dropped when the restore began is not
// dropped when it is gone on with: all that is there then is what was restored.
func TestResumeClean(t *testing.T) {
	s := server(t)
	made := scratchtest.Database(t, s)
	psql(t, s, made, `CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1); CREATE TABLE b (id int PRIMARY KEY); INSERT INTO b VALUES (1)`)
	path := archiveOf(t, s, made)
	for _, ifExists := range []bool{false, true} {
		db := scratchtest.Database(t, s)
		psql(t, s, db, `CREATE TABLE a (x text); CREATE VIEW keeps_a AS SELECT * FROM a; CREATE TABLE b (x text)`)
		opts := restore.Options{Jobs: 2, Clean: true, IfExists: ifExists}
		r := run(t, s, path, db, opts)
		if dropped := failedDrops(r); dropped == 0 || !r.Journal {
			t.Fatalf("if exists %t: %d drops failed, journal %t; want that of a to fail: %v", ifExists, dropped, r.Journal, r.Failed)
		}
		psql(t, s, db, `INSERT INTO b VALUES (2); DROP VIEW keeps_a; DROP TABLE a`)
		opts.Resume = true
		r = run(t, s, path, db, opts)
		if len(r.Failed)+len(r.Skipped) > 0 || r.Restored+r.Earlier != r.Steps || r.Journal {
			t.Errorf("if exists %t, gone on with: failed %v, skipped %v, %d and %d of %d steps done", ifExists, r.Failed, r.Skipped, r.Restored, r.Earlier, r.Steps)
		}
		if got := psql(t, s, db, `SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b)`); got != "1|2\n" {
			t.Errorf("if exists %t: rows of a and b: %q, want 1|2: b was restored, and got a row since", ifExists, got)
		}
	}
}

func failedDrops(r *restore.Result) int {
	n := 0
	for _, e := range r.Failed {
		if e.Step.Action == restore.ActionDrop {
			n++
		}
	}
	return n
}

// inserts is an archive of INSERT commands, several batches of them, and a
// database with its tables, of which one has a trigger that must not fire.
type inserts struct {
	s       *pgscratch.Server
	archive *archive.Reader
	db      string
	opts    restore.Options
}

const insertedRows = 1500

func newInserts(t *testing.T, disableTriggers bool) *inserts {
	t.Helper()
	s := server(t)
	made := scratchtest.Database(t, s)
	psql(t, s, made, fmt.Sprintf(`CREATE TABLE a (id int, text text); INSERT INTO a SELECT g, repeat('x', 500) FROM generate_series(1, %d) g`, insertedRows))
	a, err := archive.Open(archiveOf(t, s, made, "--inserts"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	i := &inserts{s, a, scratchtest.Database(t, s), restore.Options{DisableTriggers: disableTriggers, Selection: toc.Selection{DataOnly: true}}}
	psql(t, s, i.db, `CREATE TABLE a (id int, text text)`)
	if disableTriggers {
		psql(t, s, i.db, `CREATE FUNCTION fire() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''it fired''; END';
			CREATE TRIGGER fire BEFORE INSERT ON a FOR EACH ROW EXECUTE FUNCTION fire()`)
	}
	return i
}

// expect looks whether so many rows are there, each once, and no trigger is
// disabled.
func (i *inserts) expect(t *testing.T, rows int) {
	t.Helper()
	want := fmt.Sprintf("%d|%d|0\n", rows, rows)
	if got := psql(t, i.s, i.db, `SELECT count(*), count(DISTINCT id), (SELECT count(*) FROM pg_trigger WHERE tgenabled <> 'O') FROM a`); got != want {
		t.Errorf("rows, different ones, and disabled triggers: %q, want %q", got, want)
	}
}

func eachWay(t *testing.T, test func(t *testing.T, i *inserts)) {
	for _, disable := range []bool{false, true} {
		t.Run(fmt.Sprintf("disable triggers=%t", disable), func(t *testing.T) { test(t, newInserts(t, disable)) })
	}
}

// TestResumeInserts: one row is refused. All others are there, and --resume
// brings that one only.
func TestResumeInserts(t *testing.T) {
	eachWay(t, func(t *testing.T, i *inserts) {
		psql(t, i.s, i.db, `ALTER TABLE a ADD CONSTRAINT not_700 CHECK (id <> 700)`)
		r := runReader(t, i.s, i.archive, i.db, i.opts)
		if len(r.Failed) != 1 || r.Failed[0].SQLState() != "23514" || !r.Journal {
			t.Fatalf("failed %v, journal %t; want one row refused", r.Failed, r.Journal)
		}
		i.expect(t, insertedRows-1)
		psql(t, i.s, i.db, `ALTER TABLE a DROP CONSTRAINT not_700`)
		i.opts.Resume = true
		r = runReader(t, i.s, i.archive, i.db, i.opts)
		expectNoFailures(t, r)
		if r.Rows != 1 {
			t.Errorf("%d rows were loaded again, want the one that was left", r.Rows)
		}
		i.expect(t, insertedRows)
	})
}

// TestInsertsConnectionLost: the server process ends in the midst of a batch.
func TestInsertsConnectionLost(t *testing.T) {
	eachWay(t, func(t *testing.T, i *inserts) {
		psql(t, i.s, i.db, `CREATE SEQUENCE n; CREATE FUNCTION once() RETURNS bool LANGUAGE plpgsql AS
			$$BEGIN IF nextval('public.n') = 700 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN true; END$$;
			ALTER TABLE a ADD CHECK (once())`)
		r := runReader(t, i.s, i.archive, i.db, i.opts)
		expectNoFailures(t, r)
		i.expect(t, insertedRows)
		if n := psql(t, i.s, i.db, `SELECT last_value > 700 AND last_value < 2300 FROM n`); n != "t\n" {
			t.Error("the connection was not lost, or all was sent again")
		}
	})
}

// TestInsertsInterrupted: Ctrl-C while a row waits for somebody. What was
// committed stays, and is not sent again.
func TestInsertsInterrupted(t *testing.T) {
	eachWay(t, func(t *testing.T, i *inserts) {
		psql(t, i.s, i.db, `CREATE FUNCTION waits(id int) RETURNS bool LANGUAGE plpgsql AS
			$$BEGIN IF id = 700 THEN PERFORM pg_advisory_xact_lock(42); END IF; RETURN true; END$$;
			ALTER TABLE a ADD CONSTRAINT waits CHECK (waits(id))`)
		holder, err := pgx.Connect(t.Context(), i.s.ConnString(i.db))
		if err != nil {
			t.Fatal(err)
		}
		defer holder.Close(context.Background())
		if _, err := holder.Exec(t.Context(), `SELECT pg_advisory_lock(42)`); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() {
			untilWaiting(i.s, i.db)
			cancel()
		}()
		r, err := restore.Run(ctx, i.archive, config(t, i.s, i.db), i.opts)
		if err != nil || !r.Interrupted || !r.Journal || len(r.Failed) > 0 {
			t.Fatalf("error %v, result %+v; want to be interrupted", err, r)
		}
		var rows int
		if err := holder.QueryRow(t.Context(), `SELECT count(*) FROM a`).Scan(&rows); err != nil || rows == 0 || rows >= 700 {
			t.Errorf("%d rows are there (%v), want those of the first batches", rows, err)
		}
		i.expect(t, rows)
		if _, err := holder.Exec(t.Context(), `SELECT pg_advisory_unlock(42)`); err != nil {
			t.Fatal(err)
		}
		i.opts.Resume = true
		r = runReader(t, i.s, i.archive, i.db, i.opts)
		expectNoFailures(t, r)
		if r.Rows != int64(insertedRows-rows) {
			t.Errorf("%d rows were loaded then, want the %d that were left", r.Rows, insertedRows-rows)
		}
		i.expect(t, insertedRows)
	})
}
