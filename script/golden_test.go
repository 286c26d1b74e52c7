package script_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"iter"
	"os"
	"testing"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/script"
	"github.com/pgarc/pgarc/toc"
)

// TestWriteGolden compares the script of every fixture with what pg_restore of
// PostgreSQL 18 prints for it, byte for byte.
func TestWriteGolden(t *testing.T) {
	for _, f := range fixtures.All(t) {
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			r, err := archive.Open(f.Path)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			var got bytes.Buffer
			if err := script.Write(&got, toc.Selection{}.Apply(r.TOC), writeOptions(r)); err != nil {
				t.Fatal(err)
			}
			diff(t, got.Bytes(), readGzip(t, f.SQLPath))
		})
	}
}

// writeOptions are those that pg_restore takes from the archive itself.
func writeOptions(r *archive.Reader) script.WriteOptions {
	return script.WriteOptions{
		RestrictKey:     "pgarc",
		ServerVersion:   r.Header.ServerVersion,
		DumpVersion:     r.Header.DumpVersion,
		OldLargeObjects: !r.Header.Version.AtLeast(1, 12),
		Data:            func(e *toc.Entry) (io.ReadCloser, error) { return r.Data(e) },
		LargeObjects: func(e *toc.Entry) iter.Seq2[script.LargeObject, error] {
			return func(yield func(script.LargeObject, error) bool) {
				for o, err := range r.LargeObjects(e) {
					if !yield(script.LargeObject{OID: o.OID, Data: o}, err) {
						return
					}
				}
			}
		},
	}
}

func readGzip(t *testing.T, name string) []byte {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	z, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// diff reports the first line in which two texts differ.
func diff(t *testing.T, got, want []byte) {
	t.Helper()
	if bytes.Equal(got, want) {
		return
	}
	g, w := bytes.Split(got, []byte("\n")), bytes.Split(want, []byte("\n"))
	n := 0
	for n < len(g) && n < len(w) && bytes.Equal(g[n], w[n]) {
		n++
	}
	t.Errorf("line %d of %d (want %d lines)\n got %s\nwant %s", n+1, len(g), len(w), around(g, n), around(w, n))
}

func around(lines [][]byte, n int) string {
	var b bytes.Buffer
	for i := max(0, n-2); i < min(len(lines), n+3); i++ {
		fmt.Fprintf(&b, "\n\t%.200q", lines[i])
	}
	return b.String()
}
