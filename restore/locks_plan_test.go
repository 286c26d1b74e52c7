package restore

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/internal/pgscratch"
	"github.com/pgarc/pgarc/internal/pgscratch/scratchtest"
	"github.com/pgarc/pgarc/script"
)

// TestLocksOfPlan restores archives one step at a time, each in a transaction,
// and compares the locks that the server shows with those that the plan says.
func TestLocksOfPlan(t *testing.T) {
	if testing.Short() {
		t.Skip("long")
	}
	scratchtest.EachServer(t, func(t *testing.T, s *pgscratch.Server) {
		major := s.Binaries().Major
		name := map[int]string{14: "13/c-gzip", 18: "18/c-statistics"}[major]
		if name == "" {
			name = fmt.Sprintf("%d/c-gzip", major)
		}
		for mode, without := range map[string]Rewrite{"in steps": 0, "as it is": AllRewrites} {
			if without != 0 && major != 15 && os.Getenv("PGARC_LONG_TESTS") == "" {
				continue
			}
			t.Run(mode, func(t *testing.T) {
				a, err := archive.Open(fixtures.Get(t, name).Path)
				if err != nil {
					t.Fatal(err)
				}
				defer a.Close()
				opts := Options{Without: without, ServerVersion: major * 10000}
				plan, err := NewPlan(opts.Selection.Apply(a.TOC), opts)
				if err != nil {
					t.Fatal(err)
				}
				m := lockProof{t: t, archive: a, plan: plan, seen: make([][]heldLock, len(plan.Steps)), after: make([]map[StepID]bool, len(plan.Steps))}
				m.restore(s, opts)
				m.compareSteps()
				m.comparePairs()
			})
		}
	})
}

// A lockProof is a plan and what was seen of the locks of its steps.
type lockProof struct {
	t       *testing.T
	archive *archive.Reader
	plan    *Plan
	session *session
	seen    [][]heldLock      // by step, on what was there before it; nil of what runs alone
	after   []map[StepID]bool // by step: all steps that it waits for, directly or not
}

// restore runs the steps in an order in which a restore might.
func (m *lockProof) restore(s *pgscratch.Server, opts Options) {
	m.t.Helper()
	roles, err := os.ReadFile(filepath.Join(filepath.Dir(fixtures.Get(m.t, "15/c-gzip").Path), "../../sql/murmur/roles.sql"))
	if err != nil {
		m.t.Fatal(err)
	}
	config, err := pgconn.ParseConfig(s.ConnString(scratchtest.Database(m.t, s)))
	if err != nil {
		m.t.Fatal(err)
	}
	m.session, err = connect(m.t.Context(), config, m.archive.TOC, opts, func(string) {})
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(m.session.close)
	if err := m.session.exec(m.t.Context(), string(roles)); err != nil {
		m.t.Fatal(err)
	}
	for phase := PhaseDrop; phase <= lastPhase; phase++ {
		todo := slices.DeleteFunc(slices.Clone(m.plan.Steps), func(s *Step) bool { return s.Phase != phase })
		for len(todo) > 0 {
			i := slices.IndexFunc(todo, m.isReady)
			if i < 0 {
				m.t.Fatalf("steps that wait for each other: %v", todo)
			}
			m.run(todo[i])
			todo = slices.Delete(todo, i, i+1)
		}
	}
}

func (m *lockProof) isReady(s *Step) bool {
	for _, d := range s.Deps {
		if m.after[d] == nil {
			return false
		}
	}
	return true
}

// run runs a step and looks at its locks before it commits.
func (m *lockProof) run(s *Step) {
	m.t.Helper()
	m.after[s.ID] = make(map[StepID]bool)
	for _, d := range s.Deps {
		m.after[s.ID][d] = true
		maps.Copy(m.after[s.ID], m.after[d])
	}
	ctx := m.t.Context()
	exec := func(sql string) error { return m.session.exec(ctx, sql) }
	if err := exec(strings.Join(m.session.state.Before(m.archive.TOC, s.Entry, script.Options{}), "")); err != nil {
		m.t.Fatal(err)
	}
	b := backend{m.session.conn, m.t}
	newest := b.newestRelation()
	begin := "BEGIN"
	if s.Freeze {
		begin += "; " + truncateStatement(s)
	}
	err := exec(begin)
	for _, st := range s.Statements {
		switch {
		case err != nil, strings.HasPrefix(st.SQL, "VACUUM "):
		case st.Role == RoleLoad:
			err = m.copy(s, st.SQL)
		default:
			err = exec(st.SQL)
		}
	}
	m.session.state.After(s.Entry)
	if err != nil {
		_ = exec("ROLLBACK")
		if s.Phase > PhasePreData {
			m.t.Errorf("%s %s: %v", s.Action, s.Entry.Tag, err)
			return
		}
		for _, st := range s.Statements { // a table without what this server lacks, as restoring does it
			for _, sql := range script.SplitStatements(st.SQL, true) {
				_ = exec(sql)
			}
		}
		return
	}
	if s.Phase > PhasePreData {
		// Nobody else can see, and so lock, what the step has made.
		m.seen[s.ID] = slices.DeleteFunc(b.locks(b.PID(), true), func(l heldLock) bool { return l.OID > newest })
	}
	if err := exec("COMMIT"); err != nil {
		m.t.Fatal(err)
	}
}

// newestRelation returns the last OID that a relation got. They do not start
// again in a test's server.
func (b backend) newestRelation() int64 {
	rows, err := b.query("SELECT max(oid::bigint) FROM pg_catalog.pg_class")
	if err != nil {
		b.t.Fatal(err)
	}
	oid, err := strconv.ParseInt(string(rows[0][0]), 10, 64)
	if err != nil {
		b.t.Fatal(err)
	}
	return oid
}

func (m *lockProof) copy(s *Step, sql string) error {
	data, err := m.archive.Data(s.Entry)
	if err != nil {
		return err
	}
	defer data.Close()
	if s.Freeze {
		sql, _ = script.FreezeCopy(sql)
	}
	_, err = m.session.conn.CopyFrom(context.WithoutCancel(m.t.Context()), &copyText{task: &task{step: s}, data: data}, sql)
	return err
}

// compareSteps checks that each lock that a step takes on a table (or view, or
// sequence) keeps away no other step that those in the plan would let in.
// Grants (since 18) and ANALYZE (tables that inherit) also take ACCESS SHARE,
// which nothing in their phases keeps away.
func (m *lockProof) compareSteps() {
	for id, seen := range m.seen {
		s := m.plan.Steps[id]
		for _, l := range seen {
			if l.Mode == AccessShare && (s.Phase == PhaseACL || s.Action == ActionAnalyze) {
				continue
			}
			if !l.index && !covered(l.Lock, s.Locks) {
				m.t.Errorf("%s %s %s takes %s on %s, not in the plan: %v", s.Action, s.Entry.Kind, s.Entry.Tag, l.Mode, l.Relation, s.Locks)
			}
		}
	}
}

// covered reports whether the planned locks on the relation conflict with all
// that a lock conflicts with.
func covered(l Lock, planned []Lock) bool {
	for other := AccessShare; other <= AccessExclusive; other++ {
		if l.Mode.Conflicts(other) && !slices.ContainsFunc(planned, func(p Lock) bool { return p.Relation == l.Relation && p.Mode.Conflicts(other) }) {
			return false
		}
	}
	return true
}

// comparePairs checks that no two steps that the plan lets run at once took
// locks that conflict, on tables or on indexes.
func (m *lockProof) comparePairs() {
	pairs := 0
	for i, a := range m.plan.Steps {
		for j, b := range m.plan.Steps[:i] {
			if a.Phase != b.Phase || m.after[i][StepID(j)] || m.after[j][StepID(i)] || conflict(a.Locks, b.Locks) {
				continue
			}
			pairs++
			if x, y, found := firstConflict(m.seen[i], m.seen[j]); found {
				m.t.Errorf("%s %s %s (%s) and %s %s %s (%s) may run at once, but both lock %s", a.Action, a.Entry.Kind, a.Entry.Tag, x.Mode, b.Action, b.Entry.Kind, b.Entry.Tag, y.Mode, x.Relation)
			}
		}
	}
	m.t.Logf("%d steps, %d pairs of them may run at once", len(m.plan.Steps), pairs)
	if pairs < len(m.plan.Steps) {
		m.t.Errorf("only %d pairs of %d steps may run at once", pairs, len(m.plan.Steps))
	}
}

func conflict(as, bs []Lock) bool {
	for _, a := range as {
		for _, b := range bs {
			if a.Relation == b.Relation && a.Mode.Conflicts(b.Mode) {
				return true
			}
		}
	}
	return false
}

func firstConflict(as, bs []heldLock) (a, b heldLock, found bool) {
	for _, a := range as {
		for _, b := range bs {
			if a.Relation == b.Relation && a.Mode.Conflicts(b.Mode) {
				return a, b, true
			}
		}
	}
	return a, b, false
}
