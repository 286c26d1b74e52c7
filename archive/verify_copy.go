package archive

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/pgarc/pgarc/toc"
)

// copyContent looks at the data of a COPY: rows, one a line, their columns
// with a tab between, and at the end the line `\.` and two more line ends
// (dumpTableData_copy in pg_dump.c, CopyAttributeOutText in copyto.c).
//
// It is the one thing besides decompression that touches every byte, so it
// works by the line with what package bytes has in assembly.
type copyContent struct {
	columns int  // of a row
	counted bool // columns are checked
	escapes bool // escapes are checked

	n      int64 // rows before the current one
	bytes  int64 // of data
	ended  bool  // the end marker was read
	behind int64 // bytes behind it
	junk   bool  // some of them are no line ends

	// The row at hand, as far as it was read.
	tabs     int
	length   int64
	last     byte // its last byte, if a piece ended in it
	escape   bool // the last byte is a backslash
	atStart  bool // that backslash begins the row
	atColumn bool // it begins a column
	null     bool // the last bytes are \N
	marker   bool // the row begins with \.

	wrong, bad trouble // rows with a wrong number of columns, with a bad escape
}

// trouble counts rows with one kind of flaw, and keeps the first.
type trouble struct {
	rows int64
	row  int64 // the first, from 1
	at   int64 // where it begins, in the data
	what string
}

func (t *trouble) add(row, at int64, format string, args ...any) {
	if t.rows++; t.rows == 1 { // there may be very many
		t.row, t.at, t.what = row, at, fmt.Sprintf(format, args...)
	}
}

func newCopyContent(e *toc.Entry, v Version, encoding string) *copyContent {
	columns, ok := copyColumns(e.Copy)
	return &copyContent{
		columns: columns,
		counted: ok && v.has(minorDumpIDs),
		escapes: v.has(minorDumpIDs) && !embedsASCII(encoding),
	}
}

// embedsASCII reports whether ASCII bytes can be part of a character of an
// encoding that only clients have (PG_ENCODING_IS_CLIENT_ONLY).
func embedsASCII(encoding string) bool {
	return slices.Contains([]string{"SJIS", "BIG5", "GBK", "UHC", "GB18030", "JOHAB", "SHIFT_JIS_2004"}, encoding)
}

// copyColumns counts the columns in a COPY statement. Without a list there are
// none: a table may have no columns. It is not ok if the statement is none
// that pg_dump makes.
func copyColumns(statement string) (n int, ok bool) {
	rest, ok := strings.CutPrefix(statement, "COPY ")
	if !ok {
		return 0, false
	}
	quoted, list := false, false
	for i := 0; i < len(rest); i++ {
		switch c := rest[i]; {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '(' && !list:
			list, n = true, 1
		case c == ',' && list:
			n++
		case list && c == ')', !list && (strings.HasPrefix(rest[i:], " FROM stdin;") || strings.HasPrefix(rest[i:], " WITH OIDS ")):
			tail := strings.TrimPrefix(rest[i:], ")")
			if after, found := strings.CutPrefix(tail, " WITH OIDS"); found {
				n, tail = n+1, after
			}
			return n, tail == " FROM stdin;\n"
		}
	}
	return 0, false
}

// write takes the next piece, which may begin and end anywhere.
func (c *copyContent) write(p []byte) {
	slash := indexFrom(p, 0, '\\')
	start := 0
	for start < len(p) && !c.ended {
		n := bytes.IndexByte(p[start:], '\n')
		end := start + n
		if n < 0 {
			end = len(p)
		}
		row := p[start:end]
		if slash < end || c.escape || c.null {
			c.checkEscapes(row)
			slash = indexFrom(p, end, '\\')
		}
		c.tabs += bytes.Count(row, tab)
		c.length += int64(len(row))
		if n < 0 {
			c.last = row[len(row)-1]
			return
		}
		c.endRow()
		start = end + 1
	}
	if c.ended {
		rest := p[start:]
		c.behind += int64(len(rest))
		c.junk = c.junk || bytes.Count(rest, lineEnd) != len(rest)
	}
}

var tab, lineEnd = []byte{'\t'}, []byte{'\n'}

// indexFrom returns the place of the next b in p from i on, or len(p).
func indexFrom(p []byte, i int, b byte) int {
	if n := bytes.IndexByte(p[i:], b); n >= 0 {
		return i + n
	}
	return len(p)
}

// endRow takes in a row at its line end.
func (c *copyContent) endRow() {
	if c.marker && c.length == 2 {
		c.ended = true
		return
	}
	if c.escape {
		c.badEscape("ends in a backslash")
	}
	if c.marker {
		c.badEscape(`begins with \.`)
	}
	c.n++
	if c.counted && (c.columns > 0 && c.tabs != c.columns-1 || c.columns == 0 && c.length > 0) {
		if c.columns == 0 {
			c.wrong.add(c.n, c.bytes, "is not empty")
		} else {
			c.wrong.add(c.n, c.bytes, "has %d", c.tabs+1)
		}
	}
	c.bytes += c.length + 1
	c.tabs, c.length, c.escape, c.null, c.marker = 0, 0, false, false, false
}

// checkEscapes looks at what follows the backslashes in a row, or in a part of
// one.
func (c *copyContent) checkEscapes(row []byte) {
	for i := 0; i < len(row); i++ {
		switch {
		case c.escape:
			c.escape = false
			c.escaped(row[i])
		case c.null && row[i] != '\t':
			c.badEscape(`has \N and more in one column`)
			fallthrough
		default:
			c.null = false
			if i = indexFrom(row, i, '\\'); i == len(row) {
				return
			}
			c.escape = true
			c.atStart = c.length == 0 && i == 0
			c.atColumn = c.atStart || i > 0 && row[i-1] == '\t' || i == 0 && c.last == '\t'
		}
	}
}

// escaped takes the byte behind a backslash.
func (c *copyContent) escaped(b byte) {
	switch {
	case b == 'N':
		c.null = true
		if !c.atColumn {
			c.badEscape(`has \N within a column`)
		}
	case b == '.' && c.atStart:
		c.marker = true
	case strings.IndexByte(`bfnrtv\`, b) < 0:
		c.badEscape("has a backslash before %q", b)
	}
}

func (c *copyContent) badEscape(format string, args ...any) {
	if c.escapes {
		c.bad.add(c.n+1, c.bytes, format, args...)
	}
}

func (c *copyContent) rows() int64 { return c.n }
func (c *copyContent) size() int64 { return c.bytes }

// end returns what is wrong, one flaw of each kind.
func (c *copyContent) end() []flaw {
	var flaws []flaw
	add := func(lost, format string, args ...any) {
		flaws = append(flaws, flaw{fmt.Sprintf(format, args...), lost})
	}
	if w := c.wrong; w.rows > 0 {
		add(plural(w.rows, "row")+"; COPY would stop at the first", "%s with a wrong number of columns, %d expected: row %d, at byte %d of the data, %s",
			plural(w.rows, "row"), c.columns, w.row, w.at, w.what)
	}
	if b := c.bad; b.rows > 0 {
		add("values in "+plural(b.rows, "row"), "%s that COPY does not write: row %d, at byte %d of the data, %s", plural(b.rows, "escape"), b.row, b.at, b.what)
	}
	switch {
	case !c.ended && c.length > 0:
		add("rows behind it, if there were any", "the data end within row %d, without an end marker", c.n+1)
	case !c.ended:
		add("rows behind it, if there were any", "there is no end marker behind row %d", c.n)
	case c.junk:
		add("rows, if they are such", "%d bytes behind the end marker, which is behind row %d", c.behind, c.n)
	case c.behind != 2 && c.counted:
		add("nothing", "%d line ends behind the end marker, 2 expected", c.behind)
	}
	return flaws
}

// plural is a number of things in words.
func plural(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
