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
	// finish is the last call. It returns the first error of writing.
	finish(ending) error
}

// A textReporter is for people. All of it is talk, so it goes to stderr.
type textReporter struct {
	mu      sync.Mutex
	w       io.Writer
	status  *statusArea // nil where the terminal cannot redraw, or is none
	verbose bool
	quiet   bool
	color   bool

	meter     meter
	lastPlain time.Time
	entries   tally
	noticed   map[string]bool
	owners    map[string]bool // what was said of owners
}

// newTextReporter returns a reporter to env's stderr.
func newTextReporter(env *env, verbose, quiet bool) *textReporter {
	r := &textReporter{w: env.stderr, verbose: verbose, quiet: quiet,
		entries: make(tally), noticed: make(map[string]bool), owners: make(map[string]bool)}
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
		if ownershipOnly(e.Err) && !r.verbose {
			reason := ownershipReason(e.Err)
			if r.owners[reason] {
				return // the end says of how many
			}
			r.owners[reason] = true
		}
		r.print(r.red("pgarc: failed: ") + failureText(e.Err))
	case restore.EventIgnored:
		if r.verbose {
			r.print("pgarc: ignored (" + e.Err.Class().String() + "): " + failureText(e.Err))
		}
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

func (r *textReporter) finish(end ending) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.status != nil {
		r.status.clear()
	}
	if end.result == nil {
		return nil
	}
	w := bufio.NewWriter(r.w)
	end.write(w, r.width(), r.entries, r.quiet)
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
	for _, h := range e.HeldBy {
		fmt.Fprintf(&b, "  held up by: %s\n", visible(h.String()))
	}
	if sql := strings.TrimSpace(withoutSecrets(e.Step.Entry.Kind, e.SQL)); sql != "" {
		b.WriteString("  statement:\n" + visibleSQL(sql) + "\n\n")
	}
	for _, also := range e.Also {
		fmt.Fprintf(&b, "  also: %s\n%s\n\n", visibleLines(also.Reason()), visibleSQL(strings.TrimSpace(withoutSecrets(e.Step.Entry.Kind, also.SQL))))
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
		case restore.EventIgnored:
			return 2
		case restore.EventSkipped:
			return 3
		case restore.EventFailed:
			return 4
		}
		return 0
	}
	if old := t[e.Step.Entry.ID]; rank(e.Type) > rank(old) {
		t[e.Step.Entry.ID] = e.Type
	}
}

// entryCounts are how many entries came to which end.
type entryCounts struct {
	Restored int64 `json:"restored"`
	Failed   int64 `json:"failed"`
	Skipped  int64 `json:"skipped"`
	Ignored  int64 `json:"ignored"`
}

func (t tally) counts() (n entryCounts) {
	for _, outcome := range t {
		switch outcome {
		case restore.EventDone:
			n.Restored++
		case restore.EventFailed:
			n.Failed++
		case restore.EventSkipped:
			n.Skipped++
		case restore.EventIgnored:
			n.Ignored++
		}
	}
	return n
}
