package archive_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/toc"
)

// Limits of one case, of which several run at a time on a busy machine, and of
// the heap of all of them together.
const (
	caseTime = 20 * time.Second
	heapMax  = 200 << 20
)

// TestTorture cuts archives at random places and flips single bits at others,
// and opens, lists, verifies and reads what is left. There must be no panic, no
// hang, no error without a type; what Verify calls sound is read without an
// error; and where all data have a checksum, it has the same data as before.
//
// PGARC_LONG_TESTS makes it 2,000 cuts and 20,000 flips of each file, and a
// quarter of that of a directory; PGARC_SEED changes the places.
func TestTorture(t *testing.T) {
	cuts, flips := 15, 120
	if testing.Short() {
		cuts, flips = 8, 50
	}
	if os.Getenv("PGARC_LONG_TESTS") != "" {
		cuts, flips = 2_000, 20_000
	}
	seed := uint64(1)
	if s := os.Getenv("PGARC_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("PGARC_SEED: %v", err)
		}
	}
	for _, v := range victims(t) {
		t.Run(v.name, func(t *testing.T) {
			if len(v.files) > 1 { // writes files, which is slow
				v.torture(t, seed, cuts/4, flips/4)
			} else {
				v.torture(t, seed, cuts, flips)
			}
		})
	}
}

// tally counts what became of the cases.
type tally struct {
	cases                                        atomic.Int64
	refused, partial, reported, harmless, unseen atomic.Int64
	longest                                      atomic.Int64 // nanoseconds
}

func (n *tally) String() string {
	return fmt.Sprintf("%d not opened, %d opened in part, %d reported by Verify, %d with all data as before, %d changed without a checksum; longest %v",
		n.refused.Load(), n.partial.Load(), n.reported.Load(), n.harmless.Load(), n.unseen.Load(), time.Duration(n.longest.Load()).Round(time.Millisecond))
}

// torture does all cases of an archive, some at a time.
func (v *victim) torture(t *testing.T, seed uint64, cuts, flips int) {
	start := time.Now()
	v.learn(t)
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(heapMax * 3 / 4)) // collect garbage early: it does not count
	peak := watchHeap()
	var cut, flipped, flippedData tally
	var next atomic.Int64
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		w := v.newWorker(t)
		workers.Go(func() {
			for {
				i := next.Add(1) - 1
				if i >= int64(cuts+flips) {
					return
				}
				rng := rand.New(rand.NewPCG(seed, uint64(i)))
				if name, at := v.place(rng); i < int64(cuts) {
					w.try(&cut, fmt.Sprintf("%s cut to %d of %d bytes", name, at, len(v.files[name])), name, true,
						func(b []byte) []byte { return b[:at:at] })
				} else {
					bit := byte(1) << rng.IntN(8)
					n := &flipped
					if int64(at) >= v.start {
						n = &flippedData
					}
					w.try(n, fmt.Sprintf("%s bit %#x of byte %#x flipped", name, bit, at), name, false,
						func(b []byte) []byte { b[at] ^= bit; return b })
				}
			}
		})
	}
	workers.Wait()
	most := peak()
	t.Logf("seed %d: %d cuts: %s", seed, cuts, &cut)
	if v.start > 0 {
		t.Logf("seed %d: %d flips before the data: %s", seed, flipped.cases.Load(), &flipped)
	}
	t.Logf("seed %d: %d flips in the data: %s", seed, flippedData.cases.Load(), &flippedData)
	t.Logf("%v, %d MB of heap at most", time.Since(start).Round(time.Millisecond), most>>20)
	if most > heapMax {
		t.Errorf("%d MB of heap", most>>20)
	}
}

// A worker damages its own copy of an archive.
type worker struct {
	*victim
	t    *testing.T
	copy []byte
	dir  string // of a directory
}

func (v *victim) newWorker(t *testing.T) *worker {
	w := &worker{victim: v, t: t}
	if len(v.files) > 1 {
		files := make(map[string]string)
		for name, b := range v.files {
			files[name] = string(b)
		}
		w.dir = writeDir(t, files)
	}
	return w
}

// open opens the archive with a file of it damaged.
func (w *worker) open(name string, damage func([]byte) []byte) (*archive.Reader, error) {
	w.copy = append(w.copy[:0], w.files[name]...)
	b := damage(w.copy)
	if w.dir == "" {
		return reader(b)
	}
	if name != "" {
		w.write(name, b)
	}
	return archive.Open(w.dir)
}

func (w *worker) write(name string, b []byte) {
	if err := os.WriteFile(filepath.Join(w.dir, name), b, 0o600); err != nil {
		w.t.Error(err)
	}
}

// try does one case.
func (w *worker) try(n *tally, what, name string, cut bool, damage func([]byte) []byte) {
	begin := time.Now()
	hang := time.AfterFunc(3*caseTime, func() { panic(w.name + ": " + what + ": it hangs") })
	defer hang.Stop()
	fail := func(format string, args ...any) { w.t.Errorf(what+": "+format, args...) }

	r, err := w.open(name, damage)
	var partial *archive.PartialError
	switch {
	case errors.As(err, &partial):
		n.partial.Add(1)
		w.judgeWhole(fail, w.examine(fail, partial.Partial))
	case err != nil:
		n.refused.Add(1)
	default:
		v := w.examine(fail, r)
		w.judge(n, fail, v, cut, r.Header.Format == archive.FormatCustom)
		r.Close()
	}
	if err != nil && !sentinel(err) {
		fail("%v is not typed", err)
	}
	if n.cases.Add(1)%4 == 0 && w.dir == "" {
		w.tryStream(func(format string, args ...any) { fail("as a stream: "+format, args...) }, damage, cut)
	}
	if w.dir != "" {
		w.write(name, w.files[name])
	}
	took := time.Since(begin)
	if took > caseTime {
		fail("it took %v", took)
	}
	for {
		longest := n.longest.Load()
		if longest >= int64(took) || n.longest.CompareAndSwap(longest, int64(took)) {
			break
		}
	}
}

// tryStream does one case once more, as a stream.
func (w *worker) tryStream(fail func(string, ...any), damage func([]byte) []byte, cut bool) {
	w.copy = append(w.copy[:0], w.files[""]...)
	r, err := archive.NewStream(bytes.NewReader(damage(w.copy)))
	if partial := (*archive.PartialError)(nil); errors.As(err, &partial) {
		defer partial.Partial.Close()
		v, verr := partial.Partial.Verify(w.t.Context(), archive.VerifyOptions{Digest: true})
		if verr != nil {
			fail("Verify: %v", verr)
			return
		}
		w.judgeWhole(fail, v)
	}
	if err != nil {
		if !sentinel(err) {
			fail("%v is not typed", err)
		}
		return
	}
	defer r.Close()
	v, err := r.Verify(w.t.Context(), archive.VerifyOptions{Digest: true})
	if err != nil {
		fail("Verify: %v", err)
		return
	}
	w.judge(new(tally), fail, v, cut, r.Header.Format == archive.FormatCustom)
}

// examine lists, verifies and reads what could be opened.
func (w *worker) examine(fail func(string, ...any), r *archive.Reader) *archive.Verification {
	for _, e := range toc.WorkingOrder(r.TOC.Entries) {
		if err := toc.WriteListEntry(io.Discard, e); err != nil {
			fail("listing: %v", err)
		}
	}
	v, err := r.Verify(w.t.Context(), archive.VerifyOptions{Digest: true})
	if err != nil {
		fail("Verify: %v", err)
		return &archive.Verification{}
	}
	if r.Damage != nil && (!sentinel(r.Damage) || v.Sound()) {
		fail("Damage %v, %d problems", r.Damage, len(v.Problems))
	}
	for _, p := range v.Problems {
		if p.What == "" || p.Lost == "" || p.Err != nil && !sentinel(p.Err) {
			fail("problem %+v", p)
		}
	}
	for _, c := range v.Tables {
		switch err := readEntry(r, c.Entry); {
		case err != nil && !sentinel(err):
			fail("data of %d: %v is not typed", c.Entry.ID, err)
		case (err == nil) != c.Whole:
			fail("data of %d: read with %v, but Whole = %v", c.Entry.ID, err, c.Whole)
		}
	}
	return v
}

// judge compares what Verify says with what is the case.
func (w *worker) judge(n *tally, fail func(string, ...any), v *archive.Verification, cut, custom bool) {
	// By place: a flip in a dump id of a directory changes no data.
	same := slices.EqualFunc(v.Tables, w.order, func(c archive.TableCheck, sum [32]byte) bool { return c.Whole && c.Digest == sum })
	if cut {
		w.judgeWhole(fail, v)
	}
	switch {
	case !v.Sound():
		n.reported.Add(1)
	case cut && custom:
		fail("nothing is reported")
	case same:
		n.harmless.Add(1)
	case w.summed || !saysUnsummed(v):
		fail("the data changed and nothing is reported, Unchecked %q", v.Unchecked)
	default:
		n.unseen.Add(1)
	}
}

// judgeWhole looks at the data that were read to their end: they are those of
// before, or something is reported of the entry, such as a missing large object.
func (w *worker) judgeWhole(fail func(string, ...any), v *archive.Verification) {
	for _, c := range v.Tables {
		sum, ok := w.sums[c.Entry.ID]
		if c.Whole && ok && c.Digest != sum && !slices.ContainsFunc(v.Problems, func(p archive.Problem) bool { return p.Entry == c.Entry }) {
			fail("data of %d are not those of before, and nothing is reported", c.Entry.ID)
		}
	}
}

// sentinel reports whether an error is one of damage: bytes in memory have no
// errors of I/O.
func sentinel(err error) bool {
	for _, s := range []error{archive.ErrNotArchive, archive.ErrUnsupported, archive.ErrTruncated, archive.ErrCorrupt, archive.ErrNoData} {
		if errors.Is(err, s) {
			return typed(err)
		}
	}
	return false
}

// readEntry reads the data of one entry and returns the first error.
func readEntry(r *archive.Reader, e *toc.Entry) error {
	if e.Kind != toc.Blobs {
		d, err := r.Data(e)
		if err != nil {
			return err
		}
		defer d.Close()
		_, err = io.Copy(io.Discard, d)
		return err
	}
	for lo, err := range r.LargeObjects(e) {
		if err == nil {
			_, err = io.Copy(io.Discard, lo)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// watchHeap looks at the heap, garbage included, every few milliseconds, until
// the function it returns is called, which tells the most there was.
func watchHeap() (peak func() uint64) {
	runtime.GC()
	quit := make(chan struct{})
	var done sync.WaitGroup
	var most uint64
	done.Go(func() {
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		for {
			metrics.Read(heap)
			most = max(most, heap[0].Value.Uint64())
			select {
			case <-quit:
				return
			case <-tick.C:
			}
		}
	})
	return func() uint64 {
		close(quit)
		done.Wait()
		return most
	}
}
