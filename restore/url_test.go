package restore_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/internal/pgscratch/scratchtest"
	"github.com/pgarc/pgarc/restore"
)

// TestSameFromURL restores from web servers: one as it should be, one that
// breaks off every 100 kB, and one that gives whole files only.
func TestSameFromURL(t *testing.T) {
	s := server(t)
	for _, name := range []string{"15/c-none", "15/c-gzip", "15/c-pipe", "15/lobs", "13/newline-tar"} {
		f := fixtures.Get(t, name)
		if !readable(t, s, f.Path) {
			continue
		}
		theirs, problems := judged(t, s, f.Path, "", "")
		want := dump(t, s, theirs)
		for kind, handler := range map[string]http.HandlerFunc{
			"ranges": func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, f.Path) },
			"cut":    func(w http.ResponseWriter, r *http.Request) { http.ServeFile(&cutter{w, 100_000}, r, f.Path) },
			"whole": func(w http.ResponseWriter, r *http.Request) {
				b, err := os.ReadFile(f.Path)
				if err != nil {
					t.Error(err)
				}
				w.Write(b)
			},
		} {
			t.Run(name+" "+kind, func(t *testing.T) {
				web := httptest.NewServer(handler)
				defer web.Close()
				a, err := archive.OpenURL(t.Context(), web.URL+"/backup.dump", archive.URLOptions{RetryPolicy: archive.RetryPolicy{Backoff: time.Millisecond}})
				if err != nil {
					t.Fatal(err)
				}
				defer a.Close()
				if a.Streaming() != (kind == "whole") {
					t.Errorf("Streaming() = %v", a.Streaming())
				}
				ours := scratchtest.Database(t, s)
				result := runReader(t, s, a, ours, restore.Options{Jobs: 4})
				if problems == "" || onlyPublic(problems) {
					expectNoFailures(t, result)
				}
				compareDumps(t, dump(t, s, ours), want)
			})
		}
	}
}

// A cutter breaks a response off.
type cutter struct {
	http.ResponseWriter
	left int
}

func (c *cutter) Write(p []byte) (int, error) {
	if c.left -= len(p); c.left < 0 {
		c.ResponseWriter.Write(p[:c.left+len(p)])
		http.NewResponseController(c.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	}
	return c.ResponseWriter.Write(p)
}
