package script

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// diffText prints a comparison, a line each.
func diffText(lines []DiffLine) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteByte(l.Op)
		b.WriteString(l.Text + "\n")
	}
	return b.String()
}

func TestDiffSQL(t *testing.T) {
	for _, test := range []struct{ name, old, new, want string }{
		{"equal", "a\nb\n", "a\nb\n", ""},
		{"blank lines at the end", "a\n\n\n", "a\n", ""},
		{"from nothing", "", "a\nb\n", "+a\n+b\n"},
		{"to nothing", "a\nb\n", "", "-a\n-b\n"},
		{"one line of one", "CREATE INDEX i ON t (a);\n", "CREATE INDEX i ON t (b);\n", "-CREATE INDEX i ON t (a);\n+CREATE INDEX i ON t (b);\n"},
		{"a column", "CREATE TABLE t (\n    a integer\n);\n", "CREATE TABLE t (\n    a integer,\n    b text\n);\n",
			" CREATE TABLE t (\n-    a integer\n+    a integer,\n+    b text\n );\n"},
		{"context", "1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nfive\n6\n7\n8\n9\n", "@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n@\n"},
		{"two places", "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n", "2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n", "-1\n 2\n 3\n 4\n@\n 8\n 9\n 10\n+11\n"},
		{"moved", "a\nb\nc\n", "c\na\nb\n", "+c\n a\n b\n-c\n"},
	} {
		if got := diffText(DiffSQL(test.old, test.new)); got != test.want {
			t.Errorf("%s: got\n%swant\n%s", test.name, got, test.want)
		}
	}
}

// Any two texts: the lines of each are all there, in their order, and no edit
// is shorter.
func TestDiffLinesShortest(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	text := func() []string {
		lines := make([]string, random.IntN(12))
		for i := range lines {
			lines[i] = string(rune('a' + random.IntN(4)))
		}
		return lines
	}
	for range 20_000 {
		a, b := text(), text()
		checkDiff(t, a, b, len(a)+len(b)-2*longestCommon(a, b))
	}
}

// checkDiff compares two texts, and wants a number of edits; -1: any.
func checkDiff(t *testing.T, a, b []string, wantEdits int) {
	t.Helper()
	var old, new []string
	edits := 0
	for _, l := range diffLines(a, b) {
		if l.Op != '+' {
			old = append(old, l.Text)
		}
		if l.Op != '-' {
			new = append(new, l.Text)
		}
		if l.Op != ' ' {
			edits++
		}
	}
	if !slices.Equal(old, a) || !slices.Equal(new, b) || wantEdits >= 0 && edits != wantEdits {
		t.Fatalf("from %.100q to %.100q: %d edits, want %d; old lines %.100q, new lines %.100q", a, b, edits, wantEdits, old, new)
	}
}

// longestCommon is the length of the longest common subsequence, by the table
// of the textbook.
func longestCommon(a, b []string) int {
	row := make([]int, len(b)+1)
	for i := range a {
		diagonal := 0
		for j := range b {
			above := row[j+1]
			row[j+1] = max(above, row[j])
			if a[i] == b[j] {
				row[j+1] = diagonal + 1
			}
			diagonal = above
		}
	}
	return row[len(b)]
}

// Texts of a hundred thousand lines that have nothing in common end the search
// early.
func TestDiffLinesFarApart(t *testing.T) {
	var a, b []string
	for i := range 100_000 {
		a, b = append(a, fmt.Sprint("old", i)), append(b, fmt.Sprint("new", i))
	}
	checkDiff(t, a, b, len(a)+len(b))
}
