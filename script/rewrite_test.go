package script

import (
	"reflect"
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
