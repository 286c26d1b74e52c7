package main

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgarc/pgarc/internal/pgscratch/scratchtest"
)

// smallWorld has one of most that a database can lack in part.
const smallWorld = `
CREATE TABLE parents (id int PRIMARY KEY, name text);
CREATE TABLE children (id serial PRIMARY KEY, parent_id int);
CREATE TABLE nobody (id int);
INSERT INTO parents VALUES (1, 'a'), (2, 'b');
INSERT INTO children (parent_id) VALUES (1), (1), (2);
CREATE INDEX parents_name ON parents (name);
ALTER TABLE children ADD CONSTRAINT children_parent FOREIGN KEY (parent_id) REFERENCES parents;
CREATE VIEW looped AS SELECT id, name FROM parents GROUP BY id;
SELECT lo_from_bytea(4101, 'one'), lo_from_bytea(4102, 'two');
`

func TestDiffDatabaseIncomplete(t *testing.T) {
	s := scratchtest.Server(t)
	dump := dumpOf(t, s, smallWorld)
	db := scratchtest.Database(t, s)
	runArgs(t, "restore", dump, "-d", s.ConnString(db), "-q")
	if names := lacks(t, s, dump, db, "--rows"); len(names) > 0 {
		t.Errorf("after a restore: %q", names)
	}
	ask(t, s, db, `
		ALTER TABLE children DROP CONSTRAINT children_parent;
		ALTER TABLE children ADD CONSTRAINT children_parent FOREIGN KEY (parent_id) REFERENCES parents NOT VALID;
		UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'parents_name'::regclass;
		DELETE FROM children WHERE id = 3;
		ALTER TABLE children DROP CONSTRAINT children_pkey;
		CREATE UNIQUE INDEX children_pkey ON children (id);
		CREATE OR REPLACE VIEW looped AS SELECT NULL::int AS id, NULL::text AS name`)
	want := []string{
		"RULE public.looped._RETURN: the view is there without its content",
		"TABLE DATA public.children: 2 rows, 3 in the archive",
		"CONSTRAINT public.children.children_pkey: an index of its name is there, without the key",
		"FK CONSTRAINT public.children.children_parent: the constraint is not valid",
		"INDEX public.parents_name: the index is not valid",
	}
	if got := lacks(t, s, dump, db, "--rows"); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("diff -d --rows names\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	_, stderr, status := runArgs(t, "restore", dump, "-d", s.ConnString(db), "--missing")
	if status != exitPartly || !strings.Contains(stderr, "to complete it: ALTER TABLE public.children VALIDATE CONSTRAINT children_parent;") {
		t.Errorf("restore --missing: exit status %d, want %d\n%s", status, exitPartly, stderr)
	}
	sql, _, status := runArgs(t, "diff", dump, "-d", s.ConnString(db), "--sql")
	if status != exitFailed || strings.Contains(sql, "looped") {
		t.Errorf("diff --sql: exit status %d; the view should be back\n%s", status, sql)
	}
	ask(t, s, db, sql)
	if names := lacks(t, s, dump, db); len(names) > 0 {
		t.Errorf("after running the SQL: %q\n%s", names, sql)
	}
}

// What diff -d --sql prints makes a schema whole.
func TestDiffDatabaseSQL(t *testing.T) {
	s := scratchtest.Server(t)
	dump := dumpOf(t, s, diffWorld)
	db := scratchtest.Database(t, s)
	sql, stderr, status := runArgs(t, "diff", dump, "-d", s.ConnString(db), "--sql")
	if status != exitFailed || stderr != "" {
		t.Fatalf("exit status %d\n%s", status, stderr)
	}
	ask(t, s, db, sql)
	for _, name := range lacks(t, s, dump, db) {
		if !strings.HasPrefix(name, "TABLE DATA ") {
			t.Errorf("missing after running the SQL: %s\n%s", name, sql)
		}
	}
}

func TestDiffDatabaseJSON(t *testing.T) {
	s := scratchtest.Server(t)
	dump := dumpOf(t, s, smallWorld)
	db := scratchtest.Database(t, s)
	runArgs(t, "restore", dump, "-d", s.ConnString(db), "-q")
	ask(t, s, db, "DROP INDEX parents_name")
	out, _, status := runArgs(t, "diff", dump, "-d", s.ConnString(db), "--json")
	var types []string
	for line := range strings.Lines(out) {
		var j struct{ Type, Presence, Kind, Name, Definition string }
		if err := json.Unmarshal([]byte(line), &j); err != nil {
			t.Fatal(err)
		}
		types = append(types, j.Type)
		if j.Type == "finding" && (j.Presence != "missing" || j.Kind != "INDEX" || j.Name != "parents_name" || !strings.HasPrefix(j.Definition, "CREATE INDEX ")) {
			t.Errorf("finding %+v", j)
		}
	}
	if got := strings.Join(types, " "); got != "archive database finding summary" || status != exitFailed {
		t.Errorf("types %q, exit status %d", got, status)
	}
	out, _, status = runArgs(t, "restore", dump, "-d", s.ConnString(db), "--missing", "--json")
	if status != exitOK || strings.Count(out, `"type":"step"`) == 0 {
		t.Errorf("restore --missing --json: exit status %d\n%s", status, out)
	}
	out, _, status = runArgs(t, "restore", dump, "-d", s.ConnString(db), "--missing", "--json")
	if status != exitOK || strings.Count(out, "\n") != 1 || !strings.Contains(out, `"type":"summary"`) {
		t.Errorf("restore --missing --json with nothing to do: exit status %d\n%s", status, out)
	}
}

// TestDiffDatabaseUnprivileged looks as a role that may read nothing.
func TestDiffDatabaseUnprivileged(t *testing.T) {
	s := scratchtest.Server(t)
	dump := dumpOf(t, s, smallWorld)
	db := scratchtest.Database(t, s)
	runArgs(t, "restore", dump, "-d", s.ConnString(db), "-q")
	ask(t, s, db, `DROP ROLE IF EXISTS pgarc_nobody; CREATE ROLE pgarc_nobody;
		ALTER TABLE parents ENABLE ROW LEVEL SECURITY; GRANT SELECT ON parents, nobody TO pgarc_nobody`)
	defer ask(t, s, db, "DROP OWNED BY pgarc_nobody; DROP ROLE pgarc_nobody")
	out, stderr, status := runArgs(t, "diff", dump, "-d", s.ConnString(db), "--role", "pgarc_nobody")
	if status != exitOK || out != "" {
		t.Errorf("exit status %d\n%s", status, out)
	}
	for _, want := range []string{"no telling of TABLE DATA public.children", "and 1 more: no privilege to read the table, or row security hides rows of it"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("stderr lacks %q:\n%s", want, stderr)
		}
	}
}

// TestMissingStory: pg_restore did all but one foreign key, and the table that
// the key refers to is empty.
func TestMissingStory(t *testing.T) {
	s := scratchtest.Server(t)
	dump := dumpOf(t, s, smallWorld)
	db := scratchtest.Database(t, s)
	out, err := exec.Command(scratchtest.Tool(t, s, "pg_restore"), "-d", s.ConnString(db), dump).CombinedOutput()
	if err != nil {
		t.Fatalf("pg_restore: %v\n%s", err, out)
	}
	ask(t, s, db, "ALTER TABLE children DROP CONSTRAINT children_parent")
	_, stderr, status := runArgs(t, "restore", dump, "-d", s.ConnString(db), "--missing", "--dry-run")
	if status != exitOK {
		t.Errorf("--dry-run: exit status %d\n%s", status, stderr)
	}
	_, stderr, status = runArgs(t, "restore", dump, "-d", s.ConnString(db), "--missing")
	if status != exitOK || !strings.Contains(stderr, "1 missing, 0 incomplete") {
		t.Errorf("restore --missing: exit status %d\n%s", status, stderr)
	}
	// Both tables emptied, with their key in place: the rows that are
	// referred to come first. One large object of two is gone, and the
	// other has been written to.
	ask(t, s, db, "TRUNCATE parents, children; SELECT lo_unlink(4101), lo_put(4102, 0, 'TWO')")
	_, stderr, status = runArgs(t, "restore", dump, "-d", s.ConnString(db), "--missing")
	if status != exitOK {
		t.Errorf("restore --missing of rows: exit status %d\n%s", status, stderr)
	}
	if got := ask(t, s, db, "SELECT concat((SELECT count(*) FROM parents), ' ', (SELECT count(*) FROM children), ' ', convert_from(lo_get(4101), 'UTF8'), ' ', convert_from(lo_get(4102), 'UTF8'))"); got != "2 3 one TWO" {
		t.Errorf("rows and large objects %q, want %q", got, "2 3 one TWO")
	}
	if _, stderr, status = runArgs(t, "restore", dump, "-d", s.ConnString(db), "--missing"); status != exitOK || !strings.Contains(stderr, "nothing to do") {
		t.Errorf("a second run: exit status %d\n%s", status, stderr)
	}
}

func TestDiffDatabaseUsage(t *testing.T) {
	dump := filepath.Join(t.TempDir(), "none.dump")
	for _, args := range [][]string{
		{"diff", dump, dump, "-d", "x"}, {"diff", dump, dump, "--sql"}, {"diff", dump, dump, "-p", "1"}, {"diff", dump, "-d", "x", "--sql", "--json"},
		{"restore", dump, "--missing"}, {"restore", dump, "--missing", "--dry-run"}, {"restore", dump, "-d", "x", "--missing", "--clean"},
		{"restore", dump, "--missing", "--scratch"}, {"restore", dump, "--missing", "-l"}, {"restore", dump, "--missing", "-f", "-"},
	} {
		if _, stderr, status := runArgs(t, args...); status != exitUsage {
			t.Errorf("%v: exit status %d, want %d\n%s", args, status, exitUsage, stderr)
		}
	}
}
