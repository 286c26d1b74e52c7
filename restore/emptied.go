package restore

import (
	"context"
	"fmt"
	"strings"

	"github.com/pgarc/pgarc/script"
)

// renewIfEmptied is for a connection that was lost while the journal was
// dropped. If that was a crash, unlogged tables have lost their rows: a journal
// that lacks them is made, to go on by. A crash after the restore has ended is
// nobody's to see.
func (w *work) renewIfEmptied(ctx context.Context, s *session) error {
	emptied, err := w.anyEmptied(ctx, s)
	switch {
	case err != nil && s.lost():
		return err
	case err != nil:
		w.notice("cannot look whether a crash has emptied unlogged tables: " + reason(err))
		return nil
	case !emptied:
		return nil
	case w.stream != nil:
		return fmt.Errorf("unlogged tables: %w", ErrStreamLost)
	}
	j := w.exec.journal
	for _, step := range w.plan.Steps {
		if j.unlogged[step.Key] {
			delete(w.earlier, step.ID)
		}
	}
	if err := w.makeJournal(ctx, s, j, j.notesAnew(w.plan.Steps)); err != nil {
		return fmt.Errorf("a crash has emptied unlogged tables; make the journal anew, to load them again: %w", err)
	}
	w.rewinds = true
	return j.register(ctx, s)
}

// anyEmptied reports whether an unlogged table that was loaded has no rows.
func (w *work) anyEmptied(ctx context.Context, s *session) (bool, error) {
	j := w.exec.journal
	loaded := make(map[string]int64) // by key of step: rows
	for key, d := range j.done {
		loaded[key] = d.rows
	}
	for _, b := range w.booked {
		loaded[b.step.Key] = b.rows
	}
	var empty []string
	for _, step := range w.plan.Steps {
		if j.unlogged[step.Key] && isTableData(step) && loaded[step.Key] > 0 {
			empty = append(empty, "NOT EXISTS (SELECT FROM "+script.Qualified(step.Entry.Namespace, step.Entry.Tag)+")")
		}
	}
	if len(empty) == 0 {
		return false, nil
	}
	rows, err := s.query(ctx, "SELECT "+strings.Join(empty, " OR "))
	return err == nil && rows[0][0] == "t", err
}

// notesAnew returns the SQL that notes steps as done, as all were when the
// journal was dropped, except those that a crash undoes.
func (j *journal) notesAnew(steps []*Step) string {
	var sql strings.Builder
	for _, step := range steps {
		if j.unlogged[step.Key] {
			continue
		}
		for _, part := range stepParts(step) {
			sql.WriteString(j.markPart(step, part))
		}
	}
	return sql.String()
}
