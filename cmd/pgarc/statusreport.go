package main

import (
	"bufio"
	"fmt"
	"strings"
	"time"

	"github.com/pgarc/pgarc/restore"
	"github.com/pgarc/pgarc/toc"
)

// writeStatus writes a status for people, with the whole statements of what
// failed.
func writeStatus(w *bufio.Writer, st *restore.Status) {
	for _, line := range headLines(st, 0) {
		fmt.Fprintln(w, line)
	}
	if len(st.Failed) > 0 {
		fmt.Fprintln(w, "failed:")
	}
	for _, f := range st.Failed {
		fmt.Fprintf(w, "  %s\n", failedLine(f))
		if sql := strings.TrimSpace(withoutSecrets(f.Kind, f.SQL)); sql != "" {
			fmt.Fprintf(w, "%s\n\n", visibleSQL(sql))
		}
	}
	for _, line := range goOnLines(st) {
		fmt.Fprintln(w, line)
	}
}

// statusLines is the same for a screen that is redrawn: without statements.
func statusLines(st *restore.Status, width int) []string {
	lines := headLines(st, width)
	if len(st.Failed) > 0 {
		lines = append(lines, "failed:")
	}
	for _, f := range st.Failed {
		lines = append(lines, "  "+failedLine(f))
	}
	return append(lines, goOnLines(st)...)
}

// headLines say how far all is, and what runs. A positive width is that of the
// terminal.
func headLines(st *restore.Status, width int) []string {
	lines := []string{fmt.Sprintf("restore of %s: %s", visible(st.Archive), statusState(st)), statusSteps(st)}
	if len(st.Running) > 0 {
		lines = append(lines, "running, with the server's processes:")
	}
	for _, r := range st.Running {
		name := stepTitle(r.Kind, r.Name, r.ID, restore.ActionCreate)
		what := strings.TrimPrefix(stepTitle(r.Kind, r.Name, r.ID, r.Action), name)
		if text := waitText(r.Action, r.Wait); text != "" {
			what += ": " + text
		}
		lines = append(lines, fitLine(fmt.Sprintf("%8s  %7d  ", clock(st.Now.Sub(r.Since)), r.PID), name, what, width))
	}
	return lines
}

// statusState says whether the restore goes on.
func statusState(st *restore.Status) string {
	since := fmt.Sprintf("begun %s, %s ago", st.Begun.Local().Format("2006-01-02 15:04"), clock(st.Now.Sub(st.Begun)))
	switch {
	case st.PID != 0:
		return "under way, " + since
	case st.Ended && len(st.Failed) > 0:
		return "over, with failures, " + since
	case st.Ended:
		return "over, but not all was done, " + since
	case len(st.Running) > 0:
		return "broken off, but the server still works on some of it, " + since
	}
	return "broken off, " + since
}

// statusSteps counts the steps.
func statusSteps(st *restore.Status) string {
	line := fmt.Sprintf("%s of %s steps done", thousands(int64(st.Done)), thousands(int64(st.Steps)))
	if st.Steps > 0 {
		line += " (" + percent(int64(st.Done), int64(st.Steps)) + ")"
	}
	if st.Rows > 0 {
		line += ", " + thousands(st.Rows) + " rows loaded"
	}
	if n := len(st.Failed); n > 0 {
		line += fmt.Sprintf(", %d failed", n)
	}
	if n := st.Steps - st.Done - len(st.Failed); n > 0 {
		line += fmt.Sprintf(", %s left", thousands(int64(n)))
	}
	if st.Left > 0 {
		line += ": about " + clock(st.Left)
	}
	return line
}

// stepTitle names a step as reports do: what is done with the entry where its
// kind does not tell.
func stepTitle(kind toc.Kind, name string, id toc.DumpID, action restore.Action) string {
	title := fmt.Sprintf("%s %s (%s)", visible(string(kind)), visible(name), id)
	if action == restore.ActionCreate || action.IsData() {
		return title
	}
	return title + ", " + action.String()
}

// stepName is the title of a step of a plan.
func stepName(s *restore.Step) string {
	return stepTitle(s.Entry.Kind, entryName(s.Entry), s.Entry.ID, s.Action)
}

func failedLine(f restore.FailedStep) string {
	line := stepTitle(f.Kind, f.Name, f.ID, f.Action) + ": " + visible(f.Message)
	if f.SQLState != "" {
		line += " (SQLSTATE " + f.SQLState + ")"
	}
	return line
}

// goOnLines say what can be done.
func goOnLines(st *restore.Status) []string {
	switch {
	case st.PID != 0:
		return nil
	case st.Command == "":
		return []string{"to go on with what is left: pgarc restore with the same archive and options, and --resume"}
	}
	return []string{"to go on with what is left: " + visible(st.Command)}
}

// waitText says what the server does on a step, as far as it told.
func waitText(a restore.Action, w restore.Wait) string {
	switch {
	case len(w.BlockedBy) > 0:
		return "waiting for a lock held by " + joinPIDs(w.BlockedBy)
	case strings.HasPrefix(w.Event, "Lock: "):
		return "waiting for a lock"
	case w.Phase != "" && w.Portion > 0:
		return fmt.Sprintf("%s %d%%", visible(w.Phase), int(100*min(w.Portion, 1)))
	case w.Phase != "":
		return visible(w.Phase)
	}
	var parts []string
	if a == restore.ActionValidate {
		parts = append(parts, "checking rows")
	}
	if w.Event != "" {
		parts = append(parts, visible(w.Event))
	}
	return strings.Join(parts, ", ")
}

// joinPIDs joins numbers of processes, of which there may be many.
func joinPIDs(pids []uint32) string {
	const most = 3
	var list []string
	for i, pid := range pids {
		if i == most {
			return strings.Join(list, ", ") + fmt.Sprintf(" and %d more", len(pids)-most)
		}
		list = append(list, fmt.Sprint(pid))
	}
	return strings.Join(list, ", ")
}

type statusJSON struct {
	Type    string              `json:"type"` // "status"
	Archive string              `json:"archive"`
	State   string              `json:"state"`         // running, ended (with something left) or broken_off
	PID     uint32              `json:"pid,omitempty"` // of the restore's own session
	Begun   time.Time           `json:"begun"`
	Now     time.Time           `json:"now"` // by the server's clock
	Steps   int                 `json:"steps"`
	Done    int                 `json:"done"`
	Rows    int64               `json:"rows"`
	Left    float64             `json:"seconds_left,omitempty"` // estimated
	Running []runningStatusJSON `json:"running"`
	Failed  []failedStatusJSON  `json:"failed"`
	GoOn    string              `json:"go_on"` // the command that goes on with what is left
}

type runningStatusJSON struct {
	DumpID  toc.DumpID `json:"dump_id"`
	Kind    toc.Kind   `json:"kind"`
	Name    string     `json:"name"` // with its schema
	Action  string     `json:"action"`
	PID     uint32     `json:"pid"`
	Seconds float64    `json:"seconds"`
	*waitJSON
}

type failedStatusJSON struct {
	DumpID   toc.DumpID `json:"dump_id"`
	Kind     toc.Kind   `json:"kind"`
	Name     string     `json:"name"` // with its schema
	Action   string     `json:"action"`
	Message  string     `json:"message"`
	SQLState string     `json:"sqlstate,omitempty"`
	SQL      string     `json:"sql,omitempty"`
}

// waitJSON is what the server says of a step.
type waitJSON struct {
	Event     string   `json:"wait_event,omitempty"` // as "IO: DataFileRead"
	BlockedBy []uint32 `json:"blocked_by,omitempty"` // server processes
	Phase     string   `json:"index_phase,omitempty"`
	Portion   *float64 `json:"index_portion,omitempty"` // of that phase, 0 to 1
}

func newWaitJSON(w restore.Wait) *waitJSON {
	j := &waitJSON{Event: w.Event, BlockedBy: w.BlockedBy, Phase: w.Phase}
	if w.Phase != "" && w.Portion >= 0 {
		j.Portion = &w.Portion
	}
	return j
}

type statusDoneJSON struct {
	Type string `json:"type"` // "done": the journal is gone
}

func newStatusJSON(st *restore.Status) statusJSON {
	j := statusJSON{Type: "status", Archive: st.Archive, State: "broken_off", PID: st.PID, Begun: st.Begun, Now: st.Now,
		Steps: st.Steps, Done: st.Done, Rows: st.Rows, Left: st.Left.Seconds(), Running: []runningStatusJSON{}, Failed: []failedStatusJSON{}, GoOn: st.Command}
	switch {
	case st.PID != 0:
		j.State = "running"
	case st.Ended:
		j.State = "ended"
	}
	for _, r := range st.Running {
		j.Running = append(j.Running, runningStatusJSON{r.ID, r.Kind, r.Name, r.Action.String(), r.PID, st.Now.Sub(r.Since).Seconds(), newWaitJSON(r.Wait)})
	}
	for _, f := range st.Failed {
		sql := strings.TrimRight(withoutSecrets(f.Kind, f.SQL), "\n")
		j.Failed = append(j.Failed, failedStatusJSON{f.ID, f.Kind, f.Name, f.Action.String(), f.Message, f.SQLState, sql})
	}
	return j
}
