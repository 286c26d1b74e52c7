package archive

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/toc"
)

// TestPartial breaks the table of contents in the middle: what comes before is
// still there, and so are its data, if they are.
func TestPartial(t *testing.T) {
	whole, err := os.ReadFile(fixtures.Get(t, "15/c-gzip").Path)
	if err != nil {
		t.Fatal(err)
	}
	all, err := NewReader(bytes.NewReader(whole), int64(len(whole)))
	if err != nil {
		t.Fatal(err)
	}
	const at = 150000 // behind the entries of some data
	broken := bytes.Clone(whole)
	copy(broken[at:], bytes.Repeat([]byte{0x7f}, 3000))
	for name, b := range map[string][]byte{"broken": broken, "cut off": whole[:at]} {
		file := filepath.Join(t.TempDir(), "x.dump")
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := Open(file)
		var partial *PartialError
		if r != nil || !errors.As(err, &partial) {
			t.Fatalf("%s: reader %v, error %v; want a PartialError alone", name, r, err)
		}
		if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrTruncated) {
			t.Errorf("%s: %v is neither corrupt nor truncated", name, err)
		}
		defer partial.Partial.Close()
		entries := partial.Partial.TOC.Entries
		if len(entries) < 100 || len(entries) >= len(all.TOC.Entries) {
			t.Fatalf("%s: %d of %d entries are left", name, len(entries), len(all.TOC.Entries))
		}
		data := 0
		for i, e := range entries {
			if want := all.TOC.Entries[i]; e.ID != want.ID || e.Defn != want.Defn || e.Offset != want.Offset {
				t.Errorf("%s: entry %d is %d, want %d", name, i, e.ID, want.ID)
			}
			if e.Kind == toc.TableData && readAll(partial.Partial, e) == nil {
				data++
			}
		}
		if (data > 0) != (name == "broken") {
			t.Errorf("%s: data of %d tables can be read", name, data)
		}
	}
}

func readAll(r *Reader, e *toc.Entry) error {
	d, err := r.Data(e)
	if err != nil {
		return err
	}
	defer d.Close()
	_, err = io.Copy(io.Discard, d)
	return err
}

// TestPartialDirectory does the same with the toc.dat of a directory.
func TestPartialDirectory(t *testing.T) {
	from := fixtures.Get(t, "13/lobs-dir").Path
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "toc.dat")
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(file, info.Size()-500); err != nil {
		t.Fatal(err)
	}
	_, err = Open(dir)
	var partial *PartialError
	if !errors.As(err, &partial) || len(partial.Partial.TOC.Entries) < 10 {
		t.Fatalf("error %v, want a PartialError with most entries", err)
	}
}

// TestDamageOfCutFile: a file that ends before its data begin says so.
func TestDamageOfCutFile(t *testing.T) {
	whole, err := os.ReadFile(fixtures.Get(t, "15/c-none").Path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewReader(bytes.NewReader(whole), int64(len(whole)))
	if err != nil || r.Damage != nil {
		t.Fatalf("whole: %v, damage %v", err, r.Damage)
	}
	b := whole[:len(whole)-100000]
	r, err = NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil || !errors.Is(r.Damage, ErrTruncated) {
		t.Errorf("cut off: error %v, damage %v; want it to be truncated", err, r.Damage)
	}
}
