package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/pgarc/pgarc/restore"
	"github.com/pgarc/pgarc/toc"
)

// A reporter tells what happens in a restore, and in the end what came of it.
// event is called from one goroutine; say may be from others.
type reporter interface {
	event(restore.Event)
	say(message string) // one line that belongs to no step
	// finish is the last call; result or err may be nil. It returns the first
	// error of writing.
	finish(result *restore.Result, err error) error
}

// A textReporter is for people. All of it is talk, so it goes to stderr.
type textReporter struct {
	mu      sync.Mutex
	w       io.Writer
	status  *statusArea // nil where the terminal cannot redraw, or is none
	verbose bool
	quiet   bool
	color   bool
	goOn    string // the command that goes on with the restore

	meter     meter
	lastPlain time.Time
	entries   tally
	noticed   map[string]bool
}

// newTextReporter returns a reporter to env's stderr.
func newTextReporter(env *env, verbose, quiet bool) *textReporter {
	r := &textReporter{w: env.stderr, verbose: verbose, quiet: quiet,
		entries: make(tally), noticed: make(map[string]bool)}
	smart := env.stderrTTY && env.getenv("TERM") != "dumb" && env.getenv("TERM") != ""
	if smart && !quiet {
		r.status = &statusArea{w: env.stderr, size: terminalSize(env, env.stderr)}
	}
	r.color = smart && env.getenv("NO_COLOR") == ""
	return r
}

// terminalSize asks the terminal each time: it may be resized.
func terminalSize(env *env, w io.Writer) func() (width, height int) {
	return func() (int, int) {
		if f, ok := w.(*os.File); ok {
			if width, height, err := term.GetSize(int(f.Fd())); err == nil {
				return width, height
			}
		}
		return env.width, 0
	}
}

func (r *textReporter) say(message string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.print("pgarc: " + visibleLines(message) + "\n")
}

// print writes text above the status.
func (r *textReporter) print(text string) {
	if r.status != nil {
		r.status.clear()
	}
	io.WriteString(r.w, text)
}

func (r *textReporter) event(e restore.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entries.add(e)
	r.meter.begin(e.Time)
	switch e.Type {
	case restore.EventProgress:
		r.progress(e)
	case restore.EventDone:
		if r.verbose {
			r.print("pgarc: " + doneLine(e) + "\n")
		}
	case restore.EventFailed:
		r.print(r.red("pgarc: failed: ") + failureText(e.Err))
	case restore.EventSkipped:
		if r.verbose {
			r.print("pgarc: skipped: " + stepName(e.Step) + ", which needs " + stepName(e.Cause) + "\n")
		}
	case restore.EventSettings:
		if r.verbose {
			r.print("pgarc: session settings: " + visible(e.Text) + "\n")
		}
	case restore.EventNotice:
		r.notice(e.Text)
	}
}

// notice tells what the server, or the restore, remarks: once, for a server
// may say the same of every table. Sessions ask it for warnings only.
func (r *textReporter) notice(text string) {
	if r.quiet || r.noticed[text] && !r.verbose {
		return
	}
	if len(r.noticed) < 1000 {
		r.noticed[text] = true
	}
	r.print("pgarc: " + visibleLines(text) + "\n")
}

// red is for the word that must not be overlooked.
func (r *textReporter) red(s string) string {
	if !r.color {
		return s
	}
	return "\x1b[31m" + s + "\x1b[m"
}

func (r *textReporter) progress(e restore.Event) {
	r.meter.add(e.Time, e.Progress)
	switch {
	case r.quiet:
	case r.status != nil:
		r.status.draw(r.meter.liveLines(e.Time, e.Progress, r.width()))
	case r.lastPlain.IsZero():
		r.lastPlain = e.Time // short restores need no progress
	case e.Time.Sub(r.lastPlain) >= plainInterval:
		r.lastPlain = e.Time
		r.print("pgarc: " + r.meter.overview(e.Time, e.Progress) + "\n")
	}
}

func (r *textReporter) finish(result *restore.Result, err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.status != nil {
		r.status.clear()
	}
	if result == nil {
		return nil
	}
	w := bufio.NewWriter(r.w)
	writeFailed(w, result.Failed)
	writeSkipped(w, result.Skipped)
	writeLeftOut(w, result.LeftOut)
	if !r.quiet {
		writeSummary(w, r.width(), outcome(result, err), result, r.entries)
	}
	if result.Journal && r.goOn != "" {
		fmt.Fprintf(w, "pgarc: to go on with what is left: %s\n", visible(r.goOn))
	}
	return w.Flush()
}

// width is that of the terminal; 0 where nothing has to fit.
func (r *textReporter) width() int {
	if r.status == nil {
		return 0
	}
	width, _ := r.status.size()
	return width
}

// doneLine is a step that ended well.
func doneLine(e restore.Event) string {
	line := fmt.Sprintf("%s: %s", visible(e.Step.String()), e.Step.Action)
	if e.Step.Action.IsData() {
		if e.Rows > 0 {
			line += fmt.Sprintf(", %s rows", thousands(e.Rows))
		}
		line += ", " + byteSize(e.Bytes)
	}
	return line + ", " + seconds(e.Duration)
}

// failureText tells all that is known of a failure, with the whole statement
// as it was sent, not indented: it can be copied.
func failureText(e *restore.StepError) string {
	var b strings.Builder
	b.WriteString(visibleLines(e.Error()) + "\n")
	if pg := e.PgError(); pg != nil {
		for _, part := range []struct{ name, text string }{
			{"detail", pg.Detail}, {"hint", pg.Hint}, {"context", pg.Where},
			{"position", position(e.SQL, pg.Position)}, {"query", pg.InternalQuery},
		} {
			if part.text != "" {
				fmt.Fprintf(&b, "  %s: %s\n", part.name, visibleLines(part.text))
			}
		}
	}
	if sql := strings.TrimSpace(withoutSecrets(e.Step.Entry.Kind, e.SQL)); sql != "" {
		b.WriteString("  statement:\n" + visibleSQL(sql) + "\n\n")
	}
	if sql := otherDefinition(e); sql != "" {
		b.WriteString("  which is a part of:\n" + visibleSQL(sql) + "\n\n")
	}
	return b.String()
}

// otherDefinition returns the archive's own definition of what failed, if the
// failed statement is only a part of what it does.
func otherDefinition(e *restore.StepError) string {
	defn := strings.TrimSpace(e.Definition())
	if defn == strings.TrimSpace(e.SQL) || e.Role == restore.RoleAlter && e.Step.Action == restore.ActionCreate {
		return ""
	}
	return withoutSecrets(e.Step.Entry.Kind, defn)
}

// position says where in a statement of several lines the server stopped. It
// counts characters from 1.
func position(sql string, n int32) string {
	if n <= 0 || !strings.Contains(strings.TrimSpace(sql), "\n") {
		return ""
	}
	line, column := 1, 1
	for _, r := range sql {
		if n--; n == 0 {
			return fmt.Sprintf("line %d, column %d", line, column)
		}
		column++
		if r == '\n' {
			line, column = line+1, 1
		}
	}
	return ""
}

// visibleSQL is visible but for line ends and tabs, which SQL is full of.
func visibleSQL(sql string) string {
	lines := strings.Split(sql, "\n")
	for i, line := range lines {
		parts := strings.Split(strings.TrimSuffix(line, "\r"), "\t")
		for j, part := range parts {
			parts[j] = visible(part)
		}
		lines[i] = strings.Join(parts, "\t")
	}
	return strings.Join(lines, "\n")
}

// writeFailed lists again what failed, in a line each: what was said when it
// happened may be far up.
func writeFailed(w *bufio.Writer, failed []*restore.StepError) {
	if len(failed) > 0 {
		fmt.Fprintf(w, "pgarc: failed:\n")
	}
	for _, e := range failed {
		fmt.Fprintf(w, "  %s\n", visible(e.Error()))
	}
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
	restored, failed, skipped := entries.counts()
	if result.RolledBack {
		restored = 0
	}
	fmt.Fprintf(w, "pgarc: %s in %s: %s entries restored, %s failed, %s skipped", outcome, seconds(result.Duration),
		thousands(restored), thousands(failed), thousands(skipped))
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

// A tally is what became of each entry, of which there may be several steps.
// What counts is the worst of them.
type tally map[toc.DumpID]restore.EventType

func (t tally) add(e restore.Event) {
	if e.Step == nil || e.Step.Action == restore.ActionDrop {
		return // what could not be dropped may yet be made
	}
	rank := func(x restore.EventType) int {
		switch x {
		case restore.EventDone:
			return 1
		case restore.EventSkipped:
			return 2
		case restore.EventFailed:
			return 3
		}
		return 0
	}
	if old := t[e.Step.Entry.ID]; rank(e.Type) > rank(old) {
		t[e.Step.Entry.ID] = e.Type
	}
}

// counts returns the entries of each outcome.
func (t tally) counts() (restored, failed, skipped int64) {
	for _, outcome := range t {
		switch outcome {
		case restore.EventDone:
			restored++
		case restore.EventFailed:
			failed++
		case restore.EventSkipped:
			skipped++
		}
	}
	return restored, failed, skipped
}
