package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pgarc/pgarc/toc"
)

// totals sums up entries.
type totals struct {
	entries     int
	data        int   // entries with data
	size        int64 // of those whose size is known
	sizeUnknown bool  // of some it is not
	kinds       map[toc.Kind]int
}

func totalsOf(entries []*toc.Entry) totals {
	t := totals{entries: len(entries), kinds: make(map[toc.Kind]int)}
	run := 0 // entries of one kind mostly stand together
	for i, e := range entries {
		run++
		if i+1 == len(entries) || entries[i+1].Kind != e.Kind {
			t.kinds[e.Kind] += run
			run = 0
		}
		if e.Data != toc.DataNone {
			t.data++
			t.size += max(e.DataSize, 0)
			t.sizeUnknown = t.sizeUnknown || e.DataSize < 0
		}
	}
	return t
}

// line is the totals in words: how many of all, of which kinds, how much data.
func (t totals) line(all int) string {
	var b strings.Builder
	if t.entries >= all {
		fmt.Fprintf(&b, "%d entries", t.entries)
	} else {
		fmt.Fprintf(&b, "%d of %d entries", t.entries, all)
	}
	for i, kind := range t.byCount() {
		if i == 4 {
			fmt.Fprintf(&b, ", %d other kinds", len(t.kinds)-4)
			break
		}
		b.WriteString([]string{": ", ", "}[min(i, 1)])
		fmt.Fprintf(&b, "%d %s", t.kinds[kind], visible(string(kind)))
	}
	switch {
	case t.data == 0:
	case t.sizeUnknown:
		fmt.Fprintf(&b, "; %d with data, size not known", t.data)
	default:
		fmt.Fprintf(&b, "; %s of data in %d", byteSize(t.size), t.data)
	}
	return b.String()
}

// byCount returns the kinds, the most frequent first.
func (t totals) byCount() []toc.Kind {
	var list []toc.Kind
	for k := range t.kinds {
		list = append(list, k)
	}
	slices.SortFunc(list, func(a, b toc.Kind) int {
		if t.kinds[a] != t.kinds[b] {
			return t.kinds[b] - t.kinds[a]
		}
		return strings.Compare(string(a), string(b))
	})
	return list
}

// countObjects counts the entries but those that describe the archive itself.
func countObjects(t *toc.TOC) int {
	n := 0
	for kind, count := range totalsOf(t.Entries).kinds {
		if !kind.Info().Special {
			n += count
		}
	}
	return n
}

// dataSize is the size of an entry's data as a cell of a table.
func dataSize(e *toc.Entry) string {
	switch {
	case e.Data == toc.DataNone:
		return ""
	case e.DataSize < 0:
		return "?"
	}
	return byteSize(e.DataSize)
}

// byteSize is a size for people, in the units of pg_size_pretty.
func byteSize(n int64) string {
	const units = "kMGTP"
	if n < 1<<10 {
		return fmt.Sprintf("%d B", n)
	}
	size, unit := float64(n)/(1<<10), 0
	for size >= 999.5 && unit < len(units)-1 {
		size, unit = size/(1<<10), unit+1
	}
	if size < 9.95 {
		return fmt.Sprintf("%.1f %cB", size, units[unit])
	}
	return fmt.Sprintf("%.0f %cB", size, units[unit])
}
