package archive_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/toc"
)

// sampleFiles returns the files of a directory archive with the sample's
// entries. Each data file is compressed in another way.
func sampleFiles(tb testing.TB, minor byte) map[string]string {
	tb.Helper()
	s := synthetic{minor: minor, format: 3, entries: sample(), major: 1, intSize: 4, offSize: 8}
	files := map[string]string{}
	list := "blobs.toc"
	for i := range s.entries {
		e := &s.entries[i]
		switch {
		case e.Kind == toc.Blobs:
			if minor >= 16 {
				list = "blobs_22.toc"
			}
			e.File = list
			lines := ""
			for _, o := range e.objects {
				name := fmt.Sprintf("blob_%d.dat", o.oid)
				lines += fmt.Sprintf("%d %s\n", o.oid, name)
				files[name+".zst"] = zstded(tb, o.data)
				if o.data == "" { // as pg_dump leaves it
					files[name+".zst"] = ""
				}
			}
			files[list] = lines
		case e.HasDumper:
			e.File = fmt.Sprintf("%d.dat", e.ID)
		}
	}
	files["20.dat.gz"] = gzipped(tb, s.entries[5].data)
	files["21.dat.lz4"] = lz4ed(tb, s.entries[6].data)
	files["toc.dat"] = string(s.encodeTOC())
	return files
}

func writeDir(tb testing.TB, files map[string]string) string {
	tb.Helper()
	dir := tb.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	return dir
}

// both calls f with the files as a directory and as a tar file.
func both(t *testing.T, files map[string]string, f func(t *testing.T, r *archive.Reader, err error)) {
	t.Helper()
	t.Run("directory", func(t *testing.T) {
		r, err := archive.Open(writeDir(t, files))
		f(t, r, err)
	})
	t.Run("tar", func(t *testing.T) {
		var members []string
		for _, name := range slices.Sorted(maps.Keys(files)) {
			members = append(members, name, files[name])
		}
		r, err := reader(tarOf(t, members...))
		f(t, r, err)
	})
}

// TestFiles reads directories and tar files whose files are compressed in all
// ways, some by hand.
func TestFiles(t *testing.T) {
	tests := []struct {
		name   string
		minor  byte
		change func(files map[string]string)
	}{
		{"1.16", 16, func(map[string]string) {}},
		{"1.14, one list", 14, func(map[string]string) {}},
		{"1.10", 10, func(map[string]string) {}},
		{"newer", 17, func(map[string]string) {}},
		{"toc.dat.gz", 16, func(f map[string]string) { f["toc.dat.gz"] = gzipped(t, f["toc.dat"]); delete(f, "toc.dat") }},
		{"toc.dat.zst", 16, func(f map[string]string) { f["toc.dat.zst"] = zstded(t, f["toc.dat"]); delete(f, "toc.dat") }},
		{"list compressed", 16, func(f map[string]string) {
			f["blobs_22.toc.lz4"] = lz4ed(t, f["blobs_22.toc"])
			delete(f, "blobs_22.toc")
		}},
		{"two gzip members", 16, func(f map[string]string) {
			data := sample()[5].data
			f["20.dat.gz"] = gzipped(t, data[:4]) + gzipped(t, data[4:])
		}},
		{"gzip in name only", 16, func(f map[string]string) { f["20.dat.gz"] = sample()[5].data }},
		{"plain before compressed", 16, func(f map[string]string) { f["20.dat.gz"], f["20.dat"] = "wrong", sample()[5].data }},
		{"other files", 16, func(f map[string]string) { f["README"] = "x"; f["restore.sql"] = "y" }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files := sampleFiles(t, tt.minor)
			tt.change(files)
			both(t, files, func(t *testing.T, r *archive.Reader, err error) {
				if err != nil {
					t.Fatal(err)
				}
				if want := map[bool]int{true: 1}[tt.minor > 16]; len(r.Warnings) != want {
					t.Errorf("Warnings = %q, want %d", r.Warnings, want)
				}
				for _, src := range sample() {
					e := r.TOC.Lookup(src.ID)
					if src.data == "" {
						continue
					}
					data, stored, err := readData(r, e)
					if err != nil || data != src.data {
						t.Errorf("data of %d = %q, %v, want %q", e.ID, data, err, src.data)
					}
					if stored != e.DataSize {
						t.Errorf("data of %d: Stored() = %d, DataSize = %d", e.ID, stored, e.DataSize)
					}
				}
				objects, err := readObjects(r)
				want := map[uint32]string{}
				for _, o := range sample()[7].objects {
					want[o.oid] = o.data
				}
				if err != nil || !maps.Equal(objects, want) {
					t.Errorf("large objects = %v, %v, want %v", objects, err, want)
				}
			})
		})
	}
}

// TestFilesDamage asserts what each kind of damage is called.
func TestFilesDamage(t *testing.T) {
	type files = map[string]string
	cut := func(name string, by int) func(f files) {
		return func(f files) { f[name] = f[name][:len(f[name])-by] }
	}
	replace := func(name, old, new string) func(f files) {
		return func(f files) {
			if !strings.Contains(f[name], old) {
				t.Fatalf("%s has no %q", name, old)
			}
			f[name] = strings.Replace(f[name], old, new, 1)
		}
	}
	tests := []struct {
		name   string
		damage func(f files)
		want   error
	}{
		{"data missing", func(f files) { delete(f, "20.dat.gz") }, archive.ErrTruncated},
		{"list missing", func(f files) { delete(f, "blobs_22.toc") }, archive.ErrTruncated},
		{"large object missing", func(f files) { delete(f, "blob_5.dat.zst") }, archive.ErrTruncated},
		{"gzip cut", cut("20.dat.gz", 1), archive.ErrTruncated},
		{"gzip empty", func(f files) { f["20.dat.gz"] = "" }, archive.ErrTruncated},
		{"gzip damaged", func(f files) {
			z := []byte(f["20.dat.gz"])
			z[len(z)-8] ^= 1 // the checksum
			f["20.dat.gz"] = string(z)
		}, archive.ErrCorrupt},
		{"lz4 cut", cut("21.dat.lz4", 5), archive.ErrTruncated},
		{"lz4 empty", func(f files) { f["21.dat.lz4"] = "" }, archive.ErrTruncated},
		{"lz4 damaged", replace("21.dat.lz4", "\\.", "\\;"), archive.ErrCorrupt},
		{"lz4 and more", func(f files) { f["21.dat.lz4"] += "more" }, archive.ErrCorrupt},
		{"zstd cut", cut("blob_5.dat.zst", 1), archive.ErrTruncated},
		{"zstd damaged", replace("blob_5.dat.zst", "five", "fivE"), archive.ErrCorrupt},
		{"line without name", func(f files) { f["blobs_22.toc"] = "5\n" }, archive.ErrCorrupt},
		{"line without OID", func(f files) { f["blobs_22.toc"] = "x blob_5.dat\n" }, archive.ErrCorrupt},
		{"line too long", func(f files) { f["blobs_22.toc"] = "5 " + strings.Repeat("x", 10_000) }, archive.ErrCorrupt},
		{"path up", func(f files) { f["blobs_22.toc"] = "5 ../blob_5.dat\n" }, archive.ErrCorrupt},
		{"path absolute", func(f files) { f["blobs_22.toc"] = "5 /etc/passwd\n" }, archive.ErrCorrupt},
		{"path backslash", func(f files) { f["blobs_22.toc"] = "5 ..\\x\n" }, archive.ErrCorrupt},
		{"path dots", func(f files) { f["blobs_22.toc"] = "5 ..\n" }, archive.ErrCorrupt},
		{"path empty", func(f files) { f["blobs_22.toc"] = "5 \n" }, archive.ErrCorrupt},
		{"path in the TOC", replace("toc.dat", "20.dat", "../etc"), archive.ErrCorrupt},
		{"toc.dat cut", cut("toc.dat", 3), archive.ErrTruncated},
		{"toc.dat empty", func(f files) { f["toc.dat"] = "" }, archive.ErrTruncated},
		{"toc.dat of another kind", func(f files) { f["toc.dat"] = "x" + f["toc.dat"][1:] }, archive.ErrCorrupt},
		{"toc.dat in custom format", func(f files) { f["toc.dat"] = f["toc.dat"][:10] + "\x01" + f["toc.dat"][11:] }, archive.ErrCorrupt},
		{"toc.dat.gz cut", func(f files) {
			z := gzipped(t, f["toc.dat"])
			f["toc.dat.gz"] = z[:len(z)/2]
			delete(f, "toc.dat")
		}, archive.ErrTruncated},
		{"toc.dat missing", func(f files) { delete(f, "toc.dat") }, archive.ErrNotArchive},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := sampleFiles(t, 16)
			tt.damage(f)
			both(t, f, func(t *testing.T, r *archive.Reader, err error) {
				if err == nil {
					_, err = readEntries(r)
				}
				if err == nil || !typed(err) || !errors.Is(err, tt.want) {
					t.Errorf("err = %v, want %v", err, tt.want)
				}
			})
		})
	}
}

// TestMissingWarning: an interrupted dump is told of when it is opened.
func TestMissingWarning(t *testing.T) {
	f := sampleFiles(t, 16)
	delete(f, "21.dat.lz4")
	both(t, f, func(t *testing.T, r *archive.Reader, err error) {
		if err != nil {
			t.Fatal(err)
		}
		if want := []string{"1 data files are missing, the first is 21.dat"}; !slices.Equal(r.Warnings, want) {
			t.Errorf("Warnings = %q, want %q", r.Warnings, want)
		}
		if e := r.TOC.Lookup(21); e.DataSize != -1 {
			t.Errorf("DataSize = %d, want -1", e.DataSize)
		}
		if _, err := r.Data(r.TOC.Lookup(21)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Data = %v, want fs.ErrNotExist", err)
		}
	})
}

// TestBehindTOC: toc.dat must end with the TOC, or the version is another.
func TestBehindTOC(t *testing.T) {
	for _, minor := range []byte{16, 17} {
		f := sampleFiles(t, minor)
		f["toc.dat"] += "x"
		both(t, f, func(t *testing.T, r *archive.Reader, err error) {
			switch {
			case minor == 17 && !errors.Is(err, archive.ErrUnsupported):
				t.Errorf("1.17: %v, want ErrUnsupported", err)
			case minor == 16 && (err != nil || len(r.Warnings) != 1):
				t.Errorf("1.16: %v, want a warning", err)
			}
		})
	}
}

// TestSymlink: data files may lie elsewhere, if the directory's owner says so.
func TestSymlink(t *testing.T) {
	f := sampleFiles(t, 16)
	dir := writeDir(t, f)
	elsewhere := filepath.Join(t.TempDir(), "x")
	if err := os.Rename(filepath.Join(dir, "20.dat.gz"), elsewhere); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(elsewhere, filepath.Join(dir, "20.dat.gz")); err != nil {
		t.Skip(err)
	}
	r, err := archive.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if data, stored, err := readData(r, r.TOC.Lookup(20)); err != nil || data != sample()[5].data || stored != int64(len(f["20.dat.gz"])) {
		t.Errorf("data = %q, %d bytes stored, %v", data, stored, err)
	}
}

// TestNotDirectory names directories and tar files that are no archives.
func TestNotDirectory(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string
		dir   archive.FileKind
		tar   archive.FileKind
	}{
		{"empty", map[string]string{}, archive.KindDirectory, archive.KindZeros},
		{"other", map[string]string{"a.dump": "x"}, archive.KindDirectory, archive.KindTar},
		{"base backup", map[string]string{"PG_VERSION": "15\n", "backup_label": "x"}, archive.KindDataDirectory, archive.KindBaseBackup},
		{"pg_dumpall", map[string]string{"map.dat": "5 postgres\n", "toc.glo": "x"}, archive.KindDumpAllDir, archive.KindTar},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			both(t, tt.files, func(t *testing.T, r *archive.Reader, err error) {
				var not *archive.NotArchiveError
				want := tt.dir
				if strings.HasSuffix(t.Name(), "/tar") {
					want = tt.tar
				}
				if !errors.As(err, &not) || not.Kind != want {
					t.Errorf("err = %v, want kind %d", err, want)
				}
			})
		})
	}
	var not *archive.NotArchiveError
	_, err := reader(tarOf(t, "a/toc.dat", "x", "b/toc.dat", "x"))
	if !errors.As(err, &not) || not.Kind != archive.KindTarOfDir {
		t.Errorf("tar of two directories: %v", err)
	}
	dir := writeDir(t, sampleFiles(t, 16))
	_, err = archive.Open(filepath.Join(dir, "toc.dat"))
	if !errors.As(err, &not) || not.Kind != archive.KindTOCFile {
		t.Errorf("toc.dat itself: %v", err)
	}
}

// TestTarTruncation cuts a tar file everywhere. What is missing behind the cut
// must be told of, what lies before it must be readable.
func TestTarTruncation(t *testing.T) {
	f := sampleFiles(t, 16)
	members := []string{"toc.dat", f["toc.dat"]}
	for _, name := range slices.Sorted(maps.Keys(f)) {
		if name != "toc.dat" {
			members = append(members, name, f[name])
		}
	}
	whole := tarOf(t, members...)
	last := bytes.LastIndex(whole, []byte(f["blobs_22.toc"])) + len(f["blobs_22.toc"])
	for n := last - 1; n >= 0; n -= 13 {
		r, err := reader(whole[:n:n])
		if err == nil {
			_, err = readEntries(r)
		}
		switch {
		case n < 512 && errors.Is(err, archive.ErrNotArchive):
		case n >= 512 && errors.Is(err, archive.ErrTruncated):
		default:
			t.Errorf("cut to %d of %d bytes: %v", n, len(whole), err)
		}
	}
	for n := last; n < len(whole); n += 100 { // padding and end mark
		if _, err := readAll(whole[:n]); err != nil {
			t.Errorf("without end mark, cut to %d bytes: %v", n, err)
		}
	}
}

// TestTarHeader reads what old programs write into tar headers.
func TestTarHeader(t *testing.T) {
	f := sampleFiles(t, 10)
	b := tarOf(t, "./toc.dat", f["toc.dat"], "./20.dat", sample()[5].data)
	for at := 0; at < 2; at++ { // magic of pg_dump before 9.3, in both headers
		h := b[at*(512+(len(f["toc.dat"])+511)/512*512):]
		copy(h[257:265], "ustar00\x00")
		copy(h[148:156], "        ")
		sum := 0
		for _, c := range h[:512] {
			sum += int(c)
		}
		copy(h[148:156], fmt.Sprintf("%07o ", sum))
	}
	r, err := reader(b)
	if err != nil {
		t.Fatal(err)
	}
	if data, _, err := readData(r, r.TOC.Lookup(20)); err != nil || data != sample()[5].data {
		t.Errorf("data = %q, %v", data, err)
	}
	b[257] = 'x'
	if _, err := reader(b); !errors.Is(err, archive.ErrNotArchive) {
		t.Errorf("no magic: %v, want ErrNotArchive", err)
	}
}

// TestLongStrings reads definitions longer than the decoder's window, and
// toc.dat compressed and cut within one.
func TestLongStrings(t *testing.T) {
	long := strings.Repeat("-- a line of a statistics entry\n", 100_000)
	s := synthetic{minor: 16, entries: sample()}
	s.entries[3].Defn = long
	s.entries[8].Defn = long + "end"
	check := func(t *testing.T, r *archive.Reader) {
		t.Helper()
		for i, e := range r.TOC.Entries {
			if want := s.entries[i]; e.ID != want.ID || e.Defn != want.Defn || e.Owner != want.Owner {
				t.Errorf("entry %d: definition of %d bytes, owner %v, want %d bytes, %v", e.ID, len(e.Defn), e.Owner, len(want.Defn), want.Owner)
			}
		}
	}
	b := s.encode(t)
	r, err := reader(b)
	if err != nil {
		t.Fatal(err)
	}
	check(t, r)
	if _, err := readEntries(r); err != nil {
		t.Error(err)
	}

	s.format, s.major, s.intSize, s.offSize = 3, 1, 4, 8
	toc := string(s.encodeTOC())
	z := gzipped(t, toc)
	both(t, map[string]string{"toc.dat.gz": z}, func(t *testing.T, r *archive.Reader, err error) {
		if err != nil {
			t.Fatal(err)
		}
		check(t, r)
	})
	cut := gzipped(t, toc[:len(long)])
	for name, file := range map[string]string{"gzip cut": z[:len(z)/3], "content cut": cut} {
		t.Run(name, func(t *testing.T) {
			both(t, map[string]string{"toc.dat.gz": file}, func(t *testing.T, _ *archive.Reader, err error) {
				if !errors.Is(err, archive.ErrTruncated) {
					t.Errorf("err = %v, want ErrTruncated", err)
				}
			})
		})
	}
}
