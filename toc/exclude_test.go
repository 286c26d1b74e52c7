package toc_test

import (
	"slices"
	"testing"

	"github.com/pgarc/pgarc/toc"
)

// linked is a TOC of two tables and all that can belong to and be between them.
func linked(t *testing.T) *toc.TOC {
	t.Helper()
	return newTOC(t,
		in("", entry(1, toc.Extension, "citext")),
		in("", entry(2, toc.Comment, "EXTENSION citext", 1)),
		entry(3, toc.TableData, "citext_settings", 1), // of a table of the extension
		entry(5, toc.Function, "f()"),
		entry(6, toc.ACL, "FUNCTION f()", 5),
		entry(10, toc.Table, "a", 1),
		entry(11, toc.Comment, "TABLE a", 10),
		entry(12, toc.ACL, "TABLE a", 10),
		entry(13, toc.ACL, "COLUMN a.x", 10, 12),
		entry(14, toc.Sequence, "a_id_seq", 10),
		entry(15, toc.SequenceOwnedBy, "a_id_seq", 14),
		entry(16, toc.Default, "a id", 10, 14),
		entry(20, toc.Table, "b"),
		entry(21, toc.View, "v", 10),
		entry(22, toc.MaterializedView, "m", 20),
		entry(23, toc.Table, "part"),
		entry(24, toc.TableAttach, "part", 23, 10),
		entry(30, toc.TableData, "a", 10),
		entry(31, toc.TableData, "b", 20, 30), // after a's, as pg_dump -a has it
		entry(32, toc.SequenceSet, "a_id_seq", 14),
		entry(40, toc.Constraint, "a a_pkey", 10),
		entry(41, toc.Constraint, "b b_pkey", 20),
		entry(42, toc.Index, "a_x", 10, 1),
		entry(43, toc.Index, "part_x", 23, 42),
		entry(44, toc.IndexAttach, "part_x", 43, 42, 10, 23),
		entry(45, toc.Comment, "INDEX a_x", 42),
		entry(50, toc.Trigger, "a touch", 10, 5),
		entry(51, toc.Comment, "TRIGGER touch ON a", 50),
		entry(60, toc.FKConstraint, "a to_b", 10, 20, 41),
		entry(61, toc.FKConstraint, "b to_a", 20, 10, 40),
		entry(62, toc.Comment, "CONSTRAINT to_a ON b", 61),
		entry(63, toc.Rule, "a log", 10, 20),
		entry(64, toc.Policy, "a mine", 10),
		entry(65, toc.RowSecurity, "a", 10),
		in("", entry(70, toc.Publication, "p")),
		entry(71, toc.PublicationTable, "p a", 70, 10),
		entry(80, toc.MaterializedViewData, "m", 22),
	)
}

func TestExclude(t *testing.T) {
	contents := linked(t)
	for _, test := range []struct {
		name      string
		selection toc.Selection
		gone      []toc.DumpID
	}{
		{"table", toc.Selection{ExcludeTables: []string{"a"}},
			[]toc.DumpID{10, 11, 12, 13, 14, 15, 16, 24, 30, 32, 40, 42, 44, 45, 50, 51, 60, 61, 62, 63, 64, 65, 71}},
		{"table, by a pattern", toc.Selection{ExcludeTables: []string{"public.[b]"}, Patterns: true}, []toc.DumpID{20, 31, 41, 60, 61, 62}},
		{"the other table", toc.Selection{ExcludeTables: []string{"b"}}, []toc.DumpID{20, 31, 41, 60, 61, 62}},
		{"view", toc.Selection{ExcludeTables: []string{"v"}}, []toc.DumpID{21}},
		{"materialized view", toc.Selection{ExcludeTables: []string{"m"}}, []toc.DumpID{22, 80}},
		{"sequence", toc.Selection{ExcludeTables: []string{"a_id_seq"}}, []toc.DumpID{14, 15, 32}},
		{"data", toc.Selection{ExcludeTableData: []string{"a", "m", "a_id_seq"}}, []toc.DumpID{30, 32, 80}},
		{"index", toc.Selection{ExcludeIndexes: []string{"a_x"}}, []toc.DumpID{42, 44, 45}},
		{"function", toc.Selection{ExcludeFunctions: []string{"f()"}}, []toc.DumpID{5, 6}},
		{"trigger", toc.Selection{ExcludeTriggers: []string{"a touch"}}, []toc.DumpID{50, 51}},
		{"extension", toc.Selection{ExcludeExtensions: []string{"citext"}}, []toc.DumpID{1, 2, 3}},
		{"kinds", toc.Selection{ExcludeKinds: []toc.Kind{toc.FKConstraint, toc.Trigger}}, []toc.DumpID{50, 51, 60, 61, 62}},
		{"constraints, and so keys that refer to them", toc.Selection{ExcludeKinds: []toc.Kind{toc.Constraint}}, []toc.DumpID{40, 41, 60, 61, 62}},
		{"grants", toc.Selection{ExcludeKinds: []toc.Kind{toc.ACL}}, []toc.DumpID{6, 12, 13}},
		{"data of all", toc.Selection{ExcludeKinds: []toc.Kind{toc.TableData}}, []toc.DumpID{3, 30, 31}},
		{"of what is selected", toc.Selection{Tables: []string{"b", "m"}, ExcludeTables: []string{"m"}},
			[]toc.DumpID{1, 2, 3, 5, 6, 10, 11, 12, 13, 14, 15, 16, 21, 22, 23, 24, 30, 32, 40, 41, 42, 43, 44, 45, 50, 51, 60, 61, 62, 63, 64, 65, 70, 71, 80}},
	} {
		want := slices.DeleteFunc(ids(contents.Entries), func(id toc.DumpID) bool { return slices.Contains(test.gone, id) })
		if got := ids(test.selection.Apply(contents).Entries()); !slices.Equal(got, want) {
			t.Errorf("%s\n%s", test.name, difference(contents, got, want))
		}
	}
}

func TestExcludeUnmatched(t *testing.T) {
	r := toc.Selection{
		ExcludeTables: []string{"a", "x"}, ExcludeTableData: []string{"v"}, ExcludeIndexes: []string{"i*"},
		ExcludeExtensions: []string{"e"}, Patterns: true,
	}.Apply(linked(t))
	want := []toc.Unmatched{{"table", "x", false}, {"index", "i*", false}, {"extension", "e", false}}
	if !slices.Equal(r.Unmatched, want) { // the view is there, though it has no data
		t.Errorf("unmatched %v, want %v", r.Unmatched, want)
	}
}
