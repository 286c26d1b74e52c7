package script

import (
	"fmt"
	"strings"

	"github.com/pgarc/pgarc/toc"
)

// The part of an entry that a header comment announces.
const (
	schemaPart     = ""
	dataPart       = "Data for "
	statisticsPart = "Statistics for "
)

// header prints the comment that stands before an entry.
func (s *writer) header(e *toc.Entry, part string) {
	name := nameComment(e, part, s.o.Options)
	if s.o.Verbose == nil {
		s.print("--\n", name, "--\n\n")
		return
	}
	s.print("--\n", idComment(e), name, s.places[e.ID], "--\n\n")
}

// nameComment names an entry. Line ends in names become blanks: a name must
// not end the comment.
func nameComment(e *toc.Entry, part string, o Options) string {
	var b strings.Builder
	b.WriteString("-- " + part + "Name: " + toc.OneLine(e.Tag) + "; Type: " + toc.OneLine(string(e.Kind)))
	b.WriteString("; Schema: " + orHyphen(toc.OneLine(e.Namespace), e.Namespace != ""))
	b.WriteString("; Owner: " + orHyphen(toc.OneLine(e.Owner.String), e.Owner.Valid && !o.NoOwner))
	if e.Tablespace.String != "" && !o.NoTablespaces {
		b.WriteString("; Tablespace: " + toc.OneLine(e.Tablespace.String))
	}
	b.WriteByte('\n')
	return b.String()
}

// idComment gives the ids of an entry and of those that it depends on.
func idComment(e *toc.Entry) string {
	var b strings.Builder
	fmt.Fprintf(&b, "-- TOC entry %d (class %d OID %d)\n", e.ID, e.ClassOID, e.OID)
	if len(e.Deps) > 0 {
		b.WriteString("-- Dependencies:")
		for _, d := range e.Deps {
			b.WriteString(" " + d.String())
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// placesOf returns the comments that say where data are. They are made before
// any data are read, for that may find places that the table of contents does
// not give.
func placesOf(t *toc.TOC, v *Verbose) map[toc.DumpID]string {
	places := make(map[toc.DumpID]string, len(t.Entries))
	for _, e := range t.Entries {
		switch {
		case v.Offsets:
			places[e.ID] = fmt.Sprintf("-- Data Pos: %d\n", e.Offset)
		case e.File != "":
			places[e.ID] = "-- File: " + toc.OneLine(e.File) + "\n"
		}
	}
	return places
}

func orHyphen(s string, valid bool) string {
	if !valid {
		return "-"
	}
	return s
}

// commentOut returns text as SQL comment lines. psql and the server end a
// comment at \n and at \r alike.
func commentOut(text string) string {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.TrimRight(text, "\r\n"))
	return "-- " + strings.ReplaceAll(text, "\n", "\n-- ") + "\n"
}
