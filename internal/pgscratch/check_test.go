//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package pgscratch

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// installedServer skips where there is none, unless PGARC_TEST_REQUIRE forbids it.
func installedServer(t *testing.T) Binaries {
	t.Helper()
	bin, err := Find(os.Getenv)
	var notFound *NotFoundError
	if errors.As(err, &notFound) && os.Getenv("PGARC_TEST_REQUIRE") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

func startServer(t *testing.T, opts Options) *Server {
	t.Helper()
	opts.BinDir = installedServer(t).Dir
	s, err := Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Errorf("Stop: %v", err)
		}
		wantGone(t, s.Dir())
	})
	return s
}

// ask returns the one text that the last statement of a query gives.
func ask(t *testing.T, s *Server, query string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.ConnString("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	results, err := conn.PgConn().Exec(t.Context(), query).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	last := results[len(results)-1]
	if len(last.Rows) != 1 {
		t.Fatalf("%s: %d rows, want 1", query, len(last.Rows))
	}
	return string(last.Rows[0][0])
}

// wantGone checks that dir is gone, and that no process works in it.
func wantGone(t *testing.T, dir string) {
	t.Helper()
	if _, err := os.Lstat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s: %v; want it gone", dir, err)
	}
	if runtime.GOOS != "linux" {
		return
	}
	for range 20 { // what init has not yet reaped still shows
		if processesIn(dir) == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("processes left in %s: %v", dir, processesIn(dir))
}

// processesIn lists the processes whose working folder is dir or below; PostgreSQL's is its data folder.
func processesIn(dir string) (found []string) {
	cwds, _ := filepath.Glob("/proc/[0-9]*/cwd")
	for _, cwd := range cwds {
		if target, err := os.Readlink(cwd); err == nil && strings.HasPrefix(target, dir) {
			found = append(found, cwd+" -> "+target)
		}
	}
	return found
}

func wantEmpty(t *testing.T, base string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(base, "*"))
	if err != nil || names != nil {
		t.Errorf("left behind: %q, %v", names, err)
	}
	wantGone(t, filepath.Join(base, prefix))
}

// openTempDir is a temporary folder that the server's user may enter, which t.TempDir is not for root.
func openTempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "pgscratch-test-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func serverRunsAsOther() bool { return os.Geteuid() == 0 }
