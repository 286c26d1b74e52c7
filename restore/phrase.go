package restore

import (
	"strings"

	"github.com/pgarc/pgarc/script"
	"github.com/pgarc/pgarc/toc"
)

// A phrase is a statement of an entry, being read from front to back. It reads
// only what pg_dump writes.
type phrase struct {
	rest       []script.Lexeme
	schema     string // of names that have none
	stripped   string // schema that types may lack; see ownSchema
	stdStrings bool
}

func newPhrase(t *toc.TOC, e *toc.Entry, sql string) *phrase {
	return &phrase{script.Lexemes(sql, t.StdStrings), e.Namespace, ownSchema(t, e), t.StdStrings}
}

// words reads the given words if they are next.
func (p *phrase) words(words ...string) bool {
	if len(p.rest) < len(words) {
		return false
	}
	for i, w := range words {
		if next := p.rest[i]; next.Kind != script.Word || !strings.EqualFold(next.Text, w) {
			return false
		}
	}
	p.rest = p.rest[len(words):]
	return true
}

// symbol reads the given symbol if it is next.
func (p *phrase) symbol(s string) bool {
	if len(p.rest) == 0 || p.rest[0].Kind != script.Symbol || p.rest[0].Text != s {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

// ident reads a name; "" if none is next.
func (p *phrase) ident() string {
	if len(p.rest) == 0 {
		return ""
	}
	name := p.rest[0].Name
	if name != "" {
		p.rest = p.rest[1:]
	}
	return name
}

// names reads a.b.c.
func (p *phrase) names() []string {
	list := []string{p.ident()}
	for p.symbol(".") {
		list = append(list, p.ident())
	}
	return list
}

// qualified reads a name with or without its schema.
func (p *phrase) qualified() (schema, name string) {
	if list := p.names(); len(list) > 1 {
		return list[0], list[1]
	} else {
		return p.schema, list[0]
	}
}

// parenthesized reads "(…)" and returns what is in between as SQL.
func (p *phrase) parenthesized() string {
	if !p.symbol("(") {
		return ""
	}
	var list []string
	for depth := 1; len(p.rest) > 0; {
		next := p.rest[0]
		p.rest = p.rest[1:]
		switch {
		case next.Kind == script.Symbol && next.Text == "(":
			depth++
		case next.Kind == script.Symbol && next.Text == ")":
			depth--
		}
		if depth == 0 {
			break
		}
		list = append(list, next.Text)
	}
	return strings.Join(list, " ")
}

// text reads a plain or an E string, or NULL, which is "".
func (p *phrase) text() (value string, ok bool) {
	if p.words("NULL") {
		return "", true
	}
	if len(p.rest) == 0 {
		return "", false
	}
	if value, ok = p.rest[0].Unquote(p.stdStrings); ok {
		p.rest = p.rest[1:]
	}
	return value, ok
}

// after reads an object after the given words.
func (p *phrase) after(words ...string) (object, bool) {
	if !p.words(words...) {
		return object{}, false
	}
	return p.object()
}

// objectForms say how SQL names objects, after DROP, COMMENT ON, SECURITY LABEL
// ON and GRANT ON. Of two that begin alike the longer comes first.
var objectForms = []struct {
	words string
	class class
	read  func(*phrase, class) object
}{
	{"ACCESS METHOD", classAccessMethod, (*phrase).plain},
	{"AGGREGATE", classRoutine, (*phrase).routine},
	{"CAST", classCast, (*phrase).routine},
	{"COLLATION", classCollation, (*phrase).inSchema},
	{"COLUMN", classColumn, (*phrase).column},
	{"CONSTRAINT", classConstraint, (*phrase).onTable},
	{"CONVERSION", classConversion, (*phrase).inSchema},
	{"DATABASE", classDatabase, (*phrase).plain},
	{"DOMAIN", classType, (*phrase).inSchema},
	{"EVENT TRIGGER", classEventTrigger, (*phrase).plain},
	{"EXTENSION", classExtension, (*phrase).plain},
	{"FOREIGN DATA WRAPPER", classFDW, (*phrase).plain},
	{"FOREIGN SERVER", classServer, (*phrase).plain},
	{"FOREIGN TABLE", classRelation, (*phrase).inSchema},
	{"FUNCTION", classRoutine, (*phrase).routine},
	{"INDEX", classRelation, (*phrase).inSchema},
	{"LANGUAGE", classLanguage, (*phrase).plain},
	{"LARGE OBJECT", classLargeObject, (*phrase).number},
	{"MATERIALIZED VIEW", classRelation, (*phrase).inSchema},
	{"OPERATOR CLASS", classOpClass, (*phrase).using},
	{"OPERATOR FAMILY", classOpFamily, (*phrase).using},
	{"OPERATOR", classOperator, (*phrase).operator},
	{"POLICY", classPolicy, (*phrase).onTable},
	{"PROCEDURAL LANGUAGE", classLanguage, (*phrase).plain},
	{"PROCEDURE", classRoutine, (*phrase).routine},
	{"PUBLICATION", classPublication, (*phrase).plain},
	{"RULE", classRule, (*phrase).onTable},
	{"SCHEMA", classSchema, (*phrase).plain},
	{"SEQUENCE", classRelation, (*phrase).inSchema},
	{"SERVER", classServer, (*phrase).plain},
	{"STATISTICS", classStatistics, (*phrase).inSchema},
	{"SUBSCRIPTION", classSubscription, (*phrase).plain},
	{"TABLESPACE", classTablespace, (*phrase).plain},
	{"TABLE", classRelation, (*phrase).inSchema},
	{"TEXT SEARCH CONFIGURATION", classTSConfig, (*phrase).inSchema},
	{"TEXT SEARCH DICTIONARY", classTSDictionary, (*phrase).inSchema},
	{"TEXT SEARCH PARSER", classTSParser, (*phrase).inSchema},
	{"TEXT SEARCH TEMPLATE", classTSTemplate, (*phrase).inSchema},
	{"TRANSFORM FOR", classTransform, (*phrase).transform},
	{"TRIGGER", classTrigger, (*phrase).onTable},
	{"TYPE", classType, (*phrase).inSchema},
	{"USER MAPPING FOR", classUserMapping, (*phrase).userMapping},
	{"VIEW", classRelation, (*phrase).inSchema},
}

// object reads what a statement is about.
func (p *phrase) object() (object, bool) {
	for _, f := range objectForms {
		if p.words(strings.Fields(f.words)...) {
			o := f.read(p, f.class)
			return o, o.name != ""
		}
	}
	return object{}, false
}

func (p *phrase) plain(c class) object { return object{class: c, name: p.ident()} }

func (p *phrase) inSchema(c class) object {
	schema, name := p.qualified()
	return object{class: c, schema: schema, name: name}
}

func (p *phrase) column(c class) object {
	list := p.names()
	if len(list) == 2 {
		list = append([]string{p.schema}, list...)
	}
	if len(list) != 3 {
		return object{}
	}
	return object{class: c, schema: list[0], table: list[1], name: list[2]}
}

// onTable reads "name ON table"; a constraint may be "ON DOMAIN".
func (p *phrase) onTable(c class) object {
	o := object{class: c, name: p.ident()}
	if !p.words("ON") {
		return object{}
	}
	p.words("DOMAIN")
	o.schema, o.table = p.qualified()
	return o
}

// routine reads "name(types)", or "(type AS type)" of a cast.
func (p *phrase) routine(c class) object {
	var o object
	if c != classCast {
		o.schema, o.name = p.qualified()
	}
	o.class = c
	o.name += signature(p.parenthesized(), p.stripped)
	return o
}

func (p *phrase) operator(c class) object {
	o := object{class: c, schema: p.schema}
	if schema := p.ident(); schema != "" && p.symbol(".") {
		o.schema = schema
	}
	for len(p.rest) > 0 && p.rest[0].Kind == script.Symbol && p.rest[0].Text != "(" {
		o.name += p.rest[0].Text
		p.rest = p.rest[1:]
	}
	o.name += signature(p.parenthesized(), p.stripped)
	return o
}

// using reads "name USING access method".
func (p *phrase) using(c class) object {
	o := p.inSchema(c)
	if p.words("USING") {
		o.name += signature(p.ident(), "")
	}
	return o
}

// transform reads "type LANGUAGE name".
func (p *phrase) transform(c class) object {
	var list []string
	for len(p.rest) > 0 && !p.words("LANGUAGE") {
		list = append(list, p.rest[0].Text)
		p.rest = p.rest[1:]
	}
	return object{class: c, name: p.ident() + signature(strings.Join(list, " "), p.stripped)}
}

// userMapping reads "role SERVER name".
func (p *phrase) userMapping(c class) object {
	role := p.ident()
	if !p.words("SERVER") {
		return object{}
	}
	return object{class: c, table: p.ident(), name: role}
}

func (p *phrase) number(c class) object {
	if len(p.rest) == 0 || p.rest[0].Kind != script.Number {
		return object{}
	}
	o := object{class: c, name: p.rest[0].Text}
	p.rest = p.rest[1:]
	return o
}

// attachment reads "ALTER TABLE [ONLY] parent ATTACH PARTITION child".
func (p *phrase) attachment(words ...string) (object, bool) {
	if !p.words(words...) {
		return object{}, false
	}
	p.words("ONLY")
	parentSchema, parent := p.qualified()
	if !p.words("ATTACH", "PARTITION") {
		return object{}, false
	}
	schema, child := p.qualified()
	return object{class: classAttachment, schema: schema, table: path(parentSchema, parent), name: child}, child != ""
}

// ownedBy reads "ALTER SEQUENCE name OWNED BY table.column".
func (p *phrase) ownedBy() (object, bool) {
	if !p.words("ALTER", "SEQUENCE") {
		return object{}, false
	}
	schema, name := p.qualified()
	if !p.words("OWNED", "BY") {
		return object{}, false
	}
	column := p.column(classColumn)
	return object{class: classOwnedBy, schema: schema, table: path(column.schema, column.table, column.name), name: name}, column.name != ""
}

// published reads "ALTER PUBLICATION name ADD TABLE …" or "ADD TABLES IN
// SCHEMA …", which PostgreSQL 15 betas wrote "ADD ALL TABLES IN SCHEMA".
func (p *phrase) published() (object, bool) {
	if !p.words("ALTER", "PUBLICATION") {
		return object{}, false
	}
	publication := p.ident()
	if !p.words("ADD") {
		return object{}, false
	}
	p.words("ALL")
	if p.words("TABLES", "IN", "SCHEMA") {
		schema := p.ident()
		return object{class: classPublishedIn, table: publication, name: schema}, schema != ""
	}
	if !p.words("TABLE") {
		return object{}, false
	}
	p.words("ONLY")
	schema, table := p.qualified()
	return object{class: classPublished, schema: schema, table: publication, name: table}, table != ""
}
