package main

import (
	"bufio"
	"fmt"
	"slices"
	"strings"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/script"
	"github.com/pgarc/pgarc/toc"
)

// aspectData is the one that only --rows sees.
const aspectData toc.Aspect = "data"

// A diffReport is what pgarc diff has to say.
type diffReport struct {
	diffOptions
	old, new *diffSide
	list     []difference
	counts   map[string]int // by change; "same" too
}

// A difference is one entry that is not the same in both archives.
type difference struct {
	toc.Pair
	change string // "removed", "added" or "changed"
	in     []toc.Aspect
}

func newDiffReport(o diffOptions, old, new *diffSide) *diffReport {
	r := &diffReport{diffOptions: o, old: old, new: new, counts: map[string]int{}}
	for _, p := range toc.PairUp(old.archive.TOC, old.entries, new.archive.TOC, new.entries) {
		d := difference{Pair: p, change: "changed", in: r.differences(p)}
		switch {
		case p.New == nil:
			d.change = "removed"
		case p.Old == nil:
			d.change = "added"
		case len(d.in) == 0:
			r.counts["same"]++
			continue
		}
		r.counts[d.change]++
		r.list = append(r.list, d)
	}
	return r
}

// differences returns in what a pair differs, as the options have it.
func (r *diffReport) differences(p toc.Pair) []toc.Aspect {
	list := p.Differences()
	if r.noOwner {
		list = slices.DeleteFunc(list, func(a toc.Aspect) bool { return a == toc.AspectOwner })
	}
	if p.Old != nil && p.New != nil && r.dataDiffer(p) {
		list = append(list, aspectData)
	}
	return list
}

// dataDiffer reports whether the data that were read of a pair differ. Of data
// that are damaged nothing can be said.
func (r *diffReport) dataDiffer(p toc.Pair) bool {
	a, inOld := r.old.data[p.Old.ID]
	b, inNew := r.new.data[p.New.ID]
	switch {
	case inOld && !a.Whole || inNew && !b.Whole:
		return false
	case a.Rows != b.Rows:
		return true
	}
	return inOld && inNew && sameForm(p) && (a.Bytes != b.Bytes || a.Digest != b.Digest)
}

// sameForm reports whether equal rows make equal data: COPY and INSERT do not,
// nor do other columns.
func sameForm(p toc.Pair) bool {
	return (p.Old.Copy == "") == (p.New.Copy == "") && toc.CopyColumns(p.Old.Copy) == toc.CopyColumns(p.New.Copy)
}

// print prints the report. The error is the exit status.
func (r *diffReport) print(env *env) error {
	out := bufio.NewWriter(env.stdout)
	if r.json {
		if err := r.writeJSON(out); err != nil {
			return err
		}
	} else if len(r.list) > 0 {
		r.write(out)
	}
	if err := out.Flush(); err != nil {
		return err
	}
	if len(r.list) > 0 && env.damage == nil {
		return &exitError{code: exitFailed}
	}
	return nil
}

// write writes the report for people.
func (r *diffReport) write(w *bufio.Writer) {
	fmt.Fprintf(w, "--- %s\n+++ %s\n\n", r.old.headline(), r.new.headline())
	detailed := false
	for _, d := range r.list {
		if detailed {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%-7s  %s %s", d.change, visible(string(d.Kind)), visible(d.Name.String()))
		if note := r.note(d); note != "" {
			fmt.Fprintf(w, ": %s", note)
		}
		fmt.Fprintln(w)
		if detailed = !r.summary && d.change == "changed"; detailed {
			r.writeDetails(w, d)
		}
	}
	fmt.Fprintf(w, "\n%s\n", r.totals())
}

func (s *diffSide) headline() string {
	return headline(archive.RedactURL(s.name), s.archive, countObjects(s.archive.TOC))
}

// note is what stands in the line of a difference: in what entries differ, and
// how much data one has that is gone or new.
func (r *diffReport) note(d difference) string {
	switch d.change {
	case "removed":
		return r.old.amount(d.Old)
	case "added":
		return r.new.amount(d.New)
	}
	var names []string
	for _, a := range d.in {
		names = append(names, string(a))
	}
	return strings.Join(names, ", ")
}

// amount says how much data an entry has; "" if none, or not known.
func (s *diffSide) amount(e *toc.Entry) string {
	if c, ok := s.data[e.ID]; ok {
		return rowsOf(e, c.Rows)
	}
	if e.Data == toc.DataNone || e.DataSize < 0 {
		return ""
	}
	return byteSize(e.DataSize) + " stored"
}

// rowsOf counts the rows, or the large objects, of an entry.
func rowsOf(e *toc.Entry, n int64) string {
	what := "row"
	if e.Kind == toc.Blobs {
		what = "large object"
	}
	return countOf(int(n), what)
}

// writeDetails says how each aspect changed.
func (r *diffReport) writeDetails(w *bufio.Writer, d difference) {
	change := func(what toc.Aspect, old, new string) {
		fmt.Fprintf(w, "    %s: %s, now %s\n", what, orNone(old), orNone(new))
	}
	for _, a := range d.in {
		switch a {
		case toc.AspectOwner:
			change(a, d.Old.Owner.String, d.New.Owner.String)
		case toc.AspectTablespace:
			change(a, d.Old.Tablespace.String, d.New.Tablespace.String)
		case toc.AspectAccessMethod:
			change(a, d.Old.TableAM, d.New.TableAM)
		case toc.AspectColumns:
			change(a, toc.CopyColumns(d.Old.Copy), toc.CopyColumns(d.New.Copy))
		case aspectData:
			fmt.Fprintf(w, "    data: %s\n", r.dataChange(d.Pair))
		case toc.AspectDefinition:
			for _, l := range script.DiffSQL(d.Old.Defn, d.New.Defn) {
				fmt.Fprintf(w, "    %s\n", shownLine(l))
			}
		}
	}
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return visible(s)
}

// dataChange says how the data of a pair differ.
func (r *diffReport) dataChange(p toc.Pair) string {
	a, b := r.old.data[p.Old.ID], r.new.data[p.New.ID]
	switch {
	case a.Rows != b.Rows:
		return rowsOf(p.Old, a.Rows) + ", now " + thousands(b.Rows)
	case a.Bytes != b.Bytes:
		return fmt.Sprintf("%s in both, of %s bytes, now %s", rowsOf(p.Old, a.Rows), thousands(a.Bytes), thousands(b.Bytes))
	}
	return rowsOf(p.Old, a.Rows) + " in both, with other content or in another order"
}

// shownLine is a line of a diff for a terminal. Tabs may stay: they are common
// in the bodies of functions, and cannot leave the line.
func shownLine(l script.DiffLine) string {
	if l.Op == '@' {
		return "..."
	}
	parts := strings.Split(l.Text, "\t")
	for i, p := range parts {
		parts[i] = visible(p)
	}
	return strings.TrimRight(string(l.Op)+strings.Join(parts, "\t"), " ")
}

// totals is the last line.
func (r *diffReport) totals() string {
	line := fmt.Sprintf("%s removed, %s added, %s changed, %s the same", r.count("removed"), r.count("added"), r.count("changed"), r.count("same"))
	old, new := totalsOf(r.old.entries), totalsOf(r.new.entries)
	switch {
	case old.data == 0 && new.data == 0:
		return line
	case !old.sizeUnknown && !new.sizeUnknown:
		line += fmt.Sprintf("; data of %s stored, now %s", byteSize(old.size), byteSize(new.size))
	}
	if !r.rows {
		line += "; data not compared (--rows)"
	}
	return line
}

func (r *diffReport) count(change string) string { return thousands(int64(r.counts[change])) }
