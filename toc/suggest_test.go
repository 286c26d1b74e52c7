package toc_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/toc"
)

func TestClosestNames(t *testing.T) {
	names := []string{"accounts", "account_stats", "statuses", "status_edits", "fk_rails_256483a9ab", "fk_rails_256483a9aa", "Tags", "id", "таблица"}
	for _, test := range []struct {
		typed string
		n     int
		want  []string
	}{
		{"accounts", 1, []string{"accounts"}},
		{"acounts", 1, []string{"accounts"}},
		{"acconuts", 1, []string{"accounts"}},
		{"ACCOUNTS", 1, []string{"accounts"}},
		{"statusses", 1, []string{"statuses"}},
		{"tags", 1, []string{"Tags"}},
		{"fk_rails_256483a9ab", 2, []string{"fk_rails_256483a9ab", "fk_rails_256483a9aa"}},
		{"256483a9ab", 9, []string{"fk_rails_256483a9ab"}}, // a part of it
		{"таблицы", 1, []string{"таблица"}},
		{"ix", 9, []string{"id"}},
		{"entirely different", 9, nil},
		{"", 9, nil},
		{"accounts", 0, nil},
	} {
		if got := toc.ClosestNames(test.typed, names, test.n); !slices.Equal(got, test.want) {
			t.Errorf("ClosestNames(%q, …, %d) = %q, want %q", test.typed, test.n, got, test.want)
		}
	}
}

func TestClosestNamesOnce(t *testing.T) {
	if got := toc.ClosestNames("t1", []string{"t2", "t2", "", "t1"}, 5); !slices.Equal(got, []string{"t1", "t2"}) {
		t.Errorf("got %q, want t1 and t2, once each, the best first", got)
	}
}

func TestClosest(t *testing.T) {
	contents := open(t, fixtures.Get(t, "15/c-gzip"))
	for _, test := range []struct {
		typed string
		kinds []toc.Kind
		want  string
	}{
		{"fk_rails_256483a9ba", nil, "fk_rails_256483a9ab"},
		{"acounts", nil, "accounts"},
		{"public.acounts", nil, "accounts"},
		{"statuses.fk_rails_256483a9ba", nil, "fk_rails_256483a9ab"},
		{"acounts_pkey", []toc.Kind{toc.Constraint}, "accounts_pkey"},
		{"longst", []toc.Kind{toc.Aggregate}, "longest"},
		{"timestamp_id", []toc.Kind{toc.Function}, "timestamp_id"},
		{"evnts 2024 oct", nil, "events 2024 Oct"},
	} {
		got := contents.Closest(test.typed, test.kinds, 3)
		if len(got) == 0 || got[0] != test.want {
			t.Errorf("Closest(%q, %q) = %q, want %q first", test.typed, test.kinds, got, test.want)
		}
	}
	if got := contents.Closest("acounts_pkey", []toc.Kind{toc.Function}, 3); slices.Contains(got, "accounts_pkey") {
		t.Errorf("Closest among functions has a constraint: %q", got)
	}
	for _, name := range contents.Closest("TABLE statuses", nil, 100) {
		if strings.HasPrefix(name, "TABLE ") {
			t.Errorf("Closest gives the tag of a comment: %q", name)
		}
	}
}
