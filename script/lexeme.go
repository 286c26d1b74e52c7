package script

import (
	"slices"
	"strings"

	"github.com/pgarc/pgarc/toc"
)

// A Lexeme is a token that means something: no blank, no comment.
type Lexeme struct {
	Token
	Text string
	Name string // of a word or quoted name: the name, folded or without quotes
}

// lexemes returns the lexemes of a text.
func Lexemes(sql string, stdStrings bool) []Lexeme {
	var list []Lexeme
	for t := range Tokens(sql, stdStrings) {
		w := Lexeme{Token: t, Text: sql[t.Start:t.End]}
		switch t.Kind {
		case Space, LineComment, BlockComment:
			continue
		case Word:
			w.Name = foldASCII(w.Text)
		case QuotedName:
			w.Name = strings.ReplaceAll(strings.TrimSuffix(w.Text[1:], `"`), `""`, `"`)
		}
		list = append(list, w)
	}
	return list
}

// foldASCII folds a bare name as the server does, but for letters beyond ASCII:
// those depend on its locale, and pg_dump writes such names in quotes.
func foldASCII(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] >= 'A' && s[i] <= 'Z' {
			return strings.Map(func(c rune) rune {
				if c >= 'A' && c <= 'Z' {
					c += 'a' - 'A'
				}
				return c
			}, s)
		}
	}
	return s
}

// isKey reports whether the lexeme is one of some keywords, written in lower
// case.
func (w Lexeme) isKey(words ...string) bool { return w.Kind == Word && slices.Contains(words, w.Name) }

// isNamed reports whether the lexeme is one of some names, in quotes or not, as
// those of types and functions are under pg_dump's --quote-all-identifiers.
func (w Lexeme) isNamed(names ...string) bool {
	return (w.Kind == Word || w.Kind == QuotedName) && slices.Contains(names, w.Name)
}

// isName reports whether the lexeme can be a name: it is in quotes, or no
// keyword that would have to be.
func (w Lexeme) isName() bool {
	return w.Kind == QuotedName || w.Kind == Word && !quotedWords[w.Name]
}

func (w Lexeme) isSymbol(text string) bool { return w.Kind == Symbol && w.Text == text }

// at returns the lexeme at a place, or an empty one beyond the ends.
func at(words []Lexeme, i int) Lexeme {
	if i < 0 || i >= len(words) {
		return Lexeme{Token: Token{Kind: Space}}
	}
	return words[i]
}

// areKeys reports whether keywords follow one another from place i on.
func areKeys(words []Lexeme, i int, keys ...string) bool {
	for k, key := range keys {
		if !at(words, i+k).isKey(key) {
			return false
		}
	}
	return true
}

// isQualifier reports whether a lexeme is the first part of a dotted name.
func isQualifier(words []Lexeme, i int) bool {
	return (words[i].Kind == Word || words[i].Kind == QuotedName) && at(words, i+1).isSymbol(".") &&
		!at(words, i+2).isSymbol("*") && !at(words, i-1).isSymbol(".")
}

// An edit puts another text in the place of sql[start:end].
type edit struct {
	start, end int
	text       string
}

// edited applies edits, which do not overlap.
func edited(sql string, edits []edit) string {
	if len(edits) == 0 {
		return sql
	}
	slices.SortFunc(edits, func(a, b edit) int { return a.start - b.start })
	var b strings.Builder
	done := 0
	for _, e := range edits {
		b.WriteString(sql[done:e.start])
		b.WriteString(e.text)
		done = e.end
	}
	b.WriteString(sql[done:])
	return b.String()
}

// Unquote returns the text of a string, and false if it is none, or one whose
// text cannot be told: U&'…', bits, or a string in several pieces.
func (w Lexeme) Unquote(stdStrings bool) (string, bool) {
	if w.Kind != String {
		return "", false
	}
	return unquoteString(w.Text, stdStrings)
}

// unquoteString is Unquote of the text of a string token.
func unquoteString(text string, stdStrings bool) (string, bool) {
	escapes := !stdStrings
	switch c := text[0]; {
	case c == '$':
		end := strings.IndexByte(text[1:], '$') + 2
		if len(text) < 2*end {
			return "", false
		}
		return text[end : len(text)-end], true
	case c == 'E' || c == 'e':
		escapes, text = true, text[1:]
	case c != '\'':
		return "", false
	}
	if len(text) < 2 || text[0] != '\'' || text[len(text)-1] != '\'' {
		return "", false
	}
	var b strings.Builder
	for inside := text[1 : len(text)-1]; inside != ""; {
		switch c := inside[0]; {
		case c == '\\' && escapes:
			// pg_dump escapes nothing but backslashes and quotes.
			if len(inside) < 2 || inside[1] != '\\' && inside[1] != '\'' {
				return "", false
			}
			b.WriteByte(inside[1])
			inside = inside[2:]
		case c == '\'':
			if len(inside) < 2 || inside[1] != '\'' {
				return "", false
			}
			b.WriteByte(c)
			inside = inside[2:]
		default:
			b.WriteByte(c)
			inside = inside[1:]
		}
	}
	return b.String(), true
}

// literalLike returns a text as a string of the same form as an old one: with
// E if it had one.
func literalLike(old, text string, stdStrings bool) string {
	if old[0] == 'E' || old[0] == 'e' {
		return old[:1] + Literal(text, false)
	}
	return Literal(text, stdStrings)
}

// lineAt returns the line of a text that holds a byte, and its number from 1.
func lineAt(sql string, offset int) (int, string) {
	start := strings.LastIndexByte(sql[:offset], '\n') + 1
	line, _, _ := strings.Cut(sql[start:], "\n")
	return strings.Count(sql[:start], "\n") + 1, line
}

// setting finds the values of SET name TO value, … or name = value, …, as they
// stand in the options of functions and of databases: the places of names and
// strings.
func setting(words []Lexeme, name string) []int {
	var values []int
	for i := range words {
		if !at(words, i-1).isKey("set") || !(words[i].Kind == Word || words[i].Kind == QuotedName) || words[i].Name != name {
			continue
		}
		if !at(words, i+1).isKey("to") && !at(words, i+1).isSymbol("=") {
			continue
		}
		for j := i + 2; at(words, j).Kind == String || at(words, j).isName(); j += 2 {
			values = append(values, j)
			if !at(words, j+1).isSymbol(",") {
				break
			}
		}
	}
	return values
}

// valueOf returns the value at a place that setting found.
func valueOf(w Lexeme, stdStrings bool) string {
	if w.Kind == String {
		text, _ := unquoteString(w.Text, stdStrings)
		return text
	}
	return w.Name
}

// hasBody reports whether an entry's definition can hold a body in a string.
func hasBody(k toc.Kind) bool { return k == toc.Function || k == toc.Procedure }
