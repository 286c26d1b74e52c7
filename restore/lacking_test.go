package restore_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/internal/pgscratch/scratchtest"
	"github.com/pgarc/pgarc/restore"
	pgsql "github.com/pgarc/pgarc/script"
	"github.com/pgarc/pgarc/toc"
)

// TestSkipMissing restores an archive that names roles and extensions which the
// server does not have, as a managed cloud would lack them.
func TestSkipMissing(t *testing.T) {
	s := server(t)
	a, err := archive.Open(fixtures.Get(t, "15/c-gzip").Path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	names := map[string]string{"murmur_owner": "nobody here", "murmur_app": "no app", "Murmur Reader": "no reader"}
	opts := restore.Options{Jobs: 4, NoJournal: true, Mapping: pgsql.Mapping{Owners: names}}

	db := scratchtest.Database(t, s)
	if r := runReader(t, s, a, db, opts); len(r.Failed) == 0 || len(r.LeftOut) > 0 {
		t.Errorf("without SkipMissing: %d failed, %d left out", len(r.Failed), len(r.LeftOut))
	}
	opts.SkipMissing = restore.LackingRoles | restore.LackingExtensions | restore.LackingTablespaces
	db = scratchtest.Database(t, s)
	r := runReader(t, s, a, db, opts)
	expectNoFailures(t, r)
	for _, name := range names {
		if !slices.ContainsFunc(r.LeftOut, func(l pgsql.LeftOut) bool { return l.What == "role" && l.Name == name }) {
			t.Errorf("role %q is not said to be left out", name)
		}
	}
	got := dump(t, s, db)
	for _, name := range names {
		if strings.Contains(got, name) {
			t.Errorf("the database names role %q", name)
		}
	}
	// All is there that is not about those roles.
	plain := scratchtest.Database(t, s)
	expectNoFailures(t, runReader(t, s, a, plain, restore.Options{Jobs: 4}))
	missing, extra := lineDiff(got, dump(t, s, plain))
	for _, line := range extra {
		if !strings.Contains(line, "Owner: ") && !strings.Contains(line, " OWNER TO ") && !strings.Contains(line, "PRIVILEGES") && !strings.Contains(line, " TO ") {
			t.Errorf("only with SkipMissing: %s", line)
		}
	}
	for _, line := range missing {
		if !strings.Contains(line, "Owner: ") && !strings.Contains(line, "murmur_") && !strings.Contains(line, "Murmur Reader") &&
			!strings.HasPrefix(line, "GRANT ") && !strings.HasPrefix(line, "REVOKE ") && !strings.HasPrefix(line, "ALTER DEFAULT PRIVILEGES") &&
			!strings.Contains(line, "POLICY read_public") && !slices.Contains(optionsOfMapping, line) && !isBlank(line) {
			t.Errorf("missing: %s", line)
		}
	}
}

// optionsOfMapping are lines of the one user mapping, which is for a role.
var optionsOfMapping = []string{"    password 'not a real one',\n", "    \"user\" 'app'\n", ");\n"}

func isBlank(line string) bool { return strings.Trim(line, "-\n ") == "" }

// TestSkipMissingExtension: an extension that the server cannot make is left
// out, with its comment. Grants on what it would bring fail: the archive does
// not say whose that is.
func TestSkipMissingExtension(t *testing.T) {
	s := server(t)
	a, err := archive.Open(fixtures.Get(t, "15/c-gzip").Path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	for _, e := range a.TOC.Entries { // the server has all that the fixtures use
		if e.Kind == toc.Extension && e.Tag == "pgcrypto" {
			e.Tag, e.Defn = "no_such", strings.Replace(e.Defn, "pgcrypto", "no_such", 1)
		}
	}
	opts := restore.Options{Jobs: 4, NoJournal: true, SkipMissing: restore.LackingExtensions}
	r := runReader(t, s, a, scratchtest.Database(t, s), opts)
	for _, f := range r.Failed {
		if f.Step.Entry.Tag != "FUNCTION gen_random_bytes(integer)" {
			t.Errorf("%v", f)
		}
	}
	var left []string
	for _, l := range r.LeftOut {
		left = append(left, string(l.Entry.Kind)+" "+l.Entry.Tag+": "+l.What+" "+l.Name)
	}
	want := []string{"EXTENSION no_such: extension no_such", "COMMENT EXTENSION pgcrypto: extension no_such"}
	if !slices.Equal(left, want) {
		t.Errorf("left out:\n%q\nwant\n%q", left, want)
	}
}
