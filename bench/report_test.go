//go:build linux

package main

import (
	"strings"
	"testing"
)

func TestSpreadOf(t *testing.T) {
	for _, tt := range []struct {
		values []float64
		want   Spread
	}{
		{nil, Spread{}},
		{[]float64{3}, Spread{3, 3, 3, 1}},
		{[]float64{5, 1, 2}, Spread{2, 1, 5, 3}},
		{[]float64{4, 1, 2, 8}, Spread{3, 1, 8, 4}},
	} {
		if got := SpreadOf(tt.values); got != tt.want {
			t.Errorf("%v: got %+v, want %+v", tt.values, got, tt.want)
		}
	}
}

// A round in which all was slow must not show in the ratio.
func TestRatiosArePaired(t *testing.T) {
	base := map[int]float64{1: 10, 2: 100, 3: 20, 5: 0}
	got := Ratios(map[int]float64{1: 5, 2: 40, 3: 12, 4: 7, 5: 1}, base)
	if want := (Spread{0.5, 0.4, 0.6, 3}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestMarkdown(t *testing.T) {
	run := func(round int, variant string, wall float64, fk Work) Run {
		return Run{Round: round, Variant: variant, Values: map[string]float64{Wall: wall, OthersCPU: 1, TempMB: 0},
			Phases: map[Phase]Work{ForeignKey: fk, MatView: {Statements: 1, Busy: 0.001}}}
	}
	differs := run(2, "pgarc", 84, Work{Statements: 18, Span: 4, Busy: 4})
	differs.Differs = difference("rows|5\nindexes|2", "rows|5\nindexes|1")
	failed := run(2, "pgarc", 1, Work{})
	failed.Failed = "exit status 1: something\nERROR:  deadlock detected"
	r := Result{
		Scenario: "fast", About: "the whole restore", Rounds: 2, Jobs: 4, Archive: 3e6, Database: 15e6,
		Settings: map[string]string{"fsync": "off"}, Variants: []string{Base, "pgarc"},
		Commands: map[string]string{Base: "pg_restore -j 4", "pgarc": "pgarc restore -j 4"}, Left: map[string]string{"pgarc --compat": "unknown option"},
		Runs: []Run{
			run(1, Base, 10, Work{Statements: 9, Span: 4, Busy: 4}), run(1, "pgarc", 5, Work{Statements: 18, Span: 1, Busy: 1}),
			failed, run(2, Base, 120, Work{Statements: 9, Span: 8, Busy: 8}), differs,
		},
	}
	var b strings.Builder
	if err := r.Markdown(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"### fast\n\nThe whole restore. Archive 3 MB, database 15 MB, 2 rounds, -j4.\n",
		"Server: fsync=off, else the defaults.",
		"- pgarc: `pgarc restore -j 4`\n- pgarc --compat was left out: unknown option\n- 1 × **pgarc restored something else** than the first run: has indexes|1; lacks indexes|2\n- 1 × pgarc failed, and was run again: ERROR:  deadlock detected\n",
		"| | pg_restore | pgarc |\n|---|---|---|\n| wall, s | 65 (10 to 120) | 44.5 / **0.60** (0.50 to 0.70) |\n",
		"| CPU of all else on the machine, s | 1 | 1 |\n",
		"| foreign keys: first to last, s | 6 (4 to 8) | 2.50 / **0.38** (0.25 to 0.50) |\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("lacks %q", want)
		}
	}
	for _, no := range []string{TempMB, string(MatView)} {
		if strings.Contains(b.String(), no) {
			t.Errorf("has a row for %q, which is nothing", no)
		}
	}
	if t.Failed() {
		t.Log(b.String())
	}
}
