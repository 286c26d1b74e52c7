package script

import (
	"slices"
	"strings"
	"testing"
)

func TestTokens(t *testing.T) {
	for _, test := range []struct {
		sql  string
		std  bool
		want []string
	}{
		{"a.b", true, []string{"a", ".", "b"}},
		{`a"b""c"'d''e'`, true, []string{"a", `"b""c"`, `'d''e'`}},
		{`'a\' b`, true, []string{`'a\'`, " ", "b"}},
		{`'a\' b'`, false, []string{`'a\' b'`}},
		{`E'\'' x'1' U&"d"`, true, []string{`E'\''`, " ", "x'1'", " ", `U&"d"`}},
		{"$$a$b$$ $x$ $$ $x$", true, []string{"$$a$b$$", " ", "$x$ $$ $x$"}},
		{"f$1$2", true, []string{"f$1$2"}},
		{"$1+1.5e-3", true, []string{"$1", "+", "1.5e-3"}},
		{"/* a /* b */ c */-- d\n;", true, []string{"/* a /* b */ c */", "-- d", "\n", ";"}},
		{"E'a'\n 'b\\''", true, []string{"E'a'\n 'b\\''"}},
		{"E'a' 'b\\'", true, []string{"E'a'", " ", "'b\\'"}},
		{"1..2", true, []string{"1", "..", "2"}},
		{"'open", true, []string{"'open"}},
	} {
		var got []string
		for tok := range Tokens(test.sql, test.std) {
			got = append(got, test.sql[tok.Start:tok.End])
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("Tokens(%q, %t) = %q, want %q", test.sql, test.std, got, test.want)
		}
	}
}

func TestSplitStatements(t *testing.T) {
	for _, test := range []struct {
		sql  string
		want []string
	}{
		{"", nil},
		{" ; ;\n-- only a comment\n", nil},
		{"CREATE INDEX i ON t (a);\n\nALTER TABLE t CLUSTER ON i;\n", []string{"CREATE INDEX i ON t (a)", "ALTER TABLE t CLUSTER ON i"}},
		{"-- why\nSELECT ';' ; SELECT \";\", $$;$$", []string{"-- why\nSELECT ';'", "SELECT \";\", $$;$$"}},
		{"CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2);SELECT 3", []string{"CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2)", "SELECT 3"}},
		{"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END; SELECT 3;",
			[]string{"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END", "SELECT 3"}},
		{"BEGIN; SELECT 1; COMMIT", []string{"BEGIN", "SELECT 1", "COMMIT"}},
	} {
		if got := SplitStatements(test.sql, true); !slices.Equal(got, test.want) {
			t.Errorf("SplitStatements(%q) = %q, want %q", test.sql, got, test.want)
		}
	}
}

// FuzzTokens: tokens cover the text without gaps, and no text stops the lexer.
func FuzzTokens(f *testing.F) {
	for _, s := range []string{"SELECT E'a\\'', U&\"x\", $a$b$a$ /* /* */ -- x\n;", "'a'\n--x\r'b", "1e'x' :\"USER\" \\!", "COPY t FROM stdin;"} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, sql string, std bool) {
		at := 0
		for tok := range Tokens(sql, std) {
			if tok.Start != at || tok.End <= tok.Start || tok.End > len(sql) {
				t.Fatalf("token %v after byte %d of %q", tok, at, sql)
			}
			at = tok.End
		}
		if at != len(sql) {
			t.Fatalf("tokens of %q end at %d", sql, at)
		}
		if offset, found := MetaCommand(sql, std); found && offset >= len(sql) {
			t.Errorf("MetaCommand(%q) = %d", sql, offset)
		}
		for _, s := range SplitStatements(sql, std) {
			if !strings.Contains(sql, s) {
				t.Errorf("statement %q is not in %q", s, sql)
			}
		}
	})
}
