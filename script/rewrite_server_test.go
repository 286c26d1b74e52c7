package script_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/internal/pgscratch"
	"github.com/pgarc/pgarc/internal/pgscratch/scratchtest"
	"github.com/pgarc/pgarc/script"
	"github.com/pgarc/pgarc/toc"
)

// A session runs SQL in a database of a test. Its methods fail the test.
type session struct {
	*pgconn.PgConn
	t *testing.T
}

func connect(t *testing.T, s *pgscratch.Server, db string) session {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), s.ConnString(db))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return session{conn, t}
}

func (c session) try(sql string) error {
	_, err := c.Exec(c.t.Context(), sql).ReadAll()
	return err
}

func (c session) exec(statements ...string) {
	c.t.Helper()
	for _, sql := range statements {
		if err := c.try(sql); err != nil {
			c.t.Fatalf("%v in\n%s", err, sql)
		}
	}
}

// rows returns the rows of a query, their values joined by tabs.
func (c session) rows(sql string) []string {
	c.t.Helper()
	results, err := c.Exec(c.t.Context(), sql).ReadAll()
	if err != nil {
		c.t.Fatalf("%v in\n%.100s…", err, sql)
	}
	var list []string
	for _, r := range results {
		for _, row := range r.Rows {
			var line []string
			for _, v := range row {
				line = append(line, string(v))
			}
			list = append(list, strings.Join(line, "\t"))
		}
	}
	return list
}

// inSteps returns the statements into which an entry's definition is taken
// apart. They are nil if it is not, or if the end state would not be the same.
func (c session) inSteps(kind toc.Kind, defn string, stdStrings bool, major int) []string {
	then := func(list []string, ups []script.FollowUp) []string {
		for _, u := range ups {
			list = append(list, u.SQL)
		}
		return list
	}
	switch kind {
	case toc.Constraint:
		if k, ok := script.SplitKey(defn, stdStrings); ok && !c.is(k.Table, "relkind = 'p'") &&
			!(k.Primary && major >= 18 && c.is(k.Table, "oid IN (SELECT inhrelid FROM pg_catalog.pg_inherits)")) {
			return then([]string{k.Index, k.Attach}, k.Then)
		}
	case toc.FKConstraint:
		if fk, ok := script.SplitForeignKey(defn, stdStrings); ok && (major >= 18 || !c.is(fk.Child, "relkind = 'p'") && !c.is(fk.Parent, "relkind = 'p'")) {
			return []string{fk.Add, fk.Validate}
		}
	case toc.Index:
		if x, ok := script.SplitIndex(defn, stdStrings); ok {
			return then([]string{x.Create}, x.Then)
		}
	}
	return nil
}

// is reports whether a condition is true of a relation's pg_class row.
func (c session) is(r script.RelationName, condition string) bool {
	name := script.Literal(script.Qualified(r.Schema, r.Name), true)
	return len(c.rows("SELECT FROM pg_catalog.pg_class WHERE oid = pg_catalog.to_regclass("+name+") AND "+condition)) > 0
}

// TestStepsOfArchives makes the schema of an archive twice, once with its own
// statements and once in steps, and compares the catalogs.
func TestStepsOfArchives(t *testing.T) {
	scratchtest.EachServer(t, func(t *testing.T, s *pgscratch.Server) {
		major := s.Binaries().Major
		names := []string{"9.5/newline", fmt.Sprintf("%d/c-gzip", max(15, major))}
		if major == 15 {
			names = append(names, "9.5/c-gzip")
		}
		for _, name := range names {
			a, err := archive.Open(fixtures.Get(t, name).Path)
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			whole, steps := connect(t, s, scratchtest.Database(t, s)), connect(t, s, scratchtest.Database(t, s))
			_, wholeFailed := makeSchema(whole, a.TOC, false, major)
			n, stepsFailed := makeSchema(steps, a.TOC, true, major)
			if n < 2 {
				t.Errorf("%s: only %d definitions were run in steps", name, n)
			}
			if !slices.Equal(stepsFailed, wholeFailed) {
				t.Errorf("%s: in steps there failed %q, else %q", name, stepsFailed, wholeFailed)
			}
			sameCatalog(t, name, steps, whole)
		}
	})
}

// makeSchema runs an archive's definitions, those that are recognised in
// steps if asked for. It returns how many these were, and which definitions
// the server does not take.
func makeSchema(c session, x *toc.TOC, steps bool, major int) (n int, failed []string) {
	c.exec("SET check_function_bodies = off", "SET client_min_messages = error", "SET client_encoding = '"+x.Encoding+"'", "SET search_path = ''")
	var state script.State
	o := script.Options{NoOwner: true}
	for _, e := range (toc.Selection{SchemaOnly: true, NoPrivileges: true}).Apply(x).Entries() {
		statements, err := script.Create(x, e, o)
		if err != nil {
			c.t.Fatal(err)
		}
		if list := c.inSteps(e.Kind, e.Defn, x.StdStrings, major); steps && list != nil {
			n++
			statements = list
		}
		for _, sql := range slices.Concat(state.Before(x, e, o), statements) {
			if err := c.try(sql); err != nil {
				failed = append(failed, fmt.Sprintf("%s %s: %v", e.Kind, e.Tag, err))
				break
			}
		}
	}
	return n, failed
}

// variants are definitions that pg_dump could write and the fixtures do not
// have. The order matters: foreign keys need keys.
var variants = []struct {
	kind         toc.Kind
	defn         string
	since        int // the first version that knows it
	inStepsSince int
}{
	{toc.Constraint, "ALTER TABLE ONLY v.a ADD CONSTRAINT a_pk PRIMARY KEY (id);\n\nALTER TABLE v.a CLUSTER ON a_pk;\n\nALTER TABLE ONLY v.a REPLICA IDENTITY USING INDEX a_pk;\n", 0, 0},
	{toc.Constraint, "ALTER TABLE ONLY v.a ADD CONSTRAINT a_deferred UNIQUE (y, x) DEFERRABLE INITIALLY DEFERRED;", 0, 0},
	{toc.Constraint, "ALTER TABLE ONLY v.a ADD CONSTRAINT a_deferrable UNIQUE (x) DEFERRABLE;", 0, 0},
	{toc.Constraint, "ALTER TABLE ONLY v.a ADD CONSTRAINT a_now UNIQUE (x, y) NOT DEFERRABLE INITIALLY IMMEDIATE;", 0, 0},
	{toc.Constraint, "ALTER TABLE ONLY v.a ADD CONSTRAINT a_include UNIQUE (name, x) INCLUDE (y, doc) WITH (fillfactor='70', deduplicate_items='off');", 0, 0},
	{toc.Constraint, "ALTER TABLE ONLY v.a ADD CONSTRAINT a_nulls UNIQUE NULLS NOT DISTINCT (x) INCLUDE (y);", 15, 0},
	{toc.Constraint, "ALTER TABLE ONLY v.a ADD CONSTRAINT a_distinct UNIQUE NULLS DISTINCT (x, name);", 15, 0},
	{toc.Constraint, "ALTER TABLE ONLY v.a ADD CONSTRAINT a_space UNIQUE (x, id) USING INDEX TABLESPACE steps;", 15, 0},
	{toc.Constraint, `ALTER TABLE ONLY v."b c.""d"" (" ADD CONSTRAINT "key; ☃ ""k"" (" PRIMARY KEY ("select", "a,b");`, 0, 0},
	{toc.Constraint, "ALTER TABLE ONLY v.nullable ADD CONSTRAINT nullable_pk PRIMARY KEY (id, other);", 0, 0},
	{toc.Constraint, "ALTER TABLE ONLY v.parent ADD CONSTRAINT parent_pk PRIMARY KEY (id);", 0, 0},
	{toc.Constraint, "ALTER TABLE ONLY v.child ADD CONSTRAINT child_key UNIQUE (id);\n\nALTER INDEX v.child_key DEPENDS ON EXTENSION plpgsql;\n", 0, 0},
	{toc.Constraint, "ALTER TABLE ONLY here ADD CONSTRAINT here_pk PRIMARY KEY (id);", 0, 0},
	{toc.Constraint, "ALTER TABLE ONLY v.logless ADD CONSTRAINT logless_pk PRIMARY KEY (id);", 0, 0},
	{toc.Index, "CREATE INDEX a_expr ON v.a USING btree (lower(name), ((doc || ';')));\nALTER INDEX v.a_expr ALTER COLUMN 1 SET STATISTICS 10;\nALTER INDEX v.a_expr ALTER COLUMN 2 SET STATISTICS 500;\n", 0, 0},
	{toc.Index, "CREATE INDEX a_where ON v.a USING btree (x DESC NULLS LAST) INCLUDE (y) WITH (fillfactor='50') WHERE (doc <> ');'::text);\n\nALTER INDEX v.a_where DEPENDS ON EXTENSION plpgsql;\n", 0, 0},
	{toc.Index, "CREATE UNIQUE INDEX here_unique ON here USING btree (other);\n\nALTER TABLE here CLUSTER ON here_unique;\n\nALTER TABLE ONLY here REPLICA IDENTITY USING INDEX here_unique;\n", 0, 0},
	{toc.Index, "CREATE INDEX parts_other ON ONLY v.parts USING btree (other);\n", 0, 0},
	{toc.FKConstraint, "ALTER TABLE ONLY v.child ADD CONSTRAINT fk_full FOREIGN KEY (x, y) REFERENCES v.a(x, y) MATCH FULL ON UPDATE CASCADE ON DELETE RESTRICT;", 0, 0},
	{toc.FKConstraint, "ALTER TABLE ONLY v.child ADD CONSTRAINT fk_deferred FOREIGN KEY (x) REFERENCES v.a(id) ON UPDATE SET NULL ON DELETE SET DEFAULT DEFERRABLE INITIALLY DEFERRED;", 0, 0},
	{toc.FKConstraint, "ALTER TABLE ONLY v.child ADD CONSTRAINT fk_deferrable FOREIGN KEY (x) REFERENCES v.a DEFERRABLE;", 0, 0},
	{toc.FKConstraint, "ALTER TABLE ONLY v.child ADD CONSTRAINT fk_columns FOREIGN KEY (x, y) REFERENCES v.a(x, y) ON DELETE SET NULL (y);", 15, 0},
	{toc.FKConstraint, "ALTER TABLE ONLY v.child ADD CONSTRAINT fk_self FOREIGN KEY (up) REFERENCES v.child(id);", 0, 0},
	{toc.FKConstraint, `ALTER TABLE ONLY v.child ADD CONSTRAINT "fk ""odd"" ; (" FOREIGN KEY (x, y) REFERENCES v."b c.""d"" ("("select", "a,b");`, 0, 0},
	{toc.FKConstraint, "ALTER TABLE ONLY here ADD CONSTRAINT fk_here FOREIGN KEY (other) REFERENCES here(id);", 0, 0},
	{toc.FKConstraint, "ALTER TABLE ONLY v.child ADD CONSTRAINT fk_to_parts FOREIGN KEY (x) REFERENCES v.parts(id);", 0, 18},
	{toc.FKConstraint, "ALTER TABLE v.parts ADD CONSTRAINT fk_of_parts FOREIGN KEY (other) REFERENCES v.a(id) ON DELETE CASCADE;", 0, 18},
	{toc.FKConstraint, "ALTER TABLE v.parts ADD CONSTRAINT fk_parts_to_parts FOREIGN KEY (other) REFERENCES v.parts(id);", 0, 18},
	{toc.FKConstraint, "ALTER TABLE ONLY v.stay ADD CONSTRAINT fk_period FOREIGN KEY (room, PERIOD during) REFERENCES v.room(id, PERIOD open);", 18, 0},
}

// variantTables are the tables of the variants, with some rows.
const variantTables = `
	CREATE SCHEMA v;
	CREATE TABLE v.a (id integer NOT NULL, x integer, y integer, name text COLLATE "C", doc text);
	CREATE TABLE v."b c.""d"" (" ("select" integer NOT NULL, "a,b" integer NOT NULL);
	CREATE TABLE v.nullable (other text, gone text, id integer);
	ALTER TABLE v.nullable DROP COLUMN gone;
	CREATE TABLE v.parent (id integer NOT NULL);
	CREATE TABLE v.child (up integer, x integer, y integer) INHERITS (v.parent);
	CREATE UNLOGGED TABLE v.logless (id bigint NOT NULL);
	CREATE TABLE v.here (id integer NOT NULL, other integer NOT NULL);
	CREATE TABLE v.parts (id integer, other integer, PRIMARY KEY (id)) PARTITION BY RANGE (id);
	CREATE TABLE v.parts_low PARTITION OF v.parts FOR VALUES FROM (0) TO (100);
	CREATE TABLE v.parts_high PARTITION OF v.parts FOR VALUES FROM (100) TO (200) PARTITION BY RANGE (id);
	CREATE TABLE v.parts_high_1 PARTITION OF v.parts_high FOR VALUES FROM (100) TO (200);
	INSERT INTO v.a SELECT i, i, i, i, i FROM generate_series(1, 50) i;
	INSERT INTO v."b c.""d"" (" SELECT i, i FROM generate_series(1, 50) i;
	INSERT INTO v.nullable SELECT i, i FROM generate_series(1, 50) i;
	INSERT INTO v.parts SELECT i, 1 FROM generate_series(1, 150) i;
	INSERT INTO v.child SELECT i, 1, i, i FROM generate_series(1, 50) i;
	INSERT INTO v.here SELECT i, i FROM generate_series(1, 50) i;`

const variantTables18 = `
	CREATE TABLE v.room (id int4range, open daterange, PRIMARY KEY (id, open WITHOUT OVERLAPS));
	CREATE TABLE v.stay (room int4range, during daterange);
	INSERT INTO v.room VALUES ('[1,2)', '[2026-01-01,2026-12-31)');
	INSERT INTO v.stay VALUES ('[1,2)', '[2026-02-01,2026-03-01)');`

// TestStepsOfVariants does the same for written definitions, and on a
// tablespace of their own.
func TestStepsOfVariants(t *testing.T) {
	scratchtest.EachServer(t, func(t *testing.T, s *pgscratch.Server) {
		major := s.Binaries().Major
		whole, steps := connect(t, s, scratchtest.Database(t, s)), connect(t, s, scratchtest.Database(t, s))
		if major >= 15 { // a tablespace in the server's own folder
			whole.exec("SET allow_in_place_tablespaces = on", "CREATE TABLESPACE steps LOCATION ''")
		}
		for _, c := range []session{whole, steps} {
			c.exec("SET client_min_messages = error", variantTables, "SET search_path = v")
			if major >= 18 {
				c.exec(variantTables18)
			}
		}
		for _, v := range variants {
			if v.since > major {
				continue
			}
			whole.exec(v.defn)
			list := steps.inSteps(v.kind, v.defn, true, major)
			if (list == nil) != (major < v.inStepsSince) {
				t.Errorf("run in steps: %t, which it should be since PostgreSQL %d\n%s", list != nil, v.inStepsSince, v.defn)
			}
			if list == nil {
				list = []string{v.defn}
			}
			steps.exec(list...)
			sameCatalog(t, v.defn, steps, whole)
		}
	})
}

// TestStepsTablespace: default_tablespace goes for the index of a key as for
// the key.
func TestStepsTablespace(t *testing.T) {
	scratchtest.EachServer(t, func(t *testing.T, s *pgscratch.Server) {
		if s.Binaries().Major < 15 {
			t.Skip("a tablespace in the server's own folder needs PostgreSQL 15")
		}
		whole, steps := connect(t, s, scratchtest.Database(t, s)), connect(t, s, scratchtest.Database(t, s))
		whole.exec("SET allow_in_place_tablespaces = on", "CREATE TABLESPACE default_steps LOCATION ''")
		const key = "ALTER TABLE ONLY public.t ADD CONSTRAINT k PRIMARY KEY (id);"
		for _, c := range []session{whole, steps} {
			c.exec("CREATE TABLE public.t (id integer NOT NULL)", "SET default_tablespace = default_steps")
		}
		whole.exec(key)
		steps.exec(steps.inSteps(toc.Constraint, key, true, s.Binaries().Major)...)
		sameCatalog(t, key, steps, whole)
		if got := steps.rows("SELECT spcname FROM pg_class c JOIN pg_tablespace s ON s.oid = reltablespace WHERE relname = 'k'"); len(got) != 1 || got[0] != "default_steps" {
			t.Errorf("the index is in tablespace %q", got)
		}
	})
}

// TestStepsNotSame shows why some definitions must not be run in steps: the
// servers refuse that, or the catalog is another one afterwards.
func TestStepsNotSame(t *testing.T) {
	const primaryKey = "ALTER TABLE ONLY v.parts_low ADD CONSTRAINT parts_low_key PRIMARY KEY (id);"
	const foreignKey = "ALTER TABLE ONLY v.child ADD CONSTRAINT fk_to_parts FOREIGN KEY (x) REFERENCES v.parts(id);"
	const ofParts = "ALTER TABLE v.parts ADD CONSTRAINT fk_of_parts FOREIGN KEY (other) REFERENCES v.parts(id);"
	scratchtest.EachServer(t, func(t *testing.T, s *pgscratch.Server) {
		c := connect(t, s, scratchtest.Database(t, s))
		c.exec("SET client_min_messages = error", variantTables)
		refused := func(sql, why string) {
			t.Helper()
			if err := c.try(sql); err == nil || !strings.Contains(err.Error(), why) {
				t.Errorf("%s: %v, want %q", sql, err, why)
			}
		}
		key, _ := script.SplitKey("ALTER TABLE ONLY v.parts ADD CONSTRAINT parts_key UNIQUE (id);", true)
		c.exec(key.Index)
		refused(key.Attach, "not supported on partitioned tables")

		fk, _ := script.SplitForeignKey(foreignKey, true)
		c.exec(fk.Add, fk.Validate)
		notValid := len(c.rows("SELECT FROM pg_constraint WHERE NOT convalidated"))
		ofParts, _ := script.SplitForeignKey(ofParts, true)
		if s.Binaries().Major < 18 {
			if notValid != 3 {
				t.Errorf("%d constraints are not valid, want 3, of the partitions", notValid)
			}
			refused(ofParts.Add, "cannot add NOT VALID foreign key on partitioned table")
			return
		}
		if notValid != 0 {
			t.Errorf("%d constraints are not valid, want none", notValid)
		}
		c.exec(ofParts.Add)

		c.exec("ALTER TABLE v.parts DROP CONSTRAINT parts_pkey CASCADE")
		key, _ = script.SplitKey(primaryKey, true)
		local := "SELECT conislocal FROM pg_constraint WHERE conrelid = 'v.parts_low'::regclass AND contype = 'n'"
		before := c.rows(local)
		c.exec(key.Index, key.Attach)
		if after := c.rows(local); strings.Join(before, "") != "f" || strings.Join(after, "") != "t" {
			t.Errorf("conislocal was %q and is %q, want f, then t", before, after)
		}
	})
}

// sameCatalog compares what two databases' catalogs have about constraints,
// indexes, their columns, triggers, and how these depend on each other.
func sameCatalog(t *testing.T, what string, got, want session) {
	t.Helper()
	g, w := got.rows(catalog), want.rows(catalog)
	slices.Sort(g)
	slices.Sort(w)
	if len(w) < 8 {
		t.Errorf("%s: the catalog has only\n%s", what, strings.Join(w, "\n"))
	}
	if slices.Equal(g, w) {
		return
	}
	var b strings.Builder
	for _, l := range script.DiffSQL(strings.Join(w, "\n"), strings.Join(g, "\n")) {
		if l.Op != ' ' {
			fmt.Fprintf(&b, "%c%s\n", l.Op, l.Text)
		}
	}
	t.Fatalf("%s: in steps (+) the catalog differs from the whole's (-):\n%s", what, b.String())
}

// catalog leaves out OIDs, and what is made of them: names of internal
// triggers, and expressions, which pg_get_indexdef shows.
const catalog = `
	BEGIN;
	SET LOCAL search_path = '';
	SELECT 'constraint', conrelid::regclass, conname, conindid::regclass, confrelid::regclass, (SELECT p.conname FROM pg_catalog.pg_constraint p WHERE p.oid = c.conparentid),
		pg_catalog.pg_get_constraintdef(oid), pg_catalog.to_jsonb(c) - '{oid,connamespace,conrelid,contypid,conindid,conparentid,confrelid,conbin,conexclop,conpfeqop,conppeqop,conffeqop}'::text[]
	FROM pg_catalog.pg_constraint c WHERE oid >= 16384;
	SELECT 'index', indexrelid::regclass, indrelid::regclass, pg_catalog.pg_get_indexdef(indexrelid),
		pg_catalog.to_jsonb(i) - '{indexrelid,indrelid,indcollation,indclass,indexprs,indpred}'::text[]
	FROM pg_catalog.pg_index i WHERE indexrelid >= 16384 AND indrelid::regclass::text NOT LIKE 'pg_toast.%';
	SELECT 'relation', c.oid::regclass, relkind, amname, spcname, reloptions, relpersistence, relhasindex, relreplident, relispartition, relhastriggers, relchecks, relowner::regrole
	FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_tablespace s ON s.oid = reltablespace
	LEFT JOIN pg_catalog.pg_am a ON a.oid = relam WHERE c.oid >= 16384 AND relkind IN ('r', 'p', 'i', 'I') AND relnamespace <> 'pg_toast'::regnamespace;
	SELECT 'column', attrelid::regclass, attnum, attname, attnotnull, atttypid::regtype, attstattarget
	FROM pg_catalog.pg_attribute JOIN pg_catalog.pg_class c ON c.oid = attrelid WHERE c.oid >= 16384 AND relkind IN ('r', 'p', 'i', 'I') AND attnum > 0 AND relnamespace <> 'pg_toast'::regnamespace;
	SELECT 'trigger', tgrelid::regclass, (SELECT conname FROM pg_catalog.pg_constraint c WHERE c.oid = tgconstraint), tgfoid::regproc, tgtype, tgenabled, tgisinternal,
		tgconstrrelid::regclass, tgconstrindid::regclass, tgdeferrable, tginitdeferred, tgattr, tgparentid <> 0
	FROM pg_catalog.pg_trigger;
	SELECT 'depends', x || ' ' || deptype::text || ' ' || y FROM pg_catalog.pg_depend,
		pg_catalog.regexp_replace(pg_catalog.pg_describe_object(classid, objid, objsubid), '((RI|Unique)_ConstraintTrigger[_ac]*)_\d+', '\1') x,
		pg_catalog.regexp_replace(pg_catalog.pg_describe_object(refclassid, refobjid, refobjsubid), '((RI|Unique)_ConstraintTrigger[_ac]*)_\d+', '\1') y
	WHERE objid >= 16384 AND classid IN ('pg_class'::regclass, 'pg_constraint'::regclass, 'pg_trigger'::regclass) AND x || y NOT LIKE '%pg_toast.%';
	SELECT 'comment', pg_catalog.pg_describe_object(classoid, objoid, objsubid), description FROM pg_catalog.pg_description WHERE objoid >= 16384;
	COMMIT;`
