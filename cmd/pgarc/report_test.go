package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/restore"
	"github.com/pgarc/pgarc/toc"
)

// foreignKey is the step of the story, and foreignKeyError how it failed.
var (
	foreignKey = &restore.Step{ID: 4, Action: restore.ActionCreate, Phase: restore.PhaseMain,
		Entry: &toc.Entry{ID: 2970, Kind: toc.FKConstraint, Namespace: "public", Tag: "statuses fk_rails_256483a9ab"}}
	foreignKeyError = &restore.StepError{Step: foreignKey, Role: restore.RoleCreate,
		SQL: "ALTER TABLE ONLY public.statuses\n\tADD CONSTRAINT fk_rails_256483a9ab FOREIGN KEY (reblog_of_id) REFERENCES public.statuses(id) ON DELETE CASCADE;\n\n\n",
		Err: &pgconn.PgError{Severity: "ERROR", Code: "23503",
			Message: `insert or update on table "statuses" violates foreign key constraint "fk_rails_256483a9ab"`,
			Detail:  `Key (reblog_of_id)=(99) is not present in table "statuses".`}}
)

func failed(e *restore.StepError) restore.Event {
	return restore.Event{Type: restore.EventFailed, Time: noon, Step: e.Step, Duration: time.Second, Err: e}
}

func done(s *restore.Step, took time.Duration, rows, bytes int64) restore.Event {
	return restore.Event{Type: restore.EventDone, Time: noon, Step: s, Duration: took, Rows: rows, Bytes: bytes}
}

func tableStep(name string, id toc.DumpID) *restore.Step {
	return &restore.Step{Action: restore.ActionCreate, Entry: &toc.Entry{ID: id, Kind: toc.Table, Namespace: "public", Tag: name}}
}

func TestFailureText(t *testing.T) {
	table := tableStep("a\x1b[31m", 7)
	copying := dataStep("accounts")
	tests := []struct {
		name string
		err  *restore.StepError
		want string
	}{
		{"foreign key", foreignKeyError, `FK CONSTRAINT public.statuses fk_rails_256483a9ab (2970): create: insert or update on table "statuses" violates foreign key constraint "fk_rails_256483a9ab" (SQLSTATE 23503)
  detail: Key (reblog_of_id)=(99) is not present in table "statuses".
  statement:
ALTER TABLE ONLY public.statuses
	ADD CONSTRAINT fk_rails_256483a9ab FOREIGN KEY (reblog_of_id) REFERENCES public.statuses(id) ON DELETE CASCADE;

`},
		{"position, control characters", &restore.StepError{Step: table, SQL: "CREATE TABLE \"a\x1b[31m\" (\n  é int,,\r\n);\n",
			Err: &pgconn.PgError{Code: "42601", Message: "syntax error at or near \",\"\x1b]0;x\x07", Position: 33, Hint: "two\nlines"}},
			`TABLE public.a\x1b[31m (7): create: syntax error at or near ","\x1b]0;x\x07 (SQLSTATE 42601)
  hint: two
    lines
  position: line 2, column 9
  statement:
CREATE TABLE "a\x1b[31m" (
  é int,,
);

`},
		{"data", &restore.StepError{Step: copying, Role: restore.RoleLoad, SQL: "COPY public.accounts (id) FROM stdin;\n",
			Err: &pgconn.PgError{Code: "22P02", Message: `invalid input syntax for type integer: "x"`, Where: `COPY accounts, line 3, column id: "x"`}},
			`TABLE DATA public.accounts (12): load data: invalid input syntax for type integer: "x" (SQLSTATE 22P02)
  context: COPY accounts, line 3, column id: "x"
  statement:
COPY public.accounts (id) FROM stdin;

`},
		{"archive", &restore.StepError{Step: copying, Err: &archive.FormatError{Kind: archive.ErrCorrupt, Offset: 255, ID: 12, What: "checksum"}},
			"TABLE DATA public.accounts (12): read data: data of entry 12 at byte 0xff: checksum\n"},
	}
	for _, tt := range tests {
		if got := failureText(tt.err); got != tt.want {
			t.Errorf("%s: got:\n%s\nwant:\n%s", tt.name, got, tt.want)
		}
	}
}

// Statements are never cut, however long.
func TestFailureTextIsWhole(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	e := &restore.StepError{Step: tableStep("t", 1), SQL: "SELECT '" + long + "';", Err: errors.New("no")}
	if got := failureText(e); !strings.Contains(got, long+"';\n") {
		t.Errorf("a statement of %d bytes gave %d bytes", len(e.SQL), len(got))
	}
}

// story is a restore with all outcomes: its events and its result.
func story() ([]restore.Event, *restore.Result) {
	table, data, index := tableStep("statuses", 10), dataStep("statuses"), indexStep("i")
	drop := &restore.Step{Action: restore.ActionDrop, Entry: table.Entry}
	dropError := &restore.StepError{Step: drop, Role: restore.RoleDrop, SQL: "DROP TABLE public.statuses;\n",
		Err: &pgconn.PgError{Code: "42P01", Message: `table "public.statuses" does not exist`}}
	there := tableStep("there", 11)
	thereError := &restore.StepError{Step: there, Role: restore.RoleCreate, Exists: true, SQL: "CREATE TABLE public.there ();\n",
		Err: &pgconn.PgError{Code: "42P07", Message: `relation "there" already exists`}}
	comment := &restore.Step{Entry: &toc.Entry{ID: 2971, Kind: toc.Comment, Namespace: "public", Tag: "CONSTRAINT fk_rails_256483a9ab ON statuses"}, Action: restore.ActionCreate}
	events := []restore.Event{
		{Type: restore.EventStarted, Time: noon, Step: drop}, failed(dropError),
		done(table, 3*time.Millisecond, 0, 0), failed(thereError),
		{Type: restore.EventNotice, Time: noon, Text: "warning: wal_level is insufficient"},
		{Type: restore.EventNotice, Time: noon, Text: "warning: wal_level is insufficient"},
		done(data, 5200*time.Millisecond, 2_000_000, 1_300_000_000), done(index, 700*time.Millisecond, 0, 0),
		failed(foreignKeyError), {Type: restore.EventSkipped, Time: noon, Step: comment, Cause: foreignKey},
	}
	result := &restore.Result{Steps: 7, Restored: 3, Failed: []*restore.StepError{dropError, thereError, foreignKeyError},
		Skipped: []restore.Skip{{Step: comment, Cause: foreignKey}}, Rows: 2_000_000, Bytes: 1_300_000_000, Duration: 6100 * time.Millisecond,
		Phases:  []restore.PhaseTime{{Phase: restore.PhasePreData, Steps: 2, Duration: 40 * time.Millisecond}, {Phase: restore.PhaseMain, Steps: 3, Duration: 6 * time.Second}},
		Slowest: []restore.StepTime{{Step: data, Duration: 5200 * time.Millisecond, Rows: 2_000_000, Bytes: 1_300_000_000}, {Step: index, Duration: 700 * time.Millisecond}}}
	return events, result
}

func tell(r reporter, events []restore.Event, result *restore.Result, err error) {
	for _, e := range events {
		r.event(e)
	}
	r.finish(ending{result: result, err: err, status: restoreStatus(result, err)})
}

const storyFailures = `pgarc: failed: TABLE public.statuses (10): drop: table "public.statuses" does not exist (SQLSTATE 42P01)
  statement:
DROP TABLE public.statuses;

%spgarc: failed: TABLE public.there (11): create: relation "there" already exists (SQLSTATE 42P07)
  statement:
CREATE TABLE public.there ();

%spgarc: failed: FK CONSTRAINT public.statuses fk_rails_256483a9ab (2970): create: insert or update on table "statuses" violates foreign key constraint "fk_rails_256483a9ab" (SQLSTATE 23503)
  detail: Key (reblog_of_id)=(99) is not present in table "statuses".
  statement:
ALTER TABLE ONLY public.statuses
	ADD CONSTRAINT fk_rails_256483a9ab FOREIGN KEY (reblog_of_id) REFERENCES public.statuses(id) ON DELETE CASCADE;

%spgarc: failed:
  TABLE public.statuses (10): drop: table "public.statuses" does not exist (SQLSTATE 42P01)
  TABLE public.there (11): create: relation "there" already exists (SQLSTATE 42P07)
  FK CONSTRAINT public.statuses fk_rails_256483a9ab (2970): create: insert or update on table "statuses" violates foreign key constraint "fk_rails_256483a9ab" (SQLSTATE 23503)
pgarc: skipped, because FK CONSTRAINT public.statuses fk_rails_256483a9ab (2970) failed:
  COMMENT public.CONSTRAINT fk_rails_256483a9ab ON statuses (2971)
`

const storySummary = `pgarc: restored with failures in 6.1 s: 3 entries restored, 2 failed, 1 skipped, 1 drop failed
  2,000,000 rows, 1.2 GB of data
pgarc: hint: 1 failed because the object exists already: restore into an empty database, or with --clean --if-exists

  PHASE               STEPS   TIME
  pre-data                2  40 ms
  data and post-data      3  6.0 s

  SLOWEST                            TIME       ROWS    SIZE
  TABLE DATA public.statuses (12)   5.2 s  2,000,000  1.2 GB
  INDEX public.i (20)              700 ms
pgarc: hint: rows violate constraints: mend the rows, then go on
`

func TestTextReport(t *testing.T) {
	const notice = "pgarc: warning: wal_level is insufficient\n"
	tests := []struct {
		name           string
		verbose, quiet bool
		want           string
	}{
		{"plain", false, false, fmt.Sprintf(storyFailures, "", notice, "") + storySummary},
		{"quiet", false, true, fmt.Sprintf(storyFailures, "", "", "")},
		{"verbose", true, false, fmt.Sprintf(storyFailures, "pgarc: TABLE public.statuses (10): create, 3 ms\n",
			notice+notice+"pgarc: TABLE DATA public.statuses (12): copy, 2,000,000 rows, 1.2 GB, 5.2 s\npgarc: INDEX public.i (20): create, 700 ms\n",
			"pgarc: skipped: COMMENT public.CONSTRAINT fk_rails_256483a9ab ON statuses (2971), which needs FK CONSTRAINT public.statuses fk_rails_256483a9ab (2970)\n") + storySummary},
	}
	for _, tt := range tests {
		var out bytes.Buffer
		events, result := story()
		tell(newTextReporter(&env{stderr: &out, getenv: func(string) string { return "" }}, tt.verbose, tt.quiet), events, result, nil)
		if out.String() != tt.want {
			t.Errorf("%s: got:\n%s\nwant:\n%s", tt.name, out.String(), tt.want)
		}
	}
}

func TestSummaryOfOtherEnds(t *testing.T) {
	for want, result := range map[string]*restore.Result{
		"pgarc: restored in 0 ms: 0 entries restored, 0 failed, 0 skipped\n":                              {},
		"pgarc: interrupted in 0 ms: 0 entries restored, 0 failed, 0 skipped, 4 steps not begun\n":        {Interrupted: true, Left: 4},
		"pgarc: stopped at a failure in 0 ms: 0 entries restored, 0 failed, 0 skipped, 1 steps not begun": {Stopped: true, Left: 1},
	} {
		var out bytes.Buffer
		tell(newTextReporter(&env{stderr: &out, getenv: func(string) string { return "" }}, false, false), nil, result, nil)
		if !strings.HasPrefix(out.String(), want) {
			t.Errorf("%+v: got %q, want %q", result, out.String(), want)
		}
	}
}

func TestJSONReport(t *testing.T) {
	list, err := toc.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	events, result := story()
	events = append(events, restore.Event{Type: restore.EventProgress, Time: after(6), Progress: restore.Progress{Phase: restore.PhaseMain, Steps: 7, Done: 3,
		Running: []restore.Running{{Step: dataStep("t"), Worker: 1, Since: after(2), Bytes: 5, Portion: 0.5}}}})
	tell(newJSONReporter(&out, list), events, result, nil)
	want := `{"type":"failed","dump_id":10,"kind":"TABLE","schema":"public","name":"statuses","action":"drop","phase":"drop","worker":0,"seconds":1,"sqlstate":"42P01","message":"table \"public.statuses\" does not exist","sql":"DROP TABLE public.statuses;","class":"absent"}
{"type":"step","dump_id":10,"kind":"TABLE","schema":"public","name":"statuses","action":"create","phase":"drop","worker":0,"seconds":0.003,"rows":0,"bytes":0}
{"type":"failed","dump_id":11,"kind":"TABLE","schema":"public","name":"there","action":"create","phase":"drop","worker":0,"seconds":1,"sqlstate":"42P07","message":"relation \"there\" already exists","sql":"CREATE TABLE public.there ();","already_exists":true,"class":"exists"}
{"type":"notice","text":"warning: wal_level is insufficient"}
{"type":"notice","text":"warning: wal_level is insufficient"}
{"type":"step","dump_id":12,"kind":"TABLE DATA","schema":"public","name":"statuses","action":"copy","phase":"data and post-data","worker":0,"seconds":5.2,"rows":2000000,"bytes":1300000000}
{"type":"step","dump_id":20,"kind":"INDEX","schema":"public","name":"i","action":"create","phase":"data and post-data","worker":0,"seconds":0.7,"rows":0,"bytes":0}
{"type":"failed","dump_id":2970,"kind":"FK CONSTRAINT","schema":"public","table":"statuses","name":"fk_rails_256483a9ab","action":"create","phase":"data and post-data","worker":0,"seconds":1,"sqlstate":"23503","message":"insert or update on table \"statuses\" violates foreign key constraint \"fk_rails_256483a9ab\"","detail":"Key (reblog_of_id)=(99) is not present in table \"statuses\".","sql":"ALTER TABLE ONLY public.statuses\n\tADD CONSTRAINT fk_rails_256483a9ab FOREIGN KEY (reblog_of_id) REFERENCES public.statuses(id) ON DELETE CASCADE;","class":"constraint"}
{"type":"skipped","dump_id":2971,"kind":"COMMENT","schema":"public","name":"CONSTRAINT fk_rails_256483a9ab ON statuses","action":"create","phase":"drop","cause":{"dump_id":2970,"kind":"FK CONSTRAINT","schema":"public","table":"statuses","name":"fk_rails_256483a9ab","action":"create","phase":"data and post-data"}}
{"type":"progress","seconds":6,"phase":"data and post-data","steps":7,"done":3,"failed":0,"stored_bytes":0,"stored_bytes_total":0,"rows":0,"bytes":0,"running":[{"dump_id":12,"kind":"TABLE DATA","schema":"public","name":"t","action":"copy","phase":"data and post-data","worker":1,"seconds":4,"bytes":5}]}
{"type":"summary","exit_status":3,"restored":3,"failed":2,"skipped":1,"ignored":0,"drops_failed":1,"left_out":0,"steps":7,"steps_not_begun":0,"rows":2000000,"bytes":1300000000,"seconds":6.1,"stopped":false,"interrupted":false,"phases":[{"phase":"pre-data","steps":2,"seconds":0.04},{"phase":"data and post-data","steps":3,"seconds":6}],"slowest":[{"dump_id":12,"kind":"TABLE DATA","schema":"public","name":"statuses","action":"copy","phase":"data and post-data","seconds":5.2,"rows":2000000,"bytes":1300000000},{"dump_id":20,"kind":"INDEX","schema":"public","name":"i","action":"create","phase":"data and post-data","seconds":0.7,"rows":0,"bytes":0}]}
`
	if out.String() != want {
		got, wanted := strings.Split(out.String(), "\n"), strings.Split(want, "\n")
		for i := range max(len(got), len(wanted)) {
			if i >= len(got) || i >= len(wanted) || got[i] != wanted[i] {
				t.Fatalf("line %d:\n got %s\nwant %s", i+1, at(got, i), at(wanted, i))
			}
		}
	}
	for line := range strings.Lines(out.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %s", line)
		}
	}
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(no such line)"
}

// Even where nothing could be begun the last line is a summary.
func TestJSONReportOfAnError(t *testing.T) {
	list, err := toc.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	tell(newJSONReporter(&out, list), nil, nil, errors.New("cannot connect"))
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 || lines[0] != `{"type":"error","message":"cannot connect"}` || !strings.HasPrefix(lines[1], `{"type":"summary","exit_status":1,`) {
		t.Errorf("got %s", out.String())
	}
}

func TestRestoreStatus(t *testing.T) {
	damaged := &restore.StepError{Step: dataStep("t"), Err: fmt.Errorf("reading: %w", archive.ErrTruncated)}
	tests := []struct {
		name   string
		result *restore.Result
		err    error
		want   int
	}{
		{"all done", &restore.Result{}, nil, exitOK},
		{"failure", &restore.Result{Failed: []*restore.StepError{foreignKeyError}}, nil, exitPartly},
		{"skip", &restore.Result{Skipped: []restore.Skip{{}}}, nil, exitPartly},
		{"stopped", &restore.Result{Failed: []*restore.StepError{foreignKeyError}, Stopped: true}, nil, exitFailed},
		{"damaged data", &restore.Result{Failed: []*restore.StepError{foreignKeyError, damaged}}, nil, exitPartly},
		{"interrupted", &restore.Result{Failed: []*restore.StepError{foreignKeyError}, Interrupted: true}, nil, exitInterrupted},
		{"interrupted at once", nil, errInterrupted, exitInterrupted},
		{"no server", nil, errors.New("refused"), exitFailed},
		{"server lost", &restore.Result{Failed: []*restore.StepError{foreignKeyError}}, errors.New("lost"), exitFailed},
		{"damaged archive", nil, &fileError{"x.dump", archive.ErrCorrupt}, exitArchive},
	}
	for _, tt := range tests {
		if got := restoreStatus(tt.result, tt.err); got != tt.want {
			t.Errorf("%s: exit status %d, want %d", tt.name, got, tt.want)
		}
	}
}

// Colour is for terminals, unless NO_COLOR says otherwise.
func TestColor(t *testing.T) {
	for _, tt := range []struct {
		tty  bool
		env  map[string]string
		want bool
	}{
		{true, map[string]string{"TERM": "xterm"}, true},
		{true, map[string]string{"TERM": "xterm", "NO_COLOR": "1"}, false},
		{true, map[string]string{"TERM": "dumb"}, false},
		{false, map[string]string{"TERM": "xterm"}, false},
	} {
		var out bytes.Buffer
		e := &env{stderr: &out, stderrTTY: tt.tty, getenv: func(name string) string { return tt.env[name] }}
		newTextReporter(e, false, true).event(failed(foreignKeyError))
		if got := strings.Contains(out.String(), "\x1b[31m"); got != tt.want {
			t.Errorf("terminal %v, %v: coloured %v, want %v", tt.tty, tt.env, got, tt.want)
		}
	}
}
