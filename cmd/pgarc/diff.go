package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/toc"
)

const diffHelp = `pgarc diff says what changed between two archives, or what of an archive a
database lacks.

Usage:
  pgarc diff A B [options]
  pgarc diff [A] -d DATABASE [options]

Examples:
  pgarc diff monday.dump tuesday.dump
  pgarc diff staging.dump production.dump --rows --no-owner -n public
  pgarc diff monday.dump -d mastodon
  pgarc diff monday.dump -d mastodon --sql

Two archives:

It prints which entries were removed (A alone has them), added (B alone has
them) or changed, with a line diff of their SQL; nothing if there is none. Of an
entry it compares the definition, the owner, the tablespace, the access method
and the columns of the data; comments and grants are entries of their own. Dump
ids, OIDs, dependencies, the order of entries, dates, format and compression do
not matter. Entries are the same object if they have the same kind, schema,
table and name, functions the same argument types: what was renamed was removed
and added.

Without --rows no data are read. The sizes are those of the data as stored,
which depend on the compression: they are shown, and no difference by themselves.

An archive and a database (-d):

It prints which entries of the archive are missing in the database, and which
are there but incomplete: a constraint or an index that is not valid. It looks
them up in the system catalogs, by kind and name (functions by their argument
types) and by nothing else: a table that has other columns, a function with
another body, another owner or comment are there. Of grants every privilege
counts. The data of a table are there if it has a row, or none in the archive
either; those of a sequence if it was ever used; with --rows the rows of each
table are counted. What cannot be told (the planner's statistics, tables that
the role may not read) is said, and no difference. Nothing is changed, and no
superuser is needed. pgarc restore --missing restores what is missing.

Options:
      --rows            read all data, and compare the rows and bytes of each
                        table and of large objects. The order of rows counts.
                        Of data as COPY in one archive and as INSERT in the
                        other, and with -d, only the number of rows is compared
  -t, --table NAME      only these tables (views, sequences, ...) and all that
                        belongs to them
  -n, --schema SCHEMA   only what is in these schemas
      --type TYPE,...   only these types: table, index, fk, "fk constraint", ...
      --no-owner        owners may differ
      --no-privileges   no grants
      --no-comments     no comments
      --summary         what differs, without the SQL
      --sql             with -d: the SQL that makes what is missing, without data
      --json            a JSON object in each line: both archives (or the archive
                        and the database), the differences, a summary; the field
                        "type" tells which
      --help            show this help

Connection:
` + connectionHelp + `      --role NAME        SET ROLE after connecting

-t, -n and --type may be given several times, and a name has to be in one of the
archives only. Either archive may be a URL, and one of them standard input (-).

Exit status:
  0    no difference; nothing is missing
  1    they differ, something is missing or incomplete; or could not do it, with
       an error message
  2    wrong usage
  4    one of them is damaged, or not an archive
  130  interrupted
`

// diffOptions are the options of pgarc diff.
type diffOptions struct {
	filter
	rows         bool
	noOwner      bool
	noPrivileges bool
	noComments   bool
	summary      bool
	json         bool

	conn connFlags // -d: compare with a database
	role string
	sql  bool
}

func (o *diffOptions) addFlags(f *pflag.FlagSet) {
	o.filter.addFlags(f)
	f.BoolVar(&o.rows, "rows", false, "compare the data too")
	f.BoolVar(&o.noOwner, "no-owner", false, "owners may differ")
	f.BoolVar(&o.noPrivileges, "no-privileges", false, "no grants")
	f.BoolVar(&o.noComments, "no-comments", false, "no comments")
	f.BoolVar(&o.summary, "summary", false, "what differs, without the SQL")
	f.BoolVar(&o.json, "json", false, "JSON, one object a line")
	o.conn.addFlags(f)
	f.StringVar(&o.role, "role", "", "with -d: SET ROLE after connecting")
	f.BoolVar(&o.sql, "sql", false, "with -d: the SQL that makes what is missing")
}

func newDiffCommand(env *env) *cobra.Command {
	var o diffOptions
	cmd := &cobra.Command{
		Use:   "diff A B",
		Short: "say what changed between two archives, or what a database lacks",
		Long:  diffHelp,
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.conn.dbname != "" {
				return runDiffDatabase(cmd.Context(), env, o, args)
			}
			return runDiff(cmd.Context(), env, o, args)
		},
	}
	o.addFlags(cmd.Flags())
	completeFilter(cmd, env)
	return cmd
}

func runDiff(ctx context.Context, env *env, o diffOptions, args []string) error {
	switch {
	case len(args) != 2:
		return &usageError{message: fmt.Sprintf("pgarc diff takes two archives, not %d", len(args)), hint: "pgarc diff A B, or pgarc diff A -d DATABASE; -t, -n and --type choose what to compare"}
	case o.sql || o.role != "" || o.conn != connFlags{}:
		return &usageError{message: "--sql, --role and the options of a connection are for one archive and a database", hint: "pgarc diff A -d DATABASE"}
	case args[0] == "-" && args[1] == "-":
		return usagef("only one of the archives can be standard input")
	}
	ctx, stop := interruptible(ctx)
	defer stop()
	var sides [2]*diffSide
	var damage error // of the first that has any
	for i, name := range args {
		r, err := openToPrint(ctx, env, name)
		if err != nil {
			return interruption(ctx, err)
		}
		defer r.Close()
		sides[i] = &diffSide{name: name, archive: r}
		if damage == nil {
			damage = env.damage
		}
	}
	if err := o.selectEntries(sides[0], sides[1]); err != nil {
		return err
	}
	if a, b := sides[0].archive.TOC.Encoding, sides[1].archive.TOC.Encoding; a != b {
		fmt.Fprintf(env.stderr, "pgarc: warning: the archives have different encodings, %s and %s: letters beyond ASCII are compared as bytes\n", visible(a), visible(b))
	}
	if o.rows {
		for _, s := range sides {
			err := s.readData(ctx, env)
			if err != nil {
				return interruption(ctx, err)
			}
			if damage == nil {
				damage = s.damage
			}
		}
	}
	env.damage = damage
	return newDiffReport(o, sides[0], sides[1]).print(env)
}

// A diffSide is one of the two archives.
type diffSide struct {
	name    string
	archive *archive.Reader
	entries []*toc.Entry // those to compare
	data    map[toc.DumpID]archive.TableCheck
	damage  error // what reading the data showed to be wrong
}

// readData reads all data of the archive. What is wrong with them is said, and
// kept in damage.
func (s *diffSide) readData(ctx context.Context, env *env) error {
	progress := newVerifyProgress(env, false)
	v, err := s.archive.Verify(ctx, archive.VerifyOptions{Digest: true, Progress: progress.show})
	progress.end()
	if err != nil {
		return err
	}
	s.data = make(map[toc.DumpID]archive.TableCheck, len(v.Tables))
	for _, c := range v.Tables {
		s.data[c.Entry.ID] = c
	}
	if v.Sound() {
		return nil
	}
	report := verifyReport{Verification: v, archive: s.archive}
	first := report.place(v.Problems[0]) + v.Problems[0].What
	s.damage = &fileError{shownName(s.name), fmt.Errorf("%s: %s; pgarc verify tells all: %w", countOf(len(v.Problems)+v.More, "problem"), first, archive.ErrCorrupt)}
	return nil
}

// selectEntries sets which entries of both archives are compared. A name has
// to be in one of them only, since what is in one only is what is looked for.
func (o *diffOptions) selectEntries(a, b *diffSide) error {
	if len(o.types) > 0 { // each by itself: a newer pg_dump may have a kind that the older has not
		o.types = strings.Split(strings.Join(o.types, ","), ",")
	}
	tocs := []*toc.TOC{a.archive.TOC, b.archive.TOC}
	var unknown error
	inEither := func(check func(t *toc.TOC) error) {
		if err := check(tocs[0]); err != nil && check(tocs[1]) != nil && unknown == nil {
			unknown = err
		}
	}
	for _, name := range o.types {
		inEither(func(t *toc.TOC) error { _, err := parseKinds(t, []string{name}); return err })
	}
	for _, name := range o.schemas {
		inEither(func(t *toc.TOC) error { return checkSchemas(t, []string{name}) })
	}
	for _, name := range o.tables {
		inEither(func(t *toc.TOC) error { return o.checkTable(t, name) })
	}
	if unknown != nil {
		return unknown
	}
	for _, s := range []*diffSide{a, b} {
		var err error
		if s.entries, err = o.entriesOf(s.archive.TOC); err != nil {
			return err
		}
	}
	return nil
}

// checkTable returns an error if no table of that name is among the selected
// schemas.
func (o *diffOptions) checkTable(t *toc.TOC, name string) error {
	schemas, _ := schemasOf(t, o.schemas) // what is unknown has been said
	for _, e := range t.Find(toc.NewPattern(name), relationKinds) {
		if schemas == nil || schemas[e.Namespace] {
			return nil
		}
	}
	unknown := &unknownNameError{what: "table"}
	unknown.add(name, t.Closest(name, relationKinds, 3))
	return unknown
}

// entriesOf returns the entries of one archive that are compared. Names that
// it does not have are left to the other.
func (o *diffOptions) entriesOf(t *toc.TOC) ([]*toc.Entry, error) {
	here := filter{
		types:   without(o.types, func(name string) bool { _, err := parseKinds(t, []string{name}); return err != nil }),
		schemas: without(o.schemas, func(name string) bool { return checkSchemas(t, []string{name}) != nil }),
		tables:  without(o.tables, func(name string) bool { return o.checkTable(t, name) != nil }),
	}
	if len(here.types) == 0 && len(o.types) > 0 || len(here.schemas) == 0 && len(o.schemas) > 0 || len(here.tables) == 0 && len(o.tables) > 0 {
		return nil, nil
	}
	entries, err := here.apply(t, nil)
	if err != nil {
		return nil, err
	}
	return keep(entries, func(e *toc.Entry) bool {
		switch e.Kind {
		case toc.ACL, toc.ACLLanguage, toc.DefaultACL:
			return !o.noPrivileges
		case toc.Comment, toc.BlobComments:
			return !o.noComments
		}
		return !e.IsSpecial()
	}), nil
}

// without returns the names that fail a test.
func without(names []string, test func(string) bool) []string {
	return slices.DeleteFunc(slices.Clone(names), test)
}
