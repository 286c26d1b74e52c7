package script

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pgarc/pgarc/toc"
)

// schemaEntries is a small schema with most of what is special about dividing
// one. Ids are from 100; those of dependencies are the second part of a line.
func schemaEntries() []*toc.Entry {
	var list []*toc.Entry
	add := func(id toc.DumpID, kind toc.Kind, namespace, tag, defn string, deps ...toc.DumpID) {
		section := kind.Info().Section
		list = append(list, &toc.Entry{ID: id, Kind: kind, Namespace: namespace, Tag: tag, Defn: defn, Deps: deps, Section: section, OID: uint32(id) + 1000})
	}
	add(101, toc.Schema, "", "app", "CREATE SCHEMA app;\n")
	add(102, toc.Comment, "", "SCHEMA app", "COMMENT ON SCHEMA app IS 'x';\n", 101)
	add(103, toc.Extension, "", "hstore", "CREATE EXTENSION hstore;\n")
	add(104, "SHELL TYPE", "app", "pair", "CREATE TYPE app.pair;\n", 101)
	add(105, toc.Function, "app", "pair_in(cstring)", "CREATE FUNCTION app.pair_in(cstring) …;\n", 104)
	add(106, "TYPE", "app", "pair", "CREATE TYPE app.pair (…);\n", 104, 105)
	add(107, toc.Function, "app", "f(integer)", "CREATE FUNCTION app.f(integer) …;\n", 101)
	add(108, toc.Function, "app", "f(text)", "CREATE FUNCTION app.f(text) …;\n", 101)
	add(109, "CAST", "", "CAST (app.pair AS text)", "CREATE CAST …;\n", 106)
	add(110, toc.Table, "app", "a", "CREATE TABLE app.a (…);\n", 101)
	add(111, toc.Sequence, "app", "a_id_seq", "CREATE SEQUENCE app.a_id_seq;\n", 101, 110)
	add(112, toc.SequenceOwnedBy, "app", "a_id_seq", "ALTER SEQUENCE …;\n", 111)
	add(113, toc.Sequence, "app", "alone", "CREATE SEQUENCE app.alone;\n", 101)
	add(114, toc.View, "app", "v", "CREATE VIEW app.v …;\n", 110)
	add(115, toc.Default, "app", "a id", "ALTER TABLE …;\n", 110, 111)
	add(116, toc.Table, "app", "b", "CREATE TABLE app.b (…);\n", 101)
	add(117, toc.Table, "app", "A", "CREATE TABLE app.\"A\" (…);\n", 101)
	list = append(list, &toc.Entry{ID: 118, Kind: toc.TableData, Namespace: "app", Tag: "a", Copy: "COPY app.a FROM stdin;\n", HasDumper: true,
		Data: toc.DataLocated, Section: toc.SectionData, Deps: []toc.DumpID{110}})
	add(119, toc.SequenceSet, "app", "a_id_seq", "SELECT setval(…);\n", 111)
	add(120, toc.Constraint, "app", "a a_pkey", "ALTER TABLE app.a ADD CONSTRAINT a_pkey …;\n", 110)
	add(121, toc.Index, "app", "a_idx", "CREATE INDEX a_idx ON app.a …;\n", 110)
	add(122, toc.Constraint, "app", "b b_pkey", "ALTER TABLE app.b ADD CONSTRAINT b_pkey …;\n", 116)
	add(123, toc.FKConstraint, "app", "a to_b", "ALTER TABLE app.a ADD CONSTRAINT to_b …;\n", 110, 116, 122)
	add(124, toc.FKConstraint, "app", "b to_a", "ALTER TABLE app.b ADD CONSTRAINT to_a …;\n", 110, 116, 120)
	add(125, toc.Comment, "app", "CONSTRAINT to_b ON a", "COMMENT …;\n", 123)
	add(126, toc.EventTrigger, "", "ev", "CREATE EVENT TRIGGER ev …;\n", 107)
	add(127, toc.Publication, "", "pub", "CREATE PUBLICATION pub;\n")
	add(128, toc.PublicationTable, "app", "pub a", "ALTER PUBLICATION …;\n", 110, 127)
	add(129, toc.ACL, "", "SCHEMA public", "GRANT …;\n")
	add(130, toc.ACL, "app", "TABLE a", "GRANT …;\n", 110)
	add(131, toc.DefaultACL, "app", "DEFAULT PRIVILEGES FOR TABLES", "ALTER DEFAULT PRIVILEGES …;\n", 101)
	add(132, "HOLOGRAM", "app", "of tomorrow", "CREATE HOLOGRAM …;\n", 110)
	return list
}

const wantSplit = `app/schema.sql 101 102
public/schema.sql 129
database/extensions/hstore.sql 103
app/types/pair.sql 104
app/functions/pair_in.sql 105
app/types/pair.2.sql 106
database/casts/app%2Epair%20AS%20text.sql 109
app/functions/f.sql 107 108
app/sequences/alone.sql 113
app/tables/A~559aead0.sql 117
app/tables/a.sql 110 111 112 115 120 121 130
app/tables/b.sql 116 122
app/views/v.sql 114
database/publications/pub.sql 127 128
app/hologram/of%20tomorrow.sql 132
app/data/a.sql 118 119
app/tables/a.after.sql 123 125
app/tables/b.after.sql 124
app/default_privileges/tables.sql 131
database/event_triggers/ev.sql 126
`

func TestSplit(t *testing.T) {
	got := splitText(Split(toc.Selection{}.Apply(newTOC(t, schemaEntries()...))))
	if got != wantSplit {
		t.Errorf("got\n%s\nwant\n%s", got, wantSplit)
	}
}

func splitText(files []SplitFile) string {
	var b strings.Builder
	for _, f := range files {
		b.WriteString(f.Path)
		for _, e := range f.Entries {
			fmt.Fprintf(&b, " %d", e.ID)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// TestSplitOrder checks with every fewer entry, from the back, that files come
// after those they need, and hold each entry once.
func TestSplitOrder(t *testing.T) {
	all := schemaEntries()
	for n := range all {
		list := newTOC(t, schemaEntries()[:n+1]...)
		place := map[toc.DumpID]int{}
		at := 0
		paths := map[string]bool{}
		for _, f := range Split(toc.Selection{}.Apply(list)) {
			if paths[strings.ToLower(f.Path)] {
				t.Fatalf("%d entries: two files %s", n+1, f.Path)
			}
			paths[strings.ToLower(f.Path)] = true
			for _, e := range f.Entries {
				if place[e.ID] != 0 {
					t.Fatalf("%d entries: %d is in two files", n+1, e.ID)
				}
				at++
				place[e.ID] = at
			}
		}
		for _, e := range list.Entries {
			if place[e.ID] == 0 && !e.IsSpecial() {
				t.Fatalf("%d entries: %d is in no file", n+1, e.ID)
			}
			for _, d := range e.Deps {
				if p, ok := place[d]; ok && p > place[e.ID] {
					t.Errorf("%d entries: %d comes before %d, which it needs", n+1, e.ID, d)
				}
			}
		}
	}
}

// TestSplitStable: other dump ids and OIDs, as another run of pg_dump gives
// them, change nothing in paths and texts.
func TestSplitStable(t *testing.T) {
	render := func(list *toc.TOC) string {
		sel := toc.Selection{}.Apply(list)
		var b strings.Builder
		files := Split(sel)
		for _, f := range files {
			b.WriteString("=== " + f.Path + "\n")
			if _, err := WriteSplitFile(&b, sel, f, WriteOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		if err := WriteSplitIndex(&b, sel, files, "x", WriteOptions{}); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	other := schemaEntries()
	for _, e := range other {
		e.ID, e.OID = 500-e.ID, e.OID*2
		for i := range e.Deps {
			e.Deps[i] = 500 - e.Deps[i]
		}
	}
	if got, want := render(newTOC(t, other...)), render(newTOC(t, schemaEntries()...)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestSplitPartitions: a partition is attached before the whole table has an
// index, which it would otherwise get too; INDEX ATTACH comes after both.
func TestSplitPartitions(t *testing.T) {
	post := toc.SectionPostData
	pre := toc.SectionPreData
	list := newTOC(t,
		&toc.Entry{ID: 1, Kind: toc.Table, Section: pre, Namespace: "p", Tag: "whole", Defn: "CREATE TABLE p.whole (\n    id bigint\n)\nPARTITION BY RANGE (id);\n"},
		&toc.Entry{ID: 2, Kind: toc.Table, Section: pre, Namespace: "p", Tag: "part", Defn: "CREATE TABLE p.part (\n    id bigint\n);\n"},
		&toc.Entry{ID: 3, Kind: toc.TableAttach, Section: pre, Namespace: "p", Tag: "part", Defn: "ALTER TABLE …;\n", Deps: []toc.DumpID{1, 2}},
		&toc.Entry{ID: 4, Kind: toc.Index, Section: post, Namespace: "p", Tag: "whole_idx", Defn: "CREATE INDEX whole_idx ON ONLY p.whole …;\n", Deps: []toc.DumpID{1}},
		&toc.Entry{ID: 5, Kind: toc.Index, Section: post, Namespace: "p", Tag: "part_idx", Defn: "CREATE INDEX part_idx ON p.part …;\n", Deps: []toc.DumpID{2, 4}},
		&toc.Entry{ID: 6, Kind: toc.IndexAttach, Section: post, Namespace: "p", Tag: "part_idx", Defn: "ALTER INDEX …;\n", Deps: []toc.DumpID{4, 5, 2, 1}},
	)
	want := "p/tables/whole.sql 1\np/tables/part.sql 2 3 5\np/tables/whole.after.sql 4\np/tables/part.after.sql 6\n"
	if got := splitText(Split(toc.Selection{}.Apply(list))); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestSplitNames(t *testing.T) {
	long := strings.Repeat("é", 200)
	names := []string{"accounts", "Accounts", "ACCOUNTS", "Only", "größe", "a b", "a/b", `a\b`, "..", "", "a.b", "a%2Eb", "con", "Com1", "x:y*?", "e\u0301", "\xff", long, long + "x", "database", "a\nb"}
	f := newFileNames("database")
	for _, name := range names {
		f.add(name)
	}
	want := map[string]string{
		"accounts": "accounts", "Accounts": "Accounts~" + nameMark("Accounts"), "ACCOUNTS": "ACCOUNTS~" + nameMark("ACCOUNTS"),
		"Only": "Only", "größe": "größe", "a b": "a%20b", "a/b": "a%2Fb", `a\b`: "a%5Cb", "..": "%2E%2E", "": "%", "a.b": "a%2Eb",
		"a%2Eb": "a%252Eb", "con": "%63on", "Com1": "%43om1", "x:y*?": "x%3Ay%2A%3F", "e\u0301": "e%CC%81", "\xff": "%FF",
		"database": "database~" + nameMark("database"), "a\nb": "a%0Ab",
	}
	seen := map[string]string{}
	for _, name := range names {
		got := f.of(name)
		if w, ok := want[name]; ok && got != w {
			t.Errorf("%q: got %q, want %q", name, got, w)
		}
		if other, ok := seen[strings.ToLower(got)]; ok {
			t.Errorf("%.20q and %.20q are both in file %q", other, name, got)
		}
		seen[strings.ToLower(got)] = name
		if len(got) > maxFileName+10 || strings.ContainsAny(got, "/\\ .:*?\"<>|\n") {
			t.Errorf("%.20q: %q is no safe name of a file", name, got)
		}
	}
}

// TestSplitFileSettings: a file leaves the settings as it found them, and psql
// finds no command of its own in it.
func TestSplitFileSettings(t *testing.T) {
	list := newTOC(t,
		&toc.Entry{ID: 1, Kind: toc.Table, Section: toc.SectionPreData, Namespace: "p", Tag: "t", Tablespace: toc.NewText("fast"), TableAM: "columns",
			Defn: "CREATE TABLE p.t ();\n", Owner: toc.NewText("o"), Drop: toc.NewText("DROP TABLE p.t;\n")},
		&toc.Entry{ID: 2, Kind: toc.View, Section: toc.SectionPreData, Namespace: "p", Tag: "v\n\\! id", Defn: "CREATE VIEW p.v AS SELECT 1;\n\\! id\n"},
	)
	sel := toc.Selection{}.Apply(list)
	var b strings.Builder
	var warnings []Warning
	for _, f := range Split(sel) {
		more, err := WriteSplitFile(&b, sel, f, WriteOptions{Options: Options{}})
		if err != nil {
			t.Fatal(err)
		}
		warnings = append(warnings, more...)
	}
	want := `--
-- Name: t; Type: TABLE; Schema: p; Owner: o; Tablespace: fast
--

SET default_tablespace = fast;

SET default_table_access_method = columns;

CREATE TABLE p.t ();

ALTER TABLE p.t OWNER TO o;

SET default_tablespace = '';

SET default_table_access_method = heap;
--
-- Name: v \! id; Type: VIEW; Schema: p; Owner: -
--

-- Printed as a comment: psql would not just send this text to the server.
-- CREATE VIEW p.v AS SELECT 1;
-- \! id
`
	if got := b.String(); !strings.HasPrefix(got, want[:len(want)-1]) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if len(warnings) != 1 || warnings[0].Entry.ID != 2 {
		t.Errorf("warnings %v, want one about the view", warnings)
	}
}

// TestSplitDeep: chains of any length and circles of any size are walked.
func TestSplitDeep(t *testing.T) {
	const n = 200_000
	nodes := make([]*splitNode, n)
	for i := range nodes {
		nodes[i] = &splitNode{needs: []int{(i + 1) % n}}
	}
	if groups := circles(nodes); len(groups) != 1 || len(groups[0]) != n {
		t.Errorf("one circle: %d groups", len(groups))
	}
	nodes[n-1].needs = nil
	if groups := circles(nodes); len(groups) != n {
		t.Errorf("a chain of %d: %d groups", n, len(groups))
	}
}
