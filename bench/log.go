//go:build linux

package main

import (
	"bufio"
	"cmp"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pgarc/pgarc/script"
)

// What the server has to be told so that ParseLog finds what it needs: each message's duration, and the resources
// that its process used for it. Parallel workers are processes of their own: their share is not in the statistics.
var logSettings = map[string]string{
	"log_line_prefix":            "%n %p %d ",
	"log_min_duration_statement": "0",
	"log_statement_stats":        "on",
	"log_min_error_statement":    "panic", // no STATEMENT line after each of the statistics
}

// Phase is the kind of work that a statement does.
type Phase string

// The phases of a restore, in the order of the report.
const (
	Copy        Phase = "COPY"
	Index       Phase = "indexes and keys"
	ForeignKey  Phase = "foreign keys"
	Vacuum      Phase = "VACUUM, ANALYZE"
	MatView     Phase = "materialized views"
	LargeObject Phase = "large objects"
	Other       Phase = "other statements"
)

// Phases lists them all.
var Phases = []Phase{Copy, Index, ForeignKey, Vacuum, MatView, LargeObject, Other}

// Statement is one message to the server: a statement, several sent as one, or the parsing of one.
type Statement struct {
	PID        int
	Start, End time.Duration // since 1970, milliseconds; Start is End less what the server says it took
	SQL        string
	CPU        time.Duration // of the process itself
	Read       int64         // bytes from the disk, not from the kernel's cache
	Step       bool          // it ran something; else it was parsed or bound
}

var (
	recordRE   = regexp.MustCompile(`^(\d+)\.(\d{3}) (\d+) (\S*) ([A-Z]+):  (.*)$`)
	durationRE = regexp.MustCompile(`^duration: ([0-9.]+) ms  (statement|execute|parse|bind|fastpath function call)[^:]*: ?`)
	cpuRE      = regexp.MustCompile(`!\t([0-9.]+) s user, ([0-9.]+) s system, `)
	blocksRE   = regexp.MustCompile(`!\t(\d+)/\d+ \[\d+/\d+\] filesystem blocks in/out`)
)

// ParseLog reads the statements that ran in database db, in the order of their ends, from a log written under
// logSettings. Lines that are not the server's are skipped.
func ParseLog(r io.Reader, db string) ([]Statement, error) {
	p := logParser{db: db, last: map[int]int{}}
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		text := strings.TrimSuffix(line, "\n")
		if m := recordRE.FindStringSubmatch(text); m != nil {
			p.flush()
			p.head, p.body = m, append(p.body[:0], m[6]...)
		} else if rest, ok := strings.CutPrefix(text, "\t"); ok && p.head != nil {
			p.body = append(append(p.body, '\n'), rest...)
		}
		if err != nil {
			p.flush()
			if err == io.EOF {
				err = nil
			}
			return p.found, err
		}
	}
}

type logParser struct {
	db    string
	head  []string // of the record being read: recordRE's groups
	body  []byte   // its text, all lines
	found []Statement
	last  map[int]int // by process: its latest statement
}

// flush takes the record that is complete now.
func (p *logParser) flush() {
	head := p.head
	p.head = nil
	if head == nil || head[4] != p.db {
		return
	}
	pid, body := atoi(head[3]), string(p.body)
	switch head[5] {
	case "LOG":
		m := durationRE.FindStringSubmatch(body)
		if m == nil {
			break
		}
		end := time.Duration(atoi(head[1]))*time.Second + time.Duration(atoi(head[2]))*time.Millisecond
		p.last[pid] = len(p.found)
		p.found = append(p.found, Statement{
			PID: pid, End: end, Start: end - seconds(m[1])/1000, SQL: body[len(m[0]):], Step: m[2] != "parse" && m[2] != "bind",
		})
	case "DETAIL":
		i, ok := p.last[pid]
		if m := cpuRE.FindStringSubmatch(body); m != nil && ok {
			p.found[i].CPU += seconds(m[1]) + seconds(m[2])
		}
		if m := blocksRE.FindStringSubmatch(body); m != nil && ok {
			p.found[i].Read += int64(atoi(m[1])) * 512 // getrusage(2): ru_inblock
		}
	}
}

func atoi(s string) int {
	n, _ := strconv.Atoi(s) // the pattern lets only digits through
	return n
}

func seconds(s string) time.Duration {
	f, _ := strconv.ParseFloat(s, 64)
	return time.Duration(f * float64(time.Second))
}

var (
	// What may come before the statement that matters: blanks, comments, the start of a transaction, settings.
	prefixRE     = regexp.MustCompile(`^(\s+|--[^\n]*\n|/\*.*?\*/|(?i:BEGIN|START TRANSACTION|SET|SELECT pg_catalog.set_config) ?[^;]*;)+`)
	alterTableRE = regexp.MustCompile(`^ALTER (FOREIGN )?TABLE `)
	loadRE       = regexp.MustCompile(`^(TRUNCATE|COPY)\b`)
	copyRE       = regexp.MustCompile(`(?m)(^|;)\s*COPY [^;]* FROM STDIN`)
	foreignRE    = regexp.MustCompile(`FOREIGN KEY|VALIDATE CONSTRAINT`)
	keyRE        = regexp.MustCompile(`ADD CONSTRAINT .*(PRIMARY KEY|UNIQUE|EXCLUDE)`)
	indexRE      = regexp.MustCompile(`^(CREATE (UNIQUE )?INDEX|ALTER INDEX)\b`)
	vacuumRE     = regexp.MustCompile(`^(VACUUM|ANALYZE)\b`)
	lobRE        = regexp.MustCompile(`^("lo|SELECT (pg_catalog\.)?lo_|ALTER LARGE OBJECT)`)
)

// besideRE matches what goes with a statement in the same message: notes in pgarc's journal, settings, what begins the
// loading of a table, what an index's definition goes on with.
var besideRE = regexp.MustCompile(`^((INSERT INTO|DELETE FROM) pgarc_journal\.|TRUNCATE |BEGIN|START TRANSACTION|SET |SELECT pg_catalog\.set_config|` +
	`ALTER TABLE [^;]* (CLUSTER ON|REPLICA IDENTITY USING INDEX) )`)

// Parts takes apart a message in which several definitions were sent as one. What each of them took the log does not
// say; each is given the same share.
func (s Statement) Parts() []Statement {
	list := script.SplitStatements(s.SQL, true)
	list = slices.DeleteFunc(list, besideRE.MatchString)
	n := time.Duration(len(list))
	if n < 2 || !s.Step {
		return []Statement{s}
	}
	var parts []Statement
	for i, sql := range list {
		part, took := s, s.End-s.Start
		part.SQL, part.CPU, part.Read = sql, s.CPU/n, s.Read/int64(n)
		part.Start, part.End = s.Start+took*time.Duration(i)/n, s.Start+took*time.Duration(i+1)/n
		parts = append(parts, part)
	}
	return parts
}

// PhaseOf tells the phase of a statement, or of one that is sent with what goes with it, by how it begins.
func PhaseOf(sql string) Phase {
	sql = strings.TrimPrefix(sql, prefixRE.FindString(sql))
	upper := strings.ToUpper(sql)
	switch {
	case loadRE.MatchString(upper) && copyRE.MatchString(upper):
		return Copy
	case alterTableRE.MatchString(upper) && foreignRE.MatchString(upper):
		return ForeignKey
	case alterTableRE.MatchString(upper) && keyRE.MatchString(strings.ReplaceAll(upper, "\n", " ")), indexRE.MatchString(upper):
		return Index
	case vacuumRE.MatchString(upper):
		return Vacuum
	case strings.HasPrefix(upper, "REFRESH MATERIALIZED VIEW"):
		return MatView
	case lobRE.MatchString(sql):
		return LargeObject
	}
	return Other
}

// Work is what a set of statements took.
type Work struct {
	Statements int     `json:"statements"`
	Sum        float64 `json:"sum_seconds"`  // of all durations, over all connections; waits for locks included
	Span       float64 `json:"span_seconds"` // from the first start to the last end
	Busy       float64 `json:"busy_seconds"` // in which at least one ran
	CPU        float64 `json:"cpu_seconds"`  // of the connections' processes, without parallel workers
	Read       int64   `json:"read_bytes"`   // from the disk, likewise
}

// Measure sums up statements.
func Measure(all []Statement) Work {
	var w Work
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b Statement) int { return cmp.Compare(a.Start, b.Start) })
	var end time.Duration
	for i, s := range all {
		if s.Step {
			w.Statements++
		}
		w.Sum += (s.End - s.Start).Seconds()
		w.CPU += s.CPU.Seconds()
		w.Read += s.Read
		if i == 0 {
			end = s.Start
		}
		if s.End > end {
			w.Busy += (s.End - max(s.Start, end)).Seconds()
			end = s.End
		}
		w.Span = (end - all[0].Start).Seconds()
	}
	return w
}

// ByPhase sums up statements by phase; a phase without one is absent.
func ByPhase(all []Statement) map[Phase]Work {
	sets := map[Phase][]Statement{}
	for _, message := range all {
		for _, s := range message.Parts() {
			phase := PhaseOf(s.SQL)
			sets[phase] = append(sets[phase], s)
		}
	}
	works := map[Phase]Work{}
	for phase, set := range sets {
		works[phase] = Measure(set)
	}
	return works
}

// OfConstraint returns the statements that make or validate the foreign key name; none if that is "".
func OfConstraint(all []Statement, name string) []Statement {
	var found []Statement
	for _, message := range all {
		for _, s := range message.Parts() {
			if name != "" && PhaseOf(s.SQL) == ForeignKey && strings.Contains(s.SQL, name) {
				found = append(found, s)
			}
		}
	}
	return found
}
