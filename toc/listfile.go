package toc

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// WriteListEntry writes one line of pg_restore -l: dump id, OIDs, kind,
// namespace, tag and owner.
func WriteListEntry(w io.Writer, e *Entry) error {
	namespace := "-"
	if e.Namespace != "" {
		namespace = OneLine(e.Namespace)
	}
	_, err := fmt.Fprintf(w, "%d; %d %d %s %s %s %s\n", e.ID, e.ClassOID, e.OID,
		e.Kind, namespace, OneLine(e.Tag), OneLine(e.Owner.String))
	return err
}

// oneLine replaces line ends by blanks, as pg_dump's sanitize_line does: a name
// with a line end in it must not start a line of its own, which a reader of
// the text (psql, or -L) would take for something else.
var oneLine = strings.NewReplacer("\n", " ", "\r", " ")

// OneLine returns s with its line ends replaced by blanks, for comments and
// listings.
func OneLine(s string) string { return oneLine.Replace(s) }

// ReadList reads a list file as pg_restore -L does: of each line, what stands
// before the first semicolon; of that, the leading number. Lines that are not
// understood, that repeat an id, or whose id is beyond all of t's are ignored
// and returned as warnings. An id within range that t does not have is an
// error.
func ReadList(r io.Reader, t *TOC) (ids []DumpID, warnings []string, err error) {
	var largest DumpID
	for _, e := range t.Entries {
		largest = max(largest, e.ID)
	}
	seen := make(map[DumpID]bool)
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	number := 0
	for ; lines.Scan(); number++ {
		text, _, _ := strings.Cut(lines.Text(), ";")
		if strings.Trim(text, " \t\r") == "" {
			continue
		}
		id, ok := leadingID(text)
		if !ok || id > largest || seen[id] {
			warnings = append(warnings, "line ignored: "+text)
			continue
		}
		if t.Lookup(id) == nil {
			return nil, warnings, fmt.Errorf("could not find entry for ID %d", id)
		}
		seen[id] = true
		ids = append(ids, id)
	}
	if err := lines.Err(); err != nil {
		return nil, warnings, fmt.Errorf("list line %d: %w", number+1, err)
	}
	return ids, warnings, nil
}

// leadingID parses the number at the start of a line, as C's strtol does; but
// a number of more than 31 bits is none, where pg_restore takes its low bits.
func leadingID(s string) (DumpID, bool) {
	s = strings.TrimPrefix(strings.TrimLeft(s, " \t\r\v\f"), "+")
	var n int64
	digits := 0
	for ; digits < len(s) && s[digits] >= '0' && s[digits] <= '9'; digits++ {
		n = n*10 + int64(s[digits]-'0')
		if n > 1<<31-1 {
			return 0, false
		}
	}
	return DumpID(n), digits > 0 && n > 0
}
