package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/spf13/cobra"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/restore"
	"github.com/pgarc/pgarc/toc"
)

func newRestoreCommand(env *env) *cobra.Command {
	var o restoreOptions
	cmd := &cobra.Command{
		Use:   "restore [ARCHIVE]",
		Short: "restore an archive into a database",
		Long:  restoreHelp,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runRestore(cmd.Context(), env, &o, args)
		},
	}
	o.addFlags(cmd.Flags())
	completeFilter(cmd, env)
	return cmd
}

func runRestore(ctx context.Context, env *env, o *restoreOptions, args []string) error {
	if err := o.check(); err != nil {
		return err
	}
	ctx, stop := interruptible(ctx)
	defer stop()
	env.spool = o.spool
	name, a, err := openOnly(ctx, env, args)
	if err != nil {
		return interruption(ctx, err)
	}
	defer a.Close()
	var selected *toc.Selected
	o.Selection, selected, err = o.selection.choose(env, a.TOC)
	if err == nil {
		o.selected, err = applyMapping(env, o.Mapping, selected)
	}
	if err != nil {
		return err
	}
	if o.SingleTransaction {
		o.Jobs = 1
	}
	switch script := o.scriptOptions(); {
	case o.list:
		return writeOutput(env, script.file, func(w io.Writer) error { return writeSelected(w, a, o.selected, o.verbose) })
	case o.isScript():
		return scriptError(ctx, name, script.write(ctx, env, a, o.selected))
	case o.dryRun && !o.missing:
		return o.writePlan(env, selected)
	}
	if o.isScratch() {
		return o.runScratch(ctx, env, name, a, stop)
	}
	cfg, err := o.conn.connect(ctx, env)
	if err != nil {
		return interruption(ctx, err)
	}
	if o.missing {
		return o.restoreMissing(ctx, env, name, a, cfg, selected)
	}
	return o.restoreInto(ctx, env, name, a, cfg)
}

// restoreInto restores the archive and reports. It returns what the exit
// status says: nil, or an exitError.
func (o *restoreOptions) restoreInto(ctx context.Context, env *env, name string, a *archive.Reader, cfg *pgconn.Config) error {
	if !o.flags.Changed("failed-sql") {
		o.failedSQL = env.failedSQL
	}
	if err := o.prepareFiles(); err != nil {
		return err
	}
	opts := o.Options
	opts.Name, opts.Command = redactURLs(name), resumeCommand(env.args)
	if strings.HasPrefix(cfg.Host, "/") { // a socket: the server is on this machine
		opts.Processors = runtime.NumCPU()
	}
	var rep reporter = newTextReporter(env, o.verbose, o.quiet)
	if o.json {
		rep = newJSONReporter(env.stdout, o.selected.TOC)
	}
	entries := make(tally)
	opts.OnEvent = func(e restore.Event) {
		entries.add(e)
		rep.event(e)
	}
	silence := context.AfterFunc(ctx, func() {
		signal.Reset(os.Interrupt, syscall.SIGTERM) // as interruptible does, but before that is promised
		rep.say("interrupted: cancelling what runs; once more stops at once")
	})
	defer silence()
	result, err := restore.Run(ctx, a, cfg, opts)
	silence()
	err = restoreError(ctx, name, err)
	end := ending{result: result, err: err, status: o.exitStatus(result, err), rules: o.rules(), goOn: opts.Command, piped: a.Streaming()}
	end.failedSQL = o.writeFailedSQL(rep, opts, o.selected.TOC, end)
	unwritten := o.fileReport(env, name, a, cfg, entries, end)
	unwritten = errors.Join(unwritten, rep.finish(end))
	switch {
	case end.status == exitOK && unwritten != nil:
		return fmt.Errorf("writing the report: %w", unwritten)
	case end.status == exitOK && env.damage != nil:
		return &exitError{exitPartly, env.damage}
	case end.status == exitOK:
		return nil
	case result != nil && end.status == exitInterrupted: // the summary has said it
		return &exitError{code: end.status}
	}
	return &exitError{end.status, errors.Join(err, unwritten)}
}

// prepareFiles finds out before hours of restoring that a file could not be
// written at the end.
func (o *restoreOptions) prepareFiles() error {
	if o.flags.Changed("failed-sql") && o.failedSQL != "" {
		if err := checkFailedSQL(o.failedSQL); err != nil {
			return fmt.Errorf("--failed-sql: %w", err)
		}
	}
	if o.report == "" {
		return nil
	}
	file, err := os.OpenFile(o.report, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("--report: %w", err)
	}
	return file.Close()
}

// writeFailedSQL writes what is left into a file, if the restore came to its
// end, and returns its name.
func (o *restoreOptions) writeFailedSQL(rep reporter, opts restore.Options, t *toc.TOC, end ending) string {
	r := end.result
	if o.failedSQL == "" || r == nil || end.err != nil || r.Stopped || r.Interrupted || r.RolledBack {
		return ""
	}
	f := failedSQL{archive: opts.Name, toc: t, options: opts}
	if r.Journal {
		f.goOn = end.goOn
	}
	n, err := f.write(o.failedSQL, r)
	if err != nil {
		rep.say("what failed was not written into a file: " + err.Error())
	}
	if n == 0 || err != nil {
		return ""
	}
	return o.failedSQL
}

// fileReport is --report.
func (o *restoreOptions) fileReport(env *env, name string, a *archive.Reader, cfg *pgconn.Config, entries tally, end ending) error {
	if o.report == "" {
		return nil
	}
	database := targetJSON{Name: cfg.Database, Host: cfg.Host, Port: cfg.Port, User: cfg.User}
	return writeReport(o.report, o.newReport(env, redactURLs(name), a, o.selected.TOC, database, entries, end))
}

// restoreError words what ended a restore.
func restoreError(ctx context.Context, name string, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return errInterrupted
	case exitCode(err) == exitArchive:
		return &fileError{name, err}
	}
	return asConnectError(err)
}

// exitStatus is the exit status of a restore. A check at the end that could
// not be made counts if it was asked for.
func (o *restoreOptions) exitStatus(result *restore.Result, err error) int {
	status := restoreStatus(result, err)
	if status == exitOK && o.verify && (result.Checked == nil || result.Checked.Err != nil) {
		return exitPartly
	}
	return status
}

// restoreStatus is the exit status of a restore. Of several reasons the one
// counts that asks most of the user.
func restoreStatus(result *restore.Result, err error) int {
	switch {
	case errors.Is(err, errInterrupted), result != nil && result.Interrupted:
		return exitInterrupted
	case err != nil:
		return exitCode(err)
	case result == nil:
		return exitOK
	}
	switch {
	case result.Stopped:
		return exitFailed
	case len(result.Failed)+len(result.Skipped) > 0:
		return exitPartly
	case result.Checked != nil && len(result.Checked.Findings)+len(result.Checked.Rows) > 0:
		return exitPartly
	}
	return exitOK
}
