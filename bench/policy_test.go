//go:build linux

package main

import (
	"testing"

	"github.com/pgarc/pgarc/toc"
)

// TestPolicyTime works out by hand what pg_restore does with two tables, a key, two indexes and two foreign keys.
func TestPolicyTime(t *testing.T) {
	entry := func(id toc.DumpID, kind toc.Kind, section toc.Section, size int64, deps ...toc.DumpID) *toc.Entry {
		return &toc.Entry{ID: id, Kind: kind, Section: section, DataSize: size, Deps: deps}
	}
	pre, data, post := toc.SectionPreData, toc.SectionData, toc.SectionPostData
	contents, err := toc.New([]*toc.Entry{
		entry(1, toc.Table, pre, 0),
		entry(2, toc.Table, pre, 0),
		entry(3, toc.TableData, data, 100, 1),
		entry(4, toc.TableData, data, 50, 2),
		entry(5, toc.Constraint, post, 0, 1), // key of 1
		entry(6, toc.Index, post, 0, 1),
		entry(7, toc.Index, post, 0, 1),
		entry(8, toc.FKConstraint, post, 0, 1, 2, 5),
		entry(9, toc.FKConstraint, post, 0, 2, 1, 5),
		entry(10, toc.ACL, toc.SectionNone, 0, 1),
	})
	if err != nil {
		t.Fatal(err)
	}
	seconds := map[toc.DumpID]float64{1: 1, 2: 1, 3: 10, 4: 5, 5: 6, 6: 4, 7: 3, 8: 2, 9: 2, 10: 1}
	for _, test := range []struct {
		jobs int
		want float64
	}{
		// 2 for the tables; 10 for the data of 1, beside them those of 2; 6 for the key, which locks the indexes out;
		// 4 for both indexes; 2 and 2 for the foreign keys, which exclude each other and the indexes; 1 for the grant.
		{8, 2 + 10 + 6 + 4 + 2 + 2 + 1},
		{1, 2 + 15 + 6 + 4 + 3 + 2 + 2 + 1},
	} {
		if got := policyTime(contents, test.jobs, seconds); got != test.want {
			t.Errorf("%d connections: %v s, want %v", test.jobs, got, test.want)
		}
	}
}

func TestReadPlan(t *testing.T) {
	entries, whole, err := readPlan([]byte(`{"type":"jobs","jobs":1,"seconds":9}
{"type":"step","step":0,"dump_id":7,"action":"create","seconds":2}
{"type":"step","step":1,"dump_id":7,"action":"attach","seconds":0.5}
{"type":"step","step":2,"dump_id":7,"action":"analyze","seconds":4}
{"type":"summary","seconds":3}
`))
	if err != nil || whole != 3 || len(entries) != 1 || entries[7] != 2.5 {
		t.Errorf("got %v, %v, %v; want 2.5 s for entry 7, 3 s in all", entries, whole, err)
	}
	if _, _, err := readPlan([]byte(`{"type":"step"}`)); err == nil {
		t.Error("no error without a summary")
	}
}
