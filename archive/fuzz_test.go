package archive_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/toc"
)

// fuzzMax is the longest input that is tried: a longer one may decompress to
// gigabytes, which is slow and no fault.
const fuzzMax = 64 << 10

// small returns the small fixtures in one file, as seeds.
func small(f *testing.F) [][]byte {
	f.Helper()
	var seeds [][]byte
	for _, fixture := range fixtures.All(f) {
		if fixture.Format == "directory" || fixture.Bytes > 20_000 {
			continue
		}
		b, err := os.ReadFile(fixture.Path)
		if err != nil {
			f.Fatal(err)
		}
		seeds = append(seeds, b)
	}
	return seeds
}

// FuzzReader opens anything and reads all of it: there must be a result or a
// typed error, never a panic or a hang.
func FuzzReader(f *testing.F) {
	for _, b := range small(f) {
		f.Add(b)
	}
	for a := archive.None; a <= archive.Zstd; a++ {
		f.Add(synthetic{minor: 16, compression: a, entries: sample()}.encode(f))
		f.Add(synthetic{minor: 16, compression: a, noOffsets: true, copyTOC: true, entries: sample()}.encode(f))
	}
	f.Add(synthetic{compression: archive.Gzip, entries: sample()[:7]}.encode(f))
	f.Add(synthetic{minor: 4, entries: sample()}.encode(f))
	f.Add(synthetic{minor: 10, intSize: 8, offSize: 16, entries: sample()}.encode(f))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > fuzzMax {
			return
		}
		if _, err := readAll(b); err != nil && !typed(err) {
			t.Errorf("untyped error %v", err)
		}
	})
}

// FuzzBlocks reads anything as the blocks behind a table of contents that is
// whole, with offsets of blocks and without.
func FuzzBlocks(f *testing.F) {
	type front struct {
		compression archive.Algorithm
		noOffsets   bool
	}
	fronts := make(map[front][]byte)
	for a := archive.None; a <= archive.Zstd; a++ {
		for _, noOffsets := range []bool{false, true} {
			b := synthetic{minor: 16, compression: a, noOffsets: noOffsets, entries: sample()}.encode(f)
			length := len(synthetic{minor: 16, compression: a, format: 1, entries: sample(), major: 1, intSize: 4, offSize: 8}.encodeTOC())
			fronts[front{a, noOffsets}] = b[:length:length]
			f.Add(uint8(a), noOffsets, b[length:])
		}
	}
	f.Fuzz(func(t *testing.T, a uint8, noOffsets bool, blocks []byte) {
		if len(blocks) > fuzzMax {
			return
		}
		b := append(fronts[front{archive.Algorithm(a % 4), noOffsets}], blocks...)
		r, err := reader(b)
		if err != nil {
			t.Fatalf("the table of contents is whole: %v", err)
		}
		checkVerify(t, r)
	})
}

// FuzzTar opens anything as a tar file.
func FuzzTar(f *testing.F) {
	for _, name := range []string{"13/newline-tar", "18/newline-tar"} {
		b, err := os.ReadFile(fixtures.Get(f, name).Path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	for _, minor := range []byte{4, 12, 14, 16} {
		files := sampleFiles(f, minor)
		var members, inFolder []string
		for _, name := range slices.Sorted(maps.Keys(files)) {
			members = append(members, name, files[name])
			inFolder = append(inFolder, "./a.dir/"+name, files[name])
		}
		f.Add(tarOf(f, members...))
		f.Add(tarOf(f, inFolder...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > fuzzMax || strings.HasPrefix(string(b), "PGDMP") {
			return
		}
		openAndVerify(t, b)
	})
}

// FuzzDirectory reads anything as the files of a directory: toc.dat, one with
// data, and a list of large objects.
func FuzzDirectory(f *testing.F) {
	for _, minor := range []byte{4, 12, 14, 16} {
		files := sampleFiles(f, minor)
		tocFile, list := []byte(files["toc.dat"]), []byte(files["blobs.toc"]+files["blobs_22.toc"])
		f.Add(tocFile, uint8(0), []byte(sample()[5].data), list)
		f.Add(tocFile, uint8(1), []byte(files["20.dat.gz"]), list)
		f.Add(tocFile, uint8(2), []byte(files["21.dat.lz4"]), list)
		f.Add(tocFile, uint8(3), []byte(files["blob_5.dat.zst"]), list)
	}
	suffixes := []string{"", ".gz", ".lz4", ".zst"}
	var dirs []string // one for each suffix, written again each time, which is faster than a new one
	for range suffixes {
		dirs = append(dirs, f.TempDir())
	}
	f.Fuzz(func(t *testing.T, tocFile []byte, suffix uint8, data, list []byte) {
		if len(tocFile)+len(data)+len(list) > fuzzMax {
			return
		}
		i := int(suffix) % len(suffixes)
		for name, content := range map[string][]byte{
			"toc.dat": tocFile, "blobs.toc": list, "blobs_22.toc": list,
			"20.dat" + suffixes[i]: data, "blob_5.dat" + suffixes[i]: data, "blob_6.dat": data,
		} {
			if err := os.WriteFile(filepath.Join(dirs[i], name), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		r, err := archive.Open(dirs[i])
		verifyOpened(t, r, err)
	})
}

// FuzzVerify verifies anything: there must be a result, and it must agree with
// reading.
func FuzzVerify(f *testing.F) {
	for _, b := range small(f) {
		f.Add(b)
	}
	for a := archive.None; a <= archive.Zstd; a++ {
		f.Add(synthetic{minor: 16, compression: a, entries: sample()}.encode(f))
		f.Add(synthetic{minor: 16, compression: a, checksums: true, noOffsets: true, entries: sample()}.encode(f))
	}
	f.Add(synthetic{minor: 16, copyTOC: true, entries: sample()}.encode(f))
	f.Add(synthetic{minor: 12, compression: archive.Gzip, entries: sample()}.encode(f))
	f.Add(synthetic{minor: 4, entries: sample()}.encode(f))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) <= fuzzMax {
			openAndVerify(t, b)
		}
	})
}

// openAndVerify opens a file, and checks verifying what there is of it.
func openAndVerify(t *testing.T, b []byte) {
	r, err := reader(b)
	verifyOpened(t, r, err)
}

func verifyOpened(t *testing.T, r *archive.Reader, err error) {
	var partial *archive.PartialError
	if errors.As(err, &partial) {
		r = partial.Partial
	}
	if err != nil && !sentinel(err) {
		t.Errorf("opening: untyped error %v", err)
	}
	if r != nil {
		defer r.Close()
		checkVerify(t, r)
	}
}

// checkVerify verifies an archive. What Verify calls whole can be read, and
// nothing else; all errors have a type.
func checkVerify(t *testing.T, r *archive.Reader) {
	v := verify(t, r)
	for _, p := range v.Problems {
		if p.What == "" || p.Lost == "" || p.Err != nil && !sentinel(p.Err) {
			t.Errorf("problem %+v", p)
		}
	}
	if r.Streaming() {
		return // its data are passed
	}
	for _, c := range v.Tables {
		err := readEntry(r, c.Entry)
		if err != nil && !sentinel(err) {
			t.Errorf("data of %d: untyped error %v", c.Entry.ID, err)
		}
		if err == nil != c.Whole {
			t.Errorf("data of %d: read with %v, but Whole = %v", c.Entry.ID, err, c.Whole)
		}
		if err != nil && v.Sound() {
			t.Errorf("data of %d: %v, and nothing is reported", c.Entry.ID, err)
		}
	}
	for _, e := range r.TOC.Entries {
		if e.Data != toc.DataNone && v.Sound() && !slices.ContainsFunc(v.Tables, func(c archive.TableCheck) bool { return c.Entry.ID == e.ID }) {
			t.Errorf("data of %d: not verified, and nothing is reported", e.ID)
		}
	}
}
