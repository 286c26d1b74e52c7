package archive_test

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/toc"
)

// BenchmarkOpen opens the archive of 5,000 tables and 45,000 entries, 13 MB,
// nearly all of it TOC.
func BenchmarkOpen(b *testing.B) {
	name := filepath.Join(os.Getenv("PGARC_EXTRA_FIXTURES"), "big", "tables5000-17.dump")
	info, err := os.Stat(name)
	if err != nil {
		b.Skip("PGARC_EXTRA_FIXTURES has no big/tables5000-17.dump")
	}
	b.SetBytes(info.Size())
	b.ReportAllocs()
	for b.Loop() {
		r, err := archive.Open(name)
		if err != nil {
			b.Fatal(err)
		}
		r.Close()
	}
}

// BenchmarkTables reads the data of many small tables.
func BenchmarkTables(b *testing.B) {
	for _, name := range []string{"15/c-none", "18/c-gzip", "18/c-lz4", "18/c-zstd"} {
		b.Run(name, func(b *testing.B) {
			r := open(b, fixtures.Get(b, name))
			b.ReportAllocs()
			for b.Loop() {
				n, err := readEntries(r)
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(n)
			}
		})
	}
}

// large returns the rows of all tables of a fixture, again and again.
func large(b *testing.B) string {
	r := open(b, fixtures.Get(b, "18/c-gzip"))
	var text strings.Builder
	for _, e := range r.TOC.Entries {
		if !e.HasDumper || e.Kind == toc.Blobs {
			continue
		}
		data, _, err := readData(r, e)
		if err != nil {
			b.Fatal(err)
		}
		text.WriteString(data)
	}
	return strings.Repeat(text.String(), 100)
}

func largeArchive(b *testing.B, a archive.Algorithm, text string, noOffsets bool) []byte {
	chunk := 4096
	if a == archive.None {
		chunk = 100 // a row
	}
	e := toc.Entry{ID: 9, Kind: toc.TableData, Tag: "t", Section: toc.SectionData, HasDumper: true}
	return synthetic{minor: 16, compression: a, chunk: chunk, noOffsets: noOffsets, entries: []source{{Entry: e, data: text}}}.encode(b)
}

// BenchmarkStream reads one large table. (It compresses LZ4 and zstd better
// than real ones do: only gzip and none mean something.)
func BenchmarkStream(b *testing.B) {
	text := large(b)
	for a := archive.None; a <= archive.Zstd; a++ {
		b.Run(a.String(), func(b *testing.B) {
			r, err := reader(largeArchive(b, a, text, false))
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			buffer := make([]byte, 64<<10)
			for b.Loop() {
				d, err := r.Data(r.TOC.Entries[0])
				if err != nil {
					b.Fatal(err)
				}
				for err == nil {
					_, err = d.Read(buffer)
				}
				if err != io.EOF {
					b.Fatal(err)
				}
				d.Close()
			}
		})
	}
}

// BenchmarkLocate walks over one large table. Its bytes are those stored.
func BenchmarkLocate(b *testing.B) {
	text := large(b)
	for _, a := range []archive.Algorithm{archive.None, archive.Gzip} {
		b.Run(a.String(), func(b *testing.B) {
			stored := largeArchive(b, a, text, true)
			b.SetBytes(int64(len(stored)))
			b.ReportAllocs()
			for b.Loop() {
				r, err := reader(stored)
				if err != nil {
					b.Fatal(err)
				}
				if err := r.Locate(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
