package archive_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
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

// inOrder returns the entries with data in the order in which they are stored, as
// far as the TOC tells: by offset or, where there are none, in TOC order, in
// which pg_dump writes them.
func inOrder(r *archive.Reader) []*toc.Entry {
	var entries []*toc.Entry
	located := true
	for _, e := range r.TOC.Entries {
		if e.Data != toc.DataNone {
			entries = append(entries, e)
			located = located && e.Data == toc.DataLocated
		}
	}
	if located {
		slices.SortStableFunc(entries, func(a, b *toc.Entry) int { return cmp.Compare(a.Offset, b.Offset) })
	}
	return entries
}

// TestStreamOrder: data come in the order in which they are stored.
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
		for i, want := range inOrder(r) {
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
