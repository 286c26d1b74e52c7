package toc_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/toc"
)

func TestWriteListEntry(t *testing.T) {
	for _, test := range []struct {
		entry *toc.Entry
		want  string
	}{
		{
			&toc.Entry{ID: 231, ClassOID: 1259, OID: 23989, Kind: toc.Table, Namespace: "public", Tag: "accounts", Owner: toc.NewText("postgres")},
			"231; 1259 23989 TABLE public accounts postgres\n",
		},
		{
			&toc.Entry{ID: 4, ClassOID: 3079, OID: 23213, Kind: toc.Extension, Tag: "btree_gist", Owner: toc.NewText("")},
			"4; 3079 23213 EXTENSION - btree_gist \n",
		},
		{
			&toc.Entry{ID: 5, Kind: toc.BlobMetadata, Tag: "4294967295", OID: 4294967295, ClassOID: 2613},
			"5; 2613 4294967295 BLOB METADATA - 4294967295 \n",
		},
		{
			&toc.Entry{ID: 6, Kind: toc.Table, Namespace: "s\n;1", Tag: "a\r\nb\n7; c", Owner: toc.NewText("\n8;")},
			"6; 0 0 TABLE s ;1 a  b 7; c  8;\n",
		},
	} {
		var b strings.Builder
		if err := toc.WriteListEntry(&b, test.entry); err != nil || b.String() != test.want {
			t.Errorf("entry %d: got %q, error %v; want %q", test.entry.ID, b.String(), err, test.want)
		}
	}
}

// TestListOfFixtures compares with the entries that pg_restore -l lists.
func TestListOfFixtures(t *testing.T) {
	for _, f := range fixtures.All(t) {
		contents := open(t, f)
		var got strings.Builder
		for _, e := range (toc.Selection{}).Apply(contents).Entries() {
			if err := toc.WriteListEntry(&got, e); err != nil {
				t.Fatal(err)
			}
		}
		text, err := os.ReadFile(f.ListPath)
		if err != nil {
			t.Fatal(err)
		}
		i := bytes.Index(text, []byte("; Selected TOC Entries:\n;\n"))
		want := string(text[i+len("; Selected TOC Entries:\n;\n"):])
		if i < 0 || got.String() != want {
			t.Errorf("%s: list differs from %s: %s", f, f.ListPath, firstDifference(got.String(), want))
		}
	}
}

// firstDifference shows the first lines in which two texts differ.
func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := 0; ; i++ {
		switch {
		case i == len(g) || i == len(w):
			return fmt.Sprintf("got %d lines, want %d", len(g), len(w))
		case g[i] != w[i]:
			return fmt.Sprintf("line %d: got %q, want %q", i+1, g[i], w[i])
		}
	}
}

// TestListRoundTrip reads what was written, in any order.
func TestListRoundTrip(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, name := range []string{"15/c-gzip", "18/newline", "18/latin1", "18/lobs", "18/empty"} {
		contents := open(t, fixtures.Get(t, name))
		for range 20 {
			entries := slices.Clone(contents.Entries)
			random.Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
			entries = entries[:random.IntN(len(entries)+1)]
			var b strings.Builder
			b.WriteString(";\n; Archive created at …\n;\n")
			for _, e := range entries {
				toc.WriteListEntry(&b, e)
				if random.IntN(4) == 0 {
					fmt.Fprintf(&b, ";\tdepends on: %v\n\n;17; 0 0 TABLE\n", e.Deps)
				}
			}
			text := b.String()
			if random.IntN(2) == 0 {
				text = strings.ReplaceAll(text, "\n", "\r\n")
			}
			got, warnings, err := toc.ReadList(strings.NewReader(text), contents)
			if err != nil || len(warnings) > 0 || !slices.Equal(got, ids(entries)) {
				t.Fatalf("%s: read %v, warnings %q, error %v; wrote %v", name, got, warnings, err, ids(entries))
			}
		}
	}
}

// lists are list files with what is read from them, of a TOC with the ids 1 to
// 9 and 20.
var lists = []struct {
	name, text string
	ids        []toc.DumpID
	warnings   []string
}{
	{"empty", "", nil, nil},
	{"blank", "\n \n\t\n\r\n", nil, nil},
	{"comments", "; 1\n;\n  ;2\n", nil, nil},
	{"order", "3;\n1;\n2;\n", []toc.DumpID{3, 1, 2}, nil},
	{"no semicolon", "3\n 4 \n5 TABLE public t\n", []toc.DumpID{3, 4, 5}, nil},
	{"no line end", "3;\n4", []toc.DumpID{3, 4}, nil},
	{"CRLF", "3; TABLE\r\n4\r\n\r\n", []toc.DumpID{3, 4}, nil},
	{"leading blanks", "  3;\n\t4;\n \v\f\r5;\n", []toc.DumpID{3, 4, 5}, nil},
	{"plus", "+3;\n", []toc.DumpID{3}, nil},
	{"zeros", "0003;\n", []toc.DumpID{3}, nil},
	{"letters after", "3abc;\n4-5;\n6.7;\n", []toc.DumpID{3, 4, 6}, nil},
	{"twice", "3;\n3;\n4;\n3 again; x\n", []toc.DumpID{3, 4}, []string{"3", "3 again"}},
	{"no number", "TABLE; 3\nx3\n-- 3\n# 3\n", nil, []string{"TABLE", "x3", "-- 3", "# 3"}},
	{"not positive", "0;\n-3;\n+-3;\n- 3;\n+ 3;\n", nil, []string{"0", "-3", "+-3", "- 3", "+ 3"}},
	{"vertical tab alone", "\v\n", nil, []string{"\v"}},
	{"too large", "21;\n2147483647;\n", nil, []string{"21", "2147483647"}},
	{"huge", "99999999999999999999999999;\n9223372036854775808;\n", nil, []string{"99999999999999999999999999", "9223372036854775808"}},
	{"byte order mark", "\ufeff3;\n4;\n", []toc.DumpID{4}, []string{"\ufeff3"}},
}

// numbered is the TOC of lists.
func numbered(t *testing.T) *toc.TOC {
	var entries []*toc.Entry
	for _, id := range []toc.DumpID{20, 1, 2, 3, 4, 5, 6, 7, 8, 9} {
		entries = append(entries, entry(id, toc.Table, fmt.Sprint("t", id)))
	}
	return newTOC(t, entries...)
}

func TestReadList(t *testing.T) {
	contents := numbered(t)
	for _, test := range lists {
		var want []string
		for _, w := range test.warnings {
			want = append(want, "line ignored: "+w)
		}
		got, warnings, err := toc.ReadList(strings.NewReader(test.text), contents)
		if err != nil || !slices.Equal(got, test.ids) || !slices.Equal(warnings, want) {
			t.Errorf("%s: ReadList(%q) = %v, %q, %v; want %v, %q", test.name, test.text, got, warnings, err, test.ids, want)
		}
	}
}

func TestReadListErrors(t *testing.T) {
	contents := numbered(t)
	for _, test := range []struct{ text, want string }{
		{"3;\n10;\n", "could not find entry for ID 10"},
		{"3;\n" + strings.Repeat("x", 2<<20) + "\n", "list line 2: "},
	} {
		got, _, err := toc.ReadList(strings.NewReader(test.text), contents)
		if err == nil || !strings.Contains(err.Error(), test.want) || got != nil {
			t.Errorf("ReadList(%.20q…) = %v, error %v; want error %q", test.text, got, err, test.want)
		}
	}
}

// TestReadListAsPgRestore gives the same lists to the machine's pg_restore,
// with ids of a real archive.
func TestReadListAsPgRestore(t *testing.T) {
	program, _ := pgRestore(t)
	fixture := fixtures.Get(t, "15/c-gzip")
	contents := open(t, fixture)
	largest := slices.MaxFunc(contents.Entries, func(a, b *toc.Entry) int { return int(a.ID - b.ID) }).ID
	// The first ids of the archive are those of extensions and schemas: 2 to 7, 11, 14.
	replace := strings.NewReplacer("21;", fmt.Sprint(largest+1, ";"))
	for _, test := range lists {
		text := replace.Replace(test.text)
		path := filepath.Join(t.TempDir(), "list")
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		got, warnings, err := toc.ReadList(strings.NewReader(text), contents)
		var stderr bytes.Buffer
		cmd := exec.Command(program, "-l", "-L", path, fixture.Path)
		cmd.Env = append(os.Environ(), "LC_ALL=C")
		cmd.Stderr = &stderr
		out, runErr := cmd.Output()
		if (err != nil) != (runErr != nil) {
			t.Errorf("%s: error %v; pg_restore: %v, %s", test.name, err, runErr, &stderr)
			continue
		}
		if err != nil {
			if want := "pg_restore: error: " + err.Error() + "\n"; stderr.String() != want {
				t.Errorf("%s: got %q, pg_restore says %q", test.name, want, &stderr)
			}
			continue
		}
		var said string
		for _, w := range warnings {
			said += "pg_restore: warning: " + w + "\n"
		}
		if want := strings.ReplaceAll(stderr.String(), "\r\n", "\n"); said != want {
			t.Errorf("%s: got %q, pg_restore says %q", test.name, said, want)
		}
		var listed []toc.DumpID
		for line := range strings.Lines(string(out)) {
			var id toc.DumpID
			if _, err := fmt.Sscanf(line, "%d;", &id); err == nil {
				listed = append(listed, id)
			}
		}
		var want []toc.DumpID
		selected := toc.Selection{UseList: true, List: got}.Apply(contents)
		for _, e := range selected.Entries() {
			want = append(want, e.ID)
		}
		if !slices.Equal(listed, want) {
			t.Errorf("%s: got %v, pg_restore lists %v", test.name, want, listed)
		}
	}
}

func FuzzReadList(f *testing.F) {
	for _, l := range lists {
		f.Add(l.text)
	}
	f.Add("10;\n")
	f.Fuzz(func(t *testing.T, text string) {
		contents := numbered(t)
		got, warnings, err := toc.ReadList(strings.NewReader(text), contents)
		if err != nil {
			if got != nil {
				t.Errorf("ids %v and error %v", got, err)
			}
			return
		}
		if n := strings.Count(text, "\n") + 1; len(got)+len(warnings) > n {
			t.Errorf("%d ids and %d warnings from %d lines", len(got), len(warnings), n)
		}
		var b strings.Builder
		for i, id := range got {
			e := contents.Lookup(id)
			if e == nil || slices.Contains(got[:i], id) {
				t.Fatalf("id %d is in no entry, or twice: %v", id, got)
			}
			toc.WriteListEntry(&b, e)
		}
		again, warnings, err := toc.ReadList(strings.NewReader(b.String()), contents)
		if err != nil || len(warnings) > 0 || !slices.Equal(again, got) {
			t.Errorf("wrote %v, read %v, warnings %q, error %v", got, again, warnings, err)
		}
	})
}
