package script

import (
	"slices"
	"testing"
)

func TestForeignKeyViolators(t *testing.T) {
	for _, tt := range []struct {
		name, defn   string
		table        KeyTable
		rows, sample string // empty: no query
	}{
		{"simple", "ALTER TABLE ONLY public.statuses\n    ADD CONSTRAINT k FOREIGN KEY (reblog_of_id) REFERENCES public.statuses(id) ON DELETE CASCADE;", KeyTable{ChildKey: []string{"id"}},
			"SELECT child.* FROM ONLY public.statuses child\nWHERE child.reblog_of_id IS NOT NULL\n  AND NOT EXISTS (SELECT 1 FROM ONLY public.statuses parent WHERE parent.id = child.reblog_of_id);",
			"SELECT child.id, child.reblog_of_id FROM ONLY public.statuses child\nWHERE child.reblog_of_id IS NOT NULL\n  AND NOT EXISTS (SELECT 1 FROM ONLY public.statuses parent WHERE parent.id = child.reblog_of_id) LIMIT 5;"},
		{"full, partitioned, quoted", `ALTER TABLE s."T x" ADD CONSTRAINT k FOREIGN KEY (a, "b c") REFERENCES s.p(x, "select") MATCH FULL;`,
			KeyTable{ParentPartitioned: true, ChildKey: []string{"a"}, Operators: []string{"OPERATOR(ext.=)", "="}},
			"SELECT child.* FROM s.\"T x\" child\nWHERE (child.a IS NOT NULL OR child.\"b c\" IS NOT NULL)\n  AND NOT EXISTS (SELECT 1 FROM s.p parent WHERE parent.x OPERATOR(ext.=) child.a AND parent.\"select\" = child.\"b c\");",
			"SELECT child.a, child.\"b c\" FROM s.\"T x\" child\nWHERE (child.a IS NOT NULL OR child.\"b c\" IS NOT NULL)\n  AND NOT EXISTS (SELECT 1 FROM s.p parent WHERE parent.x OPERATOR(ext.=) child.a AND parent.\"select\" = child.\"b c\") LIMIT 5;"},
		{"columns not said", "ALTER TABLE ONLY t ADD CONSTRAINT k FOREIGN KEY (a) REFERENCES p;", KeyTable{}, "", ""},
		{"period", "ALTER TABLE ONLY t ADD CONSTRAINT k FOREIGN KEY (a, PERIOD b) REFERENCES p(x, PERIOD y);", KeyTable{}, "", ""},
	} {
		fk, ok := SplitForeignKey(tt.defn, true)
		if !ok {
			t.Errorf("%s: not a foreign key", tt.name)
			continue
		}
		v, ok := fk.Violators(tt.table)
		if ok != (tt.rows != "") || v.Rows != tt.rows || v.Sample != tt.sample {
			t.Errorf("%s: %t\nrows   %s\nsample %s", tt.name, ok, v.Rows, v.Sample)
		}
	}
}

func TestUniqueViolators(t *testing.T) {
	for _, tt := range []struct {
		defn    string
		rows    string // empty: no query
		columns []string
	}{
		{"ALTER TABLE ONLY s.t ADD CONSTRAINT k PRIMARY KEY (a, \"B\");",
			"SELECT a, \"B\", count(*) FROM ONLY s.t\nWHERE a IS NOT NULL AND \"B\" IS NOT NULL\nGROUP BY 1, 2 HAVING count(*) > 1;", []string{"a", `"B"`, "count"}},
		{"ALTER TABLE ONLY t ADD CONSTRAINT k UNIQUE NULLS NOT DISTINCT (a) INCLUDE (b) DEFERRABLE;",
			"SELECT a, count(*) FROM ONLY t\nGROUP BY 1 HAVING count(*) > 1;", []string{"a", "count"}},
		{"CREATE UNIQUE INDEX i ON s.t USING btree (lower((email)::text), ((a + b)) DESC NULLS LAST, c COLLATE pg_catalog.\"C\" text_pattern_ops) WHERE ((deleted_at IS NULL) AND (x > 1));",
			"SELECT lower((email)::text), ((a + b)), c COLLATE pg_catalog.\"C\", count(*) FROM ONLY s.t\nWHERE lower((email)::text) IS NOT NULL AND ((a + b)) IS NOT NULL AND c COLLATE pg_catalog.\"C\" IS NOT NULL AND ((deleted_at IS NULL) AND (x > 1))\nGROUP BY 1, 2, 3 HAVING count(*) > 1;",
			[]string{"lower((email)::text)", "((a + b))", `c COLLATE pg_catalog."C"`, "count"}},
		{"CREATE UNIQUE INDEX i ON t USING btree (a) INCLUDE (b) NULLS NOT DISTINCT WITH (fillfactor='70') TABLESPACE ts WHERE (a > 1);\n\nALTER TABLE t CLUSTER ON i;",
			"SELECT a, count(*) FROM ONLY t\nWHERE (a > 1)\nGROUP BY 1 HAVING count(*) > 1;", []string{"a", "count"}},
		{"CREATE UNIQUE INDEX i ON t USING btree (a public.citext_ops);", "", nil},
		{"CREATE UNIQUE INDEX i ON t USING btree (a some_ops(x='1'));", "", nil},
		{"CREATE INDEX i ON t USING btree (a);", "", nil},
		{"ALTER TABLE ONLY t ADD CONSTRAINT k PRIMARY KEY (a, b WITHOUT OVERLAPS);", "", nil},
		{"ALTER TABLE ONLY t ADD CONSTRAINT k EXCLUDE USING gist (a WITH =);", "", nil},
	} {
		v, ok := UniqueViolators(tt.defn, true, false)
		if ok != (tt.rows != "") || v.Rows != tt.rows || !slices.Equal(v.Columns, tt.columns) {
			t.Errorf("%s: %t\n%s\n%q", tt.defn, ok, v.Rows, v.Columns)
		}
	}
	v, _ := UniqueViolators("CREATE UNIQUE INDEX i ON ONLY t USING btree (a);", true, true)
	if want := "SELECT coalesce(sum(n), 0) FROM (SELECT a, count(*) FROM t\nWHERE a IS NOT NULL\nGROUP BY 1 HAVING count(*) > 1) violators(k1, n);"; v.Count != want {
		t.Errorf("got  %s\nwant %s", v.Count, want)
	}
}
