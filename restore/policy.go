package restore

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pgarc/pgarc/toc"
)

// A Policy says which failures are not counted as such: they are reported as
// ignored, and do not keep the restore from being complete. The zero Policy
// ignores what is harmless.
type Policy struct {
	Ignore []Class
	Strict bool // count also what is harmless
}

// Ignores reports whether a failure is not counted.
func (p Policy) Ignores(e *StepError) bool {
	return !p.Strict && e.Harmless() || slices.Contains(p.Ignore, e.Class())
}

// String says the policy in a few words.
func (p Policy) String() string {
	var list []string
	if !p.Strict {
		list = append(list, "what is harmless")
	}
	for _, c := range p.Ignore {
		list = append(list, c.String())
	}
	if len(list) == 0 {
		return "nothing is ignored"
	}
	return "ignored: " + strings.Join(list, ", ")
}

// ParsePolicy reads names of classes. "none" stands for a strict policy, in
// which also what is harmless counts.
func ParsePolicy(names []string) (Policy, error) {
	var p Policy
	for _, name := range names {
		if name = strings.TrimSpace(name); name == "none" {
			p.Strict = true
			continue
		}
		c, err := ParseClass(name)
		if err != nil {
			return p, err
		}
		if !slices.Contains(p.Ignore, c) {
			p.Ignore = append(p.Ignore, c)
		}
	}
	if p.Strict && len(p.Ignore) > 0 {
		return p, fmt.Errorf("none and names of classes exclude each other")
	}
	return p, nil
}

// ignores applies the policy of the options. A failure ends a transaction of
// several steps, whatever it is.
func (o *Options) ignores(e *StepError) bool {
	return !o.SingleTransaction && o.TransactionSize == 0 && o.Policy.Ignores(e)
}

// fullMost is how many steps in a row may fail for want of disk space. One may
// have been too large for what is left, and the next ones fit. But where nothing
// does, to go on would only harm what else the server does.
const fullMost = 3

func isDiskFull(e *StepError) bool { return e.SQLState() == "53100" }

// foremost puts the failure of a step first that counts most: one that is not
// ignored, and of these one because of which the object is not there. It
// changes nothing of e, which others may read.
func (o *Options) foremost(e *StepError) *StepError {
	if len(e.Also) == 0 {
		return e
	}
	list := append([]*StepError{e}, e.Also...)
	weight := func(e *StepError) int {
		n := 0
		if !o.ignores(e) {
			n += 2
		}
		if e.Role == RoleCreate && !e.Exists {
			n++
		}
		return n
	}
	slices.SortStableFunc(list, func(a, b *StepError) int { return weight(b) - weight(a) })
	first := *list[0]
	first.Also = nil
	for _, other := range list[1:] {
		alone := *other
		alone.Also = nil
		first.Also = append(first.Also, &alone)
	}
	return &first
}

// isThere reports whether the object of a step is there in spite of what
// failed: it was before, or only something about it could not be set.
func (e *StepError) isThere() bool {
	for _, f := range append([]*StepError{e}, e.Also...) {
		if !f.Exists && f.Role != RoleAlter {
			return false
		}
	}
	return true
}

// isAttachment reports whether an entry says something about an object, and
// nothing else is lost if it is not made together with that.
func isAttachment(e *toc.Entry) bool {
	return e.Kind == toc.Comment || e.Kind == toc.SecurityLabel || isACL(e.Kind)
}
