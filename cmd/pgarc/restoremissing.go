package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/restore"
	"github.com/pgarc/pgarc/toc"
)

// restoreMissing is --missing: it looks what of the selection the database
// lacks, and restores that.
func (o *restoreOptions) restoreMissing(ctx context.Context, env *env, name string, a *archive.Reader, cfg *pgconn.Config, selected *toc.Selected) error {
	if a.Streaming() {
		return &usageError{"--missing cannot read an archive from a pipe", "save it to a file first; --spool DIR does that for the time of the restore"}
	}
	found, err := restore.Lookup(ctx, a, cfg, selected.Entries(), restore.LookupOptions{Role: o.Role})
	if err != nil {
		return lookupError(ctx, name, err)
	}
	r := newFindings(a, found)
	if !o.quiet {
		fmt.Fprintf(env.stderr, "pgarc: %s\n", r.totals())
		r.writeUnknown(env)
	}
	for _, f := range r.incomplete {
		fmt.Fprintf(env.stderr, "pgarc: warning: %s: %s: left as it is%s\n", entryTitle(a.TOC, f.Entry), f.Note, completion(f))
	}
	o.Only = found.Missing()
	o.NoJournal = true // once more --missing goes on with it
	switch {
	case o.dryRun:
		return o.writePlan(env, selected)
	case len(r.missing) > 0:
		err = o.restoreInto(ctx, env, name, a, cfg)
	default:
		err = o.nothingToDo(env, a)
	}
	if err == nil && len(r.incomplete) > 0 {
		return &exitError{code: exitPartly}
	}
	return err
}

// nothingToDo is the report of a restore without steps.
func (o *restoreOptions) nothingToDo(env *env, a *archive.Reader) error {
	if o.json {
		return newJSONReporter(env.stdout, a.TOC).finish(ending{result: new(restore.Result)})
	}
	if !o.quiet {
		fmt.Fprintln(env.stderr, "pgarc: nothing to do")
	}
	return nil
}

// completion is what to do about an incomplete object.
func completion(f restore.Finding) string {
	if f.Complete == "" {
		return ""
	}
	return "; to complete it: " + visible(strings.TrimSpace(f.Complete))
}

// lookupError words why a database could not be looked at.
func lookupError(ctx context.Context, name string, err error) error {
	err = restoreError(ctx, name, err)
	if errors.Is(err, errInterrupted) {
		return &exitError{exitInterrupted, err}
	}
	return err
}
