package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pgarc/pgarc/internal/errorlog"
	"github.com/pgarc/pgarc/script"
	"github.com/pgarc/pgarc/toc"
)

const ddlHelp = `pgarc ddl prints the full definition of objects.

Usage:
  pgarc ddl [ARCHIVE] NAME... [options]
  pgarc ddl [ARCHIVE] --log FILE [options]

Examples:
  pgarc ddl backup.dump fk_rails_256483a9ab
  pgarc ddl backup.dump --log restore.log

NAME is a dump id (2970), a bare name, schema.name, table.constraint, or any of
these with the shell's *, ? and [a-z]; a name that looks like a pattern can be
put in double quotes, as in SQL. All that has the name is printed, in an order
in which it can be run. The name of a table (or view, sequence, ...) that
nothing else has stands for the table and all that belongs to it, as with
--table; a dump id, or a name with --type, for that one entry.

Rows are not printed, nor are commands that only set data (SETVAL, REFRESH,
statistics), unless they are named by dump id or --type; nor is the database
itself because of a pattern. The output is safe to pipe into psql: what psql
would not just send to the server is commented out.

Options:
  -t, --table NAME    the table and all that belongs to it: defaults, sequences,
                      constraints, indexes, foreign keys out, triggers, rules,
                      policies, comments, grants. With NAMEs, only what of it
                      has one of them
  -n, --schema SCHEMA only what is in these schemas
      --type TYPE,... only these types: table, index, fk, "fk constraint", ...
      --log FILE      what failed, by the error log of a pg_restore of any
                      version and language; "-" is standard input. stderr says
                      how each object was identified. Exit status 1 if some
                      were not
      --drop          the DROP statement (IF EXISTS) before each definition
      --owner         the statement that sets the owner, after it
      --comments      also the comments and security labels on what is printed
      --acl           also the grants on it. With a table both are printed
                      unless --comments=false, --acl=false
      --json          a JSON object in each line, with the field "ddl"; the
                      last is a summary
  -h, --help          show this help

` + mappingHelp + `
-t, -n, --type may be given several times, and make NAME optional.

` + exitStatusHelp

// ddlOptions are the options of pgarc ddl.
type ddlOptions struct {
	filter
	mapping       mappingFlags
	log           string
	drop, owner   bool
	comments, acl optionalBool
	json          bool
}

// An optionalBool is a flag whose default depends on other things.
type optionalBool struct{ set, value bool }

func (b *optionalBool) String() string { return fmt.Sprint(b.value) }
func (b *optionalBool) Type() string   { return "bool" }
func (b *optionalBool) Set(s string) error {
	_, err := fmt.Sscan(s, &b.value)
	b.set = true
	return err
}

// or returns the value, or what it is by default.
func (b optionalBool) or(byDefault bool) bool {
	if b.set {
		return b.value
	}
	return byDefault
}

func (o *ddlOptions) addFlags(f *pflag.FlagSet) {
	o.filter.addFlags(f)
	o.mapping.addFlags(f)
	f.StringVar(&o.log, "log", "", "what failed, by an error log")
	f.BoolVar(&o.drop, "drop", false, "DROP statements")
	f.BoolVar(&o.owner, "owner", false, "ALTER OWNER statements")
	f.Var(&o.comments, "comments", "comments and security labels")
	f.Var(&o.acl, "acl", "grants")
	f.Lookup("comments").NoOptDefVal = "true"
	f.Lookup("acl").NoOptDefVal = "true"
	f.BoolVar(&o.json, "json", false, "JSON, one object a line")
}

func newDDLCommand(env *env) *cobra.Command {
	var o ddlOptions
	cmd := &cobra.Command{
		Use:               "ddl [ARCHIVE] NAME...",
		Short:             "print the full definition of objects",
		Long:              ddlHelp,
		ValidArgsFunction: completeNames(env),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runDDL(cmd.Context(), env, o, args)
		},
	}
	o.addFlags(cmd.Flags())
	completeFilter(cmd, env)
	return cmd
}

func runDDL(ctx context.Context, env *env, o ddlOptions, args []string) error {
	name, names, err := archiveArg(env, args)
	if err != nil {
		return err
	}
	if len(names)+len(o.tables)+len(o.schemas)+len(o.types) == 0 && o.log == "" {
		return &usageError{message: "which objects?", hint: "name one, or give --table, --type, -n or --log; pgarc ls shows what there is"}
	}
	r, err := openToPrint(ctx, env, name)
	if err != nil {
		return err
	}
	defer r.Close()
	c, err := o.newChoice(r.TOC)
	if err != nil {
		return err
	}
	var failure error // what to exit with after all has been printed
	if o.log != "" {
		failure, err = c.addLog(env, o.log)
	}
	if err == nil && (o.log == "" || len(names) > 0) {
		err = c.add(names)
	}
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(env.stdout, 64<<10)
	if err := c.write(out, env.stderr); err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return err
	}
	return failure
}

// entryTitle names an entry in a message.
func entryTitle(t *toc.TOC, e *toc.Entry) string {
	return visible(fmt.Sprintf("%s %s (%d)", e.Kind, t.NameOf(e), e.ID))
}

// A choice collects what pgarc ddl prints.
type choice struct {
	*ddlOptions
	toc    *toc.TOC
	graph  *toc.Graph // made when first needed: names alone do without
	kinds  []toc.Kind
	passes func(*toc.Entry) bool

	matches []errorlog.Match // what --log brought

	chosen map[toc.DumpID]bool
	whole  map[toc.DumpID]bool // chosen as part of a table
	asked  map[toc.DumpID]bool // chosen by dump id or type, or failed: printed whatever it is
}

func (o *ddlOptions) newChoice(t *toc.TOC) (*choice, error) {
	kinds, err := parseKinds(t, o.types)
	if err != nil {
		return nil, err
	}
	passes, err := o.filter.passing(t)
	if err != nil {
		return nil, err
	}
	return &choice{
		ddlOptions: o, toc: t, kinds: kinds, passes: passes,
		chosen: make(map[toc.DumpID]bool), whole: make(map[toc.DumpID]bool), asked: make(map[toc.DumpID]bool),
	}, nil
}

// add chooses what has the names, or, if there are none, all that passes the
// options.
func (c *choice) add(names []string) error {
	if len(names) == 0 {
		for _, e := range c.toc.Entries {
			if !e.IsSpecial() && hasKind(c.kinds, e.Kind) && c.passes(e) {
				c.chosen[e.ID] = true
				c.whole[e.ID] = len(c.tables) > 0
				c.asked[e.ID] = len(c.kinds) > 0
			}
		}
		return nil
	}
	found := findNames(c.toc, names, c.kinds)
	for i := range found {
		found[i].entries = keep(found[i].entries, c.passes)
	}
	if err := checkFound(c.toc, found, c.kinds); err != nil {
		return err
	}
	for _, f := range found {
		if err := c.addNamed(f); err != nil {
			return err
		}
	}
	return nil
}

// addNamed chooses what one name stands for.
func (c *choice) addNamed(n namedEntries) error {
	var defined []*toc.Entry
	for _, e := range n.entries {
		asked := len(c.kinds) > 0 || e.ID.String() == n.name
		c.asked[e.ID] = c.asked[e.ID] || asked
		if asked || !isData(e) && !(isDatabase(e) && strings.ContainsAny(n.name, "*?[")) {
			defined = append(defined, e)
		}
	}
	if len(defined) == 0 {
		return &exitError{exitFailed, fmt.Errorf("the archive has data of %q but no definition of it", visible(n.name))}
	}
	if set := c.wholeTables(defined); set != nil {
		defined = set
		for _, e := range set {
			c.whole[e.ID] = true
		}
	}
	for _, e := range defined {
		c.chosen[e.ID] = true
	}
	return nil
}

// wholeTables returns tables with all that belongs to them if the entries are
// just that or a part of it, as those of a table's name are; otherwise nil.
func (c *choice) wholeTables(entries []*toc.Entry) []*toc.Entry {
	tables := keep(entries, func(e *toc.Entry) bool { return slices.Contains(relationKinds, e.Kind) && !c.asked[e.ID] })
	if len(tables) == 0 {
		return nil
	}
	var all []*toc.Entry
	for _, table := range tables {
		all = append(all, c.deps().Belonging(table)...)
	}
	for _, e := range entries {
		if !slices.Contains(all, e) && !isMember(e) {
			return nil
		}
	}
	return all
}

// isMember reports whether an entry puts a table into a publication or
// subscription: what has the table's name, then, is the table.
func isMember(e *toc.Entry) bool {
	return e.Kind == toc.PublicationTable || e.Kind == toc.SubscriptionTable
}

func (c *choice) deps() *toc.Graph {
	if c.graph == nil {
		c.graph = toc.NewGraph(c.toc)
	}
	return c.graph
}

// entries returns what was chosen and is wanted, in working order.
func (c *choice) entries() []*toc.Entry {
	if c.comments.value || c.acl.value {
		c.addAttached()
	}
	return toc.WorkingOrder(keep(c.toc.Entries, func(e *toc.Entry) bool { return c.chosen[e.ID] && c.wants(e) }))
}

// write prints what was chosen as SQL or JSON. What script warns of goes to talk.
func (c *choice) write(w *bufio.Writer, talk io.Writer) error {
	t, entries, err := c.mapping.apply(c.toc, c.entries(), talk)
	if err != nil {
		return err
	}
	if c.json {
		return writeDDLJSON(w, t, entries, c.matches)
	}
	warnings, err := script.WriteDDL(w, t, entries, script.DDLOptions{Drop: c.drop, Owner: c.owner, Comments: true, ACL: true})
	for _, warning := range warnings {
		fmt.Fprintf(talk, "pgarc: warning: %s: %s\n", entryTitle(c.toc, warning.Entry), visible(warning.Text))
	}
	return err
}

// addAttached chooses the comments and grants on what is chosen.
func (c *choice) addAttached() {
	for _, e := range c.toc.Entries {
		if isComment(e) && c.comments.value || isACL(e) && c.acl.value {
			c.chosen[e.ID] = c.chosen[e.ID] || slices.ContainsFunc(e.Deps, func(id toc.DumpID) bool {
				on := c.toc.Lookup(id)
				return c.chosen[id] && !isACL(on) && !isComment(on)
			})
		}
	}
}

func (c *choice) wants(e *toc.Entry) bool {
	switch {
	case c.asked[e.ID]:
		return true
	case isComment(e):
		return c.comments.or(c.whole[e.ID])
	case isACL(e):
		return c.acl.or(c.whole[e.ID])
	}
	return !isData(e)
}

func isComment(e *toc.Entry) bool { return e.Kind == toc.Comment || e.Kind == toc.SecurityLabel }

func isACL(e *toc.Entry) bool {
	return e.Kind == toc.ACL || e.Kind == toc.ACLLanguage || e.Kind == toc.DefaultACL
}

// isDatabase reports whether an entry is about the database itself. A pattern
// does not mean it: what it prints may be piped into psql, with --drop too.
func isDatabase(e *toc.Entry) bool {
	return e.Kind == toc.Database || e.Kind == toc.DatabaseProperties
}

// isData reports whether an entry defines nothing but brings data, or a command
// that makes data.
func isData(e *toc.Entry) bool {
	switch e.Kind {
	case toc.SequenceSet, toc.MaterializedViewData, toc.StatisticsData:
		return true
	}
	return e.HasDumper
}
