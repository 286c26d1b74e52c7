package archive_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/toc"
)

// verifyBytes verifies an archive in memory. opened is false if there was
// nothing to verify.
func verifyBytes(t *testing.T, b []byte) (v *archive.Verification, r *archive.Reader, opened bool) {
	t.Helper()
	start := time.Now()
	r, err := reader(b)
	if err != nil {
		if !typed(err) {
			t.Errorf("NewReader: %v is not typed", err)
		}
		return nil, nil, false
	}
	v = verify(t, r)
	if d := time.Since(start); d > 20*time.Second {
		t.Errorf("it took %v", d)
	}
	return v, r, true
}

// same reports whether all data of two archives are the same.
func same(a, b *archive.Verification) bool {
	return slices.EqualFunc(a.Tables, b.Tables, func(x, y archive.TableCheck) bool {
		return x.Entry.ID == y.Entry.ID && x.Rows == y.Rows && x.Digest == y.Digest && y.Whole
	})
}

// TestVerifyFlips flips single bits of archives whose compression has a
// checksum. In the data, a flip is reported or changes nothing: the sign of a
// zero, or bits that fill up a byte. In the TOC, whose texts have no checksum,
// it may also go unseen; the data are then still whole.
func TestVerifyFlips(t *testing.T) {
	flips := 3000
	if testing.Short() {
		flips = 300
	}
	for _, name := range []string{"15/c-gzip", "18/c-gzip", "18/c-pipe", "17/lobs", "15/lobs"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := fixtures.Get(t, name)
			if !strings.HasPrefix(f.Compression, "gzip") {
				t.Fatalf("%s is compressed with %s", name, f.Compression)
			}
			good, err := os.ReadFile(f.Path)
			if err != nil {
				t.Fatal(err)
			}
			want, r, _ := verifyBytes(t, good)
			start := dataStart(r)
			rng := rand.New(rand.NewPCG(uint64(len(good)), 7))
			reported, harmless, unseen := 0, 0, 0
			for i := range flips {
				at := rng.Int64N(int64(len(good)))
				if i%2 == 0 { // the TOC is much of a small archive
					at = start + rng.Int64N(int64(len(good))-start)
				}
				bit := byte(1) << rng.IntN(8)
				good[at] ^= bit
				v, _, opened := verifyBytes(t, good)
				good[at] ^= bit
				switch {
				case !opened || !v.Sound():
					reported++
				case same(want, v) && at >= start:
					harmless++
				case same(want, v):
					unseen++
				case at >= start:
					t.Errorf("bit %#x of byte %#x flipped: the data changed and nothing is reported", bit, at)
				default:
					unseen++
				}
			}
			t.Logf("%d flips: %d reported, %d in the data change nothing, %d in the TOC are not seen", flips, reported, harmless, unseen)
			if harmless > flips/20 {
				t.Errorf("%d of %d flips change nothing, which is too many", harmless, flips)
			}
		})
	}
}

// dataStart is where the first block begins.
func dataStart(r *archive.Reader) int64 {
	start := r.Size()
	for _, e := range r.TOC.Entries {
		if e.Data == toc.DataLocated {
			start = min(start, e.Offset)
		}
	}
	return start
}

// TestVerifyTruncation cuts archives: each cut is reported, and the tables
// before it are whole.
func TestVerifyTruncation(t *testing.T) {
	for _, name := range []string{"15/c-none", "18/c-gzip", "18/c-lz4", "18/c-zstd", "18/c-pipe", "17/lobs-tar"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			good, err := os.ReadFile(fixtures.Get(t, name).Path)
			if err != nil {
				t.Fatal(err)
			}
			want, _, _ := verifyBytes(t, good)
			rng := rand.New(rand.NewPCG(1, 1))
			for i := range 300 {
				n := len(good) - 1 - i
				if i >= 100 {
					n = rng.IntN(len(good))
				}
				v, r, opened := verifyBytes(t, good[:n])
				if !opened {
					continue
				}
				if v.Sound() {
					t.Errorf("cut at %d of %d: nothing is reported", n, len(good))
				}
				for j, c := range v.Tables {
					if len(v.Tables) != len(want.Tables) {
						break // not all were found
					}
					e := c.Entry
					before := r.Header.Format == archive.FormatCustom && e.Offset+want.Tables[j].Stored <= int64(n)
					if c.Whole && c.Digest != want.Tables[j].Digest || before && !c.Whole {
						t.Errorf("cut at %d: %s %s: Whole = %v, or another digest", n, e.Kind, e.Tag, c.Whole)
					}
				}
			}
		})
	}
}

// TestVerifyMemory: a table that is damaged in every row, and a file full of
// blocks that nobody has, are bounded.
func TestVerifyMemory(t *testing.T) {
	e := toc.Entry{ID: 9, Kind: toc.TableData, Tag: "t", Section: toc.SectionData, HasDumper: true, Copy: "COPY t (a) FROM stdin;\n"}
	b := synthetic{minor: 16, chunk: 8000, entries: []source{{Entry: e, data: strings.Repeat("1\t\\q\n", 1_000_000) + "\\.\n\n\n"}}}.encode(t)
	b = append(b, bytes.Repeat([]byte{1, 0, 99, 0, 0, 0, 0, 0, 0, 0, 0}, 100_000)...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	v, _, _ := verifyBytes(t, b)
	runtime.ReadMemStats(&after)
	if len(v.Problems) != 1000 || v.More != 100_000+2-1000 {
		t.Errorf("%d problems and %d more", len(v.Problems), v.More)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 100<<20 {
		t.Errorf("%d bytes allocated", n)
	}
}

// block returns a data block by itself.
func block(id byte, kind byte, body string) string {
	return string([]byte{kind, 0, id, 0, 0, 0}) + body
}

// TestVerifyCustomDamage has every kind of damage to the layout of a custom
// format file.
func TestVerifyCustomDamage(t *testing.T) {
	withBlob := func(change func(entries []source) []source) func() []byte {
		return func() []byte {
			metadata := source{Entry: toc.Entry{ID: 23, Kind: toc.BlobMetadata, Tag: "5..6", Section: toc.SectionData, Defn: "5\n6\n4000000000\n"}}
			entries := append(sample(), metadata)
			entries[7].Deps = []toc.DumpID{23}
			return synthetic{minor: 16, entries: change(entries)}.encode(t)
		}
	}
	keep := func(e []source) []source { return e }
	good := withBlob(keep)()
	r, err := reader(good)
	if err != nil {
		t.Fatal(err)
	}
	at := func(id toc.DumpID) int64 { return r.TOC.Lookup(id).Offset }
	insert := func(where int64, text string) func() []byte {
		return func() []byte { return slices.Insert(slices.Clone(good), int(where), []byte(text)...) }
	}
	empty := "\x00\x05\x00\x00\x00\\.\n\n\n\x00\x00\x00\x00\x00"
	end := int64(len(good))
	for _, tt := range []struct {
		name   string
		make   func() []byte
		want   string
		entry  toc.DumpID
		offset int64
	}{
		{"junk behind the end", insert(end, "junk"), "4 bytes that belong to nothing", 0, end},
		{"block of nobody", insert(end, block(99, 1, empty)), "a data block of entry 99, which is not in the table of contents", 0, end},
		{"second block", insert(end, block(20, 1, empty)), "a data block of this entry; by the table of contents it is at byte", 20, end},
		{"block of a table", insert(end, block(7, 1, empty)), "a data block of an entry that has no data", 7, end},
		{"large object missing", withBlob(func(e []source) []source { e[7].objects = e[7].objects[:2]; return e }), "large object 4000000000 is missing", 22, -1},
		{"large object of nobody", withBlob(func(e []source) []source { e[7].objects = append(e[7].objects, object{8, "x"}); return e }), "large object 8 is defined nowhere", 22, -1},
		{"large object twice", withBlob(func(e []source) []source { e[7].objects = append(e[7].objects, object{5, "x"}); return e }), "large object 5 is there twice", 22, -1},
		{"list of large objects", withBlob(func(e []source) []source { e[9].Defn += "x\n"; return e }), "is no OID", 23, -1},
		{"no data", withBlob(func(e []source) []source { e[5].HasDumper = false; return e }), "the table of contents says that it has no data", 20, -1},
		{"depends on itself", withBlob(func(e []source) []source { e[8].Deps = []toc.DumpID{30}; return e }), "it depends on entry 30", 30, -1},
		{"another table", withBlob(func(e []source) []source { e[5].Deps = []toc.DumpID{8}; return e }), "it depends on entry 8, which is another table", 20, -1},
		{"wrong block", func() []byte { b := slices.Clone(good); b[at(20)+2] = 21; return b }, "data block of entry 21", 20, at(20)},
		{"wrong block type", func() []byte { b := slices.Clone(good); b[at(20)] = 3; return b }, "data block of type 3, 1 expected", 20, at(20)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v, _, opened := verifyBytes(t, tt.make())
			if !opened {
				t.Fatal("cannot be opened")
			}
			if !slices.ContainsFunc(v.Problems, func(p archive.Problem) bool {
				id := toc.DumpID(0)
				if p.Entry != nil {
					id = p.Entry.ID
				}
				return strings.Contains(p.What, tt.want) && id == tt.entry && p.Offset == tt.offset && p.Lost != ""
			}) {
				t.Errorf("problems %+v, want %q of entry %d at %d", v.Problems, tt.want, tt.entry, tt.offset)
			}
		})
	}
	v, _, _ := verifyBytes(t, good)
	for _, p := range v.Problems {
		if !strings.Contains(p.What, "another table") { // the sample's OIDs do not go together
			t.Errorf("problem: %s", problemText(p))
		}
	}
}

// TestVerifyFilesDamage has what can be wrong with a directory or tar file.
func TestVerifyFilesDamage(t *testing.T) {
	type files = map[string]string
	for _, tt := range []struct {
		name   string
		damage func(f files)
		file   string
		want   string
	}{
		{"data missing", func(f files) { delete(f, "20.dat.gz") }, "20.dat", "the file is missing"},
		{"list missing", func(f files) { delete(f, "blobs_22.toc") }, "blobs_22.toc", "the file is missing"},
		{"large object missing", func(f files) { delete(f, "blob_5.dat.zst") }, "blob_5.dat", "the file is missing"},
		{"data of nobody", func(f files) { f["99.dat.gz"] = "x" }, "99.dat.gz", "a data file that no entry has"},
		{"large object of nobody", func(f files) { f["blob_9.dat"] = "x" }, "blob_9.dat", "a data file that no entry has"},
		{"twice", func(f files) { f["20.dat"] = sample()[5].data }, "20.dat.gz", "a data file that no entry has"},
		{"gzip in name only", func(f files) { f["20.dat.gz"] = sample()[5].data }, "20.dat.gz", "the file is not compressed with gzip"},
		{"checksum", func(f files) {
			z := []byte(f["20.dat.gz"])
			z[len(z)-8] ^= 1
			f["20.dat.gz"] = string(z)
		}, "20.dat.gz", "checksum"},
		{"toc.dat goes on", func(f files) { f["toc.dat"] += "more" }, "toc.dat", "the file goes on behind the table of contents"},
		{"line of the list", func(f files) { f["blobs_22.toc"] = "x\n" + f["blobs_22.toc"] }, "blobs_22.toc", "line"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := sampleFiles(t, 16)
			tt.damage(f)
			both(t, f, func(t *testing.T, r *archive.Reader, err error) {
				if err != nil {
					t.Fatal(err)
				}
				v := verify(t, r)
				if !slices.ContainsFunc(v.Problems, func(p archive.Problem) bool {
					return p.File == tt.file && strings.Contains(p.What, tt.want) && p.Lost != ""
				}) {
					t.Errorf("problems %+v, want %q of %s", v.Problems, tt.want, tt.file)
				}
			})
		})
	}
}

// TestVerifyForeignFiles: what is plainly not part of the archive is a note.
func TestVerifyForeignFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a.dir")
	if err := os.CopyFS(dir, os.DirFS(fixtures.Get(t, "18/lobs-dir-lz4").Path)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "README"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := archive.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	v := verify(t, r)
	noProblems(t, v)
	if want := "not by pg_dump: README"; !slices.Equal(v.Notes, []string{want}) {
		t.Errorf("Notes = %q, want %q", v.Notes, want)
	}
}

// TestVerifyTarEnd: a tar file has an end mark, and nothing behind it.
func TestVerifyTarEnd(t *testing.T) {
	good, err := os.ReadFile(fixtures.Get(t, "17/lobs-tar").Path)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		b    []byte
		want string
	}{
		{bytes.TrimRight(good, "\x00"), ""}, // within restore.sql's padding
		{append(slices.Clone(good), "junk"...), "bytes behind the end of the tar file"},
		{append(slices.Clone(good), make([]byte, 10240)...), "none"},
	} {
		v, _, _ := verifyBytes(t, tt.b)
		switch {
		case tt.want == "none":
			noProblems(t, v)
		case v.Sound() || !strings.Contains(v.Problems[0].What, tt.want):
			t.Errorf("problems %+v, want %q", v.Problems, tt.want)
		}
	}
}
