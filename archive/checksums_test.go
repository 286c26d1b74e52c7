package archive_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/fixtures"
)

// TestChecksums writes checksums, reads them again and compares.
func TestChecksums(t *testing.T) {
	for _, name := range []string{"18/c-gzip", "17/newline"} {
		sums := verify(t, open(t, fixtures.Get(t, name))).Checksums()
		if len(sums) < 2 {
			t.Fatalf("%s: %d checksums", name, len(sums))
		}
		var text strings.Builder
		if err := archive.WriteChecksums(&text, sums); err != nil {
			t.Fatal(err)
		}
		again, err := archive.ReadChecksums(strings.NewReader(text.String()))
		if err != nil || !slices.Equal(again, sums) {
			t.Errorf("%s: %v, or other checksums, after\n%s", name, err, text.String())
		}
		if d := archive.CompareChecksums(sums, again); len(d) > 0 {
			t.Errorf("%s: differences %v with itself", name, d)
		}
		changed := slices.Clone(sums)
		changed[1].Digest[0] ^= 1
		d := archive.CompareChecksums(sums[1:], changed[:len(changed)-1])
		if len(d) != 3 || d[0].Old != nil || d[1].Old == nil || d[1].New == nil || d[2].New != nil {
			t.Errorf("%s: differences %v, want a new one, a changed one, a missing one", name, d)
		}
	}
}

// TestReadChecksums reads what is none.
func TestReadChecksums(t *testing.T) {
	title := "# pgarc checksums 1: kind, schema, name, rows, bytes, SHA-256 of the data\n"
	for text, want := range map[string]string{
		"x\n":                         "not a file of pgarc's checksums",
		title + "a\tb\n":              "line 2: 2 fields, want 6",
		title + "\na\tb\tc\tx\t1\tf":  "line 3: ",
		title + "a\tb\tc\t1\t1\tabcd": `line 2: "abcd" is no SHA-256 digest`,
	} {
		if _, err := archive.ReadChecksums(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// The same database dumped with and without compression has the same
// checksums, in any format.
func TestChecksumsOfFormats(t *testing.T) {
	want := verify(t, open(t, fixtures.Get(t, "18/c-lz4"))).Checksums()
	for _, name := range []string{"18/c-zstd", "18/c-zstd-long"} {
		if d := archive.CompareChecksums(want, verify(t, open(t, fixtures.Get(t, name))).Checksums()); len(d) > 0 {
			t.Errorf("%s: %d differences, the first %+v", name, len(d), d[0])
		}
	}
}
