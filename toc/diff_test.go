package toc_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/toc"
)

// pairLines are pairs in words: "-": only old, "+": only new, "=": the same,
// "~": what differs.
func pairLines(a, b *toc.TOC) []string {
	var list []string
	for _, p := range toc.PairUp(a, a.Entries, b, b.Entries) {
		name := fmt.Sprintf("%s %s", p.Kind, p.Name)
		switch differs := p.Differences(); {
		case p.New == nil:
			list = append(list, "- "+name)
		case p.Old == nil:
			list = append(list, "+ "+name)
		case differs == nil:
			list = append(list, "= "+name)
		default:
			list = append(list, fmt.Sprintf("~ %s %q", name, differs))
		}
	}
	return list
}

func owned(owner string, e *toc.Entry) *toc.Entry {
	e.Owner = toc.NewText(owner)
	return e
}

func copied(statement string, e *toc.Entry) *toc.Entry {
	e.Copy = statement
	return e
}

func TestPairUp(t *testing.T) {
	const f1, f2 = "f(integer)", "f(text)"
	for _, test := range []struct {
		name     string
		old, new []*toc.Entry
		want     []string
	}{
		{"nothing", nil, nil, nil},
		{"ids, OIDs, dependencies and order are noise",
			[]*toc.Entry{entry(1, toc.Table, "a"), entry(2, toc.Table, "b"), entry(3, toc.Index, "i", 1, 2)},
			[]*toc.Entry{entry(7, toc.Index, "i", 6, 5), {ID: 5, Kind: toc.Table, Tag: "b", OID: 9, ClassOID: 1259, Section: toc.SectionPreData, Namespace: "public", Defn: "CREATE something;\n"}, entry(6, toc.Table, "a")},
			[]string{"= TABLE public.a", "= TABLE public.b", "= INDEX public.i"}},
		{"removed, added, another schema, another kind",
			[]*toc.Entry{entry(1, toc.Table, "a"), entry(2, toc.Table, "b"), entry(3, toc.View, "v")},
			[]*toc.Entry{entry(1, toc.Table, "a"), in("app", entry(2, toc.Table, "b")), entry(3, toc.MaterializedView, "v")},
			[]string{"+ MATERIALIZED VIEW public.v", "+ TABLE app.b", "= TABLE public.a", "- TABLE public.b", "- VIEW public.v"}},
		{"overloads",
			[]*toc.Entry{entry(1, toc.Function, f1), defined("two", entry(2, toc.Function, f2))},
			[]*toc.Entry{defined("2", entry(2, toc.Function, f2)), entry(3, toc.Function, "f()")},
			[]string{"+ FUNCTION public.f()", "- FUNCTION public.f(integer)", `~ FUNCTION public.f(text) ["definition"]`}},
		{"constraints of two tables",
			[]*toc.Entry{dropped("ALTER TABLE ONLY public.a DROP CONSTRAINT c;\n", entry(1, toc.FKConstraint, "a c"))},
			[]*toc.Entry{dropped("ALTER TABLE ONLY public.b DROP CONSTRAINT c;\n", entry(1, toc.FKConstraint, "b c"))},
			[]string{"- FK CONSTRAINT public.a.c", "+ FK CONSTRAINT public.b.c"}},
		{"operators of one name by operands",
			[]*toc.Entry{dropped("DROP OPERATOR public.+ (a, a);\n", entry(1, "OPERATOR", "+")), dropped("DROP OPERATOR public.+ (b, b);\n", entry(2, "OPERATOR", "+"))},
			[]*toc.Entry{dropped("DROP OPERATOR public.+ (b, b);\n", defined("x", entry(1, "OPERATOR", "+")))},
			[]string{"- OPERATOR public.+", `~ OPERATOR public.+ ["definition"]`}},
		{"default privileges by role",
			[]*toc.Entry{owned("joe", entry(1, toc.DefaultACL, "DEFAULT PRIVILEGES FOR TABLES")), owned("ann", entry(2, toc.DefaultACL, "DEFAULT PRIVILEGES FOR TABLES"))},
			[]*toc.Entry{owned("ann", entry(3, toc.DefaultACL, "DEFAULT PRIVILEGES FOR TABLES"))},
			[]string{"= DEFAULT ACL public.DEFAULT PRIVILEGES FOR TABLES", "- DEFAULT ACL public.DEFAULT PRIVILEGES FOR TABLES"}},
		{"several of one name: those alike first",
			[]*toc.Entry{defined("1", entry(1, "THING", "t")), defined("2", entry(2, "THING", "t")), defined("3", entry(3, "THING", "t"))},
			[]*toc.Entry{defined("2", entry(1, "THING", "t")), defined("1b", entry(2, "THING", "t"))},
			[]string{`~ THING public.t ["definition"]`, "= THING public.t", "- THING public.t"}},
		{"owners, where they are set",
			[]*toc.Entry{owned("joe", entry(1, toc.Table, "a")), owned("joe", entry(2, toc.Index, "i")), owned("joe", entry(3, toc.Comment, "TABLE a"))},
			[]*toc.Entry{owned("ann", entry(1, toc.Table, "a")), owned("ann", entry(2, toc.Index, "i")), owned("ann", entry(3, toc.Comment, "TABLE a"))},
			[]string{`~ TABLE public.a ["owner"]`, "= INDEX public.i", "= COMMENT public.TABLE a"}},
		{"tablespace and access method; none recorded is the usual one",
			[]*toc.Entry{{ID: 1, Kind: toc.Table, Tag: "a", TableAM: "heap"}, {ID: 2, Kind: toc.Table, Tag: "b"}},
			[]*toc.Entry{{ID: 1, Kind: toc.Table, Tag: "a", TableAM: "columnar", Tablespace: toc.NewText("fast")}, {ID: 2, Kind: toc.Table, Tag: "b", TableAM: "heap", Tablespace: toc.NewText("")}},
			[]string{`~ TABLE a ["tablespace" "access method"]`, "= TABLE b"}},
		{"columns of COPY, but not what it copies into; INSERT has none",
			[]*toc.Entry{copied("COPY public.a (x) FROM stdin;\n", entry(1, toc.TableData, "a")), copied("COPY b (x) FROM stdin;\n", entry(2, toc.TableData, "b")), entry(3, toc.TableData, "c")},
			[]*toc.Entry{copied("COPY public.a (x, y) FROM stdin;\n", entry(1, toc.TableData, "a")), copied("COPY public.b (x) FROM stdin;\n", entry(2, toc.TableData, "b")), copied("COPY public.c (x) FROM stdin;\n", entry(3, toc.TableData, "c"))},
			[]string{`~ TABLE DATA public.a ["columns"]`, "= TABLE DATA public.b", "= TABLE DATA public.c"}},
	} {
		got := pairLines(newTOC(t, test.old...), newTOC(t, test.new...))
		if !slices.Equal(got, test.want) {
			t.Errorf("%s:\ngot\n%s\nwant\n%s", test.name, strings.Join(got, "\n"), strings.Join(test.want, "\n"))
		}
	}
}

// Two archives that hold the same in another order, under other ids, have the
// same pairs in the same order, all of them equal.
func TestPairUpOrder(t *testing.T) {
	for _, f := range fixtures.All(t) {
		r, err := archive.Open(f.Path)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		var other []*toc.Entry
		for _, e := range r.TOC.Entries {
			c := *e
			c.OID += 1000
			other = append(other, &c)
		}
		rand.New(rand.NewPCG(1, 2)).Shuffle(len(other), func(i, j int) { other[i], other[j] = other[j], other[i] })
		shuffled := newTOC(t, other...)
		got := pairLines(r.TOC, shuffled)
		if want := pairLines(r.TOC, r.TOC); !slices.Equal(got, want) || len(got) != f.Entries {
			t.Errorf("%s: %d pairs in another order, want the %d of its %d entries", f, len(got), len(want), f.Entries)
		}
		for _, line := range got {
			if !strings.HasPrefix(line, "= ") {
				t.Errorf("%s against itself, shuffled: %s", f, line)
			}
		}
	}
}

// An archive may have as many entries of one name as it likes.
func TestPairUpSameNames(t *testing.T) {
	const n = 45_000
	var olds, news []*toc.Entry
	for i := range toc.DumpID(n) {
		olds = append(olds, defined(fmt.Sprint("old", i), entry(i+1, toc.Table, "t")))
		news = append(news, defined(fmt.Sprint("new", i), entry(i+1, toc.Table, "t")))
	}
	a, b := newTOC(t, olds...), newTOC(t, news...)
	start := time.Now()
	if got := len(toc.PairUp(a, a.Entries, b, b.Entries)); got != n {
		t.Errorf("%d pairs, want %d", got, n)
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("took %v: every entry is compared with every other", took)
	}
}

func TestCopyColumns(t *testing.T) {
	for _, test := range []struct{ statement, want string }{
		{"", ""},
		{"COPY public.t  FROM stdin;\n", ""},
		{"COPY public.t (a, \"b)\") FROM stdin;\n", `a, "b)"`},
		{"COPY \"s (\".\"t (x)\" (\"c \"\"(\") FROM stdin;\n", `"c ""("`},
		{"COPY t (a) WITH OIDS FROM stdin;\n", "a"},
		{"COPY t (a", ""},
		{"COPY \"t (a) FROM stdin", ""},
	} {
		if got := toc.CopyColumns(test.statement); got != test.want {
			t.Errorf("CopyColumns(%q) = %q, want %q", test.statement, got, test.want)
		}
	}
}

func BenchmarkPairUp(b *testing.B) {
	contents := big(b, 45_000)
	for b.Loop() {
		for _, p := range toc.PairUp(contents, contents.Entries, contents, contents.Entries) {
			if p.Differences() != nil {
				b.Fatalf("%v differs from itself", p)
			}
		}
	}
}
