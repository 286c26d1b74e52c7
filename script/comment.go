package script

import (
	"strings"

	"github.com/pgarc/pgarc/toc"
)

// The part of an entry that a header comment announces.
const (
	schemaPart     = ""
	dataPart       = "Data for "
	statisticsPart = "Statistics for "
)

// header returns the comment that pg_restore prints before an entry. Line ends
// in names become blanks: a name must not end the comment.
func header(e *toc.Entry, part string, o Options) string {
	var b strings.Builder
	b.WriteString("--\n-- " + part + "Name: " + toc.OneLine(e.Tag) + "; Type: " + toc.OneLine(string(e.Kind)))
	b.WriteString("; Schema: " + orHyphen(toc.OneLine(e.Namespace), e.Namespace != ""))
	b.WriteString("; Owner: " + orHyphen(toc.OneLine(e.Owner.String), e.Owner.Valid && !o.NoOwner))
	if e.Tablespace.String != "" && !o.NoTablespaces {
		b.WriteString("; Tablespace: " + toc.OneLine(e.Tablespace.String))
	}
	b.WriteString("\n--\n\n")
	return b.String()
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
