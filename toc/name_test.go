package toc_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/toc"
)

// odd is a TOC of names that are easily misread.
func odd(t *testing.T) *toc.TOC {
	t.Helper()
	return newTOC(t,
		entry(1, toc.Table, "a"),
		entry(2, toc.Table, "a b"),
		entry(3, toc.Table, `we"ird`),
		in("Odd Schema", entry(4, toc.Table, "Odd Name")),
		in("dot.ted", entry(5, toc.Table, "ta.ble")),
		entry(6, toc.Table, "new\nline"),
		entry(7, toc.Table, "таблица"),
		entry(8, toc.Table, "star*[1]?"),
		entry(9, toc.Table, "2970"),
		entry(2970, toc.Table, "numbered"),
		entry(10, toc.FKConstraint, "a b c", 1),
		entry(11, toc.FKConstraint, "a b c d", 2, 1),
		entry(12, toc.Constraint, "new\nline new\nline pk", 6),
		entry(13, toc.Trigger, "gone old trigger", 999),
		entry(14, toc.Trigger, "alone"),
		in("Odd Schema", entry(15, toc.Policy, `Odd Name who "may"`, 4)),
		entry(16, toc.Function, "f(integer, text[])"),
		entry(17, toc.Function, "f()"),
		entry(18, toc.Comment, "TABLE a", 1),
		defined("SET client_encoding = 'UTF8';\n", entry(19, toc.Encoding, "ENCODING")),
		entry(20, toc.TableData, "a", 1),
		entry(21, toc.Table, "caf\xe9"), // LATIN1
	)
}

func TestNameOf(t *testing.T) {
	contents := odd(t)
	for _, test := range []struct {
		id   toc.DumpID
		want toc.Name
	}{
		{1, toc.Name{"public", "", "a"}},
		{4, toc.Name{"Odd Schema", "", "Odd Name"}},
		{10, toc.Name{"public", "a", "b c"}},
		{11, toc.Name{"public", "a b", "c d"}},
		{12, toc.Name{"public", "new\nline", "new\nline pk"}},
		{13, toc.Name{"public", "gone", "old trigger"}},
		{14, toc.Name{"public", "", "alone"}},
		{15, toc.Name{"Odd Schema", "Odd Name", `who "may"`}},
		{16, toc.Name{"public", "", "f(integer, text[])"}},
		{18, toc.Name{"public", "", "TABLE a"}},
	} {
		e := contents.Lookup(test.id)
		if got := contents.NameOf(e); got != test.want {
			t.Errorf("NameOf(%s %q) = %q, want %q", e.Kind, e.Tag, got, test.want)
		}
	}
}

// TestNameOfWithDrop takes the table from the statement that drops the object.
func TestNameOfWithDrop(t *testing.T) {
	for _, test := range []struct {
		kind        toc.Kind
		tag, drop   string
		table, name string
	}{
		{toc.FKConstraint, "a b c", "ALTER TABLE ONLY public.a DROP CONSTRAINT \"b c\";\n", "a", "b c"},
		{toc.FKConstraint, "a b c", "ALTER TABLE ONLY public.\"a b\" DROP CONSTRAINT c;\n", "a b", "c"},
		{toc.FKConstraint, "b c", "ALTER TABLE ONLY public.a DROP CONSTRAINT \"b c\";\n", "a", "b c"},
		{toc.Constraint, "a pk", "ALTER TABLE ONLY a DROP CONSTRAINT \"a pk\";\n", "a", "a pk"},
		{toc.Constraint, "a a pk", "ALTER TABLE public.a DROP CONSTRAINT \"a pk\";\n", "a", "a pk"},
		{toc.CheckConstraint, "handle short", "ALTER DOMAIN public.handle DROP CONSTRAINT short;\n", "handle", "short"},
		{toc.Default, "t id", "ALTER TABLE public.t ALTER COLUMN id DROP DEFAULT;\n", "t", "id"},
		{toc.Default, "id", "ALTER TABLE public.t ALTER COLUMN id DROP DEFAULT;\n", "t", "id"},
		{toc.Trigger, "touch", "DROP TRIGGER touch ON public.statuses;\n", "statuses", "touch"},
		{toc.Trigger, "x ON y z ON w", "DROP TRIGGER \"z ON w\" ON \"s.1\".\"x ON y\";\n", "x ON y", "z ON w"},
		{toc.Policy, "q\"; t p", "DROP POLICY p ON public.\"q\"\"; t\";\n", "q\"; t", "p"},
		{toc.Rule, "v _RETURN", "CREATE OR REPLACE VIEW public.v AS\nSELECT\n    NULL::bigint AS id;\n", "v", "_RETURN"},
		{toc.PublicationTable, "pub t", "ALTER PUBLICATION pub DROP TABLE ONLY public.t;\n", "pub", "t"},
		{toc.Trigger, "t x", "DROP", "t", "x"},
		{toc.Trigger, "t x", "DROP TRIGGER x ON", "t", "x"},
		{toc.Trigger, "t x", "ALTER TABLE ONLY \"", "t", "x"},
	} {
		e := entry(1, test.kind, test.tag)
		e.Drop = toc.NewText(test.drop)
		want := toc.Name{"public", test.table, test.name}
		if got := newTOC(t, e).NameOf(e); got != want {
			t.Errorf("NameOf(%s %q) = %q, want %q; drop: %q", test.kind, test.tag, got, want, test.drop)
		}
	}
}

func TestNameString(t *testing.T) {
	for _, test := range []struct {
		name toc.Name
		want string
	}{
		{toc.Name{"public", "accounts", "pk"}, "public.accounts.pk"},
		{toc.Name{"public", "", "accounts"}, "public.accounts"},
		{toc.Name{"", "", "public"}, "public"},
		{toc.Name{}, ""},
	} {
		if got := test.name.String(); got != test.want {
			t.Errorf("%+v: String() = %q, want %q", test.name, got, test.want)
		}
	}
}

// TestNameOfFixtures takes apart the tags of all real entries that have a table
// in them, and compares with the SQL and the tables of the archive.
func TestNameOfFixtures(t *testing.T) {
	parts := 0
	for _, f := range fixtures.All(t) {
		contents := open(t, f)
		owners := make(map[toc.Name]bool) // what can have constraints, triggers and the like
		tables := false
		for _, e := range contents.Entries {
			switch e.Kind {
			case toc.Table, toc.View, toc.MaterializedView, toc.ForeignTable:
				tables = true
				owners[toc.Name{Schema: e.Namespace, Name: e.Tag}] = true
			case "DOMAIN":
				owners[toc.Name{Schema: e.Namespace, Name: e.Tag}] = true
			case toc.Publication, toc.Subscription:
				owners[toc.Name{Name: e.Tag}] = true
			}
		}
		for _, e := range contents.Entries {
			if e.Kind.Info().Tag != toc.TagOfTable {
				continue
			}
			parts++
			n := contents.NameOf(e)
			alone := f.Major == "9.5" && e.Kind != toc.Rule // where the name stands alone
			if e.Tag != n.Table+" "+n.Name && !(alone && e.Tag == n.Name) || n.Schema != e.Namespace {
				t.Errorf("%s: %s %q of %q: NameOf = %q, whose parts do not make the tag", f, e.Kind, e.Tag, e.Namespace, n)
			}
			if !tables {
				continue // a dump of a section without them
			}
			owner := toc.Name{Schema: e.Namespace, Name: n.Table}
			if !owners[owner] && !owners[toc.Name{Name: n.Table}] {
				t.Errorf("%s: %s %q: NameOf = %q: there is no table %q", f, e.Kind, e.Tag, n, owner)
			}
			for _, name := range []string{n.Table, n.Name} {
				// pg_upgrade's entry has the subscription in a string, and the table by its OID.
				if !mentions(e.Defn, name) && name != "_RETURN" && e.Kind != toc.SubscriptionTable {
					t.Errorf("%s: %s %q: NameOf = %q: %q is not in %q", f, e.Kind, e.Tag, n, name, e.Defn)
				}
			}
		}
	}
	if parts < 1000 {
		t.Errorf("fixtures have %d entries with a table in their tag", parts)
	}
}

// mentions reports whether SQL has an identifier, quoted or not.
func mentions(sql, name string) bool {
	if strings.Contains(sql, `"`+strings.ReplaceAll(name, `"`, `""`)+`"`) {
		return true
	}
	sql = strings.Map(func(r rune) rune {
		if strings.ContainsRune(" \n.;()", r) {
			return ' '
		}
		return r
	}, " "+sql+" ")
	return strings.Contains(sql, " "+name+" ")
}

func TestFind(t *testing.T) {
	contents := odd(t)
	for _, test := range []struct {
		pattern string
		kinds   []toc.Kind
		want    []toc.DumpID
	}{
		// ids
		{"11", nil, []toc.DumpID{11}},
		{"2970", nil, []toc.DumpID{9, 2970}}, // a table of that name, too
		{"-1", nil, nil},
		{"0", nil, nil},
		{"99999999999999999999", nil, nil},
		{"19", nil, nil}, // special

		// literal names
		{"a", nil, []toc.DumpID{1, 20}},
		{"a", []toc.Kind{toc.TableData}, []toc.DumpID{20}},
		{"public.a", []toc.Kind{toc.Table}, []toc.DumpID{1}},
		{"A", nil, nil},
		{"", nil, nil},
		{"ublic.a", nil, nil},
		{"numbered", nil, []toc.DumpID{2970}},
		{"таблица", nil, []toc.DumpID{7}},
		{"new\nline", nil, []toc.DumpID{6}},
		{"dot.ted.ta.ble", nil, []toc.DumpID{5}},
		{"ta.ble", nil, []toc.DumpID{5}},
		{"caf\xe9", nil, []toc.DumpID{21}},

		// of a table
		{"b c", nil, []toc.DumpID{10}},
		{"a.b c", nil, []toc.DumpID{10}},
		{"public.a.b c", nil, []toc.DumpID{10}},
		{"a b c", nil, []toc.DumpID{10}},
		{"public.a b c", nil, []toc.DumpID{10}},
		{"c d", nil, []toc.DumpID{11}},
		{"a b.c d", nil, []toc.DumpID{11}},
		{"a.b c d", nil, nil},
		{"alone", nil, []toc.DumpID{14}},

		// functions
		{"f", nil, []toc.DumpID{16, 17}},
		{"public.f", nil, []toc.DumpID{16, 17}},
		{"f()", nil, []toc.DumpID{17}},
		{"f(integer, text[])", nil, []toc.DumpID{16}},
		{"f(*)", nil, []toc.DumpID{16, 17}},

		// quoted
		{`public."a"`, []toc.Kind{toc.Table}, []toc.DumpID{1}},
		{`"Odd Schema"."Odd Name"`, nil, []toc.DumpID{4}},
		{`"Odd Schema"."Odd Name"."who ""may"""`, nil, []toc.DumpID{15}},
		{`"we""ird"`, nil, []toc.DumpID{3}},
		{`public."we""ird"`, nil, []toc.DumpID{3}},
		{`"star*[1]?"`, nil, []toc.DumpID{8}},
		{`"a*"`, nil, nil},

		// as a listing shows them
		{`we"ird`, nil, []toc.DumpID{3}},
		{`Odd Name who "may"`, nil, []toc.DumpID{15}},
		{`who "may"`, nil, []toc.DumpID{15}},
		{`star*[1]?`, nil, []toc.DumpID{8}},

		// shell patterns
		{"a*", []toc.Kind{toc.Table}, []toc.DumpID{1, 2}},
		{"?", []toc.Kind{toc.Table}, []toc.DumpID{1}},
		{"[a-c]", []toc.Kind{toc.Table}, []toc.DumpID{1}},
		{"public.*", []toc.Kind{toc.Constraint}, []toc.DumpID{12}},
		{"*.Odd Name", nil, []toc.DumpID{4}},
		{"*", []toc.Kind{toc.Encoding}, nil},
		{"public.a.*", nil, []toc.DumpID{10}},
		{"*line", nil, []toc.DumpID{6}},
	} {
		if got := ids(contents.Find(toc.NewPattern(test.pattern), test.kinds)); !slices.Equal(got, test.want) {
			t.Errorf("Find(%q, %q) = %v, want %v", test.pattern, test.kinds, got, test.want)
		}
	}
}

func TestPatternString(t *testing.T) {
	for _, text := range []string{"", "a", `public."a ""b"""`, "fk_*", "2970", `"`} {
		if got := toc.NewPattern(text).String(); got != text {
			t.Errorf("NewPattern(%q).String() = %q", text, got)
		}
	}
}

// matches reports whether a pattern finds a lone table of that name.
func matches(t testing.TB, pattern, name string) bool {
	t.Helper()
	contents := newTOC(t, in("", entry(1<<30, toc.Table, name)))
	return len(contents.Find(toc.NewPattern(pattern), nil)) == 1
}

func TestGlob(t *testing.T) {
	for _, test := range []struct {
		pattern, name string
		want          bool
	}{
		{"*", "a", true},
		{"**", "a", true},
		{"a*", "a", true},
		{"*a", "a", true},
		{"*a*", "bab", true},
		{"a*b", "ab", true},
		{"a*b", "axxb", true},
		{"a*b", "axxbc", false},
		{"a*b*c", "abbbc", true},
		{"*ab", "aab", true},
		{"*aab*", "aaab", true},
		{"a*", "ba", false},
		{"*a", "ab", false},
		{"?", "ab", false},
		{"??", "ab", true},
		{"*?", "a", true},
		{"?*?", "a", false},
		{"a?c", "a/c", true},
		{"a*c", "a/b.c\nd c", true},
		{"[abc]x", "bx", true},
		{"[abc]x", "dx", false},
		{"[a-c]*", "c", true},
		{"[a-c]*", "d", false},
		{"[!a-c]", "d", true},
		{"[!a-c]", "b", false},
		{"[^b]", "b", false},
		{"[-a]", "-", true},
		{"[a-]", "-", true},
		{"[!]", "!", true},
		{"*[0-9]", "t10", true},
		{"*[0-9]b", "t1a2b", true},
		{"[", "[", true},
		{"a[*", "a[b", true},
		{"a[]*", "a[]b", true},
		{"[c-a]", "b", false},

		// characters, not bytes
		{"caf?", "café", true},
		{"caf??", "café", false},
		{"*?é", "xé", true},
		{"[а-я]*", "таблица", true},
		{"[é]", "é", true},
		{"[é]", "è", false},
		{"[!é]", "è", true},
		{"*象", "index 象", true},

		// and bytes where there are no characters
		{"caf?", "caf\xe9", true},
		{"[\xe9]", "\xe9", true},
		{"[\xe9]", "\xe8", false},
		{"*\xe9", "caf\xe9", true},
		{"?", "\xff", true},
	} {
		if got := matches(t, test.pattern, test.name); got != test.want {
			t.Errorf("pattern %q, name %q: got %v, want %v", test.pattern, test.name, got, test.want)
		}
	}
}

// TestGlobTime uses patterns for which going back to every * takes longer than
// the universe has.
func TestGlobTime(t *testing.T) {
	long := strings.Repeat("a", 10_000)
	for _, pattern := range []string{
		strings.Repeat("*a", 50) + "*b",
		strings.Repeat("a*", 50) + "b",
		strings.Repeat("*?", 50) + "b",
		strings.Repeat("*[a-z]", 50) + "b",
		strings.Repeat("*", 10_000) + "b",
		strings.Repeat("*a?", 100) + "[b-z]",
	} {
		if matches(t, pattern, long) {
			t.Errorf("pattern %.20q… matches aaa…", pattern)
		}
	}
}

func FuzzPattern(f *testing.F) {
	for _, seed := range [][2]string{
		{"fk_*", "fk_rails_256483a9ab"}, {"[a-z]?*", "таблица"}, {`public."a ""b"""`, `a "b"`}, {"[", "["},
		{"*a*a*a*a*b", "aaaaaaaaaaaaaaaaaa"}, {"2970", "2970"}, {"f(*)", "f(integer, text[])"}, {"\xff*", "\xff\xfe"}, {`"`, `"`},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if p := toc.NewPattern(pattern); p.String() != pattern {
			t.Errorf("NewPattern(%q).String() = %q", pattern, p)
		}
		matches(t, pattern, name)
		if name == "" {
			return
		}
		// A name matches itself, itself quoted, and * around any part of it.
		quoted := `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
		half := len(name) / 2
		for _, p := range []string{name, quoted, "*"} {
			if !matches(t, p, name) {
				t.Errorf("pattern %q does not match the name %q", p, name)
			}
		}
		if strings.ContainsAny(name, `"*?[`) || !validAt(name, half) {
			return
		}
		for _, p := range []string{name[:half] + "*", "*" + name[half:], name[:half] + "*" + name[half:]} {
			if !matches(t, p, name) {
				t.Errorf("pattern %q does not match the name %q", p, name)
			}
		}
	})
}

// validAt reports whether a string may be cut at i without cutting a character.
func validAt(s string, i int) bool {
	return strings.ToValidUTF8(s, "") == s && strings.ToValidUTF8(s[:i], "") == s[:i]
}

// big is a TOC like that of a large archive: tables of a table, its data, a
// sequence, a default, keys and indexes; n entries in all.
func big(tb testing.TB, n int) *toc.TOC {
	var entries []*toc.Entry
	for i := 0; len(entries) < n; i++ {
		id := toc.DumpID(10*i + 1)
		table := fmt.Sprintf("some_table_%d", i)
		entries = append(entries,
			entry(id, toc.Table, table),
			entry(id+1, toc.Sequence, table+"_id_seq", id),
			entry(id+2, toc.SequenceOwnedBy, table+"_id_seq", id+1),
			entry(id+3, toc.Default, table+" id", id, id+1),
			entry(id+4, toc.TableData, table, id),
			entry(id+5, toc.Constraint, table+" "+table+"_pkey", id, id),
			entry(id+6, toc.Index, fmt.Sprintf("index_%s_on_name", table), id),
			entry(id+7, toc.FKConstraint, fmt.Sprintf("%s fk_rails_%010x", table, i), max(id-5, 6), id, max(id-10, 1)),
			entry(id+8, toc.Comment, "TABLE "+table, id),
		)
	}
	return newTOC(tb, entries[:n]...)
}

func BenchmarkFind(b *testing.B) {
	contents := big(b, 45_000)
	for _, pattern := range []string{"fk_rails_0000001234", "public.some_table_77", `"some_table_77"`, "43210", "fk_rails_*77", "nothing"} {
		b.Run(pattern, func(b *testing.B) {
			for b.Loop() {
				contents.Find(toc.NewPattern(pattern), nil)
			}
		})
	}
}

func BenchmarkClosest(b *testing.B) {
	contents := big(b, 45_000)
	for b.Loop() {
		contents.Closest("fk_rials_0000001234", nil, 3)
	}
}
