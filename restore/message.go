package restore

import (
	"slices"
	"time"

	"github.com/pgarc/pgarc/script"
)

// joinMost is how many statements go into one message, which the server makes
// one transaction (exec_simple_query in src/backend/tcop/postgres.c): one
// commit and one note in the journal for all of them.
const joinMost = 32

// joinLocks is how many locks on relations they may take together, partitions
// included. The server has room for some 64 for each of its connections
// (max_locks_per_transaction), which all share.
const joinLocks = 256

// A message is a query and what of which tasks it holds.
type message struct {
	query
	position
	parts []part
	locks int // on relations, as far as the plan knows them
}

// A part is a statement of a task.
type part struct {
	task *task
	n    int // of the step's statements; negative: a setting, which comes before them
}

func newMessage(q query, p part) *message {
	return &message{query: q, position: position{step: p.task.step}, parts: []part{p}, locks: len(p.task.step.Locks)}
}

// join adds a message to others: to the last one, if they can share a
// transaction and that holds less than so many statements.
func join(list []*message, m *message, most int) []*message {
	if len(list) > 0 && m.joins() {
		if last := list[len(list)-1]; last.joins() && len(last.parts) < most && last.locks+m.locks <= joinLocks {
			last.sql += "\n;" + m.sql
			last.parts = append(last.parts, m.parts...)
			last.locks += m.locks
			last.joined = true
			return list
		}
	}
	return append(list, m)
}

// joins reports whether a message may be joined with others. Data come in one
// of their own; a setting is to hold even if what follows fails; and what has
// lost its connection may have been the reason for that.
func (m *message) joins() bool {
	p := m.parts[0]
	switch p.task.step.Action {
	case ActionCreate, ActionAttach, ActionMark, ActionValidate:
		return p.n >= 0 && !p.task.doubt
	}
	return false
}

// book notes in its tasks what came of a message, and returns what has to be
// done again. lost says that the connection was lost already, over another.
func (m *message) book(a answer, lost, stdStrings bool) (again []part) {
	switch {
	case a.err == nil:
		for _, p := range m.parts {
			p.done(a.rows)
		}
	case !isServerError(a.err):
		for _, p := range m.parts {
			p.task.unsent = p.task.unsent || lost && p.task.err == nil
			p.fail(m.sql, a.err)
		}
	case m.parts[0].n < 0: // also where this fails the object is made: see settings
		m.parts[0].fail(m.sql, a.err)
	case m.takenApart.Load() || !isCancelled(a.err) && !isPassing(a.err):
		return m.parts
	case !m.joined:
		m.parts[0].fail(m.sql, a.err)
	default:
		if p, ok := m.failedAt(a.commands, stdStrings); ok {
			p.fail(m.sql, a.err)
		}
		return m.parts
	}
	return nil
}

// failedAt returns the part that failed once so many commands were done, or
// what comes before it of the same task: it is undone with it. There is none if
// it is the note in the journal that failed.
func (m *message) failedAt(commands int, stdStrings bool) (part, bool) {
	for _, p := range m.parts {
		if commands -= len(script.SplitStatements(p.statement().SQL, stdStrings)); commands < 0 {
			first := slices.IndexFunc(m.parts, func(q part) bool { return q.task == p.task })
			return m.parts[first], true
		}
	}
	return part{}, false
}

func (p part) statement() Statement { return p.task.step.Statements[p.n] }

// done notes that a part is done, and the rows that it has loaded.
func (p part) done(rows int64) {
	if p.n >= 0 {
		p.task.setDone(p.n)
		p.task.note(int64(p.n))
		p.task.rows += rows
	}
}

// fail notes that a part has failed; if it is a setting, that is sql.
func (p part) fail(sql string, err error) {
	role := RoleAlter
	if p.n >= 0 {
		sql, role = p.statement().SQL, p.statement().Role
	}
	p.task.fail(sql, role, err)
}

// took shares out the time that a message took.
func (m *message) took(d time.Duration) {
	for _, p := range m.parts {
		p.task.took += d / time.Duration(len(m.parts))
	}
}
