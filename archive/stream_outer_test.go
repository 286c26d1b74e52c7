package archive_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/fixtures"
)

// TestCompressedArchive reads archives that were compressed as a whole.
func TestCompressedArchive(t *testing.T) {
	wraps := map[string]func(testing.TB, string) string{"gzip": gzipped, "zstd": zstded, "lz4": lz4ed}
	for _, name := range []string{"15/c-gzip", "15/c-none", "18/lobs", "13/newline-tar"} {
		f := fixtures.Get(t, name)
		plain, err := os.ReadFile(f.Path)
		if err != nil {
			t.Fatal(err)
		}
		file := open(t, f)
		want := randomAccess(t, file)
		for wrap, compress := range wraps {
			t.Run(name+"/"+wrap, func(t *testing.T) {
				t.Parallel()
				b := compress(t, string(plain))
				path := filepath.Join(t.TempDir(), "a")
				if err := os.WriteFile(path, []byte(b), 0o600); err != nil {
					t.Fatal(err)
				}
				r, err := archive.Open(path)
				if err != nil {
					t.Fatal(err)
				}
				defer r.Close()
				warning := "compressed with " + wrap + " as a whole: read as a stream, which is slower for single objects"
				if !r.Streaming() || !slices.Contains(r.Warnings, warning) || r.Size() != int64(len(b)) {
					t.Errorf("Streaming() = %v, Warnings = %q, Size() = %d", r.Streaming(), r.Warnings, r.Size())
				}
				for _, r := range []*archive.Reader{r, newStream(t, piped(t, []byte(b)))} {
					sameTOC(t, r, file)
					got, err := streamAll(t.Context(), r, 2, nil)
					if err != nil {
						t.Error(err)
					}
					sameData(t, got, want, nil, file.TOC)
				}
			})
		}
	}
}

// TestStreamNotArchive names what comes instead of an archive.
func TestStreamNotArchive(t *testing.T) {
	dump := synthetic{minor: 16, entries: sample()}.encode(t)
	tests := []struct {
		name, content string
		kind, inner   archive.FileKind
	}{
		{"empty", "", archive.KindEmpty, 0},
		{"sql", "--\n-- PostgreSQL database dump\n--\n", archive.KindPlainSQL, 0},
		{"gzip, sql", gzipped(t, "--\n-- PostgreSQL database dump\n--\n"), archive.KindGzip, archive.KindPlainSQL},
		{"gzip, gzip", gzipped(t, gzipped(t, string(dump))), archive.KindGzip, archive.KindGzip},
		{"gzip, damaged", "\x1f\x8b\x08\x00xxxxxx\xff\xff\xff\xff\xff", archive.KindGzip, archive.KindEmpty},
		{"xz", "\xfd7zXZ\x00\x00", archive.KindXz, 0},
		{"crlf", strings.ReplaceAll(string(dump), "\n", "\r\n"), archive.KindCRLF, archive.KindCustom},
		{"tar", string(tarOf(t, "a", "b")), archive.KindTar, 0},
		{"base backup", string(tarOf(t, "backup_label", "b")), archive.KindBaseBackup, 0},
	}
	for _, tt := range tests {
		for name, r := range map[string]io.Reader{"odd": odd(strings.NewReader(tt.content)), "bytes": iotest.OneByteReader(strings.NewReader(tt.content))} {
			if name == "bytes" && tt.kind == archive.KindCRLF {
				continue // this is seen in the first piece alone
			}
			_, err := archive.NewStream(r)
			var not *archive.NotArchiveError
			if !errors.As(err, &not) || not.Kind != tt.kind || not.Inner != tt.inner {
				t.Errorf("%s, %s: %v, want kind %d, inner %d", tt.name, name, err, tt.kind, tt.inner)
			}
		}
	}
}

func TestOpenPipe(t *testing.T) {
	f := fixtures.Get(t, "15/c-gzip")
	b, err := os.ReadFile(f.Path)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "pipe")
	if err := mkfifo(path); err != nil {
		t.Skip(err)
	}
	go os.WriteFile(path, b, 0)
	r, err := archive.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got, err := streamAll(t.Context(), r, 2, nil)
	if err != nil {
		t.Error(err)
	}
	sameData(t, got, randomAccess(t, open(t, f)), nil, r.TOC)
}
