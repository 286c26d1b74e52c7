package archive_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/toc"
)

// TestLocate: a walk that is cancelled is taken up again; one that meets damage
// leaves what it found.
func TestLocate(t *testing.T) {
	s := synthetic{minor: 16, noOffsets: true, entries: sample()}
	for i := range s.entries {
		if s.entries[i].ID == 21 {
			s.entries[i].data = string(bytes.Repeat([]byte("0123456789abcdef\n"), 300_000)) + "\\.\n\n\n"
		}
	}
	b := s.encode(t)
	ctx, cancel := context.WithCancel(t.Context())
	file := &failing{ReaderAt: bytes.NewReader(b), from: int64(len(b))}
	r, err := archive.NewReader(file, int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	file.from, file.call = 2<<20, cancel
	if err := r.Locate(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("Locate = %v, want context.Canceled", err)
	}
	if e := r.TOC.Lookup(20); e.Data != toc.DataLocated {
		t.Errorf("entry 20 is not located after the cancelled walk")
	}
	if err := r.Locate(t.Context()); err != nil {
		t.Errorf("second Locate: %v", err)
	}
	if _, err := readEntries(r); err != nil {
		t.Error(err)
	}

	cut := b[:2<<20]
	if r, err = reader(cut); err != nil {
		t.Fatal(err)
	}
	if err := r.Locate(t.Context()); !errors.Is(err, archive.ErrTruncated) {
		t.Errorf("Locate of a cut archive = %v, want ErrTruncated", err)
	}
	if data, _, err := readData(r, r.TOC.Lookup(20)); err != nil || data != sample()[5].data {
		t.Errorf("data before the cut = %q, %v", data, err)
	}
	if data, _, err := readData(r, r.TOC.Lookup(21)); !errors.Is(err, archive.ErrTruncated) || len(data) < 1<<20 {
		t.Errorf("data of the cut entry: %d bytes, %v, want ErrTruncated", len(data), err)
	}
	for _, err := range r.LargeObjects(r.TOC.Lookup(22)) {
		if !errors.Is(err, archive.ErrTruncated) {
			t.Errorf("large objects behind the cut: %v, want ErrTruncated", err)
		}
	}
}

// TestTOCCopy: the TOC that pg_dump 16 to 18 leave at the end of a redirected
// archive gives the offsets, and a bad one is ignored.
func TestTOCCopy(t *testing.T) {
	good := synthetic{minor: 16, noOffsets: true, copyTOC: true, chunk: 1000, entries: sample()}.encode(t)
	other := slices.Clone(good)
	other[bytes.LastIndex(good, []byte("STDSTRINGS"))-41] ^= 1 // the id of the second entry of the copy
	tests := []struct {
		name string
		b    []byte
		used bool
	}{
		{"good", good, true},
		{"short", good[:len(good)-9], false},
		{"one more byte", append(slices.Clone(good), 0), false},
		{"damaged", other, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := reader(tt.b)
			if err != nil {
				t.Fatal(err)
			}
			e := r.TOC.Lookup(20)
			if got := e.Data == toc.DataLocated; got != tt.used {
				t.Errorf("copy used: %v, want %v", got, tt.used)
			}
			if _, err := readEntries(r); err != nil {
				t.Error(err)
			}
			last := r.TOC.Lookup(22)
			if want := int64(bytes.Index(good, []byte("above 2^31"))) + 10 + 5 + 5; tt.used && last.Offset+last.DataSize != want {
				t.Errorf("the last block ends at %#x, want %#x", last.Offset+last.DataSize, want)
			}
		})
	}
}

// TestTruncatedOffsets: a cut archive with offsets opens, and says that it is.
func TestTruncatedOffsets(t *testing.T) {
	whole := synthetic{minor: 16, entries: sample()}.encode(t)
	r, err := reader(whole)
	if err != nil {
		t.Fatal(err)
	}
	cut := r.TOC.Lookup(21).Offset - 1
	if r, err = reader(whole[:cut]); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(r.Damage, archive.ErrTruncated) {
		t.Errorf("Damage = %v, want ErrTruncated", r.Damage)
	}
	if e := r.TOC.Lookup(20); e.Offset+e.DataSize != cut {
		t.Errorf("DataSize of the cut entry = %d, its end %d, want %d", e.DataSize, e.Offset+e.DataSize, cut)
	}
	if e := r.TOC.Lookup(21); e.DataSize != -1 {
		t.Errorf("DataSize of the lost entry = %d, want -1", e.DataSize)
	}
}
