package archive_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/toc"
)

// readStream opens a stream and reads all that is in it.
func readStream(ctx context.Context, in io.Reader) error {
	r, err := archive.NewStream(in)
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = streamAll(ctx, r, 2, nil)
	return err
}

// damagedStreams are the archives that are damaged in every way.
func damagedStreams(tb testing.TB) map[string][]byte {
	all := damaged(tb)
	files := sampleFiles(tb, 16)
	all["tar"] = tarOf(tb, "toc.dat", files["toc.dat"], "20.dat.gz", files["20.dat.gz"], "21.dat.lz4", files["21.dat.lz4"],
		"blob_5.dat.zst", files["blob_5.dat.zst"], "blob_6.dat.zst", "", "blob_4000000000.dat.zst", files["blob_4000000000.dat.zst"], "blobs_22.toc", files["blobs_22.toc"])
	real, err := os.ReadFile(fixtures.Get(tb, "13/newline-tar").Path)
	if err != nil {
		tb.Fatal(err)
	}
	all["13/newline-tar"] = real
	for name, b := range map[string]string{"custom": string(all["synthetic none"]), "tar": string(all["tar"])} {
		all["gzip "+name] = []byte(gzipped(tb, b))
		all["zstd "+name] = []byte(zstded(tb, b))
		all["lz4 "+name] = []byte(lz4ed(tb, b))
	}
	return all
}

// TestStreamTruncation cuts streams at every byte: reading all must end, and say
// that it is for the cut.
func TestStreamTruncation(t *testing.T) {
	for name, whole := range damagedStreams(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			quiet := 0 // cuts behind the data, which do no harm
			step := 1 + len(whole)/cuts(name)
			for n := len(whole) - 1; n >= 0; n -= step {
				err := readStream(t.Context(), bytes.NewReader(whole[:n:n]))
				var not *archive.NotArchiveError
				switch {
				case err == nil && (strings.Contains(name, "tar") || strings.Contains(name, "z")):
					quiet++
				case err == nil:
					t.Errorf("cut to %d of %d bytes: no error", n, len(whole))
				case errors.Is(err, archive.ErrTruncated) && errors.Is(err, io.ErrUnexpectedEOF):
				case n < 1024 && errors.As(err, &not): // the beginning of something
				default:
					t.Errorf("cut to %d of %d bytes: %v, want ErrTruncated", n, len(whole), err)
				}
			}
			if quiet*step > 16<<10 && quiet*step > len(whole)/2 {
				t.Errorf("%d of %d cuts were not noticed", quiet, len(whole)/step)
			}
		})
	}
}

// cuts is how often a stream is damaged: an LZ4 frame takes 8 MB to read.
func cuts(name string) int {
	if strings.HasPrefix(name, "lz4 ") {
		return 50
	}
	return 400
}

// TestStreamCutPlace: the error of a cut says where and in what it happened, and
// of what else it takes the data.
func TestStreamCutPlace(t *testing.T) {
	b := synthetic{minor: 16, entries: sample()}.encode(t)
	file, err := reader(b)
	if err != nil {
		t.Fatal(err)
	}
	cut := file.TOC.Lookup(20).Offset + 15
	r := newStream(t, bytes.NewReader(b[:cut]))
	want := fmt.Sprintf("data of entry 20 at byte %#x: unexpected end", cut)
	if _, _, err := readData(r, r.TOC.Lookup(20)); err == nil || !errors.Is(err, archive.ErrTruncated) || !strings.HasPrefix(err.Error(), "data of entry 20 at byte") {
		t.Errorf("err = %v, want %s", err, want)
	}
	want = fmt.Sprintf("data of entry 21 at byte %#x: unexpected end in the data of entry 20, before the data of this entry", cut)
	if _, err := r.Data(r.TOC.Lookup(21)); err == nil || err.Error() != want || !errors.Is(err, archive.ErrTruncated) {
		t.Errorf("err = %v\nwant  %s", err, want)
	}
	if _, err := r.Next(t.Context()); err == nil || err.Error() != want+" (and of 1 others)" {
		t.Errorf("Next: %v\nwant  %s (and of 1 others)", err, want)
	}
}

// TestStreamBitFlips turns bits over: a typed error or none, and it ends.
func TestStreamBitFlips(t *testing.T) {
	for name, whole := range damagedStreams(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(1, 2))
			for range cuts(name) {
				b := slices.Clone(whole)
				at := random.IntN(len(b))
				b[at] ^= 1 << random.IntN(8)
				if err := readStream(t.Context(), bytes.NewReader(b)); err != nil && !typed(err) {
					t.Fatalf("bit of byte %d: untyped error %v", at, err)
				}
			}
		})
	}
}

// TestStreamIOError: an error of the stream is passed on and not called damage.
func TestStreamIOError(t *testing.T) {
	bad := errors.New("connection reset")
	for name, b := range damagedStreams(t) {
		for n := len(b) / 2; n > 0; n -= 1 + len(b)/50 {
			err := readStream(t.Context(), io.MultiReader(bytes.NewReader(b[:n]), iotest.ErrReader(bad)))
			if !errors.Is(err, bad) || errors.Is(err, archive.ErrTruncated) || errors.Is(err, archive.ErrCorrupt) || !typed(err) {
				t.Errorf("%s: bad from byte %d: err = %v", name, n, err)
			}
		}
	}
}

// TestStreamStalls: a reader that gives nothing for ever is an error, not a hang.
func TestStreamStalls(t *testing.T) {
	b := synthetic{minor: 16, entries: sample()}.encode(t)
	for n := 0; n < len(b); n += 10 {
		if err := readStream(t.Context(), io.MultiReader(bytes.NewReader(b[:n]), idle{})); !errors.Is(err, io.ErrNoProgress) {
			t.Fatalf("idle from byte %d: %v, want io.ErrNoProgress", n, err)
		}
	}
}

type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

// long is an archive of two large tables and a small one.
func long(rows int) synthetic {
	s := synthetic{minor: 16, noOffsets: true, chunk: 1 << 20}
	for id, rows := range []int{rows, rows, 1} {
		s.entries = append(s.entries, source{
			Entry: toc.Entry{ID: toc.DumpID(id + 1), Kind: toc.TableData, Tag: "t", Section: toc.SectionData, HasDumper: true},
			data:  strings.Repeat("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n", rows)})
	}
	return s
}

// TestStreamPassed: the stream goes on as soon as the rest of an entry is in
// memory, and stands still while it is not.
func TestStreamPassed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newStream(t, bytes.NewReader(long(1_000_000).encode(t))) // 65 MB each
		defer r.Close()
		e1, err := r.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		d1, err := r.Data(e1)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if e, err := r.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("Next = %v, %v, want context.DeadlineExceeded", e, err)
		}
		select {
		case <-d1.Passed():
			t.Fatal("passed, with 65 MB not read")
		default:
		}
		if _, err := io.CopyN(io.Discard, d1, 40_000_000); err != nil {
			t.Fatal(err)
		}
		e2, err := r.Next(t.Context()) // 25 MB are left and fit in
		if err != nil || e2.ID != 2 {
			t.Fatalf("Next = %v, %v, want entry 2", e2, err)
		}
		<-d1.Passed()
		d2, err := r.Data(e2)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.CopyN(io.Discard, d2, 1000); err != nil { // beside the rest of the first
			t.Fatal(n, err)
		}
		if n, err := io.Copy(io.Discard, d1); n != 25_000_000 || err != nil {
			t.Errorf("rest of the first: %d, %v", n, err)
		}
		d1.Close()
		d2.Close() // discards most of it
		<-d2.Passed()
		e3, err := r.Next(t.Context())
		if err != nil || e3.ID != 3 {
			t.Fatalf("Next = %v, %v, want entry 3", e3, err)
		}
		if got, _, err := readData(r, e3); err != nil || len(got) != 65 {
			t.Errorf("data of 3: %q, %v", got, err)
		}
		if _, err := r.Next(t.Context()); err != io.EOF {
			t.Errorf("Next at the end: %v", err)
		}
	})
	file, err := reader(long(1).encode(t))
	if err != nil {
		t.Fatal(err)
	}
	d, err := file.Data(file.TOC.Lookup(1))
	if err != nil {
		t.Fatal(err)
	}
	<-d.Passed()
	if _, err := file.Next(t.Context()); err == nil || err == io.EOF {
		t.Errorf("Next of a file: %v, want an error", err)
	}
}

// TestStreamTogether: calls of Data that wait at the same time do not skip each
// other's entries.
func TestStreamTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, w := io.Pipe()
		b := long(1000).encode(t)
		go w.Write(b[:1000]) // the TOC and the start of the first table
		r := newStream(t, in)
		d1, err := r.Data(r.TOC.Lookup(1))
		if err != nil {
			t.Fatal(err)
		}
		errs := make(chan error)
		for _, id := range []toc.DumpID{3, 2} {
			go func() {
				_, _, err := readData(r, r.TOC.Lookup(id))
				errs <- err
			}()
			synctest.Wait()
		}
		go w.Write(b[1000:])
		if _, err := io.Copy(io.Discard, d1); err != nil {
			t.Error(err)
		}
		for range 2 {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		r.Close()
	})
}

// TestStreamClose: Close ends everybody who waits, and the pump.
func TestStreamClose(t *testing.T) {
	b := long(1_000_000).encode(t)
	tests := map[string]func(t *testing.T, r *archive.Reader) error{
		"Next": func(t *testing.T, r *archive.Reader) error {
			if _, err := r.Data(r.TOC.Lookup(1)); err != nil {
				t.Error(err)
			}
			_, err := r.Next(context.Background())
			return err
		},
		"Data": func(t *testing.T, r *archive.Reader) error {
			if _, err := r.Data(r.TOC.Lookup(1)); err != nil {
				t.Error(err)
			}
			_, err := r.Data(r.TOC.Lookup(2))
			return err
		},
		"Read": func(t *testing.T, r *archive.Reader) error {
			d, err := r.Data(r.TOC.Lookup(2))
			if err != nil {
				t.Error(err)
			}
			_, err = io.Copy(io.Discard, d)
			return err
		},
	}
	for name, wait := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // fails if a goroutine stays
				in, w := io.Pipe()
				go w.Write(b[:100_000_000]) // in the midst of the second table
				r, err := archive.NewStream(in)
				if err != nil {
					t.Fatal(err)
				}
				done := make(chan error)
				go func() { done <- wait(t, r) }()
				synctest.Wait()
				r.Close()
				if err := <-done; !errors.Is(err, os.ErrClosed) {
					t.Errorf("err = %v, want os.ErrClosed", err)
				}
				in.Close()
			})
		})
	}
	t.Run("skipping", func(t *testing.T) { // an endless block
		synctest.Test(t, func(t *testing.T) {
			at := bytes.Index(b, []byte("0123456789"))
			r, err := archive.NewStream(io.MultiReader(bytes.NewReader(b[:at-5]), &endless{}))
			if err != nil {
				t.Fatal(err)
			}
			go r.Data(r.TOC.Lookup(3))
			time.Sleep(time.Millisecond)
			r.Close()
			time.Sleep(time.Millisecond) // for the Read that is under way
		})
	})
	t.Run("never begun", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r, err := archive.NewStream(bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			r.Close()
			if _, err := r.Next(t.Context()); !errors.Is(err, os.ErrClosed) {
				t.Errorf("Next: %v", err)
			}
			if _, err := r.Data(r.TOC.Lookup(1)); !errors.Is(err, os.ErrClosed) {
				t.Errorf("Data: %v", err)
			}
		})
	})
}

// endless is chunks of a megabyte without end. It takes time to read.
type endless struct{ n int }

func (e *endless) Read(p []byte) (int, error) {
	time.Sleep(time.Microsecond)
	const chunk = 1 << 20
	header := "\x00\x00\x00\x10\x00"
	for i := range p {
		if at := (e.n + i) % (chunk + len(header)); at < len(header) {
			p[i] = header[at]
		} else {
			p[i] = 'x'
		}
	}
	e.n += len(p)
	return len(p), nil
}

// TestStreamMemory: memory does not grow with the archive, nor with what a
// number in it says.
func TestStreamMemory(t *testing.T) {
	head := long(1).encode(t)
	at := bytes.Index(head, []byte("0123456789")) - 5 // the first chunk of entry 1
	const size = 300 << 20
	in := io.MultiReader(bytes.NewReader(head[:at]), io.LimitReader(&endless{}, size/(1<<20+5)*(1<<20+5)), bytes.NewReader(head[at+70:]))
	runtime.GC()
	r := newStream(t, in)
	d, err := r.Data(r.TOC.Lookup(1))
	if err != nil {
		t.Fatal(err)
	}
	var m runtime.MemStats
	var most uint64
	for n := int64(0); ; {
		k, err := io.CopyN(io.Discard, d, 8<<20)
		if n += k; err == io.EOF {
			if n < size-2<<20 {
				t.Errorf("%d bytes, want %d", n, size)
			}
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Millisecond) // a slow consumer: the pump runs ahead
		runtime.ReadMemStats(&m)
		most = max(most, m.HeapAlloc)
	}
	d.Close()
	if _, _, err := readData(r, r.TOC.Lookup(3)); err != nil {
		t.Error(err)
	}
	if most > 64<<20 {
		t.Errorf("%d MB of heap", most>>20)
	}
	good := synthetic{minor: 16, entries: sample()}.encode(t)
	for _, at := range []int{0x2f, 0x4e, 0x53 + 5 + 5 + 6 + 6} { // database name, TOC count, tag length
		b := slices.Clone(good)
		copy(b[at:], []byte{0, 255, 255, 255, 63})
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := readStream(t.Context(), bytes.NewReader(b))
		runtime.ReadMemStats(&after)
		if err == nil || !typed(err) {
			t.Errorf("number at %#x: %v, want an error", at, err)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 4<<20 {
			t.Errorf("number at %#x: %d bytes allocated", at, n)
		}
	}
}

// FuzzStream reads anything as a stream: there must be a result or a typed
// error, never a panic or a hang.
func FuzzStream(f *testing.F) {
	for _, fixture := range fixtures.All(f) {
		if fixture.Format == "directory" || fixture.Bytes > 20_000 {
			continue
		}
		b, err := os.ReadFile(fixture.Path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	for _, b := range damagedStreams(f) {
		if len(b) < 20_000 {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		err := readStream(ctx, bytes.NewReader(b))
		if err != nil && (!typed(err) || errors.Is(err, context.DeadlineExceeded)) {
			t.Errorf("untyped error %v", err)
		}
	})
}
