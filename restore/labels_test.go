package restore_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/internal/pgscratch"
	"github.com/pgarc/pgarc/internal/pgscratch/scratchtest"
	"github.com/pgarc/pgarc/restore"
	"github.com/pgarc/pgarc/toc"
)

// labelServer starts a server that knows the label provider of the labels
// archives. Where that cannot be built, for want of a compiler or of the
// server's headers, the test is skipped.
func labelServer(t *testing.T) *pgscratch.Server {
	t.Helper()
	bin := scratchtest.Server(t).Binaries()
	dir, err := os.MkdirTemp("/tmp", "pgarc-label-") // t.TempDir is closed to the user who runs the server
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	module := filepath.Join(dir, "label.so")
	build := filepath.Join(filepath.Dir(fixtures.Get(t, "15/labels").Path), "../../sql/kinds/label.sh")
	if out, err := exec.Command(build, strconv.Itoa(bin.Major), module).CombinedOutput(); err != nil {
		t.Skipf("the label provider cannot be built here: %v\n%s", err, out)
	}
	s, err := pgscratch.Start(context.Background(), pgscratch.Options{BinDir: bin.Dir, Settings: map[string]string{"shared_preload_libraries": module}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// TestSecurityLabels restores security labels where their provider is loaded.
// Elsewhere they fail one by one (TestSameAsPgRestore).
func TestSecurityLabels(t *testing.T) {
	s := labelServer(t)
	path := fixtures.Get(t, "15/labels").Path
	for _, jobs := range []int{1, 4} {
		compareRestores(t, s, path, restore.Options{Jobs: jobs}, "")
	}

	const count = `SELECT (SELECT count(*) FROM pg_seclabel), count(*) FROM pg_shseclabel l JOIN pg_subscription s ON s.oid = l.objoid
		WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())`
	db := scratchtest.Database(t, s)
	expectNoFailures(t, run(t, s, path, db, restore.Options{Jobs: 4, Selection: toc.Selection{NoSecurityLabels: true}}))
	if got := psql(t, s, db, count); got != "0|0\n" {
		t.Errorf("labels without --no-security-labels: %s", got)
	}

	// The database's own label, and that of its subscription, are not in pg_seclabel.
	expectNoFailures(t, run(t, s, path, "postgres", restore.Options{Jobs: 4, Selection: toc.Selection{Create: true}}))
	labels := psql(t, s, "labels", "SELECT objtype || ' ' || objname || ': ' || label FROM pg_seclabels ORDER BY 1")
	for _, want := range []string{"database labels: database", "subscription papers: subscription", "large object 4200000101: large object", "column vault.papers.secret name: column\nwith a second line"} {
		if !strings.Contains(labels, want) {
			t.Errorf("no label %q in\n%s", want, labels)
		}
	}
}
