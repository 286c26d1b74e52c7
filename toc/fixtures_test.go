package toc_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/toc"
)

var update = flag.Bool("update", false, "write the golden files of this package anew")

// open returns the TOC of a fixture.
func open(tb testing.TB, f fixtures.Fixture) *toc.TOC {
	tb.Helper()
	r, err := archive.Open(f.Path)
	if err != nil {
		tb.Fatal(err)
	}
	defer r.Close()
	return r.TOC
}

// newTOC makes a TOC of literals.
func newTOC(tb testing.TB, entries ...*toc.Entry) *toc.TOC {
	tb.Helper()
	t, err := toc.New(entries)
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// entry makes an entry as pg_dump would: in the usual section of its kind, in
// schema public, with some definition.
func entry(id toc.DumpID, kind toc.Kind, tag string, deps ...toc.DumpID) *toc.Entry {
	e := &toc.Entry{
		ID:        id,
		Kind:      kind,
		Tag:       tag,
		Section:   kind.Info().Section,
		Namespace: "public",
		Defn:      "CREATE something;\n",
		Deps:      deps,
	}
	switch kind {
	case toc.TableData, toc.Blobs:
		e.Defn, e.HasDumper = "", true
	}
	return e
}

// in puts an entry into another schema; "" is none.
func in(schema string, e *toc.Entry) *toc.Entry {
	e.Namespace = schema
	return e
}

// defined gives an entry another definition.
func defined(defn string, e *toc.Entry) *toc.Entry {
	e.Defn = defn
	return e
}

// ids returns the dump ids of entries.
func ids(entries []*toc.Entry) []toc.DumpID {
	var list []toc.DumpID
	for _, e := range entries {
		list = append(list, e.ID)
	}
	return list
}

// golden compares text with a file in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("differs from %s (-update writes it anew)\ngot:\n%s\nwant:\n%s", path, got, want)
	}
}
