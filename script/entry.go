package script

import (
	"fmt"
	"strings"

	"github.com/pgarc/pgarc/toc"
)

// Options change the statements of every entry, as pg_restore's options do.
type Options struct {
	NoOwner       bool // -O: do not set owners
	NoTablespaces bool // --no-tablespaces
	NoTableAM     bool // --no-table-access-method

	// SessionAuthorization creates objects as their owner instead of
	// changing the owner afterwards (--use-set-session-authorization).
	SessionAuthorization bool
}

// Create returns the statements that make the entry's object: usually one
// piece, its definition, which may hold several statements; none if it has no
// definition. Large objects get one piece each.
//
// It fails only for a grant on large objects whose list of objects is missing
// from the archive.
func Create(t *toc.TOC, e *toc.Entry, o Options) ([]string, error) {
	switch {
	case o.NoOwner && e.Kind == toc.Schema && !strings.HasPrefix(e.Defn, "--"):
		// Some old pg_dumps wrote CREATE SCHEMA … AUTHORIZATION.
		return []string{"CREATE SCHEMA " + Ident(e.Tag) + ";\n\n\n"}, nil
	case e.Kind == toc.BlobMetadata:
		return perObject(e, "SELECT pg_catalog.lo_create('", "')"), nil
	case e.Kind == toc.ACL && strings.HasPrefix(e.Tag, "LARGE OBJECTS"):
		return grantPerObject(t, e)
	case e.Defn == "":
		return nil, nil
	}
	return []string{e.Defn + "\n\n"}, nil
}

// perObject returns a command for every large object of a BLOB METADATA entry,
// whose definition is a list of OIDs (IssueCommandPerBlob).
func perObject(e *toc.Entry, before, after string) []string {
	var pieces []string
	for oid := range objectIDs(e) {
		pieces = append(pieces, before+oid+after+";\n")
	}
	if n := len(pieces); n > 0 {
		pieces[n-1] += "\n"
		return pieces
	}
	return []string{"\n"}
}

// objectIDs yields the OIDs in the definition of a BLOB METADATA entry. What is
// no number is left out: it could be anything, and it goes into SQL.
func objectIDs(e *toc.Entry) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for line := range strings.Lines(e.Defn) {
			oid, whole := strings.CutSuffix(line, "\n")
			if whole && isNumber(oid) && !yield(oid) {
				return
			}
		}
	}
}

func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// grantPerObject expands the grants of a group of large objects. The entry
// holds the commands for the first object only; the entry it depends on lists
// them all (IssueACLPerBlob).
func grantPerObject(t *toc.TOC, e *toc.Entry) ([]string, error) {
	var objects *toc.Entry
	if len(e.Deps) > 0 {
		objects = t.Lookup(e.Deps[0])
	}
	if objects == nil || objects.Kind != toc.BlobMetadata {
		return nil, fmt.Errorf("toc entry %d (%s %s): the large objects it is for are not in the archive", e.ID, e.Kind, e.Tag)
	}
	var pieces []string
	for _, command := range splitGrants(e.Defn) {
		before, after, ok := cutObject(command)
		if !ok {
			return nil, fmt.Errorf("toc entry %d (%s %s): no large object in %q", e.ID, e.Kind, e.Tag, command)
		}
		pieces = append(pieces, perObject(objects, before, after)...)
	}
	return pieces, nil
}

// splitGrants cuts at semicolons outside double quotes. Role names are the only
// thing quoted in a grant.
func splitGrants(defn string) []string {
	var list []string
	start, quoted := 0, false
	for i := 0; i < len(defn); i++ {
		switch {
		case defn[i] == '"':
			quoted = !quoted
		case defn[i] == ';' && !quoted:
			list = append(list, strings.TrimLeft(defn[start:i], " \t\n\v\f\r"))
			start = i + 1
		}
	}
	return list
}

// cutObject returns what stands before and after the number in "LARGE OBJECT
// 123", outside double quotes.
func cutObject(command string) (before, after string, ok bool) {
	const words = "LARGE OBJECT "
	quoted := false
	for i := 0; i < len(command); i++ {
		if command[i] == '"' {
			quoted = !quoted
		}
		if !quoted && strings.HasPrefix(command[i:], words) {
			i += len(words)
			return command[:i], strings.TrimLeft(command[i:], "0123456789"), true
		}
	}
	return "", "", false
}

// Owner returns the statements that give the entry's object to its owner; none
// if the entry or the options say so.
func Owner(e *toc.Entry, o Options) []string {
	notCreated := e.Kind == toc.Schema && strings.HasPrefix(e.Defn, "--") // schema public
	if o.NoOwner || o.SessionAuthorization && !notCreated || e.Owner.String == "" || e.Drop.String == "" {
		return nil
	}
	if e.Kind == toc.BlobMetadata {
		return perObject(e, "ALTER LARGE OBJECT ", " OWNER TO "+Ident(e.Owner.String))
	}
	object := ownedObject(e)
	if object == "" {
		return nil
	}
	return []string{"ALTER " + object + " OWNER TO " + Ident(e.Owner.String) + ";\n\n"}
}

// ownedObject returns what ALTER … OWNER TO names (_getObjectDescription), or
// "" for objects without an owner. Of kinds it does not know it assumes that;
// pg_restore 17 and later gives up on them.
func ownedObject(e *toc.Entry) string {
	switch e.Kind.Info().Owner {
	case toc.OwnerQualified:
		return string(e.Kind) + " " + Qualified(e.Namespace, e.Tag)
	case toc.OwnerPlain:
		return string(e.Kind) + " " + Ident(e.Tag)
	case toc.OwnerLargeObject:
		if isNumber(e.Tag) {
			return "LARGE OBJECT " + e.Tag
		}
	case toc.OwnerFromDrop:
		if object, ok := strings.CutPrefix(e.Drop.String, "DROP "); ok {
			return strings.TrimRight(object, ";\n")
		}
	}
	return ""
}

// SetAccessMethod returns the statement that sets the access method of a
// partitioned table, which has to follow its definition: for a table without
// storage default_table_access_method does not count. Of other entries it
// returns none.
func SetAccessMethod(e *toc.Entry, o Options) []string {
	if e.RelKind != partitionedTable || e.TableAM == "" || o.NoTableAM {
		return nil
	}
	return []string{"ALTER TABLE " + Qualified(e.Namespace, e.Tag) + " SET ACCESS METHOD " + Ident(e.TableAM) + ";\n\n"}
}

const partitionedTable = 'p' // pg_class.relkind

// DisableTriggers returns the statement that keeps triggers and foreign keys
// from firing while the entry's data are loaded. It needs a superuser.
func DisableTriggers(e *toc.Entry) string {
	return "ALTER TABLE " + Qualified(e.Namespace, e.Tag) + " DISABLE TRIGGER ALL;\n\n"
}

// EnableTriggers returns the statement that undoes [DisableTriggers].
func EnableTriggers(e *toc.Entry) string {
	return "ALTER TABLE " + Qualified(e.Namespace, e.Tag) + " ENABLE TRIGGER ALL;\n\n"
}
