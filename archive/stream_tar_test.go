package archive_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/pgarc/pgarc/archive"
)

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
