//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/pgarc/pgarc/internal/pgscratch"
	"github.com/pgarc/pgarc/internal/pgscratch/scratchtest"
)

// heavy is a database of which one table needs 12 MB.
const heavy = `
CREATE TABLE light (id int PRIMARY KEY);
INSERT INTO light SELECT generate_series(1, 100);
CREATE TABLE heavy (id int PRIMARY KEY, light_id int REFERENCES light, text text);
INSERT INTO heavy SELECT g, g % 100 + 1, repeat('x', 500) FROM generate_series(1, 20000) g;
CREATE INDEX heavy_light ON heavy (light_id);
COMMENT ON TABLE heavy IS 'needs room';
`

// A tightDisk is a file system of its own, in memory, with a database on it.
type tightDisk struct {
	t        *testing.T
	dir      string
	database string
}

var tightDisks atomic.Int64

// newTightDisk mounts a file system of 32 MB. Where one may not mount, the test is skipped.
func newTightDisk(t *testing.T, s *pgscratch.Server) *tightDisk {
	t.Helper()
	name := fmt.Sprintf("tight_%d", tightDisks.Add(1))
	d := &tightDisk{t: t, dir: filepath.Join(s.Dir(), name), database: name}
	if err := os.Mkdir(d.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(s.Dir(), "data"))
	if err != nil {
		t.Fatal(err)
	}
	owner := info.Sys().(*syscall.Stat_t)
	options := fmt.Sprintf("size=32m,mode=0700,uid=%d,gid=%d", owner.Uid, owner.Gid)
	if err := syscall.Mount("tmpfs", d.dir, "tmpfs", 0, options); err != nil {
		t.Skipf("cannot mount a file system: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(d.dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", d.dir, err)
		}
	})
	ask(t, s, "postgres", "CREATE TABLESPACE "+name+" LOCATION '"+d.dir+"'")
	ask(t, s, "postgres", "CREATE DATABASE "+name+" TEMPLATE template0 TABLESPACE "+name)
	ask(t, s, name, "SELECT 1") // the first session writes a file of its own (relcache.c)
	t.Cleanup(func() {
		d.makeRoom()
		askAll(t, s, "postgres", "DROP DATABASE "+name+" WITH (FORCE)", "DROP TABLESPACE "+name)
	})
	return d
}

func (d *tightDisk) filler() string { return filepath.Join(d.dir, "filler") }

// leave fills the disk, but for so many bytes.
func (d *tightDisk) leave(bytes int64) {
	d.t.Helper()
	var fs syscall.Statfs_t
	if err := syscall.Statfs(d.dir, &fs); err != nil {
		d.t.Fatal(err)
	}
	f, err := os.Create(d.filler())
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	if err := syscall.Fallocate(int(f.Fd()), 0, 0, int64(fs.Bavail)*fs.Bsize-bytes); err != nil {
		d.t.Fatal(err)
	}
}

func (d *tightDisk) makeRoom() {
	if err := os.Remove(d.filler()); err != nil && !os.IsNotExist(err) {
		d.t.Error(err)
	}
}

// TestDiskFull: the disk has room for all but one table. What failed says so, what to do is said once, and
// after that is done --resume brings the rest.
func TestDiskFull(t *testing.T) {
	s := scratchtest.Server(t)
	dump := dumpOf(t, s, heavy)
	d := newTightDisk(t, s)
	d.leave(3 << 20)
	args := []string{"restore", dump, "-d", s.ConnString(d.database), "-j", "2", "--failed-sql", ""}
	_, stderr, status := runArgs(t, args...)
	if status != exitPartly || strings.Count(stderr, "pgarc: failed: ") != 1 || !strings.Contains(stderr, "8 entries restored, 1 failed, 0 skipped") {
		t.Errorf("exit status %d, want %d, and only the rows of heavy to have failed:\n%s", status, exitPartly, stderr)
	}
	wantOnce(t, stderr,
		"pgarc: failed: TABLE DATA public.heavy (",
		"pgarc: hint: the server ran out of space or memory: make room, then go on\n",
		"pgarc: to go on with what is left: pgarc restore ")
	if !strings.Contains(stderr, "No space left on device (SQLSTATE 53100)") {
		t.Errorf("stderr does not say that the disk is full:\n%s", stderr)
	}
	d.makeRoom()
	d.goOn(s, dump, append(args, "--resume"))
}

// TestDiskStaysFull: nothing can be written any more. That ends the restore, with a few failures of those that
// all that is left would have.
func TestDiskStaysFull(t *testing.T) {
	s := scratchtest.Server(t)
	var many strings.Builder
	for i := range 100 {
		fmt.Fprintf(&many, "CREATE TABLE t%d (id int PRIMARY KEY, text text); INSERT INTO t%d SELECT g, repeat('x', 500) FROM generate_series(1, 100) g;\n", i, i)
	}
	dump := dumpOf(t, s, many.String())
	d := newTightDisk(t, s)
	d.leave(3 << 20)
	args := []string{"restore", dump, "-d", s.ConnString(d.database), "-j", "4", "--failed-sql", ""}
	_, stderr, status := runArgs(t, args...)
	if n := strings.Count(stderr, "pgarc: failed: "); status != exitFailed || n < 1 || n > 5 {
		t.Errorf("exit status %d, want %d, and a few failures instead of %d:\n%s", status, exitFailed, n, stderr)
	}
	wantOnce(t, stderr, "pgarc: stopped at a failure in ", "make room, then go on\n", "pgarc: to go on with what is left: pgarc restore ")
	d.makeRoom()
	d.goOn(s, dump, append(args, "--resume"))
}

// TestDiskFullAtFirst: not even the journal can be made.
func TestDiskFullAtFirst(t *testing.T) {
	s := scratchtest.Server(t)
	dump := dumpOf(t, s, heavy)
	d := newTightDisk(t, s)
	d.leave(64 << 10)
	args := []string{"restore", dump, "-d", s.ConnString(d.database)}
	_, stderr, status := runArgs(t, args...)
	if lines := strings.Split(strings.TrimSpace(stderr), "\n"); status != exitFailed || len(lines) != 2 ||
		!strings.HasPrefix(lines[0], "pgarc: error: begin the journal: ") || !strings.Contains(lines[0], "53100") || !strings.HasPrefix(lines[1], "pgarc: hint: ") {
		t.Errorf("exit status %d, want %d, one error and a hint:\n%s", status, exitFailed, stderr)
	}
	d.makeRoom()
	d.goOn(s, dump, args)
}

// goOn runs pgarc, which must restore all that was left, and compares the database with what pg_restore makes.
func (d *tightDisk) goOn(s *pgscratch.Server, dump string, args []string) {
	d.t.Helper()
	if _, stderr, status := runArgs(d.t, args...); status != exitOK {
		d.t.Fatalf("with room: exit status %d\n%s", status, stderr)
	}
	compareDatabases(d.t, s, d.database, restoredByPg(d.t, s, dump))
	if n := ask(d.t, s, d.database, "SELECT count(*) FROM pg_namespace WHERE nspname = 'pgarc_journal'"); n != "0" {
		d.t.Error("the journal is still there")
	}
}

// restoredByPg returns a database into which pg_restore has restored.
func restoredByPg(t *testing.T, s *pgscratch.Server, dump string, args ...string) string {
	t.Helper()
	database := scratchtest.Database(t, s)
	args = append([]string{"-d", s.ConnString(database), dump}, args...)
	if out, err := exec.Command(scratchtest.Tool(t, s, "pg_restore"), args...).CombinedOutput(); err != nil {
		t.Fatalf("pg_restore: %v\n%s", err, out)
	}
	return database
}

// wantOnce says of which texts there is not exactly one.
func wantOnce(t *testing.T, text string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if n := strings.Count(text, want); n != 1 {
			t.Errorf("%q is there %d times, want once:\n%s", want, n, text)
		}
	}
}
