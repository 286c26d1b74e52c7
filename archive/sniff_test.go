package archive_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/fixtures"
)

func gzipped(tb testing.TB, s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write([]byte(s))
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

func zstded(tb testing.TB, s string) string {
	w, err := zstd.NewWriter(nil)
	if err != nil {
		tb.Fatal(err)
	}
	return string(w.EncodeAll([]byte(s), nil))
}

func lz4ed(tb testing.TB, s string) string {
	var b bytes.Buffer
	w := lz4.NewWriter(&b)
	w.Write([]byte(s))
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

// powershell is what Windows PowerShell 5 makes of a program's output.
func powershell(s string) string {
	b := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(strings.ReplaceAll(s, "\n", "\r\n"))) {
		b = append(b, byte(u), byte(u>>8))
	}
	return string(b)
}

// TestNotArchive names what is taken for an archive.
func TestNotArchive(t *testing.T) {
	custom, err := os.ReadFile(fixtures.Get(t, "15/newline").Path)
	if err != nil {
		t.Fatal(err)
	}
	dump := string(custom)
	sql := golden(t, fixtures.Get(t, "15/c-gzip"))
	latin1 := make([]rune, len(dump)) // as PowerShell reads bytes
	for i := range len(dump) {
		latin1[i] = rune(dump[i])
	}
	tests := []struct {
		name, content string
		kind, inner   archive.FileKind
		what          string
	}{
		{"empty", "", archive.KindEmpty, 0, "an empty file"},
		{"short", "PGD", archive.KindUnknown, 0, "a file of 3 bytes"},
		{"sql", sql, archive.KindPlainSQL, 0, "a plain SQL dump"},
		{"sql, CR LF", strings.ReplaceAll(sql, "\n", "\r\n"), archive.KindPlainSQL, 0, "a plain SQL dump"},
		{"sql, BOM", "\xef\xbb\xbf" + sql, archive.KindPlainSQL, 0, "a plain SQL dump"},
		{"sql by hand", "begin;\ncreate table t();\n", archive.KindPlainSQL, 0, "SQL text"},
		{"cluster", "--\n-- PostgreSQL database cluster dump\n--\n\nSET x;\n", archive.KindCluster, 0, "a plain SQL dump of a whole cluster (pg_dumpall)"},
		{"mysql", "-- MySQL dump 10.13  Distrib 8.0.36\n--\n", archive.KindOtherSQL, 0, "a dump of MySQL or MariaDB"},
		{"gzip, sql", gzipped(t, sql), archive.KindGzip, archive.KindPlainSQL, "a plain SQL dump compressed with gzip"},
		{"gzip, tar", gzipped(t, string(tarOf(t, "x", "y"))), archive.KindGzip, archive.KindTar, "a tar file without toc.dat compressed with gzip"},
		{"gzip, noise", gzipped(t, "\x01\x02\x03\x00\x04\x05"), archive.KindGzip, archive.KindUnknown, "a file compressed with gzip"},
		{"gzip, damaged", "\x1f\x8bxxxxxxx", archive.KindGzip, archive.KindEmpty, "a file compressed with gzip"},
		{"zstd, sql", zstded(t, sql), archive.KindZstd, archive.KindPlainSQL, "a plain SQL dump compressed with zstd"},
		{"xz", "\xfd7zXZ\x00\x00", archive.KindXz, 0, "a file compressed with xz"},
		{"zip", "PK\x03\x04....", archive.KindZip, 0, "a zip file"},
		{"powershell, custom", powershell(string(latin1)), archive.KindUTF16, 0, "a custom-format archive that was rewritten as UTF-16 text, as Windows PowerShell does with > (it cannot be repaired)"},
		{"powershell, sql", powershell(sql[:5000]), archive.KindUTF16, 0, "text in UTF-16, as Windows PowerShell writes with >"},
		{"crlf, custom", strings.ReplaceAll(dump, "\n", "\r\n"), archive.KindCRLF, archive.KindCustom, "a custom-format archive in which something changed line ends, as a transfer in text mode does"},
		{"BOM, custom", "\xef\xbb\xbf" + dump, archive.KindUTF8BOM, 0, "a custom-format archive that was rewritten as UTF-8 text"},
		{"age", "age-encryption.org/v1\n-> X25519 abc\n", archive.KindAge, 0, "a file encrypted with age"},
		{"gpg", "\x8c\x0d\x04\x09\x03\x02", archive.KindGPG, 0, "a file encrypted with GnuPG"},
		{"gpg, 3072 bits", "\x85\x01\x8c\x03\x5b\x0e", archive.KindGPG, 0, "a file encrypted with GnuPG"},
		{"gpg, 4096 bits", "\x85\x02\x0c\x03\x5b\x0e", archive.KindGPG, 0, "a file encrypted with GnuPG"},
		{"gpg, cv25519", "\x84\x5e\x03\x5b\x0e", archive.KindGPG, 0, "a file encrypted with GnuPG"},
		{"OpenPGP, new format", "\xc1\xc0\x4c\x03\x5b\x0e", archive.KindGPG, 0, "a file encrypted with GnuPG"},
		{"gpg, text", "-----BEGIN PGP MESSAGE-----\n\n", archive.KindGPG, 0, "a file encrypted with GnuPG"},
		{"elf", "\x7fELF\x02\x01\x01\x00", archive.KindExecutable, 0, "a program (ELF)"},
		{"html", "<!DOCTYPE html>\n<html>", archive.KindMarkup, 0, "HTML, XML or JSON, perhaps an error message of a download"},
		{"json", `{"error": "expired"}`, archive.KindMarkup, 0, "HTML, XML or JSON, perhaps an error message of a download"},
		{"lfs", "version https://git-lfs.github.com/spec/v1\noid sha256:1\n", archive.KindGitLFS, 0, "a Git LFS pointer, not the file itself"},
		{"zeros", strings.Repeat("\x00", 9999), archive.KindZeros, 0, "a file of zero bytes"},
		{"text", "a letter to grandmother", archive.KindUnknown, 0, "a text file"},
		{"noise", "\x01\x02\x00\x03\x04\x05\x06", archive.KindUnknown, 0, "a file of unknown type"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "backup.dump")
			if err := os.WriteFile(name, []byte(tt.content), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := archive.Open(name)
			var not *archive.NotArchiveError
			if !errors.As(err, &not) || !errors.Is(err, archive.ErrNotArchive) {
				t.Fatalf("err = %v, want a NotArchiveError", err)
			}
			if not.Kind != tt.kind || not.Inner != tt.inner || not.What != tt.what {
				t.Errorf("Kind %d, Inner %d, %q\nwant %d, %d, %q", not.Kind, not.Inner, not.What, tt.kind, tt.inner, tt.what)
			}
			if want := name + ": not a pg_dump archive: this is " + tt.what; err.Error() != want {
				t.Errorf("err = %q, want %q", err, want)
			}
		})
	}
}

// TestOpenErrors names the file once.
func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	if _, err := archive.Open(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) || strings.Count(err.Error(), "none") != 1 {
		t.Errorf("missing file: %v", err)
	}
	if _, err := os.Stat("/dev/null"); err == nil {
		if _, err := archive.Open("/dev/null"); !errors.Is(err, archive.ErrNotArchive) {
			t.Errorf("/dev/null: %v, want ErrNotArchive", err)
		}
	}
	cut := filepath.Join(dir, "cut")
	b := synthetic{minor: 16, entries: sample()}.encode(t)
	if err := os.WriteFile(cut, b[:100], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := archive.Open(cut); !errors.Is(err, archive.ErrTruncated) || !strings.HasPrefix(err.Error(), cut+": ") {
		t.Errorf("cut file: %v", err)
	}
}

// TestLineEndsOfFixtures changes the line ends of every archive in custom format:
// whatever length is the first to be wrong, that is what is said.
func TestLineEndsOfFixtures(t *testing.T) {
	for _, f := range fixtures.All(t) {
		if f.Format != "custom" {
			continue
		}
		b := fixtureBytes(t, f.Name)
		first := bytes.IndexByte(b, '\n')
		if int64(first) >= dataStart(open(t, f)) || first >= 4096 { // not in the table of contents, or not looked at
			continue
		}
		b = bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n"))
		_, err := reader(b)
		_, streamErr := archive.NewStream(bytes.NewReader(b))
		for _, err := range []error{err, streamErr} {
			var not *archive.NotArchiveError
			if !errors.As(err, &not) || not.Kind != archive.KindCRLF {
				t.Errorf("%s: %v", f.Name, err)
			}
		}
	}
}
