package restore_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/internal/pgscratch"
	"github.com/pgarc/pgarc/internal/pgscratch/scratchtest"
	"github.com/pgarc/pgarc/restore"
	pgsql "github.com/pgarc/pgarc/script"
	"github.com/pgarc/pgarc/toc"
)

// mayBeUnsafe are the entries of the fixtures that cannot be renamed safely.
var mayBeUnsafe = []string{"immutable_unaccent(text)"}

// TestRenameRoundTrip restores each archive twice, the second time with a new
// name for every schema, and compares what pg_dump says of the two databases
// when the names are changed back (all archives with PGARC_LONG_TESTS=1). What is unsafe, and what needs it, is left
// out of both.
func TestRenameRoundTrip(t *testing.T) {
	if testing.Short() {
		t.Skip("long")
	}
	s := server(t)
	for _, f := range fixtures.All(t) {
		// Archives of other options hold the same statements.
		few := slices.Contains([]string{"9.5/c-gzip", "10/c-gzip", "13/newline", "15/c-gzip", "15/latin1", "15/lobs"}, f.Name)
		if !few && os.Getenv("PGARC_LONG_TESTS") == "" {
			continue
		}
		if !readable(t, s, f.Path) || isPartial(f) || strings.Contains(f.Options, "--inserts") || strings.Contains(f.Options, "--column-inserts") {
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			a, err := archive.Open(f.Path)
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			names := newNames(a.TOC)
			if len(names) == 0 {
				t.Skip("no schemas")
			}
			safe := toc.Selection{UseList: true, List: safeEntries(t, a.TOC, names)}
			plain, renamed := scratchtest.Database(t, s), scratchtest.Database(t, s)
			expectNoFailures(t, runReader(t, s, a, plain, restore.Options{Jobs: 4, Selection: safe}))
			expectNoFailures(t, runReader(t, s, a, renamed, restore.Options{Jobs: 4, Selection: safe,
				Mapping: pgsql.Mapping{Schemas: names}}))
			got := dump(t, s, renamed)
			for _, name := range names {
				if !strings.Contains(got, pgsql.Ident(name)) {
					t.Errorf("no schema %s in the database", name)
				}
			}
			compareText(t, dumpLines(renamedBack(got, names)), dumpLines(dump(t, s, plain)))
		})
	}
}

// TestRenameScript does the same by a script and psql.
func TestRenameScript(t *testing.T) {
	s := server(t)
	for _, name := range []string{"15/c-gzip", "13/newline"} {
		t.Run(name, func(t *testing.T) {
			a, err := archive.Open(fixtures.Get(t, name).Path)
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			names := newNames(a.TOC)
			sel := toc.Selection{UseList: true, List: safeEntries(t, a.TOC, names)}.Apply(a.TOC)
			plain, renamed := scratchtest.Database(t, s), scratchtest.Database(t, s)
			runScript(t, s, a, sel, plain)
			changed, _, err := pgsql.Mapping{Schemas: names}.Apply(sel)
			if err != nil {
				t.Fatal(err)
			}
			runScript(t, s, a, changed, renamed)
			compareText(t, dumpLines(renamedBack(dump(t, s, renamed), names)), dumpLines(dump(t, s, plain)))
		})
	}
}

// runScript runs the script of a selection. Schema public may exist.
func runScript(t *testing.T, s *pgscratch.Server, a *archive.Reader, sel *toc.Selected, db string) {
	t.Helper()
	var sql bytes.Buffer
	err := pgsql.Write(&sql, sel, pgsql.WriteOptions{
		Data: func(e *toc.Entry) (io.ReadCloser, error) { return a.Data(e) },
	})
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(sql.String(), "SET transaction_timeout = 0;\n", "", 1)
	cmd := exec.Command(scratchtest.Tool(t, s, "psql"), "-X", "-q", "-d", s.ConnString(db))
	cmd.Stdin = strings.NewReader(text)
	cmd.Stdout = io.Discard
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("psql: %v\n%s", err, stderr.Bytes())
	}
	for line := range strings.Lines(stderr.String()) {
		if strings.Contains(line, "ERROR") && !strings.Contains(line, `schema "public" already exists`) {
			t.Errorf("psql: %s", line)
		}
	}
}

// newNames gives every schema of an archive a name that needs quotes, and that
// occurs nowhere else.
func newNames(t *toc.TOC) map[string]string {
	names := make(map[string]string)
	add := func(schema string) {
		if schema != "" && names[schema] == "" {
			names[schema] = fmt.Sprintf(`Neü "%d" it's`, len(names)+1)
		}
	}
	if t.Encoding != "UTF8" {
		add = func(schema string) {
			if schema != "" && names[schema] == "" {
				names[schema] = fmt.Sprintf(`New "%d" it's`, len(names)+1)
			}
		}
	}
	for _, e := range t.Entries {
		add(e.Namespace)
		if e.Kind == toc.Schema {
			add(e.Tag)
		}
	}
	return names
}

// safeEntries lists the entries that can be renamed safely and need nothing
// that cannot.
func safeEntries(t *testing.T, archived *toc.TOC, names map[string]string) []toc.DumpID {
	t.Helper()
	_, unsafe, err := pgsql.Mapping{Schemas: names, KeepUnsafe: true}.Apply(toc.Selection{}.Apply(archived))
	if err != nil {
		t.Fatal(err)
	}
	left := make(map[toc.DumpID]bool)
	graph := toc.NewGraph(archived)
	var leave func(e *toc.Entry)
	leave = func(e *toc.Entry) {
		if !left[e.ID] {
			left[e.ID] = true
			for _, d := range graph.Dependents(e) {
				leave(d)
			}
		}
	}
	for _, u := range unsafe {
		if !slices.Contains(mayBeUnsafe, u.Entry.Tag) {
			t.Errorf("not safe: %v", u)
		}
		leave(u.Entry)
	}
	var list []toc.DumpID
	for _, e := range archived.Entries {
		if !left[e.ID] {
			list = append(list, e.ID)
		}
	}
	return list
}

// renamedBack gives the schemas in a dump their old names.
func renamedBack(dump string, names map[string]string) string {
	var pairs []string
	for old, name := range names {
		oneLine := strings.NewReplacer("\n", " ", "\r", " ").Replace(old)
		pairs = append(pairs,
			strings.ReplaceAll(pgsql.Ident(name), "'", "''"), strings.ReplaceAll(pgsql.Ident(old), "'", "''"),
			pgsql.Ident(name), pgsql.Ident(old),
			strings.ReplaceAll(name, "'", "''"), strings.ReplaceAll(old, "'", "''"),
			name, oneLine)
	}
	return strings.NewReplacer(pairs...).Replace(dump)
}

// dumpLines sorts the lines of a dump, for the order of objects is that of
// their names, without those about schema public itself: it exists in one of
// the databases because initdb made it.
func dumpLines(dump string) string {
	lines := slices.Collect(strings.Lines(dump))
	lines = slices.DeleteFunc(lines, func(line string) bool {
		return line == "\n" || line == "--\n" || strings.Contains(line, " SCHEMA public") || strings.Contains(line, "Name: SCHEMA public") ||
			strings.Contains(line, "Name: public; Type: SCHEMA") || strings.HasPrefix(line, "-- *not* creating schema,") || strings.HasPrefix(line, "SET default_table")
	})
	slices.Sort(lines)
	return strings.Join(lines, "")
}
