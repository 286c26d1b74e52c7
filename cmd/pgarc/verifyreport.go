package main

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/toc"
)

// A verifyReport is what pgarc verify has to say.
type verifyReport struct {
	*archive.Verification
	name        string
	archive     *archive.Reader
	took        time.Duration
	sums        string // the file of checksums
	differences []archive.ChecksumDifference
}

func (r *verifyReport) sound() bool { return r.Sound() && len(r.differences) == 0 }

// write writes the report for people. Quiet, it has problems only.
func (r *verifyReport) write(w *bufio.Writer, env *env, quiet bool) {
	if !quiet {
		fmt.Fprintf(w, "%s\n\n", headline(r.name, r.archive, countObjects(r.archive.TOC)))
		if len(r.Tables) > 0 {
			r.writeTables(w, env)
			fmt.Fprintln(w)
		}
	}
	for _, p := range r.Problems {
		fmt.Fprintf(w, "problem: %s\n    lost: %s\n", visible(r.place(p)+p.What), visible(p.Lost))
	}
	if r.More > 0 {
		fmt.Fprintf(w, "problem: %s more\n", thousands(int64(r.More)))
	}
	for _, d := range r.differences {
		fmt.Fprintf(w, "problem: %s\n", visible(r.difference(d)))
	}
	if quiet {
		return
	}
	for _, n := range r.Notes {
		fmt.Fprintf(w, "note: %s\n", visible(n))
	}
	for _, u := range r.Unchecked {
		fmt.Fprintf(w, "not checked: %s\n", visible(u))
	}
	fmt.Fprintf(w, "\n%s\n", r.verdict())
}

func (r *verifyReport) writeTables(w *bufio.Writer, env *env) {
	t := table{
		columns: []column{{title: "ID", right: true}, {title: "SCHEMA"}, {title: "NAME", padTo: 64}, {title: "ROWS", right: true}, {title: "SIZE", right: true}, {title: "STORED", right: true}, {title: ""}},
		shrink:  []shrinkStep{{"NAME", 48}, {"SCHEMA", 12}, {"NAME", 32}, {"SCHEMA", 6}, {"NAME", 24}},
	}
	for _, c := range r.Tables {
		e := c.Entry
		name, state := e.Tag, ""
		if e.Kind != toc.TableData {
			name = string(e.Kind)
			if e.Tag != name {
				name += " " + e.Tag
			}
		}
		if !c.Whole {
			state = "damaged"
		}
		t.add(e.ID.String(), visible(e.Namespace), visible(name), thousands(c.Rows), byteSize(c.Bytes), byteSize(c.Stored), state)
	}
	width := 0
	if env.stdoutTTY {
		width = env.width
	}
	t.write(w, width)
}

// place says where a problem is.
func (r *verifyReport) place(p archive.Problem) string {
	var b strings.Builder
	if p.Entry != nil {
		fmt.Fprintf(&b, "%s %s (entry %d)", p.Entry.Kind, r.archive.TOC.NameOf(p.Entry), p.Entry.ID)
	} else {
		b.WriteString("archive")
	}
	if p.File != "" {
		b.WriteString(" in " + p.File)
	}
	if p.Offset >= 0 {
		fmt.Fprintf(&b, " at byte %#x", p.Offset)
	}
	return b.String() + ": "
}

// difference says in words what differs from the file of checksums.
func (r *verifyReport) difference(d archive.ChecksumDifference) string {
	c := d.New
	if c == nil {
		c = d.Old
	}
	s := fmt.Sprintf("%s %s: ", c.Kind, toc.Name{Schema: c.Schema, Name: c.Name})
	switch {
	case d.New == nil:
		return s + fmt.Sprintf("missing; %s has it, with %s rows", r.sums, thousands(d.Old.Rows))
	case d.Old == nil:
		return s + fmt.Sprintf("new; %s does not have it", r.sums)
	case d.Old.Rows != d.New.Rows:
		return s + fmt.Sprintf("%s rows; in %s %s", thousands(d.New.Rows), r.sums, thousands(d.Old.Rows))
	case d.Old.Bytes != d.New.Bytes:
		return s + fmt.Sprintf("%s rows as in %s, with %s bytes, not %s", thousands(d.New.Rows), r.sums, thousands(d.New.Bytes), thousands(d.Old.Bytes))
	}
	return s + fmt.Sprintf("%s rows as in %s, with other content or in another order", thousands(d.New.Rows), r.sums)
}

// verdict is the last line.
func (r *verifyReport) verdict() string {
	tables, objects, rows, bytes := 0, int64(0), int64(0), int64(0)
	for _, c := range r.Tables {
		bytes += c.Bytes
		if c.Entry.Kind == toc.Blobs {
			objects += c.Rows
		} else {
			tables++
			rows += c.Rows
		}
	}
	var what []string
	what = append(what, countOf(tables, "table"), thousands(rows)+" rows")
	if objects > 0 {
		what = append(what, thousands(objects)+" large objects")
	}
	what = append(what, byteSize(bytes)+" in "+seconds(r.took))
	line := visible(r.name)
	switch {
	case !r.Sound():
		line += " is damaged: " + countOf(len(r.Problems)+r.More, "problem")
		if len(r.differences) > 0 {
			line += ", and " + countOf(len(r.differences), "difference") + " from " + visible(r.sums)
		}
	case len(r.differences) > 0:
		line += " is sound, but differs from " + visible(r.sums) + ": " + countOf(len(r.differences), "difference")
	default:
		line += " is sound"
	}
	return line + " (" + strings.Join(what, ", ") + ")"
}

// The JSON of verify; see json.go.

type tableJSON struct {
	Type   string     `json:"type"` // "table"
	DumpID toc.DumpID `json:"dump_id"`
	Kind   toc.Kind   `json:"kind"`
	Schema string     `json:"schema,omitempty"`
	Name   string     `json:"name"`
	Rows   int64      `json:"rows"` // large objects, of kind BLOBS
	Bytes  int64      `json:"bytes"`
	Stored int64      `json:"stored_bytes"`
	Whole  bool       `json:"whole"`            // read to its end
	SHA256 string     `json:"sha256,omitempty"` // with --checksums
}

type problemJSON struct {
	Type   string     `json:"type"`              // "problem"
	DumpID toc.DumpID `json:"dump_id,omitempty"` // absent: of the archive as a whole
	Kind   toc.Kind   `json:"kind,omitempty"`
	Schema string     `json:"schema,omitempty"`
	Name   string     `json:"name,omitempty"`
	File   string     `json:"file,omitempty"`
	Offset *int64     `json:"offset,omitempty"` // in the file, or the archive; absent: unknown
	What   string     `json:"problem"`
	Lost   string     `json:"lost,omitempty"`
}

type verifiedJSON struct {
	Type        string   `json:"type"` // "summary"
	Sound       bool     `json:"sound"`
	Problems    int      `json:"problems"` // all, though no more than 1,000 are listed
	Differences *int     `json:"differences,omitempty"`
	Tables      int      `json:"tables"`
	Rows        int64    `json:"rows"`
	Bytes       int64    `json:"bytes"`
	Notes       []string `json:"notes,omitempty"`
	Unchecked   []string `json:"not_checked,omitempty"`
	Seconds     float64  `json:"seconds"`
}

func (r *verifyReport) writeJSON(w io.Writer, o verifyOptions) error {
	enc := newLineEncoder(w)
	sum := verifiedJSON{Type: "summary", Sound: r.sound(), Problems: len(r.Problems) + r.More, Notes: r.Notes, Unchecked: r.Unchecked, Seconds: r.took.Seconds()}
	if !o.quiet {
		if err := enc.Encode(newArchiveJSON(r.name, r.archive)); err != nil {
			return err
		}
	}
	for _, c := range r.Tables {
		j := tableJSON{Type: "table", DumpID: c.Entry.ID, Kind: c.Entry.Kind, Schema: c.Entry.Namespace, Name: c.Entry.Tag, Rows: c.Rows, Bytes: c.Bytes, Stored: c.Stored, Whole: c.Whole}
		if o.checksums != "" && c.Whole {
			j.SHA256 = hex.EncodeToString(c.Digest[:])
		}
		sum.Tables++
		sum.Bytes += c.Bytes
		if c.Entry.Kind != toc.Blobs {
			sum.Rows += c.Rows
		}
		if !o.quiet {
			if err := enc.Encode(j); err != nil {
				return err
			}
		}
	}
	for _, p := range r.Problems {
		j := problemJSON{Type: "problem", File: p.File, What: p.What, Lost: p.Lost}
		if p.Entry != nil {
			n := r.archive.TOC.NameOf(p.Entry)
			j.DumpID, j.Kind, j.Schema, j.Name = p.Entry.ID, p.Entry.Kind, n.Schema, n.Name
		}
		if p.Offset >= 0 {
			j.Offset = &p.Offset
		}
		if err := enc.Encode(j); err != nil {
			return err
		}
	}
	for _, d := range r.differences {
		c := d.New
		if c == nil {
			c = d.Old
		}
		if err := enc.Encode(problemJSON{Type: "problem", Kind: c.Kind, Schema: c.Schema, Name: c.Name, What: r.difference(d)}); err != nil {
			return err
		}
	}
	if o.checksums != "" && !o.update {
		n := len(r.differences)
		sum.Differences = &n
	}
	if o.quiet && r.sound() {
		return nil
	}
	return enc.Encode(sum)
}

// countOf is a number of things in words.
func countOf(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return thousands(int64(n)) + " " + thing + "s"
}
