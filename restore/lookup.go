package restore

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/script"
	"github.com/pgarc/pgarc/toc"
)

// LookupOptions say how to look.
type LookupOptions struct {
	Role string // SET ROLE after connecting

	// Rows are those of the archive, by TABLE DATA entry (see
	// archive.Reader.Verify). The rows of these tables are counted in the
	// database, and have to be as many. Of other tables any row will do.
	Rows map[toc.DumpID]int64
}

// A Comparison is what a database has of an archive.
type Comparison struct {
	ServerVersion string
	Findings      []Finding // one for each entry asked for, in their order

	catalog *Catalog
}

// Lookup looks which of some entries of an archive the database that config
// connects to has. It reads the system catalogs, with a query for each sort of
// object, and a row of each table whose data are among the entries. It changes
// nothing, needs no superuser, and sees one state of the database.
func Lookup(ctx context.Context, a *archive.Reader, config *pgconn.Config, entries []*toc.Entry, opts LookupOptions) (*Comparison, error) {
	return lookUpIn(ctx, a, a.TOC, config, entries, opts)
}

// lookUpIn is Lookup for a table of contents that may have other names than
// the archive's own.
func lookUpIn(ctx context.Context, a *archive.Reader, t *toc.TOC, config *pgconn.Config, entries []*toc.Entry, opts LookupOptions) (*Comparison, error) {
	s, err := connect(ctx, config, t, Options{Role: opts.Role, Pooler: true}, func(string) {})
	if err != nil {
		return nil, err
	}
	defer s.close()
	version := serverVersion(s.conn)
	l := &lookup{session: s, catalog: newCatalog(t, version), entries: entries, version: version}
	l.catalog.count = opts.Rows
	if err := l.fill(ctx); err != nil {
		return nil, fmt.Errorf("look up what is in the database: %w", err)
	}
	c := &Comparison{ServerVersion: s.conn.ParameterStatus("server_version"), catalog: l.catalog}
	for _, e := range entries {
		f := l.catalog.Has(e)
		if f.Presence == Absent && e.Kind == toc.TableData && l.catalog.has(relation(e)) {
			if f, err = emptyInBoth(a, f); err != nil {
				return nil, err
			}
		}
		c.Findings = append(c.Findings, f)
	}
	return c, nil
}

func (c *Catalog) has(o object) bool {
	_, ok := c.objects[o]
	return ok
}

// emptyInBoth is for a table that is empty in the database: it lacks nothing
// if it is so in the archive.
func emptyInBoth(a *archive.Reader, f Finding) (Finding, error) {
	e := f.Entry
	if e.Data == toc.DataNone {
		return Finding{Entry: e}, nil
	}
	if a.Streaming() {
		return f.unknown("the table is empty; whether it is so in the archive is not known before the data are read"), nil
	}
	data, err := a.Data(e)
	if err != nil {
		return f, err
	}
	defer data.Close()
	start := make([]byte, 512)
	n, err := io.ReadFull(data, start)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return f, err
	}
	text := strings.TrimLeft(string(start[:n]), "\n")
	if text == "" || e.Copy != "" && strings.HasPrefix(text, "\\.\n") {
		return Finding{Entry: e}, nil
	}
	return f, nil
}

// lookup fills a catalog.
type lookup struct {
	*session
	catalog *Catalog
	entries []*toc.Entry
	version int
}

func (l *lookup) fill(ctx context.Context) error {
	if err := l.exec(ctx, "SET standard_conforming_strings = on; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{
		l.readObjects, l.readDummies, l.readComments, l.readLabels, l.readGrants, l.readDefaults, l.readRows, l.readValues,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// schemas returns those that the entries are in.
func (l *lookup) schemas() []string {
	set := map[string]bool{}
	for _, e := range l.entries {
		if e.Namespace != "" {
			set[e.Namespace] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}

func (l *lookup) readObjects(ctx context.Context) error {
	queries := objectQueries
	if slices.ContainsFunc(l.entries, isLargeObject) {
		queries = append(slices.Clone(queries), largeObjectQuery)
	}
	schemas := l.schemas()
	for _, q := range queries {
		sql, ok := q.textOf(l.version, schemas)
		if !ok {
			continue
		}
		rows, err := l.query(ctx, sql)
		if err != nil {
			return fmt.Errorf("%ss: %w", q.class, err)
		}
		for _, r := range rows {
			l.catalog.add(q.class, r)
		}
	}
	return nil
}

// isLargeObject reports whether an entry has to do with large objects.
func isLargeObject(e *toc.Entry) bool {
	switch e.Kind {
	case toc.Blob, toc.Blobs, toc.BlobMetadata:
		return true
	}
	return strings.HasPrefix(e.Tag, "LARGE OBJECT")
}

// add adds a row of an objectQuery.
func (c *Catalog) add(class class, r []string) {
	o := object{class: class, schema: r[2], table: r[3], name: r[4]}
	if class.hasSignature() {
		schema := ""
		if c.toc.SearchPath == "" {
			schema = o.schema
		}
		o.name += signature(r[5], schema)
	}
	c.objects[o] = catalogRow{address: address{class: r[0], oid: r[1]}, relkind: r[6], problem: r[7]}
}

// readDummies looks for views whose content, an entry of its own, is missing.
func (l *lookup) readDummies(ctx context.Context) error {
	var names []string
	for _, e := range l.entries {
		if e.Kind == toc.Rule && strings.HasPrefix(e.Defn, "CREATE OR REPLACE VIEW ") {
			names = append(names, l.catalog.toc.NameOf(e).Table)
		}
	}
	if len(names) == 0 {
		return nil
	}
	rows, err := l.query(ctx, dummyQuery(l.schemas(), names))
	for _, r := range rows {
		l.catalog.dummies[object{class: classRule, schema: r[0], table: r[1], name: returnRule}] = true
	}
	return err
}

// oidsOf returns the OIDs of the objects that a function names for entries.
func (l *lookup) oidsOf(objects func(*toc.Entry) []object) []string {
	set := map[string]bool{}
	for _, e := range l.entries {
		for _, o := range objects(e) {
			if at, ok := l.catalog.find(o); ok && at.oid != "0" {
				set[at.oid] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(set))
}

func (l *lookup) readComments(ctx context.Context) error {
	oids := l.oidsOf(func(e *toc.Entry) []object {
		if e.Kind != toc.Comment {
			return nil
		}
		o, _, _ := commentOf(l.catalog.toc, e)
		return []object{o}
	})
	if len(oids) == 0 {
		return nil
	}
	rows, err := l.query(ctx, commentQuery(oidArray(oids)))
	for _, r := range rows {
		l.catalog.comments[address{r[0], r[1], r[2]}] = r[3]
	}
	return err
}

func (l *lookup) readLabels(ctx context.Context) error {
	oids := l.oidsOf(func(e *toc.Entry) []object {
		if e.Kind != toc.SecurityLabel {
			return nil
		}
		o, _, _ := labelOf(l.catalog.toc, e)
		return []object{o}
	})
	if len(oids) == 0 {
		return nil
	}
	rows, err := l.query(ctx, labelQuery(oidArray(oids)))
	for _, r := range rows {
		l.catalog.labels[label{address{r[0], r[1], r[2]}, r[3]}] = true
	}
	return err
}

func (l *lookup) readGrants(ctx context.Context) error {
	oids := l.oidsOf(func(e *toc.Entry) []object {
		if e.Kind != toc.ACL && e.Kind != toc.ACLLanguage {
			return nil
		}
		var objects []object
		list, _ := demandsOf(l.catalog.toc, e)
		for _, d := range list {
			objects = append(objects, d.object)
		}
		return objects
	})
	if len(oids) == 0 {
		return nil
	}
	rows, err := l.query(ctx, grantQuery(oidArray(oids)))
	for _, r := range rows {
		at := address{class: r[0], oid: r[1]}
		held := l.catalog.grants[at]
		if held == nil {
			held = acl{}
			l.catalog.grants[at] = held
		}
		held[privilege{column: r[2], grantee: r[3], name: r[4]}] = r[5] == "t" || held[privilege{column: r[2], grantee: r[3], name: r[4]}]
	}
	return err
}

func (l *lookup) readDefaults(ctx context.Context) error {
	if !slices.ContainsFunc(l.entries, func(e *toc.Entry) bool { return e.Kind == toc.DefaultACL }) {
		return nil
	}
	rows, err := l.query(ctx, defaultACLQuery)
	for _, r := range rows {
		o := object{class: classDefaultACL, table: r[0], schema: r[1], name: defaultACLWords[r[2]]}
		held := l.catalog.defaults[o]
		if held == nil {
			held = acl{}
			l.catalog.defaults[o] = held
		}
		if r[4] != "" {
			held[privilege{grantee: r[3], name: r[4]}] = r[5] == "t"
		}
	}
	return err
}

// rowsBatch is how many tables one query looks into.
const rowsBatch = 100

// readRows looks into the tables whose data are among the entries.
func (l *lookup) readRows(ctx context.Context) error {
	tables, counted := l.tables(), map[object]bool{}
	for _, e := range l.entries {
		if _, ok := l.catalog.count[e.ID]; ok {
			counted[relation(e)] = true
		}
	}
	readable, err := l.readable(ctx, tables)
	if err != nil {
		return err
	}
	look := slices.DeleteFunc(tables, func(o object) bool { return !readable[o] })
	for batch := range slices.Chunk(look, rowsBatch) {
		var parts []string
		for i, o := range batch {
			what := "EXISTS (SELECT 1 FROM ONLY %s)::int"
			if counted[o] {
				what = "(SELECT count(*) FROM ONLY %s)"
			}
			parts = append(parts, fmt.Sprintf("SELECT %d, "+what, i, script.Qualified(o.schema, o.name)))
		}
		rows, err := l.query(ctx, strings.Join(parts, " UNION ALL "))
		if err != nil {
			return err
		}
		for _, r := range rows {
			l.catalog.rows[batch[leadingNumber(r[0])]] = newTableRows(r[1])
		}
	}
	return nil
}

func newTableRows(count string) tableRows {
	n, _ := strconv.ParseInt(count, 10, 64) // it is count(*)
	return tableRows{any: n > 0, count: n}
}

// tables returns the tables of the database whose data are among the entries.
// Foreign tables are left alone: who knows where they lead.
func (l *lookup) tables() []object {
	var list []object
	seen := map[object]bool{}
	for _, e := range l.entries {
		o := relation(e)
		if e.Kind == toc.TableData && l.catalog.objects[o].relkind == relkindTable && !seen[o] {
			seen[o] = true
			list = append(list, o)
		}
	}
	return list
}

// readable returns which relations may be read, and notes why others may not.
func (l *lookup) readable(ctx context.Context, list []object) (map[object]bool, error) {
	if len(list) == 0 {
		return nil, nil
	}
	byOID := make(map[string]object, len(list))
	for _, o := range list {
		byOID[l.catalog.objects[o].oid] = o
		l.catalog.rows[o] = tableRows{why: "no privilege to read the table, or row security hides rows of it"}
	}
	rows, err := l.query(ctx, readableQuery(oidArray(slices.Sorted(maps.Keys(byOID))), l.version))
	readable := make(map[object]bool, len(rows))
	for _, r := range rows {
		readable[byOID[r[0]]] = true
	}
	return readable, err
}

// readValues reads the sequences whose values are among the entries.
func (l *lookup) readValues(ctx context.Context) error {
	var list []object
	for _, e := range l.entries {
		if o := relation(e); e.Kind == toc.SequenceSet && l.catalog.objects[o].relkind == relkindSequence {
			list = append(list, o)
		}
	}
	readable, err := l.readable(ctx, list)
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(o object) bool { return !readable[o] })
	for batch := range slices.Chunk(list, rowsBatch) {
		var parts []string
		for i, o := range batch {
			start := "start_value"
			if l.version >= 100000 {
				start = "(SELECT seqstart FROM pg_sequence WHERE seqrelid = " + l.catalog.objects[o].oid + ")"
			}
			parts = append(parts, fmt.Sprintf("SELECT %d, last_value, %s, is_called FROM %s", i, start, script.Qualified(o.schema, o.name)))
		}
		rows, err := l.query(ctx, strings.Join(parts, " UNION ALL "))
		if err != nil {
			return err
		}
		for _, r := range rows {
			l.catalog.values[batch[leadingNumber(r[0])]] = sequenceValue{last: r[1], start: r[2], called: r[3] == "t"}
		}
	}
	return nil
}
