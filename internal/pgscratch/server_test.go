//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package pgscratch

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// ownerVar makes the test binary an owner of a server that waits to be killed.
const ownerVar = "PGSCRATCH_TEST_OWNER"

func TestMain(m *testing.M) {
	if os.Getenv(ownerVar) != "" {
		_, err := Start(context.Background(), Options{Log: os.Stdout})
		fmt.Println("started", err)
		select {}
	}
	m.Run()
}

func TestStartStop(t *testing.T) {
	var log bytes.Buffer
	s := startServer(t, Options{Log: &log, Settings: map[string]string{"application_name": `it's a \ test`}})
	for query, want := range map[string]string{
		"SELECT 1::text":        "1",
		"SHOW server_encoding":  "UTF8",
		"SHOW application_name": `it's a \ test`,
		"SHOW listen_addresses": "",
		"SELECT current_user || usesuper::text FROM pg_user": "postgrestrue",
	} {
		if got := ask(t, s, query); got != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
	if got := ask(t, s, "SHOW server_version"); !strings.HasPrefix(got, s.Binaries().Version) {
		t.Errorf("server_version is %q, want it to begin with %q", got, s.Binaries().Version)
	}
	if fi, err := os.Stat(s.Dir()); err != nil || fi.Mode().Perm() != 0o700 {
		t.Errorf("%s: mode %v, error %v; want 0700", s.Dir(), fi.Mode(), err)
	}
	if !strings.Contains(log.String(), s.Dir()) {
		t.Errorf("log does not name %s:\n%s", s.Dir(), log.String())
	}
	if !strings.Contains(s.LogTail(), "ready to accept connections") {
		t.Errorf("LogTail lacks the server's greeting:\n%s", s.LogTail())
	}
	for range 2 {
		if err := s.Stop(); err != nil {
			t.Errorf("Stop: %v", err)
		}
	}
	wantGone(t, s.Dir())
}

func TestRestart(t *testing.T) {
	s := startServer(t, Options{})
	ask(t, s, "CREATE TABLE kept (i int); INSERT INTO kept VALUES (1); SELECT 1")
	before := s.PID()
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if pid := s.PID(); pid == before || pid == 0 {
		t.Errorf("process %d after the restart, %d before it", pid, before)
	}
	if got := ask(t, s, "SELECT count(*) FROM kept"); got != "1" {
		t.Errorf("%s rows after the restart, want 1", got)
	}
	log, err := os.ReadFile(s.LogFile())
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]int{"ready to accept connections": 2, "received fast shutdown request": 1, "not properly shut down": 0} {
		if got := bytes.Count(log, []byte(text)); got != want {
			t.Errorf("%q is %d times in the log, want %d:\n%s", text, got, want, log)
		}
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := s.Restart(t.Context()); err == nil {
		t.Error("Restart after Stop succeeded")
	}
	wantGone(t, s.Dir())
}

func TestEnvServesPsql(t *testing.T) {
	s := startServer(t, Options{})
	psql := filepath.Join(s.Binaries().Dir, "psql")
	if _, err := os.Stat(psql); err != nil {
		t.Skip("no psql beside the server")
	}
	cmd := exec.Command(psql, "-XAtc", "SELECT 'hello ' || current_user", "postgres")
	cmd.Env = append(os.Environ(), s.Env()...)
	out, err := cmd.CombinedOutput()
	if string(out) != "hello postgres\n" || err != nil {
		t.Errorf("psql printed %q, %v", out, err)
	}
}

func TestTwoAtOnce(t *testing.T) {
	var servers [2]*Server
	var errs [2]error
	var wg sync.WaitGroup
	bin := installedServer(t)
	for i := range servers {
		wg.Go(func() { servers[i], errs[i] = Start(t.Context(), Options{BinDir: bin.Dir}) })
	}
	wg.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	defer servers[1].Stop()
	ask(t, servers[0], "CREATE TABLE only_here (); SELECT 1::text")
	if got := ask(t, servers[1], "SELECT coalesce(to_regclass('only_here')::text, 'none')"); got != "none" {
		t.Errorf("the second server has the first one's table: %q", got)
	}
	if err := servers[0].Stop(); err != nil {
		t.Error(err)
	}
	if got := ask(t, servers[1], "SELECT 1::text"); got != "1" {
		t.Errorf("after the other server's end: got %q", got)
	}
}

// The path of a socket is short; that of a temporary folder need not be. What is asked for as TMPDIR must be
// where the data is.
func TestLongTempDir(t *testing.T) {
	long := openTempDir(t)
	for len(long) < 120 {
		long = filepath.Join(long, "a folder's long name")
	}
	if err := os.MkdirAll(long, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", long)
	s := startServer(t, Options{})
	if filepath.Dir(s.Dir()) != long {
		t.Errorf("cluster is in %s, want it below %s", s.Dir(), long)
	}
	if got := ask(t, s, "SELECT 1::text"); got != "1" {
		t.Errorf("got %q", got)
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	wantGone(t, s.Dir())
	wantGone(t, s.socketDir)
}

func TestClosedTempDir(t *testing.T) {
	if !serverRunsAsOther() {
		t.Skip("the caller runs the server himself")
	}
	closed := t.TempDir()
	if err := os.Chmod(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", closed)
	s := startServer(t, Options{})
	if got := filepath.Dir(s.Dir()); got != "/tmp" {
		t.Errorf("cluster is in %s, want /tmp, as its user cannot enter %s", got, closed)
	}
}

func TestCancelledStart(t *testing.T) {
	for _, after := range []time.Duration{0, 30 * time.Millisecond, 250 * time.Millisecond} {
		t.Run(after.String(), func(t *testing.T) {
			base := openTempDir(t)
			t.Setenv("TMPDIR", base)
			ctx, cancel := context.WithTimeout(context.Background(), after)
			defer cancel()
			s, err := Start(ctx, Options{BinDir: installedServer(t).Dir})
			if s != nil || !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("Start = %v, %v; want nil, %v", s, err, context.DeadlineExceeded)
			}
			wantEmpty(t, base)
		})
	}
}

func TestFailedStart(t *testing.T) {
	fakeInitdb := openTempDir(t)
	fakeServer(t, fakeInitdb, "postgres (PostgreSQL) 16.1")
	failing := "#!/bin/sh\necho first; echo no space left on this fake disk >&2; exit 1\n"
	if err := os.WriteFile(filepath.Join(fakeInitdb, "initdb"), []byte(failing), 0o755); err != nil {
		t.Fatal(err)
	}
	ancient := fakeServer(t, openTempDir(t), "postgres (PostgreSQL) 9.6.1")
	tests := []struct {
		name string
		opts Options
		want string
	}{
		{"initdb", Options{BinDir: fakeInitdb}, "initdb: exit status 1\nfirst\nno space left on this fake disk"},
		{"bad setting", Options{BinDir: installedServer(t).Dir, Settings: map[string]string{"work_mem": "much"}}, `invalid value for parameter "work_mem": "much"`},
		{"too old", Options{BinDir: ancient}, "PostgreSQL 9.6.1"},
		{"no binaries", Options{BinDir: "/nonexistent"}, "/nonexistent/initdb"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			base := openTempDir(t)
			t.Setenv("TMPDIR", base)
			s, err := Start(t.Context(), tt.opts)
			if s != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Start = %v, error %v; want an error with %q", s, err, tt.want)
			}
			wantEmpty(t, base)
		})
	}
}

// Ctrl-C goes to the process group of the terminal's foreground job; the server must not be in it.
func TestOwnSession(t *testing.T) {
	s := startServer(t, Options{})
	for _, cmd := range []*exec.Cmd{s.postgres.cmd, s.watcher.cmd} {
		pgid, err := syscall.Getpgid(cmd.Process.Pid)
		if err != nil || pgid != cmd.Process.Pid {
			t.Errorf("%s: process group %d, %v; want its own, %d", cmd.Path, pgid, err, cmd.Process.Pid)
		}
	}
}

// A killed caller runs no code, neither while initdb works nor afterwards, and leaves nothing all the same.
func TestKilledOwner(t *testing.T) {
	bin := installedServer(t)
	for _, until := range []string{"making", "started"} {
		t.Run(until, func(t *testing.T) {
			base := openTempDir(t)
			owner := exec.Command(os.Args[0])
			owner.Env = append(os.Environ(), ownerVar+"=1", "TMPDIR="+base, "PGARC_PG_BIN="+bin.Dir)
			owner.Stderr = os.Stderr
			stdout, err := owner.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := owner.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(stdout)
			for lines.Scan() && !strings.HasPrefix(lines.Text(), until) {
			}
			if !strings.HasPrefix(lines.Text(), until) {
				t.Errorf("the owner never said %q", until)
			}
			if until == "started" && lines.Text() != "started <nil>" {
				t.Errorf("the owner could not start: %s", lines.Text())
			}
			time.Sleep(100 * time.Millisecond) // into the middle of initdb
			owner.Process.Kill()
			io.Copy(io.Discard, stdout)
			owner.Wait()
			for range 100 {
				if names, _ := filepath.Glob(filepath.Join(base, "*")); names == nil {
					break
				}
				time.Sleep(100 * time.Millisecond)
			}
			wantEmpty(t, base)
		})
	}
}

func TestSweep(t *testing.T) {
	base := openTempDir(t)
	t.Setenv("TMPDIR", base)
	hourAgo := time.Now().Add(-time.Hour)
	make := func(name string) string {
		dir := filepath.Join(base, name)
		if err := os.MkdirAll(filepath.Join(dir, "data"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "lock"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(dir, hourAgo, hourAgo); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	dead, held, young, foreign := make(prefix+"1"), make(prefix+"2"), make(prefix+"3"), make("other-4")
	lock, free := tryLock(filepath.Join(held, "lock"))
	if !free {
		t.Fatal("a new lock file is not free")
	}
	defer lock.Close()
	if err := os.Chtimes(young, time.Now(), time.Now()); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(base, prefix+"5")
	if err := os.Symlink(foreign, link); err != nil {
		t.Fatal(err)
	}

	sweep(nil)

	wantGone(t, dead)
	for _, dir := range []string{held, young, foreign, link} {
		if _, err := os.Lstat(dir); err != nil {
			t.Errorf("swept away: %v", err)
		}
	}
}

func TestLogTail(t *testing.T) {
	dir := t.TempDir()
	var all strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&all, "line %03d of the log\n", i)
	}
	if err := os.WriteFile(filepath.Join(dir, logName), []byte(all.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	got := logTail(dir)
	if !strings.HasPrefix(got, "line ") || !strings.HasSuffix(got, "line 999 of the log") || len(got) > 4000 || len(got) < 3900 {
		t.Errorf("tail of %d bytes: %d bytes, %.30q … %q", all.Len(), len(got), got, got[max(0, len(got)-30):])
	}
}

func TestConnStringQuotes(t *testing.T) {
	s := &Server{socketDir: "/tmp/it's"}
	want := `host='/tmp/it\'s' port=5432 user=postgres dbname='a \\ b'`
	if got := s.ConnString(`a \ b`); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
