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
	data, err := t.open(x.source)
	if err != nil {
		t.fail("", RoleLoad, err)
		return
	}
	defer data.Close()
	split := newStatementReader(data, x.toc.StdStrings)
	var batch []string
	size := 0
	for {
		sql, err := split.next()
		if sql != "" {
			batch, size = append(batch, sql), size+len(sql)
		}
		if size >= insertBatch || err != nil {
			x.insertAll(ctx, s, t, batch)
			t.bytes.Add(int64(size))
			batch, size = batch[:0], 0
		}
		switch {
		case err == io.EOF:
			return
		case err != nil:
			t.fail("", RoleLoad, err)
			return
		case ctx.Err() != nil || s.lost():
			t.fail("", RoleLoad, errors.Join(ctx.Err(), errLost(s)))
			return
		}
	}
}

func errLost(s *session) error {
	if s.lost() {
		return errors.New("connection lost")
	}
	return nil
}

// insertAll runs a batch.
func (x *executor) insertAll(ctx context.Context, s *session, t *task, batch []string) {
	if len(batch) == 0 {
		return
	}
	results, err := s.conn.Exec(ctx, strings.Join(batch, "")).ReadAll()
	if err == nil {
		t.rows += rowsOf(results)
		return
	}
	if len(batch) == 1 || x.transaction || s.lost() || ctx.Err() != nil {
		t.fail(batch[0], RoleLoad, err)
		return
	}
	for _, sql := range batch {
		results, err := s.conn.Exec(ctx, sql).ReadAll()
		t.fail(sql, RoleLoad, err)
		t.rows += rowsOf(results)
	}
}

func rowsOf(results []*pgconn.Result) int64 {
	var n int64
	for _, r := range results {
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
