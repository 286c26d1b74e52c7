package restore

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// A query is one simple-query message, with the rows that it copies, if any.
type query struct {
	sql  string
	rows []byte // COPY text
	copy bool
}

// An answer is what came of a query.
type answer struct {
	err      error
	rows     int64 // copied
	commands int   // of the query, that were done before err
	at       time.Time
}

// sendAhead sends queries without waiting for the answer to one before sending
// the next. Each is its own transaction, and one that fails does not keep
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
			a.commands++
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
