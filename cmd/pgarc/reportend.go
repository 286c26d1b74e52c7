package main

import (
	"bufio"
	"fmt"
	"strings"

	"github.com/pgarc/pgarc/restore"
	"github.com/pgarc/pgarc/toc"
)

// An ending is all that there is to say at the end of a restore.
type ending struct {
	result    *restore.Result // nil: nothing was begun
	err       error           // what broke it off
	status    int             // exit status
	rules     string          // how failures were treated
	goOn      string          // the command that goes on with the restore
	piped     bool            // the archive came through a pipe
	failedSQL string          // the file that has what was left; empty: none
}

// write writes the end of the report for people.
func (e ending) write(w *bufio.Writer, width int, entries tally, quiet bool) {
	r := e.result
	writeFailed(w, r.Failed)
	writeSkipped(w, r.Skipped)
	writeLeftOut(w, r.LeftOut)
	if !quiet {
		writeIgnored(w, r.Ignored)
	}
	if r.Checked != nil {
		writeCheck(w, r.Checked)
	}
	if !quiet {
		writeSummary(w, width, outcome(r, e.err), r, entries)
		if e.rules != "" && len(r.Failed)+len(r.Ignored) > 0 {
			fmt.Fprintf(w, "pgarc: rules: %s\n", e.rules)
		}
	}
	e.writeNext(w, quiet)
}

// writeNext says what to do next.
func (e ending) writeNext(w *bufio.Writer, quiet bool) {
	for _, advice := range adviceFor(e.result.Failed) {
		if !quiet {
			fmt.Fprintf(w, "pgarc: hint: %s\n", advice)
		}
	}
	if e.failedSQL != "" {
		fmt.Fprintf(w, "pgarc: what failed and what was skipped is in %s, to be run with psql once its reasons are mended\n", visible(e.failedSQL))
	}
	if e.result.Journal && e.goOn != "" {
		fmt.Fprintf(w, "pgarc: to go on with what is left: %s\n", visible(e.goOn))
		if e.piped {
			fmt.Fprintln(w, pipedHint)
		}
	}
}

// pipedHint says what --resume needs where the archive is standard input.
const pipedHint = "pgarc: hint: that takes the same archive through the pipe once more, and what a new pg_dump writes is another; " +
	"if it is gone, dump into a file, and pgarc restore FILE --missing restores what the database lacks"

// advice is what to do about failures of a class.
var advice = [...]struct {
	class restore.Class
	text  string
}{
	{restore.ClassOwnership, "roles are missing, or cannot be acted for: create them or have them granted, or restore with -O and -x, or with --ignore ownership"},
	{restore.ClassPrivilege, "the role may not do all of this: restore as one that may, or with --ignore privilege"},
	{restore.ClassExtension, "install the missing extensions on the server, then go on"},
	{restore.ClassUnsupported, "the server does not know all that the archive uses: it may be older than the one that was dumped"},
	{restore.ClassConstraint, "rows violate constraints: mend the rows, then go on"},
	{restore.ClassSpace, "the server ran out of space or memory: make room, then go on"},
	{restore.ClassCancelled, "statements were cancelled, or ran into a timeout: go on to try them again"},
}

// adviceFor returns the advice for the classes of what failed.
func adviceFor(failed []*restore.StepError) []string {
	there := make(map[restore.Class]bool)
	for _, e := range failed {
		there[e.Class()] = true
	}
	var list []string
	for _, a := range advice {
		if there[a.class] {
			list = append(list, a.text)
		}
	}
	return list
}

// rules says how failures are treated.
func (o *restoreOptions) rules() string {
	switch {
	case o.SingleTransaction:
		return "the first failure ends the restore, and rolls back all of it"
	case o.ExitOnError:
		return "the first failure that is not ignored ends the restore; " + o.Policy.String()
	}
	return "after a failure all goes on but for what needs it; " + o.Policy.String()
}

// writeFailed lists again what failed, in a line each: what was said when it
// happened may be far up.
func writeFailed(w *bufio.Writer, failed []*restore.StepError) {
	if len(failed) > 0 {
		fmt.Fprintf(w, "pgarc: failed:\n")
	}
	for _, group := range ownershipGroups(failed) {
		fmt.Fprintf(w, "  %s\n", visible(group))
	}
	for _, e := range failed {
		if ownershipOnly(e) {
			continue
		}
		fmt.Fprintf(w, "  %s\n", visible(e.Error()))
		if v := e.Violations; v != nil {
			fmt.Fprintf(w, "    %s; this finds them all:\n%s\n", visible(violationsText(v)), visibleSQL(v.Query))
		}
	}
}

// ownershipOnly reports whether nothing is wrong with an object, which is there,
// but whose it is and who may use it, for one reason. A role that is missing
// fails for all that it owns, which is told of in one line.
func ownershipOnly(e *restore.StepError) bool {
	switch kind := e.Step.Entry.Kind; {
	case e.Class() != restore.ClassOwnership:
		return false
	case e.Role != restore.RoleAlter && kind != toc.ACL && kind != toc.DefaultACL:
		return false
	}
	for _, other := range e.Also {
		if other.Class() != restore.ClassOwnership || ownershipReason(other) != ownershipReason(e) {
			return false
		}
	}
	return true
}

// ownershipReason is what is said of an owner, without the object's name: a
// sequence cannot have another owner than its table.
func ownershipReason(e *restore.StepError) string {
	if e.SQLState() == "0A000" { // feature_not_supported
		return "cannot change the owners of sequences whose tables have another (SQLSTATE 0A000)"
	}
	return e.Reason()
}

// ownershipGroups returns a line for each thing that was said of owners.
func ownershipGroups(failed []*restore.StepError) []string {
	var order []string
	groups := make(map[string][]string)
	for _, e := range failed {
		if !ownershipOnly(e) {
			continue
		}
		reason := "ownership: " + ownershipReason(e)
		if groups[reason] == nil {
			order = append(order, reason)
		}
		groups[reason] = append(groups[reason], e.Step.String())
	}
	for i, reason := range order {
		order[i] = reason + ": " + firstOf(groups[reason])
	}
	return order
}

// writeIgnored lists failures that do not count, all of one class and message
// in one line: a missing role is told of once for each of its tables. What is
// harmless is worth one line together.
func writeIgnored(w *bufio.Writer, ignored []*restore.StepError) {
	var harmless []string
	var order []string
	groups := make(map[string][]string)
	for _, e := range ignored {
		if e.Harmless() {
			harmless = append(harmless, fmt.Sprintf("%s (%s)", e.Step, e.Class()))
			continue
		}
		group := e.Class().String() + ": " + e.Reason()
		if groups[group] == nil {
			order = append(order, group)
		}
		groups[group] = append(groups[group], e.Step.String())
	}
	if len(harmless) > 0 {
		fmt.Fprintf(w, "pgarc: ignored, harmless: %s\n", visible(firstOf(harmless)))
	}
	if len(order) > 0 {
		fmt.Fprintf(w, "pgarc: ignored, as --ignore says:\n")
	}
	for _, group := range order {
		fmt.Fprintf(w, "  %s: %s\n", visible(group), visible(firstOf(groups[group])))
	}
}

// firstOf names the first few of a list, and how many more there are.
func firstOf(list []string) string {
	const most = 3
	if len(list) <= most {
		return strings.Join(list, ", ")
	}
	return strings.Join(list[:most], ", ") + fmt.Sprintf(" and %d more", len(list)-most)
}

// writeCheck lists what the final check has found.
func writeCheck(w *bufio.Writer, c *restore.Check) {
	if c.OK() {
		return
	}
	fmt.Fprintf(w, "pgarc: the final check found:\n")
	if c.Err != nil {
		fmt.Fprintf(w, "  it could not be made: %s\n", visibleLines(c.Err.Error()))
	}
	for _, f := range c.Findings {
		fmt.Fprintf(w, "  %s: %s\n", visible((&restore.Step{Entry: f.Entry}).String()), visible(findingText(f)))
	}
	for _, r := range c.Rows {
		fmt.Fprintf(w, "  %s: %s\n", visible((&restore.Step{Entry: r.Entry}).String()), r)
	}
}

func findingText(f restore.Finding) string {
	if f.Note == "" {
		return f.Presence.String()
	}
	return f.Presence.String() + ": " + f.Note
}

// writeSkipped lists what was left out, under what it was left out for.
func writeSkipped(w *bufio.Writer, skips []restore.Skip) {
	var causes []*restore.Step
	byCause := make(map[*restore.Step][]*restore.Step)
	for _, s := range skips {
		if byCause[s.Cause] == nil {
			causes = append(causes, s.Cause)
		}
		byCause[s.Cause] = append(byCause[s.Cause], s.Step)
	}
	for _, cause := range causes {
		fmt.Fprintf(w, "pgarc: skipped, because %s failed:\n", stepName(cause))
		for _, s := range byCause[cause] {
			fmt.Fprintf(w, "  %s\n", stepName(s))
		}
	}
}

// writeSummary closes the report. The table of names is cut to a positive
// width.
func writeSummary(w *bufio.Writer, width int, outcome string, result *restore.Result, entries tally) {
	n := entries.counts()
	if result.RolledBack {
		n.Restored = 0
	}
	fmt.Fprintf(w, "pgarc: %s in %s: %s entries restored, %s failed, %s skipped", outcome, seconds(result.Duration),
		thousands(n.Restored), thousands(n.Failed), thousands(n.Skipped))
	if n.Ignored > 0 {
		fmt.Fprintf(w, ", %s ignored", thousands(n.Ignored))
	}
	if result.Left > 0 {
		fmt.Fprintf(w, ", %s steps not begun", thousands(int64(result.Left)))
	}
	if result.Earlier > 0 {
		fmt.Fprintf(w, ", %s steps done before", thousands(int64(result.Earlier)))
	}
	if n := count(result.Failed, isDrop); n > 0 {
		fmt.Fprintf(w, ", %s failed", howMany(n, "drop"))
	}
	fmt.Fprintf(w, "\n  %s rows, %s of data\n", thousands(result.Rows), byteSize(result.Bytes))
	if c := result.Checked; c != nil && c.OK() {
		fmt.Fprintf(w, "  checked: %s in the catalog, %s with as many rows as in the archive\n", howMany64(int64(c.Entries), "object"), howMany64(int64(c.Tables), "table"))
	}
	writeFailureHints(w, result.Failed)
	if len(result.Phases) > 0 {
		t := table{columns: []column{{title: "  PHASE"}, {title: "STEPS", right: true}, {title: "TIME", right: true}}}
		for _, p := range result.Phases {
			t.add("  "+p.Phase.String(), thousands(int64(p.Steps)), seconds(p.Duration))
		}
		w.WriteByte('\n')
		t.write(w, 0)
	}
	if len(result.Slowest) > 0 {
		w.WriteByte('\n')
		slowestTable(result.Slowest).write(w, width)
	}
}

// writeFailureHints says what to do about failures that come in numbers.
func writeFailureHints(w *bufio.Writer, failed []*restore.StepError) {
	if n := count(failed, func(e *restore.StepError) bool { return e.Exists }); n > 0 {
		fmt.Fprintf(w, "pgarc: hint: %d failed because the object exists already: restore into an empty database, or with --clean --if-exists\n", n)
	}
	if n := count(failed, lacksLabelProvider); n > 0 {
		fmt.Fprintf(w, "pgarc: hint: %d failed because the server has no provider of these security labels: load it there (shared_preload_libraries), or leave them out with --no-security-labels\n", n)
	}
}

// lacksLabelProvider reports whether no module of the server takes a security
// label (ExecSecLabelStmt in src/backend/commands/seclabel.c).
func lacksLabelProvider(e *restore.StepError) bool {
	return e.Step.Entry.Kind == toc.SecurityLabel && e.SQLState() == "22023" // invalid_parameter_value
}

func slowestTable(slowest []restore.StepTime) *table {
	t := &table{columns: []column{{title: "  SLOWEST", padTo: 72}, {title: "TIME", right: true},
		{title: "ROWS", right: true}, {title: "SIZE", right: true}}, shrink: []shrinkStep{{"  SLOWEST", 24}}}
	for _, s := range slowest {
		rows, size := "", ""
		if s.Step.Action.IsData() {
			size = byteSize(s.Bytes)
			if s.Rows > 0 {
				rows = thousands(s.Rows)
			}
		}
		t.add("  "+stepName(s.Step), seconds(s.Duration), rows, size)
	}
	return t
}

// outcome is the end of a restore in a word or two.
func outcome(r *restore.Result, err error) string {
	switch {
	case r.Interrupted:
		return "interrupted"
	case err != nil:
		return "broken off"
	case r.RolledBack:
		return "stopped at a failure and rolled back"
	case r.Stopped:
		return "stopped at a failure"
	case len(r.Failed)+len(r.Skipped) > 0:
		return "restored with failures"
	case r.Checked != nil && len(r.Checked.Findings)+len(r.Checked.Rows) > 0:
		return "restored, and not all of it is there"
	}
	return "restored"
}

func count(failed []*restore.StepError, is func(*restore.StepError) bool) int {
	n := 0
	for _, e := range failed {
		if is(e) {
			n++
		}
	}
	return n
}

func isDrop(e *restore.StepError) bool { return e.Step.Action == restore.ActionDrop }
