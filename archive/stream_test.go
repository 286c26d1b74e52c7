package archive_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/toc"
)

// oddReader gives a few bytes at a time.
type oddReader struct {
	r      io.Reader
	random *rand.Rand
}

func odd(r io.Reader) io.Reader { return oddReader{r, rand.New(rand.NewPCG(3, 4))} }

func (o oddReader) Read(p []byte) (int, error) {
	return o.r.Read(p[:min(len(p), 1+o.random.IntN(40_000))])
}

// piped sends b through a pipe.
func piped(t *testing.T, b []byte) io.Reader {
	r, w := io.Pipe()
	t.Cleanup(func() { r.Close() })
	go func() {
		_, err := io.Copy(struct{ io.Writer }{w}, odd(bytes.NewReader(b)))
		w.CloseWithError(err)
	}()
	return r
}

func newStream(tb testing.TB, r io.Reader) *archive.Reader {
	tb.Helper()
	a, err := archive.NewStream(r)
	if err != nil {
		tb.Fatalf("NewStream: %v", err)
	}
	tb.Cleanup(func() { a.Close() })
	return a
}

// entryData is all data of an archive.
type entryData map[toc.DumpID]string

// load reads the data of an entry, opened in time.
func load(e *toc.Entry, d *archive.Data, objects func(func(archive.LargeObject, error) bool)) (string, error) {
	if objects == nil {
		defer d.Close()
		b, err := io.ReadAll(d)
		return string(b), err
	}
	all := make(map[uint32]string)
	for lo, err := range objects {
		if err != nil {
			return "", err
		}
		b, err := io.ReadAll(lo)
		if err != nil {
			return "", err
		}
		all[lo.OID] = string(b)
	}
	var b strings.Builder
	for _, oid := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&b, "%d %q\n", oid, all[oid])
	}
	return b.String(), nil
}

// openEntry opens what an entry has.
func openEntry(r *archive.Reader, e *toc.Entry) (d *archive.Data, objects func(func(archive.LargeObject, error) bool), err error) {
	if e.Kind == toc.Blobs {
		return nil, r.LargeObjects(e), nil
	}
	d, err = r.Data(e)
	return d, nil, err
}

// random reads the data of an archive that can be read in any order.
func randomAccess(tb testing.TB, r *archive.Reader) entryData {
	tb.Helper()
	all := make(entryData)
	for _, e := range r.TOC.Entries {
		if e.Data == toc.DataNone {
			continue
		}
		d, objects, err := openEntry(r, e)
		if err != nil {
			tb.Fatal(err)
		}
		if all[e.ID], err = load(e, d, objects); err != nil {
			tb.Fatal(err)
		}
	}
	return all
}

// streamAll reads a stream as NewStream's example does, with so many consumers,
// and without the entries for which skip says so.
func streamAll(ctx context.Context, r *archive.Reader, consumers int, skip func(*toc.Entry) bool) (entryData, error) {
	type job struct {
		e       *toc.Entry
		d       *archive.Data
		objects func(func(archive.LargeObject, error) bool)
	}
	all := make(entryData)
	var first error
	var mu sync.Mutex
	var workers sync.WaitGroup
	jobs := make(chan job)
	for range consumers {
		workers.Go(func() {
			for j := range jobs {
				text, err := load(j.e, j.d, j.objects)
				mu.Lock()
				all[j.e.ID] = text
				if err != nil && first == nil {
					first = err
				}
				mu.Unlock()
			}
		})
	}
	var err error
	for {
		var e *toc.Entry
		if e, err = r.Next(ctx); err != nil {
			break
		}
		if skip != nil && skip(e) {
			continue
		}
		j := job{e: e}
		if j.d, j.objects, err = openEntry(r, e); err != nil {
			break
		}
		jobs <- j
	}
	close(jobs)
	workers.Wait()
	if err == io.EOF {
		err = nil
	}
	return all, errors.Join(first, err)
}

// sameData compares what was read of a stream with the data of the file. skip
// says what is missing by intent.
func sameData(t *testing.T, got, want entryData, skip func(*toc.Entry) bool, entries *toc.TOC) {
	t.Helper()
	for id, w := range want {
		g, ok := got[id]
		skipped := skip != nil && skip(entries.Lookup(id))
		if ok == skipped || ok && g != w {
			t.Errorf("data of %d: %d bytes, %.40q…, read: %v; want %d bytes, skipped: %v", id, len(g), g, ok, len(w), skipped)
		}
	}
	for id := range got {
		if _, ok := want[id]; !ok {
			t.Errorf("data of %d, which has none", id)
		}
	}
}

// sameTOC compares all but where the data are.
func sameTOC(t *testing.T, got, want *archive.Reader) {
	t.Helper()
	if g, w := fmt.Sprintf("%+v", got.Header), fmt.Sprintf("%+v", want.Header); g != w {
		t.Errorf("Header = %s\nwant     %s", g, w)
	}
	if len(got.TOC.Entries) != len(want.TOC.Entries) {
		t.Fatalf("%d entries, want %d", len(got.TOC.Entries), len(want.TOC.Entries))
	}
	for i, e := range got.TOC.Entries {
		g, w := *e, *want.TOC.Entries[i]
		if (g.Data == toc.DataNone) != (w.Data == toc.DataNone) || g.Data == toc.DataLocated && g.DataSize != w.DataSize && g.DataSize != -1 {
			t.Errorf("entry %d: Data %d, DataSize %d, want %d, %d", g.ID, g.Data, g.DataSize, w.Data, w.DataSize)
		}
		g.Data, g.Offset, g.DataSize = w.Data, w.Offset, w.DataSize
		if fmt.Sprintf("%+v", g) != fmt.Sprintf("%+v", w) {
			t.Errorf("entry %d: %+v\nwant %+v", i, g, w)
		}
	}
}

// TestStreamFixtures reads every real archive as a stream: with one consumer,
// with several side by side, and leaving some out.
func TestStreamFixtures(t *testing.T) {
	for _, f := range fixtures.All(t) {
		if f.Format == "directory" {
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			b, err := os.ReadFile(f.Path)
			if err != nil {
				t.Fatal(err)
			}
			file := open(t, f)
			want := randomAccess(t, file)
			for _, consumers := range []int{1, 2, 4} {
				r := newStream(t, piped(t, b))
				sameTOC(t, r, file)
				if !r.Streaming() || r.Size() != -1 || file.Streaming() || len(r.Warnings) > 0 && f.Format == "custom" {
					t.Errorf("Streaming() = %v, Size() = %d, file's Streaming() = %v, Warnings = %q", r.Streaming(), r.Size(), file.Streaming(), r.Warnings)
				}
				got, err := streamAll(t.Context(), r, consumers, nil)
				if err != nil {
					t.Error(err)
				}
				sameData(t, got, want, nil, file.TOC)
			}
			for seed := range uint32(3) {
				skip := func(e *toc.Entry) bool { return (uint32(e.ID)*2654435761>>16+seed)%3 == 0 }
				got, err := streamAll(t.Context(), newStream(t, odd(bytes.NewReader(b))), 2, skip)
				if err != nil {
					t.Error(err)
				}
				sameData(t, got, want, skip, file.TOC)
			}
			if len(b) < 50_000 {
				got, err := streamAll(t.Context(), newStream(t, iotest.OneByteReader(bytes.NewReader(b))), 1, nil)
				if err != nil {
					t.Error(err)
				}
				sameData(t, got, want, nil, file.TOC)
			}
		})
	}
}

// TestStreamOrder: InOrder is the order in which data come.
func TestStreamOrder(t *testing.T) {
	for _, f := range fixtures.All(t) {
		if f.Format == "directory" {
			continue
		}
		b, err := os.ReadFile(f.Path)
		if err != nil {
			t.Fatal(err)
		}
		r := newStream(t, bytes.NewReader(b))
		for i, want := range r.InOrder() {
			e, err := r.Next(t.Context())
			if err != nil {
				t.Errorf("%s: %v", f, err)
				break
			}
			if e != want {
				t.Errorf("%s: no. %d is entry %d, want %d", f, i, e.ID, want.ID)
				break
			}
		}
		if e, err := r.Next(t.Context()); err != io.EOF {
			t.Errorf("%s: Next at the end = %v, %v, want io.EOF", f, e, err)
		}
	}
}

// TestStreamVersions streams every layout of the custom format.
func TestStreamVersions(t *testing.T) {
	samples(t, func(t *testing.T, s synthetic) {
		b := s.encode(t)
		file, err := reader(b)
		if err != nil {
			t.Fatal(err)
		}
		want := randomAccess(t, file)
		r := newStream(t, iotest.HalfReader(bytes.NewReader(b)))
		sameTOC(t, r, file)
		got, err := streamAll(t.Context(), r, 2, nil)
		if err != nil {
			t.Error(err)
		}
		sameData(t, got, want, nil, file.TOC)
	})
}

// TestStreamNewer: a newer minor version is read if data follow on its TOC.
func TestStreamNewer(t *testing.T) {
	for _, s := range []synthetic{
		{minor: 17, entries: sample()}, {minor: 17, entries: sample(), noOffsets: true}, {minor: 17, entries: sample()[:5]},
	} {
		r := newStream(t, bytes.NewReader(s.encode(t)))
		if len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "newer") {
			t.Errorf("Warnings = %q", r.Warnings)
		}
		if _, err := streamAll(t.Context(), r, 1, nil); err != nil {
			t.Error(err)
		}
		s.unknownField = true
		if _, err := archive.NewStream(bytes.NewReader(s.encode(t))); !errors.Is(err, archive.ErrUnsupported) {
			t.Errorf("unknown layout: %v, want ErrUnsupported", err)
		}
	}
}

// TestStreamByData opens entries without Next.
func TestStreamByData(t *testing.T) {
	for _, noOffsets := range []bool{false, true} {
		b := synthetic{minor: 16, entries: sample(), noOffsets: noOffsets, copyTOC: noOffsets}.encode(t)
		r := newStream(t, bytes.NewReader(b))
		if err := r.Locate(t.Context()); err != nil {
			t.Errorf("Locate: %v", err)
		}
		if got, _, err := readData(r, r.TOC.Lookup(21)); err != nil || got != sample()[6].data {
			t.Errorf("data of 21 = %q, %v", got, err)
		}
		for _, id := range []toc.DumpID{20, 21} {
			if _, err := r.Data(r.TOC.Lookup(id)); !errors.Is(err, archive.ErrPassed) || !errors.Is(err, archive.ErrNotSeekable) {
				t.Errorf("data of %d again: %v, want ErrPassed", id, err)
			}
		}
		if _, err := r.Data(r.TOC.Lookup(7)); !errors.Is(err, archive.ErrNoData) {
			t.Errorf("data of 7: %v, want ErrNoData", err)
		}
		objects := r.LargeObjects(r.TOC.Lookup(22))
		if e, err := r.Next(t.Context()); err != io.EOF { // does not skip what was opened
			t.Errorf("Next = %v, %v, want io.EOF", e, err)
		}
		if got, err := load(r.TOC.Lookup(22), nil, objects); err != nil || strings.Count(got, "\n") != 3 {
			t.Errorf("large objects = %q, %v", got, err)
		}
		for _, err := range objects {
			if !errors.Is(err, archive.ErrPassed) {
				t.Errorf("large objects again: %v, want ErrPassed", err)
			}
		}
	}
}

// TestStreamStored: Stored counts as for a file.
func TestStreamStored(t *testing.T) {
	b := synthetic{minor: 16, compression: archive.Zstd, entries: sample()}.encode(t)
	file, err := reader(b)
	if err != nil {
		t.Fatal(err)
	}
	r := newStream(t, bytes.NewReader(b))
	for _, id := range []toc.DumpID{20, 21} {
		if _, n, err := readData(r, r.TOC.Lookup(id)); err != nil || n != file.TOC.Lookup(id).DataSize {
			t.Errorf("Stored() of %d = %d, %v, want %d", id, n, err, file.TOC.Lookup(id).DataSize)
		}
	}
}

// TestCompressedArchive reads archives that were compressed as a whole.
func TestCompressedArchive(t *testing.T) {
	wraps := map[string]func(testing.TB, string) string{"gzip": gzipped, "zstd": zstded, "lz4": lz4ed}
	for _, name := range []string{"15/c-gzip", "15/c-none", "18/lobs", "13/newline-tar"} {
		f := fixtures.Get(t, name)
		plain, err := os.ReadFile(f.Path)
		if err != nil {
			t.Fatal(err)
		}
		file := open(t, f)
		want := randomAccess(t, file)
		for wrap, compress := range wraps {
			t.Run(name+"/"+wrap, func(t *testing.T) {
				t.Parallel()
				b := compress(t, string(plain))
				path := filepath.Join(t.TempDir(), "a")
				if err := os.WriteFile(path, []byte(b), 0o600); err != nil {
					t.Fatal(err)
				}
				r, err := archive.Open(path)
				if err != nil {
					t.Fatal(err)
				}
				defer r.Close()
				warning := "compressed with " + wrap + " as a whole: read as a stream, which is slower for single objects"
				if !r.Streaming() || !slices.Contains(r.Warnings, warning) || r.Size() != int64(len(b)) {
					t.Errorf("Streaming() = %v, Warnings = %q, Size() = %d", r.Streaming(), r.Warnings, r.Size())
				}
				for _, r := range []*archive.Reader{r, newStream(t, piped(t, []byte(b)))} {
					sameTOC(t, r, file)
					got, err := streamAll(t.Context(), r, 2, nil)
					if err != nil {
						t.Error(err)
					}
					sameData(t, got, want, nil, file.TOC)
				}
			})
		}
	}
}

// TestStreamNotArchive names what comes instead of an archive.
func TestStreamNotArchive(t *testing.T) {
	dump := synthetic{minor: 16, entries: sample()}.encode(t)
	tests := []struct {
		name, content string
		kind, inner   archive.FileKind
	}{
		{"empty", "", archive.KindEmpty, 0},
		{"sql", "--\n-- PostgreSQL database dump\n--\n", archive.KindPlainSQL, 0},
		{"gzip, sql", gzipped(t, "--\n-- PostgreSQL database dump\n--\n"), archive.KindGzip, archive.KindPlainSQL},
		{"gzip, gzip", gzipped(t, gzipped(t, string(dump))), archive.KindGzip, archive.KindGzip},
		{"gzip, damaged", "\x1f\x8b\x08\x00xxxxxx\xff\xff\xff\xff\xff", archive.KindGzip, archive.KindEmpty},
		{"xz", "\xfd7zXZ\x00\x00", archive.KindXz, 0},
		{"crlf", strings.ReplaceAll(string(dump), "\n", "\r\n"), archive.KindCRLF, archive.KindCustom},
		{"tar", string(tarOf(t, "a", "b")), archive.KindTar, 0},
		{"base backup", string(tarOf(t, "backup_label", "b")), archive.KindBaseBackup, 0},
	}
	for _, tt := range tests {
		for name, r := range map[string]io.Reader{"odd": odd(strings.NewReader(tt.content)), "bytes": iotest.OneByteReader(strings.NewReader(tt.content))} {
			if name == "bytes" && tt.kind == archive.KindCRLF {
				continue // this is seen in the first piece alone
			}
			_, err := archive.NewStream(r)
			var not *archive.NotArchiveError
			if !errors.As(err, &not) || not.Kind != tt.kind || not.Inner != tt.inner {
				t.Errorf("%s, %s: %v, want kind %d, inner %d", tt.name, name, err, tt.kind, tt.inner)
			}
		}
	}
}

// TestStreamTar reads tar files of directories: compressed members, another
// order, a folder around.
func TestStreamTar(t *testing.T) {
	for _, minor := range []byte{15, 16} {
		files := sampleFiles(t, minor)
		dir, err := archive.Open(writeDir(t, files))
		if err != nil {
			t.Fatal(err)
		}
		want := randomAccess(t, dir)
		sorted := slices.Sorted(maps.Keys(files))
		tocFirst := append([]string{"toc.dat"}, slices.DeleteFunc(slices.Clone(sorted), func(s string) bool { return s == "toc.dat" })...)
		pack := func(prefix string, names []string) []byte {
			members := []string{prefix + "restore.sql", "…"}
			for _, name := range names {
				members = append(members, prefix+name, files[name])
			}
			return tarOf(t, members...)
		}
		for _, prefix := range []string{"", "./", "backup/", "./a/b/"} {
			t.Run(fmt.Sprintf("%d %q", minor, prefix), func(t *testing.T) {
				b := pack(prefix, tocFirst)
				r := newStream(t, piped(t, b[2*512:])) // from toc.dat on
				got, err := streamAll(t.Context(), r, 2, nil)
				if err != nil {
					t.Error(err)
				}
				sameData(t, got, want, nil, dir.TOC)
				if r, err = reader(b); err != nil {
					t.Fatal(err)
				}
				sameData(t, randomAccess(t, r), want, nil, dir.TOC)
				// The TOC behind the data: a file can be begun again.
				r, err = reader([]byte(gzipped(t, string(pack(prefix, sorted)))))
				if err != nil {
					t.Fatal(err)
				}
				if got, err = streamAll(t.Context(), r, 2, nil); err != nil {
					t.Error(err)
				}
				sameData(t, got, want, nil, dir.TOC)
				r = newStream(t, bytes.NewReader(pack(prefix, sorted)))
				if len(r.Warnings) != 1 {
					t.Errorf("Warnings = %q", r.Warnings)
				}
				if _, err := streamAll(t.Context(), r, 2, nil); !errors.Is(err, archive.ErrNotSeekable) {
					t.Errorf("TOC last: %v, want ErrNotSeekable", err)
				}
			})
		}
	}
}

// TestStreamTarObjects: large objects that are not all next to each other are
// not lost in silence.
func TestStreamTarObjects(t *testing.T) {
	files := sampleFiles(t, 16)
	for name, order := range map[string][]string{
		"apart":   {"blob_5.dat.zst", "20.dat.gz", "blob_6.dat.zst", "blob_4000000000.dat.zst", "blobs_22.toc"},
		"missing": {"blob_5.dat.zst", "blob_6.dat.zst", "blobs_22.toc"},
		"no list": {"blob_5.dat.zst", "blob_6.dat.zst", "blob_4000000000.dat.zst"},
	} {
		members := []string{"toc.dat", files["toc.dat"]}
		for _, name := range order {
			members = append(members, name, files[name])
		}
		r := newStream(t, bytes.NewReader(tarOf(t, members...)))
		_, err := load(r.TOC.Lookup(22), nil, r.LargeObjects(r.TOC.Lookup(22)))
		if !errors.Is(err, archive.ErrTruncated) {
			t.Errorf("%s: %v, want ErrTruncated", name, err)
		}
	}
}

func TestOpenPipe(t *testing.T) {
	f := fixtures.Get(t, "15/c-gzip")
	b, err := os.ReadFile(f.Path)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "pipe")
	if err := mkfifo(path); err != nil {
		t.Skip(err)
	}
	go os.WriteFile(path, b, 0)
	r, err := archive.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got, err := streamAll(t.Context(), r, 2, nil)
	if err != nil {
		t.Error(err)
	}
	sameData(t, got, randomAccess(t, open(t, f)), nil, r.TOC)
}
