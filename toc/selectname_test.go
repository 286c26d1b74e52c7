package toc_test

import (
	"slices"
	"testing"

	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/toc"
)

// named is a TOC with names that can be read in two ways.
func named(t *testing.T) *toc.TOC {
	t.Helper()
	return newTOC(t,
		in("", entry(1, toc.Schema, "app")),
		in("", entry(2, toc.Schema, "a*")),
		in("", entry(3, toc.Schema, "empty*")),
		in("app", entry(10, toc.Table, "statuses")),
		in("app", entry(11, toc.TableData, "statuses", 10)),
		in("app", entry(12, toc.Sequence, "status_seq", 10)),
		in("app", entry(13, toc.SequenceSet, "status_seq", 12)),
		in("app", entry(14, toc.Comment, "TABLE statuses", 10)),
		in("a*", entry(20, toc.Table, "statuses")),
		entry(30, toc.Table, "stat*"),
		entry(31, toc.Table, "app.statuses"),
		entry(32, toc.View, "Odd Name"),
		entry(33, toc.Table, "10"),
		in("app", entry(40, toc.Index, "statuses_i", 10)),
		in("app", entry(41, toc.Index, "statuses_j", 10)),
		in("app", entry(50, toc.Trigger, "statuses touch", 10)),
		entry(51, toc.Trigger, "app.statuses touch", 31),
		in("app", entry(60, toc.Function, "f(integer)")),
		in("app", entry(61, toc.Function, "f(text[])")),
		entry(62, toc.Procedure, "f(app.mood)"),
	)
}

func TestNames(t *testing.T) {
	contents := named(t)
	type unmatched []toc.Unmatched
	for _, test := range []struct {
		name      string
		selection toc.Selection
		want      []toc.DumpID
		unmatched unmatched
	}{
		{"an exact name in every schema", toc.Selection{Tables: []string{"statuses"}}, []toc.DumpID{10, 11, 14, 20}, nil},
		{"a star in a name", toc.Selection{Tables: []string{"stat*"}}, []toc.DumpID{30}, nil},
		{"a dot in a name", toc.Selection{Tables: []string{"app.statuses"}}, []toc.DumpID{31}, nil},
		{"a number", toc.Selection{Tables: []string{"10"}}, []toc.DumpID{33}, nil},
		{"a pattern", toc.Selection{Tables: []string{"status*"}}, []toc.DumpID{10, 11, 12, 13, 14, 20}, nil},
		{"a pattern with a schema", toc.Selection{Tables: []string{"app.status*"}}, []toc.DumpID{10, 11, 12, 13, 14, 31}, nil},
		{"schema and name", toc.Selection{Tables: []string{"app.status_seq"}}, []toc.DumpID{12, 13}, nil},
		{"SQL quotes", toc.Selection{Tables: []string{`public."Odd Name"`, `"10"`}}, []toc.DumpID{32, 33}, nil},
		{"quotes make stars plain", toc.Selection{Tables: []string{`"a*".statuses`}}, []toc.DumpID{20}, nil},
		{"a dump id", toc.Selection{Tables: []string{"12"}}, []toc.DumpID{12, 13}, nil}, // with what has its name
		{"several", toc.Selection{Tables: []string{"stat??", "stat*", "app.nosuch"}}, []toc.DumpID{30},
			unmatched{{"table", "stat??", false}, {"table", "app.nosuch", false}}},
		{"index", toc.Selection{Indexes: []string{"app.*_i"}}, []toc.DumpID{40}, nil},
		{"a constraint's name", toc.Selection{Indexes: []string{"statuses"}}, nil, unmatched{{"index", "statuses", true}}},
		{"trigger by its tag", toc.Selection{Triggers: []string{"statuses touch"}}, []toc.DumpID{50}, nil},
		{"trigger by its name", toc.Selection{Triggers: []string{"touch"}}, []toc.DumpID{50, 51}, nil},
		{"trigger by table and name", toc.Selection{Triggers: []string{"app.statuses.touch"}}, []toc.DumpID{50, 51}, nil},
		{"function with arguments", toc.Selection{Functions: []string{"f(integer)"}}, []toc.DumpID{60}, nil},
		{"function with brackets", toc.Selection{Functions: []string{"f(text[])"}}, []toc.DumpID{61}, nil},
		{"function without", toc.Selection{Functions: []string{"f"}}, []toc.DumpID{60, 61, 62}, nil},
		{"function with schema", toc.Selection{Functions: []string{"app.f"}}, []toc.DumpID{60, 61}, nil},
		{"no such function", toc.Selection{Functions: []string{"f(app.x)", "app.g"}}, nil,
			unmatched{{"function", "f(app.x)", true}, {"function", "app.g", false}}},
		{"a star in a schema", toc.Selection{Schemas: []string{"a*"}}, []toc.DumpID{20}, nil},
		{"an empty schema with a star", toc.Selection{Schemas: []string{"empty*"}}, nil, unmatched{{"schema", "empty*", false}}},
		{"schemas by a pattern", toc.Selection{Schemas: []string{"ap?"}}, []toc.DumpID{10, 11, 12, 13, 14, 40, 41, 50, 60, 61}, nil},
		{"no schema", toc.Selection{Schemas: []string{"x*", "y"}}, nil, unmatched{{"schema", "x*", false}, {"schema", "y", true}}},
		{"not these schemas", toc.Selection{ExcludeSchemas: []string{"[ap]*"}, Tables: []string{"status*"}}, nil,
			unmatched{{"table", "status*", false}}},
		{"not schemas that are none", toc.Selection{ExcludeSchemas: []string{"nowhere", "no*"}, Tables: []string{"stat*"}}, []toc.DumpID{30},
			unmatched{{"schema", "no*", false}}},
		{"a pattern in another schema", toc.Selection{Schemas: []string{"public"}, Tables: []string{"status*", "app*"}}, []toc.DumpID{31},
			unmatched{{"table", "status*", false}}},
		{"a pattern, but no such part", toc.Selection{Tables: []string{"Odd*"}, DataOnly: true}, nil, nil},
	} {
		s := test.selection
		s.Patterns = true
		r := s.Apply(contents)
		if got := ids(r.Entries()); !slices.Equal(got, test.want) {
			t.Errorf("%s\n%s", test.name, difference(contents, got, test.want))
		}
		if !slices.Equal(unmatched(r.Unmatched), test.unmatched) {
			t.Errorf("%s: unmatched %v, want %v", test.name, r.Unmatched, test.unmatched)
		}
	}
}

// TestPatternsAsPgRestore checks that to allow patterns changes nothing for
// what pg_restore finds something for.
func TestPatternsAsPgRestore(t *testing.T) {
	meansMore := []string{"-t public.accounts", "-t 'account?'", "-n 'pub*'", `-n '"public"'`, "-P timestamp_id", "-T touch"}
	selections := readSelections(t)
	for _, archive := range []string{"9.5/c-gzip", "15/c-gzip"} {
		lines := selections[archive]
		contents := open(t, fixtures.Get(t, archive))
		for _, line := range lines {
			options := line[:slices.Index([]byte(line), '\t')]
			s, _ := readOptions(t, contents, options)
			want := ids(s.Apply(contents).Entries())
			s.Patterns = true
			got := ids(s.Apply(contents).Entries())
			if len(want) == 0 && slices.Contains(meansMore, options) {
				if len(got) == 0 {
					t.Errorf("%s: %s finds nothing", archive, options)
				}
			} else if !slices.Equal(got, want) {
				t.Errorf("%s: %s\n%s", archive, options, difference(contents, got, want))
			}
		}
	}
}
