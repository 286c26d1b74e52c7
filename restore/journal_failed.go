package restore

import (
	"context"
	"strings"

	"github.com/pgarc/pgarc/script"
)

// fail notes failures.
func (j *journal) fail(ctx context.Context, s *session, failures ...*StepError) error {
	if j == nil || s.lost() {
		return nil
	}
	var sql strings.Builder
	for _, e := range failures {
		sql.WriteString(j.failure(e))
	}
	err := s.exec(ctx, sql.String())
	if err == nil {
		j.mu.Lock()
		defer j.mu.Unlock()
		for _, e := range failures {
			j.failed[e.Step.Key] = true
		}
	}
	return err
}

// failure returns the SQL that notes a failure.
func (j *journal) failure(e *StepError) string {
	message, state, sql := e.Reason(), e.SQLState(), e.SQL
	if pg := e.PgError(); pg != nil {
		message = pg.Message
	}
	if hidesSecrets(e.Step.Entry.Kind) {
		sql = ""
	}
	return j.forget(e.Step.Key) + "INSERT INTO pgarc_journal.failed (step, kind, name, message, sqlstate, sql) VALUES (" + j.about(e.Step) + ", " +
		script.Literal(message, j.std) + ", " + script.Literal(state, j.std) + ", " + script.Literal(sql, j.std) + ");"
}

// mends returns the SQL that takes back the failure of a step, if one was
// noted: what succeeds later has not failed.
func (j *journal) mends(s *Step) string {
	if !j.hasFailed(s.Key) {
		return ""
	}
	return j.forget(s.Key)
}

func (j *journal) hasFailed(key string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.failed[key]
}

func (j *journal) forget(key string) string {
	return "DELETE FROM pgarc_journal.failed WHERE step = " + script.Literal(key, j.std) + ";"
}

// journalFailures notes failures that count. They are told in any case. What
// counted in an earlier run, and does not in this, is forgotten.
func (w *work) journalFailures(ctx context.Context, s *session, failures ...*StepError) {
	j := w.exec.journal
	var count []*StepError
	for _, e := range failures {
		switch e = w.opts.foremost(e); {
		case !w.opts.ignores(e):
			count = append(count, e)
		case j != nil && j.hasFailed(e.Step.Key):
			_ = s.exec(ctx, j.forget(e.Step.Key))
		}
	}
	if len(count) > 0 {
		_ = j.fail(ctx, s, count...)
	}
}

// readFailed reads which steps have failed.
func (j *journal) readFailed(ctx context.Context, s *session) error {
	rows, err := s.query(ctx, "SELECT step FROM pgarc_journal.failed")
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.failed = make(map[string]bool)
	for _, r := range rows {
		j.failed[r[0]] = true
	}
	return nil
}

// forgetOver takes back failures of steps that are not tried again, since
// nothing is left to do of them: drops, once something was made.
func (w *work) forgetOver(ctx context.Context, s *session) error {
	j, over := w.exec.journal, w.over()
	var sql strings.Builder
	for _, step := range w.plan.Steps {
		if over(step) {
			sql.WriteString(j.mends(step))
		}
	}
	if sql.Len() == 0 {
		return nil
	}
	return s.exec(ctx, sql.String())
}

// noteFailures notes the failures that the journal lacks: a connection was lost
// before they could be noted, or a server that crashed has lost the note. Where
// there is no room for it, they are told in any case.
func (w *work) noteFailures(ctx context.Context, s *session) error {
	if len(w.result.Failed) == 0 {
		return nil
	}
	j := w.exec.journal
	if err := j.readFailed(ctx, s); err != nil {
		return err
	}
	for _, e := range w.result.Failed {
		if j.hasFailed(e.Step.Key) {
			continue
		}
		if err := j.fail(ctx, s, e); err != nil && s.lost() {
			return err
		}
	}
	return nil
}
