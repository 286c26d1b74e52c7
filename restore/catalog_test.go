package restore

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pgarc/pgarc/script"
	"github.com/pgarc/pgarc/toc"
)

// newTOC makes a TOC of entries, which get ids by their order.
func newTOC(t *testing.T, searchPath bool, entries ...*toc.Entry) *toc.TOC {
	t.Helper()
	if searchPath {
		entries = append(entries, &toc.Entry{Kind: toc.SearchPath, Defn: "SELECT pg_catalog.set_config('search_path', '', false);\n"})
	}
	entries = append(entries, &toc.Entry{Kind: toc.StdStrings, Defn: "SET standard_conforming_strings = 'on';\n"})
	for i, e := range entries {
		e.ID = toc.DumpID(i + 1)
	}
	made, err := toc.New(entries)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// TestObjectOf: what an entry makes, as the catalog calls it.
func TestObjectOf(t *testing.T) {
	for _, c := range []struct {
		e    toc.Entry
		want object
	}{
		{toc.Entry{Kind: toc.Table, Namespace: "s", Tag: "a b"}, object{class: classRelation, schema: "s", name: "a b"}},
		{toc.Entry{Kind: toc.Function, Namespace: "s", Tag: `f(x)(integer, "My Type", s."plain")`}, object{class: classRoutine, schema: "s", name: `f(x)(integer,"My Type",s.plain)`}},
		{toc.Entry{Kind: toc.Aggregate, Namespace: "s", Tag: "all_rows(*)"}, object{class: classRoutine, schema: "s", name: "all_rows()"}},
		{toc.Entry{Kind: toc.FKConstraint, Namespace: "s", Tag: "a b c", Drop: toc.NewText(`ALTER TABLE ONLY s."a b" DROP CONSTRAINT c;`)},
			object{class: classConstraint, schema: "s", table: "a b", name: "c"}},
		{toc.Entry{Kind: "OPERATOR", Namespace: "s", Tag: "<->", Drop: toc.NewText("DROP OPERATOR s.<-> (NONE, s.\"T\");\n")},
			object{class: classOperator, schema: "s", name: `<->(NONE,s."T")`}},
		{toc.Entry{Kind: "OPERATOR CLASS", Namespace: "s", Tag: "ops", Drop: toc.NewText("DROP OPERATOR CLASS s.ops USING btree;\n")},
			object{class: classOpClass, schema: "s", name: "ops(btree)"}},
		{toc.Entry{Kind: "CAST", Tag: "CAST (text AS s.t)", Drop: toc.NewText("DROP CAST (text AS s.t);\n")}, object{class: classCast, name: "(text AS s.t)"}},
		{toc.Entry{Kind: "TRANSFORM", Tag: "x", Drop: toc.NewText("DROP TRANSFORM FOR s.hstore LANGUAGE plperl;\n")}, object{class: classTransform, name: "plperl(s.hstore)"}},
		{toc.Entry{Kind: "USER MAPPING", Tag: "x", Drop: toc.NewText("DROP USER MAPPING FOR \"A\" SERVER \"b c\";\n")}, object{class: classUserMapping, table: "b c", name: "A"}},
		{toc.Entry{Kind: toc.TableAttach, Namespace: "s", Tag: "p", Defn: "ALTER TABLE ONLY r.t ATTACH PARTITION s.p DEFAULT;\n"},
			object{class: classAttachment, schema: "s", table: path("r", "t"), name: "p"}},
		{toc.Entry{Kind: toc.IndexAttach, Namespace: "s", Tag: "p", Defn: "ALTER INDEX r.i ATTACH PARTITION s.p;\n"},
			object{class: classAttachment, schema: "s", table: path("r", "i"), name: "p"}},
		{toc.Entry{Kind: toc.SequenceOwnedBy, Namespace: "s", Tag: "q", Defn: "ALTER SEQUENCE s.q OWNED BY s.t.\"c c\";\n"},
			object{class: classOwnedBy, schema: "s", table: path("s", "t", "c c"), name: "q"}},
		{toc.Entry{Kind: toc.PublicationTable, Namespace: "s", Tag: "p t", Defn: "ALTER PUBLICATION p ADD TABLE ONLY s.t (a) WHERE ((a > 1));\n"},
			object{class: classPublished, schema: "s", table: "p", name: "t"}},
		{toc.Entry{Kind: toc.PublicationTablesInSchema, Namespace: "s", Tag: "p s", Defn: "ALTER PUBLICATION p ADD TABLES IN SCHEMA s;\n"},
			object{class: classPublishedIn, table: "p", name: "s"}},
	} {
		got, ok := objectOf(newTOC(t, true, &c.e), &c.e)
		if !ok || got != c.want {
			t.Errorf("%s %s: %+v, %t; want %+v", c.e.Kind, c.e.Tag, got, ok, c.want)
		}
	}
}

// TestObjectForms: the forms in which COMMENT ON names objects.
func TestObjectForms(t *testing.T) {
	for sql, want := range map[string]object{
		"COLUMN s.t.c":               {classColumn, "s", "t", "c"},
		"COLUMN t.c":                 {classColumn, "own", "t", "c"},
		"CONSTRAINT k ON DOMAIN s.d": {classConstraint, "s", "d", "k"},
		`TRIGGER "x ON y" ON s.t`:    {classTrigger, "s", "t", "x ON y"},
		"FUNCTION s.f(a integer, OUT b text, VARIADIC c text[])": {class: classRoutine, schema: "s", name: "f(a integer,OUT b text,VARIADIC c text[])"},
		"PROCEDURE s.f(INOUT n integer, IN older interval)":      {class: classRoutine, schema: "s", name: "f(INOUT n integer,older interval)"},
		"LARGE OBJECT 12":                   {class: classLargeObject, name: "12"},
		"TEXT SEARCH CONFIGURATION s.x":     {class: classTSConfig, schema: "s", name: "x"},
		"FOREIGN DATA WRAPPER w":            {class: classFDW, name: "w"},
		"TABLESPACE x":                      {class: classTablespace, name: "x"},
		"OPERATOR FAMILY s.x USING \"b t\"": {class: classOpFamily, schema: "s", name: `x(b t)`},
	} {
		p := &phrase{rest: script.Lexemes(sql, true), schema: "own", stdStrings: true}
		if got, ok := p.object(); !ok || got != want {
			t.Errorf("%s: %+v, %t; want %+v", sql, got, ok, want)
		}
	}
}

// TestOldSignature: before archive version 1.13 a type of the entry's schema
// stands without it.
func TestOldSignature(t *testing.T) {
	e := &toc.Entry{Kind: toc.Function, Namespace: "s", Tag: "f(t, other.t)"}
	old := newTOC(t, false, e)
	c := newCatalog(old, 150000)
	c.add(classRoutine, []string{"1255", "20000", "s", "", "f", "s.t, other.t", "", ""})
	if f := c.Has(e); f.Presence != Present {
		t.Errorf("%s %s", f.Presence, f.Note)
	}
}

func grantsEntry(defn string) *toc.Entry {
	return &toc.Entry{Kind: toc.ACL, Namespace: "s", Tag: "TABLE t", Defn: defn}
}

// TestGrants compares the statements of an ACL entry with what is held.
func TestGrants(t *testing.T) {
	all := []string{"SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"}
	held := acl{{"app", "SELECT", ""}: false, {"app", "UPDATE", "c"}: false, {"boss", "SELECT", ""}: true, {"", "SELECT", ""}: false}
	for _, name := range all {
		held[privilege{"owner", name, ""}] = true
	}
	for _, c := range []struct {
		sql     string
		version int
		want    []string
	}{
		{"GRANT SELECT ON TABLE s.t TO app;", 150000, nil},
		{"GRANT SELECT ON s.t TO app, PUBLIC;", 150000, nil},
		{"GRANT SELECT, INSERT ON TABLE s.t TO app;", 150000, []string{"no INSERT for app"}},
		{"GRANT SELECT(c),UPDATE(c) ON TABLE s.t TO app;", 150000, []string{"no SELECT (c) for app"}},
		{"GRANT ALL(c) ON TABLE s.t TO app;", 150000, []string{"no INSERT (c) for app", "no REFERENCES (c) for app", "no SELECT (c) for app"}},
		{"GRANT SELECT ON TABLE s.t TO boss WITH GRANT OPTION;", 150000, nil},
		{"GRANT SELECT ON TABLE s.t TO app WITH GRANT OPTION;", 150000, []string{"no grant option for SELECT for app"}},
		{"REVOKE ALL ON TABLE s.t FROM PUBLIC;", 150000, []string{"SELECT for PUBLIC not revoked"}},
		{"REVOKE ALL ON TABLE s.t FROM PUBLIC;\nREVOKE ALL ON TABLE s.t FROM owner;\nGRANT ALL ON TABLE s.t TO owner;\nGRANT SELECT ON TABLE s.t TO PUBLIC;", 150000, nil},
		{"GRANT ALL ON TABLE s.t TO owner;", 170000, []string{"no MAINTAIN for owner"}},
		{"REVOKE ALL ON TABLE s.t FROM owner;\nGRANT SELECT ON TABLE s.t TO owner;", 150000, []string{
			"DELETE for owner not revoked", "INSERT for owner not revoked", "REFERENCES for owner not revoked", "TRIGGER for owner not revoked", "TRUNCATE for owner not revoked", "UPDATE for owner not revoked"}},
		{"SET SESSION AUTHORIZATION boss;\nGRANT SELECT ON TABLE s.t TO app;\nRESET SESSION AUTHORIZATION;", 150000, nil},
		{"GRANT SELECT ON TABLE s.t TO GROUP app;", 150000, nil},
	} {
		e := grantsEntry(c.sql)
		catalog := newCatalog(newTOC(t, true, e), c.version)
		table := object{class: classRelation, schema: "s", name: "t"}
		catalog.objects[table] = catalogRow{address: address{"1259", "20000", ""}, relkind: relkindTable}
		catalog.grants[address{"1259", "20000", ""}] = held
		f := catalog.Has(e)
		if f.Note != strings.Join(c.want, ", ") || (f.Presence == Present) != (len(c.want) == 0) {
			t.Errorf("%s\non %d: %s, %q; want %q", c.sql, c.version, f.Presence, f.Note, c.want)
		}
		delete(catalog.objects, table)
		if f := catalog.Has(e); f.Presence != Absent {
			t.Errorf("%s without the table: %s", c.sql, f.Presence)
		}
	}
}

// TestDefaultGrants: without a row in pg_default_acl what is granted is the
// usual.
func TestDefaultGrants(t *testing.T) {
	for sql, want := range map[string]string{
		"ALTER DEFAULT PRIVILEGES FOR ROLE o REVOKE ALL ON FUNCTIONS FROM PUBLIC;":               "EXECUTE for PUBLIC not revoked",
		"ALTER DEFAULT PRIVILEGES FOR ROLE o GRANT ALL ON FUNCTIONS TO PUBLIC;":                  "",
		"ALTER DEFAULT PRIVILEGES FOR ROLE o GRANT ALL ON TABLES TO o;":                          "",
		"ALTER DEFAULT PRIVILEGES FOR ROLE o IN SCHEMA s GRANT SELECT ON TABLES TO app;":         "no SELECT for app",
		"ALTER DEFAULT PRIVILEGES FOR ROLE o GRANT ALL ON LARGE OBJECTS TO app;":                 "no SELECT for app, no UPDATE for app",
		"ALTER DEFAULT PRIVILEGES FOR ROLE o IN SCHEMA s REVOKE ALL ON FUNCTIONS FROM PUBLIC;\n": "",
	} {
		e := &toc.Entry{Kind: toc.DefaultACL, Tag: "DEFAULT PRIVILEGES", Defn: sql}
		if f := newCatalog(newTOC(t, true, e), 150000).Has(e); f.Note != want {
			t.Errorf("%s %s: %q, want %q", sql, f.Presence, f.Note, want)
		}
	}
}

// TestHas decides about entries of every sort without a server.
func TestHas(t *testing.T) {
	table := object{class: classRelation, schema: "s", name: "t"}
	seq := object{class: classRelation, schema: "s", name: "q"}
	fk := object{class: classConstraint, schema: "s", table: "t", name: "k"}
	index := object{class: classRelation, schema: "s", name: "i"}
	tableRow := catalogRow{address: address{"1259", "20000", ""}, relkind: relkindTable}
	fkEntry := func(end string) toc.Entry {
		return toc.Entry{Kind: toc.FKConstraint, Namespace: "s", Tag: "t k", Drop: toc.NewText("ALTER TABLE ONLY s.t DROP CONSTRAINT k;"),
			Defn: "ALTER TABLE s.t\n    ADD CONSTRAINT k FOREIGN KEY (a) REFERENCES s.u(a)" + end + ";\n"}
	}
	keyEntry := toc.Entry{Kind: toc.Constraint, Namespace: "s", Tag: "t k", Drop: toc.NewText("ALTER TABLE ONLY s.t DROP CONSTRAINT k;"),
		Defn: "ALTER TABLE ONLY s.t\n    ADD CONSTRAINT k PRIMARY KEY (a);\n"}
	comment := toc.Entry{Kind: toc.Comment, Namespace: "s", Tag: "COLUMN t.c", Defn: "COMMENT ON COLUMN s.t.c IS 'x';\n"}
	setval := toc.Entry{Kind: toc.SequenceSet, Namespace: "s", Tag: "q", Defn: "SELECT pg_catalog.setval('s.q', -8, true);\n"}
	data := toc.Entry{Kind: toc.TableData, Namespace: "s", Tag: "t", HasDumper: true}
	lobs := toc.Entry{Kind: toc.BlobMetadata, Tag: "5..6", Defn: "5\n6\n"}
	for _, c := range []struct {
		name string
		e    toc.Entry
		fill func(*Catalog)
		want Presence
		note string
	}{
		{"no table", toc.Entry{Kind: toc.Table, Namespace: "s", Tag: "t"}, func(*Catalog) {}, Absent, ""},
		{"table", toc.Entry{Kind: toc.Table, Namespace: "s", Tag: "t"}, func(c *Catalog) { c.objects[table] = tableRow }, Present, ""},
		{"partitioned table", toc.Entry{Kind: toc.Table, Namespace: "s", Tag: "t"}, func(c *Catalog) { c.objects[table] = catalogRow{relkind: "p"} }, Present, ""},
		{"view in place of a table", toc.Entry{Kind: toc.Table, Namespace: "s", Tag: "t"}, func(c *Catalog) { c.objects[table] = catalogRow{relkind: "v"} }, Absent,
			"the database has a view of this name"},
		{"key", fkEntry(""), func(c *Catalog) { c.objects[fk] = catalogRow{} }, Present, ""},
		{"key not valid", fkEntry(""), func(c *Catalog) { c.objects[fk] = catalogRow{problem: "the constraint is not valid"} }, Incomplete, "the constraint is not valid"},
		{"key not valid in the archive", fkEntry(" NOT VALID"), func(c *Catalog) { c.objects[fk] = catalogRow{problem: "the constraint is not valid"} }, Present, ""},
		{"invalid index", toc.Entry{Kind: toc.Index, Namespace: "s", Tag: "i"}, func(c *Catalog) { c.objects[index] = catalogRow{relkind: "i", problem: "the index is not valid"} },
			Incomplete, "the index is not valid"},
		{"no key", keyEntry, func(c *Catalog) { c.objects[table] = tableRow }, Absent, ""},
		{"key", keyEntry, func(c *Catalog) { c.objects[fk] = catalogRow{} }, Present, ""},
		{"half a key", keyEntry, func(c *Catalog) {
			c.objects[object{class: classRelation, schema: "s", name: "k"}] = catalogRow{relkind: "i"}
		}, Incomplete, "an index of its name is there, without the key"},
		{"a table of the key's name", keyEntry, func(c *Catalog) {
			c.objects[object{class: classRelation, schema: "s", name: "k"}] = catalogRow{relkind: "r"}
		}, Absent, ""},
		{"comment", comment, func(c *Catalog) {
			c.objects[table] = tableRow
			c.comments[address{"1259", "20000", "c"}] = "other"
		}, Present, ""},
		{"comment on another column", comment, func(c *Catalog) {
			c.objects[table] = tableRow
			c.comments[address{"1259", "20000", "d"}] = "x"
		}, Absent, ""},
		{"empty comment", toc.Entry{Kind: toc.Comment, Tag: "SCHEMA public", Defn: "COMMENT ON SCHEMA public IS '';\n"},
			func(c *Catalog) { c.objects[object{class: classSchema, name: "public"}] = catalogRow{} }, Present, ""},
		{"security label", toc.Entry{Kind: toc.SecurityLabel, Namespace: "s", Tag: "TABLE t", Defn: "SECURITY LABEL FOR 'sel' ON TABLE s.t IS 'x';\n"}, func(c *Catalog) {
			c.objects[table] = tableRow
			c.labels[label{address{"1259", "20000", ""}, "sel"}] = true
		}, Present, ""},
		{"label of another provider", toc.Entry{Kind: toc.SecurityLabel, Namespace: "s", Tag: "TABLE t", Defn: "SECURITY LABEL FOR dummy ON TABLE s.t IS 'x';\n"}, func(c *Catalog) {
			c.objects[table] = tableRow
			c.labels[label{address{"1259", "20000", ""}, "sel"}] = true
		}, Absent, ""},
		{"sequence at its start", setval, func(c *Catalog) {
			c.objects[seq] = catalogRow{relkind: "S"}
			c.values[seq] = sequenceValue{last: "1", start: "1"}
		}, Absent, "the sequence was never used"},
		{"sequence in use", setval, func(c *Catalog) {
			c.objects[seq] = catalogRow{relkind: "S"}
			c.values[seq] = sequenceValue{last: "1", start: "1", called: true}
		}, Present, ""},
		{"sequence set by hand", setval, func(c *Catalog) {
			c.objects[seq] = catalogRow{relkind: "S"}
			c.values[seq] = sequenceValue{last: "500", start: "1"}
		}, Present, ""},
		{"data without table", data, func(*Catalog) {}, Absent, "the table is missing"},
		{"data", data, func(c *Catalog) { c.objects[table] = tableRow; c.rows[table] = tableRows{any: true} }, Present, ""},
		{"empty table", data, func(c *Catalog) { c.objects[table] = tableRow; c.rows[table] = tableRows{} }, Absent, "the table is empty"},
		{"unreadable table", data, func(c *Catalog) { c.objects[table] = tableRow; c.rows[table] = tableRows{why: "no"} }, Unknown, "no"},
		{"fewer rows", data, func(c *Catalog) {
			c.objects[table] = tableRow
			c.rows[table] = tableRows{any: true, count: 2}
			c.count = map[toc.DumpID]int64{1: 3}
		}, Incomplete, "2 rows, 3 in the archive"},
		{"large objects", lobs, func(c *Catalog) { c.objects[largeObject("5")] = catalogRow{} }, Absent, "1 of 2 large objects"},
		{"all large objects", lobs, func(c *Catalog) {
			c.objects[largeObject("5")] = catalogRow{}
			c.objects[largeObject("6")] = catalogRow{}
		}, Present, ""},
		{"statistics of no table", toc.Entry{Kind: toc.StatisticsData, Namespace: "s", Tag: "t"}, func(*Catalog) {}, Absent, ""},
		{"statistics", toc.Entry{Kind: toc.StatisticsData, Namespace: "s", Tag: "t"}, func(c *Catalog) { c.objects[table] = tableRow }, Unknown, "statistics are not compared"},
		{"unknown kind", toc.Entry{Kind: "NOVELTY", Namespace: "s", Tag: "t", Defn: "CREATE NOVELTY s.t;\n"}, func(*Catalog) {}, Unknown, "its definition does not say what to look for"},
	} {
		catalog := newCatalog(newTOC(t, true, &c.e), 150000)
		c.fill(catalog)
		if f := catalog.Has(&c.e); f.Presence != c.want || f.Note != c.note {
			t.Errorf("%s: %s, %q; want %s, %q", c.name, f.Presence, f.Note, c.want, c.note)
		}
	}
}

// TestAttachAfterIndexes: a partition that is made again joins its table with
// its indexes.
func TestAttachAfterIndexes(t *testing.T) {
	made := parseTOC(t, partitioned)
	only := &Missing{entries: map[toc.DumpID]bool{}}
	for _, id := range []toc.DumpID{2, 3, 5, 6, 7, 10, 11, 13, 14, 16} { // mid and leaf, and what came with them
		only.entries[id] = true
	}
	plan, err := NewPlan(toc.Selection{}.Apply(made), Options{Jobs: 4, Only: only})
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, s := range plan.Steps {
		if s.Action != ActionAnalyze {
			order = append(order, s.Entry.ID.String())
		}
		for _, d := range s.Deps {
			if d >= s.ID {
				t.Errorf("step %d waits for %d, which comes later", s.ID, d)
			}
		}
	}
	at := func(id string) int { return slices.Index(order, id) }
	for _, pair := range [][2]string{{"3", "6"}, {"7", "5"}, {"10", "5"}, {"11", "5"}, {"14", "5"}, {"5", "13"}, {"13", "16"}} {
		if at(pair[0]) < 0 || at(pair[0]) > at(pair[1]) {
			t.Errorf("entry %s is not before %s: %v", pair[0], pair[1], order)
		}
	}
	if len(order) < len(only.entries) || at("1") >= 0 || at("15") >= 0 {
		t.Errorf("steps of entries %v", order)
	}
}

// TestReduced: of a group of large objects only the missing ones are made.
func TestReduced(t *testing.T) {
	e := &toc.Entry{Kind: toc.BlobMetadata, Tag: "5..7", Defn: "5\n6\n7\n"}
	m := &Missing{objects: map[string]bool{"6": true}}
	if got := m.reduced(e).Defn; got != "5\n7\n" || e.Defn != "5\n6\n7\n" {
		t.Errorf("reduced to %q, the entry is %q", got, e.Defn)
	}
	if got := []bool{m.wantsObject(5), m.wantsObject(6)}; !reflect.DeepEqual(got, []bool{true, false}) {
		t.Errorf("wants %v", got)
	}
}
