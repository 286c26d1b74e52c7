//go:build linux

package main

import (
	"cmp"
	"slices"

	"github.com/pgarc/pgarc/toc"
)

// policyTime is how long pg_restore -j would take with as many processors and disks as it likes, by its own rules
// about what may run beside what (fix_dependencies, identify_locking_dependencies and pop_next_work_item in
// src/bin/pg_dump/pg_backup_archiver.c): the best of the ready entries is that with the most data, as in
// PostgreSQL 15; later ones look at a heap in its order, of which only the first is the best.
//
// seconds is what an entry takes. What takes none is not restored.
func policyTime(t *toc.TOC, jobs int, seconds map[toc.DumpID]float64) float64 {
	p := newPolicy(t, seconds)
	now := p.leader()
	var running []policyEntry
	for pass := toc.PassMain; ; { // each begins when the one before has ended
		if i := p.pick(pass, running); i >= 0 && len(running) < jobs {
			e := p.pending[i]
			p.pending = slices.Delete(p.pending, i, i+1)
			e.end = now + seconds[e.ID]
			running = append(running, e)
			continue
		}
		if len(running) == 0 {
			if pass++; pass > toc.PassPostACL {
				break
			}
			continue
		}
		first := slices.IndexFunc(running, func(e policyEntry) bool {
			return !slices.ContainsFunc(running, func(other policyEntry) bool { return other.end < e.end })
		})
		now = running[first].end
		p.reduce(running[first].ID)
		running = slices.Delete(running, first, first+1)
	}
	for _, e := range p.pending { // loops: one after the other
		now += seconds[e.ID]
	}
	return now
}

// policyEntry is an entry as pg_restore sees it.
type policyEntry struct {
	*toc.Entry
	deps   []toc.DumpID // to data, where there are such, instead of to their table
	locks  map[toc.DumpID]bool
	length int64 // of its data, or its table's
	end    float64
}

type policy struct {
	pending []policyEntry
	waits   map[toc.DumpID]int // dependencies that have not ended
	needed  map[toc.DumpID][]toc.DumpID
	seconds map[toc.DumpID]float64
}

// newPolicy does what fix_dependencies does.
func newPolicy(t *toc.TOC, seconds map[toc.DumpID]float64) *policy {
	p := &policy{waits: make(map[toc.DumpID]int), needed: make(map[toc.DumpID][]toc.DumpID), seconds: seconds}
	data := make(map[toc.DumpID]*toc.Entry) // of a table
	for _, e := range t.Entries {
		if e.Kind == toc.TableData && len(e.Deps) > 0 {
			data[e.Deps[0]] = e
		}
	}
	for _, e := range t.Entries {
		pe := policyEntry{Entry: e, deps: slices.Clone(e.Deps), locks: make(map[toc.DumpID]bool), length: max(e.DataSize, 0)}
		if e.Section == toc.SectionPostData {
			for i, d := range pe.deps {
				if table := data[d]; table != nil {
					pe.deps[i] = table.ID
					pe.length = max(pe.length, table.DataSize)
				}
			}
			pe.locks = lockDependencies(t, pe)
		}
		for _, d := range pe.deps {
			if t.Lookup(d) != nil {
				p.waits[e.ID]++
				p.needed[d] = append(p.needed[d], e.ID)
			}
		}
		p.pending = append(p.pending, pe)
	}
	return p
}

// lockDependencies are the tables that an entry is taken to need for itself: all but a plain index does.
func lockDependencies(t *toc.TOC, e policyEntry) map[toc.DumpID]bool {
	locks := make(map[toc.DumpID]bool)
	if e.Kind == toc.Index {
		return locks
	}
	for _, d := range e.deps {
		if on := t.Lookup(d); on != nil && (on.Kind == toc.Table || on.Kind == toc.TableData) {
			locks[d] = true
		}
	}
	return locks
}

// leader restores what comes before the data, and returns how long that takes.
func (p *policy) leader() (now float64) {
	var later []policyEntry
	for _, e := range p.pending {
		early := e.Section == toc.SectionPreData || e.Section == toc.SectionNone && len(later) == 0
		if !early || toc.PassOf(e.Entry) != toc.PassMain {
			later = append(later, e)
			continue
		}
		now += p.seconds[e.ID]
		p.reduce(e.ID)
	}
	p.pending = later
	return now
}

func (p *policy) reduce(id toc.DumpID) {
	for _, n := range p.needed[id] {
		p.waits[n]--
	}
}

// pick returns which pending entry is next; negative: none can begin.
func (p *policy) pick(pass toc.Pass, running []policyEntry) int {
	best := -1
	for i, e := range p.pending {
		if toc.PassOf(e.Entry) > pass || p.waits[e.ID] > 0 || slices.ContainsFunc(running, func(r policyEntry) bool { return excludes(e, r) || excludes(r, e) }) {
			continue
		}
		if best < 0 || cmp.Or(cmp.Compare(e.length, p.pending[best].length), cmp.Compare(p.pending[best].ID, e.ID)) > 0 {
			best = i
		}
	}
	return best
}

// excludes reports whether a would lock what b depends on (has_lock_conflicts).
func excludes(a, b policyEntry) bool {
	return slices.ContainsFunc(b.deps, func(d toc.DumpID) bool { return a.locks[d] })
}
