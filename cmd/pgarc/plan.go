package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/restore"
)

const planHelp = `pgarc plan says how long a restore will take, on how many connections, and why.

Usage:
  pgarc plan [ARCHIVE] [options]

Examples:
  pgarc plan backup.dump -j 8
  pgarc plan backup.dump --times last.jsonl --steps

It needs no server. It makes the steps that pgarc restore would, and works them
off on 1, 2, 4, ... connections with the scheduler that pgarc restore uses, each
step taking as long as estimated. It prints the expected times, from which -j
more connections hardly help (less than 5%), and the longest chain of steps each
of which has to wait for the one before: the time that no -j goes below.

It does not know the server's processors and disks, which the connections share:
where these are the limit, more connections help less than it says.

Times are estimated from the size of the data; how they compare counts more than
what they are. Better are those of an earlier restore, of this archive or one of
the same database and the same pg_dump:
  pgarc restore backup.dump -d test --json > last.jsonl

  -j, --jobs N             connections; by default one for each processor of this
                           machine, at least 2, at most 8
      --times FILE         take the steps' times from FILE, the output of pgarc
                           restore --json; for steps that are not in it, estimates
                           in proportion
      --server-version V   of the server to restore into (18); it decides about a
                           few steps
      --steps              the steps, too: what each waits for, and its locks
  -v, --verbose            the same
      --json               a JSON object in each line: jobs, chain, with --steps
                           step, and last summary
      --spool DIR          with "-": write the archive to a file in DIR first: in a
                           stream, the size of the data is not known
  -?, -h, --help           show this help

` + whatHelp + `
How (as in pgarc restore):
  -c, --clean  --if-exists  -C, --create
  -1, --single-transaction  -e, --exit-on-error
  -O, --no-owner            --no-tablespaces  --no-table-access-method
      --role NAME           --disable-triggers
  -S, --superuser NAME

To leave out:
` + rewriteHelp + `
` + exitStatusHelp

// planOptions are the options of pgarc plan: those of a restore that decide
// about its steps, and some more.
type planOptions struct {
	restoreOptions
	times         string // file
	serverVersion string
	steps         bool
}

func newPlanCommand(env *env) *cobra.Command {
	var o planOptions
	cmd := &cobra.Command{
		Use:   "plan [ARCHIVE]",
		Short: "say how long a restore will take, on how many connections, and why",
		Long:  planHelp,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runPlan(cmd.Context(), env, &o, args)
		},
	}
	f := cmd.Flags()
	o.addStepFlags(f)
	f.StringVar(&o.times, "times", "", "take the steps' times from a file")
	f.StringVar(&o.serverVersion, "server-version", "18", "version of the server to restore into")
	f.BoolVar(&o.steps, "steps", false, "print the steps, too")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "print the steps, too")
	f.BoolVar(&o.json, "json", false, "JSON, one object a line")
	f.StringVar(&o.spool, "spool", "", "write standard input to a file in this directory first")
	completeFilter(cmd, env)
	return cmd
}

func runPlan(ctx context.Context, env *env, o *planOptions, args []string) (err error) {
	if err := o.checkSteps(); err != nil {
		return err
	}
	if o.ServerVersion, err = parseServerVersion(o.serverVersion); err != nil {
		return err
	}
	times := make(stepTimes)
	if o.times != "" {
		if times, err = readStepTimes(o.times); err != nil {
			return err
		}
	}
	ctx, stop := interruptible(ctx)
	defer stop()
	env.spool = o.spool
	name, a, err := openOnly(ctx, env, args)
	if err != nil {
		return interruption(ctx, err)
	}
	defer a.Close()
	if err := locate(ctx, env, name, a); err != nil {
		return interruption(ctx, err)
	}
	sel, selected, err := o.selection.choose(env, a.TOC)
	if err != nil {
		return err
	}
	o.Selection = sel
	plan, err := restore.NewPlan(selected, o.Options)
	if err != nil {
		return err
	}
	if o.SingleTransaction {
		o.Jobs = 1
	}
	seconds, measured := times.secondsOf(plan)
	if o.times != "" && measured == 0 && len(plan.Steps) > 0 {
		return &fileError{o.times, errors.New("no step of this restore is in it: it is that of another archive, or of other options")}
	}
	return o.report(env, &planReport{forecast: newForecast(plan, o.Jobs, seconds), toc: a.TOC, opts: o, measured: measured})
}

// locate finds the data in an archive whose table of contents does not say
// where they are: their sizes are the estimates.
func locate(ctx context.Context, env *env, name string, a *archive.Reader) error {
	err := a.Locate(ctx)
	if err != nil && exitCode(err) == exitArchive {
		if env.damage == nil {
			env.damage = &fileError{name, err}
			fmt.Fprintf(env.stderr, "pgarc: warning: %s\n", visible(env.damage.Error()))
		}
		return nil
	}
	return err
}

func (o *planOptions) report(env *env, r *planReport) error {
	w := bufio.NewWriterSize(env.stdout, 64<<10)
	if o.json {
		if err := r.writeJSON(w); err != nil {
			return err
		}
		return w.Flush()
	}
	width := 0
	if env.stdoutTTY {
		width = env.width
	}
	r.write(w, width)
	if o.steps || o.verbose {
		writePlanSteps(w, r.plan, o.Options)
	}
	return w.Flush()
}

// parseServerVersion reads a version as people write it: 18, 15.4, 9.6. It
// returns it as server_version_num has it.
func parseServerVersion(text string) (int, error) {
	wrong := &usageError{fmt.Sprintf("--server-version %q is not a version of PostgreSQL", text), "as in --server-version 15"}
	parts := strings.Split(text, ".")
	var n [3]int
	if len(parts) > len(n) {
		return 0, wrong
	}
	for i, p := range parts {
		v, err := strconv.ParseUint(p, 10, 16)
		if err != nil || v > 99 {
			return 0, wrong
		}
		n[i] = int(v)
	}
	switch {
	case n[0] >= 10 && len(parts) <= 2:
		return n[0]*10000 + n[1], nil
	case n[0] >= 8 && n[0] < 10 && len(parts) >= 2:
		return n[0]*10000 + n[1]*100 + n[2], nil
	}
	return 0, wrong
}
