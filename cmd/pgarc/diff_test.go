package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/internal/pgscratch"
	"github.com/pgarc/pgarc/internal/pgscratch/scratchtest"
)

// diffNames returns what pgarc diff names, a line each, without its first and
// last lines.
func diffNames(t *testing.T, args ...string) []string {
	t.Helper()
	out, stderr, status := runArgs(t, append([]string{"diff", "--summary"}, args...)...)
	var names []string
	for line := range strings.Lines(out) {
		if change, rest, ok := strings.Cut(line, "  "); ok && slices.Contains([]string{"removed", "added", "changed"}, change) {
			names = append(names, change+" "+strings.TrimSpace(rest))
		}
	}
	if want := min(len(names), 1); status != want || stderr != "" {
		t.Fatalf("diff %v: exit status %d, want %d; stderr:\n%s\nstdout:\n%s", args, status, want, stderr, out)
	}
	return names
}

// TestDiffItself: no archive differs from itself, with or without its data.
func TestDiffItself(t *testing.T) {
	for _, f := range fixtures.All(t) {
		for _, args := range [][]string{{f.Path, f.Path}, {f.Path, f.Path, "--rows"}} {
			out, stderr, status := runArgs(t, append([]string{"diff"}, args...)...)
			if status != exitOK || out != "" || stderr != "" {
				t.Errorf("%s: diff %v: exit status %d, stdout:\n%s\nstderr:\n%s", f, args[2:], status, out, stderr)
			}
		}
	}
}

// How an archive is stored makes no difference.
func TestDiffStored(t *testing.T) {
	for _, pair := range [][2]string{
		{"15/c-gzip", "15/c-pipe"}, {"15/c-gzip", "15/c-none"}, {"15/c-gzip", "15/c-redirect"}, {"15/c-gzip", "15/c-inserts"}, {"15/c-gzip", "15/c-create-clean"},
		{"18/c-gzip", "18/c-lz4"}, {"18/c-gzip", "18/c-zstd"}, {"18/lobs", "18/lobs-dir"}, {"18/lobs-dir", "18/lobs-dir-lz4"}, {"17/lobs", "17/lobs-tar"}, {"18/newline", "18/newline-tar"},
	} {
		a, b := fixtures.Get(t, pair[0]).Path, fixtures.Get(t, pair[1]).Path
		for _, more := range [][]string{nil, {"--rows"}} {
			for _, name := range diffNames(t, append([]string{a, b}, more...)...) {
				t.Errorf("%v %v: %s", pair, more, name)
			}
		}
	}
}

// An archive without data lacks the data: rows, values of sequences, contents
// of materialized views, large objects and what is said of these.
func TestDiffSchemaOnly(t *testing.T) {
	names := diffNames(t, fixtures.Get(t, "15/c-gzip").Path, fixtures.Get(t, "15/c-schema").Path)
	if len(names) < 100 {
		t.Errorf("%d differences, want those of all data: %q", len(names), names)
	}
	for _, name := range names {
		if !slices.ContainsFunc([]string{"TABLE DATA ", "SEQUENCE SET ", "MATERIALIZED VIEW DATA ", "BLOB ", "BLOBS ", "COMMENT LARGE OBJECT ", "ACL LARGE OBJECT "},
			func(kind string) bool { return strings.HasPrefix(name, "removed "+kind) }) {
			t.Errorf("a difference that is none of data: %s", name)
		}
	}
}

// diffWorld is a small database with one of most that TestDiffStatement changes.
const diffWorld = `
CREATE SCHEMA app;
CREATE TABLE app.t (id int PRIMARY KEY, name text);
CREATE TABLE app.u (id int PRIMARY KEY, t_id int);
INSERT INTO app.t VALUES (1, 'one'), (2, 'two');
CREATE INDEX t_name ON app.t (name);
CREATE FUNCTION app.f(a int) RETURNS int LANGUAGE sql AS 'SELECT a';
CREATE FUNCTION app.f(a text) RETURNS text LANGUAGE sql AS 'SELECT a';
CREATE VIEW app.v AS SELECT id FROM app.t;
CREATE SEQUENCE app.s;
COMMENT ON TABLE app.t IS 'things';
GRANT SELECT ON app.t TO PUBLIC;
`

// TestDiffStatement dumps one database before and after a single statement:
// the difference is what it did and nothing else.
func TestDiffStatement(t *testing.T) {
	s := scratchtest.Server(t)
	database := scratchtest.Database(t, s)
	ask(t, s, database, diffWorld)
	ask(t, s, database, "DROP ROLE IF EXISTS diff_joe; CREATE ROLE diff_joe")
	defer ask(t, s, database, "DROP OWNED BY diff_joe; DROP ROLE diff_joe")
	first := dumpDatabase(t, s, database, "before")
	before := first
	for i, test := range []struct {
		sql  string
		want []string
	}{
		{"SELECT 1", nil},
		{"ALTER TABLE app.t ALTER name SET NOT NULL", []string{"changed TABLE app.t: definition"}},
		{"ALTER TABLE app.t ADD extra int", []string{"changed TABLE app.t: definition", "changed TABLE DATA app.t: columns"}},
		{"ALTER TABLE app.u ADD CONSTRAINT to_t FOREIGN KEY (t_id) REFERENCES app.t", []string{"added FK CONSTRAINT app.u.to_t"}},
		{"DROP INDEX app.t_name", []string{"removed INDEX app.t_name"}},
		{"CREATE OR REPLACE FUNCTION app.f(a text) RETURNS text LANGUAGE sql AS 'SELECT a || a'", []string{"changed FUNCTION app.f(text): definition"}},
		{"ALTER VIEW app.v RENAME TO w", []string{"removed VIEW app.v", "added VIEW app.w"}},
		{"ALTER SEQUENCE app.s OWNER TO diff_joe", []string{"changed SEQUENCE app.s: owner"}},
		{"SELECT nextval('app.s')", []string{"changed SEQUENCE SET app.s: definition"}},
		{"COMMENT ON TABLE app.t IS 'other things'", []string{"changed COMMENT app.TABLE t: definition"}},
		{"REVOKE SELECT ON app.t FROM PUBLIC", []string{"removed ACL app.TABLE t"}},
		{"INSERT INTO app.t VALUES (3, 'three')", []string{"changed TABLE DATA app.t: data"}},
		{"UPDATE app.t SET name = 'TWO' WHERE id = 2", []string{"changed TABLE DATA app.t: data"}},
	} {
		ask(t, s, database, test.sql)
		after := dumpDatabase(t, s, database, fmt.Sprint("after", i))
		if got := diffNames(t, "--rows", before, after); !slices.Equal(got, test.want) {
			t.Errorf("%s: got %q, want %q", test.sql, got, test.want)
		}
		before = after
	}
	// The same, made again: other OIDs, other dump ids, another order.
	ask(t, s, database, "DROP SCHEMA app CASCADE; CREATE TABLE public.later ()")
	ask(t, s, database, diffWorld)
	if got, want := diffNames(t, "--rows", first, dumpDatabase(t, s, database, "again")), []string{"added TABLE public.later", "added TABLE DATA public.later: 0 rows"}; !slices.Equal(got, want) {
		t.Errorf("made again: got %q, want %q", got, want)
	}
}

// dumpDatabase makes an archive of a database.
func dumpDatabase(t *testing.T, s *pgscratch.Server, database, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name+".dump")
	out, err := exec.Command(scratchtest.Tool(t, s, "pg_dump"), "-Fc", "-f", path, "-d", s.ConnString(database)).CombinedOutput()
	if err != nil {
		t.Fatalf("pg_dump: %v\n%s", err, out)
	}
	return path
}

// TestDiffHostile: names, definitions and roles of an archive reach the
// terminal as text only.
func TestDiffHostile(t *testing.T) {
	plain := fixtures.Get(t, "18/empty").Path
	for _, f := range fixtures.All(t) {
		for _, args := range [][]string{{f.Path, plain}, {plain, f.Path, "--rows"}, {fixtures.Get(t, "18/c-gzip").Path, f.Path}} {
			out, stderr, _ := runArgs(t, append([]string{"diff"}, args...)...)
			for _, line := range strings.Split(out+stderr, "\n") {
				if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0x202e }) {
					t.Errorf("diff %v prints a control character: %q", args, line)
				}
			}
			if strings.Contains("\n"+out, "\nCREATE ROLE") {
				t.Errorf("diff %v: a name begins a line:\n%s", args, out)
			}
		}
	}
}

// TestDiffHostileChange has what is hostile in what changed.
func TestDiffHostileChange(t *testing.T) {
	s := scratchtest.Server(t)
	sql := func(body string) string {
		return "CREATE TABLE \"a\x1b[2Jb\nCREATE ROLE x;\" (\"\x1b]0;title\x07\" " + body + " DEFAULT '\x1b[31m\r\n\tred\u202e');"
	}
	a, b := dumpOf(t, s, sql("text")), dumpOf(t, s, sql("varchar"))
	out, _, status := runArgs(t, "diff", a, b, "-t", "a*")
	if status != exitFailed || !strings.Contains(out, `\x1b[2Jb\nCREATE ROLE x;`) || !strings.Contains(out, `"\x1b]0;title\x07" character varying DEFAULT '\x1b[31m\r`) {
		t.Errorf("exit status %d, stdout:\n%s", status, out)
	}
	if strings.ContainsAny(out, "\x1b\x07\r\u202e") {
		t.Errorf("a control character was printed: %q", out)
	}
}

func TestDiffJSON(t *testing.T) {
	out, _, status := runArgs(t, "diff", "--json", "--rows", fixtures.Get(t, "15/c-gzip").Path, fixtures.Get(t, "15/c-schema").Path, "-t", "accounts", "--type", "data,table")
	if status != exitFailed {
		t.Fatalf("exit status %d", status)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 4 {
		t.Fatalf("%d lines, want 2 archives, a difference and a summary:\n%s", len(lines), out)
	}
	var d differenceJSON
	if err := json.Unmarshal([]byte(lines[2]), &d); err != nil {
		t.Fatal(err)
	}
	if d.Type != "difference" || d.Change != "removed" || d.Kind != "TABLE DATA" || d.Schema != "public" || d.Name != "accounts" ||
		d.New != nil || d.Old == nil || d.Old.Rows == nil || *d.Old.Rows != 40 || len(d.Old.SHA256) != 64 || !strings.HasPrefix(d.Old.Columns, "id, ") {
		t.Errorf("difference: %s", lines[2])
	}
	if want := `{"type":"summary","removed":1,"added":0,"changed":0,"same":1,"data_compared":true}`; lines[3] != want {
		t.Errorf("summary %s, want %s", lines[3], want)
	}
}

// TestDiffDamage: a damaged archive is an error whatever differs.
func TestDiffDamage(t *testing.T) {
	good := fixtures.Get(t, "15/c-none").Path
	whole, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	damaged := filepath.Join(t.TempDir(), "damaged.dump")
	broken := slices.Clone(whole)
	at := bytes.LastIndex(whole, []byte("\t\\N\t")) // in a row
	broken[at] = 'x'
	if err := os.WriteFile(damaged, broken, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{good, damaged}, {damaged, good}, {damaged, fixtures.Get(t, "15/c-schema").Path}} {
		_, stderr, status := runArgs(t, append([]string{"diff", "--rows"}, args...)...)
		if status != exitArchive || !strings.Contains(stderr, "damaged.dump") || !strings.Contains(stderr, "pgarc verify") {
			t.Errorf("diff --rows %v: exit status %d, want %d; stderr:\n%s", args, status, exitArchive, stderr)
		}
	}
	if err := os.WriteFile(damaged, whole[:20_000], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, stderr, status := runArgs(t, "diff", good, damaged); status != exitArchive {
		t.Errorf("cut in its table of contents: exit status %d, want %d; stderr:\n%s", status, exitArchive, stderr)
	}
}

// TestDiffVersions: two dumps of one database, by pg_dump 15 and 18, differ
// where pg_dump's own text does, and nowhere else.
func TestDiffVersions(t *testing.T) {
	got := diffNames(t, "--rows", fixtures.Get(t, "15/kinds").Path, fixtures.Get(t, "18/kinds-of-15").Path)
	want := []string{
		// Since 17 large objects come in groups.
		"removed BLOB 4200000001", "removed BLOB 4200000002", "removed BLOB 4200000003", "removed BLOBS BLOBS: 3 large objects",
		"added BLOB METADATA 4200000001..4200000002", "added BLOB METADATA 4200000003",
		"added BLOBS 4200000001..4200000002: 2 large objects", "added BLOBS 4200000003: 1 large object",
		"changed FOREIGN TABLE zoo.far: definition",                         // ALTER FOREIGN TABLE ONLY
		"changed DEFAULT ACL zoo.DEFAULT PRIVILEGES FOR TABLES: definition", // one blank instead of two
		"changed SUBSCRIPTION Other sub: definition",                        // run_as_owner = true, for what was the only way
		"changed SUBSCRIPTION follows: definition",                          // and streaming = off
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestDiffAlterTable restores kinds, whose entries are of nearly every kind,
// changes one thing, and dumps again: the difference is that, once the first
// restore is compared with its own dump.
func TestDiffAlterTable(t *testing.T) {
	s := serverFor(t, fixtures.Get(t, "15/kinds"))
	database := scratchtest.Database(t, s)
	if _, stderr, status := runArgs(t, "restore", fixtures.Get(t, "15/kinds").Path, "-q", "-d", s.ConnString(database)); status != exitOK {
		t.Fatalf("restore: exit status %d\n%s", status, stderr)
	}
	before := dumpDatabase(t, s, database, "before")
	if got, want := diffNames(t, "--rows", fixtures.Get(t, "15/kinds").Path, before), []string{"removed DATABASE kinds", "added DATABASE " + database}; !slices.Equal(got, want) {
		t.Errorf("restored and dumped again: got %q, want %q", got, want)
	}
	ask(t, s, database, "ALTER TABLE zoo.visits ADD COLUMN weather text DEFAULT 'fair'")
	got := diffNames(t, "--rows", before, dumpDatabase(t, s, database, "after"))
	want := []string{}
	for _, table := range []string{"visits", "visits_new", "visits_old", "visits_old_95", "visits_old_rest"} { // the table and its partitions
		want = append(want, "changed TABLE zoo."+table+": definition")
	}
	for _, table := range []string{"visits_new", "visits_old_95", "visits_old_rest"} {
		want = append(want, "changed TABLE DATA zoo."+table+": columns")
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
