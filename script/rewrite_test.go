package script

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestSplitKey(t *testing.T) {
	for _, test := range []struct {
		name, defn    string
		index, attach string // empty: not recognised
		then          []FollowUp
	}{
		{"primary key", "ALTER TABLE ONLY public.tags\n    ADD CONSTRAINT tags_pkey PRIMARY KEY (id);\n",
			"CREATE UNIQUE INDEX tags_pkey ON public.tags USING btree (id);",
			"ALTER TABLE ONLY public.tags ADD CONSTRAINT tags_pkey PRIMARY KEY USING INDEX tags_pkey;", nil},
		{"no semicolon, no schema", "ALTER TABLE ONLY t ADD CONSTRAINT k UNIQUE (a, b)",
			"CREATE UNIQUE INDEX k ON t USING btree (a, b);", "ALTER TABLE ONLY t ADD CONSTRAINT k UNIQUE USING INDEX k;", nil},
		{"everything", "ALTER TABLE ONLY s.t ADD CONSTRAINT k UNIQUE NULLS NOT DISTINCT (a, b) INCLUDE (c, d) WITH (fillfactor='70', deduplicate_items=off) USING INDEX TABLESPACE ts DEFERRABLE INITIALLY DEFERRED;",
			"CREATE UNIQUE INDEX k ON s.t USING btree (a, b) INCLUDE (c, d) NULLS NOT DISTINCT WITH (fillfactor='70', deduplicate_items=off) TABLESPACE ts;",
			"ALTER TABLE ONLY s.t ADD CONSTRAINT k UNIQUE USING INDEX k DEFERRABLE INITIALLY DEFERRED;", nil},
		{"not deferrable", "ALTER TABLE ONLY t ADD CONSTRAINT k PRIMARY KEY (a) NOT DEFERRABLE INITIALLY IMMEDIATE;",
			"CREATE UNIQUE INDEX k ON t USING btree (a);", "ALTER TABLE ONLY t ADD CONSTRAINT k PRIMARY KEY USING INDEX k NOT DEFERRABLE INITIALLY IMMEDIATE;", nil},
		{"quoted names", `ALTER TABLE ONLY "a.b ""c"""."primary key (" ADD CONSTRAINT "x); ☃" PRIMARY KEY ("select", "a,b", "USING") INCLUDE ("INCLUDE");`,
			`CREATE UNIQUE INDEX "x); ☃" ON "a.b ""c"""."primary key (" USING btree ("select", "a,b", "USING") INCLUDE ("INCLUDE");`,
			`ALTER TABLE ONLY "a.b ""c"""."primary key (" ADD CONSTRAINT "x); ☃" PRIMARY KEY USING INDEX "x); ☃";`, nil},
		{"follow-ups", "ALTER TABLE ONLY s.t\n    ADD CONSTRAINT k PRIMARY KEY (a);\n\nALTER TABLE s.t CLUSTER ON k;\n\nALTER TABLE ONLY s.t REPLICA IDENTITY USING INDEX k;\n\nALTER INDEX s.k DEPENDS ON EXTENSION cube;\n",
			"CREATE UNIQUE INDEX k ON s.t USING btree (a);", "ALTER TABLE ONLY s.t ADD CONSTRAINT k PRIMARY KEY USING INDEX k;",
			[]FollowUp{{ClusterOn, "ALTER TABLE s.t CLUSTER ON k;"}, {ReplicaIdentity, "ALTER TABLE ONLY s.t REPLICA IDENTITY USING INDEX k;"}, {DependsOnExtension, "ALTER INDEX s.k DEPENDS ON EXTENSION cube;"}}},

		{"without ONLY", "ALTER TABLE s.t ADD CONSTRAINT k PRIMARY KEY (a);", "", "", nil},
		{"without overlaps", "ALTER TABLE ONLY s.t ADD CONSTRAINT k PRIMARY KEY (a, b WITHOUT OVERLAPS);", "", "", nil},
		{"exclude", "ALTER TABLE ONLY s.t ADD CONSTRAINT k EXCLUDE USING gist (a WITH =);", "", "", nil},
		{"not null", "ALTER TABLE s.t ADD CONSTRAINT k NOT NULL a NOT VALID;", "", "", nil},
		{"a check beside", "ALTER TABLE ONLY t ADD CONSTRAINT k PRIMARY KEY (a), ADD CHECK (a > 0);", "", "", nil},
		{"nulls in a primary key", "ALTER TABLE ONLY t ADD CONSTRAINT k PRIMARY KEY NULLS NOT DISTINCT (a);", "", "", nil},
		{"index already there", "ALTER TABLE ONLY t ADD CONSTRAINT k PRIMARY KEY USING INDEX k;", "", "", nil},
		{"cluster on another index", "ALTER TABLE ONLY s.t ADD CONSTRAINT k PRIMARY KEY (a); ALTER TABLE s.t CLUSTER ON l;", "", "", nil},
		{"cluster another table", "ALTER TABLE ONLY s.t ADD CONSTRAINT k PRIMARY KEY (a); ALTER TABLE s.u CLUSTER ON k;", "", "", nil},
		{"another statement", "ALTER TABLE ONLY s.t ADD CONSTRAINT k PRIMARY KEY (a); SELECT 1;", "", "", nil},
		{"a comment", "ALTER TABLE ONLY s.t ADD CONSTRAINT k PRIMARY KEY (a); -- why", "", "", nil},
		{"an open name", `ALTER TABLE ONLY s.t ADD CONSTRAINT k PRIMARY KEY (a) USING INDEX TABLESPACE "x""`, "", "", nil},
		{"a keyword for a name", "ALTER TABLE ONLY s.t ADD CONSTRAINT concurrently PRIMARY KEY (a);", "", "", nil},
	} {
		k, ok := SplitKey(test.defn, true)
		if k.Index != test.index || k.Attach != test.attach || !reflect.DeepEqual(k.Then, test.then) || ok != (test.index != "") {
			t.Errorf("%s: SplitKey(%q) = %t\n%s\n%s\n%v\nwant\n%s\n%s\n%v", test.name, test.defn, ok, k.Index, k.Attach, k.Then, test.index, test.attach, test.then)
		}
	}
}

func TestSplitForeignKey(t *testing.T) {
	ab := func(names ...string) []string { return names }
	for _, test := range []struct {
		defn string // without "ALTER TABLE ONLY s.c ADD CONSTRAINT k FOREIGN KEY "
		want ForeignKey
	}{
		{"(a) REFERENCES s.p(id);\n", ForeignKey{ChildColumns: ab("a"), ParentColumns: ab("id")}},
		{"(a, b) REFERENCES s.p(id, x) MATCH FULL ON UPDATE CASCADE ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED",
			ForeignKey{ChildColumns: ab("a", "b"), ParentColumns: ab("id", "x"), MatchFull: true}},
		{"(a, b) REFERENCES s.p(id, x) ON DELETE SET NULL (b);", ForeignKey{ChildColumns: ab("a", "b"), ParentColumns: ab("id", "x")}},
		{"(a) REFERENCES s.p(id) ON UPDATE SET DEFAULT ON DELETE SET DEFAULT NOT DEFERRABLE;", ForeignKey{ChildColumns: ab("a"), ParentColumns: ab("id")}},
		{"(a) REFERENCES s.p MATCH SIMPLE ON DELETE NO ACTION INITIALLY IMMEDIATE;", ForeignKey{ChildColumns: ab("a")}},
		{"(a, PERIOD b) REFERENCES s.p(id, PERIOD during);", ForeignKey{ChildColumns: ab("a", "b"), ParentColumns: ab("id", "during"), Period: true}},
		{`(PERIOD "period") REFERENCES s.p(PERIOD period);`, ForeignKey{ChildColumns: ab("period"), ParentColumns: ab("period"), Period: true}},
		{`(a, period) REFERENCES s.p("period", b);`, ForeignKey{ChildColumns: ab("a", "period"), ParentColumns: ab("period", "b")}},
		{`("A ""b"" (,)") REFERENCES s.p("ON DELETE");`, ForeignKey{ChildColumns: ab(`A "b" (,)`), ParentColumns: ab("ON DELETE")}},
	} {
		const head = "ALTER TABLE ONLY s.c\n    ADD CONSTRAINT k FOREIGN KEY "
		want := test.want
		want.Name, want.Child, want.Parent = "k", RelationName{"s", "c"}, RelationName{"s", "p"}
		want.Add = head + strings.TrimRight(test.defn, ";\n") + " NOT VALID;"
		want.Validate = "ALTER TABLE ONLY s.c VALIDATE CONSTRAINT k;"
		if got, ok := SplitForeignKey(head+test.defn, true); !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("SplitForeignKey(%q) = %t\n%+v\nwant\n%+v", head+test.defn, ok, got, want)
		}
	}

	// Names as old archives and --quote-all-identifiers write them.
	got, ok := SplitForeignKey(`ALTER TABLE "C" ADD CONSTRAINT "k k" FOREIGN KEY (A) REFERENCES "S.x"."P"("id")`, true)
	want := ForeignKey{Name: "k k", Child: RelationName{"", "C"}, ChildColumns: ab("a"), Parent: RelationName{"S.x", "P"}, ParentColumns: ab("id"), Partitioned: true,
		Add:      `ALTER TABLE "C" ADD CONSTRAINT "k k" FOREIGN KEY (A) REFERENCES "S.x"."P"("id") NOT VALID;`,
		Validate: `ALTER TABLE "C" VALIDATE CONSTRAINT "k k";`}
	if !ok || !reflect.DeepEqual(got, want) {
		t.Errorf("got %t %+v\nwant %+v", ok, got, want)
	}

	const head = "ALTER TABLE ONLY s.c ADD CONSTRAINT k FOREIGN KEY (a) REFERENCES s.p(id)"
	for _, defn := range []string{
		head + " NOT VALID;",
		head + " DEFERRABLE INITIALLY DEFERRED NOT VALID;",
		head + " NOT ENFORCED;",
		head + "; SELECT 1;",
		head + "; ALTER TABLE s.c CLUSTER ON k;",
		head + ", ADD CHECK (a > 0);",
		head + " ON DELETE CASCADE ON DELETE CASCADE;",
		head + " ON UPDATE SET NULL (a);",
		head + " MATCH PARTIAL;",
		head + " /* why */;",
		head + ");",
		"ALTER TABLE ONLY s.c ADD FOREIGN KEY (a) REFERENCES s.p(id);",
		"ALTER TABLE ONLY s.c ADD CONSTRAINT k FOREIGN KEY (a, PERIOD b) REFERENCES s.p(id, b);",
		"ALTER TABLE ONLY s.c ADD CONSTRAINT k FOREIGN KEY (PERIOD a, b) REFERENCES s.p(id, PERIOD b);",
		"ALTER TABLE ONLY s.c ADD CONSTRAINT k FOREIGN KEY (a, b) REFERENCES s.p(id);",
		"ALTER TABLE ONLY x.s.c ADD CONSTRAINT k FOREIGN KEY (a) REFERENCES s.p(id);",
		"ALTER FOREIGN TABLE s.c ADD CONSTRAINT k FOREIGN KEY (a) REFERENCES s.p(id);",
		`ALTER TABLE ONLY s.c ADD CONSTRAINT U&"k" FOREIGN KEY (a) REFERENCES s.p(id);`,
		"",
	} {
		if got, ok := SplitForeignKey(defn, true); ok {
			t.Errorf("SplitForeignKey(%q) = %+v, want not recognised", defn, got)
		}
	}
}

func TestSplitIndex(t *testing.T) {
	for _, test := range []struct {
		create string // as in Create, without the semicolon
		table  string
		only   bool
	}{
		{"CREATE INDEX i ON s.t USING btree (a)", "s.t", false},
		{"CREATE UNIQUE INDEX i ON t (a) INCLUDE (b) NULLS NOT DISTINCT WITH (fillfactor='70', x=-1.5) TABLESPACE ts WHERE (a > ((1)))", ".t", false},
		{"CREATE INDEX i ON ONLY s.t USING gin (to_tsvector('english;)'::regconfig, a) s.ops (siglen='100')) WHERE a = ';'", "s.t", true},
		{`CREATE INDEX i ON "s s"."t;" USING brin ((a || ')'), b COLLATE "C" DESC NULLS LAST)`, "s s.t;", false},
	} {
		for _, follow := range [][]FollowUp{
			nil,
			{{ColumnStatistics, "ALTER INDEX s.i ALTER COLUMN 2 SET STATISTICS 10;"}, {ColumnStatistics, "ALTER INDEX s.i ALTER COLUMN 3 SET STATISTICS -1;"}},
		} {
			if follow != nil && test.table != "s.t" {
				continue
			}
			defn := test.create + ";\n"
			for _, f := range follow {
				defn += "\n" + f.SQL + "\n"
			}
			x, ok := SplitIndex(defn, true)
			if !ok || x.Create != test.create+";" || x.Table.Schema+"."+x.Table.Name != test.table || x.Name != "i" || x.Only != test.only || !reflect.DeepEqual(x.Then, follow) {
				t.Errorf("SplitIndex(%q) = %t %+v", defn, ok, x)
			}
		}
	}
	const index = "CREATE INDEX i ON s.t USING btree (a);\n"
	for _, defn := range []string{
		"CREATE INDEX CONCURRENTLY i ON s.t (a);",
		"CREATE INDEX IF NOT EXISTS i ON s.t (a);",
		"CREATE INDEX ON s.t (a);",
		"CREATE INDEX i ON s.t (a));",
		"CREATE INDEX i ON s.t (a;)",
		"CREATE INDEX i ON s.t (a",
		"CREATE INDEX i ON s.t (a) WHERE (a));",
		"CREATE INDEX i ON s.t (a) SELECT",
		index + "ALTER TABLE ONLY s.t REPLICA IDENTITY FULL;",
		index + "ALTER TABLE s.t REPLICA IDENTITY USING INDEX i;",
		index + "ALTER TABLE s.t CLUSTER ON j;",
		index + "ALTER INDEX x.i ALTER COLUMN 1 SET STATISTICS 1;",
		index + "ALTER INDEX s.i SET (fillfactor=70);",
		index + "DROP TABLE s.t;",
		index + ";",
	} {
		if x, ok := SplitIndex(defn, true); ok {
			t.Errorf("SplitIndex(%q) = %+v, want not recognised", defn, x)
		}
	}
}

func TestFreezeCopy(t *testing.T) {
	for in, want := range map[string]string{
		"COPY public.t (a, b) FROM stdin;\n":                  "COPY public.t (a, b) WITH (FREEZE);",
		"COPY public.only_dropped  FROM stdin;\n":             "COPY public.only_dropped  WITH (FREEZE);",
		"COPY \"a\nb\" (\"FROM stdin;\", \"\\\") FROM stdin;": "COPY \"a\nb\" (\"FROM stdin;\", \"\\\") WITH (FREEZE);",
		"COPY t (a) WITH OIDS FROM stdin;":                    "",
		"COPY t (a) FROM stdin WITH (FORMAT binary);":         "",
		"COPY t (a) FROM stdin":                               "",
		"COPY t (a) FROM stdin; SELECT 1;":                    "",
		"COPY t (a) TO stdout;":                               "",
		"COPY (SELECT 1) FROM stdin;":                         "",
		"COPY t () FROM stdin;":                               "",
		"":                                                    "",
	} {
		want = strings.Replace(want, " WITH (FREEZE)", " FROM stdin WITH (FREEZE)", 1)
		if got, ok := FreezeCopy(in); got != want || ok != (want != "") {
			t.Errorf("FreezeCopy(%q) = %q, %t; want %q", in, got, ok, want)
		}
	}
}

// FuzzRewrite: no text stops the splitters, and where they recognise one, the
// parts have all its tokens and none that were not asked for.
func FuzzRewrite(f *testing.F) {
	for _, s := range []string{
		"ALTER TABLE ONLY s.t\n    ADD CONSTRAINT \"k k\" UNIQUE NULLS NOT DISTINCT (a, \"b\"\"\") INCLUDE (c) WITH (fillfactor='70') USING INDEX TABLESPACE x DEFERRABLE;\n\nALTER TABLE s.t CLUSTER ON \"k k\";\n",
		"ALTER TABLE ONLY t ADD CONSTRAINT k PRIMARY KEY (a); ALTER TABLE ONLY t REPLICA IDENTITY USING INDEX k; ALTER INDEX k DEPENDS ON EXTENSION e",
		"ALTER TABLE ONLY s.t ADD CONSTRAINT k FOREIGN KEY (a, PERIOD b) REFERENCES p(c, PERIOD d) MATCH FULL ON DELETE SET NULL (a) ON UPDATE NO ACTION INITIALLY DEFERRED;",
		"CREATE UNIQUE INDEX i ON ONLY s.t USING btree (lower(a) COLLATE \"C\", (b || ')')) INCLUDE (c) WITH (x.y=-1) TABLESPACE t WHERE ((a > 'x;')); ALTER INDEX s.i ALTER COLUMN 1 SET STATISTICS 7;",
		"COPY s.\"t t\" (a, \"b\") FROM stdin;\n",
	} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, sql string, std bool) {
		if k, ok := SplitKey(sql, std); ok {
			name, table := Ident(k.Name), Qualified(k.Table.Schema, k.Table.Name)
			parts := k.Index + k.Attach
			for _, u := range k.Then {
				parts += u.SQL
			}
			sameTokens(t, sql, parts, std, "CREATE UNIQUE INDEX "+name+" ON "+table+" USING btree; USING INDEX "+name, "using index")
		}
		if fk, ok := SplitForeignKey(sql, std); ok {
			sameTokens(t, sql, fk.Add, std, "NOT VALID", "")
		}
		if x, ok := SplitIndex(sql, std); ok {
			parts := x.Create
			for _, u := range x.Then {
				parts += u.SQL
			}
			sameTokens(t, sql, parts, std, "", "")
		}
		if frozen, ok := FreezeCopy(sql); ok {
			sameTokens(t, sql, frozen, true, "WITH (FREEZE)", "")
		}
	})
}

// sameTokens checks that a rewriting has the tokens of the statement, each as
// often, but for those added and for those that may be gone once.
func sameTokens(t *testing.T, sql, rewritten string, std bool, added, gone string) {
	t.Helper()
	count := map[string]int{}
	add := func(text string, std bool, n int) {
		for tok := range Tokens(text, std) {
			s := text[tok.Start:tok.End]
			switch tok.Kind {
			case Space, Semicolon:
				continue
			case Word:
				s = lowerASCII(s)
			case QuotedName:
				if len(s) > 2 {
					s = Ident(strings.ReplaceAll(s[1:len(s)-1], `""`, `"`))
				}
			}
			count[s] += n
		}
	}
	add(rewritten, std, 1)
	add(sql, std, -1)
	add(added, std, -1)
	for word, n := range count {
		if n != 0 && !(n == -1 && slices.Contains(strings.Fields(gone), word)) {
			t.Errorf("%q %+d times in what came of\n%s\nwhich is\n%s", word, n, sql, rewritten)
		}
	}
}
