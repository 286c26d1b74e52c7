package script

import "strings"

// SplitStatements returns the statements of a text, without the semicolons that
// end them and without blanks around; comments before a statement stay with
// it. Semicolons in parentheses (rules) and in the body of an SQL function
// (BEGIN ATOMIC … END) end nothing.
func SplitStatements(sql string, stdStrings bool) []string {
	var list []string
	add := func(statement string, empty bool) {
		if !empty {
			list = append(list, strings.TrimSpace(statement))
		}
	}
	start, empty, parens := 0, true, 0
	var body sqlBody
	for t := range Tokens(sql, stdStrings) {
		text := sql[t.Start:t.End]
		switch t.Kind {
		case Space, LineComment, BlockComment:
			continue
		case Semicolon:
			if parens > 0 || body.depth > 0 {
				continue
			}
			add(sql[start:t.Start], empty)
			start, empty, body = t.End, true, sqlBody{}
			continue
		case Word:
			if parens == 0 {
				body.word(strings.ToLower(text))
			}
		case Symbol:
			if text == "(" {
				parens++
			} else if text == ")" && parens > 0 {
				parens--
			}
		}
		empty = false
	}
	add(sql[start:], empty)
	return list
}

// sqlBody follows the words of a statement into and out of BEGIN ATOMIC … END.
type sqlBody struct {
	last  string
	depth int // of BEGIN ATOMIC and of CASE within
}

func (b *sqlBody) word(w string) {
	switch {
	case w == "atomic" && b.last == "begin" && b.depth == 0:
		b.depth = 1
	case w == "case" && b.depth > 0:
		b.depth++
	case w == "end" && b.depth > 0:
		b.depth--
	}
	b.last = w
}
