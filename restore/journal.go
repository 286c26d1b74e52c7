package restore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/script"
	"github.com/pgarc/pgarc/toc"
)

// JournalSchema is the schema in which a restore notes, in the database that
// it restores, what is done. It is dropped when all is.
const JournalSchema = "pgarc_journal"

// What the journal consists of. A row of done is written in the transaction
// that does the work, so that the one is there exactly if the other is, and
// its key keeps anything from being done twice. Definitions that share a
// transaction share a row, which takes the server a fraction of the time; the
// server itself refuses to make an object twice. All tables have keys: without,
// a publication of all tables would forbid changing them. What is loaded into
// unlogged tables a crash empties, and so it does with what is noted of that.
const journalTables = `CREATE SCHEMA pgarc_journal;
CREATE TABLE pgarc_journal.restore (
	id integer PRIMARY KEY DEFAULT 1,
	archive text NOT NULL,     -- fingerprint of header and table of contents
	plan text NOT NULL,        -- fingerprint of the steps, and so of the options
	name text NOT NULL,        -- the archive, as the user calls it
	command text NOT NULL,     -- how to go on
	steps integer NOT NULL,
	begun timestamptz NOT NULL DEFAULT clock_timestamp(),
	ended timestamptz,         -- NULL: under way, or broken off
	pid integer,               -- of the session that holds the lock of the restore
	seconds_left double precision, -- that the rest was estimated to take
	estimated timestamptz      -- when
);
CREATE TABLE pgarc_journal.done (
	step text COLLATE "C" NOT NULL, -- dump id and action
	part bigint NOT NULL,      -- which statement of the step; of INSERT data, how many
	rows bigint,               -- loaded
	PRIMARY KEY (step, part)
);
CREATE UNLOGGED TABLE pgarc_journal.done_unlogged (LIKE pgarc_journal.done INCLUDING INDEXES);
CREATE TABLE pgarc_journal.done_joined (
	parts text COLLATE "C" PRIMARY KEY -- what was done in one transaction, as '17 create:0,17 create:1,18 create:0'
);
CREATE VIEW pgarc_journal.done_apart AS
	SELECT split_part(p, ':', 1) AS step, split_part(p, ':', 2)::bigint AS part FROM pgarc_journal.done_joined, unnest(string_to_array(parts, ',')) p;
CREATE VIEW pgarc_journal.all_done AS
	SELECT step, part, rows FROM pgarc_journal.done UNION ALL SELECT step, part, rows FROM pgarc_journal.done_unlogged
	UNION ALL SELECT step, part, NULL FROM pgarc_journal.done_apart;
CREATE TABLE pgarc_journal.failed (
	step text PRIMARY KEY,
	kind text NOT NULL,
	name text NOT NULL,
	message text NOT NULL,
	sqlstate text NOT NULL,
	sql text NOT NULL,         -- the whole statement; passwords are left out
	at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE pgarc_journal.running (
	pid integer PRIMARY KEY,
	step text NOT NULL,
	kind text NOT NULL,
	name text NOT NULL,
	begun timestamptz NOT NULL DEFAULT clock_timestamp()
);`

// A journal notes what is done in the database itself. It is safe for
// concurrent use; what it knew at the beginning does not change, but for what
// has failed.
type journal struct {
	done map[string]doneStep // by key: what an earlier run has done
	std  bool                // standard_conforming_strings of the sessions

	unlogged map[string]bool // keys of steps whose work a crash undoes

	mu     sync.Mutex
	failed map[string]bool // keys of steps whose failure is noted, or was
}

type doneStep struct {
	parts map[int64]bool
	rows  int64
}

// Fingerprints tell archives and plans apart.
type Fingerprints struct {
	Archive, Plan string
}

// fingerprints digests the header and table of contents of an archive, and the
// steps that were planned for it. Where the data are, and how many, is not in
// it: a copy that was cut off, or read from a pipe, is the same archive. What is
// done only to be sooner depends on that, and so is left out as well.
func fingerprints(a *archive.Reader, p *Plan) Fingerprints {
	sum := func(write func(h hash.Hash)) string {
		h := sha256.New()
		write(h)
		return hex.EncodeToString(h.Sum(nil)[:12])
	}
	return Fingerprints{
		Archive: sum(func(h hash.Hash) {
			fmt.Fprintln(h, a.Header.Version, a.Header.Created, a.Header.Database, a.Header.ServerVersion)
			for _, e := range a.TOC.Entries {
				fmt.Fprintln(h, e.ID, e.Kind, e.Namespace, e.Tag, e.Owner.String, len(e.Defn), e.Copy, e.HasDumper)
				io.WriteString(h, e.Defn)
			}
		}),
		Plan: sum(func(h hash.Hash) {
			for _, s := range p.Steps {
				if s.Action == ActionAnalyze {
					continue
				}
				fmt.Fprintln(h, s.Key, s.Phase)
				for _, st := range s.Statements {
					if st.Role != RoleTidy {
						fmt.Fprintln(h, st.Role, st.SQL)
					}
				}
			}
		}),
	}
}

// mark returns the SQL that notes a part of a step as done, to be sent in the
// same query as the work and after it.
func (j *journal) mark(s *Step, part int64) string {
	if j == nil {
		return ""
	}
	return j.markPart(s, part) + j.mends(s) + durable(s)
}

// marks is mark for all that is in a message; what is joined in one is no data.
func (j *journal) marks(parts []part) string {
	switch first := parts[0]; {
	case j == nil || first.n < 0:
		return ""
	case len(parts) == 1:
		return j.mark(first.task.step, int64(first.n))
	}
	var list []string
	var apart, mends strings.Builder
	for _, p := range parts {
		if step := p.task.step; j.unlogged[step.Key] {
			apart.WriteString(j.markPart(step, int64(p.n)))
		} else {
			list = append(list, step.Key+":"+strconv.Itoa(p.n))
		}
		mends.WriteString(j.mends(p.task.step))
	}
	joined := ""
	if len(list) > 0 {
		joined = "\n;INSERT INTO pgarc_journal.done_joined VALUES (" + script.Literal(strings.Join(list, ","), j.std) + ");"
	}
	return joined + apart.String() + mends.String()
}

// markRows does the same for data.
func (j *journal) markRows(s *Step, part, rows int64) string {
	if j == nil {
		return ""
	}
	return "\n;INSERT INTO " + j.table(s) + " (step, part, rows) VALUES (" + script.Literal(s.Key, j.std) + ", " +
		strconv.FormatInt(part, 10) + ", " + strconv.FormatInt(rows, 10) + ");" + j.mends(s) + durable(s)
}

// markPart is mark for a part with which the step is not done: one of several
// statements of a definition, or a run of INSERT commands.
func (j *journal) markPart(s *Step, part int64) string {
	if j == nil {
		return ""
	}
	return "\n;INSERT INTO " + j.table(s) + " (step, part) VALUES (" + script.Literal(s.Key, j.std) + ", " + strconv.FormatInt(part, 10) + ");"
}

// durable lets the commit of data that come from a stream be waited for: a
// server that crashes must not lose what cannot be read again.
func durable(s *Step) string {
	if !s.FromStream {
		return ""
	}
	return "SELECT pg_catalog.set_config('synchronous_commit', 'on', true) WHERE pg_catalog.current_setting('synchronous_commit') = 'off';"
}

func (j *journal) table(s *Step) string {
	if j.unlogged[s.Key] {
		return "pgarc_journal.done_unlogged"
	}
	return "pgarc_journal.done"
}

// unlogged returns the keys of the steps whose work a crash undoes: that fill
// unlogged tables, or set their sequences. Which sequences are unlogged the
// archive does not always say, so all are taken for it: to set one again does no
// harm.
func (p *Plan) unlogged(t *toc.TOC) map[string]bool {
	isUnlogged := func(e *toc.Entry) bool { return strings.HasPrefix(e.Defn, "CREATE UNLOGGED ") }
	keys := make(map[string]bool)
	if !slices.ContainsFunc(t.Entries, isUnlogged) {
		return keys
	}
	ts := newTables(t)
	for _, s := range p.Steps {
		table := ts.tableOf(s.Entry)
		if s.Entry.Kind == toc.SequenceSet || isTableData(s) && table != nil && isUnlogged(table) {
			keys[s.Key] = true
		}
	}
	return keys
}

// lookUp asks the database what of the steps of tasks is done.
func (j *journal) lookUp(ctx context.Context, s *session, tasks []*task) (map[string]doneStep, error) {
	keys := make([]string, len(tasks))
	for i, t := range tasks {
		keys[i] = script.Literal(t.step.Key, j.std)
	}
	rows, err := s.query(ctx, "SELECT step, part, coalesce(rows, 0) FROM pgarc_journal.all_done WHERE step IN ("+strings.Join(keys, ", ")+")")
	return doneSteps(rows), err
}

// takeBack returns the SQL that takes back that steps are done, given as
// literals. Those that share a row with others get one of their own first.
func takeBack(keys []string) string {
	return "INSERT INTO pgarc_journal.done (step, part) SELECT step, part FROM pgarc_journal.done_apart;\n" +
		"DELETE FROM pgarc_journal.done_joined;\n" +
		"DELETE FROM pgarc_journal.done WHERE step IN (" + strings.Join(keys, ", ") + ");\n"
}

func doneSteps(rows [][]string) map[string]doneStep {
	done := make(map[string]doneStep)
	for _, r := range rows {
		d := done[r[0]]
		if d.parts == nil {
			d.parts = make(map[int64]bool)
		}
		part, _ := strconv.ParseInt(r[1], 10, 64)
		n, _ := strconv.ParseInt(r[2], 10, 64)
		d.parts[part] = true
		d.rows += n
		done[r[0]] = d
	}
	return done
}

// register notes a session, so that a later run can end it should it be left
// behind.
func (j *journal) register(ctx context.Context, s *session) error {
	return s.exec(ctx, "DELETE FROM pgarc_journal.running WHERE pid = "+s.pid()+
		"; INSERT INTO pgarc_journal.running (pid, step, kind, name) VALUES ("+s.pid()+", '', '', '')")
}

// begin notes that a session begins a step that may take long, so that others
// can see and cancel it.
func (j *journal) begin(ctx context.Context, s *session, step *Step) error {
	if j == nil || step.Quick {
		return nil
	}
	return s.exec(ctx, "DELETE FROM pgarc_journal.running WHERE pid = "+s.pid()+
		"; INSERT INTO pgarc_journal.running (pid, step, kind, name) VALUES ("+s.pid()+", "+j.about(step)+")")
}

// estimate notes how long the rest will take, for who looks from outside.
func (j *journal) estimate(ctx context.Context, s *session, left time.Duration) error {
	if left <= 0 {
		return nil
	}
	return s.exec(ctx, "UPDATE pgarc_journal.restore SET estimated = pg_catalog.clock_timestamp(), seconds_left = "+strconv.FormatFloat(left.Seconds(), 'f', 1, 64))
}

// beginLate notes the same of another session's step, which is under way and
// was not expected to take long. The session notes its own steps, so this is
// done only if it is still at what it began at the given time.
func (j *journal) beginLate(ctx context.Context, s *session, pid uint32, query string, step *Step) error {
	id := strconv.FormatUint(uint64(pid), 10)
	at := stillAt(pid, query)
	return s.exec(ctx, asLogin+"DELETE FROM pgarc_journal.running WHERE pid = "+id+" AND step <> "+script.Literal(step.Key, j.std)+" AND EXISTS (SELECT "+at+")"+
		"; INSERT INTO pgarc_journal.running (pid, step, kind, name) SELECT pid, "+j.about(step)+" "+at+
		" AND NOT EXISTS (SELECT FROM pgarc_journal.running WHERE pid = "+id+")")
}

// about is the key, kind and name of a step, as SQL.
func (j *journal) about(step *Step) string {
	name := step.Entry.Tag
	if step.Entry.Namespace != "" {
		name = step.Entry.Namespace + "." + name
	}
	return script.Literal(step.Key, j.std) + ", " + script.Literal(string(step.Entry.Kind), j.std) + ", " + script.Literal(name, j.std)
}

// hidesSecrets reports whether definitions of a kind may hold passwords.
func hidesSecrets(k toc.Kind) bool {
	return k == "USER MAPPING" || k == "SERVER" || k == "FOREIGN DATA WRAPPER" || k == toc.Subscription
}

// Unfinished is the error of a restore that finds the journal of one that did
// not come to its end.
type Unfinished struct {
	Name         string // of the archive, as it was called
	Command      string // how it was to be gone on with
	NewCommand   string // [Options].Command of the restore that found it
	Begun        time.Time
	Steps, Done  int
	Failed       int
	Ended        bool   // it came to its end, but some steps failed
	OtherArchive bool   // its archive is not this one
	OtherOptions bool   // its options, or its server version, are not these
	Running      uint32 // the server process of a restore that is under way; else 0
}

// Error says what was found.
func (u *Unfinished) Error() string {
	switch {
	case u.Running != 0:
		return fmt.Sprintf("a restore is under way in this database (server process %d)", u.Running)
	case u.OtherArchive:
		return fmt.Sprintf("the database holds the journal of an unfinished restore of another archive (%s)", u.Name)
	case u.OtherOptions:
		return "the database holds the journal of an unfinished restore of this archive with other options"
	}
	return fmt.Sprintf("the database holds the journal of an unfinished restore of this archive: %d of %d steps done", u.Done, u.Steps)
}

// ErrNothingToResume says that a restore should go on, but the database holds
// no journal of one.
var ErrNothingToResume = errors.New("nothing to go on with: the database holds no journal of a restore")

// noJournal reports whether an error says that the journal is not there, or
// not to be read.
func noJournal(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "3F000" || pg.Code == "42P01") // invalid_schema_name, undefined_table
}

// isPrivilege reports whether the server refused something for lack of a
// privilege.
func isPrivilege(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "42501" // insufficient_privilege
}
