package restore_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/internal/pgscratch"
	"github.com/pgarc/pgarc/internal/pgscratch/scratchtest"
	"github.com/pgarc/pgarc/restore"
)

// TestSplitSame loads the larger tables of an archive over several connections
// and compares with pg_restore's database.
func TestSplitSame(t *testing.T) {
	s := server(t)
	compareRestores(t, s, fixtures.Get(t, "15/c-gzip").Path, restore.Options{Jobs: 8, SplitSize: 1}, "")
}

// dumped returns an archive of what a script makes.
func dumped(t *testing.T, s *pgscratch.Server, sql string) string {
	t.Helper()
	db := scratchtest.Database(t, s)
	psql(t, s, db, sql)
	path := filepath.Join(t.TempDir(), "archive.dump")
	if out, err := exec.Command(scratchtest.Tool(t, s, "pg_dump"), "-Fc", "-f", path, "-d", s.ConnString(db)).CombinedOutput(); err != nil {
		t.Fatalf("pg_dump: %v\n%s", err, out)
	}
	return path
}

// bigTable makes a table whose rows a function checks.
const bigTable = `
	CREATE SEQUENCE public.once;
	CREATE FUNCTION public.ok(id bigint) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
	CREATE TABLE public.big (id bigint PRIMARY KEY, at TYPE NOT NULL, body text, CHECK (public.ok(id)));
	INSERT INTO public.big SELECT i, VALUE, md5(i::text) FROM generate_series(1, 60000) AS i;
	CREATE OR REPLACE FUNCTION public.ok(id bigint) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BODY $$;`

func bigArchive(t *testing.T, s *pgscratch.Server, typ, value, body string) string {
	t.Helper()
	return dumped(t, s, strings.NewReplacer("TYPE", typ, "VALUE", value, "BODY", body).Replace(bigTable))
}

const (
	timeType, timeValue = "timestamptz", "timestamptz '2026-01-01' + i * interval '1 hour'" // sent as binary
	boxType, boxValue   = "box", "box(point(i, i), point(0, 0))"                            // which binary COPY leaves alone
)

// TestSplitCopies shows that several transactions have loaded a table, and all
// of it, as text and as binary.
func TestSplitCopies(t *testing.T) {
	s := server(t)
	for name, path := range map[string]string{
		"binary": bigArchive(t, s, timeType, timeValue, "BEGIN RETURN true; END"),
		"text":   bigArchive(t, s, boxType, boxValue, "BEGIN RETURN true; END"),
	} {
		t.Run(name, func(t *testing.T) {
			db := scratchtest.Database(t, s)
			r := run(t, s, path, db, restore.Options{Jobs: 4, SplitSize: 100 << 10})
			expectNoFailures(t, r)
			if got := psql(t, s, db, `SELECT count(*), sum(id), count(DISTINCT xmin::text) > 1 FROM public.big`); got != "60000|1800030000|t\n" {
				t.Errorf("rows, their sum, and whether several transactions loaded them: %s", got)
			}
			if r.Rows < 60000 {
				t.Errorf("the result says %d rows", r.Rows)
			}
		})
	}
}

// TestSplitLosesConnections ends connections in the middle of the rows: of the
// session that began or of one that helps, whichever comes to the row.
func TestSplitLosesConnections(t *testing.T) {
	s := server(t)
	for name, path := range map[string]string{
		"binary": bigArchive(t, s, timeType, timeValue, "BEGIN IF id IN (20000, 40000) AND nextval('public.once') < 3 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN true; END"),
		"text":   bigArchive(t, s, boxType, boxValue, "BEGIN IF id = 30000 AND nextval('public.once') < 3 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN true; END"),
	} {
		t.Run(name, func(t *testing.T) {
			db := scratchtest.Database(t, s)
			r := run(t, s, path, db, restore.Options{Jobs: 4, SplitSize: 100 << 10, Verify: restore.VerifyAlways})
			expectNoFailures(t, r)
			if got := psql(t, s, db, `SELECT count(*), sum(id), count(*) FILTER (WHERE nspname = 'pgarc_journal') FROM public.big LEFT JOIN pg_namespace ON nspname = 'pgarc_journal'`); got != "60000|1800030000|0\n" {
				t.Errorf("rows, their sum, and whether the journal is there: %s", got)
			}
			if killed := psql(t, s, db, "SELECT sessions_killed > 0 FROM pg_stat_database WHERE datname = current_database()"); killed != "t\n" {
				t.Error("no connection was lost")
			}
		})
	}
}

// TestSplitFails refuses a row: the failure is the server's, nothing stays, and
// once the cause is gone the restore goes on.
func TestSplitFails(t *testing.T) {
	s := server(t)
	path := bigArchive(t, s, timeType, timeValue, "BEGIN RETURN id <> 50000; END")
	db := scratchtest.Database(t, s)
	opts := restore.Options{Jobs: 4, SplitSize: 100 << 10}
	r := run(t, s, path, db, opts)
	if len(r.Failed) != 1 || r.Failed[0].SQLState() != "23514" || !strings.Contains(r.Failed[0].Error(), "big_id_check") {
		t.Fatalf("failures: %v, want the check constraint", r.Failed)
	}
	if got := psql(t, s, db, "SELECT count(*) FROM public.big"); got != "0\n" {
		t.Errorf("%s rows stayed", strings.TrimSpace(got))
	}
	psql(t, s, db, "CREATE OR REPLACE FUNCTION public.ok(id bigint) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true'")
	opts.Resume = true
	again := run(t, s, path, db, opts)
	if len(again.Failed) > 0 {
		t.Fatalf("failures when going on: %v", again.Failed)
	}
	if got := psql(t, s, db, "SELECT count(*), sum(id) FROM public.big"); got != "60000|1800030000\n" {
		t.Errorf("rows and their sum: %s", got)
	}
}

// TestSplitHalfCommitted goes on from a journal that has notes of parts alone,
// as after a crash between two commits: also without splitting, and without
// loading frozen.
func TestSplitHalfCommitted(t *testing.T) {
	s := server(t)
	path := bigArchive(t, s, timeType, timeValue, "BEGIN RETURN id <> 50000; END")
	a, err := archive.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	for name, opts := range map[string]restore.Options{
		"split":      {Jobs: 4, SplitSize: 100 << 10},
		"frozen":     {Jobs: 4},
		"not frozen": {Jobs: 4, Without: restore.RewriteFreeze},
	} {
		t.Run(name, func(t *testing.T) {
			db := scratchtest.Database(t, s)
			runReader(t, s, a, db, opts) // fails
			psql(t, s, db, `CREATE OR REPLACE FUNCTION public.ok(id bigint) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
				INSERT INTO public.big SELECT i, now(), 'x' FROM generate_series(1, 100) AS i;
				INSERT INTO pgarc_journal.done (step, part) SELECT step, -1 FROM pgarc_journal.failed`)
			opts.Resume = true
			if r := runReader(t, s, a, db, opts); len(r.Failed) > 0 {
				t.Fatal(r.Failed)
			}
			if got := psql(t, s, db, "SELECT count(*), sum(id) FROM public.big"); got != "60000|1800030000\n" {
				t.Errorf("rows and their sum: %s", got)
			}
		})
	}
}
