package archive_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/toc"
)

// golden returns what pg_restore makes of a fixture as a script.
func golden(tb testing.TB, f fixtures.Fixture) string {
	tb.Helper()
	file, err := os.Open(f.SQLPath)
	if err != nil {
		tb.Fatal(err)
	}
	defer file.Close()
	z, err := gzip.NewReader(file)
	if err != nil {
		tb.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		tb.Fatalf("%s: %v", f.SQLPath, err)
	}
	return string(text)
}

func open(tb testing.TB, f fixtures.Fixture) *archive.Reader {
	tb.Helper()
	r, err := archive.Open(f.Path)
	if err != nil {
		tb.Fatalf("Open: %v", err)
	}
	tb.Cleanup(func() { r.Close() })
	return r
}

// readData reads the data of one entry to the end.
func readData(r *archive.Reader, e *toc.Entry) (text string, stored int64, err error) {
	d, err := r.Data(e)
	if err != nil {
		return "", 0, err
	}
	defer d.Close()
	var b strings.Builder
	_, err = io.Copy(&b, d)
	return b.String(), d.Stored(), err
}

// readObjects reads the large objects of all BLOBS entries.
func readObjects(r *archive.Reader) (map[uint32]string, error) {
	objects := make(map[uint32]string)
	for _, e := range r.TOC.Entries {
		if e.Kind != toc.Blobs || !e.HasDumper {
			continue
		}
		for lo, err := range r.LargeObjects(e) {
			if err != nil {
				return nil, err
			}
			b, err := io.ReadAll(lo)
			if err != nil {
				return nil, err
			}
			if _, ok := objects[lo.OID]; ok {
				return nil, fmt.Errorf("large object %d occurs twice", lo.OID)
			}
			objects[lo.OID] = string(b)
		}
	}
	return objects, nil
}

// goldenObjects takes the large objects out of a script.
func goldenObjects(tb testing.TB, sql string) map[uint32]string {
	tb.Helper()
	objects := make(map[uint32]string)
	var oid uint32
	for line := range strings.Lines(sql) {
		if rest, ok := strings.CutPrefix(line, "SELECT pg_catalog.lo_open('"); ok {
			n, err := strconv.ParseUint(rest[:strings.IndexByte(rest, '\'')], 10, 32)
			if err != nil {
				tb.Fatalf("%q: %v", line, err)
			}
			oid = uint32(n)
			objects[oid] = ""
		}
		if rest, ok := strings.CutPrefix(line, `SELECT pg_catalog.lowrite(0, '\x`); ok {
			b, err := hex.DecodeString(rest[:strings.IndexByte(rest, '\'')])
			if err != nil {
				tb.Fatalf("%q: %v", line, err)
			}
			objects[oid] += string(b)
		}
	}
	return objects
}

// TestFixtures reads every real archive to the end and compares all data with
// what pg_restore makes of it, byte for byte.
func TestFixtures(t *testing.T) {
	for _, f := range fixtures.All(t) {
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			r := open(t, f)
			testHeader(t, r, f)
			if err := r.Locate(t.Context()); err != nil {
				t.Fatalf("Locate: %v", err)
			}
			sql := golden(t, f)
			testListing(t, r, f)
			testData(t, r, sql)
			testObjects(t, r, sql)
			if len(r.Warnings) > 0 {
				t.Errorf("Warnings = %q", r.Warnings)
			}
		})
	}
}

func testHeader(t *testing.T, r *archive.Reader, f fixtures.Fixture) {
	t.Helper()
	h := r.Header
	if got := strings.ReplaceAll(h.Version.String(), "-", "."); got != f.ArchiveVersion {
		t.Errorf("Version = %s, want %s", got, f.ArchiveVersion)
	}
	if h.DumpVersion != f.PGDump {
		t.Errorf("DumpVersion = %q, want %q", h.DumpVersion, f.PGDump)
	}
	if h.Format.String() != f.Format {
		t.Errorf("Format = %s, want %s", h.Format, f.Format)
	}
	want := h.Compression.Algorithm.String()
	if h.Compression.HasLevel {
		want += fmt.Sprintf("(%d)", h.Compression.Level)
	}
	if want != f.Compression {
		t.Errorf("Compression = %s, want %s", want, f.Compression)
	}
	if h.Created.Year() != 2026 {
		t.Errorf("Created = %v", h.Created)
	}
	if len(r.TOC.Entries) != f.Entries {
		t.Errorf("%d entries, want %d", len(r.TOC.Entries), f.Entries)
	}
	if r.Size() != f.Bytes {
		t.Errorf("Size() = %d, want %d", r.Size(), f.Bytes)
	}
}

// testListing looks for the lines of pg_restore -l.
func testListing(t *testing.T, r *archive.Reader, f fixtures.Fixture) {
	t.Helper()
	list, err := os.ReadFile(f.ListPath)
	if err != nil {
		t.Fatal(err)
	}
	oneLine := strings.NewReplacer("\n", " ", "\r", " ")
	orDash := func(s string) string {
		if s == "" {
			return "-"
		}
		return oneLine.Replace(s)
	}
	have := make(map[string]bool)
	for _, e := range r.TOC.Entries {
		line := fmt.Sprintf("%d; %d %d %s %s %s %s\n", e.ID, e.ClassOID, e.OID, e.Kind, orDash(e.Namespace), oneLine.Replace(e.Tag), oneLine.Replace(e.Owner.String))
		have[line] = true
	}
	n := 0
	for line := range strings.Lines(string(list)) {
		if strings.HasPrefix(line, ";") {
			continue
		}
		n++
		if !have[line] {
			t.Errorf("no entry like %q", line)
		}
	}
	if (n == 0) != (f.Listed == 0) {
		t.Errorf("%d lines in the listing, want %d", n, f.Listed)
	}
}

// testData looks for each entry's data in the script, in its order.
func testData(t *testing.T, r *archive.Reader, sql string) {
	t.Helper()
	marks := strings.Count(sql, "\n\\.\n") // ends of COPY data
	inserts := false
	for _, e := range r.TOC.Entries {
		if e.Kind == toc.Blobs || e.Data == toc.DataNone {
			continue
		}
		data, stored, err := readData(r, e)
		if err != nil {
			t.Errorf("data of %d %s %s: %v", e.ID, e.Kind, e.Tag, err)
			continue
		}
		if stored != e.DataSize {
			t.Errorf("data of %d: Stored() = %d, DataSize = %d", e.ID, stored, e.DataSize)
		}
		marks--
		inserts = inserts || e.Copy == ""
		_, rest, ok := strings.Cut(sql, "\n"+e.Copy+data)
		if !ok {
			t.Errorf("data of %d %s %s are not in the script: %.200q", e.ID, e.Kind, e.Tag, data)
			continue
		}
		sql = "\n" + rest
	}
	if marks != 0 && !inserts { // INSERT commands may have the mark in a value
		t.Errorf("the script has the data of %d more entries", marks)
	}
}

func testObjects(t *testing.T, r *archive.Reader, sql string) {
	t.Helper()
	got, err := readObjects(r)
	if err != nil {
		t.Errorf("large objects: %v", err)
	}
	want := goldenObjects(t, sql)
	for oid, w := range want {
		if g, ok := got[oid]; !ok || g != w {
			t.Errorf("large object %d = %.50q, want %.50q", oid, g, w)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d large objects, want %d", len(got), len(want))
	}
}

// TestConcurrent reads everything from many goroutines at once, from an
// archive that must be walked first too.
func TestConcurrent(t *testing.T) {
	for _, name := range []string{"18/c-pipe", "18/c-gzip", "18/c-zstd", "18/c-lz4", "18/lobs-dir-lz4", "17/lobs-tar"} {
		t.Run(name, func(t *testing.T) {
			f := fixtures.Get(t, name)
			alone := everything(t, open(t, f))
			r := open(t, f)
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					if got := everything(t, r); got != alone {
						t.Errorf("checksum of all data = %s, when read alone %s", got, alone)
					}
				})
			}
			wg.Wait()
		})
	}
}

// everything reads all data and large objects and returns their checksum.
func everything(t *testing.T, r *archive.Reader) string {
	sum := sha256.New()
	for _, e := range r.TOC.Entries {
		if !e.HasDumper || e.Kind == toc.Blobs {
			continue
		}
		data, _, err := readData(r, e)
		if err != nil {
			t.Errorf("data of %d: %v", e.ID, err)
		}
		io.WriteString(sum, data)
	}
	objects, err := readObjects(r)
	if err != nil {
		t.Errorf("large objects: %v", err)
	}
	for _, oid := range slices.Sorted(maps.Keys(objects)) {
		fmt.Fprintf(sum, "%d %s", oid, objects[oid])
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// TestNewReader reads an archive from memory.
func TestNewReader(t *testing.T) {
	f := fixtures.Get(t, "15/c-gzip")
	b, err := os.ReadFile(f.Path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := archive.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	testData(t, r, golden(t, f))
	if err := r.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// TestSkipObjects leaves large objects unread, or half read.
func TestSkipObjects(t *testing.T) {
	for _, name := range []string{"15/lobs", "18/lobs", "18/lobs-dir-lz4", "17/lobs-tar"} {
		t.Run(name, func(t *testing.T) {
			r := open(t, fixtures.Get(t, name))
			all, err := readObjects(r)
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for _, e := range r.TOC.Entries {
				if e.Kind != toc.Blobs {
					continue
				}
				for lo, err := range r.LargeObjects(e) {
					if err != nil {
						t.Fatal(err)
					}
					start := make([]byte, min(n%3, len(all[lo.OID])))
					if _, err := io.ReadFull(lo, start); err != nil || string(start) != all[lo.OID][:len(start)] {
						t.Errorf("large object %d starts with %q, %v, want %.2q", lo.OID, start, err, all[lo.OID])
					}
					n++
				}
			}
			if n != len(all) || n == 0 {
				t.Errorf("%d large objects, want %d", n, len(all))
			}
		})
	}
}
