package script

import (
	"iter"
	"strings"
)

// TokenKind says what a [Token] is.
type TokenKind uint8

// The kinds of tokens. Between them they cover every byte of a text.
const (
	Space        TokenKind = iota // blanks and line ends
	LineComment                   // -- to the line end
	BlockComment                  // /* … */, which nest
	Word                          // a keyword or bare name
	QuotedName                    // "…" or U&"…"
	String                        // '…', E'…', B'…', X'…', U&'…' or a dollar-quoted string
	Number                        // digits, also with point and exponent; $1
	Symbol                        // any other single byte, and ..
	Semicolon
)

// A Token is a piece of SQL: sql[Start:End]. What the text ends in the midst of
// (a string without closing quote) reaches to the end of the text.
type Token struct {
	Kind       TokenKind
	Start, End int
}

// Tokens splits SQL as the server does (src/backend/parser/scan.l), except that
// operators come byte by byte. stdStrings is standard_conforming_strings. Any
// text has tokens; their texts joined are the text.
func Tokens(sql string, stdStrings bool) iter.Seq[Token] {
	l := lexer{sql: sql, stdStrings: stdStrings}
	return l.tokens()
}

// lexer is one pass over a text. As psql it reads line by line.
type lexer struct {
	sql        string
	stdStrings bool
	psql       bool // continue strings as psql does
	oddNumber  bool // met a number run into a string: 1e'…'
	open       bool // the text ended in a string, quoted name or comment
}

func (l *lexer) tokens() iter.Seq[Token] {
	return func(yield func(Token) bool) {
		for at := 0; at < len(l.sql); {
			kind, end := l.next(at)
			if !yield(Token{kind, at, end}) {
				return
			}
			at = end
		}
	}
}

// next returns the kind and the end of the token at i.
func (l *lexer) next(i int) (TokenKind, int) {
	s, c := l.sql[i:], l.sql[i]
	switch {
	case isSpace(c):
		return Space, i + len(s) - len(strings.TrimLeft(s, " \t\n\r\f"))
	case strings.HasPrefix(s, "--"):
		if n := strings.IndexAny(s, "\r\n"); n >= 0 {
			return LineComment, i + n
		}
		return LineComment, len(l.sql)
	case strings.HasPrefix(s, "/*"):
		return BlockComment, l.blockComment(i)
	case c == ';':
		return Semicolon, i + 1
	case c == '\'':
		return String, l.quoted(i+1, !l.stdStrings)
	case c == '"':
		return QuotedName, l.quotedName(i + 1)
	case c == '$':
		return l.dollar(i)
	case strings.HasPrefix(s, ".."):
		return Symbol, i + 2
	case isDigit(c), c == '.' && len(s) > 1 && isDigit(s[1]):
		return Number, l.number(i)
	case isWordStart(c):
		return l.word(i)
	}
	return Symbol, i + 1
}

// word returns the bare word at i, or the string or name of which its first
// letters are the prefix.
func (l *lexer) word(i int) (TokenKind, int) {
	if kind, end := l.prefixed(i); end > 0 {
		return kind, end
	}
	end := i + 1
	for end < len(l.sql) && (isWordStart(l.sql[end]) || isDigit(l.sql[end]) || l.sql[end] == '$') {
		end++
	}
	return Word, end
}

// prefixed returns the string or name at i that has a prefix: E'…', U&"…".
// The end is 0 if there is none.
func (l *lexer) prefixed(i int) (TokenKind, int) {
	s := l.sql[i:]
	if len(s) < 2 {
		return 0, 0
	}
	c := s[0] | 0x20
	if s[1] == '\'' {
		switch c {
		case 'e':
			return String, l.quoted(i+2, true)
		case 'b', 'x':
			return String, l.bits(i + 2)
		case 'n':
			return String, l.quoted(i+2, !l.stdStrings)
		}
	}
	if c == 'u' && s[1] == '&' && len(s) > 2 {
		switch s[2] {
		case '\'':
			return String, l.quoted(i+3, false)
		case '"':
			return QuotedName, l.quotedName(i + 3)
		}
	}
	return 0, 0
}

// quoted returns the end of a string whose text begins at i.
func (l *lexer) quoted(i int, backslashes bool) int {
	for i < len(l.sql) {
		switch c := l.sql[i]; {
		case c == '\\' && backslashes:
			i += 2
		case c != '\'':
			i++
		case strings.HasPrefix(l.sql[i:], "''"):
			i += 2
		default:
			next := l.continued(i + 1)
			if next == 0 {
				return i + 1
			}
			i = next
		}
	}
	return l.unclosed()
}

// unclosed is the end of what has no end.
func (l *lexer) unclosed() int {
	l.open = true
	return len(l.sql)
}

// bits returns the end of a bit string, in which ” is no quote.
func (l *lexer) bits(i int) int {
	for {
		n := strings.IndexByte(l.sql[i:], '\'')
		if n < 0 {
			return l.unclosed()
		}
		next := l.continued(i + n + 1)
		if next == 0 {
			return i + n + 1
		}
		i = next
	}
}

// continued returns where a string that ended before i goes on: after another
// quote, if only white space with a line end in it stands between. It returns
// 0 if the string is over.
//
// psql feeds its lexer lines without their line end, so there a string does
// not go on in the next line, unless by a carriage return (which counts as a
// line end, but is not one to psql's reader). The difference matters after E”:
// the server goes on to read backslashes as escapes, psql does not.
func (l *lexer) continued(i int) int {
	if l.psql {
		for i < len(l.sql) && l.sql[i] == '\n' {
			i++
		}
	}
	lineEnd := false
	for i < len(l.sql) {
		s := l.sql[i:]
		switch c := s[0]; {
		case c == '\n' && l.psql:
			return 0
		case c == '\n' || c == '\r':
			lineEnd = true
			i++
		case isSpace(c):
			i++
		case strings.HasPrefix(s, "--"):
			n := strings.IndexAny(s, "\r\n")
			if n < 0 {
				return 0
			}
			i += n
		case c == '\'' && lineEnd:
			return i + 1
		default:
			return 0
		}
	}
	return 0
}

// quotedName returns the end of a quoted name whose text begins at i.
func (l *lexer) quotedName(i int) int {
	for {
		n := strings.IndexByte(l.sql[i:], '"')
		if n < 0 {
			return l.unclosed()
		}
		i += n + 1
		if !strings.HasPrefix(l.sql[i:], `"`) {
			return i
		}
		i++
	}
}

// dollar returns the dollar-quoted string or the parameter ($1) at i.
func (l *lexer) dollar(i int) (TokenKind, int) {
	end := i + 1
	for end < len(l.sql) && (isWordStart(l.sql[end]) || end > i+1 && isDigit(l.sql[end])) {
		end++
	}
	if end < len(l.sql) && l.sql[end] == '$' {
		delimiter := l.sql[i : end+1]
		if n := strings.Index(l.sql[end+1:], delimiter); n >= 0 {
			return String, end + 1 + n + len(delimiter)
		}
		return String, l.unclosed()
	}
	if i+1 < len(l.sql) && isDigit(l.sql[i+1]) {
		return Number, l.number(i + 1)
	}
	return Symbol, i + 1
}

// number returns the end of the number at i.
func (l *lexer) number(i int) int {
	i = l.digits(i)
	if i < len(l.sql) && l.sql[i] == '.' && !strings.HasPrefix(l.sql[i:], "..") {
		i = l.digits(i + 1)
	}
	if i+1 < len(l.sql) && l.sql[i]|0x20 == 'e' {
		exponent := i + 1
		if l.sql[exponent] == '+' || l.sql[exponent] == '-' {
			exponent++
		}
		if end := l.digits(exponent); end > exponent {
			i = end
		}
	}
	// 1e'…': to a psql before 15 an E string, to a newer one a plain one.
	if i+1 < len(l.sql) && isWordStart(l.sql[i]) && strings.IndexByte("'&", l.sql[i+1]) >= 0 {
		l.oddNumber = true
	}
	return i
}

func (l *lexer) digits(i int) int {
	for i < len(l.sql) && isDigit(l.sql[i]) {
		i++
	}
	return i
}

// blockComment returns the end of the comment at i.
func (l *lexer) blockComment(i int) int {
	depth := 0
	for i+1 < len(l.sql) {
		switch l.sql[i : i+2] {
		case "/*":
			depth++
			i += 2
		case "*/":
			depth--
			i += 2
			if depth == 0 {
				return i
			}
		default:
			i++
		}
	}
	return l.unclosed()
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isWordStart(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80
}
