package restore

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/pgarc/pgarc/archive"
)

// A task is a step under way. Its counters may be read while it runs.
type task struct {
	step        *Step
	fresh       bool           // for data: this restore has made the table
	done        []bool         // statements that need not be sent (again); nil: none
	apart       map[int64]bool // parts of statements that an earlier try has done; see partApart
	noted       []int64        // what of it the journal has: the part that was noted last, or all
	rows        int64          // loaded; only once the task has ended
	archived    int64          // rows of COPY text in the archive, if they were counted
	counted     bool
	bytes       atomic.Int64   // of data sent
	data        atomic.Value   // what is read: an *archive.Data or an archive.LargeObject
	err         *StepError     // the first failure
	inserted    map[int64]bool // INSERT commands that an earlier run has done
	batched     bool           // it runs in a transaction with others
	insertsDone bool           // all INSERT commands were done
	unsent      bool           // its connection was lost before it, or while another task before it ran
	doubt       bool           // its connection was lost: the journal says what of it is done
	took        time.Duration  // if it was sent ahead with others; else 0
	fatal       error          // a failure after which nothing more may be done
	alone       bool           // an index build without parallel workers
	sharing     []*session     // more sessions, for the rows of a large table
	partly      bool           // the journal has notes of a part of the rows: the table is to be emptied
	frozen      bool           // the rows were loaded frozen
	heldUp      bool           // it was told that it is tried again because of others

	// opened, if not nil, is called once the data are open: a stream can then
	// go on to the next.
	opened func()
}

// open opens the data of the task's entry.
func (t *task) open(src source) (*archive.Data, error) {
	data, err := src.Data(t.step.Entry)
	if err != nil {
		return nil, &readError{err}
	}
	t.data.Store(data)
	t.tell()
	return data, nil
}

func (t *task) tell() {
	if t.opened != nil {
		t.opened()
	}
}

// stored returns how many bytes of the archive the task has read.
func (t *task) stored() int64 {
	if d, ok := t.data.Load().(interface{ Stored() int64 }); ok {
		return d.Stored()
	}
	return 0
}

// isDone reports whether a statement of the step has been run already.
func (t *task) isDone(i int) bool { return t.done != nil && t.done[i] }

func (t *task) setDone(i int) {
	if t.done == nil {
		t.done = make([]bool, len(t.step.Statements))
	}
	t.done[i] = true
}

// note says that the journal has a part of the step. The last is enough: a
// server that has that, has all that was committed before.
func (t *task) note(part int64) { t.noted = []int64{part} }

// fail records a failure. Those after the first are kept with it: each may be
// of another class.
func (t *task) fail(sql string, role Role, err error) bool {
	if err == nil {
		return true
	}
	failure := &StepError{Step: t.step, SQL: sql, Role: role, Exists: role == RoleCreate && alreadyExists(err), Err: err}
	switch {
	case t.err == nil:
		t.err = failure
	case role == RoleAlter && t.err.isOf(sql): // a setting is made again before the next attempt
	case (role == RoleCreate || role == RoleAlter) && failure.PgError() != nil && failure.SQLState() != inFailedTransaction && len(t.err.Also) < alsoMost:
		t.err.Also = append(t.err.Also, failure)
	}
	return false
}

// isOf reports whether a statement is among those that failed.
func (e *StepError) isOf(sql string) bool {
	return e.SQL == sql || slices.ContainsFunc(e.Also, func(f *StepError) bool { return f.SQL == sql })
}

// alsoMost is how many failures of a step are kept beside the first.
const alsoMost = 100

// inFailedTransaction is the SQLSTATE of all that follows a failure in the same
// transaction.
const inFailedTransaction = "25P02"
