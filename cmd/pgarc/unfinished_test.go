package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/internal/pgscratch/scratchtest"
)

func TestShellSplit(t *testing.T) {
	words := []string{"pgarc", "restore", "it's mine.dump", "-d", "host='/tmp/a b' user=x", "", "--set", `a=\b`, "über"}
	var quoted []string
	for _, w := range words {
		quoted = append(quoted, shellWord(w))
	}
	if got := shellSplit(strings.Join(quoted, " ")); !slices.Equal(got, words) {
		t.Errorf("split into %q, want %q", got, words)
	}
}

func TestOptionDifference(t *testing.T) {
	const same = "the options are the same: what -L or --filter lists may differ, or the version of the server or of pgarc"
	for _, c := range []struct{ then, now, want string }{
		{"pgarc restore a -d x -j 4 --resume", "pgarc restore /mnt/a -h y -d x -v --report r.json", same},
		{"pgarc restore a -d x -c", "pgarc restore a -d x", "it was begun with --clean"},
		{"pgarc restore a -d x", "pgarc restore a -O -d x -n s", "without --no-owner --schema=s"},
		{"pgarc restore a -n a -n 'b c' -d x", "pgarc restore a -n a --role r -d x", "it was begun with --schema='b c', and without --role=r"},
		{"", "pgarc restore a -O", "without --no-owner"},
	} {
		if got := optionDifference(c.then, c.now); got != c.want {
			t.Errorf("from %q to %q: %s; want %s", c.then, c.now, got, c.want)
		}
	}
}

// TestTwoAtOnce: while a restore is under way, whatever else wants to restore
// into the database is refused, and harms nothing.
func TestTwoAtOnce(t *testing.T) {
	s := scratchtest.Server(t)
	dump := fixtures.Get(t, "15/c-gzip").Path
	other := dumpOf(t, s, "CREATE TABLE another (i int)")
	database, holder := heldUp(t, s, dump)
	conn := s.ConnString(database)
	list := listOf(t, dump, "FK CONSTRAINT public statuses "+storyKey, "INDEX public index_accounts_on_uri")
	args := []string{"restore", dump, "-O", "-j", "2", "-L", list, "-d", conn}
	first, _, stderr := pgarcCommand(t, args...)
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	defer first.Process.Kill()
	waitUntil(t, "the key waits for the lock", func() bool {
		return ask(t, s, "postgres", "SELECT count(*) FROM pg_stat_activity WHERE datname = '"+database+"' AND wait_event_type = 'Lock'") == "1"
	})
	t.Run("second", func(t *testing.T) { // ends when all of these have
		for name, args := range map[string][]string{
			"same":     args,
			"resume":   append(slices.Clone(args), "--resume"),
			"restart":  append(slices.Clone(args), "--restart"),
			"another":  {"restore", other, "-d", conn},
			"clean":    {"restore", dump, "-d", conn, "--clean", "--if-exists"},
			"one line": {"restore", dump, "-d", conn, "--json"},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				stdout, stderr, status := runArgs(t, args...)
				if out := stdout + stderr; status != exitFailed || !strings.Contains(out, "a restore is under way in this database (server process ") {
					t.Errorf("exit status %d, want %d, and why:\n%s", status, exitFailed, out)
				}
			})
		}
	})
	holder.Close(t.Context())
	if first.Wait(); first.ProcessState.ExitCode() != exitOK {
		t.Errorf("the first restore: exit status %d\n%s", first.ProcessState.ExitCode(), stderr)
	}
	if n := ask(t, s, database, "SELECT count(*) FROM pg_tables WHERE tablename = 'another' OR schemaname = 'pgarc_journal'"); n != "0" {
		t.Errorf("%s tables are there that should not be", n)
	}
}

// TestResumeOther: an unfinished restore is not gone on with by another archive
// or with other options, and the difference is named.
func TestResumeOther(t *testing.T) {
	s := scratchtest.Server(t)
	dump := dumpOf(t, s, orphans)
	other := dumpOf(t, s, "CREATE TABLE another (i int)")
	database := scratchtest.Database(t, s)
	conn := s.ConnString(database)
	if _, stderr, status := runArgs(t, "restore", dump, "-d", conn, "-x", "--failed-sql", ""); status != exitPartly {
		t.Fatalf("exit status %d\n%s", status, stderr)
	}
	for _, c := range []struct {
		name string
		args []string
		want []string
	}{
		{"other archive", []string{other, "--resume"}, []string{"an unfinished restore of another archive (" + dump + ")", "to go on with that one: pgarc restore " + dump}},
		{"other options", []string{dump, "-c", "--if-exists", "--resume"}, []string{"of this archive with other options", "it was begun with --no-privileges, and without --clean --if-exists\n", "to go on with that one: pgarc restore " + dump}},
		{"fewer", []string{dump, "-x", "--resume", "-t", "children"}, []string{"of this archive with other options", "without --table=children\n"}},
		{"no word of it", []string{dump, "-x"}, []string{"an unfinished restore of this archive: ", "--resume goes on with it; --restart forgets it"}},
	} {
		_, stderr, status := runArgs(t, append([]string{"restore", "-d", conn, "--failed-sql", ""}, c.args...)...)
		if status != exitFailed {
			t.Errorf("%s: exit status %d, want %d", c.name, status, exitFailed)
		}
		wantOnce(t, stderr, append(c.want, "pgarc: error: ")...)
	}
	if n := ask(t, s, database, "SELECT count(*) FROM pgarc_journal.failed"); n != "1" {
		t.Errorf("the journal has %s failures, want the one that it had", n)
	}
	ask(t, s, database, "INSERT INTO parents VALUES (42)")
	if _, stderr, status := runArgs(t, "restore", dump, "-d", conn, "-x", "--resume", "-j", "1", "-v", "--failed-sql", ""); status != exitOK {
		t.Errorf("--resume with what does not matter: exit status %d\n%s", status, stderr)
	}
}
