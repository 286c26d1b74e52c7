package main

import (
	"bufio"
	"fmt"
	"io"

	"github.com/pgarc/pgarc/toc"
)

// writeChoices tells what each option of the selection keeps and drops, or
// nothing if none is used; if verbose, with the entries.
func writeChoices(w *bufio.Writer, s *toc.Selected, verbose bool) {
	choices := s.Choices()
	if len(choices) == 0 {
		return
	}
	fmt.Fprintf(w, "%s of %s entries selected\n", thousands(int64(len(s.Entries()))), thousands(int64(countObjects(s.TOC))))
	t := table{columns: []column{{title: "OPTION"}, {title: "NAME"}, {title: "KEEPS", right: true}, {title: "DROPS", right: true}}}
	for _, c := range choices {
		t.add(choiceOption(c), visible(c.Name), thousands(int64(len(c.Kept))), thousands(int64(len(c.Dropped))))
	}
	t.write(w, 0)
	w.WriteByte('\n')
	if !verbose {
		return
	}
	list := table{columns: []column{{title: "OPTION"}, {title: "NAME"}, {title: "DOES"}, {title: "ID", right: true}, {title: "KIND"}, {title: "ENTRY"}}}
	for _, c := range choices {
		for _, e := range c.Kept {
			list.add(choiceOption(c), visible(c.Name), "keeps", e.ID.String(), visible(string(e.Kind)), visible(entryName(e)))
		}
		for _, e := range c.Dropped {
			list.add(choiceOption(c), visible(c.Name), "drops", e.ID.String(), visible(string(e.Kind)), visible(entryName(e)))
		}
	}
	list.write(w, 0)
	w.WriteByte('\n')
}

// choiceOption is the option as one types it.
func choiceOption(c toc.Choice) string {
	if c.Option == "" {
		return "(not named)"
	}
	return "--" + c.Option
}

type choiceJSON struct {
	Type    string       `json:"type"`             // "choice"
	Option  string       `json:"option,omitempty"` // without hyphens; none: what is not named
	Name    string       `json:"name,omitempty"`
	Kept    []toc.DumpID `json:"keeps"`
	Dropped []toc.DumpID `json:"drops"`
}

// writeChoicesJSON writes a line for each option, or name of one.
func writeChoicesJSON(w io.Writer, s *toc.Selected) error {
	enc := newLineEncoder(w)
	for _, c := range s.Choices() {
		j := choiceJSON{Type: "choice", Option: c.Option, Name: c.Name, Kept: idsOf(c.Kept), Dropped: idsOf(c.Dropped)}
		if err := enc.Encode(j); err != nil {
			return err
		}
	}
	return nil
}

// idsOf returns the dump ids of entries, for JSON: an empty list is not null.
func idsOf(entries []*toc.Entry) []toc.DumpID {
	list := make([]toc.DumpID, len(entries))
	for i, e := range entries {
		list[i] = e.ID
	}
	return list
}
