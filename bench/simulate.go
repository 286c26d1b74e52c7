//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/toc"
)

// simulate measures how long each step takes, on as many connections as the machine has processors, and works out
// for how long a machine with enough of everything would restore on more connections: as pgarc plan does, with
// pgarc's own scheduler, and by the rules of pg_restore, where an entry takes as long as its steps together.
func (b *bench) simulate(ctx context.Context, result *Result) error {
	const ours = "pgarc"
	result.Variants = []string{Base, ours}
	result.Commands = map[string]string{
		Base: fmt.Sprintf("policyTime in bench/policy.go, %d connections", b.Simulated),
		ours: fmt.Sprintf("pgarc restore --json -j %d > times; pgarc plan --times times -j %d", b.jobs, b.Simulated),
	}
	a, err := archive.Open(b.archive.Path)
	if err != nil {
		return err
	}
	defer a.Close()
	for round := range b.rounds {
		if err := b.prepare(ctx, Variant{}); err != nil {
			return err
		}
		times := filepath.Join(b.work, "times.jsonl")
		if err := b.output(ctx, times, "restore", "-q", "--json", "-j", strconv.Itoa(b.jobs), "-d", b.conn(), b.archive.Path); err != nil {
			return err
		}
		plan := filepath.Join(b.work, "plan.jsonl")
		if err := b.output(ctx, plan, "plan", "--json", "--steps", "--times", times, "-j", strconv.Itoa(b.Simulated), b.archive.Path); err != nil {
			return err
		}
		text, err := os.ReadFile(plan)
		if err != nil {
			return err
		}
		entries, time, err := readPlan(text)
		if err != nil {
			return err
		}
		theirs := policyTime(a.TOC, b.Simulated, entries)
		b.say("round %d: %s %.1f s, %s %.1f s", round+1, Base, theirs, ours, time)
		result.Runs = append(result.Runs,
			Run{Round: round + 1, Variant: Base, Values: map[string]float64{Wall: theirs}},
			Run{Round: round + 1, Variant: ours, Values: map[string]float64{Wall: time}})
	}
	return nil
}

// output writes what pgarc prints to a file.
func (b *bench) output(ctx context.Context, path string, args ...string) error {
	cmd := exec.CommandContext(ctx, b.pgarc, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("pgarc %s: %w: %s", args[0], err, lastLines(stderr.String(), 5))
	}
	return os.WriteFile(path, stdout.Bytes(), 0o644)
}

// readPlan reads the output of pgarc plan: what each entry takes, without what pg_restore would not do, and how long
// the whole takes.
func readPlan(text []byte) (entries map[toc.DumpID]float64, whole float64, err error) {
	entries = make(map[toc.DumpID]float64)
	for dec := json.NewDecoder(bytes.NewReader(text)); ; {
		var line struct {
			Type    string
			ID      toc.DumpID `json:"dump_id"`
			Action  string
			Seconds float64
		}
		switch err := dec.Decode(&line); {
		case err == io.EOF && whole == 0:
			return nil, 0, errors.New("pgarc plan printed no summary")
		case err == io.EOF:
			return entries, whole, nil
		case err != nil:
			return nil, 0, fmt.Errorf("pgarc plan --json: %w", err)
		case line.Type == "step" && line.Action != "analyze":
			entries[line.ID] += line.Seconds
		case line.Type == "summary":
			whole = line.Seconds
		}
	}
}
