package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/internal/pgscratch/scratchtest"
)

// TestPooler: a pooler is refused before anything is touched, unless the user
// vouches for it.
func TestPooler(t *testing.T) {
	s := scratchtest.Server(t)
	dump := dumpOf(t, s, "CREATE TABLE t AS SELECT generate_series(1, 1234) i")
	p := newProxy(t, s, true)
	database := scratchtest.Database(t, s)
	_, stderr, status := runArgs(t, "restore", dump, "-d", p.connString(database), "-j", "2")
	if status != exitFailed || !strings.Contains(stderr, "pgarc: error: a connection pooler answers in place of the server") || !strings.Contains(stderr, "--pooler") {
		t.Errorf("exit status %d, want %d, and a hint at --pooler:\n%s", status, exitFailed, stderr)
	}
	if n := ask(t, s, database, "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname IN ('public', 'pgarc_journal')"); n != "0" {
		t.Errorf("%s tables were made through a pooler that was refused", n)
	}
	if _, stderr, status = runArgs(t, "restore", dump, "-d", p.connString(database), "-j", "2", "--pooler"); status != exitOK {
		t.Errorf("--pooler: exit status %d\n%s", status, stderr)
	}
	compareDatabases(t, s, database, restoredByPg(t, s, dump))
	for _, look := range [][]string{{"status"}, {"diff", dump}} { // these only look, and need no session to themselves
		if _, stderr, _ := runArgs(t, append(look, "-d", p.connString(database))...); strings.Contains(stderr, "connection pooler") {
			t.Errorf("pgarc %s through a pooler:\n%s", look[0], stderr)
		}
	}
}

// TestServerStaysAway: a server that is gone in the midst of it and does not
// come back ends the restore in time. When it is there again, --resume goes on,
// though the old session still stands on the server.
func TestServerStaysAway(t *testing.T) {
	s := scratchtest.Server(t)
	dump := fixtures.Get(t, "15/c-gzip").Path
	database, holder := heldUp(t, s, dump)
	p := newProxy(t, s, false)
	list := listOf(t, dump, "FK CONSTRAINT public statuses "+storyKey, "INDEX public index_accounts_on_uri")
	args := []string{"restore", dump, "-O", "-j", "2", "-L", list, "--failed-sql", "", "--retry-for", "1s"}
	cmd, _, stderr := pgarcCommand(t, append(args, "-d", p.connString(database))...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	waiting := "SELECT coalesce(max(pid), 0) FROM pg_stat_activity WHERE datname = '" + database + "' AND wait_event_type = 'Lock'"
	var former string
	waitUntil(t, "the key waits for the lock", func() bool {
		former = ask(t, s, "postgres", waiting)
		return former != "0"
	})
	p.stop()
	begun := time.Now()
	cmd.Wait()
	if got := cmd.ProcessState.ExitCode(); got != exitFailed || time.Since(begun) > 15*time.Second {
		t.Errorf("exit status %d after %v, want %d a second later:\n%s", got, time.Since(begun), exitFailed, stderr)
	}
	wantOnce(t, stderr.String(), "trying again for 1s", "pgarc: error: cannot connect to database ", "pgarc: broken off in ", "pgarc: to go on with what is left: pgarc restore ")

	cmd, _, stderr = pgarcCommand(t, append(args, "-d", s.ConnString(database), "--resume")...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	waitUntil(t, "the new session waits in place of the old one", func() bool {
		now := ask(t, s, "postgres", waiting)
		return now != "0" && now != former
	})
	if n := ask(t, s, "postgres", "SELECT count(*) FROM pg_stat_activity WHERE pid = "+former); n != "0" {
		t.Error("the old session is still at it")
	}
	holder.Close(t.Context())
	if cmd.Wait(); cmd.ProcessState.ExitCode() != exitOK {
		t.Errorf("--resume: exit status %d\n%s", cmd.ProcessState.ExitCode(), stderr)
	}
	if valid := ask(t, s, database, "SELECT convalidated FROM pg_constraint WHERE conname = '"+storyKey+"'"); valid != "t" {
		t.Errorf("the key is validated: %q, want t", valid)
	}
}

// TestCutOverDatabase: a connection that is cut while the database is made, or dropped, before there is a journal.
func TestCutOverDatabase(t *testing.T) {
	s := scratchtest.Server(t)
	const name = "cut_over"
	dump := filepath.Join(t.TempDir(), "d.dump")
	ask(t, s, "postgres", "CREATE DATABASE "+name)
	defer ask(t, s, "postgres", "DROP DATABASE IF EXISTS "+name)
	ask(t, s, name, "CREATE TABLE t AS SELECT generate_series(1, 1234) i")
	if out, err := exec.Command(scratchtest.Tool(t, s, "pg_dump"), "-Fc", "-f", dump, "-d", s.ConnString(name)).CombinedOutput(); err != nil {
		t.Fatalf("pg_dump: %v\n%s", err, out)
	}
	for _, at := range []string{"CREATE DATABASE " + name, "DROP DATABASE " + name} {
		p := newProxy(t, s, false)
		p.cut = at
		_, stderr, status := runArgs(t, "restore", dump, "-d", p.connString("postgres"), "-j", "2", "--create", "--clean")
		if p.mu.Lock(); p.cut != "" {
			t.Errorf("%s was never sent", at)
		}
		p.mu.Unlock()
		if status != exitOK {
			t.Errorf("cut at %s: exit status %d\n%s", at, status, stderr)
		}
		if n := ask(t, s, name, "SELECT count(*) FROM t"); n != "1234" {
			t.Errorf("cut at %s: %s rows, want 1234", at, n)
		}
	}
}
