package restore

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// insertBatch is how many bytes of INSERT commands go into one message, which
// is one transaction.
const insertBatch = 256 << 10

// maxStatement bounds one command: the server takes no message above 1 GB.
const maxStatement = 1 << 30

// insertData runs the INSERT commands that are the data of a table. Like
// pg_restore it treats each as its own transaction; to save time it sends many
// in one, and again one by one if that one fails.
func (x *executor) insertData(ctx context.Context, s *session, t *task) {
	if t.insertsDone {
		return
	}
	data, err := t.open(x.source)
	if err != nil {
		t.fail("", RoleLoad, err)
		return
	}
	defer data.Close()
	split := newStatementReader(data, x.toc.StdStrings)
	b := inserts{done: t.inserted}
	for n := int64(0); ; n++ {
		sql, err := split.next()
		if b.add(n, sql) || err != nil {
			x.insertAll(ctx, s, t, &b)
			t.bytes.Add(int64(b.size))
			b.empty()
		}
		switch {
		case t.err != nil && isTwice(t.err.Err):
			return // another session has done some of it: see what
		case err == io.EOF:
			if t.err == nil {
				t.fail("", RoleLoad, x.noteInserted(ctx, s, t))
			}
			return
		case err != nil:
			t.fail("", RoleLoad, &readError{err})
			return
		case ctx.Err() != nil || s.lost():
			t.fail("", RoleLoad, errors.Join(ctx.Err(), errLost(s)))
			return
		}
	}
}

func errLost(s *session) error {
	if s.lost() {
		return errConnectionLost
	}
	return nil
}

var errConnectionLost = errors.New("connection lost")

// inserts are commands that go into one message. Those that an earlier run has
// done are left out.
type inserts struct {
	done  map[int64]bool // which were done, by their number
	first int64          // number of the first
	sql   []string
	size  int
}

// insertsDone is the part of a step that says that all commands are done. The
// other parts are runs of commands that one transaction did: the number of
// the first, and below insertRun how many; and below insertsDone the statements
// around the data.
const (
	insertsDone = -1
	insertRun   = 1 << 20
)

// add takes a command, unless it was done, and reports whether it is time to
// send. Commands must follow one another.
func (b *inserts) add(n int64, sql string) (full bool) {
	if sql == "" {
		return false
	}
	if b.done[n] {
		return len(b.sql) > 0
	}
	if len(b.sql) == 0 {
		b.first = n
	}
	b.sql, b.size = append(b.sql, sql), b.size+len(sql)
	return b.size >= insertBatch || len(b.sql) == insertRun-1
}

func (b *inserts) empty() { b.sql, b.size = b.sql[:0], 0 }

// insertedBefore returns the numbers of the commands that are done.
func insertedBefore(d doneStep) map[int64]bool {
	done := make(map[int64]bool)
	for part := range d.parts {
		for n := part / insertRun; part >= 0 && n < part/insertRun+part%insertRun; n++ {
			done[n] = true
		}
	}
	return done
}

// insertAll runs a batch.
func (x *executor) insertAll(ctx context.Context, s *session, t *task, b *inserts) {
	if len(b.sql) == 0 {
		return
	}
	mark := x.journal.markPart(t.step, b.first*insertRun+int64(len(b.sql)))
	results, err := s.conn.Exec(ctx, strings.Join(b.sql, "")+mark).ReadAll()
	if err == nil {
		t.rows += rowsOf(results, len(b.sql))
		t.note(b.first*insertRun + int64(len(b.sql)))
		return
	}
	if len(b.sql) == 1 || x.inTransaction(t) || s.lost() || ctx.Err() != nil || isTwice(err) {
		t.fail(b.sql[0], RoleLoad, err)
		return
	}
	for i, sql := range b.sql {
		mark := x.journal.markPart(t.step, (b.first+int64(i))*insertRun+1)
		results, err := s.conn.Exec(ctx, sql+mark).ReadAll()
		if t.fail(sql, RoleLoad, err) {
			t.rows += rowsOf(results, 1)
			t.note((b.first+int64(i))*insertRun + 1)
		}
	}
}

// noteInserted notes that all commands are done.
func (x *executor) noteInserted(ctx context.Context, s *session, t *task) error {
	if x.journal == nil {
		return nil
	}
	return s.exec(ctx, x.journal.markRows(t.step, insertsDone, t.rows))
}

// rowsOf counts the rows that commands have inserted. What their mark has
// inserted follows.
func rowsOf(results []*pgconn.Result, commands int) int64 {
	var n int64
	for _, r := range results[:min(commands, len(results))] {
		if r.Err == nil {
			n += r.CommandTag.RowsAffected()
		}
	}
	return n
}

// A statementReader splits the SQL that pg_dump writes as data: commands that
// end in a semicolon, with no comments and no dollar quotes
// (ExecuteSimpleCommands in pg_backup_db.c).
type statementReader struct {
	r          *bufio.Reader
	stdStrings bool
}

func newStatementReader(r io.Reader, stdStrings bool) *statementReader {
	return &statementReader{r: bufio.NewReaderSize(r, 64<<10), stdStrings: stdStrings}
}

// next returns the next command with its semicolon; io.EOF after the last.
func (s *statementReader) next() (string, error) {
	var b strings.Builder
	var quote byte
	for {
		c, err := s.r.ReadByte()
		if err == io.EOF && strings.TrimSpace(b.String()) != "" {
			return "", fmt.Errorf("data end inside a command: %w", io.ErrUnexpectedEOF)
		}
		if err != nil {
			return "", err
		}
		b.WriteByte(c)
		if b.Len() > maxStatement {
			return "", fmt.Errorf("a command in the data is longer than %d bytes", maxStatement)
		}
		switch {
		case quote == '\'' && c == '\\' && !s.stdStrings:
			if c, err = s.r.ReadByte(); err == nil {
				b.WriteByte(c)
			}
		case quote != 0:
			if c == quote { // a doubled quote leaves and enters again
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == ';':
			return strings.TrimLeft(b.String(), " \t\r\n"), nil
		}
	}
}
