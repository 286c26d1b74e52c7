package main

import (
	"encoding/hex"
	"io"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/toc"
)

// The JSON that diff prints: two archives, the old one first, the differences
// in the order of the text, a summary.

type differenceJSON struct {
	Type   string        `json:"type"`   // "difference"
	Change string        `json:"change"` // "removed", "added" or "changed"
	In     []toc.Aspect  `json:"in,omitempty"`
	Kind   toc.Kind      `json:"kind"`
	Schema string        `json:"schema,omitempty"`
	Table  string        `json:"table,omitempty"`
	Name   string        `json:"name"`
	Old    *diffSideJSON `json:"old,omitempty"` // absent: added
	New    *diffSideJSON `json:"new,omitempty"` // absent: removed
}

type diffSideJSON struct {
	DumpID     toc.DumpID `json:"dump_id"`
	Definition string     `json:"definition,omitempty"`
	Owner      string     `json:"owner,omitempty"`
	Tablespace string     `json:"tablespace,omitempty"`
	TableAM    string     `json:"access_method,omitempty"`
	Columns    string     `json:"columns,omitempty"`    // of the data, as SQL
	DataSize   *int64     `json:"data_bytes,omitempty"` // as stored; absent: unknown, or no data
	Rows       *int64     `json:"rows,omitempty"`       // this and the next two: with --rows, if there are data
	Bytes      *int64     `json:"bytes,omitempty"`      // decompressed
	SHA256     string     `json:"sha256,omitempty"`     // absent: not whole
}

type diffSummaryJSON struct {
	Type         string `json:"type"` // "summary"
	Removed      int    `json:"removed"`
	Added        int    `json:"added"`
	Changed      int    `json:"changed"`
	Same         int    `json:"same"`
	DataCompared bool   `json:"data_compared"`
}

func (r *diffReport) writeJSON(w io.Writer) error {
	enc := newLineEncoder(w)
	for _, s := range []*diffSide{r.old, r.new} {
		if err := enc.Encode(newArchiveJSON(archive.RedactURL(s.name), s.archive)); err != nil {
			return err
		}
	}
	for _, d := range r.list {
		j := differenceJSON{
			Type: "difference", Change: d.change, In: d.in, Kind: d.Kind, Schema: d.Name.Schema, Table: d.Name.Table, Name: d.Name.Name,
			Old: r.old.json(d.Old), New: r.new.json(d.New),
		}
		if err := enc.Encode(j); err != nil {
			return err
		}
	}
	return enc.Encode(diffSummaryJSON{
		Type: "summary", Removed: r.counts["removed"], Added: r.counts["added"], Changed: r.counts["changed"], Same: r.counts["same"],
		DataCompared: r.rows,
	})
}

// json returns what an archive has of an entry; nil if it does not have it.
func (s *diffSide) json(e *toc.Entry) *diffSideJSON {
	if e == nil {
		return nil
	}
	j := &diffSideJSON{
		DumpID: e.ID, Definition: e.Defn, Owner: e.Owner.String, Tablespace: e.Tablespace.String, TableAM: e.TableAM,
		Columns: toc.CopyColumns(e.Copy),
	}
	if e.Data != toc.DataNone && e.DataSize >= 0 {
		j.DataSize = &e.DataSize
	}
	if c, ok := s.data[e.ID]; ok {
		j.Rows, j.Bytes = &c.Rows, &c.Bytes
		if c.Whole {
			j.SHA256 = hex.EncodeToString(c.Digest[:])
		}
	}
	return j
}
