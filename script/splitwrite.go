package script

import (
	"io"
	"strings"

	"github.com/pgarc/pgarc/toc"
)

// WriteSplitFile prints one of the files of [Split]. Of the options those that
// concern single entries count, and Data and LargeObjects.
//
// The files are read by psql without \restrict, which could not stand in a text
// that is the same in every run. A definition on which psql would act by itself
// (see [MetaCommand]) comes as a comment and is returned as a warning; data are
// printed as they are.
func WriteSplitFile(w io.Writer, sel *toc.Selected, f SplitFile, o WriteOptions) ([]Warning, error) {
	usual := State{tablespace: toc.NewText(""), tableAM: "heap"} // see WriteSplitIndex
	s := &writer{w: w, toc: sel.TOC, sel: sel, o: o, state: usual}
	d := &ddl{w: w, toc: sel.TOC}
	for i, e := range f.Entries {
		if f.Data {
			s.entry(e)
			continue
		}
		if i > 0 {
			s.print("\n")
		}
		s.print("--\n", nameComment(e, schemaPart, o.Options), "--\n\n")
		pieces, err := Create(s.toc, e, o.Options)
		if err != nil {
			return nil, err
		}
		pieces = append(s.state.Before(s.toc, e, o.Options), pieces...)
		pieces = append(append(pieces, Owner(e, o.Options)...), SetAccessMethod(e, o.Options)...)
		d.sql(e, spaced(pieces, s.toc.StdStrings))
		s.state.After(e)
	}
	if d.err != nil {
		s.fail(d.err)
	}
	s.print(s.state.backTo(usual)...)
	return d.warnings, s.err
}

// spaced puts pieces under each other, each ended by a semicolon and an empty
// line between them.
func spaced(pieces []string, stdStrings bool) string {
	list := make([]string, 0, len(pieces))
	for _, p := range pieces {
		p = strings.TrimRight(p, "\n")
		if p += missingEnd(p, stdStrings); p != "" {
			list = append(list, p+"\n")
		}
	}
	return strings.Join(list, "\n")
}

// backTo returns the settings that undo those of a file, so that the files can
// be run in any order.
func (s *State) backTo(usual State) []string {
	var list []string
	if s.tablespace != usual.tablespace {
		list = append(list, "\nSET default_tablespace = '';\n")
	}
	if s.tableAM != usual.tableAM {
		list = append(list, "\nSET default_table_access_method = "+usual.tableAM+";\n")
	}
	if s.user.Valid {
		list = append(list, "\nSET SESSION AUTHORIZATION DEFAULT;\n")
	}
	return list
}

// WriteSplitIndex prints the script that runs the files of [Split] in their
// order, by psql's \ir. Comment stands at its top.
func WriteSplitIndex(w io.Writer, sel *toc.Selected, files []SplitFile, comment string, o WriteOptions) error {
	s := &writer{w: w, toc: sel.TOC, sel: sel, o: WriteOptions{Role: o.Role, EnableRowSecurity: o.EnableRowSecurity, anyServer: true}}
	s.print(commentOut(comment), "\n")
	s.settings()
	s.print("SET default_tablespace = '';\n")
	for _, e := range sel.Entries() {
		if e.TableAM != "" && !o.NoTableAM {
			s.print("SET default_table_access_method = heap;\n")
			break
		}
	}
	s.print("\n")
	for _, f := range files {
		s.print(`\ir `, f.Path, "\n")
	}
	return s.err
}
