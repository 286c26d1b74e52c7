package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/internal/pgscratch"
	"github.com/pgarc/pgarc/internal/pgscratch/scratchtest"
)

const (
	storyKey        = "fk_rails_256483a9ab"
	storyDefinition = "    ADD CONSTRAINT fk_rails_256483a9ab FOREIGN KEY (reblog_of_id) REFERENCES public.statuses(id) ON DELETE CASCADE;\n"
)

// heldUp is a database with all of murmur but the foreign key of the story,
// which a session keeps from being made until it is closed.
func heldUp(t *testing.T, s *pgscratch.Server, dump string) (database string, holder *pgconn.PgConn) {
	t.Helper()
	database = scratchtest.Database(t, s)
	if _, stderr, status := runArgs(t, "restore", dump, "-d", s.ConnString(database), "-O", "-x", "-j", "2", "--no-journal"); status != exitOK && status != exitPartly {
		t.Fatalf("exit status %d\n%s", status, stderr)
	}
	ask(t, s, database, "ALTER TABLE public.statuses DROP CONSTRAINT "+storyKey+"; DROP INDEX public.index_accounts_on_uri")
	holder, err := pgconn.Connect(t.Context(), s.ConnString(database))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { holder.Close(context.Background()) })
	if _, err := holder.Exec(t.Context(), "BEGIN; LOCK TABLE public.statuses IN ROW EXCLUSIVE MODE").ReadAll(); err != nil {
		t.Fatal(err)
	}
	return database, holder
}

// TestCancelStory is the story of issue 6: a foreign key waits for somebody's
// lock, an admin sees it in pgarc status and cancels it from another terminal;
// the restore ends with its whole definition on the screen, and --retry-failed
// does only that.
func TestCancelStory(t *testing.T) {
	s := scratchtest.Server(t)
	dump := fixtures.Get(t, "15/c-gzip").Path
	database, holder := heldUp(t, s, dump)
	conn := s.ConnString(database)
	list := listOf(t, dump, "FK CONSTRAINT public statuses "+storyKey, "INDEX public index_accounts_on_uri", "COMMENT public CONSTRAINT "+storyKey)
	restoreArgs := []string{"restore", dump, "-d", conn, "-O", "-j", "2", "-L", list}

	cmd, _, stderr := pgarcCommand(t, restoreArgs...)
	cmd.Dir = t.TempDir() // for failed.sql
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	holderPID := uint32(holder.PID())
	waitUntil(t, "pgarc status says that the key is blocked", func() bool {
		stdout, _, status := runArgs(t, "status", "-d", conn, "--json")
		return status == exitOK && blockedBy(t, stdout, storyKey, holderPID)
	})
	stdout, _, status := runArgs(t, "status", "-d", conn)
	if status != exitOK || !strings.Contains(stdout, "under way") || !strings.Contains(stdout, "waiting for a lock held by ") {
		t.Errorf("pgarc status: exit status %d\n%s", status, stdout)
	}

	_, talk, status := runArgs(t, "cancel", "-d", conn, "no_such_key")
	if status != exitFailed || !strings.Contains(talk, `no running step is called "no_such_key"; these run:`) || !strings.Contains(talk, storyKey) {
		t.Errorf("cancelling what does not run: exit status %d\n%s", status, talk)
	}
	stdout, talk, status = runArgs(t, "cancel", "-d", conn, storyKey)
	if status != exitOK || !strings.HasPrefix(stdout, "cancelled FK CONSTRAINT public.statuses "+storyKey+" (") {
		t.Errorf("pgarc cancel: exit status %d\n%s%s", status, stdout, talk)
	}
	cmd.Wait()
	if got := cmd.ProcessState.ExitCode(); got != exitPartly || !strings.Contains(stderr.String(), storyDefinition) || !strings.Contains(stderr.String(), "57014") {
		t.Errorf("the restore: exit status %d, want %d, and the whole definition:\n%s", got, exitPartly, stderr)
	}

	if sql, err := os.ReadFile(filepath.Join(cmd.Dir, "failed.sql")); err != nil || !strings.Contains(string(sql), storyKey) {
		t.Errorf("failed.sql: %v\n%s", err, sql)
	}

	stdout, _, status = runArgs(t, "status", "-d", conn)
	if status != exitOK || !strings.Contains(stdout, "over, with failures") || !strings.Contains(stdout, "to go on with what is left: pgarc restore") {
		t.Errorf("pgarc status after it: exit status %d\n%s", status, stdout)
	}
	holder.Close(t.Context())
	stdout, talk, status = runArgs(t, append(restoreArgs, "--retry-failed", "--json")...)
	if status != exitOK {
		t.Fatalf("--retry-failed: exit status %d\n%s%s", status, stdout, talk)
	}
	for line := range strings.Lines(stdout) {
		if strings.Contains(line, `"type":"step"`) && !strings.Contains(line, storyKey) {
			t.Errorf("--retry-failed did more than the key and its comment: %s", line)
		}
	}
	if valid := ask(t, s, database, "SELECT convalidated FROM pg_constraint WHERE conname = '"+storyKey+"'"); valid != "t" {
		t.Errorf("the key is validated: %q, want t", valid)
	}
	_, talk, status = runArgs(t, "status", "-d", conn)
	if status != exitFailed || !strings.Contains(talk, "no restore is under way or unfinished in database") {
		t.Errorf("pgarc status when all is done: exit status %d\n%s", status, talk)
	}
	if _, talk, status = runArgs(t, "cancel", "-d", conn, storyKey); status != exitFailed || !strings.Contains(talk, "no restore is under way") {
		t.Errorf("pgarc cancel when all is done: exit status %d\n%s", status, talk)
	}
}

// blockedBy reports whether a status shows a step that waits for a process.
func blockedBy(t *testing.T, status, name string, pid uint32) bool {
	t.Helper()
	var st struct {
		Running []struct {
			Name      string
			BlockedBy []uint32 `json:"blocked_by"`
		}
	}
	if err := json.Unmarshal([]byte(status), &st); err != nil {
		t.Fatalf("%v: %s", err, status)
	}
	for _, r := range st.Running {
		if strings.HasSuffix(r.Name, name) && slices.Contains(r.BlockedBy, pid) {
			return true
		}
	}
	return false
}

// listOf writes a list file of the entries whose lines have these words.
func listOf(t *testing.T, dump string, words ...string) string {
	t.Helper()
	all, _, _ := runArgs(t, "ls", "--format", "list", dump)
	var b strings.Builder
	for line := range strings.Lines(all) {
		if slices.ContainsFunc(words, func(w string) bool { return strings.Contains(line, w) }) {
			b.WriteString(line)
		}
	}
	if n := strings.Count(b.String(), "\n"); n != len(words) {
		t.Fatalf("%d entries, want %d:\n%s", n, len(words), b.String())
	}
	path := filepath.Join(t.TempDir(), "list")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestWatchBrokenOff: pgarc status --watch does not wait for a restore that was killed.
func TestWatchBrokenOff(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 20 seconds")
	}
	s := scratchtest.Server(t)
	dump := fixtures.Get(t, "15/c-gzip").Path
	database, holder := heldUp(t, s, dump)
	conn := s.ConnString(database)
	cmd, _, _ := pgarcCommand(t, "restore", dump, "-d", conn, "-O", "-j", "2", "-L", listOf(t, dump, "FK CONSTRAINT public statuses "+storyKey))
	cmd.Dir = t.TempDir() // for failed.sql
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, "the key waits for the lock", func() bool {
		stdout, _, status := runArgs(t, "status", "-d", conn, "--json")
		return status == exitOK && blockedBy(t, stdout, storyKey, holder.PID())
	})
	cmd.Process.Kill()
	cmd.Wait()
	holder.Close(t.Context())
	stdout, stderr, status := runArgs(t, "status", "-d", conn, "--watch")
	if status != exitOK || !strings.Contains(stdout, ": broken off, begun ") || !strings.Contains(stdout, "to go on with what is left: pgarc restore ") {
		t.Errorf("exit status %d\n%s%s", status, stdout, stderr)
	}
}
