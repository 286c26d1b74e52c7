package errorlog

import (
	"slices"
	"testing"

	"github.com/pgarc/pgarc/toc"
)

func TestReadObject(t *testing.T) {
	for _, test := range []struct {
		sql  string
		want object
	}{
		{"ALTER TABLE ONLY s.t ADD CONSTRAINT \"C d\" CHECK (true)", object{constraints, "s", "t", "C d"}},
		{"ALTER TABLE IF EXISTS ONLY s.t DROP CONSTRAINT IF EXISTS c", object{constraints, "s", "t", "c"}},
		{"ALTER TABLE ONLY s.t ALTER COLUMN c SET DEFAULT 1", object{[]toc.Kind{toc.Default}, "s", "t", "c"}},
		{"ALTER TABLE ONLY s.t ATTACH PARTITION p.q FOR VALUES IN (1)", object{[]toc.Kind{toc.TableAttach}, "p", "", "q"}},
		{"ALTER TABLE s.t ENABLE ROW LEVEL SECURITY", object{[]toc.Kind{toc.RowSecurity}, "s", "", "t"}},
		{"ALTER TABLE s.v OWNER TO bob", object{relations, "s", "", "v"}},
		{"ALTER INDEX s.i ATTACH PARTITION s.j", object{[]toc.Kind{toc.IndexAttach}, "s", "", "j"}},
		{"ALTER FOREIGN DATA WRAPPER w OWNER TO bob", object{[]toc.Kind{"FOREIGN DATA WRAPPER"}, "", "", "w"}},
		{"create unique index i on s.t (a)", object{[]toc.Kind{toc.Index}, "", "", "i"}},
		{"CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON s.t (a)", object{[]toc.Kind{toc.Index}, "", "", "i"}},
		{"CREATE CONSTRAINT TRIGGER g AFTER INSERT ON s.t", object{[]toc.Kind{toc.Trigger}, "s", "t", "g"}},
		{"CREATE RULE r AS ON INSERT TO s.t DO NOTHING", object{[]toc.Kind{toc.Rule}, "s", "t", "r"}},
		{"CREATE OR REPLACE FUNCTION s.f(a integer) RETURNS int", object{[]toc.Kind{toc.Function}, "s", "", "f"}},
		{"CREATE MATERIALIZED VIEW s.m AS SELECT 1", object{[]toc.Kind{toc.MaterializedView}, "s", "", "m"}},
		{"CREATE UNLOGGED TABLE s.\"T \"\"x\" (a int)", object{[]toc.Kind{toc.Table}, "s", "", `T "x`}},
		{"COPY s.t (a) FROM stdin", object{[]toc.Kind{toc.TableData}, "s", "", "t"}},
		{"INSERT INTO s.t VALUES (1)", object{[]toc.Kind{toc.TableData}, "s", "", "t"}},
		{"REFRESH MATERIALIZED VIEW s.m", object{[]toc.Kind{toc.MaterializedViewData}, "s", "", "m"}},
		{"SELECT pg_catalog.setval('s.\"Q\"', 1, false)", object{[]toc.Kind{toc.SequenceSet}, "s", "", "Q"}},
		{"CREATE", object{}}, {"ALTER TABLE", object{kinds: relations}}, {"", object{}}, {"NONSENSE s.t", object{}},
	} {
		got := readObject(test.sql)
		if !slices.Equal(got.kinds, test.want.kinds) || got.schema != test.want.schema || got.table != test.want.table || got.name != test.want.name {
			t.Errorf("readObject(%q) = %+v, want %+v", test.sql, got, test.want)
		}
	}
}

// TestOverloads: a name alone does not tell functions apart.
func TestOverloads(t *testing.T) {
	made, err := toc.New([]*toc.Entry{
		{ID: 1, Kind: toc.Function, Tag: "f(integer)", Namespace: "s", Defn: "CREATE FUNCTION s.f(integer) …;\n"},
		{ID: 2, Kind: toc.Function, Tag: "f(text)", Namespace: "s", Defn: "CREATE FUNCTION s.f(text) …;\n"},
		{ID: 3, Kind: toc.Function, Tag: "fg(text)", Namespace: "s", Defn: "CREATE FUNCTION s.fg(text) …;\n"},
	})
	if err != nil {
		t.Fatal(err)
	}
	m := newIndex(made).match(Failure{Line: 1, SQL: "CREATE FUNCTION s.f(a integer) RETURNS int"})
	if len(m.Entries) != 2 || m.How != ByStatement || m.Problem == "" {
		t.Errorf("match %+v, want two entries, by the statement, and a problem", m)
	}
}
