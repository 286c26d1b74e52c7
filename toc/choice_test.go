package toc_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/toc"
)

func TestChoices(t *testing.T) {
	for _, test := range []struct {
		name      string
		contents  *toc.TOC
		selection toc.Selection
		want      string
	}{
		{"nothing asked for", mixed(t), toc.Selection{}, ""},
		{"names", named(t), toc.Selection{Tables: []string{"status_seq", "none"}, Indexes: []string{"statuses_i"}}, `
table status_seq: keeps [12 13], drops []
table none: keeps [], drops []
index statuses_i: keeps [40], drops []
: keeps [], drops [1 2 3 10 11 14 20 30 31 32 33 41 50 51 60 61 62]`},
		{"schemas; the comment stands among data", named(t), toc.Selection{Schemas: []string{"app"}, ExcludeSchemas: []string{"public"}, Sections: []toc.Section{toc.SectionPreData}}, `
schema app: keeps [10 12 60 61], drops []
exclude-schema public: keeps [], drops []
section: keeps [], drops [11 13 14 40 41 50 51]
: keeps [], drops [1 2 3 20 30 31 32 33 62]`},
		{"a list", named(t), toc.Selection{UseList: true, List: []toc.DumpID{10}}, `
use-list: keeps [10], drops [1 2 3 11 12 13 14 20 30 31 32 33 40 41 50 51 60 61 62]`},
		{"parts", linked(t), toc.Selection{SchemaOnly: true, NoComments: true, ExcludeKinds: []toc.Kind{toc.FKConstraint}}, `
exclude-type FK CONSTRAINT: keeps [], drops [60 61]
schema-only: keeps [], drops [3 30 31 32]
no-comments: keeps [], drops [2 11 45 51 62]`},
		{"all of a table", shop(t), toc.Selection{Tables: []string{"orders"}, WithDependents: true, ExcludeTableData: []string{"orders"}, Patterns: true}, `
table orders: keeps [20], drops []
with-dependents: keeps [61], drops [73]
exclude-table-data orders: keeps [], drops [51]
: keeps [], drops [1 2 3 4 5 6 7 8 9 10 11 12 13 14 21 22 25 26 27 30 31 32 33 34 50 52 53 54 55 60 62 63 64 65 66 67 70 71 72 74 75 76 80 81 82 83]`},
		{"the database", mixed(t), toc.Selection{Create: true, DataOnly: true}, `
create: keeps [2], drops []
data-only: keeps [], drops [3 4 5 6 7 8 9 10 12 16 17 18 19 20 21 22 23]`},
	} {
		var b strings.Builder
		for _, c := range test.selection.Apply(test.contents).Choices() {
			fmt.Fprintf(&b, "\n%s: keeps %v, drops %v", strings.TrimPrefix(c.Option+" "+c.Name, " "), ids(c.Kept), ids(c.Dropped))
		}
		if got := strings.ReplaceAll(b.String(), " :", ":"); got != test.want {
			t.Errorf("%s:%s\nwant:%s", test.name, got, test.want)
		}
	}
}

// TestChoicesAddUp checks that with names all that is kept and dropped has a
// reason, once.
func TestChoicesAddUp(t *testing.T) {
	contents := open(t, fixtures.Get(t, "15/c-gzip"))
	for _, s := range []toc.Selection{
		{Tables: []string{"statuses"}, Create: true},
		{Tables: []string{"stat*"}, Patterns: true, WithDeps: true},
		{Tables: []string{"accounts"}, WithDependents: true, NoPrivileges: true, ExcludeIndexes: []string{"search_index"}, Create: true},
		{Schemas: []string{"ext_things"}, WithDependents: true, SchemaOnly: true},
	} {
		r := s.Apply(contents)
		kept, dropped := 0, 0
		for _, c := range r.Choices() {
			kept += len(c.Kept)
			dropped += len(c.Dropped)
		}
		all := 0
		for _, e := range contents.Entries {
			if !e.IsSpecial() && (s.Create || e.Kind != toc.Database && e.Kind != toc.DatabaseProperties && !strings.HasPrefix(e.Tag, "DATABASE ")) {
				all++
			}
		}
		if kept != len(r.Entries()) || kept+dropped != all {
			t.Errorf("%+v: keeps %d, drops %d; %d are kept, of %d", s, kept, dropped, len(r.Entries()), all)
		}
	}
}
