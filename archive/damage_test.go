package archive_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/toc"
)

// readAll opens an archive and reads all that is in it. It returns the first
// error, and how many bytes of data there were.
func readAll(b []byte) (n int64, err error) {
	r, err := reader(b)
	if err != nil {
		return 0, err
	}
	return readEntries(r)
}

func readEntries(r *archive.Reader) (n int64, err error) {
	for _, e := range r.TOC.Entries {
		switch {
		case e.Data == toc.DataNone:
		case e.Kind == toc.Blobs:
			for lo, loErr := range r.LargeObjects(e) {
				if loErr != nil {
					err = errors.Join(err, loErr)
					break
				}
				m, copyErr := io.Copy(io.Discard, io.LimitReader(lo, 16<<20))
				n += m
				err = errors.Join(err, copyErr)
			}
		default:
			d, dataErr := r.Data(e)
			if dataErr != nil {
				err = errors.Join(err, dataErr)
				continue
			}
			m, copyErr := io.Copy(io.Discard, io.LimitReader(d, 16<<20))
			n += m
			err = errors.Join(err, copyErr)
			d.Close()
		}
	}
	return n, err
}

// typed reports whether an error is one that the package documents.
func typed(err error) bool {
	var f *archive.FormatError
	var n *archive.NotArchiveError
	var u *archive.UnsupportedVersionError
	return errors.As(err, &f) || errors.As(err, &n) || errors.As(err, &u)
}

// damaged are the archives that are damaged in every way.
func damaged(tb testing.TB) map[string][]byte {
	tb.Helper()
	all := make(map[string][]byte)
	for _, name := range []string{"18/newline", "15/newline", "18/empty", "18/lobs"} {
		b, err := os.ReadFile(fixtures.Get(tb, name).Path)
		if err != nil {
			tb.Fatal(err)
		}
		all[name] = b
	}
	for a := archive.None; a <= archive.Zstd; a++ {
		all["synthetic "+a.String()] = synthetic{minor: 16, compression: a, entries: sample()}.encode(tb)
		all["synthetic no offsets "+a.String()] = synthetic{minor: 16, compression: a, noOffsets: true, entries: sample()}.encode(tb)
	}
	all["synthetic 1.0"] = synthetic{compression: archive.Gzip, entries: sample()[:7]}.encode(tb)
	all["synthetic 1.4"] = synthetic{minor: 4, entries: sample()}.encode(tb)
	return all
}

// TestTruncation cuts archives at every byte: reading all must fail, and say
// that it is for the cut.
func TestTruncation(t *testing.T) {
	for name, whole := range damaged(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			step := 1 + len(whole)/1500
			for n := len(whole) - 1; n >= 0; n -= step {
				_, err := readAll(whole[:n:n])
				switch {
				case err == nil:
					t.Errorf("cut to %d of %d bytes: no error", n, len(whole))
				case n < 5 && !errors.Is(err, archive.ErrNotArchive):
					t.Errorf("cut to %d bytes: %v, want ErrNotArchive", n, err)
				case n >= 5 && !(errors.Is(err, archive.ErrTruncated) && errors.Is(err, io.ErrUnexpectedEOF)):
					t.Errorf("cut to %d bytes: %v, want ErrTruncated", n, err)
				}
			}
		})
	}
}

// TestBitFlips turns bits over. Whatever comes of it must be a typed error or
// no error, and not take much memory. (Under the race detector sync.Pool drops
// buffers now and then.)
func TestBitFlips(t *testing.T) {
	for name, whole := range damaged(t) {
		t.Run(name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, 2))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			const times = 1500
			for range times {
				b := slices.Clone(whole)
				var at int
				for range 1 + random.IntN(3) {
					at = random.IntN(len(b))
					b[at] ^= 1 << random.IntN(8)
				}
				if _, err := readAll(b); err != nil && !typed(err) {
					t.Fatalf("bit of byte %d: untyped error %v", at, err)
				}
			}
			runtime.ReadMemStats(&after)
			if per := (after.TotalAlloc - before.TotalAlloc) / times; per > 4<<20+uint64(len(whole)) && !strings.Contains(name, "zstd") {
				t.Errorf("%d bytes allocated for an archive of %d", per, len(whole))
			}
		})
	}
}

// TestFlippedData turns bits of compressed data over: Adler-32 finds all but
// those that mean nothing.
func TestFlippedData(t *testing.T) {
	whole := synthetic{minor: 16, compression: archive.Gzip, entries: sample(), chunk: 1 << 20}.encode(t)
	r, err := reader(whole)
	if err != nil {
		t.Fatal(err)
	}
	e := r.TOC.Lookup(20)
	const framing = 6 + 5
	for at := e.Offset + framing; at < e.Offset+e.DataSize-5; at++ {
		for bit := range 8 {
			b := slices.Clone(whole)
			b[at] ^= 1 << bit
			r, err := reader(b)
			if err != nil {
				t.Fatal(err)
			}
			data, _, err := readData(r, r.TOC.Lookup(20))
			if same := err == nil && data == sample()[5].data; !same && !errors.Is(err, archive.ErrCorrupt) {
				t.Errorf("bit %d of byte %#x: %q, %v, want ErrCorrupt", bit, at, data, err)
			}
		}
	}
}

// TestStreamEnds cuts compressed streams, and adds to them, inside intact
// framing.
func TestStreamEnds(t *testing.T) {
	const text = "some rows\nof a table\n\\.\n\n\n"
	for a := archive.Gzip; a <= archive.Zstd; a++ {
		stored := string(compress(t, a, text))
		try := func(stored string) (int64, error) {
			// An archive that says it is compressed, around a raw stream.
			s := synthetic{minor: 16, entries: []source{{Entry: toc.Entry{ID: 9, Kind: toc.TableData, Tag: "t", Section: toc.SectionData, HasDumper: true}, data: stored}}}
			b := s.encode(t)
			b[11] = byte(a)
			return readAll(b)
		}
		if n, err := try(stored); err != nil || n != int64(len(text)) {
			t.Fatalf("%s: %d bytes, %v", a, n, err)
		}
		for n := range len(stored) {
			if _, err := try(stored[:n]); !errors.Is(err, archive.ErrCorrupt) {
				t.Errorf("%s: %d of %d bytes: err = %v, want ErrCorrupt", a, n, len(stored), err)
			}
		}
		for n := 1; n < 12; n++ {
			if _, err := try(stored + "garbage of a kind"[:n]); !errors.Is(err, archive.ErrCorrupt) {
				t.Errorf("%s: %d bytes behind the end: err = %v, want ErrCorrupt", a, n, err)
			}
		}
	}
}

// TestDamage asserts what each kind of damage is called.
func TestDamage(t *testing.T) {
	base := synthetic{minor: 16, entries: sample()}
	good := base.encode(t)
	r, err := reader(good)
	if err != nil {
		t.Fatal(err)
	}
	at := func(id toc.DumpID) int64 { return r.TOC.Lookup(id).Offset }
	const (
		header   = 0x0c + 7*5 + 5 + 6 + 2*(5+5) // where the TOC starts
		entry    = header + 5
		firstStr = entry + 10
	)
	put := func(offset int64, bytes ...byte) func(b []byte) []byte {
		return func(b []byte) []byte { copy(b[offset:], bytes); return b }
	}
	with := func(change func(s *synthetic)) func([]byte) []byte {
		return func([]byte) []byte {
			s := synthetic{minor: 16, entries: sample()}
			change(&s)
			return s.encode(t)
		}
	}
	tests := []struct {
		name   string
		damage func(b []byte) []byte
		want   error
		text   string
	}{
		{"integer size 0", put(8, 0), archive.ErrCorrupt, "archive at byte 0xa: integer size 0, offset size 8"},
		{"integer size 33", put(8, 33), archive.ErrCorrupt, "archive at byte 0xa: integer size 33, offset size 8"},
		{"compression", put(11, 4), archive.ErrUnsupported, "archive at byte 0xc: compression algorithm 4"},
		{"format files", put(10, 2), archive.ErrUnsupported, "archive at byte 0x4e: the \"files\" format of PostgreSQL 7"},
		{"format 9", put(10, 9), archive.ErrCorrupt, "archive at byte 0x4e: format 9 in the header, 1 expected"},
		{"toc.dat", put(10, 3), archive.ErrNotArchive, "not a pg_dump archive: this is the table of contents (toc.dat) of an archive in directory or tar format"},
		{"count negative", put(header, 1), archive.ErrCorrupt, "archive at byte 0x53: TOC of -9 entries"},
		{"count huge", put(header+1, 255, 255, 255, 127), nil, ""},
		{"dump id 0", put(entry+1, 0), archive.ErrCorrupt, "toc entry no. 1 at byte 0x58: dump id 0"},
		{"dump id negative", put(entry, 1), archive.ErrCorrupt, "toc entry no. 1 at byte 0x58: dump id -90"},
		{"string length", put(firstStr+1, 0, 0, 0, 127), archive.ErrTruncated, fmt.Sprintf("toc entry 90 (no. 1) at byte 0x5d: string of 2130706432 bytes, %d left", len(good)-firstStr-5)},
		{"no tag", with(func(s *synthetic) { s.nullTag = true }), archive.ErrCorrupt, "toc entry 90 (no. 1) at byte 0x6e: no tag"},
		{"id twice", with(func(s *synthetic) { s.entries[1].ID = 90 }), archive.ErrCorrupt, `archive at byte 0x4e: table of contents: dump id 90 occurs twice in the TOC: ENCODING "ENCODING" and STDSTRINGS "STDSTRINGS"`},
		{"encoding", with(func(s *synthetic) { s.entries[0].Defn = "x" }), archive.ErrCorrupt, `archive at byte 0x4e: table of contents: invalid ENCODING entry: "x"`},
		{"section", with(func(s *synthetic) { s.entries[3].Section = 5 }), archive.ErrCorrupt, ""},
		{"block type", put(at(20), 3), archive.ErrCorrupt, fmt.Sprintf("data of entry 20 at byte %#x: data block of type 3, 1 expected", at(20))},
		{"block id", put(at(20)+2, 21), archive.ErrCorrupt, fmt.Sprintf("data of entry 20 at byte %#x: data block of entry 21", at(20))},
		{"chunk length negative", put(at(20)+6, 1), archive.ErrCorrupt, fmt.Sprintf("data of entry 20 at byte %#x: chunk of -7 bytes", at(20)+11)},
		{"chunk length huge", put(at(20)+7, 255, 255, 255, 127), archive.ErrTruncated, ""},
		{"block type, no offsets", func([]byte) []byte {
			s := synthetic{minor: 16, noOffsets: true, entries: sample()}
			return put(at(21), 7)(s.encode(t))
		}, archive.ErrCorrupt, ""},
		{"block of nobody, no offsets", func([]byte) []byte {
			s := synthetic{minor: 16, noOffsets: true, entries: sample()}
			return put(at(21)+2, 99)(s.encode(t))
		}, archive.ErrCorrupt, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := readAll(tt.damage(slices.Clone(good)))
			if err == nil || !typed(err) || tt.want != nil && !errors.Is(err, tt.want) {
				t.Fatalf("err = %v, want %v", err, tt.want)
			}
			if tt.text != "" && err.Error() != tt.text {
				t.Errorf("err = %q\nwant  %q", err, tt.text)
			}
		})
	}
}

// TestNoData asks for data that are not there.
func TestNoData(t *testing.T) {
	r, err := reader(synthetic{minor: 16, entries: sample()}.encode(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []*toc.Entry{r.TOC.Lookup(7), r.TOC.Lookup(22), {ID: 999}} {
		if _, err := r.Data(e); !errors.Is(err, archive.ErrNoData) {
			t.Errorf("Data of %d: err = %v, want ErrNoData", e.ID, err)
		}
	}
	for _, e := range []*toc.Entry{r.TOC.Lookup(7), r.TOC.Lookup(20), {ID: 999}} {
		for _, err := range r.LargeObjects(e) {
			if !errors.Is(err, archive.ErrNoData) {
				t.Errorf("LargeObjects of %d: err = %v, want ErrNoData", e.ID, err)
			}
		}
	}
}

// TestClosed reads after Close, and closes twice.
func TestClosed(t *testing.T) {
	r, err := reader(synthetic{minor: 16, compression: archive.Gzip, entries: sample()}.encode(t))
	if err != nil {
		t.Fatal(err)
	}
	d, err := r.Data(r.TOC.Lookup(20))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := d.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	if n, err := d.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrClosed) {
		t.Errorf("Read after Close = %d, %v", n, err)
	}
}

// failing is a file with a bad place.
type failing struct {
	io.ReaderAt
	from int64
	err  error
	call func()
}

func (f *failing) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > f.from {
		if f.call != nil {
			f.call()
		} else {
			return 0, f.err
		}
	}
	return f.ReaderAt.ReadAt(p, off)
}

// TestIOError: an error of the file is passed on and not called damage.
func TestIOError(t *testing.T) {
	b := synthetic{minor: 16, entries: sample()}.encode(t)
	bad := errors.New("bad disk")
	for from := int64(len(b)) - 1; from > 0; from -= 50 {
		r, err := archive.NewReader(&failing{ReaderAt: bytes.NewReader(b), from: from, err: bad}, int64(len(b)))
		if err == nil {
			_, err = readEntries(r)
		}
		if !errors.Is(err, bad) || errors.Is(err, archive.ErrTruncated) || errors.Is(err, archive.ErrCorrupt) {
			t.Errorf("bad from byte %d: err = %v", from, err)
		}
	}
}

// TestDeclaredSizes: numbers in the file decide over no memory.
func TestDeclaredSizes(t *testing.T) {
	good := synthetic{minor: 16, entries: sample()}.encode(t)
	r, err := reader(good)
	if err != nil {
		t.Fatal(err)
	}
	huge := []byte{0, 255, 255, 255, 127}
	for name, at := range map[string]int64{
		"database name": 0x2f,
		"TOC count":     0x4e,
		"tag length":    0x53 + 5 + 5 + 6 + 6,
		"chunk length":  r.TOC.Lookup(20).Offset + 6,
		"object's":      r.TOC.Lookup(22).Offset + 6 + 5,
	} {
		b := slices.Clone(good)
		copy(b[at:], huge)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := readAll(b)
		runtime.ReadMemStats(&after)
		if !errors.Is(err, archive.ErrTruncated) && !errors.Is(err, archive.ErrCorrupt) {
			t.Errorf("%s: %v, want an error", name, err)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 4<<20 {
			t.Errorf("%s: %d bytes allocated", name, n)
		}
	}
}
