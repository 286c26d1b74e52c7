package archive

import (
	"bytes"
	"fmt"
)

// sqlContent looks at data that are SQL: INSERT commands, or COMMENT commands
// of old archives. It splits them at semicolons, which needs no more of SQL
// than quotes (ExecuteSimpleCommands in pg_backup_db.c).
type sqlContent struct {
	backslashes bool   // they escape in strings (standard_conforming_strings is off)
	start       string // how every command starts; empty: in any way

	n, bytes  int64 // rows of whole commands; bytes before the piece at hand
	commands  int64
	quote     byte // within a string or a quoted name: the quote that ends it
	escape    bool // the last byte was a backslash that escapes
	depth     int  // of parentheses
	values    bool // behind the word VALUES, or another of the command's own with a V
	lists     int64
	length    int64  // of the command at hand; 0: none
	beginning []byte // its first bytes, as many as start has

	wrong trouble // commands that do not start as they should
}

func (c *sqlContent) rows() int64 { return c.n }
func (c *sqlContent) size() int64 { return c.bytes }

// write takes the next piece.
func (c *sqlContent) write(p []byte) {
	for i := 0; i < len(p); i++ {
		b := p[i]
		switch {
		case c.quote != 0:
			i = c.quoted(p, i)
			continue
		case b == ';' && c.length > 0:
			c.endCommand(c.bytes + int64(i))
			continue
		case c.length == 0 && (b == '\n' || b == ' '):
			continue
		case b == '\'' || b == '"':
			c.quote = b
		case b == '(':
			if c.depth++; c.depth == 1 && c.values {
				c.lists++
			}
		case b == ')':
			c.depth--
		case b == 'V' && c.depth == 0:
			c.values = true
		}
		if len(c.beginning) < len(c.start) {
			c.beginning = append(c.beginning, b)
		}
		c.length++
	}
	c.bytes += int64(len(p))
}

// quoted goes on in a string or quoted name at i, and returns the place of the
// last byte that it used. A doubled quote ends one and begins the next.
func (c *sqlContent) quoted(p []byte, i int) int {
	if c.backslashes && c.quote == '\'' {
		switch {
		case c.escape:
			c.escape = false
		case p[i] == '\\':
			c.escape = true
		case p[i] == '\'':
			c.quote = 0
		}
		c.length++
		return i
	}
	n := bytes.IndexByte(p[i:], c.quote)
	if n < 0 {
		c.length += int64(len(p) - i)
		return len(p)
	}
	c.quote = 0
	c.length += int64(n) + 1
	return i + n
}

// endCommand takes in the command that ends at a semicolon.
func (c *sqlContent) endCommand(at int64) {
	c.commands++
	switch {
	case string(c.beginning) != c.start:
		c.wrong.add(c.commands, at-c.length, "starts with %q", c.beginning)
	case c.depth != 0:
		c.wrong.add(c.commands, at-c.length, "has parentheses that do not match")
	}
	if c.start != "" {
		c.n += max(1, c.lists)
	}
	c.depth, c.values, c.lists, c.length, c.beginning = 0, false, 0, 0, c.beginning[:0]
}

// end returns what is wrong.
func (c *sqlContent) end() []flaw {
	var flaws []flaw
	if w := c.wrong; w.rows > 0 {
		flaws = append(flaws, flaw{
			fmt.Sprintf("%s that pg_dump does not write: command %d, at byte %d of the data, %s", plural(w.rows, "command"), w.row, w.at, w.what),
			"the rows of " + plural(w.rows, "command"),
		})
	}
	if c.length > 0 {
		flaws = append(flaws, flaw{fmt.Sprintf("the data end within command %d", c.commands+1), "the rows of the last command, and those behind it, if there were any"})
	}
	return flaws
}
