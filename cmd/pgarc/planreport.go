package main

import (
	"bufio"
	"fmt"
	"io"
	"time"

	"github.com/pgarc/pgarc/restore"
	"github.com/pgarc/pgarc/toc"
)

// A planReport is what pgarc plan prints.
type planReport struct {
	*forecast
	toc      *toc.TOC
	opts     *planOptions
	measured int // steps whose time was measured
}

// write writes the report for people; a positive width is that of the terminal.
func (r *planReport) write(w *bufio.Writer, width int) {
	jobs := r.opts.Jobs
	fmt.Fprintf(w, "%s steps in %d phases, %s of stored data; about %s on %s\n", thousands(int64(len(r.plan.Steps))),
		len(planPhases(r.plan)), byteSize(storedData(r.plan)), roughly(r.on(jobs).seconds), howMany(jobs, "connection"))
	if len(r.plan.Steps) == 0 {
		return
	}
	w.WriteString(r.enoughLine() + "\n")
	r.writeBasis(w)
	w.WriteByte('\n')
	r.jobsTable().write(w, width)
	w.WriteByte('\n')
	r.writeLimit(w)
	r.chainTable().write(w, width)
}

// enoughLine says which -j is enough.
func (r *planReport) enoughLine() string {
	jobs := r.opts.Jobs
	switch {
	case r.opts.SingleTransaction:
		return "a single transaction takes one connection"
	case r.enough < jobs && r.on(jobs).seconds < r.on(r.enough).seconds*(1-hardlyMore/2):
		return fmt.Sprintf("-j %d is enough: more hardly help", r.enough)
	case r.enough < jobs:
		return fmt.Sprintf("-j %d is as good: more do not help", r.enough)
	case r.enough > jobs:
		return fmt.Sprintf("-j %d would take about %s; from there, more hardly help", r.enough, roughly(r.on(r.enough).seconds))
	}
	return "more connections hardly help"
}

// writeBasis says where the times come from.
func (r *planReport) writeBasis(w *bufio.Writer) {
	unsized := 0
	for _, s := range r.plan.Steps {
		if s.Action.IsData() && s.Entry.DataSize < 0 {
			unsized++
		}
	}
	switch n := len(r.plan.Steps) - r.measured; {
	case r.measured == 0:
		fmt.Fprintf(w, "times are estimates from the size of the data; --times takes those of an earlier restore\n")
	case n == 0:
		fmt.Fprintf(w, "the times of all steps are from %s\n", visible(r.opts.times))
	default:
		fmt.Fprintf(w, "the times of %s are from %s, those of %s estimates in proportion\n",
			howMany(r.measured, "step"), visible(r.opts.times), howMany(n, "step"))
	}
	if unsized > 0 {
		fmt.Fprintf(w, "the size of the data of %s is not known: they count as empty; --spool, or a file, helps\n", howMany(unsized, "entry"))
	}
}

func (r *planReport) jobsTable() *table {
	t := &table{columns: []column{{title: "JOBS", right: true}, {title: "TIME", right: true}, {title: "SAVED", right: true}, {title: "BUSY", right: true}, {}}}
	for _, row := range r.rows {
		saved, note := "", ""
		if row.gain != 0 {
			saved = fmt.Sprintf("%.0f%%", max(100*row.gain, 0))
		}
		switch {
		case row.jobs == r.opts.Jobs:
			note = "<- -j"
		case row.jobs == r.enough:
			note = "<- more hardly help"
		}
		if row.jobs == r.opts.Jobs && row.jobs == r.enough {
			note = "<- -j; more hardly help"
		}
		t.add(fmt.Sprint(row.jobs), roughly(row.seconds), saved, fmt.Sprintf("%.0f%%", 100*row.busy), note)
	}
	return t
}

// writeLimit says what keeps the restore from being done sooner.
func (r *planReport) writeLimit(w *bufio.Writer) {
	row := r.on(r.opts.Jobs)
	if row.seconds > r.least*(1+hardlyMore) {
		fmt.Fprintf(w, "the limit of -j %d are its connections: %s of work in all, and they are busy %.0f%% of the time\n",
			row.jobs, roughly(r.work), 100*row.busy)
		fmt.Fprintf(w, "the limit of any -j is this chain of steps, %s: each can begin only when the one before has ended\n", roughly(r.least))
	} else {
		fmt.Fprintf(w, "the limit is this chain of steps, %s: each can begin only when the one before has ended\n", roughly(r.least))
	}
	if table, seconds := r.chainByTable(r.toc); seconds >= r.least/2 {
		fmt.Fprintf(w, "one table, %s, makes up %.0f%% of it\n", visible(lockName(table)), 100*seconds/r.least)
	}
	w.WriteString("processors and disks are not known here: where they are the limit, more connections help less\n\n")
}

// chainTable lists the steps of the longest chain. Short ones of a phase that
// follow each other share a line.
func (r *planReport) chainTable() *table {
	t := &table{columns: []column{{title: "AT", right: true}, {title: "TIME", right: true}, {title: "STEP"}}, shrink: []shrinkStep{{"STEP", 24}}}
	at, short := 0.0, []*restore.Step(nil)
	flush := func() {
		if len(short) == 0 {
			return
		}
		took := 0.0
		for _, s := range short {
			took += r.seconds(s)
		}
		t.add(roughly(at), roughly(took), fmt.Sprintf("%s: %s", short[0].Phase, howMany(len(short), "short step")))
		at, short = at+took, nil
	}
	for _, s := range r.chain {
		if len(short) > 0 && short[0].Phase != s.Phase {
			flush()
		}
		if r.seconds(s) < r.least/100 {
			short = append(short, s)
			continue
		}
		flush()
		t.add(roughly(at), roughly(r.seconds(s)), visible(s.String())+": "+s.Action.String())
		at += r.seconds(s)
	}
	flush()
	return t
}

// roughly is a time for a forecast.
func roughly(s float64) string { return seconds(time.Duration(s * float64(time.Second))) }

type forecastJSON struct {
	Type    string  `json:"type"` // "jobs"
	Jobs    int     `json:"jobs"`
	Seconds float64 `json:"seconds"`
	Saved   float64 `json:"saved"` // part of the time on half as many connections; 0 where these are not listed
	Busy    float64 `json:"busy"`  // part of the connections' time
}

type chainJSON struct {
	Type string         `json:"type"` // "chain"
	ID   restore.StepID `json:"step"`
	*stepRef
	Seconds float64 `json:"seconds"`
}

type forecastStepJSON struct {
	planStepJSON
	Seconds float64 `json:"seconds"`
}

type forecastSummaryJSON struct {
	Type     string  `json:"type"` // "summary"
	Steps    int     `json:"steps"`
	Measured int     `json:"steps_measured"` // the time of the others is estimated
	Stored   int64   `json:"stored_bytes"`
	Jobs     int     `json:"jobs"`
	Seconds  float64 `json:"seconds"`
	Least    float64 `json:"least_seconds"` // on any number of connections
	Work     float64 `json:"work_seconds"`  // of all steps together
	Enough   int     `json:"enough_jobs"`   // from which more save less than 5%
}

// writeJSON writes the report for programs.
func (r *planReport) writeJSON(w io.Writer) error {
	enc := newLineEncoder(w)
	for _, row := range r.rows {
		if err := enc.Encode(forecastJSON{"jobs", row.jobs, row.seconds, row.gain, row.busy}); err != nil {
			return err
		}
	}
	for _, s := range r.chain {
		if err := enc.Encode(chainJSON{"chain", s.ID, newStepRef(r.toc, s), r.seconds(s)}); err != nil {
			return err
		}
	}
	if r.opts.steps || r.opts.verbose {
		for _, s := range r.plan.Steps {
			if err := enc.Encode(forecastStepJSON{newPlanStepJSON(r.toc, s), r.seconds(s)}); err != nil {
				return err
			}
		}
	}
	return enc.Encode(forecastSummaryJSON{"summary", len(r.plan.Steps), r.measured, storedData(r.plan), r.opts.Jobs,
		r.on(r.opts.Jobs).seconds, r.least, r.work, r.enough})
}
