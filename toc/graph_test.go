package toc_test

import (
	"slices"
	"testing"

	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/toc"
)

func TestGraph(t *testing.T) {
	contents := newTOC(t,
		in("", entry(1, toc.Schema, "s")),
		entry(2, toc.Table, "parent", 1, 999, 1),
		entry(3, toc.Table, "child", 2, 2, 3, 1), // repeated, and itself
		entry(4, toc.FKConstraint, "child fk", 5, 3, 2),
		entry(5, toc.Constraint, "parent pk", 2),
		entry(6, toc.Table, "alone"),
	)
	g := toc.NewGraph(contents)
	for _, test := range []struct {
		id                      toc.DumpID
		deps, dependents, needs []toc.DumpID
	}{
		{1, nil, []toc.DumpID{2, 3}, []toc.DumpID{1}},
		{2, []toc.DumpID{1}, []toc.DumpID{3, 4, 5}, []toc.DumpID{1, 2}},
		{3, []toc.DumpID{2, 1}, []toc.DumpID{4}, []toc.DumpID{1, 2, 3}},
		{4, []toc.DumpID{5, 3, 2}, nil, []toc.DumpID{1, 2, 3, 4, 5}},
		{5, []toc.DumpID{2}, []toc.DumpID{4}, []toc.DumpID{1, 2, 5}},
		{6, nil, nil, []toc.DumpID{6}},
	} {
		e := contents.Lookup(test.id)
		if got := ids(g.Deps(e)); !slices.Equal(got, test.deps) {
			t.Errorf("Deps(%d) = %v, want %v", test.id, got, test.deps)
		}
		if got := ids(g.Dependents(e)); !slices.Equal(got, test.dependents) {
			t.Errorf("Dependents(%d) = %v, want %v", test.id, got, test.dependents)
		}
		if got := ids(g.Needs(e)); !slices.Equal(got, test.needs) {
			t.Errorf("Needs(%d) = %v, want %v", test.id, got, test.needs)
		}
	}
	if got, want := ids(g.Needs(contents.Lookup(6), contents.Lookup(3))), []toc.DumpID{1, 2, 3, 6}; !slices.Equal(got, want) {
		t.Errorf("Needs(6, 3) = %v, want %v", got, want)
	}
	if got := g.Needs(); len(got) != 0 {
		t.Errorf("Needs() = %v, want none", ids(got))
	}
}

// TestNeedsArguments checks that the caller's slice is left alone.
func TestNeedsArguments(t *testing.T) {
	contents := newTOC(t, entry(1, toc.Table, "a"), entry(2, toc.Table, "b", 1), entry(3, toc.Table, "c", 2))
	args := []*toc.Entry{contents.Lookup(3), contents.Lookup(1), contents.Lookup(2)}
	toc.NewGraph(contents).Needs(args[:2]...)
	if got, want := ids(args), []toc.DumpID{3, 1, 2}; !slices.Equal(got, want) {
		t.Errorf("arguments became %v, were %v", got, want)
	}
}

func TestGraphCycle(t *testing.T) {
	contents := newTOC(t,
		entry(1, toc.Table, "t", 3),
		entry(2, toc.Comment, "TABLE t", 1, 4),
		entry(3, toc.Function, "f()", 2),
		entry(4, toc.Comment, "COLUMN t.c", 2),
	)
	g := toc.NewGraph(contents)
	if got, want := ids(g.Needs(contents.Lookup(3))), []toc.DumpID{1, 2, 3, 4}; !slices.Equal(got, want) {
		t.Errorf("Needs = %v, want %v", got, want)
	}
	if got, want := ids(g.Belonging(contents.Lookup(1))), []toc.DumpID{1, 2, 4}; !slices.Equal(got, want) {
		t.Errorf("Belonging = %v, want %v", got, want)
	}
}

// TestGraphOfOIDs has dependencies that are OIDs, as archives before version
// 1.8 do. That an OID is also the id of an entry means nothing.
func TestGraphOfOIDs(t *testing.T) {
	contents := newTOC(t, entry(1, toc.Table, "t"), entry(2, toc.Comment, "TABLE u", 1), entry(3, toc.Index, "i", 1))
	contents.DepsAreOIDs = true
	g := toc.NewGraph(contents)
	for _, e := range contents.Entries {
		if deps, dependents := g.Deps(e), g.Dependents(e); len(deps)+len(dependents) > 0 {
			t.Errorf("entry %d has dependencies %v and dependents %v", e.ID, ids(deps), ids(dependents))
		}
	}
	if got, want := ids(g.Belonging(contents.Lookup(1))), []toc.DumpID{1}; !slices.Equal(got, want) {
		t.Errorf("Belonging = %v, want %v", got, want)
	}
}

// TestGraphManyDeps has lists long enough to notice work that grows with their
// square.
func TestGraphManyDeps(t *testing.T) {
	const n = 300_000
	var deps []toc.DumpID
	for i := range n {
		deps = append(deps, toc.DumpID(i%7+1), toc.DumpID(i+10))
	}
	contents := newTOC(t, entry(1, toc.Table, "a"), entry(2, toc.Table, "b"), entry(9, toc.View, "v", deps...))
	g := toc.NewGraph(contents)
	if got, want := ids(g.Deps(contents.Lookup(9))), []toc.DumpID{1, 2}; !slices.Equal(got, want) {
		t.Errorf("Deps = %v, want %v", got, want)
	}
}

func TestGraphOfFixtures(t *testing.T) {
	for _, f := range fixtures.All(t) {
		contents := open(t, f)
		g := toc.NewGraph(contents)
		for _, e := range contents.Entries {
			for _, d := range g.Deps(e) {
				if !slices.Contains(e.Deps, d.ID) || !slices.Contains(g.Dependents(d), e) {
					t.Errorf("%s: %d depends on %d, but not the other way round", f, e.ID, d.ID)
				}
			}
			needs := g.Needs(e)
			if !slices.Contains(needs, e) {
				t.Errorf("%s: Needs(%d) is without it", f, e.ID)
			}
			for _, n := range needs {
				for _, d := range g.Deps(n) {
					if !slices.Contains(needs, d) {
						t.Errorf("%s: Needs(%d) has %d without %d", f, e.ID, n.ID, d.ID)
					}
				}
			}
		}
	}
}

func BenchmarkBelonging(b *testing.B) {
	contents := big(b, 45_000)
	table := contents.Find(toc.NewPattern("some_table_77"), []toc.Kind{toc.Table})[0]
	for b.Loop() {
		toc.NewGraph(contents).Belonging(table)
	}
}
