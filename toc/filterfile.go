package toc

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// A FilterError is a line of a filter file that cannot be understood.
type FilterError struct {
	Line int // from 1
	Text string
}

// Error gives the line, and the text in pg_restore's words.
func (e *FilterError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Text) }

// ReadFilter adds to the selection what a filter file says, as pg_restore
// --filter does (src/bin/pg_dump/filter.c). Each line is
//
//	include function|index|schema|table|trigger NAME
//	exclude schema NAME
//
// From # on, a line is a comment. Of the blanks in a name those that the server
// would not write are left out: f ( integer ) is f(integer). A name in double
// quotes keeps them, as it does in pg_restore, where such a name therefore
// matches nothing; with Selection.Patterns it means what it does in SQL.
//
// What is wrong with a line is returned as a *[FilterError].
func (s *Selection) ReadFilter(r io.Reader) error {
	f := filterReader{lines: bufio.NewReader(r)}
	for f.next() {
		command, object, name := f.item()
		if f.err != nil {
			break
		}
		if command == "" {
			continue
		}
		list := s.filtered(command, object)
		if list == nil {
			f.fail("%s filter for %q is not allowed", command, strings.ReplaceAll(object, "_", " "))
			break
		}
		*list = append(*list, name)
	}
	return f.err
}

// filterObjects are the kinds of objects in filter files. Most are for pg_dump
// only.
var filterObjects = []string{"table_data", "table_data_and_children", "database", "extension", "foreign_data",
	"function", "index", "schema", "table", "table_and_children", "trigger"}

// filtered returns the list of names that a filter adds to, or nil if there is
// none.
func (s *Selection) filtered(command, object string) *[]string {
	switch command + " " + object {
	case "include function":
		return &s.Functions
	case "include index":
		return &s.Indexes
	case "include schema":
		return &s.Schemas
	case "include table":
		return &s.Tables
	case "include trigger":
		return &s.Triggers
	case "exclude schema":
		return &s.ExcludeSchemas
	}
	return nil
}

// filterReader reads a filter file line by line. The first error is kept.
type filterReader struct {
	lines  *bufio.Reader
	line   string // what is left of the current line
	number int
	err    error
}

// maxFilterLine bounds memory. Names have at most 63 bytes, and a function at
// most 100 arguments.
const maxFilterLine = 1 << 20

// next goes on to the next line; there is none at the end and after an error.
func (f *filterReader) next() bool {
	if f.err != nil {
		return false
	}
	var line []byte
	for {
		part, err := f.lines.ReadSlice('\n')
		line = append(line, part...)
		if errors.Is(err, bufio.ErrBufferFull) && len(line) < maxFilterLine {
			continue
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			f.number++
			f.fail("line too long")
			return false
		}
		if err != nil && err != io.EOF {
			f.err = err
			return false
		}
		break
	}
	if len(line) == 0 {
		return false
	}
	line, _, _ = bytes.Cut(line, []byte{0}) // where C's strings end
	f.line = string(line)
	f.number++
	return true
}

func (f *filterReader) fail(format string, args ...any) {
	if f.err == nil {
		f.err = &FilterError{f.number, fmt.Sprintf(format, args...)}
	}
}

const filterBlanks = " \t\n\v\f\r"

func (f *filterReader) skipBlanks() (any bool) {
	rest := strings.TrimLeft(f.line, filterBlanks)
	any = len(rest) < len(f.line)
	f.line = rest
	return any
}

// word returns what stands before the next blank.
func (f *filterReader) word() string {
	f.skipBlanks()
	end := strings.IndexAny(f.line, filterBlanks)
	if end < 0 {
		end = len(f.line)
	}
	word := f.line[:end]
	f.line = f.line[end:]
	return word
}

// item reads one line, or several if a quoted name goes over several. Empty
// lines and comments have no command.
func (f *filterReader) item() (command, object, name string) {
	f.skipBlanks()
	if f.line == "" || f.line[0] == '#' {
		return "", "", ""
	}
	command = strings.ToLower(f.word())
	if command != "include" && command != "exclude" {
		f.fail(`invalid filter command (expected "include" or "exclude")`)
		return "", "", ""
	}
	typed := f.word()
	if typed == "" {
		f.fail("missing filter object type")
		return "", "", ""
	}
	object = strings.ToLower(typed)
	if !slices.Contains(filterObjects, object) {
		f.fail(`unsupported filter object type: "%s"`, typed)
		return "", "", ""
	}
	return command, object, f.name()
}

// name reads a name, with the blanks that the server would write: none around
// a dot and parentheses, one after a comma, one between words.
func (f *filterReader) name() string {
	f.skipBlanks()
	if f.line == "" {
		f.fail("missing object name pattern")
		return ""
	}
	var b strings.Builder
	joins := true // no blank may stand here
	blank := false
	for f.line != "" && f.line[0] != '#' && f.err == nil {
		end := strings.IndexAny(f.line, filterBlanks+`#,.()"`)
		if end < 0 {
			end = len(f.line)
		}
		if end > 0 {
			if blank && !joins {
				b.WriteByte(' ')
			}
			b.WriteString(f.line[:end])
			f.line = f.line[end:]
		}
		joins = false
		if f.line == "" {
			break
		}
		switch c := f.line[0]; c {
		case '"':
			if blank {
				b.WriteByte(' ')
			}
			f.quoted(&b)
		case ',':
			b.WriteString(", ")
			f.line, joins = f.line[1:], true
		case '.', '(', ')':
			b.WriteByte(c)
			f.line, joins = f.line[1:], true
		}
		blank = f.skipBlanks()
	}
	return b.String()
}

// quoted reads a name in double quotes, which stay. In it, \n is a line end and
// \\ a backslash; other letters after a backslash are dropped.
func (f *filterReader) quoted(b *strings.Builder) {
	b.WriteByte('"')
	f.line = f.line[1:]
	for {
		f.line = strings.TrimLeft(f.line, "\r\n")
		if f.line == "" {
			if !f.next() {
				f.fail("unexpected end of file")
				return
			}
			b.WriteByte('\n')
			if f.line == "" {
				continue
			}
		}
		c := f.line[0]
		f.line = f.line[1:]
		switch {
		case c == '"' && strings.HasPrefix(f.line, `"`):
			b.WriteString(`""`)
			f.line = f.line[1:]
		case c == '"':
			b.WriteByte('"')
			return
		case c == '\\' && f.line != "":
			switch f.line[0] {
			case 'n':
				b.WriteByte('\n')
			case '\\':
				b.WriteByte('\\')
			}
			f.line = f.line[1:]
		case c != '\\':
			b.WriteByte(c)
		}
	}
}
