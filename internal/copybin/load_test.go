package copybin_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgarc/pgarc/internal/copybin"
	"github.com/pgarc/pgarc/internal/pgscratch"
	"github.com/pgarc/pgarc/internal/pgscratch/scratchtest"
)

func TestMain(m *testing.M) { scratchtest.Main(m) }

// pgDumpSettings are those of pg_dump that change how values are written (setup_connection in pg_dump.c).
const pgDumpSettings = `SET DateStyle = ISO; SET IntervalStyle = POSTGRES; SET extra_float_digits TO 3; SET client_min_messages = warning;`

func connect(tb testing.TB, s *pgscratch.Server, db string) *pgconn.PgConn {
	tb.Helper()
	conn, err := pgconn.Connect(context.Background(), s.ConnString(db))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close(context.Background()) })
	exec(tb, conn, pgDumpSettings)
	return conn
}

func exec(tb testing.TB, conn *pgconn.PgConn, sql string) {
	tb.Helper()
	if _, err := conn.Exec(context.Background(), sql).ReadAll(); err != nil {
		tb.Fatalf("%s: %v", sql, err)
	}
}

// query returns the rows of one statement, as text.
func query(tb testing.TB, conn *pgconn.PgConn, sql string, params ...string) [][]string {
	tb.Helper()
	values := make([][]byte, len(params))
	for i, p := range params {
		values[i] = []byte(p)
	}
	r := conn.ExecParams(context.Background(), sql, values, nil, nil, nil).Read()
	if r.Err != nil {
		tb.Fatalf("%s: %v", sql, r.Err)
	}
	var rows [][]string
	for _, values := range r.Rows {
		row := make([]string, len(values))
		for i, v := range values {
			row[i] = string(v)
		}
		rows = append(rows, row)
	}
	return rows
}

// columnsOf asks ColumnsQuery for the columns of a table; names limits and orders them.
func columnsOf(tb testing.TB, conn *pgconn.PgConn, table string, names ...string) []copybin.Column {
	tb.Helper()
	byName := map[string]copybin.Column{}
	var all []string
	for _, row := range query(tb, conn, copybin.ColumnsQuery, table) {
		var c copybin.Column
		if _, err := fmt.Sscan(row[1]+" "+row[2], &c.Type, &c.Element); err != nil {
			tb.Fatalf("%s: %q: %v", table, row, err)
		}
		byName[row[0]] = c
		all = append(all, row[0])
	}
	if names == nil {
		names = all
	}
	var columns []copybin.Column
	for _, name := range names {
		c, ok := byName[name]
		if !ok {
			tb.Fatalf("%s has no column %q among %q", table, name, all)
		}
		columns = append(columns, c)
	}
	return columns
}

func copyOut(tb testing.TB, conn *pgconn.PgConn, sql string) []byte {
	tb.Helper()
	var b bytes.Buffer
	if _, err := conn.CopyTo(context.Background(), &b, sql); err != nil {
		tb.Fatalf("%s: %v", sql, err)
	}
	return b.Bytes()
}

// loadBoth loads text into two tables of the columns that ddl lists, t_text and t_bin, and compares them. It
// returns the rows; a text that has no binary form fails the test. list is the column list of the COPY, or
// empty.
func loadBoth(tb testing.TB, conn *pgconn.PgConn, columns []copybin.Column, list string, text []byte) int64 {
	tb.Helper()
	ctx := context.Background()
	textTag, err := conn.CopyFrom(ctx, bytes.NewReader(text), "COPY t_text "+list+" FROM stdin")
	if err != nil {
		tb.Fatalf("as text: %v\n%.300q", err, text)
	}
	r, err := copybin.NewReader(bytes.NewReader(text), columns)
	if err != nil {
		tb.Fatal(err)
	}
	seen := &errReader{r: r}
	binTag, err := conn.CopyFrom(ctx, seen, "COPY t_bin "+list+" FROM stdin WITH (FORMAT binary)")
	if seen.err != nil {
		tb.Fatalf("not converted: %v%s", seen.err, line(text, seen.err))
	}
	if err != nil {
		tb.Fatalf("binary: %v\n%.300q", err, text)
	}
	if textTag.RowsAffected() != binTag.RowsAffected() || r.Rows() != binTag.RowsAffected() {
		tb.Fatalf("text gave %d rows, binary %d, converted %d", textTag.RowsAffected(), binTag.RowsAffected(), r.Rows())
	}
	same(tb, conn, list, textTag.RowsAffected())
	return r.Rows()
}

// errReader keeps the error of a reader, which CopyFrom sends to the server and forgets.
type errReader struct {
	r   io.Reader
	err error
}

func (e *errReader) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	if err != nil && err != io.EOF {
		e.err = err
	}
	return n, err
}

func line(text []byte, err error) string {
	var rowErr *copybin.RowError
	if !errors.As(err, &rowErr) {
		return ""
	}
	return fmt.Sprintf("\n%.500q", bytes.Split(text, []byte("\n"))[rowErr.Row-1])
}

// same compares the rows of t_text and t_bin, sorted by their text: the stored bytes of every value
// (record_image_eq), and what COPY writes of them, as text and as binary. Their places are not compared: binary
// COPY inserts in batches of other sizes, and the server may fill pages in another order.
func same(tb testing.TB, conn *pgconn.PgConn, list string, rows int64) {
	tb.Helper()
	const sorted = `(SELECT row_number() OVER (ORDER BY "a row"::text COLLATE "C") AS n, "a row" FROM %s AS "a row")`
	pairs := fmt.Sprintf(" FROM "+sorted+" AS a FULL JOIN "+sorted+" AS b USING (n) ", "t_text", "t_bin")
	const equal = `a."a row" *= b."a row"`
	got := query(tb, conn, `SELECT count(*), count(*) FILTER (WHERE `+equal+`)`+pairs)[0]
	if want := fmt.Sprint(rows); got[0] != want || got[1] != want {
		tb.Errorf("%s rows in the larger table, %s of them with the same bytes in both; want %s", got[0], got[1], want)
		for _, row := range query(tb, conn, `SELECT a."a row"::text, b."a row"::text`+pairs+`WHERE (`+equal+`) IS NOT TRUE LIMIT 3`) {
			tb.Logf("as text %.300q\nbinary  %.300q", row[0], row[1])
		}
	}
	list = strings.Trim(list, "()")
	if list == "" {
		list = "*"
	}
	for _, format := range []string{"", " WITH (FORMAT binary)"} {
		out := func(table string) []byte {
			return copyOut(tb, conn, `COPY (SELECT `+list+` FROM `+table+` AS "a row" ORDER BY "a row"::text COLLATE "C") TO stdout`+format)
		}
		if a, b := out("t_text"), out("t_bin"); !bytes.Equal(a, b) {
			tb.Errorf("COPY TO%s writes %d bytes of one and %d other bytes of the other", format, len(a), len(b))
		}
	}
}

// fresh makes t_text and t_bin of the columns anew.
func fresh(tb testing.TB, conn *pgconn.PgConn, columns string) {
	tb.Helper()
	exec(tb, conn, "DROP TABLE IF EXISTS t_text, t_bin; CREATE TABLE t_text ("+columns+"); CREATE TABLE t_bin ("+columns+")")
}
