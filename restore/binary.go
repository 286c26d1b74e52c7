package restore

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgarc/pgarc/internal/copybin"
)

// binarySize is the stored size from which asking for the types of a table's
// columns pays.
const binarySize = 256 << 10

// binaryCopy is how a table is loaded by binary COPY.
type binaryCopy struct {
	statement copybin.Statement
	columns   []copybin.Column
}

// binary decides whether to load a table by binary COPY, which saves the server
// parsing: if the target's columns are all of types whose text is converted
// exactly, and if it is likely to pay. Data from a stream cannot be read again
// should a row be refused.
func (x *executor) binary(ctx context.Context, s *session, t *task, sql string) (binaryCopy, bool) {
	var b binaryCopy
	if !x.binaryCopies || t.step.Entry.DataSize < binarySize || t.step.FromStream || x.inTransaction(t) ||
		!copybin.SafeEncoding(x.toc.Encoding) || s.conn.ParameterStatus("integer_datetimes") != "on" {
		return b, false
	}
	var ok bool
	if b.statement, ok = copybin.ParseStatement(sql); !ok {
		return b, false
	}
	types, err := s.columnTypes(ctx, b.statement.Table)
	if err != nil {
		return b, false
	}
	for _, name := range b.statement.Columns {
		c, ok := types[name]
		if !ok || !copybin.Supported(c) {
			return b, false
		}
		b.columns = append(b.columns, c)
	}
	return b, copybin.Worth(b.columns)
}

// columnTypes returns the types of a table's columns, as copybin wants them.
func (s *session) columnTypes(ctx context.Context, table string) (map[string]copybin.Column, error) {
	result := s.conn.ExecParams(ctx, copybin.ColumnsQuery, [][]byte{[]byte(table)}, nil, nil, nil).Read()
	if result.Err != nil {
		return nil, result.Err
	}
	types := make(map[string]copybin.Column)
	for _, r := range result.Rows {
		types[string(r[0])] = copybin.Column{Type: oid(r[1]), Element: oid(r[2])}
	}
	return types, nil
}

func oid(text []byte) uint32 {
	var n uint32
	for _, c := range text {
		n = n*10 + uint32(c-'0')
	}
	return n
}

// binaryRows converts rows as they are read. As with copyText, reading and
// stopping exclude each other, and the failure of a row is kept: pgconn only
// tells the server of it.
type binaryRows struct {
	mu   sync.Mutex
	r    *copybin.Reader
	err  error
	done bool
}

func (b *binaryRows) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.done {
		return 0, io.EOF
	}
	n, err := b.r.Read(p)
	if err != nil && err != io.EOF {
		b.err = err
	}
	return n, err
}

// stop ends reading for good, and returns the failure of a row, if there was
// one.
func (b *binaryRows) stop() *copybin.RowError {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.done = true
	var refused *copybin.RowError
	errors.As(b.err, &refused)
	return refused
}

// isRefused reports whether the server found a value wrong. Loaded as text, the
// table fails with the message that everybody knows, or not at all.
func isRefused(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (strings.HasPrefix(pg.Code, "22") || strings.HasPrefix(pg.Code, "23"))
}
