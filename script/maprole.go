package script

import (
	"slices"
	"strings"

	"github.com/pgarc/pgarc/toc"
)

// A roleList is where a statement names roles: the places of their names, with
// commas between, and the keyword before them.
type roleList struct {
	key   string // "to", "from", "for role", "by", "authorization", "owner to", "mapping for", "alter role"
	items []int  // all that is in the list, PUBLIC and CURRENT_USER too
	names []int  // what of it is the name of a role
}

// roleLists returns where an entry's statement names roles.
func roleLists(k toc.Kind, words []Lexeme) []roleList {
	var lists []roleList
	add := func(i int, key string) {
		if items, names := rolesFrom(words, i); len(names) > 0 {
			lists = append(lists, roleList{key, items, names})
		}
	}
	grants := k == toc.ACL || k == toc.ACLLanguage || k == toc.DefaultACL
	for i, w := range words {
		switch {
		case w.Kind != Word || at(words, i-1).isSymbol("."):
		case w.isKey("owner") && areKeys(words, i+1, "to"):
			add(i+2, "owner to")
		case grants && w.isKey("to", "from") && !at(words, i-1).isKey("owner"):
			add(i+1, w.Name)
		case grants && w.isKey("granted") && areKeys(words, i+1, "by"):
			add(i+2, "by")
		case (grants || k == toc.Schema) && w.isKey("authorization"):
			add(i+1, "authorization")
		case k == toc.DefaultACL && w.isKey("for") && at(words, i+1).isKey("role", "user"):
			add(i+2, "for role")
		case k == toc.Policy && w.isKey("using", "with"):
			return lists // the expressions may hold anything
		case k == toc.Policy && w.isKey("to"):
			add(i+1, "to")
		case k == "USER MAPPING" && w.isKey("mapping") && areKeys(words, i+1, "for"):
			add(i+2, "mapping for")
		case k == "USER MAPPING" && w.isKey("mapping") && areKeys(words, i+1, "if", "exists", "for"):
			add(i+4, "mapping for")
		case k == toc.DatabaseProperties && w.isKey("alter") && areKeys(words, i+1, "role"):
			add(i+2, "alter role")
		}
	}
	return lists
}

// RolesNamed returns the roles that the statements of an entry name: grantees
// and grantors, those of policies and user mappings, new owners. A role may come
// several times.
func RolesNamed(e *toc.Entry, stdStrings bool) []string {
	words := Lexemes(e.Defn, stdStrings)
	var names []string
	for _, list := range roleLists(e.Kind, words) {
		for _, i := range list.names {
			names = append(names, valueOf(words[i], stdStrings))
		}
	}
	return names
}

// rolesFrom reads "a, GROUP b, PUBLIC" from place i on, and returns the places
// of all, and of those that are names of roles.
func rolesFrom(words []Lexeme, i int) (items, names []int) {
	for {
		if at(words, i).isKey("group") { // PostgreSQL 8 wrote it
			i++
		}
		switch w := at(words, i); {
		case w.isNamed("public"), // in quotes too: no role can have the name (RoleSpec in gram.y)
			w.isKey("current_user", "current_role", "session_user", "default", "none", "all"):
		case w.Kind == Word, w.Kind == QuotedName, w.Kind == String:
			names = append(names, i)
		default:
			return items, names
		}
		items = append(items, i)
		if !at(words, i+1).isSymbol(",") {
			return items, names
		}
		i += 2
	}
}

// without returns the edits that take some of the names, but not all items, out
// of a list.
func (l roleList) without(words []Lexeme, names []int) []edit {
	var kept []string
	for _, i := range l.items {
		if !slices.Contains(names, i) {
			kept = append(kept, words[i].Text)
		}
	}
	first, last := l.items[0], l.items[len(l.items)-1]
	if words[first-1].isKey("group") {
		first--
	}
	return []edit{{words[first].Start, words[last].End, strings.Join(kept, ", ")}}
}

// roles changes the names of roles, and notes those it meets.
func (r *renaming) roles() {
	if len(r.Owners) == 0 {
		return
	}
	for _, list := range roleLists(r.e.Kind, r.words) {
		for _, i := range list.names {
			r.role(i)
		}
	}
	for _, name := range []string{"role", "session_authorization"} {
		for _, i := range setting(r.words, name) {
			r.role(i)
		}
	}
	for i, w := range r.words {
		if w.Kind != String {
			continue
		}
		text, ok := unquoteString(w.Text, r.std)
		typ := at(r.words, castType(r.words, i))
		switch {
		case !ok:
		case typ.isNamed("regrole"):
			if name := Lexemes(text, true); len(name) == 1 {
				r.knownRoles[name[0].Name] = true
				if to, renamed := r.Owners[name[0].Name]; renamed {
					r.put(i, literalLike(w.Text, Ident(to), r.std))
				}
			}
		case typ.isNamed("name") && !hasBody(r.e.Kind):
			if _, is := r.Owners[text]; is {
				r.doubt(w.Start, "a string is the name of role "+text)
			}
		}
	}
}

// role changes the name of a role, bare, quoted or as a string.
func (r *renaming) role(i int) {
	w := r.words[i]
	name := valueOf(w, r.std)
	r.knownRoles[name] = true
	to, ok := r.Owners[name]
	switch {
	case !ok:
	case w.Kind == String:
		r.put(i, literalLike(w.Text, to, r.std))
	default:
		r.put(i, Ident(to))
	}
}

// hasTablespaceClause reports whether the statements of a kind can have one.
func hasTablespaceClause(k toc.Kind) bool {
	switch k {
	case toc.Database, toc.DatabaseProperties, toc.Index, toc.Constraint:
		return true
	}
	return false
}

// tablespaceWords returns the places of the names in TABLESPACE clauses.
func tablespaceWords(words []Lexeme) []int {
	var list []int
	for i, w := range words {
		j := i + 1
		if !w.isKey("tablespace") || at(words, i-1).isSymbol(".") {
			continue
		}
		if at(words, j).isSymbol("=") {
			j++
		}
		if at(words, j).isName() {
			list = append(list, j)
		}
	}
	return list
}

// tablespaces changes the names of tablespaces in clauses and settings.
func (r *renaming) tablespaces() {
	places := setting(r.words, "default_tablespace")
	places = append(places, setting(r.words, "temp_tablespaces")...)
	if hasTablespaceClause(r.e.Kind) {
		places = append(places, tablespaceWords(r.words)...)
	}
	for _, i := range places {
		w := r.words[i]
		to, ok := r.Tablespaces[valueOf(w, r.std)]
		switch {
		case !ok:
		case w.Kind == String:
			r.put(i, Literal(to, r.std))
		default:
			r.put(i, Ident(to))
		}
	}
}

// tag returns the tag of an entry with other names.
func (a *mapper) tag(e *toc.Entry) string {
	tag := e.Tag
	switch e.Kind {
	case toc.Schema:
		return mapped(a.Schemas, tag)
	case toc.PublicationTablesInSchema: // "publication schema"
		for old, name := range a.Schemas {
			if publication, ok := strings.CutSuffix(tag, " "+old); ok && strings.Contains(e.Defn, " IN SCHEMA "+Ident(old)+";") {
				return publication + " " + name
			}
		}
	case toc.Function, toc.Procedure, toc.Aggregate, "CAST", "TRANSFORM":
		return a.signature(tag)
	case "USER MAPPING":
		for old, name := range a.Owners {
			if rest, ok := strings.CutPrefix(tag, "USER MAPPING "+old+" SERVER "); ok {
				return "USER MAPPING " + name + " SERVER " + rest
			}
		}
	case toc.Comment, toc.ACL, toc.SecurityLabel:
		return a.tagOn(e)
	}
	return tag
}

// tagOn returns the tag of a comment, grant or label: "SCHEMA a",
// "FUNCTION f(a.t)".
func (a *mapper) tagOn(e *toc.Entry) string {
	what, object, _ := strings.Cut(e.Tag, " ")
	switch {
	case e.Namespace == "" && what == "SCHEMA":
		if words := Lexemes(object, true); len(words) == 1 { // --quote-all-identifiers quotes it always
			if name, ok := a.Schemas[words[0].Name]; ok {
				return "SCHEMA " + Ident(name)
			}
		}
		if name, ok := a.Schemas[object]; ok {
			return "SCHEMA " + Ident(name)
		}
	case e.Namespace == "" && e.Kind == toc.ACL && strings.Contains(e.Defn, " ON SCHEMA "):
		return mapped(a.Schemas, e.Tag) // of pg_dump before 11
	case slices.Contains([]string{"FUNCTION", "PROCEDURE", "AGGREGATE", "OPERATOR", "CAST", "TRANSFORM"}, what):
		return a.signature(e.Tag)
	}
	return e.Tag
}

// signature changes the types in a tag: f(a.t), CAST (a.t AS text), TRANSFORM
// FOR a.t LANGUAGE l. The name before the parentheses has no schema, and no
// quotes.
func (a *mapper) signature(tag string) string {
	start := strings.IndexByte(tag, '(')
	if start < 0 {
		if start = strings.Index(tag, "TRANSFORM FOR "); start < 0 {
			return tag
		}
	}
	types := tag[start:]
	words := Lexemes(types, true)
	var edits []edit
	for i, w := range words {
		if to, ok := a.Schemas[w.Name]; ok && isQualifier(words, i) {
			edits = append(edits, edit{w.Start, w.End, Ident(to)})
		}
	}
	return tag[:start] + edited(types, edits)
}
