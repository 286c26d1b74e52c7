package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pgarc/pgarc/restore"
	"github.com/pgarc/pgarc/script"
	"github.com/pgarc/pgarc/toc"
)

const cancelHelp = `pgarc cancel cancels steps of a running restore.

Usage:
  pgarc cancel -d DATABASE NAME... [options]

Examples:
  pgarc cancel -d mastodon fk_rails_256483a9ab
  pgarc cancel -d mastodon 'index_statuses_*'

The server stops what it does for these steps. The restore goes on with the rest,
reports them as failed, with their whole statements, and leaves a journal, so
that pgarc restore --retry-failed does only them. A data step that is cancelled
loads nothing, and what needs it is skipped.

A NAME is what pgarc ddl takes: a table, an index, a constraint; schema.name,
table.constraint, a name in double quotes as in SQL, a dump id, or any of these
with the shell's *, ? and [a-z]. It means running steps only: pgarc status lists
them. Steps that take no time cannot be cancelled.

Options:
` + connectHelp + `      --json             a JSON object for each step that was cancelled
  -?, --help             show this help

Exit status:
  0    for every NAME a step was cancelled
  1    for some, none was
  2    wrong usage
  130  interrupted
`

type cancelOptions struct {
	conn connFlags
	json bool
}

func newCancelCommand(env *env) *cobra.Command {
	var o cancelOptions
	cmd := &cobra.Command{
		Use:   "cancel NAME...",
		Short: "cancel steps of a running restore",
		Long:  cancelHelp,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return &usageError{"the names of what to cancel are missing", "pgarc status lists what runs"}
			}
			return runCancel(cmd.Context(), env, &o, args)
		},
	}
	o.conn.addFlags(cmd.Flags())
	cmd.Flags().BoolVar(&o.json, "json", false, "JSON, one object a line")
	return cmd
}

func runCancel(ctx context.Context, env *env, o *cancelOptions, names []string) error {
	if err := o.conn.check(); err != nil {
		return err
	}
	ctx, stop := interruptible(ctx)
	defer stop()
	cfg, err := o.conn.connect(ctx, env)
	if err != nil {
		return interruption(ctx, err)
	}
	m := newStepMatcher(names)
	cancelled, err := restore.Cancel(ctx, cfg, m.match)
	for _, r := range cancelled {
		if err := o.print(env, r); err != nil {
			return err
		}
	}
	if err != nil {
		return interruption(ctx, statusError(cfg, err))
	}
	if err := m.unmatched(); err != nil {
		return err
	}
	if len(cancelled) < len(m.matched) {
		return fmt.Errorf("%s had ended before it could be cancelled", quoteList(m.ended(cancelled)))
	}
	return nil
}

func (o *cancelOptions) print(env *env, r restore.RunningStep) error {
	if o.json {
		return newLineEncoder(env.stdout).Encode(cancelledJSON{"cancelled", r.ID, r.Kind, r.Name, r.Action.String(), r.PID})
	}
	_, err := fmt.Fprintf(env.stdout, "cancelled %s (server process %d)\n", stepTitle(r.Kind, r.Name, r.ID, r.Action), r.PID)
	return err
}

type cancelledJSON struct {
	Type   string     `json:"type"` // "cancelled"
	DumpID toc.DumpID `json:"dump_id"`
	Kind   toc.Kind   `json:"kind"`
	Name   string     `json:"name"` // with its schema
	Action string     `json:"action"`
	PID    uint32     `json:"pid"`
}

// A stepMatcher finds the running steps that names stand for.
type stepMatcher struct {
	names    []string
	patterns []toc.Pattern
	found    []bool // which names stand for any
	running  []restore.RunningStep
	matched  []restore.RunningStep
}

func newStepMatcher(names []string) *stepMatcher {
	m := &stepMatcher{names: names, found: make([]bool, len(names))}
	for _, name := range names {
		m.patterns = append(m.patterns, toc.NewPattern(name))
	}
	return m
}

// match reports whether any of the names stands for a step.
func (m *stepMatcher) match(r restore.RunningStep) bool {
	m.running = append(m.running, r)
	any := false
	for i, p := range m.patterns {
		if matchesStep(p, r) {
			m.found[i], any = true, true
		}
	}
	if any {
		m.matched = append(m.matched, r)
	}
	return any
}

// matchesStep applies the one rule for names, which is that of toc, to a step
// of which only the journal is known: it does not say where in "schema.table
// name" the parts begin, and so every way to read it counts.
func matchesStep(p toc.Pattern, r restore.RunningStep) bool {
	for _, e := range readings(r) {
		t, err := toc.New([]*toc.Entry{e})
		if err == nil && t.Matches(p, e) {
			return true
		}
	}
	return false
}

// readings are the entries that a running step may be of.
func readings(r restore.RunningStep) []*toc.Entry {
	var list []*toc.Entry
	add := func(schema, tag string) {
		e := toc.Entry{ID: r.ID, Kind: r.Kind, Namespace: schema, Tag: tag}
		list = append(list, &e)
		if r.Kind.Info().Tag != toc.TagOfTable {
			return
		}
		for i := range tag {
			if tag[i] != ' ' {
				continue
			}
			// With the statement that drops it toc knows the table.
			divided := e
			divided.Drop = toc.NewText("ALTER TABLE ONLY " + script.Ident(tag[:i]) + " DROP CONSTRAINT " + script.Ident(tag[i+1:]) + ";\n")
			list = append(list, &divided)
		}
	}
	add("", r.Name)
	for i := range r.Name {
		if r.Name[i] == '.' {
			add(r.Name[:i], r.Name[i+1:])
		}
	}
	return list
}

// unmatched returns an error for the names that stand for no running step.
func (m *stepMatcher) unmatched() error {
	var names []string
	for i, name := range m.names {
		if !m.found[i] {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return &notRunningError{names, m.running}
}

// ended returns the names of the steps that matched and were not cancelled.
func (m *stepMatcher) ended(cancelled []restore.RunningStep) []string {
	var names []string
	for _, r := range m.matched {
		if !slices.ContainsFunc(cancelled, func(c restore.RunningStep) bool { return c.PID == r.PID && c.Name == r.Name }) {
			names = append(names, r.Name)
		}
	}
	return names
}

// A notRunningError says that names stand for nothing that runs, and what does.
type notRunningError struct {
	names   []string
	running []restore.RunningStep
}

func (e *notRunningError) Error() string {
	message := "no running step is called " + quoteList(e.names)
	if len(e.running) == 0 {
		return message + "; none runs that takes long"
	}
	var b strings.Builder
	b.WriteString(message + "; these run:")
	for _, r := range e.running {
		b.WriteString("\n" + stepTitle(r.Kind, r.Name, r.ID, r.Action))
	}
	return b.String()
}
