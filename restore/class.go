package restore

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgarc/pgarc/script"
	"github.com/pgarc/pgarc/toc"
)

// A Class is what sort of failure a failure is: what one may want to ignore,
// and what one has to do about it.
type Class uint8

// The classes. What is in none of the others is ClassOther.
const (
	ClassOther       Class = iota
	ClassSetting           // a configuration parameter that the server does not know
	ClassPrivilege         // the role may not do that
	ClassOwnership         // an owner or grantee is not there, or the role cannot act for the owner
	ClassExists            // the object is there already, made by somebody else
	ClassAbsent            // what was to be dropped is not there
	ClassDependency        // something that the object needs is not there
	ClassExtension         // an extension, or a library of one, that the server does not have
	ClassUnsupported       // the server does not know the syntax or the feature
	ClassConstraint        // the rows violate a constraint or a unique index
	ClassData              // the server refused rows
	ClassArchive           // the data could not be read from the archive
	ClassConnection        // the connection was lost, or not to be had
	ClassCancelled         // somebody cancelled the statement, or a timeout did
	ClassLock              // deadlock, lock timeout, serialization failure: also when tried again
	ClassSpace             // out of disk space, memory or another resource
	ClassInternal          // an error within the server
	classes
)

var classNames = [classes]string{"other", "setting", "privilege", "ownership", "exists", "absent", "dependency", "extension", "unsupported",
	"constraint", "data", "archive", "connection", "cancelled", "lock", "space", "internal"}

// String returns the class in one word, as options and reports have it.
func (c Class) String() string { return classNames[c] }

// ParseClass returns the class of that name.
func ParseClass(name string) (Class, error) {
	for c, n := range classNames {
		if n == name {
			return Class(c), nil
		}
	}
	return 0, fmt.Errorf("no class of failures is called %q; there are %s", name, strings.Join(classNames[:], ", "))
}

// Class returns what sort of failure it is: by SQLSTATE, the kind of the entry
// and the statement that failed. The message is looked at only where the server
// says the same SQLSTATE of different things, and then what is meant by its
// English words; in other languages such a failure falls into a class that is
// less often ignored.
func (e *StepError) Class() Class {
	pg := e.PgError()
	if pg == nil {
		return e.classWithoutServer()
	}
	if c, ok := classOfCondition(pg.Code); ok {
		return c
	}
	if c, ok := e.classOfKind(pg); ok {
		return c
	}
	switch pg.Code {
	case "42501": // insufficient_privilege
		return e.classOfPrivilege(pg)
	case "42704": // undefined_object: anything without a code of its own
		switch {
		case e.isUnknownSetting(pg):
			return ClassSetting
		case e.Role == RoleDrop:
			return ClassAbsent
		case setsOwner(e.SQL), isACL(e.Step.Entry.Kind), e.Step.Entry.Kind == toc.Schema, strings.HasPrefix(pg.Message, "role "):
			return ClassOwnership
		}
		return ClassDependency
	case "42P01", "42883", "3F000", "42703": // undefined_table, undefined_function, invalid_schema_name, undefined_column
		if e.Role == RoleDrop {
			return ClassAbsent
		}
		return ClassDependency
	case "3D000": // invalid_catalog_name
		if e.Role == RoleDrop {
			return ClassAbsent
		}
		return ClassConnection
	case "2BP01": // dependent_objects_still_exist
		return ClassDependency
	case "58P01": // undefined_file: a library of functions in C
		return ClassExtension
	case "0A000", "42601": // feature_not_supported, syntax_error
		if setsOwner(e.SQL) {
			return ClassOwnership // of a sequence, which has to be that of its table (ATExecChangeOwner)
		}
		return ClassUnsupported
	}
	if alreadyExists(e.Err) {
		return ClassExists
	}
	switch pg.Code[:min(2, len(pg.Code))] {
	case "22", "23", "P0":
		if e.Step.Action.IsData() {
			return ClassData
		}
		if pg.Code[:2] == "23" {
			return ClassConstraint
		}
	case "58":
		return ClassInternal
	}
	return ClassOther
}

// classOfCondition is for what has nothing to do with the entry.
func classOfCondition(code string) (Class, bool) {
	switch code {
	case "57014": // query_canceled
		return ClassCancelled, true
	case "57P01", "57P02", "57P03", "57P04", "57P05", "53300": // shutdowns and the like, too_many_connections
		return ClassConnection, true
	case "40001", "40P01", "55P03": // serialization_failure, deadlock_detected, lock_not_available
		return ClassLock, true
	}
	switch code[:min(2, len(code))] {
	case "08":
		return ClassConnection, true
	case "53": // insufficient resources: disk_full, out_of_memory, configuration_limit_exceeded
		return ClassSpace, true
	case "XX":
		return ClassInternal, true
	}
	return 0, false
}

// classWithoutServer is for failures that the server has not reported.
func (e *StepError) classWithoutServer() Class {
	var network net.Error
	var connect *pgconn.ConnectError
	switch {
	case isArchiveError(e), errors.Is(e.Err, ErrNoEndMarker):
		return ClassArchive
	case e.SQL != "", errors.Is(e.Err, errConnectionLost), errors.As(e.Err, &network), errors.As(e.Err, &connect):
		return ClassConnection
	}
	return ClassArchive
}

// classOfKind is for kinds of entries that tell more than the SQLSTATE.
func (e *StepError) classOfKind(pg *pgconn.PgError) (Class, bool) {
	switch entry := e.Step.Entry; {
	case e.isOfOthers(pg):
		return ClassExists, true
	case e.Role == RoleDrop:
		return 0, false
	case entry.Kind == toc.Extension || entry.Kind == proceduralLanguage || isCommentOn(entry, "EXTENSION "):
		if e.Role == RoleCreate && pg.Code != "42501" && !alreadyExists(e.Err) {
			return ClassExtension, true
		}
	}
	return 0, false
}

const proceduralLanguage toc.Kind = "PROCEDURAL LANGUAGE"

// isOfOthers reports whether a database has something from the start, which
// belongs to somebody else: plpgsql, and the usual comments on extensions and
// on schema public.
func (e *StepError) isOfOthers(pg *pgconn.PgError) bool {
	entry := e.Step.Entry
	if pg.Code != "42501" && !alreadyExists(e.Err) {
		return false
	}
	switch {
	case entry.Tag == "plpgsql" && (entry.Kind == toc.Extension || entry.Kind == proceduralLanguage):
		return true
	case isPublic(entry) && e.Role == RoleCreate && alreadyExists(e.Err):
		return true
	case isCommentOn(entry, "EXTENSION "), isCommentOn(entry, "PROCEDURAL LANGUAGE plpgsql"), isCommentOn(entry, "LANGUAGE plpgsql"):
		return true
	}
	return isCommentOn(entry, "SCHEMA public") && strings.Contains(strings.ToLower(entry.Defn), "'standard public schema'")
}

func isCommentOn(e *toc.Entry, what string) bool {
	return e.Kind == toc.Comment && strings.HasPrefix(e.Tag, what)
}

func isACL(k toc.Kind) bool { return k == toc.ACL || k == toc.ACLLanguage || k == toc.DefaultACL }

// classOfPrivilege tells who may not from who is not the owner: "must be owner
// of", "must be member of role", "must be able to SET ROLE" (aclchk.c).
func (e *StepError) classOfPrivilege(pg *pgconn.PgError) Class {
	if setsOwner(e.SQL) || strings.HasPrefix(pg.Message, "must be ") && !strings.HasPrefix(pg.Message, "must be superuser") {
		return ClassOwnership
	}
	return ClassPrivilege
}

// setsOwner reports whether a statement does nothing but make a role the owner,
// or act as one.
func setsOwner(sql string) bool {
	words := firstWords(sql)
	return words[0] == "ALTER" && strings.Contains(sql, " OWNER TO ") && len(script.SplitStatements(sql, true)) == 1 ||
		words[0] == "SET" && (words[1] == "SESSION" || words[1] == "ROLE")
}

// isUnknownSetting reports whether the server does not know a parameter: SET
// can complain of nothing else in this way. ALTER DATABASE, and functions with
// SET, can.
func (e *StepError) isUnknownSetting(pg *pgconn.PgError) bool {
	words := firstWords(e.SQL)
	return words[0] == "SET" && words[1] != "ROLE" && words[1] != "SESSION" || strings.HasPrefix(pg.Message, "unrecognized configuration parameter ")
}

// firstWords returns the first two words of a statement, in upper case.
func firstWords(sql string) [2]string {
	var words [2]string
	copy(words[:], strings.Fields(strings.ToUpper(sql[:min(len(sql), 100)])))
	return words
}

// Harmless reports whether nothing is missing for want of what failed: it is
// there from the start (plpgsql, schema public, and the usual comments on them
// and on extensions), or it is a setting that only a newer server knows.
// A function that makes such a setting is missing, and so not harmless.
func (e *StepError) Harmless() bool {
	switch e.Class() {
	case ClassExists:
		return e.isOfOthers(e.PgError())
	case ClassSetting:
		words := firstWords(e.SQL)
		return e.Role == RoleAlter && words[0] == "SET" || words[0] == "ALTER" && e.Step.Entry.Kind == toc.DatabaseProperties
	}
	return false
}
