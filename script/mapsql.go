package script

import (
	"strings"

	"github.com/pgarc/pgarc/toc"
)

// sql returns a statement of an entry with other names.
func (a *mapper) sql(e *toc.Entry, sql string) string {
	if sql == "" || strings.HasPrefix(sql, "--") {
		return sql
	}
	r := &renaming{mapper: a, e: e, sql: sql, std: a.sel.TOC.StdStrings}
	r.words = Lexemes(sql, r.std)
	r.isSchema, r.isDone, r.isPut = make(map[int]bool), make(map[int]bool), make(map[int]bool)
	if len(a.Schemas) > 0 {
		r.schemas()
	}
	r.roles()
	if len(a.Tablespaces) > 0 {
		r.tablespaces()
	}
	return edited(sql, r.edits)
}

// renaming is the work on one text.
type renaming struct {
	*mapper
	e     *toc.Entry
	sql   string
	std   bool
	words []Lexeme
	edits []edit

	isSchema map[int]bool // names of schemas that stand alone
	isDone   map[int]bool // strings that are names
	isPut    map[int]bool // what has a new text
}

// put puts another text in the place of a lexeme, unless that has one.
func (r *renaming) put(i int, text string) {
	if r.isPut[i] {
		return
	}
	r.isPut[i] = true
	r.edits = append(r.edits, edit{r.words[i].Start, r.words[i].End, text})
}

func (r *renaming) doubt(offset int, why string) {
	line, text := lineAt(r.sql, offset)
	r.unsafe = append(r.unsafe, Unsafe{r.e, line, text, why})
}

// schemas changes the names of schemas.
func (r *renaming) schemas() {
	for _, i := range schemaWords(r.e, r.words) {
		r.isSchema[i] = true
		if to, ok := r.Schemas[r.words[i].Name]; ok {
			r.put(i, Ident(to))
		}
	}
	r.searchPath()
	r.nameStrings()
	r.qualifiers()
	r.strings()
}

// schemaWords returns the places where an entry's statement names a schema by
// itself.
func schemaWords(e *toc.Entry, words []Lexeme) []int {
	switch e.Kind {
	case toc.Schema, toc.Extension, toc.DefaultACL, toc.PublicationTablesInSchema:
	case toc.Comment, toc.ACL, toc.SecurityLabel:
		if e.Namespace != "" { // a schema is in none
			return nil
		}
	default:
		return nil
	}
	var list []int
	for i, w := range words {
		if !w.isKey("schema") || at(words, i-1).isSymbol(".") {
			continue
		}
		j := i + 1
		if areKeys(words, j, "if", "not", "exists") {
			j += 3
		} else if areKeys(words, j, "if", "exists") {
			j += 2
		}
		for at(words, j).isName() {
			list = append(list, j)
			if !at(words, j+1).isSymbol(",") {
				break
			}
			j += 2
		}
	}
	return list
}

// searchPath changes the elements of SET search_path TO 'a', 'b': each is the
// name of a schema.
func (r *renaming) searchPath() {
	for _, i := range setting(r.words, "search_path") {
		w := r.words[i]
		r.isSchema[i], r.isDone[i] = true, true
		to, ok := r.Schemas[valueOf(w, r.std)]
		switch {
		case !ok:
		case w.Kind == String:
			r.put(i, Literal(to, r.std))
		default:
			r.put(i, Ident(to))
		}
	}
	for _, i := range setting(r.words, "default_text_search_config") {
		r.nameString(i)
	}
}

// qualifiers changes the schemas of dotted names.
func (r *renaming) qualifiers() {
	var fromList []bool
	query := queryStart(r.e.Kind, r.words)
	introduced := make(map[string]bool)
	for i, w := range r.words {
		if w.Kind == QuotedName && (w.Text[0] == 'U' || w.Text[0] == 'u') {
			r.doubt(w.Start, `a name with Unicode escapes, U&"…", cannot be read`)
			continue
		}
		to, ok := r.Schemas[w.Name]
		if !ok || !isQualifier(r.words, i) {
			continue
		}
		inQuery := i >= query || r.e.Kind == toc.Trigger && (w.Name == "old" || w.Name == "new")
		if _, known := introduced[w.Name]; !known && inQuery {
			introduced[w.Name] = isIntroduced(r.words, w.Name, r.isSchema)
		}
		if r.relations[w.Name] || inQuery && introduced[w.Name] {
			if fromList == nil {
				fromList = inFromList(r.words)
			}
			if !isObject(r.words, i, fromList) {
				r.doubt(w.Start, "schema "+w.Name+" cannot be told from a table, alias or column of that name")
				continue
			}
		}
		r.put(i, Ident(to))
	}
}

// regTypes are the types whose values are names, as the server prints them in
// constants: 'a.t'::regclass. Not among them are regrole, whose names have no
// schema, and regnamespace, which is a schema.
var regTypes = []string{"regclass", "regproc", "regprocedure", "regoper", "regoperator", "regtype", "regconfig", "regdictionary", "regcollation"}

// castType returns the place of the type that the string at i is cast to:
// 'x'::type, ('x'::text)::type; -1 if it is not cast. For the second form
// that is the outer type.
func castType(words []Lexeme, i int) int {
	isCast := func(i int) bool { return at(words, i).isSymbol(":") && at(words, i+1).isSymbol(":") }
	if !isCast(i + 1) {
		return -1
	}
	inner := i + 3
	if at(words, inner).isNamed("pg_catalog") && at(words, inner+1).isSymbol(".") {
		inner += 2
	}
	after := inner + 1
	if areKeys(words, inner, "character", "varying") {
		after++
	}
	isText := at(words, inner).isNamed("text", "character", "varchar")
	if isText && at(words, i-1).isSymbol("(") && at(words, after).isSymbol(")") && isCast(after+1) {
		return after + 3
	}
	return inner
}

// nameStrings changes the strings that are names by where they stand.
func (r *renaming) nameStrings() {
	for i, w := range r.words {
		if w.Kind != String {
			continue
		}
		typ := castType(r.words, i)
		switch {
		case at(r.words, typ).isNamed(regTypes...) && !at(r.words, typ+1).isSymbol("["),
			r.e.Kind == toc.SequenceSet && at(r.words, i-1).isSymbol("(") && at(r.words, i-2).isNamed("setval"):
			r.nameString(i)
		case at(r.words, typ).isNamed("regnamespace") && !at(r.words, typ+1).isSymbol("["):
			r.isDone[i] = true
			text, ok := unquoteString(w.Text, r.std)
			name := Lexemes(text, true)
			if ok && len(name) == 1 {
				if to, renamed := r.Schemas[name[0].Name]; renamed {
					r.put(i, literalLike(w.Text, Ident(to), r.std))
				}
			}
		case r.e.Kind == toc.StatisticsData:
			r.isDone[i] = true // all the others are data
			before := at(r.words, i-2)
			if before.Kind != String || before.Text != "'schemaname'" {
				continue
			}
			text, ok := unquoteString(w.Text, r.std)
			if to, renamed := r.Schemas[text]; ok && renamed {
				r.put(i, literalLike(w.Text, to, r.std))
			}
		}
	}
}

// nameString changes the schemas of the dotted names in a string.
func (r *renaming) nameString(i int) {
	r.isDone[i] = true
	w := r.words[i]
	text, ok := unquoteString(w.Text, r.std)
	if !ok {
		r.doubt(w.Start, "a name in a string that cannot be read")
		return
	}
	inner := Lexemes(text, true)
	var edits []edit
	for j, n := range inner {
		if to, renamed := r.Schemas[n.Name]; renamed && isQualifier(inner, j) {
			edits = append(edits, edit{n.Start, n.End, Ident(to)})
		}
	}
	if len(edits) > 0 {
		r.put(i, literalLike(w.Text, edited(text, edits), r.std))
	}
}
