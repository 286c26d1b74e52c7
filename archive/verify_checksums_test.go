package archive_test

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/pierrec/lz4/v4"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/toc"
)

// saysUnsummed reports whether a verification warns that values may have
// changed unnoticed.
func saysUnsummed(v *archive.Verification) bool {
	return slices.ContainsFunc(v.Unchecked, func(line string) bool { return strings.Contains(line, "no checksum: a change") })
}

// TestVerifyChecksums flips every bit of streams with checksums of all kinds:
// where the content can change without a word, Unchecked says that it can.
func TestVerifyChecksums(t *testing.T) {
	text := strings.Repeat("large object ", 20) + "with an end"
	lz4With := func(options ...lz4.Option) string {
		var b bytes.Buffer
		w := lz4.NewWriter(&b)
		if err := w.Apply(options...); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	with := func(a archive.Algorithm) string { return string(compressed(t, a, text, true)) }
	without := func(a archive.Algorithm) string { return string(compressed(t, a, text, false)) }
	for _, tt := range []struct {
		name      string
		algorithm archive.Algorithm
		stored    string
	}{
		{"lz4 content", archive.LZ4, with(archive.LZ4)},
		{"lz4 blocks", archive.LZ4, lz4With(lz4.ChecksumOption(false), lz4.BlockChecksumOption(true))},
		{"lz4 both", archive.LZ4, lz4With(lz4.BlockChecksumOption(true))},
		{"lz4 none", archive.LZ4, without(archive.LZ4)},
		{"zstd", archive.Zstd, with(archive.Zstd)},
		{"zstd none", archive.Zstd, without(archive.Zstd)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			try := func(stored string) *archive.Verification {
				e := toc.Entry{ID: 9, Kind: toc.Blobs, Tag: "5", Section: toc.SectionData, HasDumper: true}
				b := synthetic{minor: 15, entries: []source{{Entry: toc.Entry{ID: 8, Kind: toc.Blob, Tag: "5", OID: 5, Section: toc.SectionPreData}}, {Entry: e, objects: []object{{5, stored}}}}, chunk: 1 << 20}.encode(t)
				return verify(t, asCompressed(t, b, tt.algorithm))
			}
			good := try(tt.stored)
			noProblems(t, good)
			if got := good.Tables[0].Bytes; got != int64(len(text)) {
				t.Fatalf("%d bytes, want %d", got, len(text))
			}
			unseen := 0
			for at := range tt.stored {
				for bit := range 8 {
					b := []byte(tt.stored)
					b[at] ^= 1 << bit
					v := try(string(b))
					if v.Sound() && v.Tables[0].Digest != good.Tables[0].Digest {
						unseen++
						if !saysUnsummed(v) {
							t.Errorf("bit %d of byte %d: the content changed and nothing is reported, Unchecked %q", bit, at, v.Unchecked)
						}
					}
				}
			}
			t.Logf("%d of %d flips change the content unseen", unseen, 8*len(tt.stored))
		})
	}
}

// asCompressed opens an archive that was written without compression around
// streams that are compressed.
func asCompressed(t *testing.T, b []byte, a archive.Algorithm) *archive.Reader {
	t.Helper()
	b[11] = byte(a)
	r, err := reader(b)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
