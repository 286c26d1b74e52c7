package archive_test

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/toc"
)

// A server is a web server that counts.
type server struct {
	*httptest.Server
	requests atomic.Int64
	sent     atomic.Int64 // bytes of bodies
}

// serve starts a server.
func serve(tb testing.TB, h http.HandlerFunc) *server {
	tb.Helper()
	s := new(server)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		if r.Method != http.MethodGet { // as presigned URLs do
			w.WriteHeader(http.StatusForbidden)
			return
		}
		if got := r.Header.Get("Accept-Encoding"); got != "identity" {
			tb.Errorf("Accept-Encoding = %q, want identity", got)
		}
		h(writer{w, func(p []byte) { s.sent.Add(int64(len(p))) }}, r)
	}))
	tb.Cleanup(s.Close)
	return s
}

// A writer calls a function before each write.
type writer struct {
	http.ResponseWriter
	before func(p []byte)
}

func (w writer) Write(p []byte) (int, error) {
	w.before(p)
	return w.ResponseWriter.Write(p)
}

func (w writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// ranges serves a file as one should.
func ranges(b []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"one"`)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
	}
}

// noRanges serves a file whole, whatever is asked for.
func noRanges(b []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.Write(b) }
}

// cutting breaks each transfer off after so many bytes.
func cutting(after int, h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		left := after
		h(writer{w, func(p []byte) {
			if left -= len(p); left < 0 {
				w.(writer).ResponseWriter.Write(p[:left+len(p)])
				http.NewResponseController(w).Flush()
				panic(http.ErrAbortHandler)
			}
		}}, r)
	}
}

// busy refuses each range twice.
func busy(h http.HandlerFunc) http.HandlerFunc {
	var asked sync.Map
	return func(w http.ResponseWriter, r *http.Request) {
		n, _ := asked.LoadOrStore(r.Header.Get("Range"), new(atomic.Int64))
		switch n.(*atomic.Int64).Add(1) {
		case 1:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 2:
			w.WriteHeader(http.StatusTooManyRequests)
		default:
			h(w, r)
		}
	}
}

// slow serves in small pieces.
func slow(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		h(writer{w, func([]byte) {
			time.Sleep(2 * time.Millisecond)
			http.NewResponseController(w).Flush()
		}}, r)
	}
}

// redirecting sends to another URL of the same server first.
func redirecting(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/there" {
			http.Redirect(w, r, "/there?signature=x", http.StatusFound)
			return
		}
		h(w, r)
	}
}

// weak serves a file with a weak ETag, by which one cannot ask, and a date.
func weak(b []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `W/"one"`)
		if r.Header.Get("If-Match") != "" {
			w.WriteHeader(http.StatusPreconditionFailed)
			return
		}
		http.ServeContent(w, r, "", time.Unix(1e9, 0), bytes.NewReader(b))
	}
}

// fixtureBytes returns the bytes of a fixture.
func fixtureBytes(tb testing.TB, name string) []byte {
	tb.Helper()
	b, err := os.ReadFile(fixtures.Get(tb, name).Path)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// entriesAtOnce reads all entries at once, each on a goroutine of its own.
func entriesAtOnce(t *testing.T, r *archive.Reader) map[toc.DumpID]string {
	t.Helper()
	var wg sync.WaitGroup
	var mu sync.Mutex
	all := make(map[toc.DumpID]string)
	for _, e := range r.TOC.Entries {
		if !e.HasDumper {
			continue
		}
		wg.Go(func() {
			text, err := wholeEntry(r, e)
			if err != nil {
				t.Errorf("entry %d: %v", e.ID, err)
			}
			mu.Lock()
			defer mu.Unlock()
			all[e.ID] = text
		})
	}
	wg.Wait()
	return all
}

// wholeEntry reads the data, or the large objects, of an entry.
func wholeEntry(r *archive.Reader, e *toc.Entry) (string, error) {
	if e.Kind != toc.Blobs {
		text, _, err := readData(r, e)
		return text, err
	}
	var text strings.Builder
	for lo, err := range r.LargeObjects(e) {
		if err != nil {
			return "", err
		}
		text.WriteString("\n" + toc.DumpID(lo.OID).String() + " ")
		if _, err := io.Copy(&text, lo); err != nil {
			return "", err
		}
	}
	return text.String(), nil
}

// entriesInOrder reads all entries of a stream.
func entriesInOrder(t *testing.T, r *archive.Reader) map[toc.DumpID]string {
	t.Helper()
	all := make(map[toc.DumpID]string)
	for {
		e, err := r.Next(t.Context())
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatalf("Next: %v", err)
		}
		if all[e.ID], err = wholeEntry(r, e); err != nil {
			t.Errorf("entry %d: %v", e.ID, err)
		}
	}
}

func compareEntries(t *testing.T, kind string, got, want map[toc.DumpID]string) {
	t.Helper()
	for _, id := range slices.Sorted(maps.Keys(want)) {
		if got[id] != want[id] {
			t.Errorf("%s: data of entry %d = %.60q (%d bytes), want %.60q (%d bytes)", kind, id, got[id], len(got[id]), want[id], len(want[id]))
		}
	}
	if len(got) != len(want) {
		t.Errorf("%s: %d entries with data, want %d", kind, len(got), len(want))
	}
}
