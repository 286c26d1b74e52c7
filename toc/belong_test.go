package toc_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/toc"
)

// A belonging names entries of a TOC that belong to its entry 1.
type belonging struct {
	name    string
	entries []*toc.Entry
	want    []toc.DumpID
}

var belongings = []belonging{
	{
		"a table alone",
		[]*toc.Entry{
			entry(1, toc.Table, "t"),
			entry(2, toc.Table, "u"),
			entry(3, toc.TableData, "u", 2),
			in("other", entry(4, toc.Table, "t")),
			in("other", entry(5, toc.TableData, "t", 4)),
		},
		[]toc.DumpID{1},
	},
	{
		"serial column", // SEQUENCE OWNED BY depends on the sequence alone
		[]*toc.Entry{
			entry(1, toc.Table, "t"),
			defined("CREATE SEQUENCE public.t_id_seq;\n", entry(2, toc.Sequence, "t_id_seq", 1)),
			entry(3, toc.SequenceOwnedBy, "t_id_seq", 2),
			entry(4, toc.Default, "t id", 2, 1),
			entry(5, toc.TableData, "t", 1),
			entry(6, toc.SequenceSet, "t_id_seq", 2),
			entry(7, toc.Comment, "SEQUENCE t_id_seq", 2),
			entry(8, toc.ACL, "SEQUENCE t_id_seq", 2),
			entry(9, toc.Sequence, "lonely_seq"),
			entry(10, toc.SequenceSet, "lonely_seq", 9),
		},
		[]toc.DumpID{1, 2, 3, 4, 5, 6, 7, 8},
	},
	{
		"serial column whose sequence comes first",
		[]*toc.Entry{
			defined("CREATE SEQUENCE public.t_id_seq;\n", entry(2, toc.Sequence, "t_id_seq", 1)),
			entry(1, toc.Table, "t"),
			entry(3, toc.SequenceOwnedBy, "t_id_seq", 2),
		},
		[]toc.DumpID{2, 1, 3},
	},
	{
		"identity column",
		[]*toc.Entry{
			entry(1, toc.Table, "t"),
			defined("ALTER TABLE public.t ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (\n", entry(2, toc.Sequence, "t_id_seq", 1)),
			entry(3, toc.SequenceSet, "t_id_seq", 2),
		},
		[]toc.DumpID{1, 2, 3},
	},
	{
		"default that uses the sequence of another table",
		[]*toc.Entry{
			entry(1, toc.Table, "t"),
			entry(2, toc.Table, "u"),
			entry(3, toc.Sequence, "u_id_seq", 2),
			entry(4, toc.Default, "t id", 1, 3),
		},
		[]toc.DumpID{1, 4},
	},
	{
		"constraints and indexes",
		[]*toc.Entry{
			entry(1, toc.Table, "t"),
			entry(2, toc.Constraint, "t t_pkey", 1),
			entry(3, toc.CheckConstraint, "t positive", 1),
			defined("CREATE INDEX i ON public.t USING btree (x);\n", entry(4, toc.Index, "i", 1)),
			defined("CREATE INDEX j ON public.t USING btree (y);\n\n\nALTER TABLE public.t CLUSTER ON j;\n", entry(5, toc.Index, "j", 1)),
			entry(6, toc.Comment, "CONSTRAINT t_pkey ON t", 2),
			entry(7, toc.Comment, "INDEX i", 4),
			entry(8, toc.Statistics, "t_stats", 1, 1),
			entry(9, toc.Comment, "STATISTICS t_stats", 8),
			entry(10, toc.Index, "k", 11),
			entry(11, toc.Table, "u"),
		},
		[]toc.DumpID{1, 2, 3, 4, 5, 6, 7, 8, 9},
	},
	{
		"index that uses the row type of another table",
		[]*toc.Entry{
			entry(1, toc.Table, "accounts"),
			entry(2, toc.Table, "posts"),
			defined("CREATE INDEX i ON public.posts USING btree (x);\n", entry(3, toc.Index, "i", 2, 1)),
			defined("CREATE INDEX j ON public.accounts USING btree (x);\n", entry(4, toc.Index, "j", 1, 2)),
		},
		[]toc.DumpID{1, 4},
	},
	{
		"foreign keys: out, in, and to itself",
		[]*toc.Entry{
			entry(1, toc.Table, "t"),
			entry(2, toc.Table, "u"),
			entry(3, toc.Constraint, "t t_pkey", 1),
			entry(4, toc.Constraint, "u u_pkey", 2),
			entry(5, toc.FKConstraint, "t fk_out", 4, 1, 2),
			entry(6, toc.FKConstraint, "u fk_in", 3, 2, 1),
			entry(7, toc.FKConstraint, "t fk_self", 3, 1, 1),
			entry(8, toc.Comment, "CONSTRAINT fk_out ON t", 5),
			entry(9, toc.Comment, "CONSTRAINT fk_in ON u", 6),
		},
		[]toc.DumpID{1, 3, 5, 7, 8},
	},
	{
		"triggers, rules, policies",
		[]*toc.Entry{
			entry(20, toc.Function, "f()"),
			entry(1, toc.Table, "t"),
			entry(2, toc.Trigger, "t touch", 1, 20),
			entry(3, toc.Comment, "TRIGGER touch ON t", 2),
			entry(4, toc.Rule, "t log", 1, 10),
			entry(5, toc.Policy, "t read", 1, 10),
			entry(6, toc.RowSecurity, "t", 1),
			entry(10, toc.Table, "u"),
			entry(11, toc.Rule, "u log", 10, 1),
			entry(12, toc.Policy, "u read", 10, 1),
			entry(13, toc.RowSecurity, "u", 10),
			entry(14, toc.Trigger, "u touch", 10, 20),
		},
		[]toc.DumpID{1, 2, 3, 4, 5, 6},
	},
	{
		"comments and grants",
		[]*toc.Entry{
			entry(1, toc.Table, "t"),
			entry(2, toc.ACL, "TABLE t", 1),
			entry(3, toc.ACL, "COLUMN t.a", 1, 2),
			entry(4, toc.Comment, "TABLE t", 1),
			entry(5, toc.Comment, "COLUMN t.a", 1),
			entry(6, toc.SecurityLabel, "TABLE t", 1),
			entry(7, toc.Index, "i", 1),
			entry(8, toc.StatisticsData, "t", 1),
			entry(9, toc.StatisticsData, "i", 7),
			entry(10, toc.Table, "t b"),
			entry(11, toc.Comment, "TABLE \"t b\"", 10),
		},
		[]toc.DumpID{1, 4, 5, 6, 7, 8, 9, 2, 3}, // grants in their pass
	},
	{
		"publications and subscriptions stay out",
		[]*toc.Entry{
			entry(1, toc.Table, "t"),
			in("", entry(2, toc.Publication, "t")),
			entry(3, toc.PublicationTable, "t t", 2, 1),
			entry(4, toc.SubscriptionTable, "t t", 1),
		},
		[]toc.DumpID{1},
	},
	{
		"partition: attached, with its index attached",
		[]*toc.Entry{
			entry(2, toc.Table, "parent"),
			entry(1, toc.Table, "child"),
			entry(3, toc.TableAttach, "child", 1, 2),
			entry(4, toc.TableData, "child", 1),
			entry(5, toc.Constraint, "parent parent_pkey", 2),
			entry(6, toc.Constraint, "child child_pkey", 1, 5),
			entry(7, toc.Index, "parent_i", 2),
			entry(8, toc.Index, "child_i", 1),
			entry(9, toc.IndexAttach, "child_i", 8, 7, 1, 2),
			entry(10, toc.IndexAttach, "child_pkey", 1, 5, 2, 6),
		},
		[]toc.DumpID{1, 3, 4, 6, 8, 9, 10},
	},
	{
		"partitioned table: without its partitions",
		[]*toc.Entry{
			entry(1, toc.Table, "parent"),
			entry(2, toc.Table, "child"),
			entry(3, toc.TableAttach, "child", 2, 1),
			entry(5, toc.Constraint, "parent parent_pkey", 1),
			entry(6, toc.Constraint, "child child_pkey", 2, 5),
			entry(7, toc.Index, "parent_i", 1),
			entry(8, toc.Index, "child_i", 2, 7),
			in("other", entry(11, toc.Index, "parent_i", 2)), // of a child in another schema
			entry(9, toc.IndexAttach, "child_i", 8, 7, 1, 2),
			entry(10, toc.IndexAttach, "child_pkey", 1, 5, 2, 6),
			in("other", entry(12, toc.IndexAttach, "parent_i", 11, 7, 1, 2)),
		},
		[]toc.DumpID{1, 5, 7},
	},
	{
		"inheritance: without the children",
		[]*toc.Entry{
			entry(1, toc.Table, "animals"),
			entry(2, toc.Table, "cats", 1),
			entry(3, toc.TableData, "cats", 2),
		},
		[]toc.DumpID{1},
	},
	{
		"materialized view",
		[]*toc.Entry{
			entry(2, toc.Table, "t"),
			entry(1, toc.MaterializedView, "m", 2),
			entry(3, toc.MaterializedView, "n", 1),
			entry(4, toc.ACL, "TABLE m", 1),
			entry(5, toc.Index, "m_i", 1),
			entry(6, toc.Index, "t_i", 2),
			entry(7, toc.MaterializedViewData, "m", 1),
			entry(8, toc.MaterializedViewData, "n", 3, 7),
			entry(9, toc.Comment, "MATERIALIZED VIEW m", 1),
		},
		[]toc.DumpID{1, 5, 9, 4, 7}, // refreshed last, when the grants are there
	},
	{
		"view that others need, defined by a rule",
		[]*toc.Entry{
			entry(1, toc.View, "v"),
			entry(2, toc.Table, "t"),
			entry(3, toc.Rule, "v _RETURN", 2, 1),
			entry(4, toc.View, "w", 1),
			entry(5, toc.Trigger, "v instead", 1),
			entry(6, toc.Comment, "VIEW v", 1),
			entry(7, toc.Default, "v id", 1),
		},
		[]toc.DumpID{1, 3, 5, 6, 7},
	},
	{
		"names with blanks",
		[]*toc.Entry{
			entry(1, toc.Table, "a"),
			entry(2, toc.Table, "a b"),
			entry(3, toc.Constraint, "a b pk", 2),
			entry(4, toc.FKConstraint, "a b fk", 3, 2, 1),
			entry(5, toc.Constraint, "a pk", 1),
		},
		[]toc.DumpID{1, 5},
	},
	{
		"PostgreSQL 9.5, whose tags have no table",
		[]*toc.Entry{
			entry(1, toc.Table, "t"),
			entry(2, toc.Table, "u"),
			dropped("ALTER TABLE ONLY public.t DROP CONSTRAINT fk_out;\n", entry(3, toc.FKConstraint, "fk_out", 2, 1)),
			dropped("ALTER TABLE ONLY public.u DROP CONSTRAINT fk_in;\n", entry(4, toc.FKConstraint, "fk_in", 1, 2)),
			dropped("DROP TRIGGER touch ON public.t;\n", entry(5, toc.Trigger, "touch", 1)),
			dropped("ALTER TABLE public.t ALTER COLUMN id DROP DEFAULT;\n", entry(6, toc.Default, "id", 1)),
		},
		[]toc.DumpID{1, 3, 5, 6},
	},
}

// dropped gives an entry a statement that drops it.
func dropped(drop string, e *toc.Entry) *toc.Entry {
	e.Drop = toc.NewText(drop)
	return e
}

func TestBelonging(t *testing.T) {
	for _, test := range belongings {
		contents := newTOC(t, test.entries...)
		got := ids(toc.NewGraph(contents).Belonging(contents.Lookup(1)))
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
}

// TestBelongingOfMurmur lists what belongs to relations of the murmur database,
// as its schema (fixtures/sql/murmur/schema.sql) has it.
func TestBelongingOfMurmur(t *testing.T) {
	for _, name := range []string{"9.5/c-gzip", "15/c-gzip", "18/c-statistics"} {
		contents := open(t, fixtures.Get(t, name))
		g := toc.NewGraph(contents)
		var b strings.Builder
		for _, relation := range []string{"accounts", "statuses", "events", "events 2024 Oct", "identities", "instances", "account_cards", "public_statuses"} {
			found := contents.Find(toc.NewPattern(relation), []toc.Kind{toc.Table, toc.View, toc.MaterializedView})
			for _, e := range found {
				fmt.Fprintf(&b, "# %s %s\n", e.Kind, contents.NameOf(e))
				for _, e := range g.Belonging(e) {
					fmt.Fprintf(&b, "%s %s\n", e.Kind, e.Tag)
				}
			}
		}
		version, _, _ := strings.Cut(name, "/")
		golden(t, "belonging-"+version+".golden", b.String())
	}
}

// TestBelongingOnce checks of all fixtures that what is a part of a relation
// belongs to just one.
func TestBelongingOnce(t *testing.T) {
	for _, f := range fixtures.All(t) {
		contents := open(t, f)
		g := toc.NewGraph(contents)
		owners := make(map[toc.DumpID][]string)
		relations := 0
		for _, e := range contents.Entries {
			switch e.Kind {
			case toc.Table, toc.View, toc.MaterializedView, toc.ForeignTable:
				relations++
				for _, part := range g.Belonging(e) {
					owners[part.ID] = append(owners[part.ID], e.Tag)
				}
			}
		}
		if relations == 0 {
			continue
		}
		for _, e := range contents.Entries {
			names := owners[e.ID]
			must := false
			switch e.Kind {
			case toc.Table, toc.View, toc.MaterializedView, toc.ForeignTable,
				toc.TableData, toc.Constraint, toc.FKConstraint, toc.Index, toc.IndexAttach, toc.TableAttach, toc.Default,
				toc.Trigger, toc.Rule, toc.Policy, toc.RowSecurity, toc.Statistics, toc.StatisticsData,
				toc.SequenceOwnedBy, toc.MaterializedViewData:
				must = true
			}
			if len(names) > 1 || must && len(names) == 0 {
				t.Errorf("%s: %s %q belongs to %q, want one relation", f, e.Kind, e.Tag, names)
			}
		}
	}
}
