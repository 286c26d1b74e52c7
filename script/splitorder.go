package script

import (
	"container/heap"
	"slices"
	"strconv"

	"github.com/pgarc/pgarc/toc"
)

// order returns the files of nodes so that each comes after those it needs.
func (s *splitter) order(nodes []*splitNode) []SplitFile {
	groups := circles(nodes)
	in := make([]int, len(nodes)) // the group of each node
	for g, group := range groups {
		for _, i := range group {
			in[i] = g
		}
		slices.SortFunc(group, func(a, b int) int { return nodes[a].compare(nodes[b]) })
	}
	waiting := make([]int, len(groups)) // for how many others
	feeds := make([][]int, len(groups))
	for i, n := range nodes {
		for _, j := range n.needs {
			if in[i] != in[j] {
				feeds[in[j]] = append(feeds[in[j]], in[i])
				waiting[in[i]]++
			}
		}
	}
	ready := &groupHeap{first: func(g int) *splitNode { return nodes[groups[g][0]] }}
	for g := range groups {
		if waiting[g] == 0 {
			heap.Push(ready, g)
		}
	}
	var files []SplitFile
	for ready.Len() > 0 {
		g := heap.Pop(ready).(int)
		files = append(files, s.filesOf(nodes, groups[g])...)
		for _, next := range feeds[g] {
			if waiting[next]--; waiting[next] == 0 {
				heap.Push(ready, next)
			}
		}
	}
	return files
}

// filesOf returns the files of nodes that need each other in a circle; mostly
// it is but one. A circle is cut where the archive's order changes from one
// node to another.
func (s *splitter) filesOf(nodes []*splitNode, group []int) []SplitFile {
	if n := nodes[group[0]]; len(group) == 1 {
		if len(n.entries) == 0 { // a barrier
			return nil
		}
		return []SplitFile{{n.path + ".sql", n.entries, n.part == dataOfPart}}
	}
	at := map[toc.DumpID]*splitNode{}
	var all []*toc.Entry
	for _, i := range group {
		for _, e := range nodes[i].entries {
			at[e.ID] = nodes[i]
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(a, b *toc.Entry) int { return s.sel.TOC.Position(a.ID) - s.sel.TOC.Position(b.ID) })
	var files []SplitFile
	var last *splitNode
	runs := map[*splitNode]int{}
	for _, e := range toc.WorkingOrder(all) {
		n := at[e.ID]
		if n != last {
			runs[n]++
			path := n.path
			if runs[n] > 1 {
				path += "." + strconv.Itoa(runs[n])
			}
			files = append(files, SplitFile{Path: path + ".sql", Data: n.part == dataOfPart})
			last = n
		}
		f := &files[len(files)-1]
		f.Entries = append(f.Entries, e)
	}
	return files
}

// groupHeap holds the groups whose turn has come, the first in order on top.
type groupHeap struct {
	groups []int
	first  func(group int) *splitNode
}

func (h *groupHeap) Len() int { return len(h.groups) }
func (h *groupHeap) Less(i, j int) bool {
	return h.first(h.groups[i]).compare(h.first(h.groups[j])) < 0
}
func (h *groupHeap) Swap(i, j int) { h.groups[i], h.groups[j] = h.groups[j], h.groups[i] }
func (h *groupHeap) Push(x any)    { h.groups = append(h.groups, x.(int)) }
func (h *groupHeap) Pop() any {
	last := h.groups[len(h.groups)-1]
	h.groups = h.groups[:len(h.groups)-1]
	return last
}

// circles divides the nodes into groups: those that need each other, directly
// or not, are in one. It is Tarjan's algorithm, with a stack of its own, for an
// archive may hold a chain of any length.
func circles(nodes []*splitNode) [][]int {
	const unseen, done = 0, -1
	number := make([]int, len(nodes)) // in order of visits, from 1
	low := make([]int, len(nodes))
	nextNeed := make([]int, len(nodes))
	var open, path []int
	var groups [][]int
	visits := 0
	for start := range nodes {
		if number[start] != unseen {
			continue
		}
		path = append(path, start)
		for len(path) > 0 {
			i := path[len(path)-1]
			if number[i] == unseen {
				visits++
				number[i], low[i] = visits, visits
				open = append(open, i)
			}
			if k := nextNeed[i]; k < len(nodes[i].needs) {
				nextNeed[i]++
				switch j := nodes[i].needs[k]; {
				case number[j] == unseen:
					path = append(path, j)
				case number[j] != done:
					low[i] = min(low[i], low[j])
				}
				continue
			}
			path = path[:len(path)-1]
			if len(path) > 0 {
				parent := path[len(path)-1]
				low[parent] = min(low[parent], low[i])
			}
			if low[i] == number[i] {
				from := len(open) - 1
				for open[from] != i {
					from--
				}
				group := slices.Clone(open[from:])
				open = open[:from]
				for _, j := range group {
					number[j] = done
				}
				groups = append(groups, group)
			}
		}
	}
	return groups
}
