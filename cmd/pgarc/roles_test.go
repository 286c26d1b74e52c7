package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pgarc/pgarc/toc"
)

func TestNeededRoles(t *testing.T) {
	tests := []struct {
		name  string
		entry toc.Entry
		want  string
	}{
		{"owner", toc.Entry{Kind: toc.Table, Owner: toc.NewText("Äda's \"role\"")}, `Äda's "role"`},
		{"no owner", toc.Entry{Kind: toc.Extension, Owner: toc.NewText("")}, ""},
		{"owner of an event trigger", toc.Entry{Kind: toc.EventTrigger, Owner: toc.NewText("boss")}, "boss!"},
		{"owner of a wrapper", toc.Entry{Kind: "FOREIGN DATA WRAPPER", Owner: toc.NewText("boss")}, "boss!"},
		{"grants", toc.Entry{Kind: toc.ACL, Defn: "REVOKE ALL ON TABLE public.t FROM owner;\n" +
			"GRANT SELECT,INSERT ON TABLE public.t TO a WITH GRANT OPTION;\nGRANT ALL ON TABLE public.t TO \"B \"\"b\"\"; TO c\";\n"}, `B "b"; TO c,a,owner`},
		{"grants to public", toc.Entry{Kind: toc.ACL, Defn: "REVOKE USAGE ON SCHEMA public FROM PUBLIC;\nGRANT ALL ON SCHEMA public TO PUBLIC;\n"}, ""},
		{"a role called public", toc.Entry{Kind: toc.ACL, Defn: `GRANT ALL ON SCHEMA s TO "PUBLIC";`}, "PUBLIC"},
		{"groups", toc.Entry{Kind: toc.ACL, Defn: "GRANT ALL ON TABLE t TO GROUP staff, b;\n"}, "b,staff"},
		{"grantor", toc.Entry{Kind: toc.ACL, Defn: "SET SESSION AUTHORIZATION giver;\nGRANT ALL ON TABLE t TO a;\nRESET SESSION AUTHORIZATION;\n"}, "a,giver"},
		{"grantor in quotes", toc.Entry{Kind: toc.ACL, Defn: "SET SESSION AUTHORIZATION 'the ''giver''';\n"}, "the 'giver'"},
		{"function", toc.Entry{Kind: toc.ACL, Defn: `GRANT ALL ON FUNCTION public.f("to" text, "from" date) TO a;`}, "a"},
		{"server's own roles", toc.Entry{Kind: toc.ACL, Defn: "GRANT SELECT ON TABLE t TO pg_monitor;"}, ""},
		{"default privileges", toc.Entry{Kind: toc.DefaultACL,
			Defn: "ALTER DEFAULT PRIVILEGES FOR ROLE o IN SCHEMA public REVOKE ALL ON TABLES FROM o;\nALTER DEFAULT PRIVILEGES FOR ROLE o IN SCHEMA public GRANT SELECT ON TABLES TO r;\n"}, "o,r"},
		{"policy", toc.Entry{Kind: toc.Policy,
			Defn: "CREATE POLICY p ON public.t AS PERMISSIVE FOR SELECT TO reader, \"Odd One\" USING ((note = 'TO nobody'::text)) WITH CHECK ((x > \"TO\"));\n"}, "Odd One,reader"},
		{"policy for all", toc.Entry{Kind: toc.Policy, Defn: "CREATE POLICY p ON public.t USING ((a = ANY (ARRAY['TO x'::text])));\n"}, ""},
		{"user mapping", toc.Entry{Kind: "USER MAPPING", Defn: "CREATE USER MAPPING FOR bob SERVER s OPTIONS (\n    password 'FOR eve'\n);\n"}, "bob"},
		{"user mapping for public", toc.Entry{Kind: "USER MAPPING", Defn: "CREATE USER MAPPING FOR PUBLIC SERVER s;\n"}, ""},
		{"settings of a role", toc.Entry{Kind: toc.DatabaseProperties,
			Defn: "ALTER DATABASE d SET search_path TO 'a', 'b';\nALTER ROLE alice IN DATABASE d SET work_mem TO '1MB';\n"}, "alice"},
		{"settings of all roles", toc.Entry{Kind: toc.DatabaseProperties, Defn: "ALTER ROLE ALL IN DATABASE d SET work_mem TO '1MB';\n"}, ""},
		{"text of other kinds", toc.Entry{Kind: toc.View, Defn: "CREATE VIEW v AS SELECT 1 FROM someone;"}, ""},
		{"cut off", toc.Entry{Kind: toc.ACL, Defn: `GRANT ALL ON TABLE t TO "unclosed`}, "unclosed"},
		{"nothing after", toc.Entry{Kind: toc.ACL, Defn: "GRANT ALL ON TABLE t TO GROUP"}, ""},
	}
	for _, tt := range tests {
		var got []string
		for _, r := range neededRoles([]*toc.Entry{&tt.entry}, true) {
			mark := ""
			if r.superuser {
				mark = "!"
			}
			got = append(got, r.name+mark)
		}
		if strings.Join(got, ",") != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestNeededRolesOnce(t *testing.T) {
	got := neededRoles([]*toc.Entry{
		{Kind: toc.EventTrigger, Owner: toc.NewText("b")},
		{Kind: toc.Table, Owner: toc.NewText("b")},
		{Kind: toc.ACL, Owner: toc.NewText("a"), Defn: "GRANT ALL ON TABLE t TO b;"},
	}, true)
	if s := fmt.Sprint(got); s != "[{a false} {b true}]" {
		t.Errorf("got %s, want [{a false} {b true}]", s)
	}
}
