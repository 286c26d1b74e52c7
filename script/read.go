package script

import "strings"

// A RelationName names a table or an index. Both parts are unquoted; Schema is
// empty where the SQL does not say it and relies on the search path (archives
// before version 1.13).
type RelationName struct{ Schema, Name string }

// reader takes SQL apart from left to right, white space left out. Its methods
// take what they are named after; the first that meets something else spoils
// the reader for good, and all after it return nothing.
type reader struct {
	sql    string
	tokens []Token
	at     int // the next of tokens
	bad    bool
}

// newReader returns a reader of a text, spoilt if it has comments (pg_dump
// writes none into what is read here) or ends within a string or name.
func newReader(sql string, stdStrings bool) *reader {
	r := &reader{sql: sql}
	l := lexer{sql: sql, stdStrings: stdStrings}
	for t := range l.tokens() {
		switch t.Kind {
		case Space:
		case LineComment, BlockComment:
			r.bad = true
		default:
			r.tokens = append(r.tokens, t)
		}
	}
	r.bad = r.bad || l.open
	return r
}

// text returns the SQL from one token up to another.
func (r *reader) text(from, to int) string {
	if r.bad || from >= to {
		return ""
	}
	return r.sql[r.tokens[from].Start:r.tokens[to-1].End]
}

// isWord reports whether the i-th token from here on is a keyword.
func (r *reader) isWord(i int, word string) bool {
	i += r.at
	return i < len(r.tokens) && r.tokens[i].Kind == Word && lowerASCII(r.sql[r.tokens[i].Start:r.tokens[i].End]) == word
}

// found takes the keywords if they are what comes next.
func (r *reader) found(words string) bool {
	list := strings.Fields(words)
	for i, w := range list {
		if r.bad || !r.isWord(i, w) {
			return false
		}
	}
	r.at += len(list)
	return true
}

func (r *reader) words(words string) {
	if !r.found(words) {
		r.bad = true
	}
}

// oneOf takes the first of the alternatives that comes next.
func (r *reader) oneOf(alternatives ...string) {
	for _, words := range alternatives {
		if r.found(words) {
			return
		}
	}
	r.bad = true
}

// foundSymbol takes a symbol or the semicolon, if it comes next.
func (r *reader) foundSymbol(symbol string) bool {
	if r.bad || r.done() {
		return false
	}
	t := r.tokens[r.at]
	if t.Kind != Symbol && t.Kind != Semicolon || r.sql[t.Start:t.End] != symbol {
		return false
	}
	r.at++
	return true
}

func (r *reader) symbol(symbol string) {
	if !r.foundSymbol(symbol) {
		r.bad = true
	}
}

// name takes a name and returns it unquoted. Keywords that pg_dump quotes are
// no names, nor is U&"…", which it does not write.
func (r *reader) name() string {
	if r.bad || r.done() {
		r.bad = true
		return ""
	}
	t := r.tokens[r.at]
	text := r.sql[t.Start:t.End]
	switch {
	case t.Kind == Word && !quotedWords[lowerASCII(text)]:
		r.at++
		return lowerASCII(text)
	case t.Kind == QuotedName && text[0] == '"' && len(text) > 2:
		r.at++
		return strings.ReplaceAll(text[1:len(text)-1], `""`, `"`)
	}
	r.bad = true
	return ""
}

// relation takes the name of a table or index, and returns it also as written.
func (r *reader) relation() (name RelationName, text string) {
	start := r.at
	name.Name = r.name()
	if r.foundSymbol(".") {
		name.Schema, name.Name = name.Name, r.name()
	}
	return name, r.text(start, r.at)
}

// columns takes a list of names in parentheses, and returns it also as written.
func (r *reader) columns() (names []string, text string) {
	start := r.at
	r.symbol("(")
	names = append(names, r.name())
	for r.foundSymbol(",") {
		names = append(names, r.name())
	}
	r.symbol(")")
	return names, r.text(start, r.at)
}

// parameters takes storage parameters: (fillfactor='70', a.b=on).
func (r *reader) parameters() (text string) {
	start := r.at
	r.symbol("(")
	for more := true; more && !r.bad; more = r.foundSymbol(",") {
		r.relation()
		if r.foundSymbol("=") {
			r.value()
		}
	}
	r.symbol(")")
	return r.text(start, r.at)
}

// value takes a number, a string or a word.
func (r *reader) value() {
	if !r.foundSymbol("-") {
		r.foundSymbol("+")
	}
	r.oneToken(Number, String, Word, QuotedName)
}

// oneToken takes a token of one of the kinds.
func (r *reader) oneToken(kinds ...TokenKind) {
	if !r.bad && !r.done() {
		for _, k := range kinds {
			if r.tokens[r.at].Kind == k {
				r.at++
				return
			}
		}
	}
	r.bad = true
}

// expressions takes anything in parentheses.
func (r *reader) expressions() {
	r.symbol("(")
	r.balanced(1)
}

// balanced goes on to where so many open parentheses are closed; with none, to
// the end of the statement.
func (r *reader) balanced(depth int) {
	toEnd := depth == 0
	for ; !r.bad && (depth > 0 || toEnd); r.at++ {
		switch {
		case r.done(), r.tokens[r.at].Kind == Semicolon:
			r.bad = depth > 0
			return
		case r.tokens[r.at].Kind != Symbol:
		case r.sql[r.tokens[r.at].Start] == '(':
			depth++
		case r.sql[r.tokens[r.at].Start] == ')':
			depth--
			r.bad = depth < 0
		}
	}
}

// end takes the end of a statement: a semicolon, which the last one may lack.
func (r *reader) end() {
	if !r.foundSymbol(";") && !r.done() {
		r.bad = true
	}
}

// done reports whether nothing is left.
func (r *reader) done() bool { return r.at >= len(r.tokens) }

// lowerASCII folds the letters that the server folds in keywords and, in
// encodings of several bytes, in names.
func lowerASCII(s string) string {
	for i := range len(s) {
		if s[i] >= 'A' && s[i] <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if b[i] >= 'A' && b[i] <= 'Z' {
					b[i] |= 0x20
				}
			}
			return string(b)
		}
	}
	return s
}
