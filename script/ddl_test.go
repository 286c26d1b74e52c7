package script_test

import (
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/internal/pgscratch/scratchtest"
	"github.com/pgarc/pgarc/script"
	"github.com/pgarc/pgarc/toc"
)

func TestWriteDDL(t *testing.T) {
	made := tocOf(t,
		&toc.Entry{ID: 7, Kind: toc.FKConstraint, Tag: "statuses fk\n\\! id", Namespace: "public", Owner: toc.NewText("bob"),
			Defn: "ALTER TABLE ONLY public.statuses\n    ADD CONSTRAINT x FOREIGN KEY (a) REFERENCES public.b(c);\n",
			Drop: toc.NewText("ALTER TABLE ONLY public.statuses DROP CONSTRAINT x;\n")},
		&toc.Entry{ID: 8, Kind: toc.RowSecurity, Tag: "t", Namespace: "public", Defn: "ALTER TABLE public.t ENABLE ROW LEVEL SECURITY;"},
		&toc.Entry{ID: 9, Kind: toc.View, Tag: "v", Namespace: "s", Owner: toc.NewText("Bob"), Defn: "CREATE VIEW s.v AS SELECT 1", Drop: toc.NewText("DROP VIEW s.v;\n")},
		&toc.Entry{ID: 10, Kind: toc.Comment, Tag: "VIEW v", Namespace: "s", Defn: "COMMENT ON VIEW s.v IS 'x';\n"},
		&toc.Entry{ID: 11, Kind: toc.TableData, Tag: "t", Namespace: "s", HasDumper: true, Copy: "COPY s.t (a) FROM stdin;\n"},
		&toc.Entry{ID: 12, Kind: toc.View, Tag: "evil", Namespace: "s", Defn: "SELECT 1;\r\\! id\nSELECT 2;\n"},
		&toc.Entry{ID: 13, Kind: toc.View, Tag: "twice", Namespace: "s", Defn: "SELECT '\\' || '\\';\n"},
	)
	const want = `-- FK CONSTRAINT public.statuses fk \! id (dump id 7)
ALTER TABLE IF EXISTS ONLY public.statuses DROP CONSTRAINT IF EXISTS x;
ALTER TABLE ONLY public.statuses
    ADD CONSTRAINT x FOREIGN KEY (a) REFERENCES public.b(c);

-- ROW SECURITY public.t (dump id 8)
ALTER TABLE public.t ENABLE ROW LEVEL SECURITY;

-- VIEW s.v (dump id 9)
DROP VIEW IF EXISTS s.v;
CREATE VIEW s.v AS SELECT 1;
ALTER VIEW s.v OWNER TO "Bob";

-- COMMENT s.VIEW v (dump id 10)
COMMENT ON VIEW s.v IS 'x';

-- TABLE DATA s.t (dump id 11)
-- Rows are not printed here; pgarc data 11 prints them. They are loaded with:
--   COPY s.t (a) FROM stdin;

-- VIEW s.evil (dump id 12)
-- Printed as a comment: psql would not just send this text to the server.
-- SELECT 1;
-- \! id
-- SELECT 2;

-- VIEW s.twice (dump id 13)
SET standard_conforming_strings = on;
SELECT '\' || '\';
`
	var b strings.Builder
	entries := slices.DeleteFunc(slices.Clone(made.Entries), (*toc.Entry).IsSpecial)
	warnings, err := script.WriteDDL(&b, made, entries, script.DDLOptions{Drop: true, Owner: true, Comments: true})
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
	if len(warnings) != 1 || warnings[0].Entry.ID != 12 {
		t.Errorf("warnings %+v, want one about entry 12", warnings)
	}
}

func tocOf(t *testing.T, entries ...*toc.Entry) *toc.TOC {
	t.Helper()
	made, err := toc.New(append([]*toc.Entry{
		{ID: 9001, Kind: toc.StdStrings, Tag: "STDSTRINGS", Defn: "SET standard_conforming_strings = 'on';\n"},
		{ID: 9002, Kind: toc.SearchPath, Tag: "SEARCHPATH", Defn: "SELECT pg_catalog.set_config('search_path', '', false);\n"},
	}, entries...))
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// TestWriteDDLOfFixtures: what real pg_dumps wrote is never suspicious.
func TestWriteDDLOfFixtures(t *testing.T) {
	for _, f := range fixtures.Custom(t) {
		r, err := archive.Open(f.Path)
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		warnings, err := script.WriteDDL(&b, r.TOC, toc.Selection{}.Apply(r.TOC).Entries(), all)
		if err != nil || len(warnings) > 0 {
			t.Errorf("%s: %v, warnings %+v", f.Name, err, warnings)
		}
		r.Close()
	}
}

var all = script.DDLOptions{Owner: true, Comments: true, ACL: true}

// TestWriteDDLHostile: no text of an archive makes psql obey a command,
// wherever in an entry it stands.
func TestWriteDDLHostile(t *testing.T) {
	psql := newPsql(t)
	for _, test := range metaTests {
		if !test.stdStrings {
			continue
		}
		x := test.sql
		made := tocOf(t,
			&toc.Entry{ID: 1, Kind: toc.View, Tag: x, Namespace: x, Owner: toc.NewText(x), Tablespace: toc.NewText(x), TableAM: x, Defn: x, Drop: toc.NewText("DROP " + x)},
			&toc.Entry{ID: 2, Kind: toc.Function, Tag: "f", Owner: toc.NewText("bob"), Defn: "SELECT 1;", Drop: toc.NewText("DROP " + x)},
			&toc.Entry{ID: 3, Kind: toc.TableData, Tag: x, HasDumper: true, Copy: x},
			&toc.Entry{ID: 4, Kind: toc.Kind("X" + x), Tag: "y", Defn: "SELECT 1 -- " + x},
			&toc.Entry{ID: 5, Kind: toc.View, Tag: "z", Defn: "SELECT '\n\\echo MARK\n';\n"},
		)
		var b strings.Builder
		entries := slices.DeleteFunc(slices.Clone(made.Entries), (*toc.Entry).IsSpecial)
		if _, err := script.WriteDDL(&b, made, entries, script.DDLOptions{Drop: true, Owner: true}); err != nil {
			t.Fatal(err)
		}
		if psql.obeys(t, b.String(), true) {
			t.Errorf("%s: psql obeys a command in\n%s", test.name, b.String())
		}
	}
}

// TestWriteDDLRestores: the DDL, piped into psql, makes the schema that
// pg_restore makes.
func TestWriteDDLRestores(t *testing.T) {
	s := scratchtest.Server(t)
	if s.Binaries().Major < 15 {
		t.Skip("the archive needs PostgreSQL 15")
	}
	psql, pgDump, pgRestore := newPsql(t), scratchtest.Tool(t, s, "pg_dump"), scratchtest.Tool(t, s, "pg_restore")
	file := fixtures.Get(t, "15/c-gzip").Path
	r, err := archive.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var b strings.Builder
	sel := toc.Selection{SchemaOnly: true, NoPrivileges: true}.Apply(r.TOC)
	if _, err := script.WriteDDL(&b, r.TOC, toc.WorkingOrder(sel.Entries()), script.DDLOptions{Comments: true}); err != nil {
		t.Fatal(err)
	}
	var dumps [2]string
	for i := range dumps {
		p := psql
		p.dsn = s.ConnString(scratchtest.Database(t, s))
		if i == 0 {
			p.run(t, "SET check_function_bodies = off;\nSET search_path = '';\n"+b.String())
		} else {
			// Its errors are the same ones: what this machine's server has not.
			_, _ = exec.Command(pgRestore, "-s", "-O", "-x", "-d", p.dsn, file).CombinedOutput()
		}
		out, err := exec.Command(pgDump, "-s", "-O", "-x", "-d", p.dsn).CombinedOutput()
		if err != nil {
			t.Fatalf("pg_dump: %v\n%s", err, out)
		}
		dumps[i] = regexp.MustCompile(`(?m)^\\(un)?restrict .*$`).ReplaceAllString(string(out), "")
	}
	if strings.Count(dumps[1], "\n") < 3000 {
		t.Fatalf("pg_restore made too little:\n%s", dumps[1])
	}
	diff(t, []byte(dumps[0]), []byte(dumps[1]))
}
