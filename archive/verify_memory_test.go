package archive_test

import (
	"bytes"
	"runtime/debug"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/toc"
)

// TestVerifyLongWindows verifies large objects of zstd's long mode, four at a
// time: there is memory for one window of 128 MiB, not for four.
func TestVerifyLongWindows(t *testing.T) {
	text := bytes.Repeat([]byte("1\t2\tthree\n"), 2<<20)
	var stored bytes.Buffer
	z, err := zstd.NewWriter(&stored, zstd.WithWindowSize(128<<20), zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	s := synthetic{minor: 15, chunk: 1 << 20}
	for oid := range uint32(6) {
		s.entries = append(s.entries,
			source{Entry: toc.Entry{ID: toc.DumpID(100 + oid), Kind: toc.Blob, OID: 1 + oid, Section: toc.SectionPreData}},
			source{Entry: toc.Entry{ID: toc.DumpID(200 + oid), Kind: toc.Blobs, Section: toc.SectionData, HasDumper: true}, objects: []object{{1 + oid, stored.String()}}})
	}
	r := asCompressed(t, s.encode(t), archive.Zstd)
	peak := watchHeap()
	v, err := r.Verify(t.Context(), archive.VerifyOptions{Jobs: 4})
	most := peak()
	if err != nil {
		t.Fatal(err)
	}
	noProblems(t, v)
	for _, c := range v.Tables {
		if c.Bytes != int64(len(text)) {
			t.Errorf("entry %d: %d bytes, want %d", c.Entry.ID, c.Bytes, len(text))
		}
	}
	if most > heapMax {
		t.Errorf("%d MB of heap, want at most %d", most>>20, heapMax>>20)
	}
	t.Logf("%d MB of heap at most", most>>20)
}

// TestVerifyWindowsAskedFor gives every zstd frame of an archive a window of
// 128 MiB, as a flipped bit may. Nothing in it is so long, and no memory may be
// taken for it. (A run of TestTorture once had a heap of 445 MB. That frames asked
// for such windows is a guess at the cause.)
func TestVerifyWindowsAskedFor(t *testing.T) {
	b := fixtureBytes(t, "18/c-zstd")
	frames := 0
	for at := 0; ; at++ {
		next := bytes.Index(b[at:], []byte("\x28\xb5\x2f\xfd\x00"))
		if next < 0 {
			break
		}
		at += next
		b[at+5] = (27 - 10) << 3
		frames++
	}
	r, err := reader(b)
	if err != nil {
		t.Fatal(err)
	}
	debug.FreeOSMemory() // what other tests left in pools
	debug.FreeOSMemory()
	peak := watchHeap()
	v, err := r.Verify(t.Context(), archive.VerifyOptions{Jobs: 4})
	most := peak()
	if err != nil {
		t.Fatal(err)
	}
	noProblems(t, v)
	if frames < 50 || most > 100<<20 {
		t.Errorf("%d frames, %d MB of heap", frames, most>>20)
	}
	t.Logf("%d frames, %d MB of heap at most", frames, most>>20)
}
