package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/toc"
)

const lsHelp = `pgarc ls lists what is in an archive.

Usage:
  pgarc ls [ARCHIVE] [NAME...] [options]

Examples:
  pgarc ls backup.dump
  pgarc ls backup.dump --type fk 'fk_rails_*'
  pgarc ls backup.dump --format list > todo.list   (for pg_restore -L)

NAME is a dump id (2970), a bare name, schema.name, table.constraint, or any of
these with the shell's *, ? and [a-z]; a name that looks like a pattern can be
put in double quotes, as in SQL. Without one, everything is listed. Function
names may be given with or without argument types.

The size is that of the data as stored, compressed; "?" where the archive does
not say, because pg_dump wrote it through a pipe.

Options:
  -t, --table NAME      only these tables (views, sequences, ...) and all that
                        belongs to them; with --format list as pg_restore's -t:
                        the table and its data alone, and so with --with-deps
                        and --with-dependents
  -n, --schema SCHEMA   only what is in these schemas
      --type TYPE,...   only these types: table, index, fk, "fk constraint", ...
      --section NAME    only this section: pre-data, data or post-data
  -a, --all             also the entries that describe the archive itself
      --format FORMAT   table (the default), or list: what pg_restore -l prints
  -v, --verbose         with --format list: as pg_restore -lv, all entries and
                        what they depend on
      --json            a JSON object in each line: the archive, the entries, a
                        summary; the field "type" tells which
  -h, --help            show this help

As pg_restore would restore it:
  -N, --exclude-schema NAME   not what is in this schema
  -I, --index NAME            this index
  -P, --function 'NAME(ARGS)' this function
  -T, --trigger 'TABLE NAME'  this trigger
      --filter FILE           names as FILE says (pgarc sql --help)
      --strict-names          a name that nothing has is an error
  -L, --use-list FILE         what FILE lists; --format list keeps its order
      --data-only             -s, --schema-only          --statistics-only
      --no-data                   --no-schema            --no-statistics
      --statistics
  -C, --create                the database itself too
  -x, --no-privileges         no grants; also --no-acl
      --no-comments  --no-policies  --no-publications  --no-subscriptions
      --no-security-labels

` + beyondHelp + `
` + mappingHelp + `
All that take a NAME, TYPE, SCHEMA or --section may be given several times. An
entry is listed if it passes all that are given.

` + exitStatusHelp

// lsOptions are the options of pgarc ls.
type lsOptions struct {
	filter
	selection selectionFlags
	mapping   mappingFlags
	all       bool
	verbose   bool
	format    string
	json      bool

	flags *pflag.FlagSet // as parsed
}

func (o *lsOptions) addFlags(f *pflag.FlagSet) {
	o.flags = f
	o.filter.addFlags(f)
	o.selection.addMore(f, "")
	o.mapping.addFlags(f)
	f.StringArrayVar(&o.sections, "section", nil, "only this section")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "all entries and what they depend on")
	f.BoolVarP(&o.all, "all", "a", false, "also the entries that describe the archive")
	f.StringVar(&o.format, "format", "table", "table or list")
	f.BoolVar(&o.json, "json", false, "JSON, one object a line")
}

func newLsCommand(env *env) *cobra.Command {
	var o lsOptions
	cmd := &cobra.Command{
		Use:               "ls [ARCHIVE] [NAME...]",
		Short:             "list what is in an archive",
		Long:              lsHelp,
		ValidArgsFunction: completeNames(env),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runLs(cmd.Context(), env, o, args)
		},
	}
	o.addFlags(cmd.Flags())
	completeFilter(cmd, env)
	completeWords(cmd, "format", "table", "list")
	return cmd
}

func runLs(ctx context.Context, env *env, o lsOptions, args []string) error {
	if o.format != "table" && o.format != "list" {
		return &usageError{message: fmt.Sprintf("unknown format %q", o.format), hint: "--format table or --format list"}
	}
	if o.json && o.format == "list" {
		return usagef("--json and --format list cannot be combined")
	}
	if o.verbose && o.format != "list" {
		return usagef("option -v/--verbose requires --format list")
	}
	if err := checkConflicts(o.flags, selectionConflicts); err != nil {
		return err
	}
	name, patterns, err := archiveArg(env, args)
	if err != nil {
		return err
	}
	r, err := openToPrint(ctx, env, name)
	if err != nil {
		return err
	}
	name = archive.RedactURL(name)
	defer r.Close()
	entries, err := o.entries(env, r.TOC, patterns)
	if err == nil {
		r.TOC, entries, err = o.mapping.apply(r.TOC, entries, nil)
	}
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(env.stdout, 64<<10)
	switch {
	case o.json:
		err = writeEntriesJSON(out, name, r, entries)
	case o.format == "list":
		err = writeList(out, r, entries, o.verbose)
	default:
		writeTable(out, env, name, r, entries)
	}
	if err != nil {
		return err
	}
	return out.Flush()
}

// entries returns what to list, in archive order, or that of a list file.
func (o *lsOptions) entries(env *env, t *toc.TOC, patterns []string) ([]*toc.Entry, error) {
	var selected *toc.Selected
	if o.format == "list" || o.selects() {
		var err error
		if selected, err = o.choose(env, t); err != nil {
			return nil, err
		}
	}
	o.filter.allowEmpty = o.selection.allowEmpty
	if o.asRestore() {
		byName := filter{types: o.types, allowEmpty: o.allowEmpty}
		entries, err := byName.apply(t, patterns)
		if err != nil {
			return nil, err
		}
		return listed(selected, entries, o.all, o.verbose), nil
	}
	entries, err := o.filter.apply(t, patterns)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(entries, func(e *toc.Entry) bool {
		return e.IsSpecial() && !o.all || selected != nil && selected.Parts(e.ID) == 0 && !e.IsSpecial()
	}), nil
}

// selects reports whether any of the options is used that select as pg_restore
// does.
func (o *lsOptions) selects() bool {
	var flags pflag.FlagSet
	new(selectionFlags).addMore(&flags, "")
	any := false
	flags.VisitAll(func(f *pflag.Flag) { any = any || o.flags.Changed(f.Name) })
	return any
}

// asRestore reports whether -t, -n and --section mean what they mean to pgarc
// restore: in a list as pg_restore prints it, and where they are the start of
// what --with-deps or --with-dependents find.
func (o *lsOptions) asRestore() bool {
	return o.format == "list" || o.selection.WithDeps || o.selection.WithDependents
}

// choose applies the options that select as pg_restore does. Of -t and -n the
// names must exist.
func (o *lsOptions) choose(env *env, t *toc.TOC) (*toc.Selected, error) {
	s := o.selection
	if o.asRestore() {
		s.Tables, s.Schemas, s.sections = o.tables, o.schemas, o.sections
		if err := s.check(); err != nil {
			return nil, err
		}
		byName := toc.Selection{Tables: s.Tables, Schemas: s.Schemas, Patterns: true}
		if unmatched := byName.Apply(t).Unmatched; len(unmatched) > 0 && !s.allowEmpty {
			u := unmatched[0]
			err := &unknownNameError{what: u.What}
			err.add(u.Name, closestName(t, u.What, u.Name))
			return nil, err
		}
	}
	_, selected, err := s.choose(env, t)
	return selected, err
}

// listed returns those of some entries that pg_restore -l lists, in the order
// of the selection: what is selected, or with -v all.
func listed(selected *toc.Selected, entries []*toc.Entry, special, verbose bool) []*toc.Entry {
	among := make(map[toc.DumpID]bool, len(entries))
	for _, e := range entries {
		among[e.ID] = true
	}
	return keep(selected.Order, func(e *toc.Entry) bool {
		return among[e.ID] && (verbose || selected.Parts(e.ID) != 0 || special && e.IsSpecial())
	})
}

// writeSelected writes the list of what is selected.
func writeSelected(w io.Writer, r *archive.Reader, selected *toc.Selected, verbose bool) error {
	out := bufio.NewWriter(w)
	if err := writeList(out, r, listed(selected, r.TOC.Entries, false, verbose), verbose); err != nil {
		return err
	}
	return out.Flush()
}

// writeList writes what pg_restore -l prints (PrintTOCSummary), or with
// dependencies -lv.
func writeList(w *bufio.Writer, r *archive.Reader, entries []*toc.Entry, deps bool) error {
	h := r.Header
	fmt.Fprintf(w, ";\n; Archive created at %s\n", createdAt(h, time.Local))
	fmt.Fprintf(w, ";     dbname: %s\n", toc.OneLine(h.Database))
	fmt.Fprintf(w, ";     TOC Entries: %d\n", len(r.TOC.Entries))
	fmt.Fprintf(w, ";     Compression: %s\n", h.Compression.Algorithm)
	fmt.Fprintf(w, ";     Dump Version: %s\n", h.Version)
	fmt.Fprintf(w, ";     Format: %s\n", strings.ToUpper(h.Format.String()))
	fmt.Fprintf(w, ";     Integer: %d bytes\n;     Offset: %d bytes\n", h.IntSize, h.OffSize)
	if h.ServerVersion != "" {
		fmt.Fprintf(w, ";     Dumped from database version: %s\n", h.ServerVersion)
	}
	if h.DumpVersion != "" {
		fmt.Fprintf(w, ";     Dumped by pg_dump version: %s\n", h.DumpVersion)
	}
	fmt.Fprint(w, ";\n;\n; Selected TOC Entries:\n;\n")
	for _, e := range entries {
		if err := toc.WriteListEntry(w, e); err != nil {
			return err
		}
		if deps && len(e.Deps) > 0 {
			w.WriteString(";\tdepends on:")
			for _, id := range e.Deps {
				w.WriteString(" " + id.String())
			}
			w.WriteByte('\n')
		}
	}
	return nil
}

// writeTable writes the archive, its entries and their totals for people.
func writeTable(w *bufio.Writer, env *env, name string, r *archive.Reader, entries []*toc.Entry) {
	objects := countObjects(r.TOC)
	fmt.Fprintf(w, "%s\n\n", headline(name, r, objects))
	t := table{
		columns: []column{{title: "ID", right: true}, {title: "KIND"}, {title: "SCHEMA"}, {title: "NAME", padTo: 64}, {title: "OWNER"}, {title: "SIZE", right: true}},
		// Names are what one needs whole, but for the few that are very long.
		shrink: []shrinkStep{{"NAME", 48}, {"SCHEMA", 12}, {"OWNER", 8}, {"NAME", 32}, {"OWNER", 6}, {"SCHEMA", 6}, {"NAME", 24}, {"KIND", 16}},
	}
	for _, e := range entries {
		n := r.TOC.NameOf(e)
		n.Schema = ""
		t.add(e.ID.String(), visible(string(e.Kind)), visible(e.Namespace), visible(n.String()), visible(e.Owner.String), dataSize(e))
	}
	width := 0
	if env.stdoutTTY {
		width = env.width
	}
	t.write(w, width)
	fmt.Fprintf(w, "\n%s\n", totalsOf(entries).line(objects))
}
