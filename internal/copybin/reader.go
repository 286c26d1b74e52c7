package copybin

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// header begins a binary stream: the signature, no flags, no extension.
const header = "PGCOPY\n\xff\r\n\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00"

// trailer ends it: a row of -1 fields.
const trailer = "\xff\xff"

const (
	firstBuffer = 128 << 10 // of text; grows with the longest row
	outputAhead = 64 << 10  // of binary; what pgconn sends at once
)

// MaxBatch bounds the text of each 1000 rows, in bytes; more is a [RowError].
//
// The server inserts the rows of a COPY in batches. Those of COPY text end
// after 1000 rows or 64 kB of text, those of binary COPY after 1000 rows only,
// however large (CopyMultiInsertInfoIsFull in copyfrom.c; measured with 15 and
// 200 kB a row: 200 MB more). So this is what a session of the server may need.
// A Reader needs at most a few times the longest row.
const MaxBatch = 64 << 20

// batchRows is the server's MAX_BUFFERED_TUPLES.
const batchRows = 1000

var tooLarge = fmt.Sprintf("more than %d MiB in at most %d rows", MaxBatch>>20, batchRows)

// A RowError says which row cannot be converted, or not with certainty to what
// the server would make of it. It shows nothing of the data.
type RowError struct {
	Row    int64 // counted from 1
	Column int   // counted from 1 among the columns; 0 if it is the row as a whole
	Reason string
}

func (e *RowError) Error() string {
	if e.Column == 0 {
		return fmt.Sprintf("row %d: no binary form: %s", e.Row, e.Reason)
	}
	return fmt.Sprintf("row %d, column %d: no binary form: %s", e.Row, e.Column, e.Reason)
}

// A Reader reads the binary stream for a COPY text. It is used by one
// goroutine.
type Reader struct {
	text    io.Reader
	columns []column

	in   []byte // in[r:w] is text that is read and not converted
	r, w int
	seen int  // in[r:seen] has no line end
	cr   bool // there was a carriage return, which COPY text never has

	out  []byte // out[sent:] is converted
	sent int
	rows int64
	err  error // io.EOF once all is in out

	batch int // bytes of text since rows was last a multiple of batchRows

	scratch []byte
}

// A column is a Column with what converts it: one of scan, array and text.
type column struct {
	kind    kind
	element uint32
	scan    scanner
	text    textType
}

type kind uint8

// The commonest types have kinds of their own: a call that is no indirect one
// is worth a tenth of the time.
const (
	kindText kind = iota // text, varchar, char(n), json
	kindInt8
	kindInt4
	kindBool
	kindTimestamp
	kindPlain
	kindOtherText
	kindPlainArray
	kindTextArray
)

// NewReader returns a Reader of the binary form of text: rows of pg_dump's
// COPY text without the end marker, of the columns of the COPY statement. It
// fails if there are no columns or one is not [Supported].
func NewReader(text io.Reader, columns []Column) (*Reader, error) {
	if len(columns) == 0 || len(columns) > 1<<15-1 {
		return nil, fmt.Errorf("a table of %d columns has no binary form here", len(columns))
	}
	r := &Reader{
		text:    text,
		columns: make([]column, len(columns)),
		in:      make([]byte, firstBuffer),
		out:     append(make([]byte, 0, 2*outputAhead), header...),
	}
	for i, c := range columns {
		if !Supported(c) {
			return nil, fmt.Errorf("column %d: type %d has no binary form here", i+1, c.Type)
		}
		r.columns[i] = newColumn(c)
	}
	return r, nil
}

func newColumn(c Column) column {
	col := column{element: c.Element, scan: plainTypes[c.Type], text: textTypes[c.Type]}
	switch {
	case c.Element != 0 && col.scan != nil:
		col.kind = kindPlainArray
	case c.Element != 0:
		col.kind = kindTextArray
	case c.Type == oidInt8:
		col.kind = kindInt8
	case c.Type == oidInt4:
		col.kind = kindInt4
	case c.Type == oidBool:
		col.kind = kindBool
	case c.Type == oidTimestamp:
		col.kind = kindTimestamp
	case col.scan != nil:
		col.kind = kindPlain
	case col.text.finish == nil:
		col.kind = kindText
	default:
		col.kind = kindOtherText
	}
	return col
}

// Rows is how many rows were converted so far.
func (r *Reader) Rows() int64 { return r.rows }

// Read reads from the binary stream. Its errors, io.EOF aside, are *[RowError]
// and those of the text's reader.
func (r *Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for r.sent == len(r.out) {
		if r.err != nil {
			return 0, r.err
		}
		r.out, r.sent = r.out[:0], 0
		r.convert()
	}
	n := copy(p, r.out[r.sent:])
	r.sent += n
	return n, nil
}

// convert appends rows to out until there is enough to send, or sets err.
func (r *Reader) convert() {
	for len(r.out) < outputAhead && r.err == nil {
		i := bytes.IndexByte(r.in[r.seen:r.w], '\n')
		if i < 0 {
			r.seen = r.w
			r.fill()
			continue
		}
		line := r.in[r.r : r.seen+i+1]
		n := len(line)
		r.r += n
		r.seen = r.r
		if r.rows%batchRows == 0 {
			r.batch = 0
		}
		r.rows++
		r.batch += n
		if r.batch > MaxBatch {
			r.refuse(0, tooLarge)
			return
		}
		if r.cr && bytes.IndexByte(line, '\r') >= 0 {
			r.refuse(0, "a carriage return that is not escaped")
			return
		}
		r.row(line)
	}
}

// row converts one row, which ends with the only line end in it.
func (r *Reader) row(line []byte) {
	start := len(r.out)
	out := append(r.out, byte(len(r.columns)>>8), byte(len(r.columns)))
	last := len(r.columns) - 1
	for i := range r.columns {
		c := &r.columns[i]
		var n int
		if line[0] == '\\' && line[1] == 'N' {
			out, n = append(out, 0xff, 0xff, 0xff, 0xff), 2
		} else {
			switch c.kind {
			case kindText:
				out, n = scanText(out, line)
			case kindInt8:
				out, n = scanInt8(out, line)
			case kindInt4:
				out, n = scanInt4(out, line)
			case kindBool:
				out, n = scanBool(out, line)
			case kindTimestamp:
				out, n = scanTimestamp(out, line)
			case kindPlain:
				out, n = c.scan(out, line)
			default:
				out, n = r.other(c, out, line)
			}
		}
		if n < 0 || i < last && line[n] != '\t' || i == last && n != len(line)-1 {
			r.out = out[:start]
			r.refuse(i+1, r.reason(line, i == last, n))
			return
		}
		line = line[n+1:]
	}
	r.out = out
}

func (r *Reader) other(c *column, out, line []byte) ([]byte, int) {
	switch c.kind {
	case kindOtherText:
		return c.text.scan(out, line)
	case kindPlainArray:
		return scanPlainArray(out, line, c)
	default:
		return r.scanTextArray(out, line, c)
	}
}

func (r *Reader) reason(line []byte, last bool, n int) string {
	switch {
	case n < 0:
		return "not a value as PostgreSQL writes it, or none that is converted"
	case !last && line[n] == '\n':
		return "the last one, but there should be more"
	case last && line[n] == '\t':
		return "should be the last, but there are more"
	}
	return "more than a value as PostgreSQL writes it"
}

func (r *Reader) refuse(column int, reason string) {
	r.err = &RowError{Row: r.rows, Column: column, Reason: reason}
	r.rows--
}

// fill reads more text. Not one row is whole in what there is.
func (r *Reader) fill() {
	if r.w-r.r > MaxBatch {
		r.rows++
		r.refuse(0, tooLarge)
		return
	}
	if r.r > 0 {
		r.w = copy(r.in, r.in[r.r:r.w])
		r.r, r.seen = 0, r.w
	}
	if r.w == len(r.in) {
		r.in = append(r.in, make([]byte, len(r.in))...)
	}
	for range 100 {
		n, err := r.text.Read(r.in[r.w:])
		r.cr = r.cr || bytes.IndexByte(r.in[r.w:r.w+n], '\r') >= 0
		r.w += n
		if err != nil {
			r.end(err)
		}
		if n > 0 || err != nil {
			return
		}
	}
	r.err = io.ErrNoProgress
}

// end is called when the text has ended; rows may be left in the buffer.
func (r *Reader) end(err error) {
	switch {
	case !errors.Is(err, io.EOF):
		r.err = err
	case r.w > 0 && r.in[r.w-1] != '\n':
		r.text = failed{&RowError{Row: r.rows + 1 + int64(bytes.Count(r.in[:r.w], []byte("\n"))), Reason: "no line end"}}
	case r.w > 0:
		r.text = failed{io.EOF}
	default:
		r.out = append(r.out, trailer...)
		r.err = io.EOF
	}
}

// failed is what is left to read when there is only an error left.
type failed struct{ err error }

func (f failed) Read([]byte) (int, error) { return 0, f.err }

// A scanner appends the binary form, length and value, of the value that text
// begins with, and returns how long that is; -1 if it is none. Text ends with a
// line end; a scanner that stops before it leaves it to the caller whether what
// follows may follow.
type scanner func(dst, text []byte) ([]byte, int)

// beginValue appends the place for a length that is not known yet.
func beginValue(dst []byte) []byte { return append(dst, 0, 0, 0, 0) }

// endValue fills it in: start is where it is.
func endValue(dst []byte, start int) []byte {
	binary.BigEndian.PutUint32(dst[start:], uint32(len(dst)-start-4))
	return dst
}
