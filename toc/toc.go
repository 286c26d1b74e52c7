package toc

import (
	"fmt"
	"strings"
)

// A TOC is the table of contents of an archive: its entries in archive order,
// which is the order in which pg_dump would restore them, and what the special
// entries say about all of them.
//
// A TOC is not changed after it was made and may be used concurrently.
type TOC struct {
	Entries []*Entry

	// Encoding is the client encoding of every string and all data
	// ("UTF8"); "SQL_ASCII" if the archive does not say.
	Encoding string

	// StdStrings says whether backslashes in plain string literals are
	// literal (standard_conforming_strings).
	StdStrings bool

	// SearchPath is the SQL that sets the search path, or empty in archives
	// before version 1.13, whose definitions rely on the path being set to
	// the schema of each entry.
	SearchPath string

	// DepsAreOIDs is set for archives before version 1.8, where Entry.Deps
	// are object OIDs and cannot order anything.
	DepsAreOIDs bool

	position map[DumpID]int // in Entries
}

// New makes a TOC of entries. It takes over the slice, and reads the special
// entries. Two entries with one id, an id that is not positive, or a special
// entry that cannot be read are errors.
func New(entries []*Entry) (*TOC, error) {
	t := &TOC{
		Entries:  entries,
		Encoding: "SQL_ASCII",
		position: make(map[DumpID]int, len(entries)),
	}
	for i, e := range entries {
		if e.ID <= 0 {
			return nil, fmt.Errorf("entry %d of the TOC has dump id %d: must be positive", i+1, e.ID)
		}
		if at, ok := t.position[e.ID]; ok {
			first := entries[at]
			return nil, fmt.Errorf("dump id %d occurs twice in the TOC: %s %q and %s %q", e.ID, first.Kind, first.Tag, e.Kind, e.Tag)
		}
		t.position[e.ID] = i
		if e.IsSpecial() {
			if err := t.readSpecial(e); err != nil {
				return nil, err
			}
		}
	}
	return t, nil
}

// readSpecial interprets an entry that describes the archive, as
// processEncodingEntry and its sisters in pg_backup_archiver.c do.
func (t *TOC) readSpecial(e *Entry) error {
	switch e.Kind {
	case Encoding:
		value, ok := quoted(e.Defn)
		if !ok {
			return fmt.Errorf("invalid %s entry: %q", e.Kind, e.Defn)
		}
		t.Encoding = value
	case StdStrings:
		value, ok := quoted(e.Defn)
		if !ok || (value != "on" && value != "off") {
			return fmt.Errorf("invalid %s entry: %q", e.Kind, e.Defn)
		}
		t.StdStrings = value == "on"
	case SearchPath:
		t.SearchPath = e.Defn
	}
	return nil
}

// quoted returns what stands between the first two single quotes of s.
func quoted(s string) (string, bool) {
	_, rest, ok := strings.Cut(s, "'")
	if !ok {
		return "", false
	}
	value, _, ok := strings.Cut(rest, "'")
	return value, ok
}

// Lookup returns the entry with the given id, or nil.
func (t *TOC) Lookup(id DumpID) *Entry {
	if i, ok := t.position[id]; ok {
		return t.Entries[i]
	}
	return nil
}

// Position returns the place of an entry in archive order, or -1.
func (t *TOC) Position(id DumpID) int {
	if i, ok := t.position[id]; ok {
		return i
	}
	return -1
}
