package main

import (
	"bufio"
	"context"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/restore"
	"github.com/pgarc/pgarc/script"
	"github.com/pgarc/pgarc/toc"
)

// runDiffDatabase is pgarc diff A -d DATABASE: what of an archive the database
// lacks.
func runDiffDatabase(ctx context.Context, env *env, o diffOptions, args []string) error {
	if len(args) > 1 {
		return &usageError{"pgarc diff -d compares one archive with a database", "pgarc diff A -d DATABASE; -t, -n and --type choose what to compare"}
	}
	if o.sql && o.json {
		return usagef("options --sql and --json cannot be used together")
	}
	if err := o.conn.check(); err != nil {
		return err
	}
	ctx, stop := interruptible(ctx)
	defer stop()
	name, a, err := openOnly(ctx, env, args)
	if err != nil {
		return interruption(ctx, err)
	}
	defer a.Close()
	entries, err := o.restored(a.TOC)
	if err != nil {
		return err
	}
	look := restore.LookupOptions{Role: o.role}
	if o.rows {
		side := &diffSide{name: name, archive: a}
		if err := side.readData(ctx, env); err != nil {
			return interruption(ctx, err)
		}
		env.damage = side.damage
		look.Rows = side.tableRows()
	}
	cfg, err := o.conn.connect(ctx, env)
	if err != nil {
		return interruption(ctx, err)
	}
	found, err := restore.Lookup(ctx, a, cfg, entries, look)
	if err != nil {
		return lookupError(ctx, name, err)
	}
	return o.printFindings(env, name, cfg, newFindings(a, found))
}

// restored returns the entries to look for: those of the filter that a restore
// without further options restores.
func (o *diffOptions) restored(t *toc.TOC) ([]*toc.Entry, error) {
	entries, err := o.filter.apply(t, nil)
	if err != nil {
		return nil, err
	}
	selected := toc.Selection{NoPrivileges: o.noPrivileges, NoComments: o.noComments}.Apply(t)
	return keep(entries, func(e *toc.Entry) bool { return selected.Parts(e.ID) != 0 }), nil
}

// tableRows are the rows that were counted of the tables whose data are whole.
func (s *diffSide) tableRows() map[toc.DumpID]int64 {
	rows := make(map[toc.DumpID]int64, len(s.data))
	for id, c := range s.data {
		if c.Whole {
			rows[id] = c.Rows
		}
	}
	return rows
}

// printFindings prints the report. The error is the exit status.
func (o *diffOptions) printFindings(env *env, name string, cfg *pgconn.Config, r *findings) error {
	out := bufio.NewWriter(env.stdout)
	var err error
	switch {
	case o.json:
		err = r.writeJSON(out, name, databaseJSON{"database", databaseName(cfg), cfg.Host, cfg.Port, r.version}, o.rows)
	case o.sql:
		err = r.writeSQL(env, out)
	case len(r.lacking()) > 0:
		r.write(out, headline(archive.RedactURL(name), r.archive, countObjects(r.archive.TOC)),
			fmt.Sprintf("database %s on %s port %d, PostgreSQL %s", visible(databaseName(cfg)), visible(cfg.Host), cfg.Port, visible(r.version)))
	}
	if err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return err
	}
	if !o.json {
		r.writeUnknown(env)
	}
	if len(r.lacking()) > 0 && env.damage == nil {
		return &exitError{code: exitFailed}
	}
	return nil
}

func databaseName(cfg *pgconn.Config) string {
	if cfg.Database == "" {
		return cfg.User // the server's own rule
	}
	return cfg.Database
}

// writeSQL writes what makes the database whole, but for data, in the order in
// which it can be run.
func (r *findings) writeSQL(env *env, w io.Writer) error {
	if len(r.lacking()) == 0 {
		return nil
	}
	t := r.archive.TOC
	missing := make(map[toc.DumpID]bool)
	for _, f := range r.missing {
		missing[f.Entry.ID] = true
	}
	// As in a restore, names mean what they say, and the bodies of functions
	// may name what comes later.
	if _, err := io.WriteString(w, t.SearchPath+"SET check_function_bodies = false;\n\n"); err != nil {
		return err
	}
	entries := keep(t.Entries, func(e *toc.Entry) bool { return missing[e.ID] })
	warnings, err := script.WriteDDL(w, t, toc.WorkingOrder(entries), script.DDLOptions{Owner: true, Comments: true, ACL: true})
	for _, warning := range warnings {
		fmt.Fprintf(env.stderr, "pgarc: warning: %s: %s\n", entryTitle(t, warning.Entry), visible(warning.Text))
	}
	if err != nil {
		return err
	}
	for _, f := range r.incomplete {
		if _, err := io.WriteString(w, "\n"+r.sqlComment(f)+f.Complete); err != nil {
			return err
		}
	}
	return nil
}
