package script

import (
	"errors"
	"strings"
	"testing"

	"github.com/pgarc/pgarc/toc"
)

// mappedEntry applies a mapping to an archive of one entry, beside schemas a
// and b, which owns nothing else.
func mappedEntry(t *testing.T, m Mapping, e toc.Entry) (*toc.Entry, []Unsafe) {
	t.Helper()
	if e.ID == 0 {
		e.ID = 1
	}
	if e.Kind == "" {
		e.Kind = toc.Table
	}
	tt := archiveOf(t, &e,
		&toc.Entry{ID: 100, Kind: toc.Schema, Tag: "a", Defn: "CREATE SCHEMA a;\n", Drop: toc.NewText("DROP SCHEMA a;\n")},
		&toc.Entry{ID: 101, Kind: toc.Schema, Tag: "b", Defn: "CREATE SCHEMA b;\n"},
		&toc.Entry{ID: 102, Kind: toc.Table, Tag: "x", Owner: toc.NewText("r"), Tablespace: toc.NewText("s")})
	m.KeepUnsafe = true
	sel, unsafe, err := m.Apply(toc.Selection{Create: true}.Apply(tt))
	if err != nil {
		t.Fatalf("Apply: %v", err)
	}
	return sel.TOC.Lookup(e.ID), unsafe
}

func archiveOf(t *testing.T, entries ...*toc.Entry) *toc.TOC {
	t.Helper()
	tt, err := toc.New(entries)
	if err != nil {
		t.Fatal(err)
	}
	tt.StdStrings, tt.SearchPath = true, "SELECT pg_catalog.set_config('search_path', '', false);\n"
	return tt
}

// TestRenameSchema: schema a becomes "A 1" in all places where pg_dump and the
// server write one.
func TestRenameSchema(t *testing.T) {
	m := Mapping{Schemas: map[string]string{"a": "A 1"}}
	for _, test := range []struct {
		kind       toc.Kind
		sql, want  string // want "": as sql
		unsafeText string // part of why it is unsafe; "": safe
	}{
		{"TABLE", `CREATE TABLE a.t (a integer, x a.mood DEFAULT 'a.b'::a.mood, a1 aa.t);`, `CREATE TABLE "A 1".t (a integer, x "A 1".mood DEFAULT 'a.b'::"A 1".mood, a1 aa.t);`, "a string names"},
		{"TABLE", `CREATE TABLE a.t (a text DEFAULT 'a'::text) -- a.t` + "\n/* a.t */;", `CREATE TABLE "A 1".t (a text DEFAULT 'a'::text) -- a.t` + "\n/* a.t */;", ""},
		{"TABLE", `CREATE TABLE "a".a (LIKE A.a);`, `CREATE TABLE "A 1".a (LIKE "A 1".a);`, ""},
		{"TABLE", `CREATE TABLE "A".t ("a.b" "x"."a");`, "", ""},
		{"TABLE", `CREATE TABLE b.t (c integer CHECK (((c).a.b > 0)));`, "", ""},
		{"TABLE", "CREATE TABLE a.p PARTITION OF a.q FOR VALUES FROM ('a.b') TO ('c');", `CREATE TABLE "A 1".p PARTITION OF "A 1".q FOR VALUES FROM ('a.b') TO ('c');`, "a string names"},
		{"DEFAULT", `ALTER TABLE ONLY a.t ALTER COLUMN id SET DEFAULT nextval('a.s'::regclass);`, `ALTER TABLE ONLY "A 1".t ALTER COLUMN id SET DEFAULT nextval('"A 1".s'::regclass);`, ""},
		{"DEFAULT", `ALTER TABLE b.t ALTER COLUMN id SET DEFAULT nextval(('a.s'::text)::regclass);`, `ALTER TABLE b.t ALTER COLUMN id SET DEFAULT nextval(('"A 1".s'::text)::regclass);`, ""},
		{"DEFAULT", `ALTER TABLE "b"."t" ALTER COLUMN "id" SET DEFAULT "nextval"('"a"."s"'::"regclass");`, `ALTER TABLE "b"."t" ALTER COLUMN "id" SET DEFAULT "nextval"('"A 1"."s"'::"regclass");`, ""},
		{"SEQUENCE SET", `SELECT "pg_catalog"."setval"('"a"."s"', 3, true);`, `SELECT "pg_catalog"."setval"('"A 1"."s"', 3, true);`, ""},
		{"DEFAULT", `ALTER TABLE b.t ALTER COLUMN id SET DEFAULT nextval('a.s'::text);`, "", "a string names schema a"},
		{"DEFAULT", `ALTER TABLE b.t ALTER COLUMN id SET DEFAULT f('a'::regnamespace, 'a.f(a.t,integer)'::regprocedure, 'a.c'::pg_catalog.regconfig);`,
			`ALTER TABLE b.t ALTER COLUMN id SET DEFAULT f('"A 1"'::regnamespace, '"A 1".f("A 1".t,integer)'::regprocedure, '"A 1".c'::pg_catalog.regconfig);`, ""},
		{"DEFAULT", `ALTER TABLE b.t ALTER COLUMN id SET DEFAULT '{a.t}'::regclass[];`, "", "a string names schema a"},
		{"SCHEMA", `CREATE SCHEMA a;`, `CREATE SCHEMA "A 1";`, ""},
		{"EXTENSION", `CREATE EXTENSION IF NOT EXISTS a WITH SCHEMA a;`, `CREATE EXTENSION IF NOT EXISTS a WITH SCHEMA "A 1";`, ""},
		{"DEFAULT ACL", `ALTER DEFAULT PRIVILEGES FOR ROLE a IN SCHEMA a GRANT ALL ON TABLES TO a;`, `ALTER DEFAULT PRIVILEGES FOR ROLE a IN SCHEMA "A 1" GRANT ALL ON TABLES TO a;`, ""},
		{"PUBLICATION TABLES IN SCHEMA", `ALTER PUBLICATION a ADD TABLES IN SCHEMA a, b;`, `ALTER PUBLICATION a ADD TABLES IN SCHEMA "A 1", b;`, ""},
		{"ACL", `GRANT SELECT(a) ON TABLE a.a TO a;`, `GRANT SELECT(a) ON TABLE "A 1".a TO a;`, ""},
		{"ACL", `GRANT USAGE ON SCHEMA a TO a;`, `GRANT USAGE ON SCHEMA "A 1" TO a;`, ""},
		{"COMMENT", `COMMENT ON COLUMN a.a.a IS 'see a.a';`, `COMMENT ON COLUMN "A 1".a.a IS 'see a.a';`, ""},
		{"COMMENT", `COMMENT ON SCHEMA a IS 'a';`, `COMMENT ON SCHEMA "A 1" IS 'a';`, ""},
		{"SECURITY LABEL", `SECURITY LABEL FOR a ON SCHEMA a IS 'a.b';`, `SECURITY LABEL FOR a ON SCHEMA "A 1" IS 'a.b';`, ""},
		{"SEQUENCE SET", `SELECT pg_catalog.setval('a.s', 3, true);`, `SELECT pg_catalog.setval('"A 1".s', 3, true);`, ""},
		{"STATISTICS DATA", `SELECT * FROM pg_catalog.pg_restore_attribute_stats('schemaname', 'a', 'relname', 'a', 'most_common_vals', '{a.b}'::text);`,
			`SELECT * FROM pg_catalog.pg_restore_attribute_stats('schemaname', 'A 1', 'relname', 'a', 'most_common_vals', '{a.b}'::text);`, ""},
		{"OPERATOR", `CREATE OPERATOR a.=== (FUNCTION = a.f, LEFTARG = a.t, COMMUTATOR = OPERATOR(a.===));`, `CREATE OPERATOR "A 1".=== (FUNCTION = "A 1".f, LEFTARG = "A 1".t, COMMUTATOR = OPERATOR("A 1".===));`, ""},
		{"TYPE", `CREATE TYPE a.e AS ENUM ('a.b', 'a');`, `CREATE TYPE "A 1".e AS ENUM ('a.b', 'a');`, ""},
		{"FOREIGN TABLE", `CREATE FOREIGN TABLE a.t (x a.d OPTIONS (column_name 'a.b')) SERVER a OPTIONS (schema_name 'a', table_name 'a.b');`, `CREATE FOREIGN TABLE "A 1".t (x "A 1".d OPTIONS (column_name 'a.b')) SERVER a OPTIONS (schema_name 'a', table_name 'a.b');`, ""},
		{"TEXT SEARCH DICTIONARY", `CREATE TEXT SEARCH DICTIONARY b.d (TEMPLATE = a.t, dictionary = 'a.d');`, `CREATE TEXT SEARCH DICTIONARY b.d (TEMPLATE = "A 1".t, dictionary = 'a.d');`, "a string names schema a"},
		{"INDEX", `CREATE INDEX a ON a.a USING gin (a a.ops) WHERE (a = 'a'::a.mood);`, `CREATE INDEX a ON "A 1".a USING gin (a "A 1".ops) WHERE (a = 'a'::"A 1".mood);`, ""},
		{"CONSTRAINT", `ALTER TABLE ONLY a.t ADD CONSTRAINT e EXCLUDE USING gist (r WITH OPERATOR(a.&&));`, `ALTER TABLE ONLY "A 1".t ADD CONSTRAINT e EXCLUDE USING gist (r WITH OPERATOR("A 1".&&));`, ""},
		{"TRIGGER", `CREATE TRIGGER a AFTER UPDATE ON a.t FOR EACH ROW WHEN ((old.a IS DISTINCT FROM new.a)) EXECUTE FUNCTION a.f('x');`, `CREATE TRIGGER a AFTER UPDATE ON "A 1".t FOR EACH ROW WHEN ((old.a IS DISTINCT FROM new.a)) EXECUTE FUNCTION "A 1".f('x');`, ""},
		{"TRIGGER", `CREATE TRIGGER t BEFORE INSERT ON b.t FOR EACH ROW EXECUTE FUNCTION tsvector_update_trigger('v', 'a.english', 'x');`, "", "a string names schema a"},
		{"DATABASE PROPERTIES", `ALTER DATABASE d SET search_path TO 'a', '$user', 'b';`, `ALTER DATABASE d SET search_path TO 'A 1', '$user', 'b';`, ""},
		{"DATABASE PROPERTIES", `ALTER ROLE a IN DATABASE a SET search_path TO a, public;`, `ALTER ROLE a IN DATABASE a SET search_path TO "A 1", public;`, ""},
		{"DATABASE PROPERTIES", `ALTER DATABASE d SET default_text_search_config TO 'a.english';`, `ALTER DATABASE d SET default_text_search_config TO '"A 1".english';`, ""},
		{"STATISTICS", `CREATE STATISTICS a.s ON a, b FROM a.t;`, `CREATE STATISTICS "A 1".s ON a, b FROM "A 1".t;`, ""},

		// Functions.
		{"FUNCTION", "CREATE FUNCTION a.f(a a.t) RETURNS SETOF a.t LANGUAGE plpgsql SET search_path TO 'a', 'pg_temp' AS $$BEGIN a := 1; -- a.t\n END$$;",
			"CREATE FUNCTION \"A 1\".f(a \"A 1\".t) RETURNS SETOF \"A 1\".t LANGUAGE plpgsql SET search_path TO 'A 1', 'pg_temp' AS $$BEGIN a := 1; -- a.t\n END$$;", ""},
		{"FUNCTION", `CREATE FUNCTION b.f() RETURNS int LANGUAGE sql AS $$SELECT 1 FROM a.t$$;`, "", "the body names schema a"},
		{"FUNCTION", `CREATE FUNCTION b.f() RETURNS int LANGUAGE sql AS 'SELECT 1 FROM "a"."t"';`, "", "the body names schema a"},
		{"FUNCTION", `CREATE FUNCTION b.f() RETURNS int LANGUAGE plpgsql AS $$BEGIN EXECUTE 'SELECT ''x'' FROM a.t'; END$$;`, "", "the body names schema a"},
		{"FUNCTION", `CREATE FUNCTION b.f() RETURNS int LANGUAGE plpgsql AS $$BEGIN EXECUTE format('SELECT 1 FROM %I.t', 'a'); END$$;`, "", "the body names schema a"},
		{"FUNCTION", `CREATE FUNCTION b.f() RETURNS int LANGUAGE plpgsql AS $$BEGIN SET LOCAL search_path = b, a; END$$;`, "", "the body names schema a"},
		{"FUNCTION", `CREATE FUNCTION b.f() RETURNS int LANGUAGE plpython3u AS $$return plpy.execute("select * from a.t")$$;`, "", "the body names schema a"},
		{"FUNCTION", `CREATE FUNCTION b.f() RETURNS int LANGUAGE plpython3u AS $$return bab.a1$$;`, "", ""},
		{"FUNCTION", `CREATE FUNCTION b.f() RETURNS int LANGUAGE c AS '$libdir/a.so', 'a.f';`, "", ""},
		{"FUNCTION", `CREATE FUNCTION b.f(x text DEFAULT 'a.b'::text) RETURNS int LANGUAGE c AS '$libdir/a', 'f';`, "", "a string names schema a"},
		{"FUNCTION", `CREATE FUNCTION a.f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT t.a FROM a.t; SELECT a.g(1); END;`, `CREATE FUNCTION "A 1".f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT t.a FROM "A 1".t; SELECT "A 1".g(1); END;`, ""},
		{"FUNCTION", `CREATE FUNCTION b.a(x int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT a.x FROM b.t; END;`, "", "cannot be told from"},

		// Queries, where a.x may be a column.
		{"VIEW", `CREATE VIEW a.v AS SELECT x, a.f(y) AS z FROM a.t JOIN a.u ON ((t.x = u.x)) WHERE (z = 'a'::a.mood);`, `CREATE VIEW "A 1".v AS SELECT x, "A 1".f(y) AS z FROM "A 1".t JOIN "A 1".u ON ((t.x = u.x)) WHERE (z = 'a'::"A 1".mood);`, ""},
		{"VIEW", `CREATE VIEW b.v AS SELECT a.x FROM b.t a;`, "", "cannot be told from"},
		{"VIEW", `CREATE VIEW b.v AS SELECT a.x FROM b.a;`, "", "cannot be told from"},
		{"VIEW", `CREATE VIEW b.v AS WITH a AS (SELECT 1 AS x) SELECT a.x FROM a;`, "", "cannot be told from"},
		{"VIEW", `CREATE VIEW a.v AS SELECT x AS a FROM a.t;`, `CREATE VIEW "A 1".v AS SELECT x AS a FROM "A 1".t;`, ""},
		{"VIEW", `CREATE VIEW a.v AS SELECT t.a, EXTRACT(epoch FROM t.a) FROM (a.t LEFT JOIN a.u ON ((t.a = u.a))), a.w, LATERAL a.f(t.a) f(a) WHERE EXISTS (SELECT 1 FROM a.q);`,
			`CREATE VIEW "A 1".v AS SELECT t.a, EXTRACT(epoch FROM t.a) FROM ("A 1".t LEFT JOIN "A 1".u ON ((t.a = u.a))), "A 1".w, LATERAL "A 1".f(t.a) f(a) WHERE EXISTS (SELECT 1 FROM "A 1".q);`, ""},
		{"VIEW", `CREATE VIEW b.v AS SELECT EXTRACT(epoch FROM a.x) FROM b.t a;`, "", "cannot be told from"},
		{"VIEW", `CREATE VIEW b.v AS SELECT (a.x IS DISTINCT FROM a.y) FROM b.t a;`, "", "cannot be told from"},
		{"VIEW", `CREATE VIEW b.v AS SELECT a.* FROM b.t a;`, "", ""},
		{"VIEW", `CREATE VIEW b.v AS SELECT 1 FROM pg_namespace n WHERE (n.nspname = 'a'::name);`, "", "is the name of schema a"},
		{"VIEW", `CREATE VIEW b.v AS SELECT to_regclass('a.t'::text);`, "", "a string names schema a"},
		{"RULE", `CREATE RULE a AS ON INSERT TO a.v DO INSTEAD INSERT INTO a.t (a) VALUES (new.a);`, `CREATE RULE a AS ON INSERT TO "A 1".v DO INSTEAD INSERT INTO "A 1".t (a) VALUES (new.a);`, ""},
		{"POLICY", `CREATE POLICY a ON a.t TO a USING ((EXISTS ( SELECT 1 FROM a.u WHERE (u.a = t.a))));`, `CREATE POLICY a ON "A 1".t TO a USING ((EXISTS ( SELECT 1 FROM "A 1".u WHERE (u.a = t.a))));`, ""},
		{"PUBLICATION TABLE", `ALTER PUBLICATION a ADD TABLE ONLY a.a (a) WHERE ((a > 1));`, `ALTER PUBLICATION a ADD TABLE ONLY "A 1".a (a) WHERE ((a > 1));`, ""},
		{"A NEW KIND", `CREATE THING a.x;`, `CREATE THING "A 1".x;`, ""},
		{"TABLE", `CREATE TABLE U&"\0061".t ();`, "", "Unicode escapes"},
	} {
		want := test.want
		if want == "" {
			want = test.sql
		}
		e, unsafe := mappedEntry(t, m, toc.Entry{Kind: test.kind, Defn: test.sql})
		if e.Defn != want {
			t.Errorf("%s\n    %s\n is %s\nwant %s", test.kind, test.sql, e.Defn, want)
		}
		switch {
		case test.unsafeText == "" && len(unsafe) > 0:
			t.Errorf("%s: not safe: %v", test.sql, unsafe)
		case test.unsafeText != "" && len(unsafe) == 0:
			t.Errorf("%s: safe, want %q", test.sql, test.unsafeText)
		case test.unsafeText != "" && !strings.Contains(unsafe[0].Why, test.unsafeText):
			t.Errorf("%s: unsafe because %q, want %q", test.sql, unsafe[0].Why, test.unsafeText)
		}
	}
}

// TestRenameSwap: all names are changed at once.
func TestRenameSwap(t *testing.T) {
	m := Mapping{Schemas: map[string]string{"a": "b", "b": "a"}}
	e, _ := mappedEntry(t, m, toc.Entry{Tag: "t", Namespace: "b", Defn: "CREATE TABLE b.t (x a.m, y b.m);", Drop: toc.NewText("DROP TABLE b.t;\n"), Copy: "COPY b.t (x) FROM stdin;\n"})
	want := toc.Entry{ID: 1, Kind: toc.Table, Tag: "t", Namespace: "a", Defn: "CREATE TABLE a.t (x b.m, y a.m);", Drop: toc.NewText("DROP TABLE a.t;\n"), Copy: "COPY a.t (x) FROM stdin;\n"}
	if e.Namespace != want.Namespace || e.Defn != want.Defn || e.Drop != want.Drop || e.Copy != want.Copy {
		t.Errorf("got %+v\nwant %+v", *e, want)
	}
}

// TestRenameTag: the tags of entries that hold a schema, or a role.
func TestRenameTag(t *testing.T) {
	m := Mapping{Schemas: map[string]string{"a": "A 1"}, Owners: map[string]string{"r": "R 1"}}
	for _, test := range []struct {
		e    toc.Entry
		want string
	}{
		{toc.Entry{Kind: toc.Schema, Tag: "a"}, "A 1"},
		{toc.Entry{Kind: toc.Comment, Tag: "SCHEMA a"}, `SCHEMA "A 1"`},
		{toc.Entry{Kind: toc.Comment, Tag: `SCHEMA "a"`}, `SCHEMA "A 1"`},
		{toc.Entry{Kind: toc.ACL, Tag: "a", Defn: "GRANT USAGE ON SCHEMA a TO r;"}, "A 1"},
		{toc.Entry{Kind: toc.ACL, Tag: "TABLE a", Namespace: "a", Defn: "GRANT ALL ON TABLE a.a TO r;"}, "TABLE a"},
		{toc.Entry{Kind: toc.Function, Tag: "a(a.t, integer)", Namespace: "a"}, `a("A 1".t, integer)`},
		{toc.Entry{Kind: toc.Comment, Tag: "FUNCTION f(a.t)", Namespace: "a"}, `FUNCTION f("A 1".t)`},
		{toc.Entry{Kind: toc.Comment, Tag: "COLUMN a.a", Namespace: "a"}, `COLUMN a.a`},
		{toc.Entry{Kind: "CAST", Tag: "CAST (a.t AS text)"}, `CAST ("A 1".t AS text)`},
		{toc.Entry{Kind: "TRANSFORM", Tag: "TRANSFORM FOR a.t LANGUAGE l"}, `TRANSFORM FOR "A 1".t LANGUAGE l`},
		{toc.Entry{Kind: toc.PublicationTablesInSchema, Tag: "p a", Defn: "ALTER PUBLICATION p ADD TABLES IN SCHEMA a;"}, "p A 1"},
		{toc.Entry{Kind: "USER MAPPING", Tag: "USER MAPPING r SERVER s"}, "USER MAPPING R 1 SERVER s"},
		{toc.Entry{Kind: toc.Table, Tag: "a", Namespace: "a"}, "a"},
	} {
		if e, _ := mappedEntry(t, m, test.e); e.Tag != test.want {
			t.Errorf("%s %q: tag %q, want %q", test.e.Kind, test.e.Tag, e.Tag, test.want)
		}
	}
}

// TestMapOwner: role r becomes "R 1" wherever a role stands; tablespace s
// becomes "S 1".
func TestMapOwner(t *testing.T) {
	m := Mapping{Owners: map[string]string{"r": "R 1"}, Tablespaces: map[string]string{"s": "S 1"}}
	for _, test := range []struct {
		kind      toc.Kind
		sql, want string
	}{
		{"ACL", `GRANT ALL ON TABLE r.r TO r, PUBLIC, "r" WITH GRANT OPTION GRANTED BY r;`, `GRANT ALL ON TABLE r.r TO "R 1", PUBLIC, "R 1" WITH GRANT OPTION GRANTED BY "R 1";`},
		{"ACL", "SET SESSION AUTHORIZATION r;\nREVOKE SELECT(r) ON TABLE x.r FROM GROUP r;\nRESET SESSION AUTHORIZATION;", "SET SESSION AUTHORIZATION \"R 1\";\nREVOKE SELECT(r) ON TABLE x.r FROM GROUP \"R 1\";\nRESET SESSION AUTHORIZATION;"},
		{"DEFAULT ACL", `ALTER DEFAULT PRIVILEGES FOR ROLE r IN SCHEMA r REVOKE ALL ON TABLES FROM r;`, `ALTER DEFAULT PRIVILEGES FOR ROLE "R 1" IN SCHEMA r REVOKE ALL ON TABLES FROM "R 1";`},
		{"POLICY", `CREATE POLICY r ON x.r FOR SELECT TO r, CURRENT_USER USING ((r = 'r'::text));`, `CREATE POLICY r ON x.r FOR SELECT TO "R 1", CURRENT_USER USING ((r = 'r'::text));`},
		{"USER MAPPING", `CREATE USER MAPPING FOR r SERVER r OPTIONS ("user" 'r');`, `CREATE USER MAPPING FOR "R 1" SERVER r OPTIONS ("user" 'r');`},
		{"DATABASE PROPERTIES", `ALTER ROLE r IN DATABASE r SET role TO 'r';`, `ALTER ROLE "R 1" IN DATABASE r SET role TO 'R 1';`},
		{"SCHEMA", `CREATE SCHEMA r AUTHORIZATION r;`, `CREATE SCHEMA r AUTHORIZATION "R 1";`},
		{"TABLE", `CREATE TABLE r.t (r r.r DEFAULT 'r'::regrole);`, `CREATE TABLE r.t (r r.r DEFAULT '"R 1"'::regrole);`},
		{"FUNCTION", `CREATE FUNCTION r.f() RETURNS r.r LANGUAGE sql AS $$GRANT x TO r; ALTER TABLE t OWNER TO r$$;`, ""},
		{"DATABASE", `CREATE DATABASE s WITH TEMPLATE = template0 TABLESPACE = s;`, `CREATE DATABASE s WITH TEMPLATE = template0 TABLESPACE = "S 1";`},
		{"DATABASE PROPERTIES", `ALTER DATABASE s SET default_tablespace TO 's';`, `ALTER DATABASE s SET default_tablespace TO 'S 1';`},
		{"INDEX", `CREATE INDEX s ON x.s (s) TABLESPACE s;`, `CREATE INDEX s ON x.s (s) TABLESPACE "S 1";`},
		{"TABLE", `CREATE TABLE s.t (tablespace s);`, ""},
	} {
		want := test.want
		if want == "" {
			want = test.sql
		}
		e, unsafe := mappedEntry(t, m, toc.Entry{Kind: test.kind, Defn: test.sql, Owner: toc.NewText("r"), Tablespace: toc.NewText("s")})
		if e.Defn != want || len(unsafe) > 0 {
			t.Errorf("%s\n    %s\n is %s\nwant %s; unsafe: %v", test.kind, test.sql, e.Defn, want, unsafe)
		}
		if e.Owner.String != "R 1" || e.Tablespace.String != "S 1" {
			t.Errorf("owner %q, tablespace %q", e.Owner.String, e.Tablespace.String)
		}
	}
}

// TestMappingErrors: names that cannot be.
func TestMappingErrors(t *testing.T) {
	entries := func() *toc.Selected {
		return toc.Selection{}.Apply(archiveOf(t,
			&toc.Entry{ID: 1, Kind: toc.Schema, Tag: "a", Defn: "CREATE SCHEMA a;"},
			&toc.Entry{ID: 2, Kind: toc.Schema, Tag: "b", Defn: "CREATE SCHEMA b;"},
			&toc.Entry{ID: 3, Kind: toc.Table, Tag: "t", Namespace: "b", Defn: "CREATE TABLE b.t ();", Owner: toc.NewText("r")},
			&toc.Entry{ID: 4, Kind: toc.TableData, Tag: "t", Namespace: "b", HasDumper: true, Data: toc.DataLocated}))
	}
	for _, test := range []struct {
		m    Mapping
		want string
	}{
		{Mapping{Schemas: map[string]string{"A": "c"}}, `no schema "A" in the archive`},
		{Mapping{Owners: map[string]string{"a": "c"}}, `no role "a" in the archive`},
		{Mapping{Tablespaces: map[string]string{"a": "c"}}, `no tablespace "a" in the archive`},
		{Mapping{Schemas: map[string]string{"a": "b"}}, `the archive has a schema of that name`},
		{Mapping{Schemas: map[string]string{"a": "c", "b": "c"}}, `schemas "a" and "b" cannot both be called "c"`},
		{Mapping{Schemas: map[string]string{"a": "pg_x"}}, `belong to the server`},
		{Mapping{Schemas: map[string]string{"b": "c"}}, `TABLE DATA b.t (dump id 4), line 1: the data are INSERT commands`},
		{Mapping{Owners: map[string]string{"r": "x"}}, ""},
	} {
		_, _, err := test.m.Apply(entries())
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%v: %v", test.m, err)
		case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%v: error %v, want %q", test.m, err, test.want)
		}
	}
	var unsafe *UnsafeError
	if _, _, err := (Mapping{Schemas: map[string]string{"b": "c"}}).Apply(entries()); !errors.As(err, &unsafe) || unsafe.List[0].Entry.ID != 4 {
		t.Errorf("error %v, want an UnsafeError of entry 4", err)
	}
	data := entries()
	_, _, err := Mapping{Schemas: map[string]string{"b": "c"}}.Apply(toc.Selection{SchemaOnly: true}.Apply(data.TOC))
	if err != nil {
		t.Errorf("INSERT data that are not selected: %v", err)
	}
}

// TestRenamePublic: what stands for public is made as initdb makes that, and
// what becomes public is not made.
func TestRenamePublic(t *testing.T) {
	table := &toc.Entry{ID: 7, Kind: toc.Table, Tag: "t", Namespace: "public", Section: toc.SectionPreData, Defn: "CREATE TABLE public.t ();"}
	const made = "CREATE SCHEMA IF NOT EXISTS app;\nGRANT USAGE ON SCHEMA app TO PUBLIC;\n"
	m := Mapping{Schemas: map[string]string{"public": "app"}}
	for _, test := range []struct {
		name    string
		entries []*toc.Entry
		sel     toc.Selection
		want    string // definition of schema app; "": none
	}{
		{"no entry", []*toc.Entry{table}, toc.Selection{}, made},
		{"no entry, the schema selected", []*toc.Entry{table}, toc.Selection{Schemas: []string{"public"}}, made},
		{"no entry, data only", []*toc.Entry{table}, toc.Selection{DataOnly: true}, ""},
		{"not made", []*toc.Entry{{ID: 1, Kind: toc.Schema, Tag: "public", Defn: notMade, Drop: toc.NewText("")}, table}, toc.Selection{}, made},
		{"made", []*toc.Entry{{ID: 1, Kind: toc.Schema, Tag: "public", Defn: "CREATE SCHEMA public;\n"}, table}, toc.Selection{}, made},
	} {
		sel, _, err := m.Apply(test.sel.Apply(archiveOf(t, test.entries...)))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, e := range sel.Entries() {
			if e.Kind == toc.Schema {
				got += e.Defn
			}
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
	sel, _, err := Mapping{Schemas: map[string]string{"a": "public"}}.Apply(toc.Selection{}.Apply(archiveOf(t,
		&toc.Entry{ID: 1, Kind: toc.Schema, Tag: "a", Defn: "CREATE SCHEMA a;\n", Drop: toc.NewText("DROP SCHEMA a;\n")})))
	if err != nil {
		t.Fatal(err)
	}
	if e := sel.TOC.Lookup(1); e.Defn != notMade || e.Drop.String != notDropped {
		t.Errorf("a as public: %q, %q", e.Defn, e.Drop.String)
	}
}

// TestKeep: what is left of statements when roles do not exist.
func TestKeep(t *testing.T) {
	x := Existing{Roles: map[string]bool{"r": true}, Extensions: map[string]bool{"e": true}, Tablespaces: map[string]bool{"s": true}}
	for _, test := range []struct {
		e    toc.Entry
		want string // definition; "-": left out
		left string // names, joined
	}{
		{toc.Entry{Kind: toc.ACL, Defn: "GRANT ALL ON TABLE t TO r, no, PUBLIC;\nGRANT ALL ON TABLE t TO no;\n"}, "GRANT ALL ON TABLE t TO r, PUBLIC;\n", "no"},
		{toc.Entry{Kind: toc.ACL, Defn: "GRANT ALL ON TABLE t TO no;\n"}, "-", "no"},
		{toc.Entry{Kind: toc.ACL, Defn: "GRANT ALL ON TABLE t TO r;\n"}, "GRANT ALL ON TABLE t TO r;\n", ""},
		{toc.Entry{Kind: toc.ACL, Defn: "GRANT ALL ON TABLE t TO no, PUBLIC;\n"}, "GRANT ALL ON TABLE t TO PUBLIC;\n", "no"},
		{toc.Entry{Kind: toc.ACL, Defn: "GRANT ALL ON TABLE t TO r GRANTED BY no;\n"}, "GRANT ALL ON TABLE t TO r;\n", "no"},
		{toc.Entry{Kind: toc.ACL, Defn: "SET SESSION AUTHORIZATION no;\nGRANT ALL ON TABLE t TO r;\nRESET SESSION AUTHORIZATION;\n"}, "GRANT ALL ON TABLE t TO r;\nRESET SESSION AUTHORIZATION;\n", "no"},
		{toc.Entry{Kind: toc.DefaultACL, Owner: toc.NewText("no"), Defn: "ALTER DEFAULT PRIVILEGES FOR ROLE no GRANT ALL ON TABLES TO r;\n"}, "-", "no"},
		{toc.Entry{Kind: toc.Policy, Defn: "CREATE POLICY p ON t TO no, r USING (true);\n"}, "CREATE POLICY p ON t TO r USING (true);\n", "no"},
		{toc.Entry{Kind: toc.Policy, Defn: "CREATE POLICY p ON t TO no USING (true);\n"}, "-", "no"},
		{toc.Entry{Kind: "USER MAPPING", Defn: "CREATE USER MAPPING FOR no SERVER s;\n"}, "-", "no"},
		{toc.Entry{Kind: "USER MAPPING", Defn: "CREATE USER MAPPING FOR \"public\" SERVER s;\n"}, "CREATE USER MAPPING FOR \"public\" SERVER s;\n", ""},
		{toc.Entry{Kind: toc.Schema, Defn: "CREATE SCHEMA x AUTHORIZATION no;\n"}, "CREATE SCHEMA x;\n", "no"},
		{toc.Entry{Kind: toc.Table, Tag: "t", Owner: toc.NewText("no"), Drop: toc.NewText("DROP TABLE t;"), Defn: "CREATE TABLE t ();\n"}, "CREATE TABLE t ();\n", "no"},
		{toc.Entry{Kind: toc.Extension, Tag: "x", Defn: "CREATE EXTENSION x;\n"}, "-", "x"},
		{toc.Entry{Kind: toc.Extension, Tag: "e", Defn: "CREATE EXTENSION e;\n"}, "CREATE EXTENSION e;\n", ""},
		{toc.Entry{Kind: toc.Table, Tag: "t", Tablespace: toc.NewText("no"), Defn: "CREATE TABLE t ();\n"}, "CREATE TABLE t ();\n", "no"},
		{toc.Entry{Kind: toc.Database, Tag: "d", Defn: "CREATE DATABASE d TABLESPACE = no;\n"}, "CREATE DATABASE d ;\n", "no"},
	} {
		e := test.e
		e.ID = 1
		sel, left := x.Keep(toc.Selection{Create: true}.Apply(archiveOf(t, &e)))
		got := "-"
		if sel.Parts(1) != 0 {
			got = sel.TOC.Lookup(1).Defn
		}
		var names []string
		for _, l := range left {
			names = append(names, l.Name)
		}
		if got != test.want || strings.Join(names, " ") != test.left {
			t.Errorf("%s %q: %q, left out %q; want %q, %q", e.Kind, e.Defn, got, names, test.want, test.left)
		}
		if kept := sel.TOC.Lookup(1); sel.Parts(1) != 0 && (kept.Owner.String == "no" || kept.Tablespace.String == "no") {
			t.Errorf("%s: owner %q, tablespace %q", e.Kind, kept.Owner.String, kept.Tablespace.String)
		}
	}
	ext := &toc.Entry{ID: 1, Kind: toc.Extension, Tag: "x", Defn: "CREATE EXTENSION x;\n"}
	comment := &toc.Entry{ID: 2, Kind: toc.Comment, Tag: "EXTENSION x", Deps: []toc.DumpID{1}, Defn: "COMMENT ON EXTENSION x IS '';\n"}
	if sel, _ := x.Keep(toc.Selection{}.Apply(archiveOf(t, ext, comment))); len(sel.Entries()) != 0 {
		t.Errorf("%d entries left of an extension and its comment", len(sel.Entries()))
	}
}

// FuzzMapping: no definition stops a mapping, and what names nothing of the old
// name is not changed.
func FuzzMapping(f *testing.F) {
	for _, s := range []string{"CREATE VIEW a.v AS SELECT a.x FROM b.t a", "CREATE FUNCTION a.f() AS $$a.b 'x", "GRANT x TO a, GROUP b", "SELECT setval('a.s'", "SET search_path TO 'a', a"} {
		for _, kind := range []string{"VIEW", "FUNCTION", "ACL", "SEQUENCE SET", "STATISTICS DATA", "POLICY"} {
			f.Add(kind, s, true)
		}
	}
	f.Fuzz(func(t *testing.T, kind, sql string, std bool) {
		if toc.Kind(kind).Info().Special {
			return
		}
		tt := archiveOf(t, &toc.Entry{ID: 1, Kind: toc.Kind(kind), Tag: "x", Namespace: "a", Owner: toc.NewText("a"), Tablespace: toc.NewText("a"), Defn: sql})
		tt.StdStrings = std
		sel := toc.Selection{Create: true}.Apply(tt)
		names := map[string]string{"a": "b c"}
		changed, _, err := Mapping{Schemas: names, Owners: names, Tablespaces: names, KeepUnsafe: true}.Apply(sel)
		if err != nil {
			t.Fatal(err)
		}
		if got := changed.TOC.Lookup(1).Defn; got != sql && !strings.ContainsAny(sql, "aA") {
			t.Errorf("%q became %q", sql, got)
		}
		Existing{Roles: map[string]bool{}, Extensions: map[string]bool{}, Tablespaces: map[string]bool{}}.Keep(changed)
	})
}
