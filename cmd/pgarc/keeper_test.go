package main

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/internal/pgscratch"
	"github.com/pgarc/pgarc/internal/pgscratch/scratchtest"
)

// held is a restore, run as a process, whose foreign key waits for a lock.
type held struct {
	s        *pgscratch.Server
	database string
	args     []string // of pgarc
	holder   *pgconn.PgConn
}

func newHeld(t *testing.T, more ...string) *held {
	t.Helper()
	s := scratchtest.Server(t)
	dump := fixtures.Get(t, "15/c-gzip").Path
	database, holder := heldUp(t, s, dump)
	list := listOf(t, dump, "FK CONSTRAINT public statuses "+storyKey, "INDEX public index_accounts_on_uri")
	args := append([]string{"restore", dump, "-O", "-j", "2", "-L", list, "--failed-sql", "", "-d", s.ConnString(database)}, more...)
	return &held{s, database, args, holder}
}

// waiting returns the server process that waits for the lock; "0" if none does.
func (h *held) waiting(t *testing.T) string {
	return ask(t, h.s, "postgres", "SELECT coalesce(max(pid), 0) FROM pg_stat_activity WHERE datname = '"+h.database+"' AND wait_event_type = 'Lock'")
}

// keeper returns the server process that holds the lock of the journal, or "".
func (h *held) keeper(t *testing.T) string {
	return ask(t, h.s, h.database, `SELECT coalesce(max(pid)::text, '') FROM pg_locks WHERE locktype = 'advisory' AND granted
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`)
}

// TestLeftoversWithRole: pgarc is killed, and its session goes on waiting on the
// server. --resume ends it before it does the same again, though the role that
// it restores with may not.
func TestLeftoversWithRole(t *testing.T) {
	h := newHeld(t, "--role", "humble")
	ask(t, h.s, "postgres", `DO $$ BEGIN CREATE ROLE humble; EXCEPTION WHEN duplicate_object THEN END $$; GRANT CREATE ON DATABASE `+h.database+` TO humble`)
	for _, sql := range []string{"COMMIT",
		`GRANT ALL ON SCHEMA public TO humble; ALTER TABLE public.accounts OWNER TO humble; ALTER TABLE public.statuses OWNER TO humble`,
		`BEGIN; LOCK TABLE public.statuses IN ROW EXCLUSIVE MODE`} {
		if _, err := h.holder.Exec(t.Context(), sql).ReadAll(); err != nil {
			t.Fatal(err)
		}
	}
	cmd, _, stderr := pgarcCommand(t, h.args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the first restore:\n%s", stderr)
		}
	})
	former := "0"
	waitUntil(t, "the key waits for the lock", func() bool {
		former = h.waiting(t)
		return former != "0"
	})
	cmd.Process.Kill()
	cmd.Wait()
	if now := h.waiting(t); now != former {
		t.Fatalf("the session of a killed pgarc is not left behind: %s\n%s", now, stderr)
	}

	cmd, _, stderr = pgarcCommand(t, append(h.args, "--resume")...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	waitUntil(t, "another session waits in its place", func() bool {
		now := h.waiting(t)
		return now != "0" && now != former
	})
	if n := ask(t, h.s, "postgres", "SELECT count(*) FROM pg_stat_activity WHERE pid = "+former); n != "0" {
		t.Error("the session of the killed pgarc is still at it")
	}
	h.holder.Close(t.Context())
	if cmd.Wait(); cmd.ProcessState.ExitCode() != exitOK {
		t.Errorf("--resume: exit status %d\n%s", cmd.ProcessState.ExitCode(), stderr)
	}
	ask(t, h.s, h.database, "REASSIGN OWNED BY humble TO postgres; DROP OWNED BY humble")
}

// TestKeeperLost: the connection that holds the lock of the journal is lost. Its
// successor takes the lock, so that a second restore is refused as before.
func TestKeeperLost(t *testing.T) {
	h := newHeld(t)
	cmd, _, stderr := pgarcCommand(t, h.args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	waitUntil(t, "the key waits for the lock", func() bool { return h.waiting(t) != "0" })
	former := h.keeper(t)
	if former == "" {
		t.Fatal("nobody holds the lock of the journal")
	}
	ask(t, h.s, "postgres", "SELECT pg_terminate_backend("+former+")")
	waitUntil(t, "another session holds the lock of the journal", func() bool {
		now := h.keeper(t)
		return now != "" && now != former
	})
	_, second, status := runArgs(t, append(h.args, "--resume")...)
	if status != exitFailed || !strings.Contains(second, "a restore is under way in this database (server process "+h.keeper(t)+")") {
		t.Errorf("the second restore: exit status %d, want %d\n%s", status, exitFailed, second)
	}
	h.holder.Close(t.Context())
	if cmd.Wait(); cmd.ProcessState.ExitCode() != exitOK {
		t.Errorf("exit status %d\n%s", cmd.ProcessState.ExitCode(), stderr)
	}
}
