package inflate

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"errors"
	"fmt"
	"hash/adler32"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
)

// samples are contents that compress in all ways.
func samples() map[string][]byte {
	rng := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 200_000)
	for i := range noise {
		noise[i] = byte(rng.Uint32())
	}
	var rows, skewed bytes.Buffer
	for i := range 20_000 {
		fmt.Fprintf(&rows, "%d\tuser%d@example.org\t\\N\t2026-01-%02d 12:00:00\tt\n", i, i*7919%10007, i%28+1)
	}
	// Frequencies that double give codes of up to 15 bits.
	for i := range 24 {
		skewed.Write(bytes.Repeat([]byte{byte(i)}, 1<<min(i, 16)))
	}
	s := skewed.Bytes()
	rng.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
	return map[string][]byte{
		"empty": {}, "byte": {'x'}, "marker": []byte("\\.\n\n\n"),
		"noise": noise, "rows": rows.Bytes(), "skewed": s,
		"run":     bytes.Repeat([]byte{'a'}, 500_000),
		"short":   bytes.Repeat([]byte("abc"), 100_000),
		"seven":   bytes.Repeat([]byte("abcdefg"), 50_000),
		"far":     append(append(bytes.Clone(noise[:32768]), noise[:32768]...), noise[5:300]...),
		"mixture": append(append(bytes.Clone(rows.Bytes()[:70_000]), noise...), rows.Bytes()...),
	}
}

func compress(tb testing.TB, data []byte, level int) []byte {
	var b bytes.Buffer
	w, err := zlib.NewWriterLevel(&b, level)
	if err != nil {
		tb.Fatal(err)
	}
	w.Write(data)
	w.Close()
	return b.Bytes()
}

func decompress(z *Reader, src io.Reader) ([]byte, error) {
	z.Reset(src)
	return io.ReadAll(z)
}

func TestReader(t *testing.T) {
	var z Reader // one for all: nothing may stay from the stream before
	sources := map[string]func(io.Reader) io.Reader{
		"whole": func(r io.Reader) io.Reader { return r }, "bytes": iotest.OneByteReader,
		"halves": iotest.HalfReader, "data with EOF": iotest.DataErrReader,
	}
	for name, data := range samples() {
		for _, level := range []int{flate.HuffmanOnly, -1, 0, 1, 6, 9} {
			stream := compress(t, data, level)
			for how, source := range sources {
				got, err := decompress(&z, source(bytes.NewReader(stream)))
				if err != nil || !bytes.Equal(got, data) {
					t.Errorf("%s, level %d, %s: %d bytes, %v, want %d", name, level, how, len(got), err, len(data))
				}
			}
		}
	}
}

// TestDamage cuts a stream everywhere and flips every bit of it. The standard
// library is the judge of what the content is; a whole stream is never less.
func TestDamage(t *testing.T) {
	var z Reader
	for _, level := range []int{flate.HuffmanOnly, 0, 1, 9} {
		data := []byte(strings.Repeat("12\tone or two\t\\N\n", 30) + "\\.\n\n\n")
		stream := compress(t, data, level)
		for i := range stream {
			if got, err := decompress(&z, bytes.NewReader(stream[:i])); !errors.Is(err, io.ErrUnexpectedEOF) || !bytes.HasPrefix(data, got) {
				t.Errorf("level %d, cut at %d: %q, %v", level, i, got, err)
			}
			for bit := range 8 {
				flipped := bytes.Clone(stream)
				flipped[i] ^= 1 << bit
				// Some bits mean nothing: those that fill up a byte.
				if got, err := decompress(&z, bytes.NewReader(flipped)); err == nil && !bytes.Equal(got, data) {
					t.Errorf("level %d, bit %d of byte %d flipped: no error", level, bit, i)
				}
			}
		}
		if _, err := decompress(&z, bytes.NewReader(append(stream, 'x'))); err != ErrTrailing {
			t.Errorf("level %d, more behind it: %v, want ErrTrailing", level, err)
		}
		bad := errors.New("bad disk")
		for i := range stream {
			if _, err := decompress(&z, io.MultiReader(bytes.NewReader(stream[:i]), iotest.ErrReader(bad))); err != bad {
				t.Errorf("level %d, bad disk at %d: %v", level, i, err)
			}
		}
	}
}

func TestAdler(t *testing.T) {
	for name, data := range samples() {
		for _, n := range []int{0, 1, 7, 8, 183, 184, 185, 5552, len(data)} {
			p := data[:min(n, len(data))]
			want := adler32.Checksum(p)
			if got := adler32update(p); got != want {
				t.Errorf("%s[:%d]: %#x, want %#x", name, len(p), got, want)
			}
		}
	}
	high := bytes.Repeat([]byte{255}, 1<<20)
	if got, want := adler32update(high), adler32.Checksum(high); got != want {
		t.Errorf("bytes 255: %#x, want %#x", got, want)
	}
}

// adler32update takes p in two pieces.
func adler32update(p []byte) uint32 {
	return update(update(1, p[:len(p)/3]), p[len(p)/3:])
}

// FuzzReader compares with the standard library: the same content, and an
// error where it has one. Where it fails it may have given more or less.
func FuzzReader(f *testing.F) {
	for _, data := range samples() {
		f.Add(compress(f, data[:min(len(data), 5000)], 6))
		f.Add(compress(f, data[:min(len(data), 5000)], 0))
		f.Add(compress(f, data[:min(len(data), 5000)], flate.HuffmanOnly))
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		var z Reader
		got, err := decompress(&z, bytes.NewReader(stream))
		in := bytes.NewReader(stream)
		var want []byte
		r, wantErr := zlib.NewReader(in)
		if wantErr == nil {
			want, wantErr = io.ReadAll(io.LimitReader(r, 64<<20))
		}
		if wantErr == nil && in.Len() > 0 {
			wantErr = ErrTrailing
		}
		if (err == nil) != (wantErr == nil) || err == nil && !bytes.Equal(got, want) {
			t.Errorf("%d bytes, %v; the standard library: %d bytes, %v", len(got), err, len(want), wantErr)
		}
		n := min(len(got), len(want))
		if !bytes.Equal(got[:n], want[:n]) {
			t.Error("other content than the standard library's")
		}
	})
}

func BenchmarkReader(b *testing.B) {
	data := samples()["rows"]
	stream := compress(b, data, 6)
	var z Reader
	b.SetBytes(int64(len(data)))
	buf := make([]byte, 64<<10)
	for b.Loop() {
		z.Reset(bytes.NewReader(stream))
		var err error
		for err == nil {
			_, err = z.Read(buf)
		}
		if err != io.EOF {
			b.Fatal(err)
		}
	}
}
