package restore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/pgarc/pgarc/internal/copybin"
	"github.com/pgarc/pgarc/script"
)

// copyData streams the data of a table into COPY … FROM stdin. Into a table
// that this restore has made they are copied frozen, which the server allows
// in the transaction that truncates it.
func (x *executor) copyData(ctx context.Context, s *session, t *task) {
	i, sql := t.copyStatement()
	if t.isDone(i) {
		return
	}
	if b, ok := x.binary(ctx, s, t, sql); ok {
		if x.copyAll(ctx, s, t, i, sql, &b) {
			return
		}
		t.bytes.Store(0) // a row was refused: all again, as text
	}
	x.copyAll(ctx, s, t, i, sql, nil)
}

// copyAll copies all rows in one transaction: as binary, unless b is nil. It
// reports false if that was refused and should be tried as text.
func (x *executor) copyAll(ctx context.Context, s *session, t *task, i int, sql string, b *binaryCopy) bool {
	emptied := (t.fresh && t.step.Freeze || t.partly) && x.truncate(ctx, s, t)
	if t.partly && !emptied {
		t.fail(truncateStatement(t.step), RoleLoad, errPartly)
		return true
	}
	frozen := emptied && t.fresh && t.step.Freeze
	if frozen {
		sql, _ = script.FreezeCopy(sql)
	}
	if b != nil {
		sql = b.statement.Binary(frozen)
	}
	inTransaction := emptied || x.journal != nil
	if inTransaction && !emptied && !t.fail("BEGIN", RoleLoad, s.exec(ctx, "BEGIN")) {
		return true
	}
	refused := !x.copyRows(ctx, s, t, sql, b)
	if !inTransaction || s.lost() {
		return !refused
	}
	if refused || t.err != nil {
		s.rollBack(ctx)
		t.rows = 0
	} else if !t.fail("COMMIT", RoleLoad, s.exec(ctx, x.journal.markRows(t.step, int64(i), t.rows)+"; COMMIT")) {
		t.rows = 0
	} else {
		t.frozen = frozen
	}
	return !refused
}

var errPartly = errors.New("an earlier attempt has loaded a part of the rows, and the table cannot be emptied")

// truncate begins a transaction and truncates the table. If that is refused
// (to one who may only insert, say) the table is loaded as it is.
func (x *executor) truncate(ctx context.Context, s *session, t *task) bool {
	err := s.exec(ctx, "BEGIN; "+truncateStatement(t.step))
	if err != nil && !s.lost() {
		_ = s.exec(ctx, "ROLLBACK")
	}
	return err == nil
}

func truncateStatement(s *Step) string {
	return "TRUNCATE TABLE ONLY " + script.Qualified(s.Entry.Namespace, s.Entry.Tag) + ";\n"
}

// copyRows sends the rows. It reports false if one was refused that may be good
// as text.
func (x *executor) copyRows(ctx context.Context, s *session, t *task, sql string, b *binaryCopy) bool {
	data, err := t.open(x.source)
	if err != nil {
		t.fail("", RoleLoad, err)
		return true
	}
	defer data.Close()
	text := &copyText{task: t, data: data}
	var rows io.Reader = text
	if b != nil {
		converted, err := copybin.NewReader(text, b.columns)
		if err != nil {
			return false
		}
		binary := &binaryRows{r: converted}
		defer func() { _ = binary.stop() }() // what it says was asked before
		rows = binary
	}
	tag, err := s.conn.CopyFrom(ctx, rows, sql)
	if binary, ok := rows.(*binaryRows); ok && (binary.stop() != nil || isRefused(err)) && text.stop() == nil && !s.lost() {
		return false
	}
	if readErr := text.stop(); readErr != nil {
		// The server only says that the client gave up.
		t.fail("", RoleLoad, readErr)
		return true
	}
	if t.fail(sql, RoleLoad, err) {
		t.rows = tag.RowsAffected()
		t.archived, t.counted = text.rowCount()
	}
	return true
}

func (t *task) copyStatement() (i int, sql string) {
	for i, st := range t.step.Statements {
		if st.Role == RoleLoad {
			return i, st.SQL
		}
	}
	return 0, ""
}

// endMarker ends the COPY text of a table in an archive: pg_dump writes it as
// psql wants to read it. It is no part of the data that the server takes, and
// its absence shows that the data were cut off.
const endMarker = "\\.\n\n\n"

// ErrNoEndMarker says that the data of a table end without their end marker:
// rows at the end may be missing.
var ErrNoEndMarker = errors.New("data end without the end-of-data marker: rows may be missing")

// copyText hands on COPY text without the end marker. pgconn may leave the
// goroutine that reads behind when a connection dies, so reading and stopping
// exclude each other.
type copyText struct {
	task *task
	data io.Reader

	mu    sync.Mutex
	rows  int64  // that were handed on
	tail  []byte // read, but maybe the start of the end marker
	ahead []byte // read for a Read that had no room for it
	err   error  // a failure to read, not io.EOF
	done  bool
}

func (c *copyText) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.ahead) == 0 && len(p) <= len(endMarker) {
		room := make([]byte, 512)
		n, err := c.read(room)
		if n == 0 {
			return 0, err
		}
		c.ahead = room[:n] // an error comes again
	}
	if len(c.ahead) > 0 {
		n := copy(p, c.ahead)
		c.ahead = c.ahead[n:]
		return n, nil
	}
	return c.read(p)
}

// read reads into p, which is larger than the end marker: else what is held
// back would leave no room.
func (c *copyText) read(p []byte) (int, error) {
	for !c.done && c.err == nil {
		n := copy(p, c.tail)
		m, err := c.data.Read(p[n:])
		n += m
		keep := min(n, len(endMarker))
		c.tail = append(c.tail[:0], p[n-keep:n]...)
		n -= keep
		if err != nil {
			m, err = c.finish(p[n:], err)
			n += m
		}
		c.task.bytes.Add(int64(n))
		c.rows += int64(bytes.Count(p[:n], newline))
		if n > 0 || err != nil {
			return n, err
		}
	}
	if c.err != nil {
		return 0, c.err
	}
	return 0, io.EOF
}

// finish ends the text: what of the tail comes before the marker, and io.EOF.
func (c *copyText) finish(p []byte, err error) (int, error) {
	c.done = true
	if err != io.EOF {
		c.err = &readError{err}
		return 0, c.err
	}
	i := bytes.LastIndex(c.tail, []byte(`\.`))
	if i < 0 || len(bytes.Trim(c.tail[i+2:], "\n")) > 0 {
		c.err = fmt.Errorf("table %q: %w", c.task.step.Entry.Tag, ErrNoEndMarker)
		return 0, c.err
	}
	return copy(p, c.tail[:i]), io.EOF
}

// A line feed ends a row and is nowhere else in COPY text.
var newline = []byte{'\n'}

// rowCount returns how many rows there were, once all were read.
func (c *copyText) rowCount() (n int64, all bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rows, c.done && c.err == nil
}

// stop ends reading for good and returns the failure to read, if there was one.
func (c *copyText) stop() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done, c.ahead = true, nil
	return c.err
}
