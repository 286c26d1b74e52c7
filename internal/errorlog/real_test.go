package errorlog_test

import (
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/internal/errorlog"
	"github.com/pgarc/pgarc/toc"
)

// The logs 15-*.log.gz are those of pg_restore 15.18, which restored the
// fixture 15/c-gzip into a database that had it already: in series without and
// with -v, with -v -j2, and with -v in other languages; what psql -b wrote about
// the same script; and the log of the server.

func openTOC(t *testing.T, name string) *toc.TOC {
	t.Helper()
	r, err := archive.Open(fixtures.Get(t, name).Path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r.TOC
}

func parseFile(t *testing.T, name string) []errorlog.Failure {
	t.Helper()
	file, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	z, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	failures, err := errorlog.Parse(z)
	if err != nil {
		t.Fatal(err)
	}
	return failures
}

// TestRealLogs: in each log the same entries failed. The serial log with -v
// names them all by dump id.
func TestRealLogs(t *testing.T) {
	archive := openTOC(t, "15/c-gzip")
	want := map[toc.DumpID]bool{}
	failures := parseFile(t, "15-verbose.log.gz")
	if len(failures) != 422 { // as the log's last line says
		t.Errorf("verbose: %d failures, want 422", len(failures))
	}
	for _, m := range errorlog.Resolve(archive, failures) {
		if len(m.Entries) != 1 || m.How != errorlog.ByID || m.Entries[0].ID != m.Failures[0].ID {
			t.Errorf("verbose: line %d, id %d, %s: %d entries, %q %q", m.Failures[0].Line, m.Failures[0].ID, m.Failures[0].Subject, len(m.Entries), m.How, m.Problem)
			continue
		}
		want[m.Entries[0].ID] = true
	}
	if t.Failed() {
		return
	}
	for _, name := range []string{"serial", "j2", "fr", "de", "ja", "ko", "ru", "zh_CN", "es", "psql", "server"} {
		t.Run(name, func(t *testing.T) {
			found := map[toc.DumpID]bool{}
			for _, m := range errorlog.Resolve(archive, parseFile(t, "15-"+name+".log.gz")) {
				f := m.Failures[0]
				if len(m.Entries) != 1 {
					t.Errorf("line %d: %q %q: %s", f.Line, f.Subject, f.SQL, m.Problem)
				}
				for _, e := range m.Entries {
					found[e.ID] = true
					if !want[e.ID] {
						t.Errorf("line %d: %d %s %s, found %s, did not fail", f.Line, e.ID, e.Kind, e.Tag, m.How)
					}
				}
				if !strings.Contains(f.Message, "already") && !strings.Contains(f.Message, "duplicate key") && !strings.Contains(f.Message, "multiple primary") {
					t.Errorf("line %d: message %q, want the server's that something is there already", f.Line, f.Message)
				}
			}
			for id := range want {
				if !found[id] {
					e := archive.Lookup(id)
					t.Errorf("not found: %d %s %s", id, e.Kind, e.Tag)
				}
			}
		})
	}
}
