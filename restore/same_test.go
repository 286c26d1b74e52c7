package restore_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/internal/pgscratch"
	"github.com/pgarc/pgarc/internal/pgscratch/scratchtest"
	"github.com/pgarc/pgarc/restore"
	"github.com/pgarc/pgarc/toc"
)

func TestMain(m *testing.M) { scratchtest.Main(m) }

// TestSameAsPgRestore restores each archive that the installed pg_restore can
// read three times, with it, with pgarc and with pgarc without rewrites, and
// compares what pg_dump says of the databases, and the catalog of what it does
// not.
func TestSameAsPgRestore(t *testing.T) {
	s := server(t)
	for _, f := range fixtures.All(t) {
		if !readable(t, s, f.Path) {
			continue
		}
		flags := "-j4"
		switch {
		case f.Format == "tar": // which pg_restore reads from front to back only
			flags = ""
		case strings.HasSuffix(f.Name, "/kinds"): // where it disables a partition's trigger before there is one
			flags = ""
		}
		t.Run(f.Name, func(t *testing.T) {
			theirs := compareRestores(t, s, f.Path, restore.Options{Jobs: 4}, flags)
			if testing.Short() {
				return
			}
			plain := scratchtest.Database(t, s)
			run(t, s, f.Path, plain, restore.Options{Jobs: 4, Without: restore.AllRewrites})
			compareDumps(t, dump(t, s, plain), dump(t, s, theirs))
			compareText(t, catalog(t, s, plain), catalog(t, s, theirs))
		})
	}
}

// TestSameFromPipe restores from a stream, whose data come in their own order.
func TestSameFromPipe(t *testing.T) {
	if testing.Short() {
		t.Skip("long")
	}
	s := server(t)
	for _, f := range fixtures.All(t) {
		if f.Format == "directory" || !readable(t, s, f.Path) {
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			theirs, problems := judged(t, s, f.Path, "", "")
			ours := scratchtest.Database(t, s)
			file, err := os.Open(f.Path)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			r, w := io.Pipe()
			go func() {
				_, err := io.Copy(w, file)
				w.CloseWithError(err)
			}()
			a, err := archive.NewStream(r)
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			result := runReader(t, s, a, ours, restore.Options{Jobs: 4})
			if problems == "" || onlyPublic(problems) {
				expectNoFailures(t, result)
			}
			compareDumps(t, dump(t, s, ours), dump(t, s, theirs))
		})
	}
}

// TestSameOptions does the same for one archive and many options.
func TestSameOptions(t *testing.T) {
	s := server(t)
	f := fixtures.Get(t, "15/c-gzip")
	for _, c := range []struct {
		name  string
		opts  restore.Options
		flags string
		first string // what the database holds before: pg_restore's flags
	}{
		{"jobs 1", restore.Options{Jobs: 1}, "", ""},
		{"jobs 8", restore.Options{Jobs: 8}, "-j8", ""},
		{"schema only", restore.Options{Jobs: 4, Selection: toc.Selection{SchemaOnly: true}}, "-s -j4", ""},
		{"data only", restore.Options{Jobs: 4, Selection: toc.Selection{DataOnly: true}}, "-a -j4", "--section=pre-data"},
		{"data only, triggers off", restore.Options{Jobs: 4, DisableTriggers: true, Selection: toc.Selection{DataOnly: true}}, "-a --disable-triggers -j4", "-s"},
		{"no owner, no privileges", restore.Options{Jobs: 4, NoOwner: true, Selection: toc.Selection{NoPrivileges: true}}, "-O -x -j4", ""},
		// Partitions are in another schema, so a key to them does not hold:
		// split, it stays NOT VALID, where pg_restore leaves none.
		{"one schema", restore.Options{Jobs: 4, Without: restore.RewriteForeignKeys, Selection: toc.Selection{Schemas: []string{"public"}}}, "-n public -j4", ""},
		// Sent ahead, a drop that fails is tried again after those behind it, and
		// then finds nothing more to drop: fewer failures than pg_restore's.
		{"clean", restore.Options{Jobs: 4, Clean: true, IfExists: true, Without: restore.RewriteAhead}, "-c --if-exists -j4", "-1"},
		{"single transaction", restore.Options{SingleTransaction: true}, "-1", ""},
		{"transaction size", restore.Options{Jobs: 4, TransactionSize: 50}, "-1", ""},
		{"transaction size, jobs 1", restore.Options{TransactionSize: 7}, "-1", ""},
		{"archive's own statements", restore.Options{Jobs: 4, Without: restore.AllRewrites}, "-j4", ""},
		{"one table", restore.Options{Jobs: 4, Selection: toc.Selection{Tables: []string{"tags"}}}, "-t tags -j4", ""},
		{"sections", restore.Options{Jobs: 4, Selection: toc.Selection{Sections: []toc.Section{toc.SectionPreData, toc.SectionData}}}, "--section=pre-data --section=data -j4", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			compareRestoresAfter(t, s, f.Path, c.opts, c.flags, c.first)
		})
	}
}

// TestCreateDatabase restores with --create, where the name of the database is
// the archive's.
func TestCreateDatabase(t *testing.T) {
	s := server(t)
	f := fixtures.Get(t, "15/c-create-clean")
	drop := func() { psql(t, s, "postgres", `DROP DATABASE IF EXISTS murmur`) }
	drop()
	t.Cleanup(drop)
	judge(t, s, f.Path, "postgres", "-C") // not -j: it may deadlock with itself
	want := dump(t, s, "murmur")
	// With the database there: dropped and made again.
	r := run(t, s, f.Path, "postgres", restore.Options{Jobs: 4, Clean: true, IfExists: true, Selection: toc.Selection{Create: true}})
	expectNoFailures(t, r)
	compareDumps(t, dump(t, s, "murmur"), want)
}

// TestNewerServer restores the archives of 16, 17 and 18 to PostgreSQL 18, which
// must take all of them.
func TestNewerServer(t *testing.T) {
	if testing.Short() {
		t.Skip("long")
	}
	s := scratchtest.ServerVersion(t, 18)
	for _, f := range fixtures.All(t) {
		if f.Major != "16" && f.Major != "17" && f.Major != "18" || isPartial(f) {
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			addRoles(t, s)
			db := scratchtest.Database(t, s)
			r := run(t, s, f.Path, db, restore.Options{Jobs: 4, NoJournal: true})
			expectNoFailures(t, withoutLabels(withoutLZ4(r)))
			plain := scratchtest.Database(t, s)
			run(t, s, f.Path, plain, restore.Options{Jobs: 4, NoJournal: true, Without: restore.AllRewrites})
			compareText(t, contents(t, s, db), contents(t, s, plain))
			compareText(t, catalog(t, s, db), catalog(t, s, plain))
			if strings.HasSuffix(f.Name, "/c-gzip") {
				other := scratchtest.Database(t, s)
				script(t, s, f.SQLPath, other)
				compareText(t, contents(t, s, db), contents(t, s, other))
				compareText(t, catalog(t, s, db), catalog(t, s, other))
			}
		})
	}
}

// withoutLZ4 takes from a result what only the npm package's server cannot do:
// it is built without lz4, which the column of one table asks for. The table
// itself is there.
func withoutLZ4(r *restore.Result) *restore.Result {
	r.Failed = slices.DeleteFunc(r.Failed, func(f *restore.StepError) bool {
		if f.Role != restore.RoleAlter || f.PgError() == nil || f.PgError().Message != "compression method lz4 not supported" {
			return false
		}
		r.Restored++
		return true
	})
	return r
}

// withoutLabels takes from a result what needs the label provider of
// fixtures/sql/kinds/label.c. TestSecurityLabels has that.
func withoutLabels(r *restore.Result) *restore.Result {
	r.Failed = slices.DeleteFunc(r.Failed, func(f *restore.StepError) bool {
		if f.Step.Entry.Kind != toc.SecurityLabel || f.PgError() == nil || f.PgError().Message != `security label provider "pgarc" is not loaded` {
			return false
		}
		r.Restored++
		return true
	})
	return r
}

// isPartial reports whether a fixture holds only a part of a database, which
// does not restore by itself.
func isPartial(f fixtures.Fixture) bool {
	for _, name := range []string{"c-data", "c-data-section", "c-post", "c-statistics-only", "c-via-root", "c-two-tables", "c-column-inserts", "c-odd-schema", "c-pre", "c-exclude-data", "kinds-upgrade"} {
		if strings.HasSuffix(f.Name, "/"+name) {
			return true
		}
	}
	return false
}

func server(t *testing.T) *pgscratch.Server {
	s := scratchtest.Server(t)
	addRoles(t, s)
	return s
}

// addRoles makes the roles that the murmur archives name.
func addRoles(t *testing.T, s *pgscratch.Server) {
	t.Helper()
	sql, err := os.ReadFile(filepath.Join(filepath.Dir(fixtures.Get(t, "15/c-gzip").Path), "../../sql/murmur/roles.sql"))
	if err != nil {
		t.Fatal(err)
	}
	psql(t, s, "postgres", string(sql))
}

// compareRestores returns the database into which pg_restore has restored.
func compareRestores(t *testing.T, s *pgscratch.Server, path string, opts restore.Options, flags string) (theirs string) {
	t.Helper()
	return compareRestoresAfter(t, s, path, opts, flags, "")
}

// compareRestoresAfter restores into two databases, which both hold first what
// pg_restore with the given flags makes.
func compareRestoresAfter(t *testing.T, s *pgscratch.Server, path string, opts restore.Options, flags, first string) (theirs string) {
	t.Helper()
	theirs, problems := judged(t, s, path, flags, first)
	ours := scratchtest.Database(t, s)
	if first != "" {
		judge(t, s, path, ours, first)
	}
	r := run(t, s, path, ours, opts)
	if problems == "" || onlyPublic(problems) {
		expectNoFailures(t, r)
	} else if len(r.Failed) == 0 {
		t.Errorf("pg_restore had errors, pgarc none:\n%s", problems)
	}
	compareDumps(t, dump(t, s, ours), dump(t, s, theirs))
	compareText(t, catalog(t, s, ours), catalog(t, s, theirs))
	return theirs
}

// judged returns a database into which pg_restore has restored, and what it
// complained of. Under -j it may deadlock with itself (docs/restore.md 10.8);
// such a run is no judge of anything.
func judged(t *testing.T, s *pgscratch.Server, path, flags, first string) (db, problems string) {
	t.Helper()
	for range 10 {
		db = scratchtest.Database(t, s)
		if first != "" {
			judge(t, s, path, db, first)
		}
		problems = judge(t, s, path, db, flags)
		if !strings.Contains(problems, "deadlock detected") {
			break
		}
	}
	return db, problems
}

// onlyPublic reports whether all that pg_restore had to say is that schema
// public is there, as it is in every database. pgarc does not call that a
// failure.
func onlyPublic(problems string) bool {
	return strings.Count(problems, "error:") == 1 && strings.Contains(problems, `schema "public" already exists`)
}

// run restores with pgarc.
func run(t *testing.T, s *pgscratch.Server, path, db string, opts restore.Options) *restore.Result {
	t.Helper()
	a, err := archive.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	return runReader(t, s, a, db, opts)
}

func runReader(t *testing.T, s *pgscratch.Server, a *archive.Reader, db string, opts restore.Options) *restore.Result {
	t.Helper()
	config, err := pgconn.ParseConfig(s.ConnString(db))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	r, err := restore.Run(ctx, a, config, opts)
	if err != nil {
		t.Fatalf("restore: %v", err)
	}
	return r
}

func expectNoFailures(t *testing.T, r *restore.Result) {
	t.Helper()
	for _, f := range r.Failed {
		t.Errorf("%v\n%s", f, f.SQL)
	}
	for _, s := range r.Skipped {
		t.Errorf("skipped %v because of %v", s.Step, s.Cause)
	}
	if r.Left > 0 || r.Restored != r.Steps {
		t.Errorf("restored %d of %d steps, %d left", r.Restored, r.Steps, r.Left)
	}
}

// readable reports whether the installed pg_restore knows the archive's version.
func readable(t *testing.T, s *pgscratch.Server, path string) bool {
	return exec.Command(scratchtest.Tool(t, s, "pg_restore"), "-l", path).Run() == nil
}

// judge restores with pg_restore and returns what it complained of.
func judge(t *testing.T, s *pgscratch.Server, path, db, flags string) string {
	t.Helper()
	args := append(strings.Fields(flags), "-d", s.ConnString(db), path)
	out, err := exec.Command(scratchtest.Tool(t, s, "pg_restore"), args...).CombinedOutput()
	if err != nil && len(out) == 0 {
		t.Fatalf("pg_restore %s: %v", flags, err)
	}
	return string(out)
}

// script runs a golden script, which pg_restore made of an archive.
func script(t *testing.T, s *pgscratch.Server, path, db string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(scratchtest.Tool(t, server(t), "psql"), "-X", "-q", "-d", s.ConnString(db))
	cmd.Stdin = text
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("psql: %v\n%s", err, out)
	}
}

func psql(t *testing.T, s *pgscratch.Server, db, sql string) string {
	t.Helper()
	client := s
	if _, err := os.Stat(filepath.Join(s.Binaries().Dir, "psql")); err != nil {
		client = scratchtest.Server(t)
	}
	cmd := exec.Command(scratchtest.Tool(t, client, "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", s.ConnString(db))
	cmd.Stdin = strings.NewReader(sql)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("psql: %v\n%s", err, out)
	}
	return string(out)
}

// dump is what pg_dump says of a database, with the rows of each table sorted.
// A restore with failures leaves its journal.
func dump(t *testing.T, s *pgscratch.Server, db string) string {
	t.Helper()
	cmd := exec.Command(scratchtest.Tool(t, s, "pg_dump"), "-N", restore.JournalSchema, "-d", s.ConnString(db))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("pg_dump: %v\n%s", err, stderr.Bytes())
	}
	var b strings.Builder
	var rows []string
	inCopy := false
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		line := lines.Text()
		switch {
		case inCopy && line != `\.`:
			rows = append(rows, line)
			continue
		case inCopy:
			slices.Sort(rows)
			for _, r := range rows {
				b.WriteString(r + "\n")
			}
			rows, inCopy = nil, false
		case strings.HasPrefix(line, `\restrict`), strings.HasPrefix(line, `\unrestrict`):
			continue
		case strings.HasPrefix(line, "COPY ") && strings.HasSuffix(line, " FROM stdin;"):
			inCopy = true
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

// catalog is what rewrites might change: constraints with their index and
// validity, indexes with their marks, replica identities.
func catalog(t *testing.T, s *pgscratch.Server, db string) string {
	t.Helper()
	return psql(t, s, db, `
		SELECT format('%s %s %s %s %s %s %s %s %s %s', conrelid::regclass, conname, contype, convalidated, condeferrable, condeferred, conindid::regclass,
			conislocal, coninhcount, pg_get_constraintdef(oid)) FROM pg_constraint WHERE connamespace::regnamespace::text NOT IN ('information_schema', 'pgarc_journal') ORDER BY 1;
		SELECT format('%s %s %s %s %s %s %s %s', pg_get_indexdef(indexrelid), indisvalid, indisready, indisprimary, indisunique, indisclustered, indisreplident, indimmediate)
			FROM pg_index WHERE indrelid::regclass::text !~ '^(pg_|pgarc_journal)' ORDER BY 1;
		SELECT format('%s %s %s %s', c.oid::regclass, relreplident, relpersistence, reloptions) FROM pg_class c WHERE relnamespace::regnamespace::text !~ '^(pg_|information_schema|pgarc_journal)' ORDER BY 1;
		SELECT format('%s %s %s %s', attrelid::regclass, attname, attnotnull, attinhcount) FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
			WHERE attnum > 0 AND relkind IN ('r', 'p') AND relnamespace::regnamespace::text !~ '^(pg_|information_schema|pgarc_journal)' ORDER BY 1;
		SELECT format('%s %s %s', classoid::regclass, pg_describe_object(classoid, objoid, objsubid), description) FROM pg_description WHERE objoid > 16384 ORDER BY 1;`)
}

// contents describes a database on a server that the installed pg_dump is too
// old for: the rows of each table, and the definitions that the server prints.
func contents(t *testing.T, s *pgscratch.Server, db string) string {
	t.Helper()
	return psql(t, s, db, `
		SELECT format('%s %s %s', c.oid::regclass, c.relkind, xpath('/row/c/text()', query_to_xml(format(
			'SELECT count(*) || '' '' || coalesce(md5(string_agg(x::text, E''\n'' ORDER BY x::text COLLATE "C")), '''') AS c FROM ONLY %s x', c.oid::regclass), false, true, ''))::text)
		FROM pg_class c WHERE relkind IN ('r', 'm') AND relispopulated AND relnamespace::regnamespace::text !~ '^(pg_|information_schema)' ORDER BY 1;
		SELECT format('%s %s %s %s', conrelid::regclass, conname, convalidated, pg_get_constraintdef(oid)) FROM pg_constraint ORDER BY 1;
		SELECT format('%s %s', pg_get_indexdef(indexrelid), indisvalid) FROM pg_index WHERE indrelid > 16384 AND indrelid::regclass::text !~ '^pg_toast' ORDER BY 1;
		SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1;
		SELECT format('%s %s', oid::regprocedure, md5(prosrc)) FROM pg_proc WHERE oid > 16384 ORDER BY 1;
		SELECT format('%s %s', viewname, definition) FROM pg_views WHERE schemaname !~ '^(pg_|information_schema)' ORDER BY 1;
		SELECT format('%s %s %s', oid::regclass, relowner::regrole, relacl) FROM pg_class WHERE oid > 16384 AND relnamespace::regnamespace::text <> 'pg_toast' ORDER BY 1;
		SELECT format('%s %s', schemaname || '.' || sequencename, last_value) FROM pg_sequences ORDER BY 1;
		SELECT format('%s %s', loid, md5(string_agg(data, '' ORDER BY pageno))) FROM pg_largeobject GROUP BY loid ORDER BY loid;
		SELECT description FROM pg_description WHERE objoid > 16384 ORDER BY 1;`)
}

func compareDumps(t *testing.T, got, want string) {
	t.Helper()
	if want == "" || got == "" {
		t.Fatal("empty dump")
	}
	compareText(t, got, want)
}

// compareText shows the first lines in which two texts differ.
func compareText(t *testing.T, got, want string) {
	t.Helper()
	if got == want {
		return
	}
	missing, extra := lineDiff(got, want)
	t.Errorf("pgarc's database differs from pg_restore's\nonly in pgarc's:\n%s\nonly in pg_restore's:\n%s", head(extra), head(missing))
}

// lineDiff returns the lines of want that got lacks, and those of got that
// want lacks.
func lineDiff(got, want string) (missing, extra []string) {
	count := make(map[string]int)
	for line := range strings.Lines(want) {
		count[line]++
	}
	for line := range strings.Lines(got) {
		if count[line]--; count[line] < 0 {
			extra = append(extra, line)
		}
	}
	for line := range strings.Lines(want) {
		if count[line] > 0 {
			missing = append(missing, line)
			count[line]--
		}
	}
	if len(missing)+len(extra) == 0 {
		missing = []string{"(the same lines in another order)\n"}
	}
	return missing, extra
}

func head(lines []string) string {
	const most = 20
	if len(lines) > most {
		lines = append(lines[:most:most], fmt.Sprintf("… and %d more\n", len(lines)-most))
	}
	return strings.Join(lines, "")
}
