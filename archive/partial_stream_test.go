package archive_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"testing"

	"github.com/klauspost/compress/gzip"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/toc"
)

// brokenTOC returns a fixture whose table of contents is broken at a byte.
func brokenTOC(tb testing.TB, name string, at int) []byte {
	tb.Helper()
	b, err := os.ReadFile(fixtures.Get(tb, name).Path)
	if err != nil {
		tb.Fatal(err)
	}
	copy(b[at:], bytes.Repeat([]byte{0x7f}, min(3000, len(b)/40)))
	return b
}

// partial returns what is left of an archive, whose opening must have failed.
func partial(tb testing.TB, r *archive.Reader, err error) *archive.Reader {
	tb.Helper()
	var p *archive.PartialError
	if r != nil || !errors.As(err, &p) || !errors.Is(err, archive.ErrCorrupt) && !errors.Is(err, archive.ErrTruncated) {
		tb.Fatalf("reader %v, error %v; want a PartialError of damage alone", r, err)
	}
	tb.Cleanup(func() { p.Partial.Close() })
	return p.Partial
}

// sameEntries fails unless two archives have the same entries.
func sameEntries(t *testing.T, got, want *archive.Reader) {
	t.Helper()
	if len(want.TOC.Entries) < 10 || len(got.TOC.Entries) != len(want.TOC.Entries) {
		t.Fatalf("%d entries, want %d, which should be 10 or more", len(got.TOC.Entries), len(want.TOC.Entries))
	}
	for i, e := range got.TOC.Entries {
		if w := want.TOC.Entries[i]; e.ID != w.ID || e.Defn != w.Defn || e.Tag != w.Tag {
			t.Errorf("entry %d is %d, want %d", i, e.ID, w.ID)
		}
	}
}

// readable counts the tables whose data can be read.
func readable(t *testing.T, r *archive.Reader) int {
	t.Helper()
	n := 0
	for _, e := range r.TOC.Entries {
		if e.Kind != toc.TableData {
			continue
		}
		switch err := readEntry(r, e); {
		case err == nil:
			n++
		case !errors.Is(err, archive.ErrCorrupt) && !errors.Is(err, archive.ErrTruncated):
			t.Errorf("data of %d: %v, want it to be of damage", e.ID, err)
		}
	}
	return n
}

// TestPartialStream breaks the table of contents of a stream in the middle: the
// entries before are there as from a file, and every call ends.
func TestPartialStream(t *testing.T) {
	for _, tt := range []struct {
		name, fixture string
		at            int
		cut           bool // off there
		data          bool // whether there are any
	}{
		{"custom", "15/c-gzip", 150_000, false, false},
		{"custom, cut off", "15/c-gzip", 150_000, true, false},
		{"custom, no offsets", "15/c-pipe", 150_000, false, false},
		{"tar", "18/newline-tar", 4_700, false, true},
		{"tar, cut off", "18/newline-tar", 4_700, true, false},
	} {
		b := brokenTOC(t, tt.fixture, tt.at)
		if tt.cut {
			b = b[:tt.at]
		}
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		_, _ = z.Write(b)
		z.Close()
		for around, b := range map[string][]byte{"": b, ", in gzip": packed.Bytes()} {
			t.Run(tt.name+around, func(t *testing.T) {
				whole := b
				if around != "" {
					whole = unpacked(t, b)
				}
				file, err := reader(whole)
				want := partial(t, file, err)
				r, err := archive.NewStream(struct{ io.Reader }{bytes.NewReader(b)})
				got := partial(t, r, err)
				sameEntries(t, got, want)
				if n := readable(t, got); (n > 0) != tt.data {
					t.Errorf("data of %d tables can be read", n)
				}
				if e, err := got.Next(t.Context()); err == nil || err == io.EOF && !tt.data || err != io.EOF && !sentinel(err) {
					t.Errorf("Next = %v, %v", e, err)
				}

				r, err = archive.NewStream(bytes.NewReader(b))
				got = partial(t, r, err)
				v := verify(t, got)
				if !tt.data && (len(v.Problems) == 0 || len(v.Tables) == 0) {
					t.Errorf("%d problems in %d tables", len(v.Problems), len(v.Tables))
				}
				for _, c := range v.Tables {
					if c.Whole && !tt.data {
						t.Errorf("data of %d are whole", c.Entry.ID)
					}
				}
			})
		}
	}
}

func unpacked(t *testing.T, b []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	whole, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return whole
}

// TestPartialURL does it at a URL: with ranges it is as from a file, without as
// from a stream.
func TestPartialURL(t *testing.T) {
	b := brokenTOC(t, "15/c-gzip", 150_000)
	file, err := reader(b)
	want := partial(t, file, err)
	data := readable(t, want)
	if data == 0 {
		t.Fatal("no data can be read from the file")
	}
	for _, tt := range []struct {
		name  string
		serve http.HandlerFunc
		data  int
	}{
		{"ranges", ranges(b), data},
		{"ranges, cut every 100 kB", cutting(100_000, ranges(b)), data},
		{"no ranges", noRanges(b), 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, tt.serve)
			r, err := archive.OpenURL(t.Context(), s.URL, quick)
			got := partial(t, r, err)
			sameEntries(t, got, want)
			if n := readable(t, got); n != tt.data {
				t.Errorf("data of %d tables can be read, want %d", n, tt.data)
			}
			if tt.data > 0 && got.Size() != int64(len(b)) {
				t.Errorf("Size = %d, want %d", got.Size(), len(b))
			}
		})
	}
}
