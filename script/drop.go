package script

import (
	"strconv"
	"strings"

	"github.com/pgarc/pgarc/toc"
)

// Drop returns the statements that drop the entry's object: none if no drop is
// known or there is nothing to drop by itself. The statement may be a comment,
// as for schema public. With ifExists, an object that is not there is no error.
func Drop(e *toc.Entry, ifExists bool) []string {
	drop := e.Drop.String
	switch {
	case !e.Drop.Valid:
		return nil
	case e.Kind == toc.BlobMetadata:
		if ifExists {
			return perObject(e, unlinkIfExists, "'")
		}
		return perObject(e, "SELECT pg_catalog.lo_unlink('", "')")
	case drop == "":
		return nil
	case !ifExists || strings.HasPrefix(drop, "--"):
		return []string{drop}
	case e.Kind == toc.Blob:
		return []string{unlinkIfExists + strconv.FormatUint(uint64(e.OID), 10) + "';\n"}
	}
	return []string{dropIfExists(e.Kind, drop)}
}

// unlinkIfExists wants an OID and a quote after it. lo_unlink of an object
// that is not there is an error.
const unlinkIfExists = "SELECT pg_catalog.lo_unlink(oid) FROM pg_catalog.pg_largeobject_metadata WHERE oid = '"

// dropIfExists puts IF EXISTS where it belongs, or returns the statement as it
// is where there is no such place (RestoreArchive).
func dropIfExists(kind toc.Kind, drop string) string {
	var alter string
	if rest, ok := strings.CutPrefix(drop, "ALTER TABLE"); ok {
		alter, drop = "ALTER TABLE IF EXISTS", rest
	}
	// A rule _RETURN is undone by putting the view's dummy back. The
	// drop of a default has no IF EXISTS for the column.
	if kind == toc.Default || kind == toc.DatabaseProperties || strings.HasPrefix(drop, "CREATE OR REPLACE VIEW") {
		return alter + drop
	}
	words := "DROP " + string(kind)
	switch kind {
	case toc.Constraint, toc.CheckConstraint, toc.FKConstraint:
		words = "DROP CONSTRAINT"
	}
	before, after, ok := strings.Cut(drop, words)
	if !ok {
		return alter + drop
	}
	return alter + before + words + " IF EXISTS" + after
}
