package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/pgarc/pgarc/restore"
	"github.com/pgarc/pgarc/toc"
)

// writePlan is --dry-run: it prints what the options of the selection do and
// the steps that a restore would take. They are the answer, so they go to
// stdout. was is what is selected, under the names of the archive.
func (o *restoreOptions) writePlan(env *env, was *toc.Selected) error {
	selected := o.selected
	plan, err := restore.NewPlan(selected, o.Options)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(env.stdout, 64<<10)
	if o.json {
		if err = writeChoicesJSON(w, was); err == nil {
			err = writePlanJSON(w, selected.TOC, plan)
		}
	} else {
		writeChoices(w, was, o.verbose)
		writeChanges(w, o.Mapping, was, selected)
		if o.SkipMissing != 0 {
			fmt.Fprintln(w, "--skip-missing: what the server lacks is known only when restoring; nothing is left out here")
		}
		writePlanText(w, plan, o.Options)
	}
	if err != nil {
		return err
	}
	return w.Flush()
}

// planPhases divides the steps of a plan, which are in the order of phases.
func planPhases(plan *restore.Plan) [][]*restore.Step {
	var phases [][]*restore.Step
	for i, s := range plan.Steps {
		if i == 0 || s.Phase != plan.Steps[i-1].Phase {
			phases = append(phases, nil)
		}
		last := len(phases) - 1
		phases[last] = append(phases[last], s)
	}
	return phases
}

// writePlanText writes a plan for people.
func writePlanText(w *bufio.Writer, plan *restore.Plan, opts restore.Options) {
	var total float64
	var data int64
	for _, s := range plan.Steps {
		total += s.Cost
		if s.Action.IsData() {
			data += max(s.Entry.DataSize, 0)
		}
	}
	phases := planPhases(plan)
	fmt.Fprintf(w, "%s steps in %d phases, %s of stored data, %s\n", thousands(int64(len(plan.Steps))), len(phases),
		byteSize(data), howMany(max(opts.Jobs, 1), "connection"))
	for _, steps := range phases {
		fmt.Fprintf(w, "\n%s: %s\n", steps[0].Phase, phaseOrder(steps, opts))
		t := table{columns: []column{{title: "STEP", right: true}, {title: "ID", right: true}, {title: "ACTION"},
			{title: "KIND"}, {title: "NAME", padTo: 64}, {title: "COST", right: true},
			{title: "WAITS FOR", padTo: 24}, {title: "LOCKS"}}}
		for _, s := range steps {
			t.add(fmt.Sprint(s.ID), s.Entry.ID.String(), s.Action.String(), visible(string(s.Entry.Kind)),
				visible(entryName(s.Entry)), share(s.Cost, total), stepList(s.Deps, 6), lockList(s.Locks))
		}
		t.write(w, 0)
	}
}

func howMany(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// phaseOrder says how the steps of a phase follow one another. The phases up
// to pre-data are serial whatever -j is.
func phaseOrder(steps []*restore.Step, opts restore.Options) string {
	if opts.Jobs <= 1 || steps[0].Phase <= restore.PhasePreData {
		return howMany(len(steps), "step") + ", one after the other"
	}
	return fmt.Sprintf("%s, up to %d at once, the longest chains first", howMany(len(steps), "step"), opts.Jobs)
}

// entryName is the tag with its schema.
func entryName(e *toc.Entry) string {
	if e.Namespace != "" {
		return e.Namespace + "." + e.Tag
	}
	return e.Tag
}

// share is a cost as a part of all; what would show as zero stays empty.
func share(cost, total float64) string {
	if total <= 0 || cost/total < 0.0005 {
		return ""
	}
	return fmt.Sprintf("%.1f%%", 100*cost/total)
}

// stepList joins the numbers of steps; of more than n it shows the last, which
// are the ones to wait longest for.
func stepList(ids []restore.StepID, n int) string {
	var b strings.Builder
	if len(ids) > n {
		fmt.Fprintf(&b, "%d more, ", len(ids)-n+1)
		ids = ids[len(ids)-n+1:]
	}
	for i, id := range ids {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprint(&b, id)
	}
	return b.String()
}

// lockList joins locks, each mode once: "SHARE on public.a, public.b".
func lockList(locks []restore.Lock) string {
	var b strings.Builder
	for i, l := range locks {
		switch {
		case i > 0 && locks[i-1].Mode == l.Mode:
			b.WriteString(", ")
		case i > 0:
			b.WriteString("; ")
			fallthrough
		default:
			b.WriteString(l.Mode.String() + " on ")
		}
		b.WriteString(visible(lockName(l.Relation)))
	}
	return b.String()
}

// lockName names what is locked. What is no relation has a namespace that
// begins with a zero byte.
func lockName(r restore.Relation) string {
	namespace, pseudo := strings.CutPrefix(r.Namespace, "\x00")
	switch {
	case pseudo:
		return strings.TrimSpace(namespace + " " + r.Name)
	case namespace == "":
		return r.Name
	}
	return namespace + "." + r.Name
}

type planStepJSON struct {
	Type string           `json:"type"` // "step"
	ID   restore.StepID   `json:"step"`
	Deps []restore.StepID `json:"waits_for"`
	Need []restore.StepID `json:"requires"` // without which it is skipped
	*stepRef
	Locks    []lockJSON `json:"locks"`
	Cost     float64    `json:"cost"`     // only proportions matter
	Priority float64    `json:"priority"` // cost of the longest chain that begins here
	SQL      []string   `json:"sql"`
}

type lockJSON struct {
	Schema string `json:"schema,omitempty"`
	Name   string `json:"name"`
	Mode   string `json:"mode"`
}

type planSummaryJSON struct {
	Type  string `json:"type"` // "summary"
	Steps int    `json:"steps"`
}

// writePlanJSON writes a line a step, then a summary.
func writePlanJSON(w io.Writer, t *toc.TOC, plan *restore.Plan) error {
	enc := newLineEncoder(w)
	for _, s := range plan.Steps {
		j := planStepJSON{Type: "step", ID: s.ID, Deps: orEmpty(s.Deps), Need: orEmpty(s.Requires), stepRef: newStepRef(t, s),
			Locks: []lockJSON{}, Cost: s.Cost, Priority: s.Priority, SQL: []string{}}
		for _, l := range s.Locks {
			j.Locks = append(j.Locks, lockJSON{strings.TrimPrefix(l.Relation.Namespace, "\x00"), l.Relation.Name, l.Mode.String()})
		}
		for _, statement := range s.Statements {
			j.SQL = append(j.SQL, strings.TrimRight(statement.SQL, "\n"))
		}
		if err := enc.Encode(j); err != nil {
			return err
		}
	}
	return enc.Encode(planSummaryJSON{"summary", len(plan.Steps)})
}

// orEmpty makes nil an empty list in JSON.
func orEmpty(ids []restore.StepID) []restore.StepID {
	if ids == nil {
		return []restore.StepID{}
	}
	return ids
}
