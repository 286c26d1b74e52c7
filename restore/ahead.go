package restore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgarc/pgarc/script"
)

// aheadMost is how many steps are sent ahead at once: the server takes longer
// for so many than a round trip to the far end of a continent, and should the
// restore be cancelled they are soon over.
const aheadMost = 256

// runAhead runs steps that are over in no time, all sent at once. What fails is
// done again: each statement of a message by itself, for most of them failed
// only because of another; and then each step in order, by the way that all
// other steps go, for it either fails again, or it failed only because of what
// failed before it. That could be so of all, for want of one role: owners and
// grants, which nothing waits for, are sent ahead once more instead. What may
// pass, as a deadlock, is left to the caller.
func (x *executor) runAhead(ctx context.Context, s *session, tasks []*task) {
	refused := x.fly(ctx, s, tasks, s.joins)
	if len(refused) == 0 {
		s.joins = min(2*s.joins, joinMost)
		return
	}
	if ctx.Err() == nil && slices.ContainsFunc(refused, func(r refusal) bool { return r.joined }) {
		s.joins = 1 // an archive whose owners the server lacks would have it so at each turn
		refused = x.fly(ctx, s, again(s, tasks, refused), 1)
	}
	var leaves []*task
	for _, t := range again(s, tasks, refused) {
		if t.isLeaf() && ctx.Err() == nil {
			leaves = append(leaves, t)
			continue
		}
		begun := time.Now()
		x.run(ctx, s, t)
		t.took += time.Since(begun)
	}
	leaves = slices.DeleteFunc(leaves, func(t *task) bool { return !t.mayGoAgain(s) })
	for _, r := range x.fly(ctx, s, leaves, 1) {
		r.fail("", r.err)
	}
}

// isLeaf reports whether nothing waits for what is left of a task: the object is
// made and only its owner is left, or it is a grant or comment.
func (t *task) isLeaf() bool {
	return t.isMade() || t.step.Action == ActionCreate && isAttachment(t.step.Entry)
}

// isMade reports whether a task has made its object, whatever else is to be done
// to that.
func (t *task) isMade() bool {
	for i, st := range t.step.Statements {
		if !t.isDone(i) && st.Role != RoleAlter {
			return false
		}
	}
	return t.step.Action == ActionCreate
}

// A refusal is a statement that is to be done again: the server has refused it,
// or another that shared a message with it.
type refusal struct {
	part
	err    error
	joined bool // it had company
}

// fly sends what the tasks have left to do, and returns what was refused: up to
// so many statements joined in a message.
func (x *executor) fly(ctx context.Context, s *session, tasks []*task, joins int) (refused []refusal) {
	var messages []*message
	for _, t := range tasks {
		list, err := x.prepare(s, t)
		if err == errTooLong {
			refused = append(refused, refusal{part: part{t, 0}, err: err})
		} else {
			t.fail("", RoleLoad, err)
		}
		for _, m := range list {
			messages = join(messages, m, joins)
		}
	}
	if len(messages) == 0 {
		return refused
	}
	queries := make([]query, len(messages))
	for i, m := range messages {
		queries[i] = m.query
		queries[i].sql += x.journal.marks(m.parts)
	}
	at := time.Now()
	answers := s.sendAhead(ctx, queries, func(i int) { s.worksOn(&messages[i].position) })
	lost := false
	for i, m := range messages {
		a := answers[i]
		for _, p := range m.book(a, lost, x.toc.StdStrings) {
			refused = append(refused, refusal{p, a.err, m.joined})
		}
		lost = lost || a.err != nil && !isServerError(a.err)
		if !a.at.IsZero() {
			m.took(a.at.Sub(at))
			at = a.at
		}
	}
	return refused
}

// again returns those of the tasks that had something refused and may be run
// again.
func again(s *session, tasks []*task, refused []refusal) []*task {
	had := make(map[*task]bool)
	for _, r := range refused {
		had[r.task] = true
	}
	return slices.DeleteFunc(slices.Clone(tasks), func(t *task) bool { return !had[t] || !t.mayGoAgain(s) })
}

// mayGoAgain makes a task ready to be run again, unless the connection is lost
// or something has befallen it that is for the caller to judge.
func (t *task) mayGoAgain(s *session) bool {
	switch {
	case s.lost():
		t.unsent = t.unsent || t.err == nil
		t.fail("", RoleLoad, errConnectionLost)
		return false
	case t.err != nil && (isCancelled(t.err.Err) || isPassing(t.err.Err)):
		return false // any other failure is that of a setting, which keeps nothing from being made
	}
	t.bytes.Store(0)
	return true
}

// prepare returns what a task has to send: settings, then its statements. The
// error is that its rows cannot be read, or are too many.
func (x *executor) prepare(s *session, t *task) ([]*message, error) {
	e := t.step.Entry
	var rows []byte
	if t.step.Action == ActionCopy {
		var err error
		if rows, err = x.readRows(t); err != nil {
			return nil, err
		}
	}
	var list []*message
	settings := s.state.Before
	if t.step.Action == ActionDrop {
		settings = s.state.BeforeDrop
	}
	for _, sql := range settings(x.toc, e, x.script) {
		list = append(list, newMessage(query{sql: sql}, part{t, -1}))
	}
	for i, st := range t.step.Statements {
		if t.isDone(i) {
			continue
		}
		q := query{sql: st.SQL}
		if t.step.Action == ActionCopy {
			q.rows, q.copy = rows, true
			if frozen, ok := script.FreezeCopy(st.SQL); ok && t.fresh && t.step.Freeze {
				q.sql = truncateStatement(t.step) + frozen
			}
		}
		list = append(list, newMessage(q, part{t, i}))
	}
	if t.step.Action == ActionDrop {
		s.state.AfterDrops()
	} else {
		s.state.After(e)
	}
	return list, nil
}

// readRows reads all rows of a small table.
func (x *executor) readRows(t *task) ([]byte, error) {
	data, err := t.open(x.source)
	if err != nil {
		return nil, err
	}
	defer data.Close()
	text := &copyText{task: t, data: data}
	rows, err := io.ReadAll(io.LimitReader(text, aheadRows+1))
	if err == nil && len(rows) > aheadRows {
		return nil, errTooLong
	}
	t.archived, t.counted = text.rowCount()
	return rows, err
}

func isServerError(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg)
}

// isCancelled reports whether somebody has cancelled the statement. It would
// be rude to try again.
func isCancelled(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "57014" // query_canceled
}

// aheadRows bounds the rows of a table that are read into memory. A small
// block can hold much: compression knows no bound.
const aheadRows = 1 << 20

var errTooLong = fmt.Errorf("rows of more than %d bytes", aheadRows)
