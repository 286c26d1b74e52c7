package script

import (
	"slices"
	"strings"
	"testing"

	"github.com/pgarc/pgarc/toc"
)

func newTOC(t *testing.T, entries ...*toc.Entry) *toc.TOC {
	t.Helper()
	entries = append([]*toc.Entry{
		{ID: 9001, Kind: toc.Encoding, Tag: "ENCODING", Defn: "SET client_encoding = 'UTF8';\n"},
		{ID: 9002, Kind: toc.StdStrings, Tag: "STDSTRINGS", Defn: "SET standard_conforming_strings = 'on';\n"},
		{ID: 9003, Kind: toc.SearchPath, Tag: "SEARCHPATH", Defn: "SELECT pg_catalog.set_config('search_path', '', false);\n"},
	}, entries...)
	made, err := toc.New(entries)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestIdent(t *testing.T) {
	for name, want := range map[string]string{
		"a": "a", "_a1": "_a1", "1a": `"1a"`, "A": `"A"`, "": `""`, "é": `"é"`, `a"b`: `"a""b"`, "a b": `"a b"`, "a$": `"a$"`,
		"table": `"table"`, "text": "text", "integer": `"integer"`, "left": `"left"`, "system_user": `"system_user"`, "abort": "abort",
		"a\n\\!b": "\"a\n\\!b\"",
	} {
		if got := Ident(name); got != want {
			t.Errorf("Ident(%q) = %s, want %s", name, got, want)
		}
	}
}

func TestLiteral(t *testing.T) {
	for _, test := range []struct {
		s    string
		std  bool
		want string
	}{{`it's`, true, `'it''s'`}, {`a\b`, true, `'a\b'`}, {`a\'b`, false, `'a\\''b'`}} {
		if got := Literal(test.s, test.std); got != test.want {
			t.Errorf("Literal(%q, %t) = %s, want %s", test.s, test.std, got, test.want)
		}
	}
}

func TestOwner(t *testing.T) {
	drop := toc.NewText("DROP something;\n")
	owner := toc.NewText("Bob")
	for _, test := range []struct {
		name string
		e    toc.Entry
		o    Options
		want []string
	}{
		{"view", toc.Entry{Kind: toc.View, Namespace: "s", Tag: "V", Owner: owner, Drop: drop}, Options{}, []string{"ALTER VIEW s.\"V\" OWNER TO \"Bob\";\n\n"}},
		{"no owner", toc.Entry{Kind: toc.View, Namespace: "s", Tag: "V", Owner: owner, Drop: drop}, Options{NoOwner: true}, nil},
		{"authorization", toc.Entry{Kind: toc.View, Tag: "V", Owner: owner, Drop: drop}, Options{SessionAuthorization: true}, nil},
		{"schema public", toc.Entry{Kind: toc.Schema, Tag: "public", Owner: owner, Drop: toc.NewText("-- x"), Defn: "-- *not* creating"},
			Options{SessionAuthorization: true}, []string{"ALTER SCHEMA public OWNER TO \"Bob\";\n\n"}},
		{"identity sequence", toc.Entry{Kind: toc.Sequence, Tag: "s", Owner: owner, Drop: toc.NewText("")}, Options{}, nil},
		{"function", toc.Entry{Kind: toc.Function, Tag: "f(a)", Owner: owner, Drop: toc.NewText("DROP FUNCTION s.f(x a);\n")}, Options{},
			[]string{"ALTER FUNCTION s.f(x a) OWNER TO \"Bob\";\n\n"}},
		{"large object", toc.Entry{Kind: toc.Blob, Tag: "4000000001", Owner: owner, Drop: drop}, Options{}, []string{"ALTER LARGE OBJECT 4000000001 OWNER TO \"Bob\";\n\n"}},
		{"large object, hostile", toc.Entry{Kind: toc.Blob, Tag: "1; DROP", Owner: owner, Drop: drop}, Options{}, nil},
		{"large objects", toc.Entry{Kind: toc.BlobMetadata, Tag: "1..2", Owner: owner, Drop: drop, Defn: "1\n2\nx\n"}, Options{},
			[]string{"ALTER LARGE OBJECT 1 OWNER TO \"Bob\";\n", "ALTER LARGE OBJECT 2 OWNER TO \"Bob\";\n\n"}},
		{"index", toc.Entry{Kind: toc.Index, Tag: "i", Owner: owner, Drop: drop}, Options{}, nil},
		{"unknown kind", toc.Entry{Kind: "BABELFISHGUCS", Tag: "x", Owner: owner, Drop: drop}, Options{}, nil},
	} {
		if got := Owner(&test.e, test.o); !slices.Equal(got, test.want) {
			t.Errorf("%s: Owner = %q, want %q", test.name, got, test.want)
		}
	}
}

func TestGrantsOnLargeObjects(t *testing.T) {
	objects := &toc.Entry{ID: 1, Kind: toc.BlobMetadata, Tag: "7..8", Defn: "7\n8\n"}
	acl := &toc.Entry{ID: 2, Kind: toc.ACL, Tag: "LARGE OBJECTS 7..8", Deps: []toc.DumpID{1},
		Defn: "REVOKE ALL ON LARGE OBJECT 7 FROM \"a;LARGE OBJECT 9\";\nGRANT SELECT ON LARGE OBJECT 7 TO b;\n"}
	got, err := Create(newTOC(t, objects, acl), acl, Options{})
	want := []string{
		"REVOKE ALL ON LARGE OBJECT 7 FROM \"a;LARGE OBJECT 9\";\n", "REVOKE ALL ON LARGE OBJECT 8 FROM \"a;LARGE OBJECT 9\";\n\n",
		"GRANT SELECT ON LARGE OBJECT 7 TO b;\n", "GRANT SELECT ON LARGE OBJECT 8 TO b;\n\n",
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("Create = %q, %v; want %q", got, err, want)
	}
	_, err = Create(newTOC(t, acl), acl, Options{})
	if err == nil || !strings.Contains(err.Error(), "toc entry 2") {
		t.Errorf("without the objects: error %v, want one that names the entry", err)
	}
}

func TestDrop(t *testing.T) {
	for _, test := range []struct{ kind, drop, want string }{
		{"TABLE", "DROP TABLE s.t;\n", "DROP TABLE IF EXISTS s.t;\n"},
		{"FK CONSTRAINT", "ALTER TABLE ONLY s.t DROP CONSTRAINT c;\n", "ALTER TABLE IF EXISTS ONLY s.t DROP CONSTRAINT IF EXISTS c;\n"},
		{"DEFAULT", "ALTER TABLE s.t ALTER COLUMN c DROP DEFAULT;\n", "ALTER TABLE IF EXISTS s.t ALTER COLUMN c DROP DEFAULT;\n"},
		{"RULE", "CREATE OR REPLACE VIEW s.v AS SELECT 1;\n", "CREATE OR REPLACE VIEW s.v AS SELECT 1;\n"},
		{"SCHEMA", "-- *not* dropping schema, since initdb creates it\n", "-- *not* dropping schema, since initdb creates it\n"},
		{"PROCEDURAL LANGUAGE", "DROP LANGUAGE x;\n", "DROP LANGUAGE x;\n"}, // pg_restore warns
		{"BLOB", "SELECT pg_catalog.lo_unlink('5');\n", unlinkIfExists + "5';\n"},
	} {
		e := &toc.Entry{Kind: toc.Kind(test.kind), OID: 5, Drop: toc.NewText(test.drop)}
		if got := Drop(e, true); !slices.Equal(got, []string{test.want}) {
			t.Errorf("%s: Drop = %q, want %q", test.kind, got, test.want)
		}
	}
	if got := Drop(&toc.Entry{Kind: toc.Comment}, true); got != nil {
		t.Errorf("without a drop: %q", got)
	}
}

func TestStateOldArchive(t *testing.T) {
	old, err := toc.New(nil) // no SEARCHPATH
	if err != nil {
		t.Fatal(err)
	}
	table := &toc.Entry{Kind: toc.Table, Namespace: "S", Tablespace: toc.NewText(""), TableAM: "heap"}
	var s State
	want := []string{"SET search_path = \"S\", pg_catalog;\n\n", "SET default_tablespace = '';\n\n", "SET default_table_access_method = heap;\n\n"}
	if got := s.Before(old, table, Options{}); !slices.Equal(got, want) {
		t.Errorf("first: %q, want %q", got, want)
	}
	if got := s.Before(old, table, Options{}); got != nil {
		t.Errorf("again: %q, want nothing", got)
	}
	if got, want := s.Schema(old, "pg_catalog"), []string{"SET search_path = pg_catalog;\n\n"}; !slices.Equal(got, want) {
		t.Errorf("pg_catalog: %q, want %q", got, want)
	}
}

func TestAccessMethodOfPartitionedTable(t *testing.T) {
	e := &toc.Entry{Kind: toc.Table, Namespace: "s", Tag: "t", TableAM: "heap", RelKind: 'p'}
	if got, want := SetAccessMethod(e, Options{}), []string{"ALTER TABLE s.t SET ACCESS METHOD heap;\n\n"}; !slices.Equal(got, want) {
		t.Errorf("SetAccessMethod = %q, want %q", got, want)
	}
	var s State
	if got := s.Before(newTOC(t), e, Options{}); got != nil {
		t.Errorf("Before = %q, want nothing", got)
	}
}
