package script

import (
	"io"

	"github.com/pgarc/pgarc/toc"
)

// A Rest is what of an entry is still to be run after a restore.
type Rest struct {
	Entry *toc.Entry
	Why   string   // for the comment above it; may have several lines
	SQL   []string // none: there is only the comment

	// AsComment prints the SQL as a comment: it is not to be run as it
	// stands.
	AsComment bool
}

// RestOptions say how [WriteRest] prints.
type RestOptions struct {
	Options
	Role              string // SET ROLE
	EnableRowSecurity bool
	Title, End        string // comments at the top and at the end, of one or several lines
}

// WriteRest prints a script for psql, with the settings that the statements
// need, from what a restore has left. The order is the caller's. As in
// [WriteDDL], what psql would not just send to the server comes as a comment
// and is returned as a warning.
func WriteRest(w io.Writer, t *toc.TOC, list []Rest, o RestOptions) ([]Warning, error) {
	d := ddl{w: w, toc: t, state: State{tablespace: toc.NewText(""), tableAM: "heap"}}
	d.print(commentOut(o.Title) + "\n")
	s := &writer{w: w, toc: t, o: WriteOptions{Role: o.Role, EnableRowSecurity: o.EnableRowSecurity, anyServer: true}, err: d.err}
	s.settings()
	d.err = s.err
	for i, r := range list {
		if i > 0 {
			d.print("\n")
		}
		d.print("-- " + entryName(r.Entry) + "\n" + commentOut(r.Why))
		switch {
		case len(r.SQL) == 0:
		case r.AsComment:
			d.print(commentOut(d.joined(r.SQL)))
		default:
			d.sql(r.Entry, d.joined(append(d.state.Before(t, r.Entry, o.Options), r.SQL...)))
			d.state.After(r.Entry)
		}
	}
	d.print("\n" + commentOut(o.End))
	return d.warnings, d.err
}
