package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/pgarc/pgarc/internal/pgscratch"
	"github.com/pgarc/pgarc/internal/pgscratch/scratchtest"
)

// broken is a database of which two foreign keys and a unique index do not hold.
const broken = `
CREATE TABLE parents (a int, b text, PRIMARY KEY (a, b));
CREATE TABLE children (id int PRIMARY KEY, a int, b text, "Mail x" text);
INSERT INTO parents SELECT g, 'p' || g FROM generate_series(1, 100) g;
INSERT INTO children SELECT g, g, 'p' || g, 'm' || g FROM generate_series(1, 100) g;
CREATE UNIQUE INDEX children_mail ON children (lower("Mail x")) WHERE id > 0;
ALTER TABLE children ADD CONSTRAINT fk_full FOREIGN KEY (a, b) REFERENCES parents(a, b) MATCH FULL;
ALTER TABLE children ADD CONSTRAINT fk_simple FOREIGN KEY (a, b) REFERENCES parents(a, b);
COMMENT ON CONSTRAINT fk_full ON children IS 'psql has to get to this';
SET session_replication_role = replica;
DELETE FROM parents WHERE a IN (42, 43);
UPDATE children SET b = NULL WHERE id = 7;
`

// mended makes the rows right.
const mended = `INSERT INTO parents VALUES (42, 'p42'), (43, 'p43'); UPDATE children SET b = 'p7' WHERE id = 7; UPDATE children SET "Mail x" = 'm' || id`

// psqlFile runs a file through psql, which must have nothing to complain of.
func psqlFile(t *testing.T, s *pgscratch.Server, database, file string) {
	t.Helper()
	out, err := exec.Command(scratchtest.Tool(t, s, "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", s.ConnString(database), "-f", file).CombinedOutput()
	if err != nil {
		t.Errorf("psql -f %s: %v\n%s", file, err, out)
	}
}

// TestViolations: keys that the rows violate come with counts, samples and
// queries, and once the rows are mended psql finishes the restore from
// failed.sql.
func TestViolations(t *testing.T) {
	s := scratchtest.Server(t)
	dump := dumpOf(t, s, broken)
	database := scratchtest.Database(t, s)
	dir := t.TempDir()
	left, report := filepath.Join(dir, "left.sql"), filepath.Join(dir, "report.json")
	args := []string{"restore", dump, "-d", s.ConnString(database), "-j", "2", "--failed-sql", left, "--report", report}
	_, stderr, status := runArgs(t, args...)
	if status != exitPartly {
		t.Errorf("exit status %d, want %d", status, exitPartly)
	}
	for _, want := range []string{
		"3 rows violate it, as (id, a, b) = ", "(7, 7, )", "(43, 43, p43)", "; this finds them all:\nSELECT child.* FROM ONLY public.children child\n",
		"2 rows violate it, as (id, a, b) = (42, 42, p42), (43, 43, p43); this finds",
		"pgarc: rules: after a failure all goes on but for what needs it; ignored: what is harmless\n",
		"what failed and what was skipped is in " + left,
		"mend the rows, then go on",
	} {
		if !strings.Contains(stderr, want) {
			t.Errorf("stderr lacks %q:\n%s", want, stderr)
		}
	}
	if n := ask(t, s, database, "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND NOT convalidated"); n != "2" {
		t.Errorf("%s foreign keys are there, not valid; want 2", n)
	}
	j := readReport(t, report)
	if len(j.Failed) != 2 || j.Exit != exitPartly || !j.Check.OK || j.Check.Tables != 2 {
		t.Errorf("the report has %d failures, exit status %d, check %+v", len(j.Failed), j.Exit, j.Check)
	}
	for _, f := range j.Failed {
		if f.Class != "constraint" || f.SQLState != "23503" || f.Violations.Rows < 2 || !strings.Contains(f.Definition, "ADD CONSTRAINT "+f.Name) {
			t.Errorf("a failure in the report: %+v", f)
		}
	}
	ask(t, s, database, mended)
	psqlFile(t, s, database, left)
	if n := ask(t, s, database, "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated"); n != "2" {
		text, _ := os.ReadFile(left)
		t.Errorf("after psql -f %s foreign keys are valid, want 2:\n%s", n, text)
	}
	if n := ask(t, s, database, "SELECT count(*) FROM pg_description WHERE description LIKE 'psql has%'"); n != "1" {
		t.Errorf("the comment is there %s times", n)
	}
	_, stderr, status = runArgs(t, append(args, "--resume")...)
	if status != exitOK {
		t.Errorf("--resume after psql: exit status %d\n%s", status, stderr)
	}
}

// wantedReport is what a program might read of a report.
type wantedReport struct {
	Exit   int `json:"exit_status"`
	Failed []struct {
		Name, Class, SQLState, Definition string
		Violations                        struct{ Rows int64 }
	}
	Check struct {
		OK              bool
		Objects, Tables int
	}
}

func readReport(t *testing.T, path string) (j wantedReport) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &j)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return j
}

// TestUniqueViolated: the data of a table are loaded over a unique index that
// they violate, and nothing of it is there.
func TestUniqueViolated(t *testing.T) {
	s := scratchtest.Server(t)
	dump := dumpOf(t, s, broken)
	database := scratchtest.Database(t, s)
	if _, stderr, status := runArgs(t, "restore", dump, "-d", s.ConnString(database), "--section", "pre-data", "--section", "data"); status != exitOK {
		t.Fatalf("exit status %d\n%s", status, stderr)
	}
	ask(t, s, database, `UPDATE children SET "Mail x" = 'M1' WHERE id IN (2, 3); UPDATE children SET id = 5 WHERE id = 6`)
	left := filepath.Join(t.TempDir(), "left.sql")
	_, stderr, status := runArgs(t, "restore", dump, "-d", s.ConnString(database), "--section", "post-data", "--failed-sql", left)
	for _, want := range []string{
		`3 rows violate it, as (lower("Mail x"), count) = (m1, 3); this finds them all:`,
		"SELECT lower(\"Mail x\"), count(*) FROM ONLY public.children\nWHERE lower(\"Mail x\") IS NOT NULL AND (id > 0)\nGROUP BY 1 HAVING count(*) > 1;",
		"2 rows violate it, as (id, count) = (5, 2)",
	} {
		if !strings.Contains(stderr, want) {
			t.Errorf("stderr lacks %q (exit status %d):\n%s", want, status, stderr)
		}
	}
	ask(t, s, database, `UPDATE children SET id = 6 WHERE a = 6; `+mended)
	psqlFile(t, s, database, left)
	if n := ask(t, s, database, `SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = indrelid WHERE relname = 'children' AND indisvalid`); n != "2" {
		t.Errorf("%s indexes after psql, want 2", n)
	}
}

// asOther restores as a role that is no superuser and owns the database.
func asOther(t *testing.T, s *pgscratch.Server, database string) (conn string) {
	t.Helper()
	ask(t, s, "postgres", `DO $$ BEGIN CREATE ROLE plain LOGIN; EXCEPTION WHEN duplicate_object THEN END $$`)
	ask(t, s, "postgres", `ALTER DATABASE `+database+` OWNER TO plain`)
	ask(t, s, database, `ALTER SCHEMA public OWNER TO plain`)
	return strings.Replace(s.ConnString(database), "user=postgres", "user=plain", 1)
}

// withRoles is a database with what a plain role cannot have.
const withRoles = `
DO $$ BEGIN CREATE ROLE there_once; EXCEPTION WHEN duplicate_object THEN END $$;
CREATE TABLE mine (i int);
CREATE TABLE theirs (i int PRIMARY KEY);
ALTER TABLE theirs OWNER TO there_once;
GRANT SELECT ON mine TO there_once;
`

// TestIgnore: owners that cannot be set count unless they are ignored, and the
// journal goes with them.
func TestIgnore(t *testing.T) {
	s := scratchtest.Server(t)
	dump := dumpOf(t, s, withRoles)
	text := runIgnore(t, s, dump, exitPartly)
	for _, want := range []string{"hint: roles are missing", "to go on with what is left"} {
		if !strings.Contains(text, want) {
			t.Errorf("stderr lacks %q:\n%s", want, text)
		}
	}
	text = runIgnore(t, s, dump, exitOK, "--ignore", "ownership")
	for _, want := range []string{"ignored, as --ignore says:\n  ownership: ", "TABLE public.theirs (", "pgarc: restored in", ", 0 failed, 0 skipped, ", "rules: after a failure all goes on but for what needs it; ignored: what is harmless, ownership"} {
		if !strings.Contains(text, want) {
			t.Errorf("stderr lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "to go on") {
		t.Errorf("a journal is left:\n%s", text)
	}
	text = runIgnore(t, s, dump, exitPartly, "--ignore", "none")
	if !strings.Contains(text, "nothing is ignored") {
		t.Errorf("--ignore none:\n%s", text)
	}
	text = runIgnore(t, s, dump, exitFailed, "-e")
	if !strings.Contains(text, "stopped at a failure") {
		t.Errorf("-e:\n%s", text)
	}
	runIgnore(t, s, dump, exitOK, "-O", "-x", "--on-error", "stop")
}

func runIgnore(t *testing.T, s *pgscratch.Server, dump string, want int, args ...string) (stderr string) {
	t.Helper()
	database := scratchtest.Database(t, s)
	conn := asOther(t, s, database)
	_, stderr, status := runArgs(t, append([]string{"restore", dump, "-d", conn, "-j", "1"}, args...)...)
	if status != want {
		t.Errorf("%v: exit status %d, want %d\n%s", args, status, want, stderr)
	}
	if want == exitOK {
		if n := ask(t, s, database, "SELECT count(*) FROM pg_namespace WHERE nspname = 'pgarc_journal'"); n != "0" {
			t.Errorf("%v: the journal is still there", args)
		}
	}
	return stderr
}

// TestFailedSQLKeepsOthersFiles: only what pgarc wrote is overwritten.
func TestFailedSQLKeepsOthersFiles(t *testing.T) {
	s := scratchtest.Server(t)
	dump := dumpOf(t, s, orphans)
	path := filepath.Join(t.TempDir(), "precious.sql")
	if err := os.WriteFile(path, []byte("-- mine\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	database := scratchtest.Database(t, s)
	_, stderr, status := runArgs(t, "restore", dump, "-d", s.ConnString(database), "--failed-sql", path)
	if text, _ := os.ReadFile(path); status != exitFailed || string(text) != "-- mine\n" || !strings.Contains(stderr, "was not written by pgarc") {
		t.Errorf("exit status %d, the file holds %q\n%s", status, text, stderr)
	}
	if n := ask(t, s, database, "SELECT count(*) FROM pg_class WHERE relname = 'parents'"); n != "0" {
		t.Error("it was restored, and what failed is nowhere")
	}
	os.Remove(path)
	for range 2 {
		if _, stderr, _ := runArgs(t, "restore", dump, "-d", s.ConnString(scratchtest.Database(t, s)), "--failed-sql", path); !strings.Contains(stderr, "is in "+path) {
			t.Errorf("not written, or not again:\n%s", stderr)
		}
	}
}

// TestReportGolden compares the report of the story with what it should be, but
// for times.
func TestReportGolden(t *testing.T) {
	s := scratchtest.Server(t)
	dump := dumpOf(t, s, orphans)
	report := filepath.Join(t.TempDir(), "report.json")
	runArgs(t, "restore", dump, "-d", s.ConnString(scratchtest.Database(t, s)), "-j", "2", "--report", report)
	text, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	got := string(text)
	for _, mask := range []struct{ pattern, with string }{
		{`"(seconds)": [0-9.e-]+`, `"$1": 0`},
		{`"(begun|ended|created|pgarc_version|server_version|dump_version|path|host|database|user|command|resume|archive_version)": "[^"]*"`, `"$1": "…"`},
		{`"(port|bytes)": [0-9]+`, `"$1": 0`},
		{`(?s)"database": \{\s*"name": "[^"]*"`, `"database": {` + "\n    " + `"name": "…"`},
		{`"dump_id": [0-9]+`, `"dump_id": 0`},
		{`(?s)"slowest": \[.*?\n  \]`, `"slowest": […]`},
	} {
		got = regexp.MustCompile(mask.pattern).ReplaceAllString(got, mask.with)
	}
	golden := filepath.Join("testdata", "report.json")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the report is not that of %s; run go test ./cmd/pgarc -update if it should be\n%s", golden, firstDifference(got, string(want)))
	}
}
