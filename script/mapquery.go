package script

import "github.com/pgarc/pgarc/toc"

// In a query, a.b is column b of whatever is called a there as well as object b
// of schema a. Which of them it is can be told from where it stands, or because
// nothing in the query is called a.

// queryStart returns from where on an entry's definition may be a query, in
// which a.b may be a column; len(words) if it has none. Expressions elsewhere
// name columns without a table: they are about one table only.
func queryStart(k toc.Kind, words []Lexeme) int {
	switch k {
	case toc.View, toc.MaterializedView, toc.Rule, toc.Policy:
		return 0
	case toc.ACL, toc.ACLLanguage, toc.DefaultACL, toc.Comment, toc.SecurityLabel:
		return len(words)
	case toc.Function, toc.Procedure:
		return sqlBodyStart(words)
	}
	for _, w := range words {
		if w.isKey("select") || !k.Known() {
			return 0
		}
	}
	return len(words)
}

// sqlBodyStart returns where the body of an SQL function begins that is no
// string: BEGIN ATOMIC or RETURN, outside parentheses.
func sqlBodyStart(words []Lexeme) int {
	depth := 0
	for i, w := range words {
		switch {
		case w.isSymbol("("):
			depth++
		case w.isSymbol(")"):
			depth--
		case depth == 0 && (w.isKey("return") || w.isKey("begin") && areKeys(words, i+1, "atomic")):
			return i
		}
	}
	return len(words)
}

// isIntroduced reports whether something in a query may have a name: the name
// stands there otherwise than before a dot, or it is one of those that need no
// introduction.
func isIntroduced(words []Lexeme, name string, isSchema map[int]bool) bool {
	if name == "old" || name == "new" || name == "excluded" {
		return true
	}
	for i, w := range words {
		if w.Name == name && w.isName() && !isSchema[i] && !isQualifier(words, i) {
			return true
		}
	}
	return false
}

// beforeObject are the keywords that come before the name of an object, and
// never before a column. ON is one of them, for the server writes the
// conditions of joins in parentheses.
var beforeObject = []string{"join", "into", "only", "table", "view", "function", "procedure", "references", "collate", "returns",
	"setof", "type", "domain", "sequence", "index", "update", "on", "to", "using", "trigger", "rule"}

// isObject reports whether the dotted name at i is that of an object by where
// it stands: a.b.
func isObject(words []Lexeme, i int, fromList []bool) bool {
	before := at(words, i-1)
	switch {
	case before.isSymbol(":") && at(words, i-2).isSymbol(":"): // a cast
		return true
	case at(words, i+3).isSymbol("("): // a function; the columns of INSERT INTO a.b (…)
		return true
	case before.isSymbol("(") && at(words, i-2).isKey("operator"):
		return true
	}
	return before.isKey(beforeObject...) || fromList[i]
}

// inFromList tells for each lexeme whether it is where a FROM clause names a
// table.
func inFromList(words []Lexeme) []bool {
	type level struct {
		from  bool // within a FROM clause
		plain bool // FROM is only a word here: EXTRACT(epoch FROM x)
	}
	marks := make([]bool, len(words))
	levels := []level{{}}
	for i, w := range words {
		current := &levels[len(levels)-1]
		before := at(words, i-1)
		begins := current.from && (before.isKey("from", "join", "lateral", "only") || before.isSymbol(",") || before.isSymbol("("))
		marks[i] = begins
		switch {
		case w.Kind == Semicolon:
			levels = []level{{}}
		case w.isSymbol("("):
			plain := before.isKey("extract", "substring", "trim", "overlay", "position")
			levels = append(levels, level{from: begins, plain: plain})
		case w.isSymbol(")") && len(levels) > 1:
			levels = levels[:len(levels)-1]
		case w.isKey("from"):
			current.from = !current.plain && !before.isKey("distinct")
		case w.isKey("select", "where", "group", "having", "order", "limit", "offset", "fetch", "for", "window",
			"union", "intersect", "except", "set", "returning", "values"):
			current.from = false
		}
	}
	return marks
}
