package toc_test

import (
	"slices"
	"testing"

	"github.com/pgarc/pgarc/toc"
)

// mixed is a TOC with what the fixtures lack.
func mixed(t *testing.T) *toc.TOC {
	t.Helper()
	return newTOC(t,
		defined("SET client_encoding = 'UTF8';\n", in("", entry(1, toc.Encoding, "ENCODING"))),
		in("", entry(2, toc.Database, "db")),
		in("", entry(3, toc.Comment, "DATABASE db", 2)),
		in("", entry(4, toc.SecurityLabel, "DATABASE db", 2)),
		entry(5, toc.Table, "t"),
		entry(6, toc.SecurityLabel, "TABLE t", 5),
		entry(7, toc.ACL, "TABLE t", 5),
		entry(8, toc.ACL, "COLUMN t.a", 7),           // depends on a grant alone
		in("", entry(9, toc.Comment, "ENCODING", 1)), // depends on a special entry
		in("", entry(10, toc.ACL, "LANGUAGE c")),     // of something that is not in the archive
		in("", entry(11, "<Init>", "Max OID")),
		entry(12, "PROPERTY GRAPH", "g"), // unknown
		data("", entry(13, toc.TableData, "t", 5)),
		data("-- load via partition root public.p", entry(14, toc.TableData, "u", 5)),
		in("", entry(15, toc.Comment, "LARGE OBJECT 77", 999)),
		in("", entry(16, toc.Subscription, "sub")),
		in("", entry(17, toc.SubscriptionTable, "sub t", 16, 5)),
		in("", entry(18, toc.Comment, "SUBSCRIPTION sub", 16)),
		in("", entry(19, toc.SecurityLabel, "SUBSCRIPTION sub", 16)),
		in("", entry(20, toc.Publication, "pub")),
		in("", entry(21, toc.SecurityLabel, "PUBLICATION pub", 20)),
		entry(22, toc.Comment, "POLICY p ON t", 5),
		entry(23, toc.ACLLanguage, "plpgsql"),
	)
}

// data gives an entry data, and a definition.
func data(defn string, e *toc.Entry) *toc.Entry {
	e.Defn, e.HasDumper = defn, true
	return e
}

func TestSelection(t *testing.T) {
	contents := mixed(t)
	for _, test := range []struct {
		name      string
		selection toc.Selection
		want      []toc.DumpID
	}{
		{"all", toc.Selection{}, []toc.DumpID{5, 6, 7, 8, 9, 10, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23}},
		{"-C", toc.Selection{Create: true}, []toc.DumpID{2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23}},
		{"-C --section=post-data", toc.Selection{Create: true, Sections: []toc.Section{toc.SectionPostData}},
			[]toc.DumpID{2, 16, 17, 18, 19, 20, 21, 22, 23}},
		{"-C -t none", toc.Selection{Create: true, Tables: []string{"none"}}, []toc.DumpID{2, 3, 4, 9}},
		{"-t t", toc.Selection{Tables: []string{"t"}}, []toc.DumpID{5, 6, 7, 9, 13, 22}},
		{"-n public", toc.Selection{Schemas: []string{"public"}}, []toc.DumpID{5, 6, 7, 9, 12, 13, 14, 22, 23}},
		{"-N public", toc.Selection{ExcludeSchemas: []string{"public"}}, []toc.DumpID{9, 16, 17, 18, 19, 20, 21}},
		{"-s", toc.Selection{SchemaOnly: true}, []toc.DumpID{5, 6, 7, 8, 9, 10, 12, 16, 17, 18, 19, 20, 21, 22, 23}},
		{"-a", toc.Selection{DataOnly: true}, []toc.DumpID{13, 14, 15}},
		{"-a -C", toc.Selection{DataOnly: true, Create: true}, []toc.DumpID{2, 13, 14, 15}},
		{"-x", toc.Selection{NoPrivileges: true}, []toc.DumpID{5, 6, 9, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22}},
		{"--no-security-labels", toc.Selection{NoSecurityLabels: true}, []toc.DumpID{5, 7, 8, 9, 10, 12, 13, 14, 15, 16, 17, 18, 20, 22, 23}},
		{"--no-subscriptions", toc.Selection{NoSubscriptions: true}, []toc.DumpID{5, 6, 7, 8, 9, 10, 12, 13, 14, 15, 20, 21, 22, 23}},
		{"--no-publications", toc.Selection{NoPublications: true}, []toc.DumpID{5, 6, 7, 8, 9, 10, 12, 13, 14, 15, 16, 17, 18, 19, 22, 23}},
		{"--no-policies", toc.Selection{NoPolicies: true}, []toc.DumpID{5, 6, 7, 8, 9, 10, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 23}},
		{"--no-comments", toc.Selection{NoComments: true}, []toc.DumpID{5, 6, 7, 8, 10, 12, 13, 14, 16, 17, 19, 20, 21, 23}},
		{"-L, empty", toc.Selection{UseList: true}, nil},
		{"-L, with ids twice and of no entry", toc.Selection{UseList: true, List: []toc.DumpID{13, 5, 999, 13, 5}}, []toc.DumpID{13, 5}},
		{"-L -t t, grant before its table", toc.Selection{UseList: true, List: []toc.DumpID{7, 5, 6}, Tables: []string{"t"}}, []toc.DumpID{5, 6}},
		{"-L, special", toc.Selection{UseList: true, List: []toc.DumpID{1, 11}}, nil},
	} {
		if got := ids(test.selection.Apply(contents).Entries()); !slices.Equal(got, test.want) {
			t.Errorf("%s\n%s", test.name, difference(contents, got, test.want))
		}
	}
}

func TestSelectedParts(t *testing.T) {
	both := data("CREATE FOREIGN TABLE t ();\n", entry(3, "FUTURE", "f"))
	contents := newTOC(t,
		defined("SET client_encoding = 'UTF8';\n", entry(1, toc.Encoding, "ENCODING")),
		entry(2, toc.Table, "t"),
		both,
		entry(4, toc.TableData, "t", 2),
		entry(5, toc.SequenceSet, "s"),
		entry(6, toc.StatisticsData, "t", 2),
		defined("", entry(7, toc.Table, "empty")),
	)
	const none toc.Parts = 0
	for _, test := range []struct {
		name      string
		selection toc.Selection
		want      []toc.Parts // of the entries 1 to 7
		schema    bool
	}{
		{"all", toc.Selection{}, []toc.Parts{none, toc.PartSchema, toc.PartSchema | toc.PartData, toc.PartData, toc.PartData, toc.PartStatistics, none}, true},
		{"-s", toc.Selection{SchemaOnly: true}, []toc.Parts{none, toc.PartSchema, toc.PartSchema, none, none, none, none}, true},
		{"-a", toc.Selection{DataOnly: true}, []toc.Parts{none, none, toc.PartData, toc.PartData, toc.PartData, none, none}, false},
		{"--statistics-only", toc.Selection{StatisticsOnly: true}, []toc.Parts{none, none, none, none, none, toc.PartStatistics, none}, false},
	} {
		s := test.selection.Apply(contents)
		var got []toc.Parts
		for _, e := range contents.Entries {
			got = append(got, s.Parts(e.ID))
		}
		// A SEQUENCE SET has a definition, which counts as data.
		if !slices.Equal(got, test.want) || s.Schema != test.schema {
			t.Errorf("%s: parts %v, Schema %v; want %v, %v", test.name, got, s.Schema, test.want, test.schema)
		}
	}
	if got := (toc.Selection{}).Apply(contents).Parts(999); got != 0 {
		t.Errorf("Parts of no entry = %v, want 0", got)
	}
}

// TestSelectedSchema is about "implied no-schema restore".
func TestSelectedSchema(t *testing.T) {
	contents := mixed(t)
	for _, test := range []struct {
		name      string
		selection toc.Selection
		want      bool
	}{
		{"all", toc.Selection{}, true},
		{"-a", toc.Selection{DataOnly: true}, false},
		{"-a -C", toc.Selection{DataOnly: true, Create: true}, false}, // though the database's entry is kept
		{"--no-schema", toc.Selection{NoSchema: true}, false},
		{"--section=data", toc.Selection{Sections: []toc.Section{toc.SectionData}}, false},
		{"--section=data -C", toc.Selection{Sections: []toc.Section{toc.SectionData}, Create: true}, true},
		{"-L of data", toc.Selection{UseList: true, List: []toc.DumpID{13}}, false},
		{"-L of a table", toc.Selection{UseList: true, List: []toc.DumpID{13, 5}}, true},
	} {
		if got := test.selection.Apply(contents).Schema; got != test.want {
			t.Errorf("%s: Schema = %v, want %v", test.name, got, test.want)
		}
	}
}

// TestSectionOf checks that comments and grants take the section of what
// stands before them, also where a list moves them.
func TestSectionOf(t *testing.T) {
	contents := newTOC(t,
		in("", entry(1, toc.Comment, "EXTENSION e")),
		entry(2, toc.TableData, "t"),
		entry(3, toc.ACL, "LARGE OBJECT 1"),
		entry(4, toc.Index, "i"),
		entry(5, toc.Comment, "INDEX i", 4),
		entry(6, toc.SecurityLabel, "INDEX i", 4),
		entry(7, toc.Table, "t"), // pre-data again
		entry(8, toc.Comment, "TABLE t", 7),
	)
	const (
		pre  = toc.SectionPreData
		data = toc.SectionData
		post = toc.SectionPostData
	)
	for _, test := range []struct {
		name string
		list []toc.DumpID
		want []toc.Section // of the entries 1 to 8
	}{
		{"archive order", nil, []toc.Section{pre, data, data, post, post, post, pre, pre}},
		{"comment moved behind the data", []toc.DumpID{4, 2, 5, 8}, []toc.Section{pre, data, pre, post, data, pre, pre, data}},
		{"comments first", []toc.DumpID{5, 4}, []toc.Section{pre, data, data, post, pre, data, pre, pre}},
	} {
		s := toc.Selection{UseList: test.list != nil, List: test.list}.Apply(contents)
		var got []toc.Section
		for _, e := range contents.Entries {
			got = append(got, s.SectionOf(e.ID))
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: sections %v, want %v", test.name, got, test.want)
		}
	}
}

// TestSelectedOrder checks that a list moves its entries to the end.
func TestSelectedOrder(t *testing.T) {
	contents := newTOC(t, entry(1, toc.Table, "a"), entry(2, toc.Table, "b"), entry(3, toc.Table, "c"), entry(4, toc.Table, "d"))
	s := toc.Selection{UseList: true, List: []toc.DumpID{3, 1}}.Apply(contents)
	if got, want := ids(s.Order), []toc.DumpID{2, 4, 3, 1}; !slices.Equal(got, want) {
		t.Errorf("Order = %v, want %v", got, want)
	}
	if got, want := ids(contents.Entries), []toc.DumpID{1, 2, 3, 4}; !slices.Equal(got, want) {
		t.Errorf("Apply changed the TOC: %v, was %v", got, want)
	}
}

func TestUnmatched(t *testing.T) {
	contents := mixed(t)
	s := toc.Selection{
		Schemas:   []string{"nowhere", "public"},
		Tables:    []string{"t", "none"},
		Indexes:   []string{"none"},
		Functions: []string{"none()"},
		Triggers:  []string{"t none"},
	}.Apply(contents)
	want := []toc.Unmatched{{"schema", "nowhere", true}, {"table", "none", true}, {"index", "none", true},
		{"function", "none()", true}, {"trigger", "t none", true}}
	if !slices.Equal(s.Unmatched, want) {
		t.Errorf("Unmatched = %v, want %v", s.Unmatched, want)
	}
	if got := (toc.Selection{ExcludeSchemas: []string{"nowhere"}}).Apply(contents).Unmatched; len(got) > 0 {
		t.Errorf("-N nowhere: Unmatched = %v, want none", got)
	}
}

func TestSectionString(t *testing.T) {
	for s, want := range map[toc.Section]string{
		toc.SectionNone: "none", toc.SectionPreData: "pre-data", toc.SectionData: "data", toc.SectionPostData: "post-data", 0: "none",
	} {
		if got := s.String(); got != want {
			t.Errorf("Section(%d).String() = %q, want %q", s, got, want)
		}
	}
}
