package main

import (
	"encoding/json"
	"io"
	"strings"
	"time"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/internal/errorlog"
	"github.com/pgarc/pgarc/script"
	"github.com/pgarc/pgarc/toc"
)

// The JSON that ls, info and ddl print. It is an interface: fields may be
// added, never renamed or removed. Strings are UTF-8; bytes of other encodings
// that are not become U+FFFD.

type archiveJSON struct {
	Type             string           `json:"type"` // "archive"
	Path             string           `json:"path"`
	Bytes            int64            `json:"bytes"`
	Format           string           `json:"format"`
	ArchiveVersion   string           `json:"archive_version"`
	Compression      string           `json:"compression"`
	CompressionLevel *int             `json:"compression_level,omitempty"` // absent: not recorded
	Database         string           `json:"database"`
	Encoding         string           `json:"encoding"`
	ServerVersion    string           `json:"server_version"`
	DumpVersion      string           `json:"dump_version"`
	Created          string           `json:"created,omitempty"` // local time of the machine that made it, no zone
	Entries          int              `json:"entries"`
	HasOffsets       bool             `json:"has_offsets"` // the places and sizes of the data are known
	Kinds            map[toc.Kind]int `json:"kinds,omitempty"`
	Warnings         []string         `json:"warnings,omitempty"`
}

type entryJSON struct {
	Type     string       `json:"type"` // "entry"
	DumpID   toc.DumpID   `json:"dump_id"`
	Kind     toc.Kind     `json:"kind"`
	Section  string       `json:"section"` // "none" for comments and grants
	Schema   string       `json:"schema,omitempty"`
	Table    string       `json:"table,omitempty"` // of constraints, triggers and the like
	Name     string       `json:"name"`
	Tag      string       `json:"tag"`
	Owner    string       `json:"owner,omitempty"`
	Class    uint32       `json:"class_oid"`
	OID      uint32       `json:"oid"`
	HasData  bool         `json:"has_data"`
	DataSize *int64       `json:"data_bytes,omitempty"` // as stored; absent: unknown, or no data
	Deps     []toc.DumpID `json:"depends_on,omitempty"`
}

type summaryJSON struct {
	Type     string           `json:"type"` // "summary"
	Entries  int              `json:"entries"`
	Kinds    map[toc.Kind]int `json:"kinds"`
	DataSize *int64           `json:"data_bytes,omitempty"`
}

func newArchiveJSON(name string, r *archive.Reader) archiveJSON {
	h := r.Header
	j := archiveJSON{
		Type: "archive", Path: name, Bytes: r.Size(), Format: h.Format.String(), ArchiveVersion: h.Version.String(),
		Compression: h.Compression.Algorithm.String(), Database: h.Database, Encoding: r.TOC.Encoding,
		ServerVersion: h.ServerVersion, DumpVersion: h.DumpVersion, Entries: len(r.TOC.Entries),
		HasOffsets: !totalsOf(r.TOC.Entries).sizeUnknown, Warnings: r.Warnings,
	}
	if h.Compression.HasLevel {
		j.CompressionLevel = &h.Compression.Level
	}
	if !h.Created.IsZero() {
		j.Created = h.Created.Format(time.DateOnly + "T" + time.TimeOnly)
	}
	return j
}

func newEntryJSON(t *toc.TOC, e *toc.Entry) entryJSON {
	n := t.NameOf(e)
	j := entryJSON{
		Type: "entry", DumpID: e.ID, Kind: e.Kind, Section: e.Section.String(), Schema: n.Schema, Table: n.Table,
		Name: n.Name, Tag: e.Tag, Owner: e.Owner.String, Class: e.ClassOID, OID: e.OID,
		HasData: e.Data != toc.DataNone, Deps: e.Deps,
	}
	if j.HasData && e.DataSize >= 0 {
		j.DataSize = &e.DataSize
	}
	return j
}

func newSummaryJSON(entries []*toc.Entry) summaryJSON {
	t := totalsOf(entries)
	j := summaryJSON{Type: "summary", Entries: t.entries, Kinds: t.kinds}
	if !t.sizeUnknown {
		j.DataSize = &t.size
	}
	return j
}

// newLineEncoder returns an encoder of one object a line.
func newLineEncoder(w io.Writer) *json.Encoder {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc
}

func writeEntriesJSON(w io.Writer, name string, r *archive.Reader, entries []*toc.Entry) error {
	enc := newLineEncoder(w)
	if err := enc.Encode(newArchiveJSON(name, r)); err != nil {
		return err
	}
	for _, e := range entries {
		if err := enc.Encode(newEntryJSON(r.TOC, e)); err != nil {
			return err
		}
	}
	return enc.Encode(newSummaryJSON(entries))
}

func writeInfoJSON(w io.Writer, name string, r *archive.Reader) error {
	j := newArchiveJSON(name, r)
	j.Kinds = totalsOf(r.TOC.Entries).kinds
	return newLineEncoder(w).Encode(j)
}

type ddlJSON struct {
	entryJSON
	DDL      string    `json:"ddl"`                 // the definition; empty if it has none of its own
	SetOwner string    `json:"set_owner,omitempty"` // the statement that sets the owner
	Drop     string    `json:"drop,omitempty"`      // the statement that drops the object, if it exists
	Failures []logJSON `json:"failures,omitempty"`  // with --log: those of the entry
}

type logJSON struct {
	Type     string       `json:"type,omitempty"` // "unidentified" in a line of its own
	Line     int          `json:"line"`
	SQLState string       `json:"sqlstate,omitempty"`
	Message  string       `json:"message,omitempty"`
	Detail   string       `json:"detail,omitempty"`
	How      string       `json:"identified,omitempty"` // in words
	Problem  string       `json:"problem,omitempty"`
	MayBe    []toc.DumpID `json:"may_be,omitempty"` // the entries that fit, where more than one does
	SQL      string       `json:"sql,omitempty"`    // of what was not identified, as the log shows it
}

func writeDDLJSON(w io.Writer, t *toc.TOC, entries []*toc.Entry, matches []errorlog.Match) error {
	enc := newLineEncoder(w)
	failures := make(map[toc.DumpID][]logJSON)
	for _, m := range matches {
		for _, f := range m.Failures {
			j := logJSON{Line: f.Line, SQLState: f.SQLState, Message: f.Message, Detail: f.Detail, How: m.How, Problem: m.Problem}
			if len(m.Entries) == 1 {
				id := m.Entries[0].ID
				failures[id] = append(failures[id], j)
				continue
			}
			j.Type, j.SQL = "unidentified", f.SQL
			for _, e := range m.Entries {
				j.MayBe = append(j.MayBe, e.ID)
			}
			if err := enc.Encode(j); err != nil {
				return err
			}
		}
	}
	for _, e := range entries {
		j := newDDLJSON(t, e)
		j.Failures = failures[e.ID]
		if err := enc.Encode(j); err != nil {
			return err
		}
	}
	return enc.Encode(newSummaryJSON(entries))
}

func newDDLJSON(t *toc.TOC, e *toc.Entry) ddlJSON {
	pieces, err := script.Create(t, e, script.Options{})
	if err != nil {
		pieces = []string{e.Defn}
	}
	pieces = append(pieces, script.SetAccessMethod(e, script.Options{})...)
	return ddlJSON{
		entryJSON: newEntryJSON(t, e),
		DDL:       joinSQL(pieces),
		SetOwner:  joinSQL(script.Owner(e, script.Options{})),
		Drop:      joinSQL(script.Drop(e, true)),
	}
}

// joinSQL puts pieces of SQL under each other.
func joinSQL(pieces []string) string {
	var b strings.Builder
	for _, p := range pieces {
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(strings.TrimRight(p, "\n"))
	}
	return b.String()
}
