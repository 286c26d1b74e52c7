package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/spf13/cobra"

	"github.com/pgarc/pgarc/restore"
)

// connectHelp is what the help of pgarc status and cancel says of connecting.
const connectHelp = `  -d, --dbname DATABASE  the database that is restored into, by its name,
                         "key=value ..." or postgresql://...; what it says goes
                         before the next three
` + serverHelp + `  The PG* variables, ~/.pgpass and services work as in psql.
`

const statusHelp = `pgarc status shows how far a running or unfinished restore is.

Usage:
  pgarc status -d DATABASE [options]

Examples:
  pgarc status -d mastodon
  pgarc status -d mastodon --watch

It reads the journal that pgarc restore keeps in the database, from any terminal
on any machine: how many steps are done, what failed and why, and how to go on.
Of the steps that run it says what the server says of them: how long they run,
whose locks they wait for, and how far an index build is. Of steps that take no
time the journal does not say that they run. How long the rest will take is
estimated from what was done so far, every few seconds.

A restore with --no-journal or -1 keeps no journal, and one with --create none
before its database is made.

Options:
` + connectHelp + `      --watch            again every 2 seconds, until the restore is over or has
                         been broken off
      --json             a JSON object; with --watch, one in each line
  -?, --help             show this help

Exit status:
  0    there is a journal: a restore is under way or unfinished
  1    there is none, or it could not be read
  2    wrong usage
  130  interrupted
`

// watchInterval is how often pgarc status --watch looks.
const watchInterval = 2 * time.Second

type statusOptions struct {
	conn  connFlags
	watch bool
	json  bool
}

func newStatusCommand(env *env) *cobra.Command {
	var o statusOptions
	cmd := &cobra.Command{
		Use:   "status",
		Short: "show how far a running or unfinished restore is",
		Long:  statusHelp,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return &usageError{fmt.Sprintf("too many arguments (first is %q)", args[0]), "the database is given with -d"}
			}
			return runStatus(cmd.Context(), env, &o)
		},
	}
	f := cmd.Flags()
	o.conn.addFlags(f)
	f.BoolVar(&o.watch, "watch", false, "again every 2 seconds")
	f.BoolVar(&o.json, "json", false, "JSON")
	return cmd
}

func runStatus(ctx context.Context, env *env, o *statusOptions) error {
	if err := o.conn.check(); err != nil {
		return err
	}
	ctx, stop := interruptible(ctx)
	defer stop()
	cfg, err := o.conn.connect(ctx, env)
	if err != nil {
		return interruption(ctx, err)
	}
	st, err := restore.ReadStatus(ctx, cfg)
	if err != nil {
		return interruption(ctx, statusError(cfg, err))
	}
	if o.watch {
		return o.watchFrom(ctx, env, cfg, st)
	}
	return o.print(env.stdout, st)
}

// statusError words why there is no status.
func statusError(cfg *pgconn.Config, err error) error {
	if errors.Is(err, restore.ErrNoRestore) {
		return &noRestoreError{describeTarget(cfg)}
	}
	return asConnectError(err)
}

// A noRestoreError says that a database has no journal.
type noRestoreError struct{ target string }

func (e *noRestoreError) Error() string {
	return "no restore is under way or unfinished in " + e.target
}

func (e *noRestoreError) Unwrap() error { return restore.ErrNoRestore }

func (o *statusOptions) print(w io.Writer, st *restore.Status) error {
	if o.json {
		return newLineEncoder(w).Encode(newStatusJSON(st))
	}
	b := bufio.NewWriter(w)
	writeStatus(b, st)
	return b.Flush()
}

// brokenOffAfter is for how many looks nothing goes on before --watch takes a
// restore for broken off: it may be connecting again.
const brokenOffAfter = 8

// watchFrom shows the status again and again. It ends when the restore has
// come to its end or was broken off, and not when the server is away: it may be
// restarting.
func (o *statusOptions) watchFrom(ctx context.Context, env *env, cfg *pgconn.Config, st *restore.Status) error {
	screen := newStatusScreen(env, o)
	idle, done := 0, 0 // looks at which nothing was under way, and what was done then
	for {
		if err := screen.show(st); err != nil {
			return err
		}
		if idle++; st.PID != 0 || len(st.Running) > 0 || st.Done != done {
			idle, done = 0, st.Done
		}
		if st.Ended || idle == brokenOffAfter {
			return screen.end(func(w io.Writer) error { return o.print(w, st) })
		}
		select {
		case <-ctx.Done():
			return interruption(ctx, ctx.Err())
		case <-time.After(watchInterval):
		}
		next, err := restore.ReadStatus(ctx, cfg)
		switch {
		case ctx.Err() != nil:
			return interruption(ctx, err)
		case errors.Is(err, restore.ErrNoRestore):
			return screen.end(func(w io.Writer) error { return o.printDone(w) })
		case err != nil:
			screen.away(asConnectError(err))
		default:
			st = next
		}
	}
}

// printDone says that a restore that was watched has left no journal.
func (o *statusOptions) printDone(w io.Writer) error {
	if o.json {
		return newLineEncoder(w).Encode(statusDoneJSON{"done"})
	}
	_, err := fmt.Fprintln(w, "the restore is done: its journal is gone")
	return err
}

// A statusScreen shows a status over and over, where stdout is a terminal in
// its place.
type statusScreen struct {
	o     *statusOptions
	w     io.Writer
	talk  io.Writer
	area  *statusArea // nil: one after the other
	shown bool
	lost  bool // said so
}

func newStatusScreen(env *env, o *statusOptions) *statusScreen {
	s := &statusScreen{o: o, w: env.stdout, talk: env.stderr}
	if env.stdoutTTY && !o.json && env.getenv("TERM") != "dumb" && env.getenv("TERM") != "" {
		s.area = &statusArea{w: env.stdout, size: terminalSize(env, env.stdout)}
	}
	return s
}

func (s *statusScreen) show(st *restore.Status) error {
	s.lost = false
	if s.area != nil {
		width, _ := s.area.size()
		s.area.draw(statusLines(st, width))
		return nil
	}
	if s.shown && !s.o.json {
		io.WriteString(s.w, "\n")
	}
	s.shown = true
	return s.o.print(s.w, st)
}

// away says once that the server does not answer.
func (s *statusScreen) away(err error) {
	if s.lost {
		return
	}
	s.lost = true
	if s.area != nil {
		s.area.clear()
	}
	fmt.Fprintf(s.talk, "pgarc: %s; trying again\n", visibleLines(err.Error()))
}

// end prints the last word in place of what is on the screen.
func (s *statusScreen) end(print func(io.Writer) error) error {
	if s.area == nil && s.o.json {
		return print(s.w)
	}
	if s.area != nil {
		s.area.clear()
	} else {
		io.WriteString(s.w, "\n")
	}
	return print(s.w)
}
