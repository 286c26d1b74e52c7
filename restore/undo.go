package restore

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/pgarc/pgarc/script"
	"github.com/pgarc/pgarc/toc"
)

// undoAfterData takes back, before a restore is gone on with, what an earlier
// run has made too soon: foreign keys, triggers and rules on tables whose data
// failed then and are loaded now. The keys would refuse the rows in the wrong
// order, and triggers would fire for each. Materialized views are refreshed
// again. All of it is done anew, after the data; it leaves done, which is what
// the journal has.
//
// To leave them out in the first place would lose them to who never goes on.
func (w *work) undoAfterData(ctx context.Context, s *session, done map[string]doneStep) error {
	isMade := func(s *Step) bool { return len(done[s.Key].parts) > 0 }
	isLeft := func(s *Step) bool { return s.Action.IsData() && !stepDone(s, done[s.Key]) }
	undo := slices.DeleteFunc(w.plan.tooSoon(isLeft), func(s *Step) bool { return !isMade(s) })
	if len(undo) == 0 {
		return nil
	}
	sql := []string{"BEGIN;\n"}
	var keys []string
	dropped := make(map[toc.DumpID]bool)
	for _, step := range slices.Backward(undo) {
		keys = append(keys, script.Literal(step.Key, s.stdStrings))
		if e := step.Entry; !dropped[e.ID] && isDroppedAgain(e) {
			dropped[e.ID] = true
			sql = append(sql, s.state.BeforeDrop(w.exec.toc, e, w.exec.script)...)
			sql = append(sql, script.Drop(e, true)...)
		}
	}
	s.state.AfterDrops()
	sql = append(sql, takeBack(keys), "COMMIT")
	if err := s.exec(ctx, strings.Join(sql, "")); err != nil {
		if !s.lost() {
			_ = s.exec(ctx, "ROLLBACK")
		}
		return fmt.Errorf("take back what has to come after data that are still to be loaded: %w", err)
	}
	for _, step := range undo {
		delete(done, step.Key)
		delete(w.earlier, step.ID)
	}
	if len(dropped) > 0 {
		w.notice(fmt.Sprintf("data are left to load: %d foreign keys and triggers that must come after them are dropped, and made again then", len(dropped)))
	}
	return nil
}

// tooSoon returns the steps, in plan order, that are to come after the data of
// steps that are left: those of foreign keys, triggers and rules with what
// belongs to them, and refreshes.
func (p *Plan) tooSoon(isLeft func(*Step) bool) []*Step {
	after := make([]bool, len(p.Steps))   // data that are left
	belongs := make([]bool, len(p.Steps)) // is to be undone
	for changed := true; changed; {       // dependencies mostly point back, so this is done soon
		changed = false
		for i, s := range p.Steps {
			isAfter := after[i] || isLeft(s) || slices.ContainsFunc(s.Deps, func(id StepID) bool { return after[id] })
			isToo := belongs[i] || isAfter && mustFollowData(s) || slices.ContainsFunc(s.Requires, func(id StepID) bool { return belongs[id] })
			changed = changed || isAfter != after[i] || isToo != belongs[i]
			after[i], belongs[i] = isAfter, isToo
		}
	}
	var list []*Step
	for i, s := range p.Steps {
		if belongs[i] {
			list = append(list, s)
		}
	}
	return list
}

func mustFollowData(s *Step) bool {
	switch s.Entry.Kind {
	case toc.FKConstraint, toc.Trigger, toc.Rule, toc.MaterializedViewData:
		return s.Action != ActionDrop
	}
	return false
}

// isDroppedAgain reports whether an entry's own drop statement undoes it. The
// trigger of a partition goes with that of the partitioned table, and the rule
// that makes a view is no rule to be dropped.
func isDroppedAgain(e *toc.Entry) bool {
	switch e.Kind {
	case toc.FKConstraint:
		return true
	case toc.Trigger:
		return firstWords(e.Defn)[0] == "CREATE"
	case toc.Rule:
		return strings.HasPrefix(e.Drop.String, "DROP RULE ")
	}
	return false
}
