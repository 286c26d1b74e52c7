package script

import (
	"strings"
	"unicode/utf8"

	"github.com/pgarc/pgarc/toc"
)

// strings finds the strings that may name a schema and are left: the bodies of
// functions, and texts that are read as SQL or as names when they are used.
func (r *renaming) strings() {
	language := r.language()
	for i, w := range r.words {
		if w.Kind != String || r.isDone[i] || isMereText(r.e.Kind, r.words, i) {
			continue
		}
		text, ok := unquoteString(w.Text, r.std)
		if !ok {
			text = w.Text
		}
		if hasBody(r.e.Kind) && r.isBody(i) {
			r.body(w, text, language)
			continue
		}
		if name := r.namedIn(text, 0); name != "" {
			r.doubt(w.Start, "a string names schema "+name)
		} else if _, is := r.Schemas[text]; is && at(r.words, castType(r.words, i)).isNamed("name") {
			r.doubt(w.Start, "a string is the name of schema "+text)
		}
	}
}

// isMereText reports whether the string at i is read by nobody as SQL:
// comments, labels, options of foreign things, labels of an enum.
func isMereText(k toc.Kind, words []Lexeme, i int) bool {
	switch k {
	case toc.Comment, toc.SecurityLabel, toc.BlobComments, "TYPE", "SERVER", "FOREIGN DATA WRAPPER", "USER MAPPING",
		toc.Subscription, toc.Database, "COLLATION", "CONVERSION":
		return true
	case toc.ForeignTable: // OPTIONS (name 'value', …), there and of columns
		for j := i - 1; j > 0; j-- {
			if words[j].isSymbol("(") {
				return words[j-1].isKey("options")
			}
		}
	}
	return false
}

// isBody reports whether the string at i is a function's body: AS 'body', or
// AS 'library', 'symbol'.
func (r *renaming) isBody(i int) bool {
	before := at(r.words, i-1)
	return before.isKey("as") || before.isSymbol(",") && at(r.words, i-2).Kind == String && at(r.words, i-3).isKey("as")
}

// language returns the language of a function, in lower case.
func (r *renaming) language() string {
	for i, w := range r.words {
		if w.isKey("language") && (at(r.words, i+1).Kind == Word || at(r.words, i+1).Kind == QuotedName) {
			return r.words[i+1].Name
		}
	}
	return ""
}

// body looks for schemas in a function's body. A language that is no SQL is
// searched for the bare words.
func (r *renaming) body(w Lexeme, text, language string) {
	switch language {
	case "c", "internal":
		return
	case "sql", "plpgsql":
		if name, offset := r.inBody(text, 0); name != "" {
			r.doubtInBody(w, text, offset, name)
		}
		return
	}
	if name, offset := r.wordIn(text); name != "" {
		r.doubtInBody(w, text, offset, name)
	}
}

// doubtInBody shows the line of the body.
func (r *renaming) doubtInBody(w Lexeme, text string, offset int, name string) {
	first, _ := lineAt(r.sql, w.Start)
	line, shown := lineAt(text, offset)
	r.unsafe = append(r.unsafe, Unsafe{r.e, first + line - 1, shown, "the body names schema " + name + ", and bodies are not changed"})
}

// maxNesting is how deep strings in strings are read as SQL. What is deeper is
// searched for bare words, for each level costs a walk over all of it.
const maxNesting = 8

// inBody returns a schema that the body of an SQL or PL/pgSQL function names,
// in its code or in a string, and where.
func (r *renaming) inBody(text string, depth int) (string, int) {
	if depth > maxNesting {
		return r.wordIn(text)
	}
	words := Lexemes(text, r.std)
	for i, w := range words {
		_, is := r.Schemas[w.Name]
		switch {
		case w.Kind == String:
			inner, ok := unquoteString(w.Text, r.std)
			if !ok { // unclosed, or in pieces
				inner, depth = w.Text, maxNesting
			}
			if _, is := r.Schemas[inner]; is {
				return inner, w.Start
			}
			if name, _ := r.inBody(inner, depth+1); name != "" {
				return name, w.Start
			}
		case is && (isQualifier(words, i) || at(words, i-1).isKey("schema") || namesPath(words, i)):
			return w.Name, w.Start
		}
	}
	return "", 0
}

// wordIn returns a schema whose name is a word of a text, and where.
func (r *renaming) wordIn(text string) (string, int) {
	for name := range r.Schemas {
		if i := indexWord(text, name); i >= 0 {
			return name, i
		}
	}
	return "", 0
}

// namesPath reports whether the lexeme at i comes after search_path in its
// statement.
func namesPath(words []Lexeme, i int) bool {
	for j := i - 1; j >= 0 && words[j].Kind != Semicolon; j-- {
		if words[j].Name == "search_path" {
			return true
		}
	}
	return false
}

// namedIn returns the schema of a dotted name in a text: a.b, without blanks
// around the dot.
func (r *renaming) namedIn(text string, depth int) string {
	if depth > maxNesting {
		name, _ := r.wordIn(text)
		return name
	}
	words := Lexemes(text, true)
	for i, w := range words {
		if w.Kind == String {
			if inner, ok := unquoteString(w.Text, true); ok {
				if name := r.namedIn(inner, depth+1); name != "" {
					return name
				}
			}
		}
		if _, is := r.Schemas[w.Name]; !is || !isQualifier(words, i) {
			continue
		}
		if dot, after := words[i+1], at(words, i+2); w.End == dot.Start && dot.End == after.Start && (after.Kind == Word || after.Kind == QuotedName) {
			return w.Name
		}
	}
	return ""
}

// indexWord returns where a text has a word by itself, or -1.
func indexWord(text, word string) int {
	for at := 0; ; {
		i := strings.Index(text[at:], word)
		if i < 0 {
			return -1
		}
		i += at
		before, _ := utf8.DecodeLastRuneInString(text[:i])
		after, _ := utf8.DecodeRuneInString(text[i+len(word):])
		if (i == 0 || !isWordRune(before)) && (i+len(word) == len(text) || !isWordRune(after)) {
			return i
		}
		at = i + 1
	}
}

func isWordRune(c rune) bool {
	return c < utf8.RuneSelf && (isWordStart(byte(c)) || isDigit(byte(c))) || c >= utf8.RuneSelf
}
