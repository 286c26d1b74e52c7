//go:build linux

// Bench measures pgarc restore beside pg_restore, on a PostgreSQL server of its own that is gone afterwards.
//
// It makes a database, dumps it, and restores the dump with pg_restore -j, with pg_restore tuned by PGOPTIONS as
// experts do, with pgarc --compat and with pgarc, in turns, several rounds, each time into a fresh database after a
// checkpoint. The report has each variant's medians, and its ratios to pg_restore of the same round. What is counted
// for the server comes from /proc (CPU and disk of all its processes), from its counters (blocks, WAL) and from its
// log (phases), which is parsed in the same way for all variants.
//
// The files: scenario.go (what is compared where), archive.go (databases and dumps), cluster.go (the server),
// client.go (the variants), run.go (one restore), procfs.go and log.go (what it took), ratio.go and report.go,
// cgroup.go (the slow volume), proxy.go (the network). Linux only.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

const help = `bench measures pgarc restore beside pg_restore.

Usage:
  go run ./bench [options]

Examples:
  go run ./bench                                     the whole restore, fast disk
  go run ./bench -scenario fk-cold,slow -rounds 5 -json bench.json
  go run ./bench -scale 10 -variant pg_restore,pgarc -also 'no freeze=--no-freeze'

Scenarios:
`

// options are the command line's.
type options struct {
	scenarios, variants string
	scale, tables       int
	tableMB             int
	rounds, jobs        int
	rtt                 time.Duration
	dir, work           string
	pgarc, json         string
	dropCaches          bool
	settings            assignments
	also                assignments
}

// assignments collects NAME=VALUE from a flag that may be given several times.
type assignments []struct{ name, value string }

func (a *assignments) String() string { return "" }

func (a *assignments) Set(s string) error {
	name, value, ok := strings.Cut(s, "=")
	if !ok || name == "" {
		return errors.New("want NAME=VALUE")
	}
	*a = append(*a, struct{ name, value string }{name, value})
	return nil
}

func parseFlags() *options {
	o := &options{}
	flag.StringVar(&o.scenarios, "scenario", "fast", "these scenarios, or all; `NAME,...`")
	flag.StringVar(&o.variants, "variant", "", "only these variants; `NAME,...`: pg_restore, pg_restore tuned, pgarc --compat, pgarc")
	flag.Var(&o.also, "also", "one more variant, pgarc with other options; `NAME=OPTIONS`; several times")
	flag.IntVar(&o.scale, "scale", 55, "scale of the murmur database; its size grows with the square: 10 is 68 MB, 55 is 1.6 GB")
	flag.IntVar(&o.tables, "tables", 5000, "tables in scenario toc")
	flag.IntVar(&o.tableMB, "mb", 1000, "size of the table in scenario one-table, as COPY text")
	flag.IntVar(&o.rounds, "rounds", 3, "how often each variant restores; 0 only makes the dump")
	flag.IntVar(&o.jobs, "j", 4, "connections of each client")
	flag.DurationVar(&o.rtt, "rtt", 10*time.Millisecond, "what a round trip takes in scenario toc")
	flag.BoolVar(&o.dropCaches, "cold", false, "in every scenario, restart the server and drop the kernel's cache before each restore; root only")
	flag.Var(&o.settings, "set", "a setting for the server; `NAME=VALUE`; several times")
	flag.StringVar(&o.dir, "dir", "/var/tmp/pgarc-bench", "`DIR` for dumps, which the next run finds again, and for the server, on the disk to be measured; the server's user must be able to enter it")
	flag.StringVar(&o.pgarc, "pgarc", "", "this pgarc, in place of one built from the sources; `FILE`")
	flag.StringVar(&o.json, "json", "", "also write all that was measured to `FILE`")
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), help)
		for _, s := range Scenarios {
			fmt.Fprintf(flag.CommandLine.Output(), "  %-13s %s\n", s.Name, s.About)
		}
		fmt.Fprint(flag.CommandLine.Output(), "\nOptions:\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	return o
}

func main() {
	o := parseFlags()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := o.main(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// say tells how far the bench is.
func (o *options) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format("15:04:05 ")+format+"\n", args...)
}

func (o *options) main(ctx context.Context) error {
	chosen, err := choose(o.scenarios)
	if err != nil {
		return err
	}
	root, err := moduleRoot(ctx)
	if err != nil {
		return err
	}
	if o.dir, err = filepath.Abs(o.dir); err != nil {
		return err
	}
	if err := os.MkdirAll(o.dir, 0o755); err != nil {
		return err
	}
	if o.work, err = os.MkdirTemp(o.dir, "run-"); err != nil {
		return err
	}
	defer os.RemoveAll(o.work)
	if o.pgarc == "" {
		o.pgarc = filepath.Join(o.work, "pgarc")
		build := exec.CommandContext(ctx, "go", "build", "-o", o.pgarc, "./cmd/pgarc")
		build.Dir = root
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("go build: %w\n%s", err, out)
		}
	}
	var results []*Result
	for _, s := range chosen {
		o.say("scenario %s: %s", s.Name, s.describe(o))
		r, err := o.measure(ctx, root, s)
		if err != nil {
			return fmt.Errorf("scenario %s: %w", s.Name, err)
		}
		results = append(results, r)
		if err := errors.Join(r.Markdown(os.Stdout), o.writeJSON(results)); err != nil {
			return err
		}
	}
	return nil
}

func choose(names string) ([]Scenario, error) {
	if names == "all" {
		return Scenarios, nil
	}
	var chosen []Scenario
	for _, name := range strings.Split(names, ",") {
		i := slices.IndexFunc(Scenarios, func(s Scenario) bool { return s.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no scenario %q; -h lists them", name)
		}
		chosen = append(chosen, Scenarios[i])
	}
	return chosen, nil
}

// moduleRoot is where the fixtures and the sources of pgarc are.
func moduleRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	root := filepath.Dir(strings.TrimSpace(string(out)))
	if _, err := os.Stat(filepath.Join(root, "fixtures/sql/murmur/load.sh")); err != nil {
		return "", fmt.Errorf("run bench in the sources of pgarc: %w", err)
	}
	return root, nil
}

func (o *options) writeJSON(results []*Result) error {
	if o.json == "" {
		return nil
	}
	text, err := json.MarshalIndent(results, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(o.json, append(text, '\n'), 0o644)
}
