package restore

import (
	"context"
	"errors"
	"fmt"
	"io"
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
// failed before it. What may pass, as a deadlock, is left to the caller.
func (x *executor) runAhead(ctx context.Context, s *session, tasks []*task) {
	again, apart := x.fly(ctx, s, tasks)
	switch {
	case apart && ctx.Err() == nil: // an archive whose owners the server lacks would have it so at each turn
		s.joins = 1
		again, _ = x.fly(ctx, s, again)
	case len(again) == 0:
		s.joins = min(2*s.joins, joinMost)
	}
	for _, t := range again {
		begun := time.Now()
		x.run(ctx, s, t)
		t.took += time.Since(begun)
	}
}

// fly sends what the tasks have left to do. It returns those that have to be
// run again, and whether any of them because of another that was in a message
// with it.
func (x *executor) fly(ctx context.Context, s *session, tasks []*task) (again []*task, apart bool) {
	redo := make(map[*task]bool)
	var messages []*message
	for _, t := range tasks {
		list, err := x.prepare(s, t)
		if err == errTooLong {
			redo[t] = true
		} else {
			t.fail("", RoleLoad, err)
		}
		for _, m := range list {
			messages = s.join(messages, m)
		}
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
			redo[p.task] = true
			apart = apart || m.joined
		}
		lost = lost || a.err != nil && !isServerError(a.err)
		if !a.at.IsZero() {
			m.took(a.at.Sub(at))
			at = a.at
		}
	}
	for _, t := range tasks {
		if redo[t] && t.mayGoAgain(s) {
			again = append(again, t)
		}
	}
	return again, apart
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
