package toc_test

import (
	"strings"
	"testing"

	"github.com/pgarc/pgarc/toc"
)

func TestNew(t *testing.T) {
	contents := newTOC(t,
		defined("SET client_encoding = 'LATIN1';\n", entry(3, toc.Encoding, "ENCODING")),
		defined("SET standard_conforming_strings = 'on';\n", entry(4, toc.StdStrings, "STDSTRINGS")),
		defined("SELECT pg_catalog.set_config('search_path', '', false);\n", entry(5, toc.SearchPath, "SEARCHPATH")),
		entry(9, toc.Table, "t"),
		entry(1, toc.Table, "u"),
	)
	if contents.Encoding != "LATIN1" {
		t.Errorf("Encoding = %q, want LATIN1", contents.Encoding)
	}
	if !contents.StdStrings {
		t.Error("StdStrings = false, want true")
	}
	if want := "SELECT pg_catalog.set_config('search_path', '', false);\n"; contents.SearchPath != want {
		t.Errorf("SearchPath = %q, want %q", contents.SearchPath, want)
	}
	for i, e := range contents.Entries {
		if got := contents.Lookup(e.ID); got != e {
			t.Errorf("Lookup(%d) = %v, want the %s", e.ID, got, e.Tag)
		}
		if got := contents.Position(e.ID); got != i {
			t.Errorf("Position(%d) = %d, want %d", e.ID, got, i)
		}
	}
	for _, id := range []toc.DumpID{-1, 0, 2, 1 << 30} {
		if e, at := contents.Lookup(id), contents.Position(id); e != nil || at != -1 {
			t.Errorf("id %d, of no entry: Lookup = %v, Position = %d, want nil, -1", id, e, at)
		}
	}
}

func TestNewWithoutSpecialEntries(t *testing.T) {
	contents := newTOC(t)
	if contents.Encoding != "SQL_ASCII" || contents.StdStrings || contents.SearchPath != "" {
		t.Errorf("empty TOC has encoding %q, StdStrings %v, search path %q; want SQL_ASCII, false, none",
			contents.Encoding, contents.StdStrings, contents.SearchPath)
	}
}

func TestNewErrors(t *testing.T) {
	for _, test := range []struct {
		entries []*toc.Entry
		want    string
	}{
		{[]*toc.Entry{entry(1, toc.Table, "a"), entry(0, toc.Table, "b")}, "entry 2 of the TOC has dump id 0"},
		{[]*toc.Entry{entry(-7, toc.Table, "a")}, "entry 1 of the TOC has dump id -7"},
		{[]*toc.Entry{entry(7, toc.Table, "a"), entry(7, toc.Index, "b")}, `dump id 7 occurs twice in the TOC: TABLE "a" and INDEX "b"`},
		{[]*toc.Entry{defined("SET client_encoding = UTF8;\n", entry(1, toc.Encoding, ""))}, "invalid ENCODING entry"},
		{[]*toc.Entry{defined("SET client_encoding = 'UTF8;\n", entry(1, toc.Encoding, ""))}, "invalid ENCODING entry"},
		{[]*toc.Entry{defined("", entry(1, toc.StdStrings, ""))}, "invalid STDSTRINGS entry"},
		{[]*toc.Entry{defined("SET standard_conforming_strings = 'maybe';\n", entry(1, toc.StdStrings, ""))}, "invalid STDSTRINGS entry"},
	} {
		if _, err := toc.New(test.entries); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("New: error %v, want one with %q", err, test.want)
		}
	}
}
