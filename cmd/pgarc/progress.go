package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/pgarc/pgarc/restore"
)

// plainInterval is how often progress is told where it cannot be redrawn.
const plainInterval = 5 * time.Second

// rateWindow is the time over which speeds are measured.
const rateWindow = 10 * time.Second

// A meter keeps what was reported lately, to tell how fast things are.
type meter struct {
	start   time.Time
	samples []sample // oldest first, over rateWindow
}

type sample struct {
	at            time.Time
	stored, bytes int64
}

// begin starts the clock, once.
func (m *meter) begin(at time.Time) {
	if m.start.IsZero() {
		m.start = at
	}
}

// add takes in a report.
func (m *meter) add(at time.Time, p restore.Progress) {
	m.samples = append(m.samples, sample{at, p.Stored, p.Bytes})
	old := 0 // the first sample is kept that is as old as the window
	for old+1 < len(m.samples) && at.Sub(m.samples[old+1].at) >= rateWindow {
		old++
	}
	m.samples = slices.Delete(m.samples, 0, old)
}

// rates returns the bytes a second, loaded and read from the archive; 0 where
// too little is known.
func (m *meter) rates() (bytes, stored float64) {
	if len(m.samples) < 2 {
		return 0, 0
	}
	first, last := m.samples[0], m.samples[len(m.samples)-1]
	seconds := last.at.Sub(first.at).Seconds()
	if seconds < 1 {
		return 0, 0
	}
	return float64(last.bytes-first.bytes) / seconds, float64(last.stored-first.stored) / seconds
}

// dataLeft estimates when the data will be loaded, if they go on as in the
// last seconds. Indexes and constraints are not in it; and there is no estimate
// before enough has been seen, or while nothing moves.
func (m *meter) dataLeft(p restore.Progress) (time.Duration, bool) {
	_, stored := m.rates()
	left := p.StoredTotal - p.Stored
	seen := len(m.samples) > 0 && m.samples[len(m.samples)-1].at.Sub(m.samples[0].at) >= 3*time.Second
	if stored <= 0 || left <= 0 || !seen || p.Stored*100 < p.StoredTotal {
		return 0, false
	}
	seconds := float64(left) / stored
	if seconds > 1e6 {
		return 0, false
	}
	return time.Duration(seconds * float64(time.Second)), true
}

// steps tells how far a restore is.
func (m *meter) steps(at time.Time, p restore.Progress) string {
	failed := ""
	if p.Failed > 0 {
		failed = fmt.Sprintf(", %d failed", p.Failed)
	}
	left := ""
	if p.Left > 0 {
		left = ", about " + clock(p.Left) + " left"
	}
	return fmt.Sprintf("%s: step %d of %d%s, %s%s", p.Phase, p.Done, p.Steps, failed, clock(at.Sub(m.start)), left)
}

// data tells how much data is loaded. While none is under way it says nothing
// of speed: indexes are being built, and what was is no measure.
func (m *meter) data(p restore.Progress) string {
	if p.Bytes == 0 && p.Stored == 0 {
		return ""
	}
	var parts []string
	if p.StoredTotal > 0 {
		parts = append(parts, percent(p.Stored, p.StoredTotal)+" of data")
	}
	loading := slices.ContainsFunc(p.Running, func(r restore.Running) bool { return r.Step.Action.IsData() })
	loaded := byteSize(p.Bytes)
	if rate, _ := m.rates(); loading && rate >= 1 {
		loaded += " at " + byteSize(int64(rate)) + "/s"
	}
	parts = append(parts, loaded)
	if p.Rows > 0 {
		parts = append(parts, thousands(p.Rows)+" rows")
	}
	if left, ok := m.dataLeft(p); loading && ok {
		parts = append(parts, "data done in about "+clock(left))
	}
	return strings.Join(parts, ", ")
}

// overview is steps and data in one line.
func (m *meter) overview(at time.Time, p restore.Progress) string {
	line := m.steps(at, p)
	if data := m.data(p); data != "" {
		line += "; " + data
	}
	return line
}

// percent is part of total, rounded down: 100% means all.
func percent(part, total int64) string {
	return fmt.Sprintf("%d%%", int64(100*(float64(min(part, total))/float64(total))))
}

// clock is a duration to the second, as 0:07, 12:34 or 1:02:03.
func clock(d time.Duration) string {
	s := int64(max(d, 0) / time.Second)
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// seconds is a duration for a report: 12 ms, 3.4 s, 12:34.
func seconds(d time.Duration) string {
	switch {
	case d < 0:
		return "0 ms"
	case d < 999500*time.Microsecond:
		return fmt.Sprintf("%d ms", d.Round(time.Millisecond).Milliseconds())
	case d < 99950*time.Millisecond:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return clock(d.Round(time.Second))
}

// thousands is a number with its digits in groups: 1,234,567.
func thousands(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// maxWorkers is how many steps under way a live status shows.
const maxWorkers = 4

// liveLines are the lines of the status on a terminal: how far all is, and what
// the longest running steps do. A positive width is that of the terminal.
func (m *meter) liveLines(at time.Time, p restore.Progress, width int) []string {
	lines := []string{m.steps(at, p)}
	if data := m.data(p); data != "" {
		lines = append(lines, "  "+data)
	}
	running := slices.Clone(p.Running)
	slices.SortStableFunc(running, func(a, b restore.Running) int { return a.Since.Compare(b.Since) })
	for i, r := range running {
		if i == maxWorkers {
			lines = append(lines, fmt.Sprintf("  … and %d more", len(running)-i))
			break
		}
		lines = append(lines, runningLine(at, r, width))
	}
	return lines
}

// runningLine is one step under way. How long comes first, and the name is cut
// so that what happens to it fits, too.
func runningLine(at time.Time, r restore.Running, width int) string {
	name := visible(r.Step.String())
	what := strings.TrimPrefix(stepName(r.Step), name) // the action, if it is to be told
	if text := runningText(at, r); text != "" {
		what += ": " + text
	}
	return fitLine(fmt.Sprintf("%8s  ", clock(at.Sub(r.Since))), name, what, width)
}

// fitLine joins a line. Where it is longer than a positive width, the name is
// cut, as far as something of it remains.
func fitLine(before, name, what string, width int) string {
	const leastName = 24
	if room := width - 1 - displayWidth(before) - displayWidth(what); width > 0 && displayWidth(name) > room {
		name = cut(name, max(room, leastName))
	}
	return before + name + what
}

// evidenceAfter is how long a step runs before it is said what the server waits
// for. Short waits are how every server works.
const evidenceAfter = 5 * time.Second

// runningText says how far a step is. Of data that flows, the amount tells more
// than what the server waits for in between.
func runningText(at time.Time, r restore.Running) string {
	wait := r.Wait
	locked := len(wait.BlockedBy) > 0 || strings.HasPrefix(wait.Event, "Lock: ")
	if !r.Watched || r.Step.Action.IsData() && !locked || at.Sub(r.Since) < evidenceAfter {
		wait = restore.Wait{}
	}
	text := waitText(r.Step.Action, wait)
	if !r.Step.Action.IsData() {
		return text
	}
	data := byteSize(r.Bytes)
	if r.Portion >= 0 {
		data += fmt.Sprintf(", %d%%", int(100*min(r.Portion, 1)))
	}
	if text != "" {
		data += ", " + text
	}
	return data
}

// A statusArea is the last lines of a terminal, which are redrawn in place.
type statusArea struct {
	w     io.Writer
	size  func() (width, height int) // of the terminal now; 0 if unknown
	drawn int                        // lines on the screen
}

// draw replaces what is shown, in one write, so that nothing flickers: each
// line is written over and only its rest is cleared.
func (a *statusArea) draw(lines []string) {
	width, height := a.size()
	if width <= 0 {
		width = 80
	}
	if height > 1 && len(lines) > height-1 {
		lines = lines[:height-1]
	}
	var b strings.Builder
	b.WriteString(a.home())
	for i, line := range lines {
		if i > 0 {
			b.WriteByte('\n')
		}
		// The last column stays free: writing it makes some terminals wrap.
		b.WriteString(cut(line, width-1) + "\x1b[K")
	}
	if len(lines) < a.drawn {
		b.WriteString("\x1b[J")
	}
	a.drawn = len(lines)
	io.WriteString(a.w, b.String())
}

// clear removes the lines from the screen, for other text to take their place.
func (a *statusArea) clear() {
	if a.drawn > 0 {
		io.WriteString(a.w, a.home()+"\x1b[J")
		a.drawn = 0
	}
}

// home moves the cursor to where the first line begins.
func (a *statusArea) home() string {
	if a.drawn > 1 {
		return fmt.Sprintf("\r\x1b[%dA", a.drawn-1)
	}
	if a.drawn == 1 {
		return "\r"
	}
	return ""
}
