package main

import (
	"bytes"
	"os"
	"time"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/restore"
	"github.com/pgarc/pgarc/toc"
)

// The file that --report writes; docs/report.md describes it. It is an
// interface: fields may be added, never renamed or removed. Lists are never
// null.
type reportJSON struct {
	Report  int    `json:"pgarc_report"` // 1; another number would be another schema
	Version string `json:"pgarc_version"`

	Archive      archiveJSON         `json:"archive"`
	Database     targetJSON          `json:"database"`
	Options      reportOptionsJSON   `json:"options"`
	Begun        string              `json:"begun,omitempty"` // absent: nothing was begun
	Ended        string              `json:"ended"`
	Seconds      float64             `json:"seconds"`
	Exit         int                 `json:"exit_status"`
	Outcome      string              `json:"outcome"`
	Error        string              `json:"error,omitempty"` // what broke it off
	Entries      entryCounts         `json:"entries"`
	Steps        stepCountsJSON      `json:"steps"`
	Rows         int64               `json:"rows"`
	Bytes        int64               `json:"bytes"`
	Phases       []phaseJSON         `json:"phases"`
	Failed       []reportFailureJSON `json:"failed"`
	Ignored      []reportFailureJSON `json:"ignored"`
	Skipped      []reportSkipJSON    `json:"skipped"`
	IgnoredSkips []reportSkipJSON    `json:"ignored_skips"` // comments, labels and grants on what was ignored
	LeftOut      []leftOutJSON       `json:"left_out"`      // by --skip-missing
	Slowest      []stepTimeJSON      `json:"slowest"`
	Check        *checkJSON          `json:"check"` // null: not made
	Next         reportNextJSON      `json:"next"`
}

type targetJSON struct {
	Name          string `json:"name"`
	Host          string `json:"host"`
	Port          uint16 `json:"port"`
	User          string `json:"user"`
	ServerVersion string `json:"server_version,omitempty"`
}

type reportOptionsJSON struct {
	Command           string   `json:"command"` // as typed; passwords are left out
	Jobs              int      `json:"jobs"`
	OnError           string   `json:"on_error"` // continue or stop
	SingleTransaction bool     `json:"single_transaction"`
	Ignore            []string `json:"ignore"`          // classes of failures that do not count
	IgnoreHarmless    bool     `json:"ignore_harmless"` // nor does what is harmless
	Rules             string   `json:"rules"`           // the same, for people
}

type stepCountsJSON struct {
	Planned      int `json:"planned"`
	Restored     int `json:"restored"`
	Failed       int `json:"failed"`
	Ignored      int `json:"ignored"`
	Skipped      int `json:"skipped"`
	IgnoredSkips int `json:"ignored_skips"`
	Earlier      int `json:"done_before"`
	Left         int `json:"not_begun"`
}

type checkJSON struct {
	OK       bool               `json:"ok"`
	Objects  int                `json:"objects"` // looked up in the catalog
	Tables   int                `json:"tables"`  // whose rows were counted
	Seconds  float64            `json:"seconds"`
	Error    string             `json:"error,omitempty"`
	Findings []checkFindingJSON `json:"findings"`
}

type checkFindingJSON struct {
	DumpID  toc.DumpID `json:"dump_id"`
	Kind    toc.Kind   `json:"kind"`
	Schema  string     `json:"schema,omitempty"`
	Table   string     `json:"table,omitempty"`
	Name    string     `json:"name"`
	Finding string     `json:"finding"` // missing, incomplete or rows
	Note    string     `json:"note,omitempty"`
}

func newCheckFinding(t *toc.TOC, e *toc.Entry, finding, note string) checkFindingJSON {
	n := t.NameOf(e)
	return checkFindingJSON{e.ID, e.Kind, n.Schema, n.Table, n.Name, finding, note}
}

// reportFailureJSON is what failedJSON is in the lines of --json, without what
// only these say.
type reportFailureJSON struct {
	failedJSON
	Type    string  `json:"type,omitempty"`
	Worker  int     `json:"worker,omitempty"`
	Seconds float64 `json:"seconds,omitempty"`
}

type reportSkipJSON struct {
	*stepRef
	Cause *stepRef `json:"cause"`
}

type reportNextJSON struct {
	Resume    string   `json:"resume,omitempty"`     // the command that goes on with what is left
	FailedSQL string   `json:"failed_sql,omitempty"` // the file with what is left to run
	Advice    []string `json:"advice"`
}

// newCheckJSON returns null for a check that was not made.
func newCheckJSON(t *toc.TOC, c *restore.Check) *checkJSON {
	if c == nil {
		return nil
	}
	j := &checkJSON{OK: c.OK(), Objects: c.Entries, Tables: c.Tables, Seconds: c.Duration.Seconds(), Findings: []checkFindingJSON{}}
	if c.Err != nil {
		j.Error = c.Err.Error()
	}
	for _, f := range c.Findings {
		j.Findings = append(j.Findings, newCheckFinding(t, f.Entry, f.Presence.String(), f.Note))
	}
	for _, r := range c.Rows {
		j.Findings = append(j.Findings, newCheckFinding(t, r.Entry, "rows", r.String()))
	}
	return j
}

// newReport makes the report of a restore.
func (o *restoreOptions) newReport(env *env, name string, a *archive.Reader, t *toc.TOC, database targetJSON, entries tally, end ending) reportJSON {
	r := end.result
	if r == nil {
		r = new(restore.Result)
	}
	j := reportJSON{Report: 1, Version: version(), Archive: newArchiveJSON(name, a), Database: database, Options: o.reportOptions(env),
		Seconds: r.Duration.Seconds(), Exit: end.status, Outcome: outcome(r, end.err), Entries: entries.counts(),
		Steps: stepCountsJSON{r.Steps, r.Restored, len(r.Failed), len(r.Ignored), len(r.Skipped), len(r.IgnoredSkips), r.Earlier, r.Left},
		Rows:  r.Rows, Bytes: r.Bytes, Phases: phasesJSON(r), Slowest: slowestJSON(t, r), Check: newCheckJSON(t, r.Checked),
		Failed: failuresJSON(t, r.Failed), Ignored: failuresJSON(t, r.Ignored),
		Skipped: skipsJSON(t, r.Skipped), IgnoredSkips: skipsJSON(t, r.IgnoredSkips), LeftOut: []leftOutJSON{},
		Next: reportNextJSON{FailedSQL: end.failedSQL, Advice: append([]string{}, adviceFor(r.Failed)...)}}
	for _, l := range r.LeftOut {
		j.LeftOut = append(j.LeftOut, newLeftOutJSON(t, l))
	}
	j.Archive.Kinds = nil
	j.Database.ServerVersion = r.Server
	if r.Database != "" {
		j.Database.Name = r.Database
	}
	ended := time.Now()
	if !r.Begun.IsZero() {
		j.Begun = r.Begun.UTC().Format(time.RFC3339Nano)
		ended = r.Begun.Add(r.Duration)
	}
	j.Ended = ended.UTC().Format(time.RFC3339Nano)
	if end.err != nil {
		j.Error = end.err.Error()
	}
	if r.Journal {
		j.Next.Resume = end.goOn
	}
	return j
}

func (o *restoreOptions) reportOptions(env *env) reportOptionsJSON {
	j := reportOptionsJSON{Command: commandLine(env.args), Jobs: o.Jobs, OnError: "continue", SingleTransaction: o.SingleTransaction,
		Ignore: []string{}, IgnoreHarmless: !o.Policy.Strict && !o.SingleTransaction, Rules: o.rules()}
	if o.ExitOnError || o.SingleTransaction {
		j.OnError = "stop"
	}
	for _, c := range o.Policy.Ignore {
		j.Ignore = append(j.Ignore, c.String())
	}
	return j
}

func failuresJSON(t *toc.TOC, failed []*restore.StepError) []reportFailureJSON {
	list := []reportFailureJSON{}
	for _, e := range failed {
		list = append(list, reportFailureJSON{failedJSON: newFailedJSON("", newStepRef(t, e.Step), 0, 0, e)})
	}
	return list
}

func skipsJSON(t *toc.TOC, skips []restore.Skip) []reportSkipJSON {
	list := []reportSkipJSON{}
	for _, s := range skips {
		list = append(list, reportSkipJSON{newStepRef(t, s.Step), newStepRef(t, s.Cause)})
	}
	return list
}

// writeReport writes the report into the file that --report names.
func writeReport(path string, j reportJSON) error {
	var b bytes.Buffer
	enc := newLineEncoder(&b)
	enc.SetIndent("", "  ")
	if err := enc.Encode(j); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o600)
}
