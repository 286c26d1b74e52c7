package archive_test

import (
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/toc"
)

// A victim is an archive to be damaged.
type victim struct {
	name   string
	files  map[string][]byte // of a directory; of a file, only ""
	names  []string          // of files, sorted
	summed bool              // all data have a checksum

	sums  map[toc.DumpID][32]byte // digests of the data, undamaged
	order [][32]byte              // the same, in the archive's order
	start int64                   // custom format: where the data begin
}

// victims are an archive of each format and compression, with about 300 kB.
func victims(tb testing.TB) []*victim {
	var all []*victim
	for _, v := range []struct {
		name   string
		summed bool
	}{
		{"15/c-gzip", true}, {"15/c-pipe", true}, {"15/c-none", false},
		{"18/c-lz4", false}, {"18/c-zstd", false},
		{"17/lobs-tar", false}, {"18/lobs-dir", true},
	} {
		files := make(map[string][]byte)
		root := fixtures.Get(tb, v.name).Path
		err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			content, err := os.ReadFile(path)
			files[strings.TrimPrefix(strings.TrimPrefix(path, root), "/")] = content
			return err
		})
		if err != nil {
			tb.Fatal(err)
		}
		all = append(all, &victim{name: v.name, files: files, summed: v.summed})
	}
	for _, a := range []archive.Algorithm{archive.LZ4, archive.Zstd} {
		b := again(tb, fixtures.Get(tb, "18/c-zstd"), synthetic{minor: 16, compression: a, checksums: true, chunk: 4096})
		all = append(all, &victim{name: a.String() + " with checksums", files: map[string][]byte{"": b}, summed: true})
	}
	for _, v := range all {
		v.names = slices.Sorted(maps.Keys(v.files))
	}
	return all
}

// again encodes what a fixture holds.
func again(tb testing.TB, f fixtures.Fixture, s synthetic) []byte {
	tb.Helper()
	r := open(tb, f)
	for _, e := range r.TOC.Entries {
		src := source{Entry: *e}
		switch {
		case e.Data == toc.DataNone:
		case e.Kind == toc.Blobs:
			for lo, err := range r.LargeObjects(e) {
				if err != nil {
					tb.Fatal(err)
				}
				data, err := io.ReadAll(lo)
				if err != nil {
					tb.Fatal(err)
				}
				src.objects = append(src.objects, object{lo.OID, string(data)})
			}
		default:
			var err error
			if src.data, _, err = readData(r, e); err != nil {
				tb.Fatal(err)
			}
		}
		s.entries = append(s.entries, src)
	}
	return s.encode(tb)
}

// place returns a random byte of an archive: a file's name, and where in it.
func (v *victim) place(rng *rand.Rand) (name string, at int) {
	total := 0
	for _, b := range v.files {
		total += len(b)
	}
	at = rng.IntN(total)
	for _, name = range v.names {
		if at < len(v.files[name]) {
			break
		}
		at -= len(v.files[name])
	}
	return name, at
}

// learn verifies the archive undamaged.
func (v *victim) learn(t *testing.T) {
	w := v.newWorker(t)
	r, err := w.open("", func(b []byte) []byte { return b })
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	good := verify(t, r)
	noProblems(t, good)
	v.sums = make(map[toc.DumpID][32]byte)
	for _, c := range good.Tables {
		v.sums[c.Entry.ID] = c.Digest
		v.order = append(v.order, c.Digest)
	}
	if r.Header.Format == archive.FormatCustom {
		v.start = dataStart(r)
	}
	if v.summed == saysUnsummed(good) || len(v.sums) == 0 {
		t.Fatalf("%d entries with data, Unchecked %q, want values without checksums there: %v", len(v.sums), good.Unchecked, !v.summed)
	}
}
