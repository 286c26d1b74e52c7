package restore

import (
	"strings"

	"github.com/pgarc/pgarc/script"
)

// An objectQuery finds objects of one class. Its columns are: the OID of the
// catalog, that of the row, schema, table, name, signature, relkind, problem.
// inSchemas in its text is the condition that a schema n is one of the
// archive's.
type objectQuery struct {
	class  class
	since  int // server version
	before int // server version; 0: no end
	sql    string
}

const (
	inSchemas = "$SCHEMAS"

	// Rows made by initdb have lower OIDs (FirstNormalObjectId in
	// src/include/access/transam.h).
	userMade = "oid >= 16384"
)

// objectQueries has a query, or several, for each class. Catalogs that not
// everybody may read are read by views, or by the columns that one may.
var objectQueries = []objectQuery{
	{class: classSchema, sql: `SELECT n.tableoid, n.oid, '', '', n.nspname, '', '', '' FROM pg_namespace n`},
	{class: classRelation, sql: `
		SELECT c.tableoid, c.oid, n.nspname, '', c.relname, '', c.relkind,
			CASE WHEN c.relkind = 'i' AND NOT (i.indisvalid AND i.indisready) THEN 'the index is not valid' ELSE '' END
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_index i ON i.indexrelid = c.oid
		WHERE c.relkind <> 't' AND $SCHEMAS`},
	{class: classAttachment, sql: `
		SELECT 0, 0, n.nspname, pn.nspname || $SEPARATOR || p.relname, c.relname, '', '', ''
		FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid JOIN pg_namespace n ON n.oid = c.relnamespace
		JOIN pg_class p ON p.oid = h.inhparent JOIN pg_namespace pn ON pn.oid = p.relnamespace
		WHERE $SCHEMAS`},
	{class: classPopulated, sql: `
		SELECT 0, 0, n.nspname, '', c.relname, '', '', ''
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind = 'm' AND c.relispopulated AND $SCHEMAS`},
	{class: classRowSecurity, since: 90500, sql: `
		SELECT 0, 0, n.nspname, '', c.relname, '', '', ''
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relrowsecurity AND $SCHEMAS`},
	{class: classDefault, sql: `
		SELECT d.tableoid, d.oid, n.nspname, c.relname, a.attname, '', '', ''
		FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
		JOIN pg_class c ON c.oid = d.adrelid JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE $SCHEMAS`},
	{class: classOwnedBy, sql: `
		SELECT 0, 0, n.nspname, tn.nspname || $SEPARATOR || t.relname || $SEPARATOR || a.attname, s.relname, '', '', ''
		FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S' JOIN pg_namespace n ON n.oid = s.relnamespace
		JOIN pg_class t ON t.oid = d.refobjid JOIN pg_namespace tn ON tn.oid = t.relnamespace
		JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
		WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i') AND $SCHEMAS`},
	{class: classConstraint, sql: `
		SELECT k.tableoid, k.oid, n.nspname, c.relname, k.conname, '', '',
			CASE WHEN NOT k.convalidated THEN 'the constraint is not valid'
				WHEN x.relkind = 'i' AND NOT i.indisvalid THEN 'the index of the constraint is not valid' ELSE '' END
		FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
		LEFT JOIN pg_class x ON x.oid = k.conindid AND k.contype IN ('p', 'u', 'x') LEFT JOIN pg_index i ON i.indexrelid = x.oid
		WHERE $SCHEMAS`},
	{class: classConstraint, sql: `
		SELECT k.tableoid, k.oid, n.nspname, t.typname, k.conname, '', '',
			CASE WHEN NOT k.convalidated THEN 'the constraint is not valid' ELSE '' END
		FROM pg_constraint k JOIN pg_type t ON t.oid = k.contypid JOIN pg_namespace n ON n.oid = t.typnamespace
		WHERE $SCHEMAS`},
	// The triggers that partitions have from their parents were internal
	// ones up to 14; pg_dump has entries of them.
	{class: classTrigger, sql: `
		SELECT g.tableoid, g.oid, n.nspname, c.relname, g.tgname, '', '', ''
		FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE (NOT g.tgisinternal OR g.tgconstraint = 0) AND $SCHEMAS`},
	{class: classRule, sql: `
		SELECT r.tableoid, r.oid, n.nspname, c.relname, r.rulename, '', '', ''
		FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE $SCHEMAS`},
	{class: classPolicy, since: 90500, sql: `
		SELECT p.tableoid, p.oid, n.nspname, c.relname, p.polname, '', '', ''
		FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE $SCHEMAS`},
	// A routine is found by its argument types, as its entry has it, and by
	// its identity arguments, as comments and grants have it.
	{class: classRoutine, sql: `
		SELECT p.tableoid, p.oid, n.nspname, '', p.proname, oidvectortypes(p.proargtypes), '', ''
		FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
		WHERE $SCHEMAS`},
	{class: classRoutine, sql: `
		SELECT p.tableoid, p.oid, n.nspname, '', p.proname, pg_get_function_identity_arguments(p.oid), '', ''
		FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
		WHERE $SCHEMAS`},
	{class: classOperator, sql: `
		SELECT o.tableoid, o.oid, n.nspname, '', o.oprname,
			CASE o.oprleft WHEN 0 THEN 'NONE' ELSE format_type(o.oprleft, NULL) END || ', ' ||
			CASE o.oprright WHEN 0 THEN 'NONE' ELSE format_type(o.oprright, NULL) END, '', ''
		FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace
		WHERE $SCHEMAS`},
	{class: classOpClass, sql: `
		SELECT o.tableoid, o.oid, n.nspname, '', o.opcname, quote_ident(a.amname), '', ''
		FROM pg_opclass o JOIN pg_am a ON a.oid = o.opcmethod JOIN pg_namespace n ON n.oid = o.opcnamespace
		WHERE $SCHEMAS`},
	{class: classOpFamily, sql: `
		SELECT o.tableoid, o.oid, n.nspname, '', o.opfname, quote_ident(a.amname), '', ''
		FROM pg_opfamily o JOIN pg_am a ON a.oid = o.opfmethod JOIN pg_namespace n ON n.oid = o.opfnamespace
		WHERE $SCHEMAS`},
	{class: classCast, sql: `
		SELECT tableoid, oid, '', '', '', format_type(castsource, NULL) || ' AS ' || format_type(casttarget, NULL), '', ''
		FROM pg_cast WHERE ` + userMade},
	{class: classTransform, since: 90500, sql: `
		SELECT t.tableoid, t.oid, '', '', l.lanname, format_type(t.trftype, NULL), '', ''
		FROM pg_transform t JOIN pg_language l ON l.oid = t.trflang`},
	{class: classType, sql: `
		SELECT t.tableoid, t.oid, n.nspname, '', t.typname, '', '', CASE WHEN t.typisdefined THEN '' ELSE 'only a shell of the type is there' END
		FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace LEFT JOIN pg_class c ON c.oid = t.typrelid
		WHERE (t.typrelid = 0 OR c.relkind = 'c') AND $SCHEMAS`},
	{class: classCollation, sql: named("pg_collation", "coll")},
	{class: classConversion, sql: named("pg_conversion", "con")},
	{class: classTSConfig, sql: named("pg_ts_config", "cfg")},
	{class: classTSDictionary, sql: named("pg_ts_dict", "dict")},
	{class: classTSParser, sql: named("pg_ts_parser", "prs")},
	{class: classTSTemplate, sql: named("pg_ts_template", "tmpl")},
	{class: classStatistics, since: 100000, sql: named("pg_statistic_ext", "stx")},
	{class: classAccessMethod, sql: global("pg_am", "amname")},
	{class: classEventTrigger, sql: global("pg_event_trigger", "evtname")},
	{class: classExtension, sql: global("pg_extension", "extname")},
	{class: classFDW, sql: global("pg_foreign_data_wrapper", "fdwname")},
	{class: classLanguage, sql: global("pg_language", "lanname")},
	{class: classServer, sql: global("pg_foreign_server", "srvname")},
	{class: classPublication, since: 100000, sql: global("pg_publication", "pubname")},
	{class: classUserMapping, sql: `SELECT 0, umid, '', srvname, usename, '', '', '' FROM pg_user_mappings`},
	// Only since 12 everybody may read the OID.
	{class: classSubscription, since: 100000, before: 120000, sql: `
		SELECT 0, 0, '', '', subname, '', '', '' FROM pg_subscription
		WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())`},
	{class: classSubscription, since: 120000, sql: `
		SELECT 'pg_subscription'::regclass::oid, oid, '', '', subname, '', '', '' FROM pg_subscription
		WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())`},
	{class: classPublished, since: 100000, sql: `
		SELECT 0, 0, n.nspname, p.pubname, c.relname, '', '', ''
		FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
		JOIN pg_class c ON c.oid = r.prrelid JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE $SCHEMAS`},
	{class: classPublishedIn, since: 150000, sql: `
		SELECT 0, 0, '', p.pubname, n.nspname, '', '', ''
		FROM pg_publication_namespace r JOIN pg_publication p ON p.oid = r.pnpubid JOIN pg_namespace n ON n.oid = r.pnnspid`},
}

// largeObjectQuery is for archives that have large objects: there may be
// millions of them. Comments have them by another catalog than the one that
// holds their names.
var largeObjectQuery = objectQuery{class: classLargeObject, sql: `
	SELECT 'pg_largeobject'::regclass::oid, oid, '', '', oid, '', '', '' FROM pg_largeobject_metadata`}

// named is for a catalog of objects in schemas, whose columns begin alike.
func named(catalog, prefix string) string {
	return "SELECT x.tableoid, x.oid, n.nspname, '', x." + prefix + "name, '', '', '' FROM " + catalog +
		" x JOIN pg_namespace n ON n.oid = x." + prefix + "namespace WHERE $SCHEMAS"
}

// global is for a catalog of objects that are in no schema.
func global(catalog, name string) string {
	return "SELECT tableoid, oid, '', '', " + name + ", '', '', '' FROM " + catalog
}

// hasSignature reports whether the names of a class go with a signature.
func (c class) hasSignature() bool {
	switch c {
	case classRoutine, classOperator, classOpClass, classOpFamily, classCast, classTransform:
		return true
	}
	return false
}

// textOf returns the query for some schemas; ok is false if the server is too
// old for it, or too new.
func (q objectQuery) textOf(version int, schemas []string) (sql string, ok bool) {
	if version < q.since || q.before > 0 && version >= q.before {
		return "", false
	}
	return strings.NewReplacer(inSchemas, "n.nspname = ANY ("+textArray(schemas)+")", "$SEPARATOR", "E'\\x01'").Replace(q.sql), true
}

// textArray returns strings as an SQL array.
func textArray(list []string) string {
	var b strings.Builder
	b.WriteString("ARRAY[")
	for i, s := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(script.Literal(s, true))
	}
	return b.String() + "]::text[]"
}

// oidArray returns OIDs, which came from the server, as an SQL array.
func oidArray(oids []string) string { return "'{" + strings.Join(oids, ",") + "}'::oid[]" }

// commentQuery returns catalog, OID and column of what has a comment.
func commentQuery(oids string) string {
	return `SELECT d.classoid, d.objoid, coalesce(a.attname, ''), d.description
		FROM pg_description d LEFT JOIN pg_attribute a
			ON d.classoid = 'pg_class'::regclass AND d.objsubid <> 0 AND a.attrelid = d.objoid AND a.attnum = d.objsubid
		WHERE d.objoid = ANY (` + oids + `)`
}

// labelQuery is like commentQuery, with the provider of a security label.
func labelQuery(oids string) string {
	return `SELECT l.classoid, l.objoid, coalesce(a.attname, ''), l.provider
		FROM pg_seclabel l LEFT JOIN pg_attribute a
			ON l.classoid = 'pg_class'::regclass AND l.objsubid <> 0 AND a.attrelid = l.objoid AND a.attnum = l.objsubid
		WHERE l.objoid = ANY (` + oids + `)`
}

// grantQuery returns catalog, OID, column, grantee (empty: PUBLIC), privilege
// and whether it may be passed on, of some objects.
func grantQuery(oids string) string {
	var b strings.Builder
	b.WriteString(`SELECT x.class, x.id, x.col, coalesce(r.rolname, ''), a.privilege_type, a.is_grantable FROM (
		SELECT attrelid AS id, 'pg_class'::regclass::oid AS class, attname AS col, attacl AS acl
		FROM pg_attribute WHERE attacl IS NOT NULL AND attrelid = ANY (` + oids + `)`)
	for _, c := range []struct{ class, catalog, prefix, sort string }{
		{"pg_class", "pg_class", "rel", `CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char"`},
		{"pg_proc", "pg_proc", "pro", "'f'"},
		{"pg_namespace", "pg_namespace", "nsp", "'n'"},
		{"pg_type", "pg_type", "typ", "'T'"},
		{"pg_language", "pg_language", "lan", "'l'"},
		{"pg_foreign_data_wrapper", "pg_foreign_data_wrapper", "fdw", "'F'"},
		{"pg_foreign_server", "pg_foreign_server", "srv", "'S'"},
		{"pg_largeobject", "pg_largeobject_metadata", "lom", "'L'"},
	} {
		b.WriteString(" UNION ALL SELECT oid, '" + c.class + "'::regclass::oid, '', coalesce(" + c.prefix + "acl, acldefault(" + c.sort + ", " +
			c.prefix + "owner)) FROM " + c.catalog + " WHERE oid = ANY (" + oids + ")")
	}
	b.WriteString(`) x CROSS JOIN LATERAL aclexplode(x.acl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
		WHERE a.grantee = 0 OR r.rolname IS NOT NULL`)
	return b.String()
}

// defaultACLQuery returns role, schema, sort of object, and what grantQuery
// does of the privileges; one row without a privilege if there are none.
const defaultACLQuery = `SELECT o.rolname, coalesce(n.nspname, ''), d.defaclobjtype, coalesce(r.rolname, ''), coalesce(a.privilege_type, ''), a.is_grantable
	FROM pg_default_acl d JOIN pg_roles o ON o.oid = d.defaclrole LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace
	LEFT JOIN LATERAL aclexplode(d.defaclacl) a ON true LEFT JOIN pg_roles r ON r.oid = a.grantee
	WHERE a.grantee IS NULL OR a.grantee = 0 OR r.rolname IS NOT NULL`

// defaultACLWords are what ALTER DEFAULT PRIVILEGES calls the sorts of objects
// (src/include/catalog/pg_default_acl.h).
var defaultACLWords = map[string]string{"r": "TABLES", "S": "SEQUENCES", "f": "FUNCTIONS", "T": "TYPES", "n": "SCHEMAS", "L": "LARGE OBJECTS"}

// readableQuery returns which relations the role may read whole: row security
// could hide rows without a word.
func readableQuery(oids string, version int) string {
	sql := `SELECT oid FROM pg_class WHERE oid = ANY (` + oids + `) AND has_schema_privilege(relnamespace, 'USAGE')
		AND CASE relkind WHEN 'S' THEN has_sequence_privilege(oid, 'SELECT') ELSE has_table_privilege(oid, 'SELECT') END`
	if version >= 90500 {
		sql += ` AND NOT row_security_active(oid)`
	}
	return sql
}

// dummyQuery returns schema and name of views that stand in for another, as
// pg_dump makes them when views and others need each other.
func dummyQuery(schemas, names []string) string {
	return `SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind = 'v' AND n.nspname = ANY (` + textArray(schemas) + `) AND c.relname = ANY (` + textArray(names) + `)
		AND pg_get_viewdef(c.oid) ~ '^\s*SELECT NULL::' AND pg_get_viewdef(c.oid) !~ '\sFROM\s'`
}
