package main

import (
	"encoding/json"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/pgarc/pgarc/restore"
	"github.com/pgarc/pgarc/script"
	"github.com/pgarc/pgarc/toc"
)

// The JSON Lines of pgarc restore --json. They are an interface, as those in
// json.go: fields and types may be added, never renamed or removed. "type" is
// step, failed, ignored, skipped, notice, progress, error, and in the last line
// summary.

// stepRef says which step of which entry a line is about.
type stepRef struct {
	DumpID toc.DumpID `json:"dump_id"`
	Kind   toc.Kind   `json:"kind"`
	Schema string     `json:"schema,omitempty"`
	Table  string     `json:"table,omitempty"` // of constraints, triggers and the like
	Name   string     `json:"name"`
	Action string     `json:"action"`
	Phase  string     `json:"phase"`
}

func newStepRef(t *toc.TOC, s *restore.Step) *stepRef {
	n := t.NameOf(s.Entry)
	return &stepRef{s.Entry.ID, s.Entry.Kind, n.Schema, n.Table, n.Name, s.Action.String(), s.Phase.String()}
}

type stepJSON struct {
	Type string `json:"type"` // "step"
	*stepRef
	Worker  int     `json:"worker"`
	Seconds float64 `json:"seconds"`
	Rows    int64   `json:"rows"`
	Bytes   int64   `json:"bytes"`
}

type failedJSON struct {
	Type string `json:"type"` // "failed" or "ignored"
	*stepRef
	Worker   int     `json:"worker"`
	Seconds  float64 `json:"seconds"`
	SQLState string  `json:"sqlstate,omitempty"` // absent: the server did not refuse anything
	Message  string  `json:"message"`
	Detail   string  `json:"detail,omitempty"`
	Hint     string  `json:"hint,omitempty"`
	Context  string  `json:"context,omitempty"`
	Position int32   `json:"position,omitempty"` // in characters of sql, from 1
	SQL      string  `json:"sql,omitempty"`
	Defn     string  `json:"definition,omitempty"` // the archive's own, if sql is only a part of what it does
	Exists   bool    `json:"already_exists,omitempty"`

	Class      string          `json:"class"`
	Also       []alsoJSON      `json:"also,omitempty"`       // further statements of the step that failed
	HeldBy     []heldByJSON    `json:"held_by,omitempty"`    // who held locks that the statement needed
	Violations *violationsJSON `json:"violations,omitempty"` // in the file of --report only: they are looked for at the end
}

type alsoJSON struct {
	Class    string `json:"class"`
	SQLState string `json:"sqlstate,omitempty"`
	Message  string `json:"message"`
	SQL      string `json:"sql"`
}

type heldByJSON struct {
	PID         uint32 `json:"pid"`
	User        string `json:"user"`
	Application string `json:"application"`
	State       string `json:"state"`
}

type violationsJSON struct {
	Rows    *int64     `json:"rows"` // null: not counted, see note
	Columns []string   `json:"columns"`
	Sample  [][]string `json:"sample"`
	Query   string     `json:"query"`
	Note    string     `json:"note,omitempty"`
}

type skippedJSON struct {
	Type string `json:"type"` // "skipped"
	*stepRef
	Cause *stepRef `json:"cause"`
}

type leftOutJSON struct {
	Type   string     `json:"type"` // "left_out": because of --skip-missing
	DumpID toc.DumpID `json:"dump_id"`
	Kind   toc.Kind   `json:"kind"`
	Schema string     `json:"schema,omitempty"`
	Name   string     `json:"name"`
	What   string     `json:"what"`    // "role", "extension" or "tablespace"
	Lacks  string     `json:"missing"` // its name
	Whole  bool       `json:"whole"`   // false: only what names it
}

type noticeJSON struct {
	Type string `json:"type"` // "notice"
	*stepRef
	Text string `json:"text"`
}

type progressJSON struct {
	Type        string        `json:"type"` // "progress"
	Seconds     float64       `json:"seconds"`
	Phase       string        `json:"phase"`
	Steps       int           `json:"steps"`
	Done        int           `json:"done"`
	Failed      int           `json:"failed"`
	Stored      int64         `json:"stored_bytes"`
	StoredTotal int64         `json:"stored_bytes_total"`
	Rows        int64         `json:"rows"`
	Bytes       int64         `json:"bytes"`
	Left        float64       `json:"seconds_left,omitempty"` // estimated
	Running     []runningJSON `json:"running"`
}

type runningJSON struct {
	*stepRef
	Worker  int     `json:"worker"`
	Seconds float64 `json:"seconds"`
	Bytes   int64   `json:"bytes"`
	*waitJSON
}

type errorJSON struct {
	Type    string `json:"type"` // "error"
	Message string `json:"message"`
}

type restoreSummaryJSON struct {
	Type       string `json:"type"` // "summary"
	ExitStatus int    `json:"exit_status"`
	entryCounts
	DropsFailed int            `json:"drops_failed"`
	LeftOut     int            `json:"left_out"` // entries, wholly or in part, by --skip-missing
	Steps       int            `json:"steps"`
	NotBegun    int            `json:"steps_not_begun"`
	Rows        int64          `json:"rows"`
	Bytes       int64          `json:"bytes"`
	Seconds     float64        `json:"seconds"`
	Stopped     bool           `json:"stopped"`
	Interrupted bool           `json:"interrupted"`
	Phases      []phaseJSON    `json:"phases"`
	Slowest     []stepTimeJSON `json:"slowest"`
	Check       *checkJSON     `json:"check,omitempty"`      // absent: not made
	FailedSQL   string         `json:"failed_sql,omitempty"` // the file with what is left to run
}

type phaseJSON struct {
	Phase   string  `json:"phase"`
	Steps   int     `json:"steps"`
	Seconds float64 `json:"seconds"`
}

type stepTimeJSON struct {
	*stepRef
	Seconds float64 `json:"seconds"`
	Rows    int64   `json:"rows"`
	Bytes   int64   `json:"bytes"`
}

// A jsonReporter is for programs.
type jsonReporter struct {
	mu           sync.Mutex
	enc          *json.Encoder
	toc          *toc.TOC
	entries      tally
	start        time.Time
	lastProgress time.Time
	err          error // the first of writing
}

func newJSONReporter(w io.Writer, t *toc.TOC) *jsonReporter {
	return &jsonReporter{enc: newLineEncoder(w), toc: t, entries: make(tally)}
}

func (r *jsonReporter) write(v any) {
	if err := r.enc.Encode(v); err != nil && r.err == nil {
		r.err = err
	}
}

func (r *jsonReporter) say(message string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.write(noticeJSON{Type: "notice", Text: message})
}

func (r *jsonReporter) event(e restore.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entries.add(e)
	if r.start.IsZero() {
		r.start, r.lastProgress = e.Time, e.Time
	}
	var ref *stepRef
	if e.Step != nil {
		ref = newStepRef(r.toc, e.Step)
	}
	switch e.Type {
	case restore.EventDone:
		r.write(stepJSON{"step", ref, e.Worker, e.Duration.Seconds(), e.Rows, e.Bytes})
	case restore.EventFailed:
		r.write(newFailedJSON("failed", ref, e.Worker, e.Duration.Seconds(), e.Err))
	case restore.EventIgnored:
		r.write(newFailedJSON("ignored", ref, e.Worker, e.Duration.Seconds(), e.Err))
	case restore.EventSkipped:
		r.write(skippedJSON{"skipped", ref, newStepRef(r.toc, e.Cause)})
	case restore.EventSettings:
		r.write(noticeJSON{"settings", ref, e.Text})
	case restore.EventNotice:
		r.write(noticeJSON{"notice", ref, e.Text})
	case restore.EventProgress:
		if e.Time.Sub(r.lastProgress) >= plainInterval {
			r.lastProgress = e.Time
			r.write(r.newProgressJSON(e))
		}
	}
}

func newFailedJSON(kind string, ref *stepRef, worker int, seconds float64, e *restore.StepError) failedJSON {
	j := failedJSON{Type: kind, stepRef: ref, Worker: worker, Seconds: seconds, Class: e.Class().String(),
		Message: e.Err.Error(), SQL: strings.TrimRight(withoutSecrets(e.Step.Entry.Kind, e.SQL), "\n"), Defn: otherDefinition(e), Exists: e.Exists}
	if pg := e.PgError(); pg != nil {
		j.SQLState, j.Message, j.Detail, j.Hint, j.Context = pg.Code, pg.Message, pg.Detail, pg.Hint, pg.Where
		j.Position = pg.Position
	}
	for _, x := range e.Also {
		j.Also = append(j.Also, alsoJSON{x.Class().String(), x.SQLState(), x.Reason(), strings.TrimRight(withoutSecrets(e.Step.Entry.Kind, x.SQL), "\n")})
	}
	for _, h := range e.HeldBy {
		j.HeldBy = append(j.HeldBy, heldByJSON(h))
	}
	if v := e.Violations; v != nil {
		j.Violations = &violationsJSON{Columns: v.Columns, Sample: v.Sample, Query: v.Query, Note: v.Note}
		if v.Rows >= 0 {
			j.Violations.Rows = &v.Rows
		}
		if v.Sample == nil {
			j.Violations.Sample = [][]string{}
		}
	}
	return j
}

func (r *jsonReporter) newProgressJSON(e restore.Event) progressJSON {
	p := e.Progress
	j := progressJSON{Type: "progress", Seconds: e.Time.Sub(r.start).Seconds(), Phase: p.Phase.String(), Steps: p.Steps,
		Done: p.Done, Failed: p.Failed, Stored: p.Stored, StoredTotal: p.StoredTotal, Rows: p.Rows, Bytes: p.Bytes,
		Left: p.Left.Seconds(), Running: []runningJSON{}}
	for _, s := range p.Running {
		running := runningJSON{stepRef: newStepRef(r.toc, s.Step), Worker: s.Worker, Seconds: e.Time.Sub(s.Since).Seconds(), Bytes: s.Bytes}
		if s.Watched {
			running.waitJSON = newWaitJSON(s.Wait)
		}
		j.Running = append(j.Running, running)
	}
	return j
}

func (r *jsonReporter) finish(end ending) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if end.err != nil {
		r.write(errorJSON{"error", end.err.Error()})
	}
	result := end.result
	if result == nil {
		result = new(restore.Result)
	}
	touched := make(map[toc.DumpID]bool)
	for _, l := range result.LeftOut {
		r.write(newLeftOutJSON(r.toc, l))
		touched[l.Entry.ID] = true
	}
	r.write(restoreSummaryJSON{Type: "summary", ExitStatus: end.status, Steps: result.Steps, NotBegun: result.Left,
		entryCounts: r.entries.counts(), DropsFailed: count(result.Failed, isDrop),
		Rows: result.Rows, Bytes: result.Bytes, Seconds: result.Duration.Seconds(),
		Stopped: result.Stopped, Interrupted: result.Interrupted, Phases: phasesJSON(result), Slowest: slowestJSON(r.toc, result),
		Check: newCheckJSON(r.toc, result.Checked), FailedSQL: end.failedSQL, LeftOut: len(touched)})
	return r.err
}

func newLeftOutJSON(t *toc.TOC, l script.LeftOut) leftOutJSON {
	n := t.NameOf(l.Entry)
	return leftOutJSON{"left_out", l.Entry.ID, l.Entry.Kind, n.Schema, n.Name, l.What, l.Name, l.Whole}
}

func phasesJSON(result *restore.Result) []phaseJSON {
	list := []phaseJSON{}
	for _, p := range result.Phases {
		list = append(list, phaseJSON{p.Phase.String(), p.Steps, p.Duration.Seconds()})
	}
	return list
}

func slowestJSON(t *toc.TOC, result *restore.Result) []stepTimeJSON {
	list := []stepTimeJSON{}
	for _, s := range result.Slowest {
		list = append(list, stepTimeJSON{newStepRef(t, s.Step), s.Duration.Seconds(), s.Rows, s.Bytes})
	}
	return list
}
