package archive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"
	"time"

	"github.com/klauspost/compress/zstd"
)

// longFrame compresses with a window of 128 MiB, as zstd's long mode. Without
// sized, the frame does not say how long its content is, as pg_dump's do not.
func longFrame(tb testing.TB, content []byte, sized bool) []byte {
	tb.Helper()
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b, zstd.WithWindowSize(largeWindow), zstd.WithEncoderConcurrency(1), zstd.WithZeroFrames(true), zstd.WithSingleSegment(sized))
	if err != nil {
		tb.Fatal(err)
	}
	if sized {
		return z.EncodeAll(content, nil)
	}
	for len(content) > 0 { // in pieces, or it would be taken for all there is
		n := min(len(content), 100_000)
		if _, err := z.Write(content[:n]); err != nil {
			tb.Fatal(err)
		}
		if err := z.Flush(); err != nil {
			tb.Fatal(err)
		}
		content = content[n:]
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// farText is text in which nearly all matches lie 10 MiB back.
func farText(n int) []byte {
	half := make([]byte, 10<<20)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(half)
	return bytes.Repeat(half, 1+n/len(half))[:n]
}

// readZstd reads with openZstd, and tells which window it took.
func readZstd(in io.Reader) (content []byte, large bool, err error) {
	d, err := openZstd(in, nil)
	if err != nil {
		return nil, false, err
	}
	defer d.release()
	content, err = io.ReadAll(d)
	return content, d.(*zstdReader).pool == &largeZstd, err
}

// TestZstdWindows: whatever the window of a frame, its content comes out, and a
// large window is made only for content that is large.
func TestZstdWindows(t *testing.T) {
	text := farText(25 << 20)
	skippable := append([]byte("\x50\x2a\x4d\x18\x04\x00\x00\x00"), "skip"...)
	ordinary := func(b []byte) []byte {
		z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20))
		if err != nil {
			t.Fatal(err)
		}
		return z.EncodeAll(b, nil)
	}
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	for _, tt := range []struct {
		name   string
		stored []byte
		want   []byte
		large  bool
	}{
		{"nothing", longFrame(t, nil, false), nil, false},
		{"ten rows", longFrame(t, text[:1000], false), text[:1000], false},
		{"just small", longFrame(t, text[:smallLimit-1], false), text[:smallLimit-1], false},
		{"just large", longFrame(t, text[:smallLimit+1], false), text[:smallLimit+1], true},
		{"of the small window", longFrame(t, text[:smallWindow], false), text[:smallWindow], true},
		{"large", longFrame(t, text, false), text, true},
		{"large, size known", longFrame(t, text, true), text, true},
		{"size known, just small", longFrame(t, text[:smallWindow], true), text[:smallWindow], false},
		{"ordinary", ordinary(text[:3<<20]), text[:3<<20], false},
		{"skippable first, small", join(skippable, longFrame(t, text[:1000], true)), text[:1000], false},
		{"skippable first, large", join(skippable, longFrame(t, text, false)), text, true},
		{"two frames, the second large", join(longFrame(t, text[:1000], false), longFrame(t, text, false)), join(text[:1000], text), true},
		{"two frames, both small", join(longFrame(t, text[:1000], false), ordinary(text[:5000])), join(text[:1000], text[:5000]), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, large, err := readZstd(bytes.NewReader(tt.stored))
			if err != nil || !bytes.Equal(got, tt.want) || large != tt.large {
				t.Errorf("%d bytes, large window %v, %v; want %d bytes, %v", len(got), large, err, len(tt.want), tt.large)
			}
			got, _, err = readZstd(iotest.HalfReader(bytes.NewReader(tt.stored)))
			if err != nil || !bytes.Equal(got, tt.want) {
				t.Errorf("read in small pieces: %d bytes, %v", len(got), err)
			}
			cut := tt.stored[:len(tt.stored)-1]
			if _, _, err = readZstd(bytes.NewReader(cut)); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("cut by a byte: %v, want an unexpected end", err)
			}
		})
	}
}

// TestZstdNeedsWindow: the texts of these tests cannot be read with the small
// window, so that reading them shows something.
func TestZstdNeedsWindow(t *testing.T) {
	small, _ := withSmallWindow(longFrame(t, farText(25<<20), false))
	d := newZstd(smallWindow)
	defer d.Close()
	if err := d.Reset(bytes.NewReader(small)); err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, d); err == nil {
		t.Errorf("%d bytes were read with a small window", n)
	}
}

// TestZstdRefused: windows that pg_dump does not use, and content that is none.
func TestZstdRefused(t *testing.T) {
	tooLarge := longFrame(t, []byte("ten rows"), false)
	tooLarge[5] = (28 - 10) << 3 // 256 MiB
	if _, _, err := readZstd(bytes.NewReader(tooLarge)); !errors.Is(err, zstd.ErrWindowSizeExceeded) {
		t.Errorf("a window of 256 MiB: %v", err)
	}
	// Nothing comes out of what is kept: memory must not grow with it.
	start := longFrame(t, nil, false)
	empty := longFrame(t, nil, true)
	in := io.MultiReader(bytes.NewReader(start), &repeated{b: empty, n: 20 << 20})
	d, err := openZstd(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.release()
	if n, err := io.Copy(io.Discard, d); n != 0 || err != nil {
		t.Errorf("empty frames: %d bytes, %v", n, err)
	}
	if n := len(d.(*zstdReader).kept); n > keepLimit {
		t.Errorf("%d bytes were kept of empty frames", n)
	}
}

// repeated is about n bytes of b, again and again.
type repeated struct {
	b  []byte
	at int
	n  int
}

func (r *repeated) Read(p []byte) (int, error) {
	if r.n <= 0 && r.at == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.b[r.at:])
	r.at = (r.at + n) % len(r.b)
	r.n -= n
	return n, nil
}

// TestZstdDamage: what a flipped bit does to a frame with a large window is what
// it does to the library.
func TestZstdDamage(t *testing.T) {
	text := bytes.Repeat([]byte("1\tsome\ttext\n2\tother\ttext\n"), 800)
	for i := range 40 {
		text = fmt.Appendf(text, "%d\t%x\n", i, i*i*i)
	}
	d := newZstd(largeWindow)
	defer d.Close()
	for _, sized := range []bool{false, true} {
		good := longFrame(t, text, sized)
		for at := range good {
			for bit := range 8 {
				b := bytes.Clone(good)
				b[at] ^= 1 << bit
				got, _, err := readZstd(bytes.NewReader(b))
				_ = d.Reset(io.MultiReader(bytes.NewReader(b)))
				want, wantErr := io.ReadAll(d)
				if !bytes.Equal(got, want) || (err == nil) != (wantErr == nil) {
					t.Errorf("bit %d of byte %d: %d bytes, %v; the library: %d, %v", bit, at, len(got), err, len(want), wantErr)
				}
			}
		}
	}
}

// TestZstdOneLargeWindow: who needs a large window waits for another who has
// it; who does not, does not.
func TestZstdOneLargeWindow(t *testing.T) {
	var large sharedWindow
	text := farText(12 << 20)
	stored := longFrame(t, text, false)
	open := func(b []byte) decompressor {
		d, err := openZstd(bytes.NewReader(b), &large)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	first := open(stored)
	if _, err := io.CopyN(io.Discard, first, smallLimit+1); err != nil {
		t.Fatal(err)
	}
	small := open(longFrame(t, text[:1<<20], false))
	if n, err := io.Copy(io.Discard, small); n != 1<<20 || err != nil {
		t.Errorf("small: %d bytes, %v", n, err)
	}
	small.release()
	if first.(*zstdReader).dec != large.dec || large.TryLock() {
		t.Error("the first has not locked the large window")
	}
	done := make(chan error)
	go func() {
		second := open(stored)
		got, err := io.ReadAll(second)
		second.release()
		if err == nil && !bytes.Equal(got, text) {
			err = fmt.Errorf("%d bytes, not those that were compressed", len(got))
		}
		done <- err
	}()
	select {
	case err := <-done:
		t.Fatalf("the second large window did not wait: %v", err)
	case <-time.After(200 * time.Millisecond):
	}
	first.release()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if !large.TryLock() {
		t.Error("the lock was not given back")
	}
}
