package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/pgarc/pgarc/restore"
	"github.com/pgarc/pgarc/toc"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func after(seconds float64) time.Time { return noon.Add(time.Duration(seconds * float64(time.Second))) }

// dataStep is a step that loads a table.
func dataStep(name string) *restore.Step {
	return &restore.Step{Action: restore.ActionCopy, Phase: restore.PhaseMain,
		Entry: &toc.Entry{ID: 12, Kind: toc.TableData, Namespace: "public", Tag: name}}
}

func indexStep(name string) *restore.Step {
	return &restore.Step{Action: restore.ActionCreate, Phase: restore.PhaseMain,
		Entry: &toc.Entry{ID: 20, Kind: toc.Index, Namespace: "public", Tag: name}}
}

// meterOver is a meter that has seen a load at 10 MB/s for so many seconds, of
// which a quarter is stored.
func meterOver(seconds int) (*meter, restore.Progress) {
	var m meter
	m.begin(noon)
	var p restore.Progress
	for i := range seconds + 1 {
		p = restore.Progress{Phase: restore.PhaseMain, Steps: 645, Done: 310, Stored: int64(i) * 2_621_440, StoredTotal: 262_144_000,
			Bytes: int64(i) * 10_485_760, Rows: int64(i) * 100_000}
		m.add(after(float64(i)), p)
	}
	return &m, p
}

func TestOverview(t *testing.T) {
	m, p := meterOver(20)
	loading := p
	loading.Running = []restore.Running{{Step: dataStep("t"), Since: noon}}
	indexing := p
	indexing.Running = []restore.Running{{Step: indexStep("i"), Since: noon}}
	failing := indexing
	failing.Failed = 2
	unknown := loading
	unknown.StoredTotal = 0
	young, youngP := meterOver(2)
	youngP.Running = loading.Running
	tests := []struct {
		name string
		m    *meter
		p    restore.Progress
		want string
	}{
		{"loading", m, loading, "data and post-data: step 310 of 645, 0:20; 20% of data, 200 MB at 10 MB/s, 2,000,000 rows, data done in about 1:20"},
		{"indexes tell nothing of speed", m, indexing, "data and post-data: step 310 of 645, 0:20; 20% of data, 200 MB, 2,000,000 rows"},
		{"failures", m, failing, "data and post-data: step 310 of 645, 2 failed, 0:20; 20% of data, 200 MB, 2,000,000 rows"},
		{"sizes unknown", m, unknown, "data and post-data: step 310 of 645, 0:20; 200 MB at 10 MB/s, 2,000,000 rows"},
		{"too early to say", young, youngP, "data and post-data: step 310 of 645, 0:20; 2% of data, 20 MB at 10 MB/s, 200,000 rows"},
		{"before the data", new(meter), restore.Progress{Phase: restore.PhasePreData, Steps: 645, Done: 3, StoredTotal: 1}, "pre-data: step 3 of 645, 0:20"},
	}
	for _, tt := range tests {
		tt.m.begin(noon)
		if got := tt.m.overview(after(20), tt.p); got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, got, tt.want)
		}
	}
}

// A restore that stalls must not go on promising an end.
func TestNoEstimateWhileNothingMoves(t *testing.T) {
	m, p := meterOver(20)
	p.Running = []restore.Running{{Step: dataStep("t"), Since: noon}}
	for i := 21; i < 40; i++ {
		m.add(after(float64(i)), p)
	}
	if got := m.overview(after(39), p); strings.Contains(got, "done in") || strings.Contains(got, "/s") {
		t.Errorf("19 s without a byte: %s", got)
	}
	if len(m.samples) > 12 {
		t.Errorf("%d samples kept", len(m.samples))
	}
}

func TestLiveLines(t *testing.T) {
	m, p := meterOver(20)
	evil := dataStep("a\x1b[2Jb\nc")
	p.Running = []restore.Running{
		{Step: indexStep("young"), Since: after(19)},
		{Step: evil, Since: after(2), Bytes: 120 << 20, Portion: 0.43},
		{Step: dataStep("unsized"), Since: after(3), Bytes: 5 << 10, Portion: -1},
		{Step: indexStep("third"), Since: after(4)},
		{Step: indexStep("fourth"), Since: after(5)},
		{Step: indexStep("fifth"), Since: after(6)},
	}
	want := `data and post-data: step 310 of 645, 0:20
  20% of data, 200 MB at 10 MB/s, 2,000,000 rows, data done in about 1:20
    0:18  TABLE DATA public.a\x1b[2Jb\nc (12): 120 MB, 43%
    0:17  TABLE DATA public.unsized (12): 5.0 kB
    0:16  INDEX public.third (20)
    0:15  INDEX public.fourth (20)
  … and 2 more`
	if got := strings.Join(m.liveLines(after(20), p, 0), "\n"); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// What the server says of a long step is not cut off: the name is.
func TestRunningLine(t *testing.T) {
	long := indexStep("index_statuses_text_very_long_name_that_reaches_sixty_three_cha")
	scanning := restore.Wait{Event: "IO: DataFileRead", Phase: "building index: scanning table", Portion: 0.43}
	key := &restore.Step{Action: restore.ActionValidate, Phase: restore.PhaseMain, Entry: foreignKey.Entry}
	for _, tt := range []struct {
		name  string
		r     restore.Running
		width int
		want  string
	}{
		{"all fits", restore.Running{Step: indexStep("i"), Watched: true, Wait: scanning}, 80, "    0:20  INDEX public.i (20): building index: scanning table 43%"},
		{"cut", restore.Running{Step: long, Watched: true, Wait: scanning}, 80, "    0:20  INDEX public.index_statuses_text…: building index: scanning table 43%"},
		{"no terminal", restore.Running{Step: long, Watched: true, Wait: scanning}, 0, "    0:20  INDEX public." + long.Entry.Tag + " (20): building index: scanning table 43%"},
		{"not watched", restore.Running{Step: long, Wait: scanning}, 80, "    0:20  INDEX public.index_statuses_text_very_long_name_that_reaches_sixty_t…"},
		{"young", restore.Running{Step: indexStep("i"), Since: after(16), Watched: true, Wait: scanning}, 80, "    0:04  INDEX public.i (20)"},
		{"validate", restore.Running{Step: key, Watched: true, Wait: restore.Wait{Event: "IO: DataFileRead"}}, 80,
			"    0:20  FK CONSTRAINT public.stat…, validate: checking rows, IO: DataFileRead"},
		{"data flows", restore.Running{Step: dataStep("t"), Bytes: 5 << 20, Portion: 0.5, Watched: true, Wait: restore.Wait{Event: "IO: WALWrite"}}, 80,
			"    0:20  TABLE DATA public.t (12): 5.0 MB, 50%"},
		{"data blocked", restore.Running{Step: dataStep("t"), Portion: -1, Watched: true, Wait: restore.Wait{Event: "Lock: relation", BlockedBy: []uint32{4711}}}, 80,
			"    0:20  TABLE DATA public.t (12): 0 B, waiting for a lock held by 4711"},
	} {
		if tt.r.Since.IsZero() {
			tt.r.Since = noon
		}
		got := runningLine(after(20), tt.r, tt.width)
		if got != tt.want || tt.width > 0 && displayWidth(got) > tt.width-1 {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, got, tt.want)
		}
	}
}

func TestNumbers(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0:00", 7 * time.Second: "0:07", 754 * time.Second: "12:34", 3723 * time.Second: "1:02:03",
	} {
		if got := clock(d); got != want {
			t.Errorf("clock(%v) = %s, want %s", d, got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		-1: "0 ms", 0: "0 ms", 12 * time.Millisecond: "12 ms", 999400 * time.Microsecond: "999 ms", 999600 * time.Microsecond: "1.0 s",
		3456 * time.Millisecond: "3.5 s", 99960 * time.Millisecond: "1:40", 754 * time.Second: "12:34",
	} {
		if got := seconds(d); got != want {
			t.Errorf("seconds(%v) = %s, want %s", d, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000", -100: "-100"} {
		if got := thousands(n); got != want {
			t.Errorf("thousands(%d) = %s, want %s", n, got, want)
		}
	}
	if got := percent(999, 1000); got != "99%" {
		t.Errorf("percent(999, 1000) = %s: 100%% means all", got)
	}
}

// screen is a terminal that knows the sequences that statusArea uses, and
// wraps.
type screen struct {
	lines    [][]rune
	row, col int
	width    int
}

func (s *screen) Write(b []byte) (int, error) {
	text := []rune(string(b))
	for i := 0; i < len(text); i++ {
		s.grow()
		switch c := text[i]; c {
		case '\r':
			s.col = 0
		case '\n':
			s.row, s.col = s.row+1, 0
			s.grow()
		case '\x1b':
			j := i + 2
			for text[j] >= '0' && text[j] <= '9' {
				j++
			}
			s.escape(string(text[i+2:j]), text[j])
			i = j
		default:
			if s.col == s.width {
				s.row, s.col = s.row+1, 0
				s.grow()
			}
			s.lines[s.row] = append(s.lines[s.row][:s.col:s.col], append([]rune{c}, s.lines[s.row][min(s.col+1, len(s.lines[s.row])):]...)...)
			s.col++
		}
	}
	return len(b), nil
}

func (s *screen) grow() {
	for len(s.lines) <= s.row {
		s.lines = append(s.lines, nil)
	}
}

func (s *screen) escape(number string, c rune) {
	switch c {
	case 'A':
		for _, digit := range number {
			s.row -= int(digit - '0')
		}
	case 'K':
		s.lines[s.row] = s.lines[s.row][:min(s.col, len(s.lines[s.row]))]
	case 'J':
		s.lines[s.row] = s.lines[s.row][:min(s.col, len(s.lines[s.row]))]
		s.lines = s.lines[:s.row+1]
	default:
		panic("unknown sequence " + number + string(c))
	}
}

func (s *screen) String() string {
	var lines []string
	for _, l := range s.lines {
		lines = append(lines, string(l))
	}
	return strings.Join(lines, "\n")
}

func TestStatusAreaRedrawsInPlace(t *testing.T) {
	s := &screen{width: 20}
	a := &statusArea{w: s, size: func() (int, int) { return 20, 5 }}
	steps := []struct {
		do   func()
		want string
	}{
		{func() { a.draw([]string{"one", "two", "three"}) }, "one\ntwo\nthree"},
		{func() { a.draw([]string{"1", "a line that is much too long", "3"}) }, "1\na line that is muc…\n3"},
		{func() { a.draw([]string{"fewer"}) }, "fewer"},
		{func() { a.draw([]string{"a", "b", "c", "d", "e", "f"}) }, "a\nb\nc\nd"},
		{func() { a.clear(); s.Write([]byte("pgarc: failed\n")) }, "pgarc: failed\n"},
		{func() { a.clear() }, "pgarc: failed\n"},
		{func() { a.draw([]string{"again", "below"}) }, "pgarc: failed\nagain\nbelow"},
		{func() { a.clear() }, "pgarc: failed\n"},
	}
	for i, step := range steps {
		step.do()
		if got := s.String(); got != step.want {
			t.Fatalf("after step %d the screen shows\n%s\nwant\n%s", i+1, got, step.want)
		}
	}
}

// Where nothing can be redrawn there is a line every few seconds, and no escape
// sequence at all.
func TestPlainProgress(t *testing.T) {
	for name, e := range map[string]*env{
		"no terminal":   {getenv: func(string) string { return "xterm" }},
		"dumb terminal": {getenv: func(name string) string { return map[string]string{"TERM": "dumb"}[name] }, stderrTTY: true},
	} {
		var out bytes.Buffer
		e.stderr = &out
		r := newTextReporter(e, false, false)
		for i := range 25 { // 12 seconds
			r.event(restore.Event{Type: restore.EventProgress, Time: after(float64(i) / 2), Progress: restore.Progress{Phase: restore.PhaseMain, Steps: 9, Done: i / 3}})
		}
		want := "pgarc: data and post-data: step 3 of 9, 0:05\npgarc: data and post-data: step 6 of 9, 0:10\n"
		if out.String() != want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, out.String(), want)
		}
	}
}
