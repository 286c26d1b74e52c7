package restore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/pgarc/pgarc/script"
)

// aheadMost is how many steps are sent ahead at once: the server takes longer
// for so many than a round trip to the far end of a continent, and should the
// restore be cancelled they are soon over.
const aheadMost = 256

// A query is one simple-query message, with the rows that it copies, if any.
type query struct {
	sql  string
	rows []byte // COPY text
	copy bool
}

// An answer is what came of a query.
type answer struct {
	err  error
	rows int64 // copied
	at   time.Time
}

// sendAhead sends queries without waiting for the answer to one before sending
// the next. Each is a transaction of its own, and one that fails does not keep
// the next from running. Without an answer a query's error is that of the
// connection.
//
// The protocol allows it: the server takes one message after the other off the
// connection, and drops rows that are sent to a COPY which it refused
// (PostgresMain in src/backend/tcop/postgres.c).
//
// awaits is told of each query before its answer is awaited.
func (s *session) sendAhead(ctx context.Context, queries []query, awaits func(i int)) []answer {
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		if s.write(queries) != nil {
			_ = s.conn.Conn().Close() // then who waits for answers learns it
		}
	}()
	answers := make([]answer, len(queries))
	var lost error
	for i := range answers {
		if lost == nil {
			awaits(i)
			lost = s.receive(ctx, &answers[i])
			if isServerError(lost) { // it says goodbye, and nothing of the query
				lost = fmt.Errorf("%w: %s", errConnectionLost, reason(lost))
			}
		}
		if lost != nil {
			answers[i].err = lost
		}
	}
	if lost != nil {
		_ = s.conn.Conn().Close() // else what nobody takes off would be written for ever
	}
	<-sent
	if lost != nil {
		s.close()
	}
	return answers
}

// write sends queries past pgconn, whose buffer is not for two goroutines: when
// reading fails it says goodbye to the server by it.
func (s *session) write(queries []query) error {
	var buf []byte
	for _, q := range queries {
		messages := []pgproto3.FrontendMessage{&pgproto3.Query{String: q.sql}}
		if len(q.rows) > 0 {
			messages = append(messages, &pgproto3.CopyData{Data: q.rows})
		}
		if q.copy {
			messages = append(messages, &pgproto3.CopyDone{})
		}
		for _, m := range messages {
			var err error
			if buf, err = m.Encode(buf); err != nil {
				return err
			}
		}
	}
	_, err := s.conn.Conn().Write(buf)
	return err
}

// receive reads the answer to one query. When ctx is cancelled, so is what
// runs; but what was sent may run all the same, so its answers are awaited.
func (s *session) receive(ctx context.Context, a *answer) error {
	for {
		msg, err := s.conn.ReceiveMessage(ctx)
		if err != nil && ctx.Err() != nil && !s.lost() {
			grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), cancelGrace)
			msg, err = s.conn.ReceiveMessage(grace)
			cancel()
		}
		if err != nil {
			return err
		}
		switch msg := msg.(type) {
		case *pgproto3.CommandComplete:
			if tag := pgconn.NewCommandTag(string(msg.CommandTag)); strings.HasPrefix(tag.String(), "COPY ") {
				a.rows = tag.RowsAffected()
			}
		case *pgproto3.ErrorResponse:
			a.err = pgconn.ErrorResponseToPgError(msg)
		case *pgproto3.ReadyForQuery:
			a.at = time.Now()
			return nil
		}
	}
}

// ahead is a task on its way to the server.
type ahead struct {
	task    *task
	queries []query
	parts   []int // of the step's statements, for each query; negative: a setting
	tooLong bool  // too many rows to hold
}

// runAhead runs steps that are over in no time, all sent at once. What fails is
// done again by itself, in order, by the way that all other steps go: it either
// fails again, or it failed only because of what failed before it. What may
// pass, as a deadlock, is left to the caller.
func (x *executor) runAhead(ctx context.Context, s *session, tasks []*task) {
	var queries []query
	var steps []*Step // of the queries
	list := make([]ahead, 0, len(tasks))
	for _, t := range tasks {
		a := ahead{task: t}
		x.prepare(s, &a)
		list = append(list, a)
		queries = append(queries, a.queries...)
		steps = append(steps, slices.Repeat([]*Step{t.step}, len(a.queries))...)
	}
	at := time.Now()
	answers := s.sendAhead(ctx, queries, func(i int) { s.worksOn(steps[i]) })
	lost := false
	for _, a := range list {
		t, mine := a.task, answers[:len(a.queries)]
		answers = answers[len(a.queries):]
		again := a.book(mine) || a.tooLong
		t.unsent = lost
		lost = lost || s.lost() && slices.ContainsFunc(mine, func(a answer) bool { return a.err != nil && !isServerError(a.err) })
		if n := len(mine); n > 0 && !mine[n-1].at.IsZero() {
			t.took, at = mine[n-1].at.Sub(at), mine[n-1].at
		}
		if again && (t.err == nil || !isCancelled(t.err.Err) && !isPassing(t.err.Err)) { // t.err: a setting failed, which keeps nothing from being made
			begun := time.Now()
			t.bytes.Store(0)
			x.run(ctx, s, t)
			t.took += time.Since(begun)
		}
	}
}

// prepare writes down what a task has to send: nothing if its rows cannot be
// read, which is its failure, or are too many.
func (x *executor) prepare(s *session, a *ahead) {
	t, e := a.task, a.task.step.Entry
	var rows []byte
	if t.step.Action == ActionCopy {
		var err error
		rows, err = x.readRows(t)
		if a.tooLong = err == errTooLong; a.tooLong || !t.fail("", RoleLoad, err) {
			return
		}
	}
	settings := s.state.Before
	if t.step.Action == ActionDrop {
		settings = s.state.BeforeDrop
	}
	for _, sql := range settings(x.toc, e, x.script) {
		a.add(query{sql: sql}, -1)
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
		q.sql += x.journal.mark(t.step, int64(i))
		a.add(q, i)
	}
	if t.step.Action == ActionDrop {
		s.state.AfterDrops()
	} else {
		s.state.After(e)
	}
}

func (a *ahead) add(q query, part int) {
	a.queries = append(a.queries, q)
	a.parts = append(a.parts, part)
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
		return rows, errTooLong
	}
	t.archived, t.counted = text.rowCount()
	return rows, err
}

// book notes the answers, and reports whether the task has to be run again.
func (a *ahead) book(answers []answer) (again bool) {
	t := a.task
	for i, part := range a.parts {
		err := answers[i].err
		switch {
		case err == nil && part >= 0:
			t.setDone(part)
			t.note(int64(part))
			t.rows += answers[i].rows
		case err == nil:
		case part < 0 && isServerError(err):
			// Also where this fails the object is made: see settings.
			t.fail(a.queries[i].sql, RoleAlter, err)
		case isServerError(err) && !isCancelled(err) && !isPassing(err):
			again = true
		default:
			t.fail(a.queries[i].sql, t.roleOf(part), err)
		}
	}
	return again
}

func (t *task) roleOf(part int) Role {
	if part < 0 {
		return RoleAlter
	}
	return t.step.Statements[part].Role
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
