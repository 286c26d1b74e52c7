package restore

import (
	"strings"

	"github.com/pgarc/pgarc/script"
	"github.com/pgarc/pgarc/toc"
)

// An object is what something in a database is called: the same for an entry
// of an archive and for a row of the catalog. Names are unquoted.
type object struct {
	class  class
	schema string // of the object, or of its table
	table  string // that it belongs to; for an attachment and an owned sequence, the path of the other end
	name   string // with "(types)" where several may share a name
}

// A class is a sort of object. Objects of one class have different names:
// tables and views are one, and so are functions and procedures.
type class string

const (
	classAccessMethod  class = "access method"
	classAttachment    class = "attachment" // of a partition, or of its index
	classCast          class = "cast"
	classCollation     class = "collation"
	classColumn        class = "column"
	classConstraint    class = "constraint"
	classConversion    class = "conversion"
	classDatabase      class = "database"
	classDefault       class = "default"
	classDefaultACL    class = "default privileges"
	classEventTrigger  class = "event trigger"
	classExtension     class = "extension"
	classFDW           class = "foreign-data wrapper"
	classLanguage      class = "language"
	classLargeObject   class = "large object"
	classOpClass       class = "operator class"
	classOperator      class = "operator"
	classOpFamily      class = "operator family"
	classOwnedBy       class = "owned by"
	classPolicy        class = "policy"
	classPopulated     class = "populated" // a materialized view with data
	classPublication   class = "publication"
	classPublished     class = "published table"
	classPublishedIn   class = "published schema"
	classRelation      class = "relation"
	classRoutine       class = "routine"
	classRowSecurity   class = "row security"
	classRule          class = "rule"
	classSchema        class = "schema"
	classServer        class = "server"
	classStatistics    class = "statistics"
	classSubscription  class = "subscription"
	classTablespace    class = "tablespace"
	classTransform     class = "transform"
	classTrigger       class = "trigger"
	classTSConfig      class = "text search configuration"
	classTSDictionary  class = "text search dictionary"
	classTSParser      class = "text search parser"
	classTSTemplate    class = "text search template"
	classType          class = "type" // domains too
	classUserMapping   class = "user mapping"
	pathSeparator            = "\x01"
	returnRule               = "_RETURN" // the rule that is a view
	relkindPartitioned       = "p"
	relkindView              = "v"
	relkindTable             = "r"
	relkindSequence          = "S"
)

// path joins the parts of a name into one string.
func path(parts ...string) string { return strings.Join(parts, pathSeparator) }

// kindClasses are the kinds whose tag is the name of the object.
var kindClasses = map[toc.Kind]class{
	"ACCESS METHOD": classAccessMethod, "COLLATION": classCollation, "CONVERSION": classConversion, "DOMAIN": classType,
	"FOREIGN DATA WRAPPER": classFDW, "PROCEDURAL LANGUAGE": classLanguage, "SERVER": classServer, "SHELL TYPE": classType,
	"TEXT SEARCH CONFIGURATION": classTSConfig, "TEXT SEARCH DICTIONARY": classTSDictionary,
	"TEXT SEARCH PARSER": classTSParser, "TEXT SEARCH TEMPLATE": classTSTemplate, "TYPE": classType,
	toc.Blob: classLargeObject, toc.EventTrigger: classEventTrigger, toc.Extension: classExtension, toc.ForeignTable: classRelation,
	toc.Index: classRelation, toc.MaterializedView: classRelation, toc.MaterializedViewData: classPopulated,
	toc.Publication: classPublication, toc.RowSecurity: classRowSecurity, toc.Schema: classSchema, toc.Sequence: classRelation,
	toc.Statistics: classStatistics, toc.Subscription: classSubscription, toc.Table: classRelation, toc.View: classRelation,
}

// tableKindClasses are the kinds whose tag names a table, too.
var tableKindClasses = map[toc.Kind]class{
	toc.CheckConstraint: classConstraint, toc.Constraint: classConstraint, toc.Default: classDefault,
	toc.FKConstraint: classConstraint, toc.Policy: classPolicy, toc.Rule: classRule, toc.Trigger: classTrigger,
}

// objectOf returns what an entry makes; ok is false if the entry does not say
// it in a way known here. Comments, grants and data make nothing of their own.
func objectOf(t *toc.TOC, e *toc.Entry) (o object, ok bool) {
	if c, found := kindClasses[e.Kind]; found {
		return object{class: c, schema: e.Namespace, name: e.Tag}, true
	}
	if c, found := tableKindClasses[e.Kind]; found {
		n := t.NameOf(e)
		return object{class: c, schema: n.Schema, table: n.Table, name: n.Name}, n.Table != ""
	}
	switch e.Kind {
	case toc.Function, toc.Aggregate, toc.Procedure:
		name, args := cutSignature(e.Tag)
		return object{class: classRoutine, schema: e.Namespace, name: name + signature(args, ownSchema(t, e))}, true
	case "CAST", "OPERATOR", "OPERATOR CLASS", "OPERATOR FAMILY", "TRANSFORM", "USER MAPPING":
		r := newPhrase(t, e, e.Drop.String)
		return r.after("DROP")
	}
	r := newPhrase(t, e, e.Defn)
	switch e.Kind {
	case toc.TableAttach:
		return r.attachment("ALTER", "TABLE")
	case toc.IndexAttach:
		return r.attachment("ALTER", "INDEX")
	case toc.SequenceOwnedBy:
		return r.ownedBy()
	case toc.PublicationTable, toc.PublicationTablesInSchema:
		return r.published()
	}
	return object{}, false
}

// cutSignature divides "name(argument types)". A name may hold a parenthesis;
// a type only in quotes.
func cutSignature(tag string) (name, args string) {
	for i := len(tag) - 1; i >= 0; i-- {
		if tag[i] == '(' && strings.Count(tag[i:], `"`)%2 == 0 {
			return tag[:i], strings.TrimSuffix(tag[i+1:], ")")
		}
	}
	return tag, ""
}

// ownSchema is the schema that the types of an entry's signature leave out:
// before archive version 1.13 definitions rely on a search path.
func ownSchema(t *toc.TOC, e *toc.Entry) string {
	if t.SearchPath != "" {
		return ""
	}
	return e.Namespace
}

// signature returns a list of types as SQL in a form that does not depend on
// how it was printed: blanks, quotes where none are needed, the mode IN (which
// PostgreSQL 14 began to print), and the schema if it is not empty.
func signature(sql, schema string) string {
	var b strings.Builder
	b.WriteByte('(')
	words := script.Lexemes(sql, true)
	wordBefore := false
	for i := 0; i < len(words); i++ {
		w := words[i]
		switch {
		case w.Text == "IN" && w.Kind == script.Word, w.Text == "*" && len(words) == 1:
			continue
		case schema != "" && w.Name == schema && i+1 < len(words) && words[i+1].Text == ".":
			i++
			continue
		}
		word := w.Kind == script.Word || w.Kind == script.QuotedName || w.Kind == script.Number
		if word && wordBefore {
			b.WriteByte(' ')
		}
		wordBefore = word
		if w.Kind == script.QuotedName && isPlain(w.Name) {
			b.WriteString(w.Name)
		} else {
			b.WriteString(w.Text)
		}
	}
	b.WriteByte(')')
	return b.String()
}

func isPlain(name string) bool {
	return name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == "" && (name[0] < '0' || name[0] > '9')
}
