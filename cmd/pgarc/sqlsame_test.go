package main

import (
	"bytes"
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

// partOfDatabase are the fixtures that need what they do not have, and what of
// the whole archive comes first: the arguments of pgarc sql.
var partOfDatabase = map[string][]string{
	"c-data":            {"--section=pre-data"},
	"c-data-section":    {"--section=pre-data"},
	"c-column-inserts":  {"--section=pre-data"},
	"c-via-root":        {"--section=pre-data"},
	"c-post":            {"--section=pre-data", "--section=data"},
	"c-statistics-only": {"--schema-only"},
}

// TestSQLSameAsRestore runs the script of every fixture through psql, and
// compares the database with that of pgarc restore.
func TestSQLSameAsRestore(t *testing.T) {
	if testing.Short() {
		t.Skip("long")
	}
	for _, f := range fixtures.All(t) {
		if strings.HasSuffix(f.Name, "/kinds-upgrade") {
			continue // only pg_upgrade's own server, in binary upgrade mode, takes it
		}
		if testing.Short() && !strings.HasSuffix(f.Name, "5/c-gzip") {
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			s := serverFor(t, f)
			script := filepath.Join(t.TempDir(), "script.sql")
			if _, stderr, status := runArgs(t, "sql", f.Path, "-f", script); status != exitOK {
				t.Fatalf("exit status %d\n%s", status, stderr)
			}
			ours, theirs := scratchtest.Database(t, s), scratchtest.Database(t, s)
			if _, name, _ := strings.Cut(f.Name, "/"); partOfDatabase[name] != nil {
				first := filepath.Join(t.TempDir(), "first.sql")
				whole := fixtures.Get(t, f.Major+"/c-gzip")
				if _, stderr, status := runArgs(t, append([]string{"sql", whole.Path, "-f", first}, partOfDatabase[name]...)...); status != exitOK {
					t.Fatalf("exit status %d\n%s", status, stderr)
				}
				runPsql(t, s, ours, first)
				runPsql(t, s, theirs, first)
			}
			said := runPsql(t, s, ours, script)
			args := []string{"restore", f.Path, "-q", "--no-journal", "--no-analyze", "-d", s.ConnString(theirs)}
			if strings.HasSuffix(f.Name, "/c-exclude-data") { // foreign keys that do not hold, of which the split leaves a NOT VALID one
				args = append(args, "--no-split-foreign-keys")
			}
			if _, stderr, status := runArgs(t, args...); status != exitOK && status != exitPartly {
				t.Fatalf("restore: exit status %d\n%s", status, stderr)
			}
			compareDatabases(t, s, ours, theirs)
			if t.Failed() {
				t.Logf("psql: %.2000s", said)
			}
		})
	}
}

// TestSplitSame runs split trees through psql, which must not find an error,
// and compares with pg_restore's database.
func TestSplitSame(t *testing.T) {
	for _, test := range []struct{ fixture, split, script string }{
		{"15/c-gzip", "", "-s"},
		{"15/c-gzip", "--data", ""},
		{"15/c-gzip", "-N ext_things -O -x", "-s -N ext_things -O -x"},
		{"15/c-inserts", "--data", ""},
		{"13/c-gzip", "", "-s"},
		{"18/c-gzip", "", "-s"},
		{"18/c-gzip", "--data", ""},
		{"15/newline", "--data", ""},
		{"15/latin1", "--data", ""},
		{"15/lobs", "--data", ""},
		{"18/lobs", "--data", ""},
	} {
		t.Run(test.fixture+" "+test.split, func(t *testing.T) {
			f, ok := findFixture(t, test.fixture)
			if !ok {
				t.Skipf("no fixture %s", test.fixture)
			}
			s := serverFor(t, f)
			dir := t.TempDir()
			tree, script := filepath.Join(dir, "tree"), filepath.Join(dir, "script.sql")
			_, stderr, status := runArgs(t, append([]string{"sql", f.Path, "--split", tree}, strings.Fields(test.split)...)...)
			if status != exitOK {
				t.Fatalf("exit status %d\n%s", status, stderr)
			}
			runArgs(t, append([]string{"sql", f.Path, "-f", script}, strings.Fields(test.script)...)...)
			ours, theirs := scratchtest.Database(t, s), scratchtest.Database(t, s)
			said := runPsql(t, s, ours, filepath.Join(tree, "all.sql"))
			want := runPsql(t, s, theirs, script)
			if strings.Count(said, "ERROR") > strings.Count(want, "ERROR") {
				t.Errorf("psql has errors with the tree that it does not have with the script:\n%.4000s\nwith the script:\n%.1000s", said, want)
			}
			compareDatabases(t, s, ours, theirs)
		})
	}
}

func findFixture(t *testing.T, name string) (fixtures.Fixture, bool) {
	all := fixtures.All(t)
	i := slices.IndexFunc(all, func(f fixtures.Fixture) bool { return f.Name == name })
	if i < 0 {
		return fixtures.Fixture{}, false
	}
	return all[i], true
}

// serverFor returns a server that is new enough for an archive, with the roles
// of the murmur archives.
func serverFor(t *testing.T, f fixtures.Fixture) *pgscratch.Server {
	t.Helper()
	s := scratchtest.Server(t)
	if f.Major == "16" || f.Major == "17" || f.Major == "18" {
		s = scratchtest.ServerVersion(t, 18)
	}
	runPsql(t, s, "postgres", filepath.Join(filepath.Dir(fixtures.Get(t, "15/c-gzip").Path), "../../sql/murmur/roles.sql"))
	return s
}

// runPsql runs a script and returns what psql says. The installed psql speaks
// to newer servers too.
func runPsql(t *testing.T, s *pgscratch.Server, db, script string) string {
	t.Helper()
	cmd := exec.Command(scratchtest.Tool(t, scratchtest.Server(t), "psql"), "-X", "-q", "-A", "-t", "-d", s.ConnString(db), "-f", script)
	var out bytes.Buffer
	cmd.Stderr = &out
	cmd.Run() // errors are for the test to judge
	return out.String()
}

// compareDatabases compares two databases on one server, by what pg_dump says
// of them, or where it is too old the catalog.
func compareDatabases(t *testing.T, s *pgscratch.Server, got, want string) {
	t.Helper()
	describe := dumpLines
	if s.Binaries().Major > scratchtest.Server(t).Binaries().Major {
		describe = catalogLines
	}
	g, w := describe(t, s, got), describe(t, s, want)
	if len(w) < 5 {
		t.Fatalf("the database to compare with is described in %d lines", len(w))
	}
	missing, extra := minus(w, g), minus(g, w)
	if len(missing)+len(extra) > 0 {
		t.Errorf("databases differ\nmissing: %d\n%s\ntoo many: %d\n%s", len(missing), strings.Join(missing[:min(20, len(missing))], "\n"),
			len(extra), strings.Join(extra[:min(20, len(extra))], "\n"))
	}
}

// minus returns the lines of a that b does not have, each as often.
func minus(a, b []string) []string {
	count := make(map[string]int)
	for _, line := range b {
		count[line]++
	}
	var list []string
	for _, line := range a {
		if count[line]--; count[line] < 0 {
			list = append(list, line)
		}
	}
	return list
}

func dumpLines(t *testing.T, s *pgscratch.Server, db string) []string {
	t.Helper()
	out, err := exec.Command(scratchtest.Tool(t, s, "pg_dump"), "--restrict-key=k", "-d", s.ConnString(db)).Output()
	if err != nil {
		t.Fatalf("pg_dump: %v", err)
	}
	return strings.Split(string(out), "\n")
}

// catalogLines describes a database by its own words.
func catalogLines(t *testing.T, s *pgscratch.Server, db string) []string {
	t.Helper()
	query := filepath.Join(t.TempDir(), "query.sql")
	write(t, query, `
		SELECT format('%s %s %s %s %s', c.oid::regclass, c.relkind, relowner::regrole, relacl, reloptions) FROM pg_class c WHERE oid > 16384 AND relnamespace::regnamespace::text <> 'pg_toast';
		SELECT format('%s %s', c.oid::regclass, xpath('/row/c/text()', query_to_xml(format(
			'SELECT count(*) || '' '' || coalesce(md5(string_agg(x::text, E''\n'' ORDER BY x::text COLLATE "C")), '''') AS c FROM ONLY %s x', c.oid::regclass), false, true, ''))::text)
			FROM pg_class c WHERE relkind IN ('r', 'm') AND relispopulated AND relnamespace::regnamespace::text !~ '^(pg_|information_schema)';
		SELECT format('%s %s %s %s %s', attrelid::regclass, attname, format_type(atttypid, atttypmod), attnotnull, attidentity) FROM pg_attribute WHERE attrelid > 16384 AND attnum > 0 AND attrelid::regclass::text !~ '^pg_toast';
		SELECT format('%s %s', adrelid::regclass, pg_get_expr(adbin, adrelid)) FROM pg_attrdef;
		SELECT format('%s %s %s %s', conrelid::regclass, conname, convalidated, pg_get_constraintdef(oid)) FROM pg_constraint;
		SELECT format('%s %s %s', pg_get_indexdef(indexrelid), indisvalid, indisclustered) FROM pg_index WHERE indrelid > 16384 AND indrelid::regclass::text !~ '^pg_toast';
		SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal;
		SELECT format('%s %s %s %s', oid::regprocedure, md5(prosrc), proowner::regrole, proacl) FROM pg_proc WHERE oid > 16384;
		SELECT format('%s %s', viewname, definition) FROM pg_views WHERE schemaname !~ '^(pg_|information_schema)';
		SELECT format('%s %s', schemaname || '.' || sequencename, last_value) FROM pg_sequences;
		SELECT format('%s %s %s', polrelid::regclass, polname, pg_get_expr(polqual, polrelid)) FROM pg_policy;
		SELECT format('%s %s', pubname, tablename) FROM pg_publication_tables;
		SELECT evtname FROM pg_event_trigger;
		SELECT format('%s %s %s', defaclrole::regrole, defaclobjtype, defaclacl) FROM pg_default_acl;
		SELECT format('%s %s', loid, md5(string_agg(data, '' ORDER BY pageno))) FROM pg_largeobject GROUP BY loid;
		SELECT format('%s %s', typname, typowner::regrole) FROM pg_type WHERE oid > 16384;
		SELECT format('%s %s %s', t.trftype::regtype, trffromsql, trftosql) FROM pg_transform t;
		SELECT format('%s %s %s %s', subname, subconninfo, subpublications, subslotname) FROM pg_subscription WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database());
		SELECT format('%s %s %s', pubname, puballtables, pubowner::regrole) FROM pg_publication;
		SELECT format('%s %s', amname, amhandler) FROM pg_am WHERE oid > 16384;
		SELECT format('%s %s %s', stxrelid::regclass, pg_get_statisticsobjdef(oid), stxowner::regrole) FROM pg_statistic_ext;
		SELECT format('%s %s %s %s', schemaname, tablename, attname, most_common_vals) FROM pg_stats WHERE schemaname !~ '^(pg_|information_schema)';
		SELECT format('%s %s %s', castsource::regtype, casttarget::regtype, castfunc::regprocedure) FROM pg_cast WHERE oid > 16384;
		SELECT format('%s %s %s', opcname, amname, opcintype::regtype) FROM pg_opclass c JOIN pg_am a ON a.oid = opcmethod WHERE c.oid > 16384;
		SELECT format('%s %s', oid::regoperator, oprcode) FROM pg_operator WHERE oid > 16384;
		SELECT format('%s %s %s', collname, collprovider, collisdeterministic) FROM pg_collation WHERE oid > 16384;
		SELECT format('%s %s %s', srvname, srvoptions, srvowner::regrole) FROM pg_foreign_server;
		SELECT format('%s %s %s %s', tgrelid::regclass, tgname, tgenabled, tgisinternal) FROM pg_trigger WHERE NOT tgisinternal;
		SELECT format('%s %s %s', inhrelid::regclass, inhparent::regclass, pg_get_expr(relpartbound, c.oid)) FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid;
		SELECT format('%s %s %s', rulename, ev_class::regclass, ev_enabled) FROM pg_rewrite WHERE oid > 16384;
		SELECT format('%s %s %s %s', c.oid::regclass, relpersistence, relreplident, amname) FROM pg_class c LEFT JOIN pg_am a ON a.oid = relam WHERE c.oid > 16384 AND relnamespace::regnamespace::text <> 'pg_toast';
		SELECT format('%s %s', lomowner::regrole, lomacl) FROM pg_largeobject_metadata;
		SELECT description FROM pg_description WHERE objoid > 16384;`)
	cmd := exec.Command(scratchtest.Tool(t, scratchtest.Server(t), "psql"), "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", s.ConnString(db), "-f", query)
	cmd.Env = append(os.Environ(), "PGCLIENTENCODING=UTF8")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("psql: %v\n%s", err, stderr.Bytes())
	}
	return strings.Split(string(out), "\n")
}
