package main

import (
	"bufio"
	"strings"
	"testing"

	"github.com/pgarc/pgarc/restore"
	"github.com/pgarc/pgarc/toc"
)

// wide is a plan of one long chain, table and index, and many short loads.
func wide(loads int) *restore.Plan {
	p := &restore.Plan{}
	add := func(kind toc.Kind, tag string, a restore.Action, deps ...restore.StepID) {
		id := restore.StepID(len(p.Steps))
		e := &toc.Entry{ID: toc.DumpID(id + 1), Kind: kind, Namespace: "public", Tag: tag}
		p.Steps = append(p.Steps, &restore.Step{ID: id, Entry: e, Action: a, Phase: restore.PhaseMain, Deps: deps})
	}
	add(toc.TableData, "big", restore.ActionCopy)
	add(toc.Index, "big_idx", restore.ActionCreate, 0)
	p.Steps[1].Locks = []restore.Lock{{Relation: restore.Relation{Namespace: "public", Name: "big"}, Mode: restore.Share}}
	for range loads {
		add(toc.TableData, "small", restore.ActionCopy)
	}
	p.Steps[0].Priority, p.Steps[1].Priority = 10, 6
	return p
}

// wideSeconds is what the steps of wide take: 4 + 6 for the chain, 2 each for
// the others.
func wideSeconds(s *restore.Step) float64 {
	switch s.ID {
	case 0:
		return 4
	case 1:
		return 6
	}
	return 2
}

func TestForecast(t *testing.T) {
	f := newForecast(wide(15), 3, wideSeconds) // 40 s of work
	want := map[int]float64{1: 40, 2: 20, 3: 14, 4: 10, 8: 10, 16: 10}
	if len(f.rows) != len(want) {
		t.Errorf("%d rows, want %d: %v", len(f.rows), len(want), f.rows)
	}
	for _, row := range f.rows {
		if row.seconds != want[row.jobs] {
			t.Errorf("%d connections take %v s, want %v", row.jobs, row.seconds, want[row.jobs])
		}
	}
	if f.work != 40 || f.least != 10 || f.enough != 4 {
		t.Errorf("work %v, least %v, enough %d; want 40, 10, 4", f.work, f.least, f.enough)
	}
	if row := f.on(4); row.gain != 0.5 || row.busy != 1 {
		t.Errorf("on 4 connections: saved %v, busy %v; want 0.5, 1", row.gain, row.busy)
	}
	if len(f.chain) != 2 || f.chain[0].ID != 0 || f.chain[1].ID != 1 {
		t.Errorf("chain %v, want the table and its index", f.chain)
	}
	contents, err := toc.New([]*toc.Entry{f.chain[0].Entry, f.chain[1].Entry})
	if err != nil {
		t.Fatal(err)
	}
	if table, s := f.chainByTable(contents); table.Name != "big" || s != 10 {
		t.Errorf("%v makes up %v s of the chain, want big and 10", table, s)
	}
}

func TestForecastOfNothing(t *testing.T) {
	f := newForecast(&restore.Plan{}, 4, wideSeconds)
	var b strings.Builder
	w := bufio.NewWriter(&b)
	(&planReport{forecast: f, opts: &planOptions{restoreOptions: restoreOptions{Options: restore.Options{Jobs: 4}}}}).write(w, 0)
	w.Flush()
	if b.String() != "0 steps in 0 phases, 0 B of stored data; about 0 ms on 4 connections\n" {
		t.Errorf("got %q", b.String())
	}
}

// From 4 connections on, nothing saves 5%, though step by step all do something.
func TestEnoughJobs(t *testing.T) {
	rows := func(seconds ...float64) (list []forecastRow) {
		for i, s := range seconds {
			list = append(list, forecastRow{jobs: 1 << i, seconds: s})
		}
		return list
	}
	for _, tt := range []struct {
		rows []forecastRow
		want int
	}{
		{rows(100, 50, 30, 29.5, 29), 4},
		{rows(100, 50, 30, 29, 20), 16}, // a plateau before a gain
		{rows(100, 99, 98), 1},
		{rows(0, 0), 1},
	} {
		if got := enoughJobs(tt.rows); got != tt.want {
			t.Errorf("%v: %d connections are enough, want %d", tt.rows, got, tt.want)
		}
	}
}

func TestStepTimes(t *testing.T) {
	times, err := parseStepTimes(strings.NewReader(`{"type":"notice","text":"x"}
{"type":"step","dump_id":1,"kind":"TABLE DATA","action":"copy","seconds":99}
{"type":"step","dump_id":1,"kind":"TABLE DATA","action":"copy","seconds":40}
{"type":"step","dump_id":2,"kind":"TABLE DATA","action":"copy","seconds":7}
{"type":"summary","seconds":3}`))
	if err != nil {
		t.Fatal(err)
	}
	p := wide(1)
	for _, s := range p.Steps {
		s.Cost = 4 << 20
	}
	seconds, measured := times.secondsOf(p)
	estimate := restore.Seconds(p.Steps[1])
	if measured != 1 || seconds(p.Steps[0]) != 40 {
		t.Errorf("%d measured, the table takes %v s; want 1 and 40, of the later run", measured, seconds(p.Steps[0]))
	}
	if got := seconds(p.Steps[1]); got != 40 { // the same cost as the table, and not the step of another kind
		t.Errorf("the index takes %v s, want 40, which is %v in proportion", got, estimate)
	}
	for name, text := range map[string]string{
		"no JSON":      "PGDMP",
		"no step":      `{"type":"summary"}`,
		"no time":      `{"type":"step","dump_id":1}`,
		"negative":     `{"type":"step","dump_id":1,"seconds":-1}`,
		"cut off":      `{"type":"step","dump_id":1,"seconds":1}` + "\n{\"type\":",
		"out of range": `{"type":"step","dump_id":1,"seconds":1e300}`,
	} {
		if _, err := parseStepTimes(strings.NewReader(text)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestParseServerVersion(t *testing.T) {
	for text, want := range map[string]int{"18": 180000, "15.4": 150004, "9.6": 90600, "9.5.25": 90525, "10": 100000} {
		if got, err := parseServerVersion(text); got != want || err != nil {
			t.Errorf("%s: %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "9", "7.4", "18.1.2", "x", "180000", "-1", "15."} {
		if got, err := parseServerVersion(text); err == nil || exitCode(err) != exitUsage {
			t.Errorf("%q: %d, %v; want a usage error", text, got, err)
		}
	}
}
