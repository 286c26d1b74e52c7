package restore

import (
	"strings"
	"testing"

	"github.com/pgarc/pgarc/internal/pgscratch"
	"github.com/pgarc/pgarc/internal/pgscratch/scratchtest"
)

// TestNotes: what is noted, in whatever way, is done; what is taken back is not,
// but all that shared a note with it; and nothing is noted twice.
func TestNotes(t *testing.T) {
	scratchtest.EachServer(t, testNotes)
}

func testNotes(t *testing.T, s *pgscratch.Server) {
	b := newBackend(t, s, scratchtest.Database(t, s))
	b.exec("SET search_path = ''; " + journalTables)
	j := &journal{std: true, unlogged: map[string]bool{"3 create": true}}
	one, two, three, four := madeOf("1 create", ActionCreate, "A", "OWNER A"), madeOf("2 create 2", ActionCreate, "B"), madeOf("3 create", ActionCreate, "C"), madeOf("4 copy", ActionCopy, "D")
	done := func() string {
		rows, err := b.query("SELECT step, part, rows FROM pgarc_journal.all_done ORDER BY step, part")
		if err != nil {
			t.Fatal(err)
		}
		var list []string
		for _, r := range rows {
			list = append(list, strings.TrimSuffix(string(r[0])+":"+string(r[1])+":"+string(r[2]), ":"))
		}
		return strings.Join(list, ", ")
	}
	shared := j.marks(joined(9, one, two, three)[0].parts)
	b.exec(shared + j.markRows(four.step, 0, 7))
	if got, want := done(), "1 create:0, 1 create:1, 2 create 2:0, 3 create:0, 4 copy:0:7"; got != want {
		t.Errorf("done: %s; want %s", got, want)
	}
	if _, err := b.query(j.marks(joined(9, one, two)[0].parts)); !isTwice(err) {
		t.Errorf("the same once more: %v; want unique_violation", err)
	}
	b.exec(takeBack([]string{"'1 create'", "'4 copy'"}))
	if got, want := done(), "2 create 2:0, 3 create:0"; got != want {
		t.Errorf("after two are taken back, done: %s; want %s", got, want)
	}
	b.exec(j.marks(joined(9, one)[0].parts) + j.mark(four.step, 0))
	if got, want := done(), "1 create:0, 1 create:1, 2 create 2:0, 3 create:0, 4 copy:0"; got != want {
		t.Errorf("done again: %s; want %s", got, want)
	}
}
