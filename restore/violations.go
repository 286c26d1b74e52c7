package restore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgarc/pgarc/script"
	"github.com/pgarc/pgarc/toc"
)

// Violations are the rows because of which a foreign key, or a unique key or
// index, could not be made.
type Violations struct {
	Query   string // finds them all: of a foreign key rows, of a unique key its values
	Rows    int64  // how many violate it; -1: unknown, and Note says why
	Columns []string
	Sample  [][]string // a few of them, by Columns
	Note    string
}

// How long the search may take: for one constraint, and for all together.
const (
	violationsTimeout = 30 * time.Second
	violationsTotal   = 2 * time.Minute
)

// lookForViolations counts the rows because of which constraints could not be
// made, now that nothing else needs the connections.
func (w *work) lookForViolations(ctx context.Context) {
	begun := time.Now()
	for _, list := range [][]*StepError{w.result.Failed, w.result.Ignored} {
		for _, e := range list {
			if e.Class() != ClassConstraint {
				continue
			}
			q, ok := w.violators(ctx, e)
			if !ok {
				continue
			}
			e.Violations = &Violations{Query: q.Rows, Columns: q.Columns, Rows: -1, Note: "not counted: there was too much to look at"}
			if s := w.anySession(); s != nil && time.Since(begun) < violationsTotal {
				e.Violations.look(ctx, s, q)
			}
		}
	}
}

// violators returns the queries for the rows that a constraint refuses.
func (w *work) violators(ctx context.Context, e *StepError) (script.Violators, bool) {
	entry, std := e.Step.Entry, w.exec.toc.StdStrings
	tables := newTables(w.exec.toc)
	if e.SQLState() == "23505" { // unique_violation
		return script.UniqueViolators(entry.Defn, std, tables.isPartitionedTable(entry.Namespace, w.exec.toc.NameOf(entry).Table))
	}
	fk, ok := script.SplitForeignKey(entry.Defn, std)
	if !ok || e.SQLState() != "23503" { // foreign_key_violation
		return script.Violators{}, false
	}
	if fk.Child.Schema == "" {
		fk.Child.Schema = entry.Namespace
	}
	if fk.Parent.Schema == "" {
		fk.Parent.Schema = entry.Namespace
	}
	return fk.Violators(script.KeyTable{
		ParentPartitioned: tables.isPartitionedTable(fk.Parent.Schema, fk.Parent.Name),
		ChildKey:          primaryKey(w.exec.toc, fk.Child),
		Operators:         w.operators(ctx, fk),
	})
}

// isPartitionedTable reports whether the archive has a partitioned table of
// that name.
func (t *tables) isPartitionedTable(schema, name string) bool {
	for _, e := range t.toc.Entries {
		if isTable(e) && e.Namespace == schema && e.Tag == name {
			return isPartitioned(e)
		}
	}
	return false
}

// primaryKey returns the columns of a table's primary key, as far as the
// archive has it.
func primaryKey(t *toc.TOC, table script.RelationName) []string {
	for _, e := range t.Entries {
		if e.Kind != toc.Constraint || e.Namespace != table.Schema {
			continue
		}
		if key, ok := script.SplitKey(e.Defn, t.StdStrings); ok && key.Primary && key.Table.Name == table.Name {
			return key.Columns
		}
	}
	return nil
}

// operators asks the database by which operators a foreign key that is there,
// not valid, compares: those of types from extensions are not on the search
// path.
func (w *work) operators(ctx context.Context, fk script.ForeignKey) []string {
	s := w.anySession()
	if s == nil {
		return nil
	}
	rows, err := s.query(ctx, `SELECT n.nspname, o.oprname FROM pg_catalog.pg_constraint k
		JOIN pg_catalog.pg_class c ON c.oid = k.conrelid JOIN pg_catalog.pg_namespace cn ON cn.oid = c.relnamespace
		CROSS JOIN pg_catalog.generate_subscripts(k.conpfeqop, 1) i
		JOIN pg_catalog.pg_operator o ON o.oid = k.conpfeqop[i] JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace
		WHERE k.contype = 'f' AND k.conname = `+script.Literal(fk.Name, s.stdStrings)+" AND c.relname = "+script.Literal(fk.Child.Name, s.stdStrings)+
		" AND cn.nspname = "+script.Literal(fk.Child.Schema, s.stdStrings)+" ORDER BY i")
	if err != nil || len(rows) == 0 {
		return nil
	}
	var list []string
	for _, r := range rows {
		if r[0] == "pg_catalog" {
			list = append(list, r[1])
		} else {
			list = append(list, "OPERATOR("+script.Ident(r[0])+"."+r[1]+")")
		}
	}
	return list
}

// look counts the rows and takes a sample.
func (v *Violations) look(ctx context.Context, s *session, q script.Violators) {
	limit := strconv.FormatInt(violationsTimeout.Milliseconds(), 10)
	err := s.exec(ctx, "BEGIN READ ONLY; SET LOCAL statement_timeout = "+limit)
	if err == nil {
		var rows [][]string
		if rows, err = s.query(ctx, q.Count); err == nil && len(rows) == 1 {
			v.Rows, _ = strconv.ParseInt(rows[0][0], 10, 64)
			v.Note = ""
			v.Sample, err = s.query(ctx, q.Sample)
		}
	}
	if err != nil {
		v.Note = whyNotCounted(err)
	}
	_ = s.exec(ctx, "ROLLBACK")
	for _, row := range v.Sample {
		for i, value := range row {
			row[i] = shortened(value)
		}
	}
}

func whyNotCounted(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "57014" {
		return fmt.Sprintf("counting was given up after %s", violationsTimeout)
	}
	return "counting failed: " + reason(err)
}

// sampleMost is how many characters of a sample's value are kept.
const sampleMost = 60

func shortened(s string) string {
	if r := []rune(s); len(r) > sampleMost {
		return strings.ToValidUTF8(string(r[:sampleMost]), "?") + "…"
	}
	return s
}
