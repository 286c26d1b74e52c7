package toc_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/toc"
)

// kindNames are pg_dump's names of what it puts into archives, those of old
// versions included. The list stands apart from the package's table on purpose.
var kindNames = strings.Split(strings.TrimSpace(`
ACCESS METHOD
ACL
ACL LANGUAGE
AGGREGATE
BLOB
BLOB COMMENTS
BLOB METADATA
BLOBS
CAST
CHECK CONSTRAINT
COLLATION
COMMENT
CONSTRAINT
CONVERSION
DATABASE
DATABASE PROPERTIES
DEFAULT
DEFAULT ACL
DOMAIN
ENCODING
EVENT TRIGGER
EXTENSION
FK CONSTRAINT
FOREIGN DATA WRAPPER
FOREIGN TABLE
FUNCTION
INDEX
INDEX ATTACH
MATERIALIZED VIEW
MATERIALIZED VIEW DATA
OPERATOR
OPERATOR CLASS
OPERATOR FAMILY
POLICY
PROCEDURAL LANGUAGE
PROCEDURE
PUBLICATION
PUBLICATION TABLE
PUBLICATION TABLES IN SCHEMA
ROW SECURITY
RULE
SCHEMA
SEARCHPATH
SECURITY LABEL
SEQUENCE
SEQUENCE OWNED BY
SEQUENCE SET
SERVER
SHELL TYPE
STATISTICS
STATISTICS DATA
STDSTRINGS
SUBSCRIPTION
SUBSCRIPTION TABLE
TABLE
TABLE ATTACH
TABLE DATA
TEXT SEARCH CONFIGURATION
TEXT SEARCH DICTIONARY
TEXT SEARCH PARSER
TEXT SEARCH TEMPLATE
TRANSFORM
TRIGGER
TYPE
USER MAPPING
VIEW
WARNING`), "\n")

func TestKindsKnown(t *testing.T) {
	for _, name := range kindNames {
		if !toc.Kind(name).Known() {
			t.Errorf("kind %q is not known", name)
		}
	}
	if k := toc.Kind("GRAPH"); k.Known() || k.Info() != (toc.KindInfo{}) {
		t.Errorf("kind %q: Known() = %v, Info() = %+v, want false and zero", k, k.Known(), k.Info())
	}
}

// TestKindsOfFixtures looks whether pg_dump puts entries where the table says.
func TestKindsOfFixtures(t *testing.T) {
	for _, f := range fixtures.All(t) {
		for _, e := range open(t, f).Entries {
			switch {
			case e.Kind == "pg_largeobject" && f.Name[3:] == "kinds-upgrade": // pg_upgrade's own, never restored by hand
			case !e.Kind.Known():
				t.Errorf("%s: entry %d: kind %q is not known", f, e.ID, e.Kind)
			case e.Kind == toc.StatisticsData && e.Section == toc.SectionPostData: // of an index or a matview
			case e.Section != e.Kind.Info().Section:
				t.Errorf("%s: %s %q is in section %v; table of kinds: %v", f, e.Kind, e.Tag, e.Section, e.Kind.Info().Section)
			}
		}
	}
}

// TestParseKinds checks that each kind can be written in each way, and that no
// two have a spelling in common.
func TestParseKinds(t *testing.T) {
	contents := newTOC(t)
	owner := make(map[string]toc.Kind) // of each spelling
	for _, name := range kindNames {
		kind := toc.Kind(name)
		lower := strings.ToLower(name)
		spellings := []string{name, lower, strings.ReplaceAll(lower, " ", "-"), strings.ReplaceAll(lower, " ", "_"), " " + name + " "}
		if short := kind.Info().Short; short != "" {
			spellings = append(spellings, short, strings.ToUpper(short))
		}
		for _, s := range spellings {
			got, unknown := contents.ParseKinds(s)
			if len(unknown) > 0 || !slices.Equal(got, []toc.Kind{kind}) {
				t.Errorf("ParseKinds(%q) = %q, unknown %q; want %q", s, got, unknown, kind)
			}
		}
		for _, s := range []string{lower, kind.Info().Short} {
			if other, taken := owner[s]; taken && s != "" && other != kind {
				t.Errorf("%q stands for %q and for %q", s, other, kind)
			}
			owner[s] = kind
		}
	}
}

func TestParseKindsList(t *testing.T) {
	contents := newTOC(t, entry(1, "PROPERTY GRAPH", "g"), entry(2, toc.Table, "t"))
	for _, test := range []struct {
		list    string
		kinds   []toc.Kind
		unknown []string
	}{
		{"", nil, nil},
		{" , ,", nil, nil},
		{"fk,index", []toc.Kind{toc.FKConstraint, toc.Index}, nil},
		{"fk, Table-Data ,tabel", []toc.Kind{toc.FKConstraint, toc.TableData}, []string{"tabel"}},
		{"property-graph,property graph", []toc.Kind{"PROPERTY GRAPH", "PROPERTY GRAPH"}, nil},
		{"table  data", nil, []string{"table  data"}},
		{"tables", nil, []string{"tables"}},
	} {
		kinds, unknown := contents.ParseKinds(test.list)
		if !slices.Equal(kinds, test.kinds) || !slices.Equal(unknown, test.unknown) {
			t.Errorf("ParseKinds(%q) = %q, unknown %q; want %q, %q", test.list, kinds, unknown, test.kinds, test.unknown)
		}
	}
}

func TestKindNames(t *testing.T) {
	contents := newTOC(t, entry(1, "PROPERTY GRAPH", "g"))
	names := contents.KindNames()
	if !slices.IsSorted(names) {
		t.Errorf("KindNames() is not sorted: %q", names)
	}
	for _, name := range []string{"fk", "fk-constraint", "table", "table-data", "property-graph"} {
		if !slices.Contains(names, name) {
			t.Errorf("KindNames() has no %q: %q", name, names)
		}
	}
	for _, name := range names {
		kinds, unknown := contents.ParseKinds(name)
		if len(kinds) != 1 || len(unknown) > 0 {
			t.Errorf("KindNames() has %q, which ParseKinds reads as %q, unknown %q", name, kinds, unknown)
		}
	}
	for _, special := range []string{"encoding", "stdstrings", "searchpath"} {
		if slices.Contains(names, special) {
			t.Errorf("KindNames() has %q, of which there is nothing to list", special)
		}
	}
}

func TestPassOf(t *testing.T) {
	in := func(s toc.Section, e *toc.Entry) *toc.Entry {
		e.Section = s
		return e
	}
	for _, test := range []struct {
		entry *toc.Entry
		want  toc.Pass
	}{
		{entry(1, toc.Table, "t"), toc.PassMain},
		{entry(1, toc.TableData, "t"), toc.PassMain},
		{entry(1, toc.FKConstraint, "t f"), toc.PassMain},
		{entry(1, toc.MaterializedView, "m"), toc.PassMain},
		{entry(1, toc.Publication, "p"), toc.PassMain},
		{entry(1, "GRAPH", "g"), toc.PassMain},
		{entry(1, toc.ACL, "TABLE t"), toc.PassACL},
		{entry(1, toc.ACLLanguage, "plpgsql"), toc.PassACL},
		{entry(1, toc.DefaultACL, "DEFAULT PRIVILEGES FOR TABLES"), toc.PassACL},
		{entry(1, toc.EventTrigger, "e"), toc.PassPostACL},
		{entry(1, toc.MaterializedViewData, "m"), toc.PassPostACL},
		{entry(1, toc.Comment, "EVENT TRIGGER e"), toc.PassPostACL},
		{entry(1, toc.SecurityLabel, "EVENT TRIGGER e"), toc.PassPostACL},
		{entry(1, toc.Comment, "EVENT TRIGGER"), toc.PassMain},
		{entry(1, toc.Comment, "TABLE \"EVENT TRIGGER \""), toc.PassMain},
		{entry(1, toc.SecurityLabel, "TABLE t"), toc.PassMain},
		{entry(1, toc.ACL, "EVENT TRIGGER e"), toc.PassACL},
		{entry(1, toc.Table, "EVENT TRIGGER e"), toc.PassMain},
		{in(toc.SectionData, entry(1, toc.StatisticsData, "t")), toc.PassMain},
		{in(toc.SectionPostData, entry(1, toc.StatisticsData, "i")), toc.PassPostACL},
	} {
		if got := toc.PassOf(test.entry); got != test.want {
			t.Errorf("PassOf(%s %q, section %v) = %d, want %d", test.entry.Kind, test.entry.Tag, test.entry.Section, got, test.want)
		}
	}
}
