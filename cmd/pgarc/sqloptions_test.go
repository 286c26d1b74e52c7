package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/internal/pgscratch/scratchtest"
)

// sqlFixtures are the archives of the table below.
var sqlFixtures = []string{"15/c-gzip", "18/c-gzip", "18/c-statistics"}

// sqlArgs are arguments that pgarc sql and pg_restore must make the same of.
// LIST and FILTER are files that the test writes; ~ is a blank in an argument.
var sqlArgs = []string{
	"",
	"-v",
	"-s",
	"-a",
	"-c",
	"-c --if-exists",
	"-C",
	"-C -c",
	"-C -c --if-exists",
	"-C -c --if-exists --transaction-size=50",
	"-1",
	"-1 -c",
	"--transaction-size=1",
	"--transaction-size=100 -c --if-exists",
	"-O",
	"-x",
	"-O -x --no-tablespaces --no-table-access-method --no-comments",
	"--use-set-session-authorization",
	"--use-set-session-authorization -c",
	"--use-set-session-authorization -O -C",
	"--role=bob",
	"--role=Bob's -1",
	"--enable-row-security",
	"-a --disable-triggers",
	"-a --disable-triggers -S boss",
	"-a --disable-triggers -S boss --use-set-session-authorization",
	"--disable-triggers",
	"--no-schema --disable-triggers",
	"--no-data",
	"--no-schema",
	"--no-statistics",
	"--statistics",
	"--statistics-only",
	"--statistics-only -v",
	"--section=pre-data",
	"--section=data",
	"--section=post-data -v",
	"--section=pre-data --section=post-data -c",
	"-n public",
	"-n public -n ext_things",
	"-N public",
	"-n public -N public",
	"-t statuses",
	"-t statuses -t tags -v",
	"-t statuses -n public -O",
	"-t statuses -c --if-exists",
	"-t nothing",
	"-I index_statuses_on_uri -v",
	"-P timestamp_id(text)",
	"-P purge(integer,~interval) -P longest(text) -c --if-exists",
	"-t accounts -I index_statuses_on_uri -P timestamp_id(text)",
	"-T statuses~touch",
	"-L LIST",
	"-L LIST -v",
	"-L LIST -c",
	"-L LIST -s -t statuses",
	"--filter FILTER",
	"--filter FILTER -N ext_things -v",
	"--no-policies",
	"--no-publications --no-subscriptions --no-security-labels",
	"--no-data-for-failed-tables -v -C",
	"-v -s -O",
	"-v -O -x -1 -c --if-exists --no-tablespaces",
	"-a -v",
	"-a -t accounts --strict-names",
	"-F c -s --no-acl",
	"--format=custom --schema-only --no-owner --no-privileges --verbose",
	"--clean --create --exit-on-error --jobs=4 --section=pre-data",
	"--data-only --table=statuses --superuser=boss -e -j 2",
	"--schema=public --exclude-schema=ext_things --single-transaction",
	"--index=index_statuses_on_uri --function=timestamp_id(text) --trigger=statuses~touch",
	"--use-list=LIST --no-tablespaces",
}

// kindsFixtures are the archives of rare and new kinds, and kindsArgs what
// matters to these.
var (
	kindsFixtures = []string{"15/kinds", "17/kinds", "18/kinds-dir", "18/kinds-upgrade", "15/labels", "18/labels"}
	kindsArgs     = []string{
		"",
		"-C -c --if-exists",
		"-c --if-exists --transaction-size=3",
		"--no-security-labels",
		"--no-publications",
		"--no-subscriptions",
		"--no-policies",
		"--no-comments",
		"--no-table-access-method",
		"--use-set-session-authorization -v",
		"-s -O -x",
		"-a",
		"-n zoo",
		"-N zoo -N vault",
		"-t animals -t heavy -t papers -v",
		"-P total(integer) -P log_it(text,~integer[]) -T animals~stamp -I animals_other",
		"--statistics-only",
		"--section=post-data --no-publications",
	}
)

// connectionOptions are those of pg_restore that are not for a script, and
// those that the tests themselves give.
var connectionOptions = []string{"dbname", "host", "port", "username", "no-password", "password", "help", "version", "file", "list", "restrict-key"}

// TestSQLOptionsComplete: the table names every option that pg_restore 18 has
// (docs/restore.md 1.4 and its --help).
func TestSQLOptionsComplete(t *testing.T) {
	short := map[string]string{"format": "F", "verbose": "v", "data-only": "a", "clean": "c", "create": "C", "exit-on-error": "e", "index": "I", "jobs": "j",
		"use-list": "L", "schema": "n", "exclude-schema": "N", "no-owner": "O", "function": "P", "schema-only": "s", "superuser": "S", "table": "t",
		"trigger": "T", "no-privileges": "x", "single-transaction": "1"}
	used := make(map[string]bool)
	for _, line := range slices.Concat(sqlArgs, kindsArgs) {
		for _, arg := range strings.Fields(line) {
			name, _, _ := strings.Cut(arg, "=")
			used[name] = true
		}
	}
	for _, name := range strings.Fields(`dbname file format list verbose version help data-only clean create exit-on-error index jobs use-list
		schema exclude-schema no-owner function schema-only superuser table trigger no-privileges single-transaction disable-triggers
		enable-row-security filter if-exists no-comments no-data no-data-for-failed-tables no-policies no-publications no-schema
		no-security-labels no-statistics no-subscriptions no-table-access-method no-tablespaces restrict-key section statistics
		statistics-only strict-names transaction-size use-set-session-authorization host port username no-password password role`) {
		if slices.Contains(connectionOptions, name) {
			continue
		}
		if !used["--"+name] {
			t.Errorf("no line has --%s", name)
		}
		if s := short[name]; s != "" && !used["-"+s] {
			t.Errorf("no line has -%s", s)
		}
	}
}

// A sqlCase is one line of the table on one archive, with its files in place.
type sqlCase struct {
	fixture fixtures.Fixture
	line    string
	list    bool   // compare the list, not the script
	archive string // a copy, where pg_restore in a root of its own finds it
	args    []string
}

func (c sqlCase) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s %s %s", c.fixture.Name, []string{"-f", "-l"}[btoi(c.list)], c.line))
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func sqlCases(t *testing.T) []sqlCase {
	dir := t.TempDir()
	var cases []sqlCase
	for i, name := range slices.Concat(sqlFixtures, kindsFixtures) {
		f := fixtures.Get(t, name)
		archive, list, filter := filepath.Join(dir, fmt.Sprintf("%d.dump", i)), filepath.Join(dir, fmt.Sprintf("%d.list", i)), filepath.Join(dir, "filter")
		copyArchive(t, f, archive)
		write(t, list, listBackwards(t, f.ListPath))
		write(t, filter, "# what we need\ninclude table statuses  # the table\nINCLUDE trigger statuses   touch\n\ninclude function timestamp_id( text )\nexclude schema other\n")
		lines := sqlArgs
		if slices.Contains(kindsFixtures, name) {
			lines = kindsArgs
		}
		for _, line := range lines {
			args := strings.Fields(line)
			for j := range args {
				args[j] = strings.NewReplacer("LIST", list, "FILTER", filter, "~", " ").Replace(args[j])
			}
			cases = append(cases, sqlCase{f, line, false, archive, args}, sqlCase{f, line, true, archive, args})
		}
	}
	for i, f := range fixtures.All(t) {
		// Of an archive whose output was redirected pgarc knows where
		// the data are, pg_restore does not.
		if slices.Contains(sqlFixtures, f.Name) || slices.Contains(kindsFixtures, f.Name) || f.Name == "18/c-redirect" || os.Getenv("PGARC_EXTRA_FIXTURES") != "" {
			continue
		}
		archive := filepath.Join(dir, fmt.Sprintf("other%d.dump", i))
		copyArchive(t, f, archive)
		cases = append(cases, sqlCase{f, "-v", false, archive, []string{"-v"}}, sqlCase{f, "-v", true, archive, []string{"-v"}})
	}
	return cases
}

func copyArchive(t *testing.T, f fixtures.Fixture, to string) {
	t.Helper()
	if f.Format != "directory" {
		copyFile(t, f.Path, to)
	} else if err := os.CopyFS(to, os.DirFS(f.Path)); err != nil {
		t.Fatal(err)
	}
}

// listBackwards makes a list file of every third line of another, backwards.
func listBackwards(t *testing.T, path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	slices.Reverse(lines)
	var b strings.Builder
	for i, line := range lines {
		if i%3 == 0 {
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	write(t, to, string(data))
}

// withoutTime removes the one line that differs in every run.
func withoutTime(script []byte) []byte {
	return regexp.MustCompile(`(?m)^-- Completed on .*$`).ReplaceAll(script, []byte("-- Completed on TIME"))
}

// pgarcSQL is what pgarc sql prints, which must be what pgarc restore -f
// prints; or what pgarc restore -l prints.
func pgarcSQL(t *testing.T, c sqlCase) []byte {
	t.Helper()
	print := func(command ...string) string {
		args := slices.Concat(command, []string{c.archive}, c.args)
		out, stderr, status := runArgs(t, args...)
		if status != exitOK {
			t.Fatalf("pgarc %v: exit status %d\n%s", c, status, stderr)
		}
		return string(withoutTime([]byte(out)))
	}
	if c.list {
		return []byte(print("restore", "-l"))
	}
	out := print("restore", "-f", "-", "--restrict-key=pgarc")
	if strings.Contains(c.line, "-e ") || strings.Contains(c.line, "--exit-on-error ") {
		return []byte(out) // pgarc sql has no -e and -j
	}
	if again := print("sql", "--restrict-key=pgarc"); again != out {
		t.Errorf("%v: pgarc sql differs from pgarc restore -f: %s", c, firstDifference(again, out))
	}
	return []byte(out)
}

// restoreSQL is what a pg_restore prints.
func restoreSQL(t *testing.T, command []string, c sqlCase) []byte {
	t.Helper()
	what := []string{"--restrict-key=pgarc", "-f", "-"}
	if c.list {
		what = []string{"-l"}
	}
	args := slices.Concat(command[1:], what, c.args, []string{c.archive})
	cmd := exec.CommandContext(context.Background(), command[0], args...)
	cmd.Env = append(os.Environ(), "TZ=UTC", "PGTZ=UTC")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, stderr.Bytes())
	}
	return withoutTime(out)
}

// TestSQLOptions compares pgarc sql with pg_restore 18 under the options of
// the table. testdata/sqloptions.txt has what pg_restore printed, as size and
// the start of its SHA-256. PGARC_PG_RESTORE_18, a command, writes it again, and then shows
// differences:
//
//	PGARC_PG_RESTORE_18='chroot /var/tmp/pgroot/forky /usr/lib/postgresql/18/bin/pg_restore' go test ./cmd/pgarc -run TestSQLOptions
func TestSQLOptions(t *testing.T) {
	t.Setenv("PGARC_EXTRA_FIXTURES", "") // the golden file is of the project's own
	defer func(zone *time.Location) { time.Local = zone }(time.Local)
	time.Local = time.UTC
	golden := filepath.Join("testdata", "sqloptions.txt")
	cases := sqlCases(t)
	command := strings.Fields(os.Getenv("PGARC_PG_RESTORE_18"))
	if len(command) > 0 {
		var b strings.Builder
		for _, c := range cases {
			want := restoreSQL(t, command, c)
			b.WriteString(sqlSum(c, want))
			if got := pgarcSQL(t, c); !bytes.Equal(got, want) {
				t.Errorf("%v: pgarc differs from pg_restore 18: %s", c, firstDifference(string(got), string(want)))
			}
		}
		write(t, golden, b.String())
		return
	}
	text, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, c := range cases {
		got.WriteString(sqlSum(c, pgarcSQL(t, c)))
	}
	if got.String() != string(text) {
		t.Errorf("pgarc sql differs from pg_restore 18, by %s; to see how, run this test with PGARC_PG_RESTORE_18 set\n%s",
			golden, firstDifference(got.String(), string(text)))
	}
}

func sqlSum(c sqlCase, script []byte) string {
	sum := sha256.Sum256(script)
	return fmt.Sprintf("%x %7d %v\n", sum[:8], len(script), c)
}

// TestSQLOptionsInstalled compares with the pg_restore that is installed, as
// far as it knows the archive and the options.
func TestSQLOptionsInstalled(t *testing.T) {
	defer func(zone *time.Location) { time.Local = zone }(time.Local)
	time.Local = time.UTC
	s := scratchtest.Server(t)
	tool := scratchtest.Tool(t, s, "pg_restore")
	help, err := exec.Command(tool, "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, c := range sqlCases(t) {
		if exec.Command(tool, "-l", c.archive).Run() != nil || !knowsOptions(string(help), c.args) {
			continue
		}
		compared++
		got, want := pgarcSQL(t, c), restoreSQL(t, []string{tool}, c)
		if major := s.Binaries().Major; major < 17 {
			got, want = asBefore17(got), asBefore17(want)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%v: pgarc differs from %s: %s", c, tool, firstDifference(string(got), string(want)))
		}
	}
	if compared < 40 {
		t.Errorf("only %d comparisons", compared)
	}
}

func knowsOptions(help string, args []string) bool {
	for _, a := range args {
		name, _, _ := strings.Cut(a, "=")
		if strings.HasPrefix(name, "--") && name != "--no-acl" && !strings.Contains(help, name+" ") && !strings.Contains(help, name+"=") {
			return false
		}
	}
	return true
}

var ownerOfRelation = regexp.MustCompile(`(?m)^ALTER (VIEW|MATERIALIZED VIEW|SEQUENCE) ([^;]* OWNER TO )`)

// asBefore17 makes of a script what older versions of pg_restore print:
// ALTER TABLE for all relations, no transaction_timeout, a level for the
// compression.
func asBefore17(script []byte) []byte {
	script = regexp.MustCompile(`(?m)^;     Compression: .*$`).ReplaceAll(script, nil)
	script = bytes.ReplaceAll(script, []byte("SET transaction_timeout = 0;\n"), nil)
	return ownerOfRelation.ReplaceAll(script, []byte("ALTER TABLE $2"))
}
