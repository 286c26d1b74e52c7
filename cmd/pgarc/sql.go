package main

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pgarc/pgarc/archive"
)

const sqlHelp = `pgarc sql prints an archive as an SQL script.

Usage:
  pgarc sql [ARCHIVE] [options]
  pgarc sql [ARCHIVE] --split DIR [options]

Examples:
  pgarc sql backup.dump | psql -d mastodon
  pgarc sql backup.dump -s -n public -f schema.sql
  pgarc sql backup.dump -t 'public.stat*' --with-deps
  pgarc sql backup.dump --split schema/

The script is what pg_restore 18 -f prints, byte for byte, under the same
options. Nothing is said of a server: pgarc restore does without a script.

Output:
  -f, --file FILE         where to; "-" is stdout, the default. FILE is written
                          under another name first, and appears when it is whole
  -v, --verbose           comments with dump ids, dependencies, places, times
      --restrict-key KEY  letters and digits for \restrict, which keeps psql from
                          running commands that hide in the archive; by default
                          they are random
      --no-restrict       no \restrict, for a psql older than August 2025

What to print (as pg_restore):
  -n, --schema NAME           only objects in this schema
  -N, --exclude-schema NAME   none in this schema
  -t, --table NAME            this table (view, sequence, ...) and its data
  -I, --index NAME            this index
  -P, --function 'NAME(ARGS)' this function
  -T, --trigger 'TABLE NAME'  this trigger
      --filter FILE           names as FILE says: include function|index|schema|
                              table|trigger NAME, exclude schema NAME; "-" is
                              standard input
      --strict-names          a name that nothing has is an error
  -L, --use-list FILE         what FILE lists, in its order (pgarc ls --format list)
      --section NAME          pre-data, data or post-data
  -a, --data-only             -s, --schema-only          --statistics-only
      --no-data                   --no-schema            --no-statistics
      --statistics
  -x, --no-privileges         no grants; also --no-acl
      --no-comments  --no-policies  --no-publications  --no-subscriptions
      --no-security-labels
  -n, -N, -t, -I, -P, -T, --filter and --section may be given several times.

` + beyondHelp + `
How:
  -c, --clean                 drop everything first
      --if-exists             ... where it exists
  -C, --create                create the database and connect to it
  -1, --single-transaction    BEGIN and COMMIT around all
      --transaction-size N    ... around every N objects or so
  -O, --no-owner              set no owners
      --no-tablespaces        --no-table-access-method
      --use-set-session-authorization
                              make objects as their owners, by SET SESSION
                              AUTHORIZATION in place of ALTER ... OWNER TO
      --role NAME             SET ROLE at the start
      --disable-triggers      with --data-only: no triggers while loading
  -S, --superuser NAME        ... as this role
      --enable-row-security

` + mappingHelp + `
A tree of files, for putting a schema under version control:
      --split DIR  a file for each object, and DIR/all.sql, which runs them all:
                   psql -d DATABASE -f DIR/all.sql
      --data       also the data: rows in SCHEMA/data/TABLE.sql, ...; only for an
                   archive that you trust

  DIR/public/tables/accounts.sql has the table and all that is its own but the
  foreign keys, checks, triggers, rules and policies: they refer to other objects
  and are in accounts.after.sql. Functions of one name are in one file, what has
  no schema is below DIR/database. The files hold no dump ids, OIDs or dates, and
  are the same in every run; so are their names, in which %20 stands for a blank.
  What an earlier run made, and this one does not, is removed (DIR/.pgarc-split
  is the list); a file that pgarc did not make is never touched. Text on which
  psql would act by itself becomes a comment, and a warning is given.

  -?, -h, --help  show this help

If the archive turns out damaged in the middle of a script on stdout, the exit
status is 4 and the script ends so that psql fails: the rows of the table in
question are not loaded, no COMMIT follows, and the last lines say why.

` + exitStatusHelp

// sqlOptions are the options of pgarc sql.
type sqlOptions struct {
	selection selectionFlags
	mapping   mappingFlags
	scriptOptions
	split string
	data  bool

	flags *pflag.FlagSet // as parsed
}

func (o *sqlOptions) addFlags(fs *pflag.FlagSet) {
	o.flags = fs
	o.selection.addFlags(fs)
	o.mapping.addFlags(fs)
	fs.BoolVarP(&o.verbose, "verbose", "v", false, "comments with ids and places")
	fs.BoolVar(&o.noRestrict, "no-restrict", false, `no \restrict`)
	o.addScriptFlags(fs)
	fs.BoolVarP(&o.Clean, "clean", "c", false, "drop everything first")
	fs.BoolVar(&o.IfExists, "if-exists", false, "with --clean: where it exists")
	fs.BoolVarP(&o.SingleTransaction, "single-transaction", "1", false, "one transaction")
	fs.BoolVarP(&o.NoOwner, "no-owner", "O", false, "set no owners")
	fs.BoolVar(&o.SessionAuthorization, "use-set-session-authorization", false, "make objects as their owners")
	fs.BoolVar(&o.NoTablespaces, "no-tablespaces", false, "all into the default tablespace")
	fs.BoolVar(&o.NoTableAM, "no-table-access-method", false, "all with the default access method")
	fs.StringVar(&o.Role, "role", "", "SET ROLE at the start")
	fs.BoolVar(&o.DisableTriggers, "disable-triggers", false, "no triggers while loading, with --data-only")
	fs.StringVarP(&o.Superuser, "superuser", "S", "", "role that disables triggers")
	fs.BoolVar(&o.EnableRowSecurity, "enable-row-security", false, "row security applies to what is loaded")
	fs.StringVar(&o.split, "split", "", "a tree of files")
	fs.BoolVar(&o.data, "data", false, "with --split: also the data")

	// They say nothing about a script, here as in pg_restore.
	fs.Bool("no-data-for-failed-tables", false, "")
	fs.StringVarP(&o.format, "format", "F", "", "format of the archive: not needed")
	fs.MarkHidden("no-data-for-failed-tables")
	fs.MarkHidden("format")
}

// splitConflicts are the options that have no sense in a tree of files.
var splitConflicts = []string{"file", "verbose", "clean", "create", "single-transaction", "transaction-size",
	"restrict-key", "no-restrict", "use-list", "disable-triggers", "data-only", "statistics-only"}

// check finds what is wrong with the options by themselves.
func (o *sqlOptions) check() error {
	if err := checkConflicts(o.flags, selectionConflicts); err != nil {
		return err
	}
	if err := checkConflicts(o.flags, [][2]string{{"restrict-key", "no-restrict"}, {"data", "schema-only"}, {"data", "no-data"}}); err != nil {
		return err
	}
	o.Create = o.selection.Create
	if err := o.scriptOptions.check(o.flags); err != nil {
		return err
	}
	if o.flags.Changed("split") {
		for _, name := range splitConflicts {
			if err := checkConflicts(o.flags, [][2]string{{"split", name}}); err != nil {
				return err
			}
		}
		if o.split == "" {
			return usagef("--split needs the name of a folder")
		}
	} else if o.data {
		return usagef("option --data requires option --split")
	}
	return o.selection.check()
}

func newSQLCommand(env *env) *cobra.Command {
	var o sqlOptions
	cmd := &cobra.Command{
		Use:   "sql [ARCHIVE]",
		Short: "print an archive as an SQL script",
		Long:  sqlHelp,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runSQL(cmd.Context(), env, &o, args)
		},
	}
	o.addFlags(cmd.Flags())
	completeFilter(cmd, env)
	return cmd
}

func runSQL(ctx context.Context, env *env, o *sqlOptions, args []string) error {
	if err := o.check(); err != nil {
		return err
	}
	mapping, err := o.mapping.mapping()
	if err != nil {
		return err
	}
	ctx, stop := interruptible(ctx)
	defer stop()
	name, a, err := openOnly(ctx, env, args)
	if err != nil {
		return interruption(ctx, err)
	}
	defer a.Close()
	if o.split != "" && !o.data {
		o.selection.SchemaOnly = true
	}
	_, selected, err := o.selection.choose(env, a.TOC)
	if err == nil {
		selected, err = applyMapping(env, mapping, selected)
	}
	if err != nil {
		return err
	}
	switch {
	case o.split != "" && env.damage != nil: // it would remove what is lost
		return env.damage
	case o.split != "":
		err = writeSplit(ctx, env, a, selected, o)
	default:
		err = o.write(ctx, env, a, selected)
	}
	return scriptError(ctx, name, err)
}

// openOnly opens the archive of a command that takes no other arguments, and
// returns its name for messages.
func openOnly(ctx context.Context, env *env, args []string) (name string, a *archive.Reader, err error) {
	name, rest, err := archiveArg(env, args)
	if err != nil {
		return "", nil, err
	}
	if len(rest) > 0 {
		return "", nil, usagef("too many arguments (first is %q)", rest[0])
	}
	a, err = openArchive(ctx, env, name)
	return archive.RedactURL(name), a, err
}

// scriptError words what ended a script.
func scriptError(ctx context.Context, name string, err error) error {
	switch {
	case err == nil:
		return nil
	case exitCode(err) == exitArchive:
		err = &fileError{name, err}
	}
	return interruption(ctx, err)
}
