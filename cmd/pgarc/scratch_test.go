package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/internal/pgscratch/scratchtest"
)

// openTempDir is a folder that the server's user may enter, and TMPDIR.
func openTempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "pgarc-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", dir)
	return dir
}

// wantEmpty checks that nothing is left in a folder.
func wantEmpty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind in %s: %v %v", dir, left, err)
	}
}

func TestScratchRun(t *testing.T) {
	scratchtest.Server(t) // skips where there is none
	cleanPGEnv(t, map[string]string{"PGHOST": "/nowhere", "PGSERVICE": "none", "PGDATABASE": "none"})
	tmp := openTempDir(t)
	cmd, stdout, stderr := pgarcCommand(t, "restore", fixtures.Get(t, "15/c-gzip").Path, "--scratch-run",
		`psql -XAtc "SELECT current_database() || ' ' || count(*) FROM accounts"; echo talk >&2; exit 7`)
	cmd.Run()
	if got := cmd.ProcessState.ExitCode(); got != 7 || stdout.String() != "murmur 40\n" {
		t.Errorf("exit status %d, stdout %q; want 7 and \"murmur 40\"", got, stdout)
	}
	for _, want := range []string{"talk\n", " 0 failed, 0 skipped", "roles that the archive names"} {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("stderr lacks %q:\n%s", want, stderr)
		}
	}
	wantEmpty(t, tmp)
}

// The roles that the archive names are made, so that nothing is noise; the
// database gets the name asked for.
func TestScratchRolesAndName(t *testing.T) {
	scratchtest.Server(t)
	openTempDir(t)
	cmd, stdout, stderr := pgarcCommand(t, "restore", fixtures.Get(t, "15/c-gzip").Path, "-q", "-d", `it's a "name"`, "--scratch-run",
		`psql -XAtc "SELECT current_database()" -c "SELECT string_agg(rolname || ' ' || rolcanlogin, ', ' ORDER BY rolname COLLATE \"C\") FROM pg_roles WHERE oid >= 16384"`)
	err := cmd.Run()
	if want := "it's a \"name\"\nMurmur Reader false, murmur_app false, murmur_owner false\n"; err != nil || stdout.String() != want {
		t.Errorf("%v; stdout:\n%swant:\n%sstderr:\n%s", err, stdout, want, stderr)
	}
	if stderr.Len() > 0 {
		t.Errorf("-q: stderr:\n%s", stderr)
	}
}

func TestScratchCreate(t *testing.T) {
	scratchtest.Server(t)
	openTempDir(t)
	cmd, stdout, stderr := pgarcCommand(t, "restore", fixtures.Get(t, "15/c-gzip").Path, "-C", "--scratch-run", `psql -XAtc "SELECT current_database(), count(*) FROM accounts"`)
	if err := cmd.Run(); err != nil || stdout.String() != "murmur|40\n" {
		t.Errorf("%v; stdout %q; stderr:\n%s", err, stdout, stderr)
	}
}

// The server stays until Ctrl-C, is reached as the printed line says, and is
// gone afterwards.
func TestScratchKeepsRunning(t *testing.T) {
	scratchtest.Server(t)
	tmp := openTempDir(t)
	cmd, _, stderr := pgarcCommand(t, "restore", fixtures.Get(t, "15/c-gzip").Path, "--scratch")
	cmd.Stdout = nil
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(pipe).ReadString('\n')
	if err != nil {
		t.Fatalf("%v; stderr:\n%s", err, stderr)
	}
	if out, err := exec.Command("sh", "-c", strings.TrimSpace(line)+` -XAtc "SELECT count(*) FROM accounts"`).CombinedOutput(); err != nil || string(out) != "40\n" {
		t.Errorf("%s: %v, %s", line, err, out)
	}
	cmd.Process.Signal(os.Interrupt)
	cmd.Wait()
	if got := cmd.ProcessState.ExitCode(); got != exitOK {
		t.Errorf("exit status %d, want 0: Ctrl-C is how it ends; stderr:\n%s", got, stderr)
	}
	wantEmpty(t, tmp)
}

// Ctrl-C in any moment, and SIGKILL too, leave nothing behind.
func TestScratchLeavesNothing(t *testing.T) {
	scratchtest.Server(t)
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGKILL} {
		for _, ms := range []int{5, 200, 600, 1200} {
			t.Run(fmt.Sprintf("%v after %d ms", sig, ms), func(t *testing.T) {
				tmp := openTempDir(t)
				cmd, _, stderr := pgarcCommand(t, "restore", fixtures.Get(t, "15/c-gzip").Path, "--scratch")
				cmd.Stdout = io.Discard
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Duration(ms) * time.Millisecond)
				cmd.Process.Signal(sig)
				cmd.Wait()
				left, _ := os.ReadDir(tmp)
				emptyAtOnce := len(left) == 0
				waitUntil(t, "the folder is empty", func() bool {
					left, _ := os.ReadDir(tmp)
					return len(left) == 0
				})
				if sig == syscall.SIGINT && !emptyAtOnce {
					t.Error("pgarc ended before its files were gone")
				}
				if strings.Contains(stderr.String(), "panic") {
					t.Errorf("stderr:\n%s", stderr)
				}
			})
		}
	}
}

// Where the server cannot be started the error says what to do.
func TestScratchWithoutServer(t *testing.T) {
	t.Setenv("PGARC_PG_BIN", t.TempDir())
	_, stderr, status := runArgs(t, "restore", fixtures.Get(t, "15/empty").Path, "--scratch")
	if status != exitFailed || !strings.Contains(stderr, "PGARC_PG_BIN") {
		t.Errorf("exit status %d, stderr:\n%s", status, stderr)
	}
}

// A database for an archive whose encoding is unknown takes any bytes.
func TestMakeDatabaseSQLASCII(t *testing.T) {
	s := scratchtest.Server(t)
	conn, err := pgconn.Connect(t.Context(), s.ConnString("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for encoding, want := range map[string]string{"SQL_ASCII": "SQL_ASCII", "LATIN1": "UTF8", "UTF8": "UTF8"} {
		name := "of any \"encoding\" " + encoding
		if err := makeDatabase(t.Context(), conn, name, encoding); err != nil {
			t.Fatal(err)
		}
		if got := ask(t, s, name, "SHOW server_encoding"); got != want {
			t.Errorf("%s: database has %s, want %s", encoding, got, want)
		}
		ask(t, s, "postgres", `DROP DATABASE "of any ""encoding"" `+encoding+`"`)
	}
}
