package restore

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgarc/pgarc/script"
	"github.com/pgarc/pgarc/toc"
)

// Status is what the journal in a database says of a restore into it, seen
// from another session.
type Status struct {
	Archive string // as it was called
	Command string // how to go on with the restore
	Begun   time.Time
	Now     time.Time     // by the server's clock, as all times here
	Ended   bool          // it came to its end, but left failures
	PID     uint32        // the server process of the restore that is under way; 0: none is
	Steps   int           // in the plan
	Done    int           // steps of which anything is done
	Rows    int64         // loaded
	Left    time.Duration // that the rest is estimated to take; 0: unknown, or nothing is under way
	Running []RunningStep
	Failed  []FailedStep
}

// RunningStep is a step that a server process works on.
type RunningStep struct {
	PID    uint32
	ID     toc.DumpID // of the entry
	Action Action
	Kind   toc.Kind
	Name   string // with its schema
	Since  time.Time
	Wait   Wait
}

// FailedStep is a step that failed.
type FailedStep struct {
	ID       toc.DumpID // of the entry
	Action   Action
	Kind     toc.Kind
	Name     string // with its schema
	Message  string
	SQLState string
	SQL      string // the statement; empty where it may hold a password
}

// ReadStatus reads the journal of the database that config connects to. The
// error is [ErrNoRestore] if there is none.
func ReadStatus(ctx context.Context, config *pgconn.Config) (*Status, error) {
	s, err := look(ctx, config)
	if err != nil {
		return nil, err
	}
	defer s.close()
	return s.readStatus(ctx)
}

// ErrNoRestore says that a database has no journal: no restore into it is
// under way or unfinished.
var ErrNoRestore = fmt.Errorf("no restore is under way or unfinished in this database")

// look opens a session for looking only.
func look(ctx context.Context, config *pgconn.Config) (*session, error) {
	archive := &toc.TOC{Encoding: "UTF8", StdStrings: true}
	return connect(ctx, config, archive, Options{Pooler: true}, func(string) {})
}

func (s *session) readStatus(ctx context.Context) (*Status, error) {
	j := &journal{std: true}
	f, err := j.find(ctx, s)
	if noJournal(err) {
		return nil, ErrNoRestore
	}
	if err != nil {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	st := &Status{Archive: f.Name, Command: f.Command, Begun: f.Begun, Ended: f.Ended, Steps: f.Steps, Done: f.Done}
	if st.PID, err = s.lockHolder(ctx); err != nil {
		return nil, err
	}
	rows, err := s.query(ctx, "SELECT coalesce(sum(rows), 0), "+inUTC("pg_catalog.clock_timestamp()")+`,
		(SELECT coalesce(seconds_left - extract(epoch FROM pg_catalog.clock_timestamp() - estimated), 0) FROM pgarc_journal.restore)
		FROM pgarc_journal.all_done`)
	if err != nil {
		return nil, err
	}
	st.Rows, _ = strconv.ParseInt(rows[0][0], 10, 64)
	st.Now = parseTime(rows[0][1])
	if left, _ := strconv.ParseFloat(rows[0][2], 64); st.PID != 0 && left > 0 {
		st.Left = time.Duration(left * float64(time.Second))
	}
	rows, err = s.query(ctx, "SELECT step, kind, name, message, sqlstate, sql FROM pgarc_journal.failed ORDER BY at")
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		id, action := parseKey(r[0])
		st.Failed = append(st.Failed, FailedStep{id, action, toc.Kind(r[1]), r[2], r[3], r[4], r[5]})
	}
	st.Running, err = s.running(ctx)
	return st, err
}

// inUTC prints a time in the same way whatever DateStyle and TimeZone the
// database has, and fromUTC, in SQL, and parseTime read that.
func inUTC(time string) string {
	return "pg_catalog.to_char(" + time + " AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')"
}

func fromUTC(text string) string { return "'" + text + "'::timestamp AT TIME ZONE 'UTC'" }

func parseTime(text string) time.Time {
	t, _ := time.Parse("2006-01-02 15:04:05.999999", text)
	return t
}

// parseKey takes the key of a step apart: dump id, action, and for the second
// of its kind a number (see planner.add).
func parseKey(key string) (toc.DumpID, Action) {
	number, rest, _ := strings.Cut(key, " ")
	id, _ := strconv.ParseInt(number, 10, 32)
	for a, name := range actionNames {
		if rest == name || strings.HasPrefix(rest, name+" ") {
			return toc.DumpID(id), Action(a)
		}
	}
	return toc.DumpID(id), ActionCreate
}

// running returns the steps that server processes work on.
func (s *session) running(ctx context.Context) ([]RunningStep, error) {
	rows, err := s.query(ctx, `SELECT r.pid, r.step, r.kind, r.name, `+inUTC("r.begun")+` FROM pgarc_journal.running r
		JOIN pg_catalog.pg_stat_activity a ON a.pid = r.pid AND a.backend_start < r.begun AND a.datname = pg_catalog.current_database()
		WHERE r.step <> '' AND (a.state <> 'idle' OR a.state IS NULL) ORDER BY r.begun`)
	if err != nil {
		return nil, err
	}
	var list []RunningStep
	var pids []uint32
	for _, r := range rows {
		pid, _ := strconv.ParseUint(r[0], 10, 32)
		id, action := parseKey(r[1])
		list = append(list, RunningStep{PID: uint32(pid), ID: id, Action: action, Kind: toc.Kind(r[2]), Name: r[3], Since: parseTime(r[4])})
		pids = append(pids, uint32(pid))
	}
	waits, err := s.waits(ctx, pids)
	for i := range list {
		list[i].Wait = waits[list[i].PID]
	}
	return list, err
}

// lockHolder returns the process that holds the lock of the journal, or 0.
func (s *session) lockHolder(ctx context.Context) (uint32, error) {
	rows, err := s.query(ctx, `SELECT l.pid FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_database d ON d.oid = l.database
		WHERE locktype = 'advisory' AND granted AND datname = pg_catalog.current_database() AND classid::bigint << 32 | objid::bigint = `+journalLock)
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	n, err := strconv.ParseUint(rows[0][0], 10, 32)
	return uint32(n), err
}

// Cancel cancels the running steps that match accepts, on the server. The
// restore goes on with the rest, and reports them as cancelled. It returns
// the steps that were cancelled.
func Cancel(ctx context.Context, config *pgconn.Config, match func(RunningStep) bool) ([]RunningStep, error) {
	s, err := look(ctx, config)
	if err != nil {
		return nil, err
	}
	defer s.close()
	running, err := s.running(ctx)
	if noJournal(err) {
		return nil, ErrNoRestore
	}
	if err != nil {
		return nil, err
	}
	var cancelled []RunningStep
	for _, r := range running {
		if !match(r) {
			continue
		}
		// Only if it is still at that step: the process may have gone on.
		key := r.ID.String() + " " + r.Action.String() // as in planner.add
		rows, err := s.query(ctx, "SELECT pg_catalog.pg_cancel_backend(pid) FROM pgarc_journal.running WHERE pid = "+
			strconv.FormatUint(uint64(r.PID), 10)+" AND (step = "+script.Literal(key, true)+" OR step LIKE "+script.Literal(key+" %", true)+")")
		if err != nil {
			return cancelled, err
		}
		if len(rows) > 0 && strings.HasPrefix(rows[0][0], "t") {
			cancelled = append(cancelled, r)
		}
	}
	return cancelled, nil
}
