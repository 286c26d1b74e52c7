package restore

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgarc/pgarc/toc"
)

// madeOf returns a task of a step with these statements: the first makes the
// object, the others change it.
func madeOf(key string, action Action, sql ...string) *task {
	s := &Step{Key: key, Entry: &toc.Entry{}, Action: action, Quick: true}
	for i, text := range sql {
		s.Statements = append(s.Statements, Statement{SQL: text, Role: min(Role(i), RoleAlter)})
	}
	return &task{step: s}
}

// joined joins all statements of tasks as far as they may be.
func joined(most int, tasks ...*task) []*message {
	var list []*message
	for _, t := range tasks {
		for i, st := range t.step.Statements {
			list = join(list, newMessage(query{sql: st.SQL}, part{t, i}), most)
		}
	}
	return list
}

func TestJoin(t *testing.T) {
	setting := newMessage(query{sql: "SET x"}, part{madeOf("6 create", ActionCreate), -1})
	doubtful := madeOf("7 create", ActionCreate, "D")
	doubtful.doubt = true
	a, b, copy := madeOf("1 create", ActionCreate, "A1", "A2"), madeOf("2 create", ActionCreate, "B"), madeOf("3 copy", ActionCopy, "COPY")
	for _, test := range []struct {
		name  string
		most  int
		tasks []*task
		want  string
	}{
		{"all", 3, []*task{a, b}, "A1;A2;B"},
		{"no more than that", 2, []*task{a, b}, "A1;A2 B"},
		{"none", 1, []*task{a, b}, "A1 A2 B"},
		{"data", 9, []*task{a, copy, b, b}, "A1;A2 COPY B;B"},
		{"what has lost its connection", 9, []*task{b, doubtful, b}, "B D B"},
	} {
		var got []string
		for _, m := range joined(test.most, test.tasks...) {
			got = append(got, strings.ReplaceAll(m.sql, "\n", ""))
			if m.joined != (len(m.parts) > 1) {
				t.Errorf("%s: %q joined: %t", test.name, m.sql, m.joined)
			}
		}
		if got := strings.Join(got, " "); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
	wide := madeOf("8 create", ActionCreate, "W")
	wide.step.Locks = make([]Lock, joinLocks/2+1)
	if list := joined(9, wide, wide, b); len(list) != 2 || len(list[1].parts) != 2 {
		t.Errorf("%d messages, want 2: together they would take too many locks", len(list))
	}
	if list := join(join(joined(9, b), setting, 9), newMessage(query{sql: "B"}, part{b, 0}), 9); len(list) != 3 {
		t.Errorf("%d messages, want a setting in one of its own", len(list))
	}
}

func TestFailedAt(t *testing.T) {
	a, b := madeOf("1 create", ActionCreate, "CREATE A; ALTER A;", "OWNER A"), madeOf("2 create", ActionCreate, "CREATE B -- no end", "OWNER B")
	m := joined(9, a, b)[0]
	for commands, want := range []string{"1 create 0", "1 create 0", "1 create 0", "2 create 0", "2 create 0", "none"} {
		got := "none"
		if p, ok := m.failedAt(commands, true); ok {
			got = fmt.Sprint(p.task.step.Key, " ", p.n)
		}
		if got != want {
			t.Errorf("after %d commands: %s has failed, want %s", commands, got, want)
		}
	}
}

// TestBook: what tasks learn from the answer to a message that they share.
func TestBook(t *testing.T) {
	code := func(c string) error { return &pgconn.PgError{Code: c} }
	for _, test := range []struct {
		name       string
		a          answer
		takenApart bool
		again      int // parts
		failed     string
	}{
		{"done", answer{}, false, 0, ""},
		{"refused", answer{err: code("42704"), commands: 1}, false, 3, ""},
		{"deadlock in the second", answer{err: code("40P01"), commands: 2}, false, 3, "2 create"},
		{"the second cancelled", answer{err: code("57014"), commands: 2}, false, 3, "2 create"},
		{"taken apart", answer{err: code("57014"), commands: 2}, true, 3, ""},
		{"deadlock over the note", answer{err: code("40P01"), commands: 3}, false, 3, ""},
		{"connection lost", answer{err: errConnectionLost}, false, 0, "1 create, 2 create"},
	} {
		a, b := madeOf("1 create", ActionCreate, "CREATE A;", "OWNER A;"), madeOf("2 create", ActionCreate, "CREATE B;")
		m := joined(9, a, b)[0]
		m.takenApart.Store(test.takenApart)
		again := m.book(test.a, false, true)
		var failed []string
		for _, task := range []*task{a, b} {
			if task.err != nil {
				failed = append(failed, task.step.Key)
			}
			if done := test.a.err == nil; task.isDone(0) != done {
				t.Errorf("%s: %s done: %t, want %t", test.name, task.step.Key, task.isDone(0), done)
			}
		}
		if got := strings.Join(failed, ", "); len(again) != test.again || got != test.failed {
			t.Errorf("%s: again %d, failed %q; want %d, %q", test.name, len(again), got, test.again, test.failed)
		}
	}
}

// TestMarks: one note for all, in the table where each belongs, and what had
// failed has not.
func TestMarks(t *testing.T) {
	a, b, c := madeOf("1 create", ActionCreate, "A", "OWNER A"), madeOf("2 create", ActionCreate, "B"), madeOf("3 create", ActionCreate, "C")
	j := &journal{std: true, unlogged: map[string]bool{"2 create": true}, failed: map[string]bool{"3 create": true}}
	got := j.marks(joined(9, a, b, c)[0].parts)
	const want = `
;INSERT INTO pgarc_journal.done_joined VALUES ('1 create:0,1 create:1,3 create:0');
;INSERT INTO pgarc_journal.done_unlogged (step, part) VALUES ('2 create', 0);` + `DELETE FROM pgarc_journal.failed WHERE step = '3 create';`
	if got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if got := (*journal)(nil).marks(joined(9, a, b)[0].parts); got != "" {
		t.Errorf("without a journal: %q", got)
	}
	if one, mark := j.marks(joined(1, b)[0].parts), j.mark(b.step, 0); one != mark || !slices.Contains(strings.Fields(one), "pgarc_journal.done_unlogged") {
		t.Errorf("of one: %q, want %q", one, mark)
	}
}
