package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/toc"
)

const rootHelp = `pgarc looks into pg_dump archives and restores them.

Usage:
  pgarc COMMAND [ARCHIVE] ...

Examples:
  pgarc ddl backup.dump fk_rails_256483a9ab
  pgarc restore backup.dump -d mastodon -j 8

Commands:
  ls          list what is in an archive
  info        say what an archive is: database, versions, date, compression
  ddl         print the full definition of objects
  sql         print an archive as an SQL script, or as a tree of files
  diff        say what changed between two archives
  verify      read an archive through and report all that is wrong
  restore     restore an archive into a database, on several connections at once
  plan        say how long a restore will take, on how many connections, and why
  status      show how far a running or unfinished restore is
  cancel      cancel steps of a running restore
  completion  print a completion script for a shell

The archive:
  A file that pg_dump -Fc made, a directory (-Fd) or a tar file (-Ft); the URL
  of such a file: http://, https:// or s3://BUCKET/KEY; or "-", what comes from
  standard input. It is the first argument. Left out, it is $PGARC_ARCHIVE, else the only archive in the working
  directory. The first argument is taken for an archive if a file of that name
  exists, if it holds a path separator, or if it ends as dumps do (.dump,
  .backup, .tar, ...); else it names an object.

Options:
  -h, -?, --help  show this help; pgarc COMMAND --help shows that of a command
      --version   show the version

` + exitStatusHelp

// exitStatusHelp ends the help of every command that has no statuses of its
// own to explain.
const exitStatusHelp = `Exit status:
  0    all done
  1    could not do it
  2    wrong usage
  3    restored, but entries failed or were skipped
  4    the archive is damaged, or not an archive
  130  interrupted
`

// newRootCommand returns the whole command line.
func newRootCommand(env *env) *cobra.Command {
	var showVersion bool
	root := &cobra.Command{
		Use:               "pgarc",
		Long:              rootHelp,
		Args:              cobra.ArbitraryArgs, // RunE says what is wrong with them
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case showVersion:
				_, err := fmt.Fprintln(env.stdout, "pgarc", version())
				return err
			case len(args) > 0:
				return unknownCommand(cmd, args[0])
			}
			io.WriteString(env.stderr, cmd.Long)
			return &exitError{code: exitUsage}
		},
	}
	root.Flags().BoolVar(&showVersion, "version", false, "show the version")
	root.AddCommand(
		newLsCommand(env),
		newInfoCommand(env),
		newDDLCommand(env),
		newSQLCommand(env),
		newDiffCommand(env),
		newVerifyCommand(env),
		newRestoreCommand(env),
		newPlanCommand(env),
		newStatusCommand(env),
		newCancelCommand(env),
		newCompletionCommand(env),
	)
	root.SetIn(env.stdin)
	root.SetOut(env.stdout)
	root.SetErr(env.stderr)
	root.SetHelpCommand(&cobra.Command{Use: "help", Hidden: true, Args: cobra.ArbitraryArgs, RunE: showHelp})
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { io.WriteString(env.stdout, cmd.Long) })
	root.SetFlagErrorFunc(flagError)
	for _, cmd := range append(root.Commands(), root) {
		addHelpFlag(cmd)
	}
	return root
}

// addHelpFlag adds --help, and -h for it where -h is free. In commands that
// connect, -h is the host, as in every PostgreSQL tool.
func addHelpFlag(cmd *cobra.Command) {
	short := "h"
	if cmd.Flags().ShorthandLookup(short) != nil {
		short = ""
	}
	cmd.Flags().BoolP("help", short, false, "show help")
}

// showHelp is "pgarc help COMMAND".
func showHelp(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Root().Help()
	}
	about, _, err := cmd.Root().Find(args)
	if err != nil || about == cmd.Root() {
		return unknownCommand(cmd.Root(), args[0])
	}
	return about.Help()
}

// run runs the command line and returns the exit status.
func run(ctx context.Context, args []string, env *env) int {
	env.args = args
	root := newRootCommand(env)
	root.SetArgs(withQuestionMark(args))
	err := root.ExecuteContext(ctx)
	if err == nil && env.damage != nil {
		err = env.damage
	}
	report(env.stderr, err)
	return exitCode(err)
}

// withQuestionMark makes -? mean --help everywhere, as in every PostgreSQL
// tool. pflag allows a flag one short form only.
func withQuestionMark(args []string) []string {
	for i, arg := range args {
		if arg == "--" {
			break
		}
		if arg == "-?" {
			return append(append(args[:i:i], "--help"), args[i+1:]...)
		}
	}
	return args
}

// unknownCommand says which command may have been meant.
func unknownCommand(root *cobra.Command, name string) error {
	err := &usageError{message: fmt.Sprintf("unknown command %q", name), hint: "pgarc --help lists the commands"}
	if looksLikeArchive(name) {
		err.hint = fmt.Sprintf("the command comes first: pgarc ls %s", archive.RedactURL(name))
		return err
	}
	var names []string
	for _, c := range root.Commands() {
		if !c.Hidden {
			names = append(names, c.Name())
		}
	}
	if close := toc.ClosestNames(name, names, 1); len(close) > 0 {
		err.hint = fmt.Sprintf("did you mean pgarc %s?", close[0])
	}
	return err
}

// flagError turns pflag's errors into usage errors that name the nearest flag.
func flagError(cmd *cobra.Command, err error) error {
	usage := &usageError{message: err.Error(), hint: fmt.Sprintf("%s --help lists the options", cmd.CommandPath())}
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return usage
	}
	if unknown.GetSpecifiedShortnames() != "" {
		usage.message = fmt.Sprintf("unknown option -%s", unknown.GetSpecifiedName())
	} else {
		usage.message = fmt.Sprintf("unknown option --%s", unknown.GetSpecifiedName())
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		if close := toc.ClosestNames(unknown.GetSpecifiedName(), names, 2); len(close) > 0 {
			usage.hint = "did you mean --" + strings.Join(close, " or --") + "?"
		}
	}
	return usage
}

// linkedVersion is set by releases: go build -ldflags "-X main.linkedVersion=v1.0.0".
var linkedVersion string

// version returns the version of this program.
func version() string {
	if linkedVersion != "" {
		return linkedVersion
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
