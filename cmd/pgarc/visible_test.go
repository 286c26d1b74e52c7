package main

import (
	"bufio"
	"strings"
	"testing"
)

func TestVisible(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"", ""},
		{"accounts", "accounts"},
		{"größe ☃ 表", "größe ☃ 表"},
		{"a\nb\rc\td", `a\nb\rc\td`},
		{"\x1b[2J", `\x1b[2J`},
		{"\x7f", `\x7f`},
		{"\u009b1m", `\x9b1m`},                       // CSI in one character
		{"gr\xf6\xdfe", `gr\xf6\xdfe`},               // LATIN1
		{"a\u202egpj.exe", `a\u202egpj.exe`},         // turns the direction
		{"\u2028", `\u2028`},                         // line separator
		{"\ufffd", "\ufffd"},                         // a real replacement character
		{"zero\u200bwidth", `zero\u200bwidth`},       // zero-width space
		{strings.Repeat("x", 3) + "\x00", `xxx\x00`}, // NUL
	} {
		if got := visible(test.in); got != test.want {
			t.Errorf("visible(%q) = %q, want %q", test.in, got, test.want)
		}
	}
}

func TestCut(t *testing.T) {
	for _, test := range []struct {
		in    string
		width int
		want  string
	}{
		{"accounts", 8, "accounts"},
		{"accounts", 7, "accoun…"},
		{"表表表", 6, "表表表"},
		{"表表表", 5, "表表…"},
		{"表表表", 4, "表…"},
		{"e\u0301te\u0301", 3, "e\u0301te\u0301"},
	} {
		got := cut(test.in, test.width)
		if got != test.want || displayWidth(got) > test.width {
			t.Errorf("cut(%q, %d) = %q of %d columns, want %q", test.in, test.width, got, displayWidth(got), test.want)
		}
	}
}

func TestTable(t *testing.T) {
	names := func() table {
		t := table{
			columns: []column{{title: "ID", right: true}, {title: "NAME", padTo: 6}, {title: "NONE"}, {title: "SIZE", right: true}},
			shrink:  []shrinkStep{{"NAME", 4}, {"ID", 1}},
		}
		t.add("1", "表", "", "12 kB")
		t.add("222", "accounts", "", "")
		return t
	}
	for _, test := range []struct {
		width int
		want  string
	}{
		{0, " ID  NAME     SIZE\n  1  表      12 kB\n222  accounts\n"},
		{80, " ID  NAME       SIZE\n  1  表        12 kB\n222  accounts\n"},
		{17, " ID  NAME    SIZE\n  1  表     12 kB\n222  acco…\n"},
		{1, "…  NAME   SIZE\n1  表    12 kB\n…  acc…\n"},
	} {
		var b strings.Builder
		w := bufio.NewWriter(&b)
		table := names()
		table.write(w, test.width)
		w.Flush()
		if b.String() != test.want {
			t.Errorf("width %d: got\n%s\nwant\n%s", test.width, b.String(), test.want)
		}
	}
}

func TestByteSize(t *testing.T) {
	for _, test := range []struct {
		n    int64
		want string
	}{
		{0, "0 B"}, {1023, "1023 B"}, {1024, "1.0 kB"}, {10 << 10, "10 kB"}, {1023 << 10, "1.0 MB"}, {1 << 20, "1.0 MB"},
		{96 << 30, "96 GB"}, {5 << 50, "5.0 PB"}, {1<<63 - 1, "8192 PB"},
	} {
		if got := byteSize(test.n); got != test.want {
			t.Errorf("byteSize(%d) = %q, want %q", test.n, got, test.want)
		}
	}
}
