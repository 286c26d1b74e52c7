package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/internal/pgscratch/scratchtest"
)

// TestOlderServer restores an archive of PostgreSQL 18 to 15 as a role that may
// not much, with roles and extensions that cannot be had: the report says what
// and why, a line for each reason that has to do with owners, and nothing of
// settings that 15 does not know. All rows are there but those of what could not
// be made.
func TestOlderServer(t *testing.T) {
	s := scratchtest.Server(t)
	if s.Binaries().Major >= 17 {
		t.Skipf("PostgreSQL %d is not too old for anything in the archive", s.Binaries().Major)
	}
	dump := fixtures.Get(t, "18/c-gzip").Path
	database := scratchtest.Database(t, s)
	conn := asOther(t, s, database)
	left, report := filepath.Join(t.TempDir(), "left.sql"), filepath.Join(t.TempDir(), "report.json")
	_, stderr, status := runArgs(t, "restore", dump, "-d", conn, "-j", "2", "--map-owner", "murmur_owner=role_that_is_not_there", "--failed-sql", left, "--report", report)
	if status != exitPartly {
		t.Errorf("exit status %d, want %d", status, exitPartly)
	}
	if strings.Contains(stderr, "transaction_timeout") {
		t.Error("settings that the server does not know are told of")
	}
	member := `must be member of role "postgres"`
	if s.Binaries().Major >= 16 {
		member = `must be able to SET ROLE "postgres"`
	}
	for _, reason := range []string{`role "role_that_is_not_there" does not exist`, member} {
		// Beside another failure of the same object it is told with that.
		if n := strings.Count(stderr, reason) - strings.Count(stderr, "  also: "+reason); n != 2 {
			t.Errorf("%s: told %d times, want when it happens and at the end", reason, n)
		}
	}
	wantOnce(t, stderr, "pgarc: failed: TABLE public.on_second_heap (332): alter: ", "\nSET default_table_access_method = second_heap;\n", "  also: "+member)
	// What is not there at all has a line of its own.
	wantOnce(t, stderr, "\n  EXTENSION file_fdw (5): create: permission denied to create extension", "\n  USER MAPPING USER MAPPING murmur_app SERVER Other Server (4888): create: ")
	j := readReport(t, report)
	owners := 0
	for _, f := range j.Failed {
		if f.Class == "ownership" {
			owners++
		}
	}
	if owners < 100 {
		t.Errorf("the report has %d failures of owners, want each", owners)
	}
	if sql, err := os.ReadFile(left); err != nil || strings.Count(string(sql), "OWNER TO role_that_is_not_there") < 5 {
		t.Errorf("%s: %v; want the owners to be set in it", left, err)
	}
	// As a superuser of 15 would have it, but for tables that this role, or 15, cannot make.
	whole := scratchtest.Database(t, s)
	runArgs(t, "restore", dump, "-d", s.ConnString(whole), "-O", "-x", "-j", "2", "--no-journal", "--failed-sql", "")
	const tables = "SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
	if got, want := ask(t, s, database, tables), ask(t, s, whole, tables); got != want {
		t.Errorf("tables:\n%s\nwant those that a superuser gets:\n%s", got, want)
	}
	const rows = "SELECT count(*) || ' ' || (SELECT count(*) FROM public.accounts) || ' ' || (SELECT count(*) FROM public.tags) FROM public.statuses"
	if got, want := ask(t, s, database, rows), ask(t, s, whole, rows); got != want || strings.HasPrefix(got, "0") {
		t.Errorf("rows of statuses, accounts and tags: %s, want %s", got, want)
	}
}

// withPasswords is a database with passwords in definitions that nobody but a
// superuser can make.
const withPasswords = `
CREATE EXTENSION postgres_fdw;
CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'far.example', dbname 'x');
CREATE USER MAPPING FOR postgres SERVER far OPTIONS (user 'me', password 'sesame');
CREATE SUBSCRIPTION news CONNECTION 'host=far.example user=me password=sesame dbname=x' PUBLICATION p WITH (connect = false);
`

// TestPasswordsOfFailures: passwords in what failed are in none of what pgarc
// writes, be it the report, failed.sql, JSON or the journal.
func TestPasswordsOfFailures(t *testing.T) {
	s := scratchtest.Server(t)
	dump := dumpOf(t, s, withPasswords)
	for _, json := range []string{"--json", "--verbose"} {
		database := scratchtest.Database(t, s)
		conn := asOther(t, s, database)
		left, report := filepath.Join(t.TempDir(), "left.sql"), filepath.Join(t.TempDir(), "report.json")
		stdout, stderr, status := runArgs(t, "restore", dump, "-d", conn, "--failed-sql", left, "--report", report, json)
		if status != exitPartly {
			t.Errorf("exit status %d, want %d\n%s", status, exitPartly, stderr)
		}
		written := map[string]string{"stdout": stdout, "stderr": stderr, left: read(t, left), report: read(t, report),
			"the journal": ask(t, s, database, "SELECT string_agg(f::text, ' ') FROM pgarc_journal.failed f")}
		for name, text := range written {
			if strings.Contains(text, "sesame") {
				t.Errorf("%s: the password is in %s:\n%s", json, name, text)
			}
		}
		if !strings.Contains(written[left], "USER MAPPING") || !strings.Contains(written[left], "It is left out, for it may hold a password.") {
			t.Errorf("%s does not say what is left out:\n%s", left, written[left])
		}
	}
}
