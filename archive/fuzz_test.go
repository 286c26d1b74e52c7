package archive_test

import (
	"os"
	"testing"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/fixtures"
)

// FuzzReader opens anything and reads all of it: there must be a result or a
// typed error, never a panic or a hang.
func FuzzReader(f *testing.F) {
	for _, fixture := range fixtures.All(f) {
		if fixture.Format == "directory" || fixture.Bytes > 20_000 {
			continue
		}
		b, err := os.ReadFile(fixture.Path)
		if err != nil {
			f.Fatal(err)
		}
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
		if _, err := readAll(b); err != nil && !typed(err) {
			t.Errorf("untyped error %v", err)
		}
	})
}
