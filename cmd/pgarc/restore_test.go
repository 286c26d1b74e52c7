package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/spf13/pflag"

	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/internal/pgscratch"
	"github.com/pgarc/pgarc/internal/pgscratch/scratchtest"
)

// orphans is a database whose one foreign key does not hold, with something
// that needs the key.
const orphans = `
CREATE TABLE parents (id int PRIMARY KEY);
CREATE TABLE children (id int PRIMARY KEY, parent_id int);
INSERT INTO parents SELECT generate_series(1, 100);
INSERT INTO children SELECT g, g FROM generate_series(1, 100) g;
ALTER TABLE children ADD CONSTRAINT fk_parent FOREIGN KEY (parent_id) REFERENCES parents(id) ON UPDATE RESTRICT ON DELETE CASCADE;
COMMENT ON CONSTRAINT fk_parent ON children IS 'every child has a parent';
SET session_replication_role = replica;
DELETE FROM parents WHERE id = 42;
`

const orphansKey = `ALTER TABLE ONLY public.children
    ADD CONSTRAINT fk_parent FOREIGN KEY (parent_id) REFERENCES public.parents(id) ON UPDATE RESTRICT ON DELETE CASCADE;
`

// slow is a database of which one index takes a minute to build.
const slow = `
CREATE FUNCTION sleepy(i int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN i; END';
CREATE TABLE bed (i int);
INSERT INTO bed VALUES (1);
CREATE INDEX bed_idx ON bed (sleepy(i));
CREATE OR REPLACE FUNCTION sleepy(i int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM pg_catalog.pg_sleep(60); RETURN i; END';
`

// dumpOf makes an archive of a database made by SQL.
func dumpOf(t *testing.T, s *pgscratch.Server, sql string) string {
	t.Helper()
	database := scratchtest.Database(t, s)
	ask(t, s, database, sql)
	path := filepath.Join(t.TempDir(), "made.dump")
	out, err := exec.Command(scratchtest.Tool(t, s, "pg_dump"), "-Fc", "-f", path, "-d", s.ConnString(database)).CombinedOutput()
	if err != nil {
		t.Fatalf("pg_dump: %v\n%s", err, out)
	}
	return path
}

// ask runs SQL and returns the first column of the last row of rows.
func ask(t *testing.T, s *pgscratch.Server, database, sql string) string {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), s.ConnString(database))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	results, err := conn.Exec(t.Context(), sql).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	for _, r := range results {
		for _, row := range r.Rows {
			sql = string(row[0])
		}
	}
	return sql
}

// askAll runs statements each in a message of its own, also when the test is over.
func askAll(t *testing.T, s *pgscratch.Server, database string, statements ...string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	conn, err := pgconn.Connect(ctx, s.ConnString(database))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	for _, sql := range statements {
		if _, err := conn.Exec(ctx, sql).ReadAll(); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

// pgarcCommand is pgarc as a process of its own, which a test can send
// signals.
func pgarcCommand(t *testing.T, args ...string) (cmd *exec.Cmd, stdout, stderr *bytes.Buffer) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd = &exec.Cmd{Path: self, Args: append([]string{"pgarc"}, args...)} // see TestMain
	stdout, stderr = new(bytes.Buffer), new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	return cmd, stdout, stderr
}

func TestRestoreFailingKey(t *testing.T) {
	s := scratchtest.Server(t)
	dump := dumpOf(t, s, orphans)
	database := scratchtest.Database(t, s)
	stdout, stderr, status := runArgs(t, "restore", dump, "-d", s.ConnString(database), "-j", "2")
	if status != exitPartly {
		t.Errorf("exit status %d, want %d", status, exitPartly)
	}
	for _, want := range []string{
		"pgarc: failed: FK CONSTRAINT public.children fk_parent (",
		`violates foreign key constraint "fk_parent" (SQLSTATE 23503)`,
		`detail: Key (parent_id)=(42) is not present in table "parents".`,
		orphansKey,
		"1 row violates it, as (id, parent_id) = (42, 42)",
		"pgarc: restored with failures in ", "1 failed, 0 skipped", "199 rows", // the key is there, NOT VALID, and takes its comment
	} {
		if !strings.Contains(stderr, want) {
			t.Errorf("stderr lacks %q:\n%s", want, stderr)
		}
	}
	if stdout != "" {
		t.Errorf("stdout: %s", stdout)
	}
	if n := ask(t, s, database, "SELECT count(*) FROM children"); n != "100" {
		t.Errorf("%s children, want 100: the rest must be there", n)
	}
}

func TestRestoreStops(t *testing.T) {
	s := scratchtest.Server(t)
	dump := dumpOf(t, s, orphans)
	for flag, tables := range map[string]string{"-e": "2", "-1": "0"} {
		database := scratchtest.Database(t, s)
		_, stderr, status := runArgs(t, "restore", dump, "-d", s.ConnString(database), flag)
		if status != exitFailed || !strings.Contains(stderr, "stopped at a failure") || !strings.Contains(stderr, orphansKey) {
			t.Errorf("%s: exit status %d, want %d; stderr:\n%s", flag, status, exitFailed, stderr)
		}
		if n := ask(t, s, database, "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"); n != tables {
			t.Errorf("%s left %s tables, want %s", flag, n, tables)
		}
	}
}

func TestRestoreJSON(t *testing.T) {
	s := scratchtest.Server(t)
	dump := dumpOf(t, s, orphans)
	stdout, stderr, status := runArgs(t, "restore", dump, "-d", s.ConnString(scratchtest.Database(t, s)), "--json")
	if status != exitPartly || stderr != "" {
		t.Errorf("exit status %d, stderr %s", status, stderr)
	}
	types := make(map[string]int)
	var last map[string]any
	for line := range strings.Lines(stdout) {
		last = nil
		if err := json.Unmarshal([]byte(line), &last); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		types[last["type"].(string)]++
		if last["type"] == "failed" && (last["sqlstate"] != "23503" || last["definition"].(string)+"\n" != orphansKey) {
			t.Errorf("the failure is %s", line)
		}
	}
	if types["failed"] != 1 || types["skipped"] != 0 || types["step"] < 6 || last["type"] != "summary" || last["exit_status"] != 3.0 {
		t.Errorf("lines by type: %v; the last is %v", types, last)
	}
}

func TestRestoreQuietAndVerbose(t *testing.T) {
	s := scratchtest.Server(t)
	dump := dumpOf(t, s, "CREATE TABLE t AS SELECT generate_series(1, 1234) i")
	_, stderr, status := runArgs(t, "restore", dump, "-d", s.ConnString(scratchtest.Database(t, s)), "-q")
	if status != exitOK || stderr != "" {
		t.Errorf("-q: exit status %d, stderr:\n%s", status, stderr)
	}
	_, stderr, status = runArgs(t, "restore", dump, "-d", s.ConnString(scratchtest.Database(t, s)), "-v")
	if status != exitOK || !strings.Contains(stderr, ": copy, 1,234 rows, ") {
		t.Errorf("-v: exit status %d, stderr:\n%s", status, stderr)
	}
}

// Connections that cannot be made: one error, a hint, no password.
func TestRestoreCannotConnect(t *testing.T) {
	cleanPGEnv(t, nil)
	s := scratchtest.Server(t)
	locked := passwordServer(t)
	dump := fixtures.Get(t, "15/empty").Path
	host := strings.TrimPrefix(s.Env()[0], "PGHOST=")
	tests := []struct {
		name, conn string
		want, hint string
	}{
		{"wrong password", strings.Replace(locked, "right", "wrong", 1), `password authentication failed for user "keeper"`, "$PGPASSWORD"},
		{"no password", strings.Replace(locked, "password=right", "", 1), `password authentication failed for user "keeper"`, "-W"},
		{"no server", "postgres://me:sesame@127.0.0.1:1/db", "connection refused", "is the server running"},
		{"no socket", "host=/nowhere user=me password=sesame dbname=db", "no such file or directory", "is the server running"},
		{"no database", "host=" + host + " user=postgres password=sesame dbname=absent", `database "absent" does not exist`, "createdb absent"},
		{"no user", "host=" + host + " user=nobody_here password=sesame dbname=postgres", `role "nobody_here" does not exist`, "nobody_here"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			stdout, stderr, status := runArgs(t, "restore", dump, "-d", tt.conn)
			if status != exitFailed || stdout != "" {
				t.Errorf("exit status %d, want %d; stdout %q", status, exitFailed, stdout)
			}
			lines := strings.Split(strings.TrimSpace(stderr), "\n")
			if len(lines) != 2 || !strings.HasPrefix(lines[0], "pgarc: error: cannot connect to database ") || strings.Count(lines[0], tt.want) != 1 ||
				!strings.HasPrefix(lines[1], "pgarc: hint: ") || !strings.Contains(lines[1], tt.hint) {
				t.Errorf("stderr:\n%swant an error with %q once, and a hint with %q", stderr, tt.want, tt.hint)
			}
			if strings.Contains(stderr, "sesame") || strings.Contains(stderr, "wrong") {
				t.Errorf("the password is in: %s", stderr)
			}
		})
	}
	if _, stderr, status := runArgs(t, "restore", dump, "-d", locked); status != exitOK {
		t.Errorf("right password: exit status %d\n%s", status, stderr)
	}
	t.Setenv("PGPASSWORD", "right")
	if _, stderr, status := runArgs(t, "restore", dump, "-d", strings.Replace(locked, "password=right", "", 1)); status != exitOK {
		t.Errorf("PGPASSWORD: exit status %d\n%s", status, stderr)
	}
}

// passwordServer starts a server on which the user keeper needs a password,
// and returns how he connects.
func passwordServer(t *testing.T) string {
	t.Helper()
	scratchtest.Server(t) // skips where there is none
	s, err := pgscratch.Start(t.Context(), pgscratch.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	hba := filepath.Join(s.Dir(), "data", "pg_hba.conf")
	if err := os.WriteFile(hba, []byte("local all postgres trust\nlocal all all scram-sha-256\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ask(t, s, "postgres", "CREATE ROLE keeper SUPERUSER LOGIN PASSWORD 'right'; SELECT pg_reload_conf()")
	conn := strings.Replace(s.ConnString("postgres"), "user=postgres", "user=keeper password=right", 1)
	deadline := time.Now().Add(10 * time.Second)
	for { // the postmaster reads the file when it gets to it
		c, err := pgconn.Connect(t.Context(), strings.Replace(conn, "right", "wrong", 1))
		if err != nil {
			return conn
		}
		c.Close(t.Context())
		if time.Now().After(deadline) {
			t.Fatal("the server goes on without passwords")
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// The first Ctrl-C cancels the statement on the server.
func TestRestoreInterrupted(t *testing.T) {
	s := scratchtest.Server(t)
	dump := dumpOf(t, s, slow)
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		database := scratchtest.Database(t, s)
		cmd, _, stderr := pgarcCommand(t, "restore", dump, "-d", s.ConnString(database), "-j", "2")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		active := "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND application_name = 'pgarc' AND datname = '" + database + "'"
		waitUntil(t, "the index is being built", func() bool {
			return ask(t, s, "postgres", active+" AND query LIKE 'CREATE INDEX%'") == "1"
		})
		begun := time.Now()
		cmd.Process.Signal(sig)
		cmd.Wait()
		if got := cmd.ProcessState.ExitCode(); got != exitInterrupted || time.Since(begun) > 20*time.Second {
			t.Errorf("%v: exit status %d after %v, want %d", sig, got, time.Since(begun), exitInterrupted)
		}
		for _, want := range []string{"pgarc: interrupted: cancelling", "pgarc: interrupted in ", " not begun"} {
			if !strings.Contains(stderr.String(), want) {
				t.Errorf("%v: stderr lacks %q:\n%s", sig, want, stderr)
			}
		}
		if n := ask(t, s, "postgres", active); n != "0" {
			t.Errorf("%v: %s statements go on on the server", sig, n)
		}
	}
}

// The second Ctrl-C does not wait for the server.
func TestRestoreInterruptedTwice(t *testing.T) {
	s := scratchtest.Server(t)
	dump := dumpOf(t, s, slow)
	database := scratchtest.Database(t, s)
	cmd, _, _ := pgarcCommand(t, "restore", dump, "-d", s.ConnString(database), "-j", "2")
	cmd.Stderr = nil
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := 0
	waitUntil(t, "the index is being built", func() bool {
		found := ask(t, s, "postgres", "SELECT coalesce(max(pid), 0) FROM pg_stat_activity WHERE datname = '"+database+"' AND query LIKE 'CREATE INDEX%'")
		pid, _ = strconv.Atoi(found)
		return pid > 0
	})
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil { // it does not hear of the cancelling
		t.Fatal(err)
	}
	defer syscall.Kill(pid, syscall.SIGCONT)
	cmd.Process.Signal(os.Interrupt)
	said := bufio.NewScanner(stderr)
	for said.Scan() && !strings.Contains(said.Text(), "once more stops at once") {
	}
	begun := time.Now()
	cmd.Process.Signal(os.Interrupt)
	rest, _ := io.ReadAll(stderr)
	cmd.Wait()
	status := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !status.Signaled() || status.Signal() != syscall.SIGINT || time.Since(begun) > 2*time.Second {
		t.Errorf("after %v: %v, want death by the second signal; stderr:\n%s\n%s", time.Since(begun), cmd.ProcessState, said.Text(), rest)
	}
}

func waitUntil(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited 30 s and still not: %s", what)
		}
	}
}

func TestDryRun(t *testing.T) {
	cleanPGEnv(t, map[string]string{"PGHOST": "/nowhere"})
	dump := fixtures.Get(t, "15/c-gzip").Path
	stdout, stderr, status := runArgs(t, "restore", dump, "--dry-run", "-j", "4")
	if status != exitOK || stderr != "" {
		t.Fatalf("exit status %d, stderr %s", status, stderr)
	}
	for _, want := range []string{" steps in 5 phases, ", "\npre-data: ", "one after the other\n", "up to 4 at once", "\nprivileges: ",
		"public.statuses fk_rails_256483a9ab", "SHARE ROW EXCLUSIVE on public.statuses"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("the plan lacks %q", want)
		}
	}
	text := stdout
	stdout, _, status = runArgs(t, "restore", dump, "--dry-run", "-j", "4", "--json")
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	var summary struct {
		Type  string
		Steps int
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &summary); err != nil || status != exitOK {
		t.Fatalf("exit status %d, %v", status, err)
	}
	if summary.Type != "summary" || summary.Steps != len(lines)-1 || !strings.HasPrefix(text, thousands(int64(summary.Steps))+" steps") {
		t.Errorf("%d lines of steps, the last line is %+v, the text begins %.40q", len(lines)-1, summary, text)
	}
	if !strings.Contains(stdout, `FOREIGN KEY (reblog_of_id) REFERENCES public.statuses(id) ON DELETE CASCADE NOT VALID;`) {
		t.Error("the JSON plan lacks the SQL of the foreign key")
	}
}

func TestDefaultJobs(t *testing.T) {
	for cpus, want := range map[int]int{1: 2, 2: 2, 4: 4, 8: 8, 64: 8} {
		if got := defaultJobs(cpus); got != want {
			t.Errorf("%d processors: -j %d, want %d", cpus, got, want)
		}
	}
}

// Every option is in the help with its short form, and the other way round.
func TestRestoreHelpNamesOptions(t *testing.T) {
	fs := parseRestore(t).flags
	fs.VisitAll(func(f *pflag.Flag) {
		if !f.Hidden && !regexp.MustCompile(`--`+f.Name+`\b`).MatchString(restoreHelp) {
			t.Errorf("the help lacks --%s", f.Name)
		}
		if !f.Hidden && f.Shorthand != "" && !strings.Contains(restoreHelp, "-"+f.Shorthand+", --"+f.Name) {
			t.Errorf("the help lacks -%s, --%s", f.Shorthand, f.Name)
		}
	})
	for _, m := range regexp.MustCompile(`--([a-z][a-z-]+)`).FindAllStringSubmatch(restoreHelp, -1) {
		if name := m[1]; name != "help" && name != "format" && fs.Lookup(name) == nil { // --format is that of pgarc ls
			t.Errorf("the help names --%s, which is no option", name)
		}
	}
}

func TestRestoreOptionsBind(t *testing.T) {
	o := parseRestore(t, "-d", "db", "-j", "3", "-c", "--if-exists", "-1", "-e", "-O", "--no-tablespaces", "--no-table-access-method",
		"--role", "r", "--disable-triggers", "-S", "root", "--enable-row-security", "--no-data-for-failed-tables", "-q", "--json", "--dry-run")
	got := o.Options
	if got.Jobs != 3 || !got.Clean || !got.IfExists || !got.SingleTransaction || !got.ExitOnError || !got.NoOwner || !got.NoTablespaces ||
		!got.NoTableAM || got.Role != "r" || !got.DisableTriggers || got.Superuser != "root" || !got.EnableRowSecurity || !got.NoDataForFailedTables ||
		!o.quiet || !o.json || !o.dryRun || o.conn.dbname != "db" {
		t.Errorf("got %+v", o)
	}
	o = parseRestore(t, "--dbname", "db", "--jobs", "3", "--clean", "--single-transaction", "--exit-on-error", "--no-owner", "--superuser", "root",
		"--verbose", "--host", "h", "--port", "1", "--username", "u", "--no-password", "--password", "--scratch", "--scratch-run", "x", "-v")
	got = o.Options
	if got.Jobs != 3 || !got.Clean || !got.SingleTransaction || !got.ExitOnError || !got.NoOwner || got.Superuser != "root" || !o.verbose ||
		o.conn != (connFlags{dbname: "db", host: "h", port: "1", user: "u", neverAsk: true, alwaysAsk: true}) || !o.scratch || o.scratchRun != "x" {
		t.Errorf("long forms: got %+v", o)
	}
}

// A server without the provider of security labels refuses each of them; all
// else is there, and the end says what to do.
func TestRestoreSecurityLabels(t *testing.T) {
	s := scratchtest.Server(t)
	path := fixtures.Get(t, "15/labels").Path
	database := scratchtest.Database(t, s)
	_, stderr, status := runArgs(t, "restore", path, "-d", s.ConnString(database))
	const want = "pgarc: hint: 18 failed because the server has no provider of these security labels: load it there (shared_preload_libraries), or leave them out with --no-security-labels\n"
	if status != exitPartly || !strings.Contains(stderr, want) || !strings.Contains(stderr, "28 entries restored, 18 failed, 0 skipped") {
		t.Errorf("exit status %d, want %d; stderr:\n%s", status, exitPartly, stderr)
	}
	if _, stderr, status := runArgs(t, "restore", path, "--no-security-labels", "-q", "-d", s.ConnString(scratchtest.Database(t, s))); status != exitOK || stderr != "" {
		t.Errorf("--no-security-labels: exit status %d, stderr:\n%s", status, stderr)
	}
}
