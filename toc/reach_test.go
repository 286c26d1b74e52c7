package toc_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/toc"
)

// shop is a TOC in which everything needs something.
func shop(t *testing.T) *toc.TOC {
	t.Helper()
	return newTOC(t,
		in("", entry(1, toc.Schema, "types")),
		in("", entry(2, toc.Comment, "SCHEMA types", 1)),
		in("", entry(3, toc.Extension, "trgm")),
		in("types", entry(4, "SHELL TYPE", "mood", 1)),
		in("types", entry(5, toc.Function, "mood_in(cstring)", 4)),
		in("types", entry(6, "TYPE", "mood", 5, 1)),
		in("types", entry(7, toc.ACL, "TYPE mood", 6)),
		entry(8, toc.Function, "touch()"),
		entry(9, toc.ACL, "FUNCTION touch()", 8),
		entry(10, toc.Table, "people", 6),
		entry(11, toc.ACL, "TABLE people", 10),
		entry(12, toc.Sequence, "people_id_seq", 10),
		entry(13, toc.SequenceOwnedBy, "people_id_seq", 12),
		entry(14, toc.Default, "people id", 10, 12),
		entry(20, toc.Table, "orders"),
		entry(21, toc.Sequence, "numbers"),
		entry(22, toc.Table, "lines", 21), // its default draws from the sequence
		entry(25, toc.View, "v", 6),
		entry(26, toc.Function, "newest()", 25),
		entry(27, toc.View, "w", 25, 10),
		entry(30, toc.Table, "log"),
		entry(31, toc.Table, "log_1", 30),
		entry(32, toc.TableAttach, "log_1", 31, 30),
		entry(33, toc.MaterializedView, "m", 22),
		entry(34, toc.MaterializedView, "n", 33),
		entry(50, toc.TableData, "people", 10),
		entry(51, toc.TableData, "orders", 20, 50),
		entry(52, toc.TableData, "lines", 22),
		entry(53, toc.SequenceSet, "people_id_seq", 12),
		entry(54, toc.SequenceSet, "numbers", 21),
		entry(55, toc.TableData, "log_1", 31),
		entry(60, toc.Constraint, "people people_pkey", 10),
		entry(61, toc.Constraint, "orders orders_pkey", 20),
		entry(62, toc.Index, "people_name", 10, 3),
		entry(63, toc.Index, "log_i", 30),
		entry(64, toc.Index, "log_1_i", 31, 63),
		entry(65, toc.IndexAttach, "log_1_i", 64, 63, 31, 30),
		entry(66, toc.Rule, "v _RETURN", 20, 25),
		entry(67, toc.Rule, "people log", 10, 30),
		entry(70, toc.Trigger, "people touch", 10, 8),
		entry(71, toc.FKConstraint, "people boss", 10, 10, 60),
		entry(72, toc.FKConstraint, "people favourite", 10, 20, 61),
		entry(73, toc.FKConstraint, "orders buyer", 20, 10, 60),
		entry(74, toc.Comment, "CONSTRAINT favourite ON people", 72),
		entry(75, toc.RowSecurity, "people", 10),
		entry(76, toc.Policy, "people mine", 10, 20),
		in("", entry(80, toc.Publication, "pub")),
		entry(81, toc.PublicationTable, "pub people", 80, 10),
		entry(82, toc.MaterializedViewData, "m", 33),
		entry(83, toc.MaterializedViewData, "n", 34, 82),
	)
}

// The type of people, and with it its schema.
var moodIDs = []toc.DumpID{1, 2, 4, 5, 6, 7}

func and(lists ...[]toc.DumpID) []toc.DumpID {
	return slices.Sorted(slices.Values(slices.Concat(lists...)))
}

func TestWithDeps(t *testing.T) {
	contents := shop(t)
	for _, test := range []struct {
		name      string
		selection toc.Selection
		want      []toc.DumpID
	}{
		{"types and schemas, with comments and grants", toc.Selection{Tables: []string{"people"}}, and(moodIDs, []toc.DumpID{10, 11, 50, 75})},
		{"not the data of what is needed, but the value of a sequence", toc.Selection{Tables: []string{"lines"}}, []toc.DumpID{21, 22, 52, 54}},
		{"not the table whose data come first", toc.Selection{Tables: []string{"orders"}}, []toc.DumpID{20, 51}},
		{"the rest of a view", toc.Selection{Functions: []string{"newest()"}}, and(moodIDs, []toc.DumpID{20, 25, 26, 66})},
		{"the rest of a type", toc.Selection{Functions: []string{"mood_in(cstring)"}}, moodIDs},
		{"tables of a view", toc.Selection{Tables: []string{"w"}}, and(moodIDs, []toc.DumpID{10, 11, 20, 25, 27, 66, 75})},
		{"parent, attached", toc.Selection{Tables: []string{"log_1"}}, []toc.DumpID{30, 31, 32, 55}},
		{"the refresh that another needs", toc.Selection{Tables: []string{"n"}}, []toc.DumpID{21, 22, 33, 34, 54, 82, 83}},
		{"index and extension", toc.Selection{Indexes: []string{"people_name"}}, and(moodIDs, []toc.DumpID{3, 10, 11, 62, 75})},
		{"the function of a trigger", toc.Selection{Triggers: []string{"people touch"}}, and(moodIDs, []toc.DumpID{8, 9, 10, 11, 70, 75})},
		{"a schema is not one's own entry", toc.Selection{Schemas: []string{"types"}}, moodIDs},
		{"an owned sequence, its table", toc.Selection{Tables: []string{"people_id_seq"}}, and(moodIDs, []toc.DumpID{10, 11, 12, 13, 53, 75})},
		{"a list, in archive order", toc.Selection{UseList: true, List: []toc.DumpID{70, 12}}, and(moodIDs, []toc.DumpID{8, 9, 10, 11, 12, 13, 53, 70, 75})},
		{"a list with a key, but one of its tables", toc.Selection{UseList: true, List: []toc.DumpID{74, 20}}, []toc.DumpID{20}},
		{"a list with a key and its tables", toc.Selection{UseList: true, List: []toc.DumpID{72, 20, 10}}, and(moodIDs, []toc.DumpID{10, 11, 20, 61, 72, 74, 75})},
		{"keys by their schema", toc.Selection{Schemas: []string{"public"}, ExcludeTables: []string{"orders", "w", "v", "log", "log_1", "m", "n", "lines"}},
			and(moodIDs, []toc.DumpID{3, 8, 9, 10, 11, 12, 13, 14, 21, 26, 50, 53, 54, 60, 62, 67, 70, 71, 75, 76})}, // the rule cannot be made: the server says so
		{"the publication, too", toc.Selection{UseList: true, List: []toc.DumpID{80, 10}}, and(moodIDs, []toc.DumpID{10, 11, 75, 80, 81})},
		{"without what is excluded", toc.Selection{Tables: []string{"people"}, ExcludeSchemas: []string{"types"}}, []toc.DumpID{10, 11, 50, 75}},
		{"without kinds", toc.Selection{Tables: []string{"people"}, ExcludeKinds: []toc.Kind{"TYPE", toc.Schema}}, []toc.DumpID{10, 11, 50, 75}},
		{"data only", toc.Selection{Tables: []string{"lines"}, DataOnly: true}, []toc.DumpID{52, 54}},
		{"definitions only", toc.Selection{Tables: []string{"lines"}, SchemaOnly: true}, []toc.DumpID{21, 22}},
		{"no grants", toc.Selection{Tables: []string{"people"}, NoPrivileges: true, NoComments: true, NoPolicies: true}, []toc.DumpID{1, 4, 5, 6, 10, 50}},
		{"a section", toc.Selection{Triggers: []string{"people touch"}, Sections: []toc.Section{toc.SectionPostData}}, []toc.DumpID{70, 75}},
	} {
		test.selection.WithDeps = true
		if got := ids(test.selection.Apply(contents).Entries()); !slices.Equal(got, test.want) {
			t.Errorf("%s\n%s", test.name, difference(contents, got, test.want))
		}
	}
}

func TestWithDependents(t *testing.T) {
	contents := shop(t)
	people := and(moodIDs, []toc.DumpID{3, 8, 9, 10, 11, 12, 13, 14, 20, 30, 50, 53, 60, 61, 62, 67, 70, 71, 72, 74, 75, 76})
	for _, test := range []struct {
		name      string
		selection toc.Selection
		want      []toc.DumpID
	}{
		{"all of a table", toc.Selection{Tables: []string{"people"}}, people}, // the policy needs orders
		{"no policy, no key", toc.Selection{Tables: []string{"people"}, NoPolicies: true, ExcludeTables: []string{"orders", "log"}},
			and(moodIDs, []toc.DumpID{3, 8, 9, 10, 11, 12, 13, 14, 50, 53, 60, 62, 67, 70, 71})},
		{"a key from a table that is needed only", toc.Selection{Tables: []string{"orders"}}, []toc.DumpID{20, 51, 61}},
		{"both tables", toc.Selection{Tables: []string{"people", "orders"}}, and(people, []toc.DumpID{51, 73})},
		{"partition", toc.Selection{Tables: []string{"log_1"}}, []toc.DumpID{30, 31, 32, 55, 63, 64, 65}},
		{"sequence", toc.Selection{Tables: []string{"numbers"}}, []toc.DumpID{21, 54}},
		{"data only", toc.Selection{Tables: []string{"people"}, DataOnly: true}, []toc.DumpID{50, 53}},
		{"function", toc.Selection{Functions: []string{"touch()"}}, []toc.DumpID{8, 9}},
		{"nothing", toc.Selection{Tables: []string{"nothing"}}, nil},
	} {
		test.selection.WithDependents = true
		if got := ids(test.selection.Apply(contents).Entries()); !slices.Equal(got, test.want) {
			t.Errorf("%s\n%s", test.name, difference(contents, got, test.want))
		}
	}
}

// TestReachesNothingMore: what is all of the archive stays so.
func TestReachesNothingMore(t *testing.T) {
	for _, f := range fixtures.All(t) {
		contents := open(t, f)
		want := ids(toc.Selection{}.Apply(contents).Entries())
		for _, s := range []toc.Selection{{WithDeps: true}, {WithDependents: true}, {WithDeps: true, WithDependents: true}} {
			if got := ids(s.Apply(contents).Entries()); !slices.Equal(got, want) {
				t.Errorf("%s: %+v\n%s", f, s, difference(contents, got, want))
			}
		}
	}
}

// TestClosed checks of every relation and function of some fixtures that what
// is restored with it needs nothing that is not restored, but other data; that
// foreign keys have both their tables; and that with what belongs to it there
// is never less.
func TestClosed(t *testing.T) {
	if testing.Short() {
		t.Skip("long")
	}
	checked := 0
	for _, f := range []string{"9.5/c-gzip", "15/c-gzip", "18/c-statistics"} {
		contents := open(t, fixtures.Get(t, f))
		all := toc.Selection{}.Apply(contents)
		for i, e := range contents.Entries {
			if i%3 != 0 { // all of them take long
				continue
			}
			s := toc.Selection{Patterns: true, WithDeps: true}
			switch toc.SelectableAs(e.Kind) {
			case "table":
				s.Tables = []string{e.Tag}
			case "index":
				s.Indexes = []string{e.Tag}
			case "function":
				s.Functions = []string{e.Tag}
			case "trigger":
				s.Triggers = []string{e.Tag}
			default:
				continue
			}
			checked++
			deps := s.Apply(contents)
			name := fmt.Sprintf("%s: %s %q --with-deps", f, e.Kind, e.Tag)
			checkClosed(t, name, all, deps)
			s.WithDeps, s.WithDependents = false, true
			both := s.Apply(contents)
			checkClosed(t, strings.Replace(name, "deps", "dependents", 1), all, both)
			for _, e := range deps.Entries() {
				if both.Parts(e.ID) == 0 {
					t.Errorf("%s has %s %q, not so --with-dependents", name, e.Kind, e.Tag)
				}
			}
		}
	}
	if checked < 100 {
		t.Errorf("%d selections, too few", checked)
	}
}

func checkClosed(t *testing.T, name string, all, s *toc.Selected) {
	t.Helper()
	for _, e := range s.Entries() {
		for _, id := range e.Deps {
			d := s.TOC.Lookup(id)
			if d == nil || all.Parts(id) == 0 || s.Parts(id) != 0 || d.Kind == toc.TableData || d.Kind == toc.ACL {
				continue
			}
			t.Errorf("%s has %s %q, which needs %s %q", name, e.Kind, e.Tag, d.Kind, d.Tag)
		}
	}
}
