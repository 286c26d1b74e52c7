package restore

import (
	"strings"
	"time"

	"github.com/pgarc/pgarc/toc"
)

// rates learns from the steps that have ended how long a kind of work takes in
// proportion to its estimated cost, so that the longest chain is the longest
// in time.
type rates struct {
	cost    map[string]float64
	seconds map[string]float64
	ended   int // since priorities were last set

	quickEnded int // steps that cost nothing
	quickTook  time.Duration
}

// relearn is after how many measured steps priorities are set anew.
const relearn = 8

// workOf returns the kind of work of a step, or "" for what takes no time.
func workOf(s *Step) string {
	switch {
	case s.Quick || s.Cost <= smallCost:
		return ""
	case s.Action == ActionValidate:
		return "validate"
	case s.Action == ActionAnalyze:
		return "analyze"
	case s.Action.IsData():
		return "load"
	case s.Entry.Kind == toc.FKConstraint:
		return "foreign key"
	case isIndex(s.Entry) && s.Action == ActionCreate:
		return "index" + method(s.Entry.Defn)
	}
	return ""
}

// method returns the access method that the definition of an index names.
func method(defn string) string {
	_, after, ok := strings.Cut(defn, " USING ")
	name, _, found := strings.Cut(after, " ")
	if !ok || !found || strings.ContainsAny(name, `"(`) {
		return ""
	}
	return " " + name
}

func (r *rates) add(s *Step, took time.Duration) {
	kind := workOf(s)
	if kind == "" {
		r.quickEnded++
		r.quickTook += took
	}
	if kind == "" || took <= 0 {
		return
	}
	if r.cost == nil {
		r.cost, r.seconds = make(map[string]float64), make(map[string]float64)
	}
	r.cost[kind] += s.Cost
	r.seconds[kind] += took.Seconds()
	r.ended++
}

// secondsOf estimates how long a step takes. Kinds of work that were not seen
// yet take as long for their cost as all others together.
func (r *rates) secondsOf(s *Step) float64 {
	kind := workOf(s)
	if kind == "" {
		return 0
	}
	if r.seconds[kind] > 0 {
		return s.Cost * r.seconds[kind] / r.cost[kind]
	}
	cost, seconds := 0.0, 0.0
	for k := range r.cost {
		cost += r.cost[k]
		seconds += r.seconds[k]
	}
	if seconds == 0 {
		return s.Cost
	}
	return s.Cost * seconds / cost
}

// learn takes in how long a step took, and now and then orders what is left by
// it.
func (w *work) learn(s *Step, took time.Duration) {
	w.rates.add(s, took)
	if w.rates.ended < relearn || w.sched.inOrder() {
		return
	}
	w.rates.ended = 0
	w.plan.setPriorities(w.rates.secondsOf)
	w.sched.reorder()
}
