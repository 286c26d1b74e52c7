package archive_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/toc"
)

// wide returns n tables of some bytes each.
func wide(n, size int) []source {
	var entries []source
	for i := range n {
		line := fmt.Sprintf("row of table %d\n", i+1)
		entries = append(entries, source{
			Entry: toc.Entry{ID: toc.DumpID(i + 1), Kind: toc.TableData, Tag: fmt.Sprintf("t%d", i+1), Namespace: "public", Section: toc.SectionData,
				HasDumper: true, Copy: fmt.Sprintf("COPY public.t%d (a) FROM stdin;\n", i+1)},
			data: strings.Repeat(line, size/len(line)) + "\\.\n\n\n",
		})
	}
	return entries
}

// A sparse file is mostly zeros.
type sparse struct {
	head []byte
	size int64
}

func (s sparse) ReadAt(p []byte, off int64) (n int, err error) {
	if off < int64(len(s.head)) {
		n = copy(p, s.head[off:])
	}
	clear(p[n:])
	return len(p), nil
}

// TestURLList: opening an archive of 1 GB transfers less than 1 MB more than
// its table of contents, whatever the size of that, in few requests.
func TestURLList(t *testing.T) {
	const size = 1 << 30
	real := open(t, fixtures.Get(t, "18/c-gzip")).TOC.Entries
	for _, times := range []int{1, 2, 5, 10, 30, 100} {
		s := synthetic{major: 1, minor: 16, intSize: 4, offSize: 8, format: 1}
		at := make(map[toc.DumpID]int64)
		for range times {
			for _, e := range real {
				own := *e
				own.ID = toc.DumpID(len(s.entries) + 1)
				own.Deps = nil
				s.entries = append(s.entries, source{Entry: own})
			}
		}
		for i := range s.entries {
			at[s.entries[i].ID] = size/8 + int64(i)*size/2/int64(len(s.entries))
		}
		head := &encoding{synthetic: s, at: at}
		head.header()
		head.toc()
		file := sparse{head.Bytes(), size}
		srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
			http.ServeContent(w, r, "", time.Time{}, io.NewSectionReader(file, 0, size))
		})
		r, err := archive.OpenURL(t.Context(), srv.URL, quick)
		if err != nil {
			t.Fatalf("%d times: %v", times, err)
		}
		if len(r.TOC.Entries) != len(s.entries) || r.Size() != size {
			t.Errorf("%d times: %d entries of %d bytes, want %d of %d", times, len(r.TOC.Entries), r.Size(), len(s.entries), size)
		}
		r.Close()
		more := srv.sent.Load() - int64(head.Len())
		t.Logf("TOC of %d bytes: %d bytes more, %d requests", head.Len(), more, srv.requests.Load())
		if more >= 1e6 {
			t.Errorf("TOC of %d bytes: %d bytes more were sent", head.Len(), more)
		}
		if n, most := srv.requests.Load(), int64(2+head.Len()/(512<<10)+4); n > most {
			t.Errorf("TOC of %d bytes: %d requests, want at most %d", head.Len(), n, most)
		}
	}
}

// TestURLRequests: each block is one request, as long as it.
func TestURLRequests(t *testing.T) {
	b := synthetic{minor: 16, chunk: 1 << 17, entries: wide(8, 3<<20)}.encode(t)
	s := serve(t, ranges(b))
	r, err := archive.OpenURL(t.Context(), s.URL, quick)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	opened := s.requests.Load()
	file, err := reader(b)
	if err != nil {
		t.Fatal(err)
	}
	want := entriesAtOnce(t, file)
	compareEntries(t, "all at once", entriesAtOnce(t, r), want)
	if n := s.requests.Load() - opened; n != 8 {
		t.Errorf("%d requests for 8 blocks", n)
	}
	if n := s.sent.Load(); n > int64(len(b))+256<<10 {
		t.Errorf("%d bytes sent of an archive of %d", n, len(b))
	}
	for _, compression := range []archive.Algorithm{archive.None, archive.Gzip, archive.LZ4, archive.Zstd} {
		for _, noOffsets := range []bool{false, true} {
			name := fmt.Sprint(compression, ", no offsets ", noOffsets)
			b := synthetic{minor: 16, chunk: 4000, compression: compression, noOffsets: noOffsets, entries: wide(10, 500_000)}.encode(t)
			s := serve(t, cutting(100_000, ranges(b)))
			r, err := archive.OpenURL(t.Context(), s.URL, quick)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			file, err := reader(b)
			if err != nil {
				t.Fatal(err)
			}
			compareEntries(t, name, entriesAtOnce(t, r), entriesAtOnce(t, file))
			r.Close()
		}
	}
}

// TestURLLocate: a walk over an archive without offsets is a few long requests.
func TestURLLocate(t *testing.T) {
	b := synthetic{minor: 16, chunk: 2000, noOffsets: true, entries: wide(40, 1<<20)}.encode(t)
	s := serve(t, ranges(b))
	r, err := archive.OpenURL(t.Context(), s.URL, quick)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.Locate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := s.requests.Load(); n > 10 {
		t.Errorf("%d requests", n)
	}
	if n := s.sent.Load(); n > int64(len(b))+2<<20 {
		t.Errorf("%d bytes sent of an archive of %d", n, len(b))
	}
}

// TestURLSmall: many small tables, read in file order or backwards, are not a
// request each.
func TestURLSmall(t *testing.T) {
	b := synthetic{minor: 16, chunk: 2000, entries: wide(2000, 1000)}.encode(t)
	s := serve(t, ranges(b))
	r, err := archive.OpenURL(t.Context(), s.URL, quick)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := readEntries(r); err != nil {
		t.Fatal(err)
	}
	forwards := s.requests.Load()
	if forwards > 30 {
		t.Errorf("%d requests for an archive of %d bytes", forwards, len(b))
	}
	for _, e := range slices.Backward(r.TOC.Entries) {
		if _, _, err := readData(r, e); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.requests.Load() - forwards; n > 150 {
		t.Errorf("%d requests backwards for an archive of %d bytes", n, len(b))
	}
}

// TestURLLeaks: after Close there are neither goroutines nor connections, also
// if data are still open.
func TestURLLeaks(t *testing.T) {
	b := synthetic{minor: 16, chunk: 1 << 17, entries: wide(8, 3<<20)}.encode(t)
	for name, handler := range map[string]http.HandlerFunc{"ranges": ranges(b), "no ranges": noRanges(b)} {
		s := serve(t, handler)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		r, err := archive.OpenURL(ctx, s.URL, quick)
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		if !r.Streaming() {
			for _, e := range r.TOC.Entries {
				wg.Go(func() {
					d, err := r.Data(e)
					if err != nil {
						t.Errorf("Data: %v", err)
						return
					}
					io.CopyN(io.Discard, d, 100_000)
					if e.ID%2 == 0 {
						d.Close()
					}
				})
			}
		}
		wg.Wait()
		r.Close()
		var left []string
		for range 100 {
			if left = clientGoroutines(); len(left) == 0 {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		if len(left) > 0 {
			t.Errorf("%s: %d goroutines are left, the first:\n%s", name, len(left), left[0])
		}
	}
}

// clientGoroutines returns the stacks of goroutines that HTTP clients and this
// package have.
func clientGoroutines() []string {
	stacks := make([]byte, 4<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	var found []string
	for _, stack := range bytes.Split(stacks, []byte("\n\n")) {
		text := string(stack)
		if strings.Contains(text, "net/http.(*persistConn)") || strings.Contains(text, "pgarc/archive.(") {
			found = append(found, text)
		}
	}
	return found
}
