package main

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/restore"
	"github.com/pgarc/pgarc/toc"
)

// findings are what a database has of an archive, sorted for a report.
type findings struct {
	archive    *archive.Reader
	version    string // of the server
	present    int
	missing    []restore.Finding
	incomplete []restore.Finding
	unknown    []restore.Finding
}

func newFindings(a *archive.Reader, c *restore.Comparison) *findings {
	r := &findings{archive: a, version: c.ServerVersion}
	byEntry := make(map[*toc.Entry]restore.Finding, len(c.Findings))
	var entries []*toc.Entry
	for _, f := range c.Findings {
		byEntry[f.Entry] = f
		entries = append(entries, f.Entry)
	}
	// The order of pgarc diff A B.
	for _, p := range toc.PairUp(a.TOC, entries, a.TOC, nil) {
		switch f := byEntry[p.Old]; f.Presence {
		case restore.Present:
			r.present++
		case restore.Absent:
			r.missing = append(r.missing, f)
		case restore.Incomplete:
			r.incomplete = append(r.incomplete, f)
		default:
			r.unknown = append(r.unknown, f)
		}
	}
	return r
}

// lacking are the missing and the incomplete.
func (r *findings) lacking() []restore.Finding { return slices.Concat(r.missing, r.incomplete) }

// totals is the last line of a report.
func (r *findings) totals() string {
	n := func(list []restore.Finding) string { return thousands(int64(len(list))) }
	line := fmt.Sprintf("%s missing, %s incomplete, %s there", n(r.missing), n(r.incomplete), thousands(int64(r.present)))
	if len(r.unknown) > 0 {
		line += fmt.Sprintf(", of %s there is no telling", n(r.unknown))
	}
	return line
}

// writeUnknown says of what there is no telling, by reason; it goes to stderr.
func (r *findings) writeUnknown(env *env) {
	byReason := map[string][]restore.Finding{}
	var reasons []string
	for _, f := range r.unknown {
		if byReason[f.Note] == nil {
			reasons = append(reasons, f.Note)
		}
		byReason[f.Note] = append(byReason[f.Note], f)
	}
	for _, reason := range reasons {
		list := byReason[reason]
		names := entryTitle(r.archive.TOC, list[0].Entry)
		if len(list) > 1 {
			names += fmt.Sprintf(" and %s more", thousands(int64(len(list)-1)))
		}
		fmt.Fprintf(env.stderr, "pgarc: no telling of %s: %s\n", names, reason)
	}
}

// write writes a line for each entry that is missing or incomplete.
func (r *findings) write(w *bufio.Writer, archiveLine, databaseLine string) {
	fmt.Fprintf(w, "--- %s\n+++ %s\n\n", archiveLine, databaseLine)
	for _, f := range r.lacking() {
		fmt.Fprintf(w, "%-10s  %s %s", f.Presence, visible(string(f.Entry.Kind)), visible(r.archive.TOC.NameOf(f.Entry).String()))
		if f.Note != "" {
			fmt.Fprintf(w, ": %s", visible(f.Note))
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "\n%s\n", r.totals())
}

// The JSON of pgarc diff -d: the archive, the database, a line for each entry
// that is not simply there, a summary.
type (
	databaseJSON struct {
		Type          string `json:"type"` // "database"
		Database      string `json:"database"`
		Host          string `json:"host"`
		Port          uint16 `json:"port"`
		ServerVersion string `json:"server_version"`
	}
	findingJSON struct {
		Type       string     `json:"type"`     // "finding"
		Presence   string     `json:"presence"` // "missing", "incomplete" or "unknown"
		DumpID     toc.DumpID `json:"dump_id"`
		Kind       toc.Kind   `json:"kind"`
		Schema     string     `json:"schema,omitempty"`
		Table      string     `json:"table,omitempty"`
		Name       string     `json:"name"`
		Note       string     `json:"note,omitempty"`
		Definition string     `json:"definition,omitempty"`
		Complete   string     `json:"complete,omitempty"` // SQL that makes it whole
	}
	findingsSummaryJSON struct {
		Type        string `json:"type"` // "summary"
		Missing     int    `json:"missing"`
		Incomplete  int    `json:"incomplete"`
		Present     int    `json:"present"`
		Unknown     int    `json:"unknown"`
		RowsCounted bool   `json:"rows_counted"`
	}
)

func (r *findings) writeJSON(w io.Writer, name string, db databaseJSON, rows bool) error {
	enc := newLineEncoder(w)
	if err := enc.Encode(newArchiveJSON(archive.RedactURL(name), r.archive)); err != nil {
		return err
	}
	if err := enc.Encode(db); err != nil {
		return err
	}
	for _, f := range slices.Concat(r.lacking(), r.unknown) {
		n := r.archive.TOC.NameOf(f.Entry)
		j := findingJSON{"finding", f.Presence.String(), f.Entry.ID, f.Entry.Kind, n.Schema, n.Table, n.Name, f.Note, f.Entry.Defn, f.Complete}
		if err := enc.Encode(j); err != nil {
			return err
		}
	}
	return enc.Encode(findingsSummaryJSON{"summary", len(r.missing), len(r.incomplete), r.present, len(r.unknown), rows})
}

// sqlComment is a line of SQL that says something about an entry.
func (r *findings) sqlComment(f restore.Finding) string {
	return "-- " + strings.TrimSpace(toc.OneLine(entryTitle(r.archive.TOC, f.Entry)+": "+f.Note)) + "\n"
}
