package main

import (
	"bufio"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/pgarc/pgarc/restore"
	"github.com/pgarc/pgarc/toc"
)

// aStatus is a restore in which one key was cancelled and one index waits.
func aStatus() *restore.Status {
	return &restore.Status{Archive: "m\x1b.dump", Command: "pgarc restore m.dump -d db --resume", Begun: noon, Now: after(754), PID: 17,
		Steps: 645, Done: 310, Rows: 2_000_000, Left: 221 * time.Second,
		Running: []restore.RunningStep{
			{PID: 4712, ID: 20, Kind: toc.Index, Action: restore.ActionCreate, Name: "public.idx", Since: after(700), Wait: restore.Wait{Phase: "building index: scanning table", Portion: 0.43}},
			{PID: 4713, ID: 21, Kind: toc.FKConstraint, Action: restore.ActionValidate, Name: "public.a fk", Since: after(750), Wait: restore.Wait{Portion: -1}},
		},
		Failed: []restore.FailedStep{{ID: 30, Kind: toc.FKConstraint, Action: restore.ActionCreate, Name: "public.statuses fk_rails_256483a9ab", Message: "canceling statement due to user request",
			SQLState: "57014", SQL: "ALTER TABLE ONLY public.statuses\n\tADD CONSTRAINT fk_rails_256483a9ab;\n"}},
	}
}

func TestWriteStatus(t *testing.T) {
	defer func(zone *time.Location) { time.Local = zone }(time.Local)
	time.Local = time.UTC
	const head = `310 of 645 steps done (48%), 2,000,000 rows loaded, 1 failed, 334 left
`
	const running = `running, with the server's processes:
    0:54     4712  INDEX public.idx (20): building index: scanning table 43%
    0:04     4713  FK CONSTRAINT public.a fk (21), validate: checking rows
`
	const failed = `failed:
  FK CONSTRAINT public.statuses fk_rails_256483a9ab (30): canceling statement due to user request (SQLSTATE 57014)
ALTER TABLE ONLY public.statuses
	ADD CONSTRAINT fk_rails_256483a9ab;

`
	const goOn = "to go on with what is left: pgarc restore m.dump -d db --resume\n"
	over := aStatus()
	over.PID, over.Ended, over.Running, over.Left = 0, true, nil, 0
	broken := aStatus()
	broken.PID, broken.Running, broken.Left = 0, nil, 0
	left := aStatus()
	left.PID, left.Left = 0, 0
	for _, tt := range []struct {
		name string
		st   *restore.Status
		want string
	}{
		{"under way", aStatus(), "restore of m\\x1b.dump: under way, begun 2026-11-22 12:00, 12:34 ago\n" + strings.Replace(head, "334 left", "334 left: about 3:41", 1) + running + failed},
		{"over", over, "restore of m\\x1b.dump: over, with failures, begun 2026-11-22 12:00, 12:34 ago\n" + head + failed + goOn},
		{"broken off", broken, "restore of m\\x1b.dump: broken off, begun 2026-11-22 12:00, 12:34 ago\n" + head + failed + goOn},
		{"killed", left, "restore of m\\x1b.dump: broken off, but the server still works on some of it, begun 2026-11-22 12:00, 12:34 ago\n" + head + running + failed + goOn},
	} {
		var b strings.Builder
		w := bufio.NewWriter(&b)
		writeStatus(w, tt.st)
		w.Flush()
		if b.String() != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, b.String(), tt.want)
		}
	}
}

func TestStatusJSON(t *testing.T) {
	got, err := json.Marshal(newStatusJSON(aStatus()))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"type":"status"`, `"state":"running"`, `"index_portion":0.43`, `"action":"validate"`, `"sqlstate":"57014"`, `"go_on":"pgarc restore`} {
		if !strings.Contains(string(got), want) {
			t.Errorf("lacks %s: %s", want, got)
		}
	}
	if strings.Count(string(got), "index_portion") != 1 {
		t.Errorf("a step of which nothing is known has a portion: %s", got)
	}
}

func TestWaitText(t *testing.T) {
	for _, tt := range []struct {
		action restore.Action
		wait   restore.Wait
		want   string
	}{
		{restore.ActionCreate, restore.Wait{}, ""},
		{restore.ActionCreate, restore.Wait{Event: "IO: DataFileRead", Portion: -1}, "IO: DataFileRead"},
		{restore.ActionCreate, restore.Wait{Event: "Lock: relation", BlockedBy: []uint32{4711}}, "waiting for a lock held by 4711"},
		{restore.ActionCreate, restore.Wait{Event: "Lock: relation", BlockedBy: []uint32{1, 2, 3, 4, 5}}, "waiting for a lock held by 1, 2, 3 and 2 more"},
		{restore.ActionCreate, restore.Wait{Event: "Lock: relation"}, "waiting for a lock"},
		{restore.ActionCreate, restore.Wait{Event: "IO: DataFileRead", Phase: "building index: scanning table", Portion: 0.439}, "building index: scanning table 43%"},
		{restore.ActionCreate, restore.Wait{Phase: "initializing", Portion: -1}, "initializing"},
		{restore.ActionValidate, restore.Wait{}, "checking rows"},
		{restore.ActionValidate, restore.Wait{Event: "IO: DataFileRead"}, "checking rows, IO: DataFileRead"},
	} {
		if got := waitText(tt.action, tt.wait); got != tt.want {
			t.Errorf("%v %+v: %q, want %q", tt.action, tt.wait, got, tt.want)
		}
	}
}

// The names that pgarc cancel takes are those of pgarc ddl, though the journal
// has a step's name in one piece.
func TestMatchesStep(t *testing.T) {
	key := restore.RunningStep{ID: 2970, Kind: toc.FKConstraint, Name: "public.statuses fk_rails_256483a9ab"}
	table := restore.RunningStep{ID: 12, Kind: toc.TableData, Name: "public.statuses"}
	odd := restore.RunningStep{ID: 13, Kind: toc.FKConstraint, Name: `My.Schema.a b c d`}
	dotted := restore.RunningStep{ID: 14, Kind: toc.Index, Name: "odd.one.idx"}
	for _, tt := range []struct {
		name string
		step restore.RunningStep
		want bool
	}{
		{"fk_rails_256483a9ab", key, true},
		{"statuses.fk_rails_256483a9ab", key, true},
		{"public.statuses.fk_rails_256483a9ab", key, true},
		{"statuses fk_rails_256483a9ab", key, true},
		{"fk_rails_*", key, true},
		{"2970", key, true},
		{"FK_RAILS_256483A9AB", key, false},
		{"statuses", key, false},
		{"fk_rails", key, false},
		{"other.statuses.fk_rails_256483a9ab", key, false},
		{"statuses", table, true},
		{"public.statuses", table, true},
		{`public."statuses"`, table, true},
		{"status", table, false},
		{"2970", table, false},
		{"c d", odd, true},
		{"b c d", odd, true},
		{`"My.Schema"."a b"."c d"`, odd, true},
		{"odd.one.idx", dotted, true},
		{"idx", dotted, true},
		{"one.idx", dotted, true},
	} {
		if got := matchesStep(toc.NewPattern(tt.name), tt.step); got != tt.want {
			t.Errorf("%q matches %q: %t, want %t", tt.name, tt.step.Name, got, tt.want)
		}
	}
}

func TestNotRunning(t *testing.T) {
	m := newStepMatcher([]string{"statuses", "acounts"})
	m.match(restore.RunningStep{PID: 1, ID: 12, Kind: toc.TableData, Action: restore.ActionCopy, Name: "public.statuses"})
	m.match(restore.RunningStep{PID: 2, ID: 13, Kind: toc.FKConstraint, Name: "public.a fk", Action: restore.ActionValidate})
	err := m.unmatched()
	const want = "no running step is called \"acounts\"; these run:\nTABLE DATA public.statuses (12)\nFK CONSTRAINT public.a fk (13), validate"
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
	if len(m.matched) != 1 || len(m.ended(nil)) != 1 || len(m.ended(m.matched)) != 0 {
		t.Errorf("matched %v", m.matched)
	}
}
