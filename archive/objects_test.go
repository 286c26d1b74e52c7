package archive_test

import (
	"io"
	"os"
	"testing"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/toc"
)

// TestLargeObjectStored: while the large objects of an entry are read, it can be
// told how much of the archive that took.
func TestLargeObjectStored(t *testing.T) {
	for _, name := range []string{"15/c-gzip", "18/c-zstd", "18/c-lz4", "15/lobs", "13/lobs-dir", "18/lobs-dir", "17/lobs-tar"} {
		f := fixtures.Get(t, name)
		r := open(t, f)
		t.Run(name, func(t *testing.T) { storedOf(t, r, r) })
		if f.Format == "directory" {
			continue
		}
		t.Run(name+" as a stream", func(t *testing.T) {
			file, err := os.Open(f.Path)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			s, err := archive.NewStream(struct{ io.Reader }{file})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			storedOf(t, s, r)
		})
	}
}

// storedOf reads all large objects of r, whose sizes known tells.
func storedOf(t *testing.T, r, known *archive.Reader) {
	for _, e := range r.TOC.Entries {
		if e.Kind != toc.Blobs {
			continue
		}
		objects, last := 0, int64(0)
		for lo, err := range r.LargeObjects(e) {
			if err != nil {
				t.Fatal(err)
			}
			before := lo.Stored()
			n, err := io.Copy(io.Discard, lo)
			if err != nil {
				t.Fatal(err)
			}
			if after := lo.Stored(); before < last || n > 0 && after <= before {
				t.Errorf("object %d: %d bytes before it, %d with it, %d with the last", lo.OID, before, after, last)
			}
			last = lo.Stored()
			objects++
		}
		// What is left is the mark of the end, or a list.
		size := known.TOC.Lookup(e.ID).DataSize
		if objects == 0 || last > size || last < size*9/10-30 {
			t.Errorf("entry %d: %d objects, %d bytes read, %d in all", e.ID, objects, last, size)
		}
	}
}
