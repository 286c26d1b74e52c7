package script

import "strings"

// quotedWords are the keywords that cannot stand bare as a name everywhere:
// all but the unreserved ones. PostgreSQL 18, src/include/parser/kwlist.h; as
// printed by pg_get_keywords(). fmtId quotes just these.
var quotedWords = wordSet(
	// reserved
	`all analyse analyze and any array as asc asymmetric both case cast check collate column constraint create
	current_catalog current_date current_role current_time current_timestamp current_user default deferrable desc
	distinct do else end except false fetch for foreign from grant group having in initially intersect into lateral
	leading limit localtime localtimestamp not null offset on only or order placing primary references returning select
	session_user some symmetric system_user table then to trailing true union unique user using variadic when where
	window with `,
	// reserved, but may name a function or type
	`authorization binary collation concurrently cross current_schema freeze full ilike inner is isnull join left like
	natural notnull outer overlaps right similar tablesample verbose `,
	// not reserved, but cannot name a function or type
	`between bigint bit boolean char character coalesce dec decimal exists extract float greatest grouping inout int
	integer interval json json_array json_arrayagg json_exists json_object json_objectagg json_query json_scalar
	json_serialize json_table json_value least merge_action national nchar none normalize nullif numeric out overlay
	position precision real row setof smallint substring time timestamp treat trim values varchar xmlattributes
	xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable`,
)

func wordSet(lists ...string) map[string]bool {
	set := map[string]bool{}
	for _, list := range lists {
		for _, w := range strings.Fields(list) {
			set[w] = true
		}
	}
	return set
}

// Ident returns a name as SQL: bare if it can be, else in double quotes
// (fmtId in src/fe_utils/string_utils.c).
func Ident(name string) string {
	if isBare(name) && !quotedWords[name] {
		return name
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// isBare reports whether a name has the form of an unquoted identifier that
// the server would not fold.
func isBare(name string) bool {
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case c >= 'a' && c <= 'z', c == '_', i > 0 && c >= '0' && c <= '9':
		default:
			return false
		}
	}
	return name != ""
}

// Qualified returns schema.name as SQL, or just the name if schema is empty.
func Qualified(schema, name string) string {
	if schema == "" {
		return Ident(name)
	}
	return Ident(schema) + "." + Ident(name)
}

// Literal returns s as a plain string literal. stdStrings says whether the
// server takes backslashes literally (standard_conforming_strings).
func Literal(s string, stdStrings bool) string {
	if !stdStrings {
		s = strings.ReplaceAll(s, `\`, `\\`)
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}
