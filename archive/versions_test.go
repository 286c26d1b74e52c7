package archive_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/toc"
)

func reader(b []byte) (*archive.Reader, error) {
	return archive.NewReader(bytes.NewReader(b), int64(len(b)))
}

// layouts are widths of integers and offsets.
var layouts = [][2]int{{4, 8}, {8, 8}, {4, 4}, {8, 16}, {5, 12}, {2, 2}, {32, 32}}

// samples calls f with an archive of every version and layout.
func samples(t *testing.T, f func(t *testing.T, s synthetic)) {
	for minor := byte(0); minor <= 16; minor++ {
		algorithms := []archive.Algorithm{archive.None, archive.Gzip}
		switch {
		case minor < 2:
			algorithms = algorithms[1:]
		case minor >= 15:
			algorithms = append(algorithms, archive.LZ4, archive.Zstd)
		}
		for _, a := range algorithms {
			for _, layout := range layouts {
				if minor == 0 && layout[0] < 4 {
					continue // NULL, the length -1, needs 32 bits where there is no sign
				}
				for _, noOffsets := range []bool{false, true} {
					s := synthetic{minor: minor, intSize: layout[0], offSize: layout[1], compression: a, noOffsets: noOffsets, entries: sample()}
					if layout[0] < 4 || minor < 3 { // no room for such OIDs; no large objects yet
						s.entries = append(s.entries[:7:7], s.entries[8:]...)
					}
					name := fmt.Sprintf("1.%d/%s/%dx%d", minor, a, layout[0], layout[1])
					if noOffsets {
						name += "/no offsets"
					}
					t.Run(name, func(t *testing.T) { f(t, s) })
				}
			}
		}
	}
}

// TestVersions reads synthetic archives of every version back.
func TestVersions(t *testing.T) {
	samples(t, func(t *testing.T, s synthetic) {
		r, err := reader(s.encode(t))
		if err != nil {
			t.Fatal(err)
		}
		testSampleHeader(t, r, s)
		if err := r.Locate(t.Context()); err != nil {
			t.Fatalf("Locate: %v", err)
		}
		if len(r.TOC.Entries) != len(s.entries) {
			t.Fatalf("%d entries, want %d", len(r.TOC.Entries), len(s.entries))
		}
		for i, e := range r.TOC.Entries {
			testSampleEntry(t, r, e, s, s.entries[i])
		}
	})
}

func testSampleHeader(t *testing.T, r *archive.Reader, s synthetic) {
	t.Helper()
	want := archive.Header{
		Version: archive.Version{Major: 1, Minor: s.minor}, IntSize: s.intSize, OffSize: s.offSize, Format: archive.FormatCustom,
		Compression: archive.Compression{Algorithm: s.compression, HasLevel: s.minor >= 2 && s.minor < 15},
	}
	if s.minor < 7 {
		want.OffSize = s.intSize
	}
	if s.compression == archive.Gzip && s.minor < 15 {
		want.Compression.Level = -1
		if s.minor == 2 || s.minor == 3 {
			want.Compression.Level = 6
		}
	}
	if s.minor >= 4 {
		want.Created = time.Date(2026, 11, 22, 7, 24, 55, 0, time.UTC)
		want.Database = "sample"
	}
	if s.minor >= 10 {
		want.ServerVersion, want.DumpVersion = "8.1.2", "8.1.3"
	}
	if r.Header != want {
		t.Errorf("Header = %+v\nwant %+v", r.Header, want)
	}
	if got, want := r.TOC.DepsAreOIDs, s.minor < 8; got != want {
		t.Errorf("DepsAreOIDs = %v, want %v", got, want)
	}
	if got, want := len(r.Warnings), map[bool]int{true: 1}[s.intSize > 4]; got != want {
		t.Errorf("Warnings = %q, want %d", r.Warnings, want)
	}
}

func testSampleEntry(t *testing.T, r *archive.Reader, e *toc.Entry, s synthetic, src source) {
	t.Helper()
	want := s.asOf(src)
	got := *e
	got.Data, got.Offset, got.DataSize = 0, 0, 0
	if !reflect.DeepEqual(got, want) {
		t.Errorf("entry = %+v\nwant %+v", got, want)
	}
	if !src.HasDumper {
		if e.Data != toc.DataNone || e.DataSize != 0 {
			t.Errorf("entry %d: Data = %d, DataSize %d, want none", e.ID, e.Data, e.DataSize)
		}
		return
	}
	if src.Kind == toc.Blobs {
		var got []object
		for lo, err := range r.LargeObjects(e) {
			if err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			if _, err := b.ReadFrom(lo); err != nil {
				t.Errorf("large object %d: %v", lo.OID, err)
			}
			got = append(got, object{lo.OID, b.String()})
		}
		if !reflect.DeepEqual(got, src.objects) {
			t.Errorf("large objects = %v, want %v", got, src.objects)
		}
		return
	}
	data, stored, err := readData(r, e)
	if err != nil || data != src.data {
		t.Errorf("data of %d = %q, %v, want %q", e.ID, data, err, src.data)
	}
	if stored != e.DataSize {
		t.Errorf("data of %d: Stored() = %d, DataSize = %d", e.ID, stored, e.DataSize)
	}
}

// TestJudge has the real pg_restore read the same archives, so that the
// encoder proves something. PostgreSQL 15 reads versions to 1.14.
func TestJudge(t *testing.T) {
	tool, err := exec.LookPath("/usr/lib/postgresql/15/bin/pg_restore")
	if err != nil {
		t.Skip("needs pg_restore of PostgreSQL 15")
	}
	file := filepath.Join(t.TempDir(), "a.dump")
	samples(t, func(t *testing.T, s synthetic) {
		if s.minor > 14 {
			t.Skip("not for PostgreSQL 15")
		}
		if err := os.WriteFile(file, s.encode(t), 0o600); err != nil {
			t.Fatal(err)
		}
		list, err := exec.Command(tool, "-l", file).CombinedOutput()
		if err != nil {
			t.Fatalf("pg_restore -l: %v\n%s", err, list)
		}
		script, err := exec.Command(tool, "-f", "-", file).CombinedOutput()
		if err != nil {
			t.Fatalf("pg_restore -f -: %v\n%s", err, script)
		}
		for _, src := range s.entries {
			e := s.asOf(src)
			line := fmt.Sprintf("%d; %d %d %s", e.ID, e.ClassOID, e.OID, e.Kind)
			if !e.IsSpecial() && !strings.Contains(string(list), line) {
				t.Errorf("pg_restore -l does not list %q:\n%s", line, list)
			}
			if src.data != "" && !strings.Contains(string(script), e.Copy+src.data) {
				t.Errorf("the script does not have the data of %d:\n%s", e.ID, script)
			}
			for _, o := range src.objects {
				if o.data != "" && !strings.Contains(string(script), fmt.Sprintf(`lowrite(0, '\x%x')`, o.data)) {
					t.Errorf("the script does not have large object %d:\n%s", o.oid, script)
				}
			}
		}
	})
}

// TestNewerVersion: a version that is not known is read if it looks the same.
func TestNewerVersion(t *testing.T) {
	tests := []struct {
		name string
		s    synthetic
		ok   bool
	}{
		{"revision", synthetic{minor: 16, revision: 9}, true},
		{"same layout", synthetic{minor: 17}, true},
		{"same layout, no offsets", synthetic{minor: 17, noOffsets: true}, true},
		{"same layout, TOC copy", synthetic{minor: 17, noOffsets: true, copyTOC: true}, true},
		{"another field", synthetic{minor: 17, unknownField: true}, false},
		{"another field, no offsets", synthetic{minor: 17, unknownField: true, noOffsets: true}, false},
		{"another major version", synthetic{major: 2}, false},
		{"another major version, high minor", synthetic{major: 2, minor: 16}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.s.entries = sample()
			r, err := reader(tt.s.encode(t))
			if !tt.ok {
				var u *archive.UnsupportedVersionError
				if !errors.As(err, &u) || !errors.Is(err, archive.ErrUnsupported) {
					t.Fatalf("err = %v, want an UnsupportedVersionError", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if want := tt.s.minor > 16; (len(r.Warnings) == 1) != want {
				t.Errorf("Warnings = %q", r.Warnings)
			}
			if data, _, err := readData(r, r.TOC.Lookup(20)); err != nil || data != sample()[5].data {
				t.Errorf("data = %q, %v", data, err)
			}
		})
	}
	t.Run("without data", func(t *testing.T) {
		s := synthetic{minor: 17, entries: sample()[:5]}
		if _, err := reader(s.encode(t)); err != nil {
			t.Error(err)
		}
		if _, err := reader(append(s.encode(t), 1)); !errors.Is(err, archive.ErrUnsupported) {
			t.Errorf("with a byte behind the TOC: err = %v, want ErrUnsupported", err)
		}
	})
}
