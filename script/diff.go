package script

import "strings"

// A DiffLine is one line of a comparison of two texts.
type DiffLine struct {
	Op   byte   // '-': only in the old text, '+': only in the new one, ' ': in both, '@': lines of both were left out here
	Text string // without the line end
}

// diffContext is how many equal lines stand before and after those that differ.
const diffContext = 3

// DiffSQL compares two texts of SQL line by line, for people to read: what
// differs, with a few lines around. It is nil for equal texts; blank lines at
// their ends do not count.
func DiffSQL(old, new string) []DiffLine {
	old, new = strings.TrimRight(old, "\n"), strings.TrimRight(new, "\n")
	if old == new {
		return nil
	}
	return withContext(diffLines(textLines(old), textLines(new)))
}

func textLines(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, "\n")
}

// withContext leaves out equal lines that are far from all that differs.
func withContext(all []DiffLine) []DiffLine {
	near := make([]bool, len(all))
	for i, l := range all {
		if l.Op != ' ' {
			for j := max(0, i-diffContext); j <= min(len(all)-1, i+diffContext); j++ {
				near[j] = true
			}
		}
	}
	var list []DiffLine
	for i, l := range all {
		switch {
		case near[i]:
			list = append(list, l)
		case i == 0 || near[i-1]:
			list = append(list, DiffLine{Op: '@'})
		}
	}
	return list
}

// maxEdits bounds the search for the shortest way from one text to the other,
// whose time and memory grow with the square of it. Texts that are further
// apart have little in common; all of the one is then replaced by the other.
const maxEdits = 1000

// diffLines returns the shortest edit of a into b, as Eugene Myers' greedy
// algorithm finds it ("An O(ND) Difference Algorithm and Its Variations",
// 1986).
func diffLines(a, b []string) []DiffLine {
	var list []DiffLine
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		list = append(list, DiffLine{' ', a[0]})
		a, b = a[1:], b[1:]
	}
	tail := 0
	for tail < min(len(a), len(b)) && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	same := a[len(a)-tail:]
	list = append(list, shortestEdit(a[:len(a)-tail], b[:len(b)-tail])...)
	for _, text := range same {
		list = append(list, DiffLine{' ', text})
	}
	return list
}

func shortestEdit(a, b []string) []DiffLine {
	// reach[d][d+k] is how far into a one gets on diagonal k (lines of a
	// taken less lines of b) with d edits.
	var reach [][]int
	for d := 0; d <= min(maxEdits, len(a)+len(b)); d++ {
		row := make([]int, 2*d+1)
		reach = append(reach, row)
		for k := -d; k <= d; k += 2 {
			x := 0
			if d > 0 {
				x, _ = bestStep(reach[d-1], d, k)
			}
			for x < len(a) && x-k < len(b) && x-k >= 0 && a[x] == b[x-k] {
				x++
			}
			row[d+k] = x
			if k == len(a)-len(b) && x >= len(a) {
				return editPath(a, b, reach)
			}
		}
	}
	var list []DiffLine
	for _, text := range a {
		list = append(list, DiffLine{'-', text})
	}
	for _, text := range b {
		list = append(list, DiffLine{'+', text})
	}
	return list
}

// bestStep returns how far edit number d gets on diagonal k, given how far the
// edits before it got, and the diagonal from which it comes: k-1 where it
// takes a line of a away, k+1 where it adds one of b.
func bestStep(before []int, d, k int) (x, from int) {
	at := func(k int) int { return before[d-1+k] }
	if k == -d || k != d && at(k-1) < at(k+1) {
		return at(k + 1), k + 1
	}
	return at(k-1) + 1, k - 1
}

// editPath walks back from the ends of both texts.
func editPath(a, b []string, reach [][]int) []DiffLine {
	list := make([]DiffLine, 0, len(a)+len(b))
	x, k := len(a), len(a)-len(b)
	for d := len(reach) - 1; d >= 0; d-- {
		start, from := 0, 0
		if d > 0 {
			start, from = bestStep(reach[d-1], d, k)
		}
		for ; x > start; x-- {
			list = append(list, DiffLine{' ', a[x-1]})
		}
		switch {
		case d == 0:
		case from < k:
			x--
			list = append(list, DiffLine{'-', a[x]})
		default:
			list = append(list, DiffLine{'+', b[x-k-1]})
		}
		k = from
	}
	for i, j := 0, len(list)-1; i < j; i, j = i+1, j-1 {
		list[i], list[j] = list[j], list[i]
	}
	return list
}
