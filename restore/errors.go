package restore

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// A StepError is the failure of one step. Errors.As reaches the
// *pgconn.PgError of a server's refusal, or the error of package archive when
// the data could not be read.
type StepError struct {
	Step *Step

	// SQL is the whole statement that failed; empty if the failure is not
	// that of a statement (the archive could not be read).
	SQL string

	// Role is that of the statement. Unless it is RoleCreate, the object
	// itself exists.
	Role Role

	// Exists is set when the object was not made because there is one
	// already. What depends on it is restored all the same.
	Exists bool

	Err error

	// Also are further statements of the same step that failed, up to a
	// hundred. Which one comes first is decided by what counts most.
	Also []*StepError

	// HeldBy are the sessions that held locks which the statement needed, if it
	// failed by a deadlock or a lock timeout, as far as they were there a moment
	// later.
	HeldBy []Holder

	// Violations are the rows that violate what could not be made, if that
	// is why; else nil. They are looked for at the end of the restore.
	Violations *Violations
}

// Error returns one line: the entry, what failed, why, and the SQLSTATE.
func (e *StepError) Error() string {
	return fmt.Sprintf("%s: %s: %s", e.Step, e.what(), e.Reason())
}

// readError says that the archive could not be read, whoever is to blame: the
// archive, the disk that it is on, or the network.
type readError struct{ err error }

func (e *readError) Error() string { return e.err.Error() }
func (e *readError) Unwrap() error { return e.err }

func (e *StepError) what() string {
	switch {
	case e.SQL == "":
		return "read data"
	case e.Role == RoleAlter && e.Step.Action == ActionCreate:
		return "alter"
	case e.Role == RoleCreate || e.Role == RoleAlter || e.Role == RoleDrop:
		return e.Step.Action.String()
	}
	return "load data"
}

// Reason returns what the server, or the archive, said, in one line.
func (e *StepError) Reason() string { return reason(e.Err) }

func reason(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return fmt.Sprintf("%s (SQLSTATE %s)", pg.Message, pg.Code)
	}
	return err.Error()
}

// Unwrap returns the cause.
func (e *StepError) Unwrap() error { return e.Err }

// Definition returns the archive's own statements that make the entry, whole,
// if the step runs them or a part of them; else "".
func (e *StepError) Definition() string {
	switch e.Step.Action {
	case ActionCreate, ActionAttach, ActionMark, ActionValidate:
		return e.Step.Entry.Defn
	}
	return ""
}

// PgError returns the server's error, with its detail and hint, or nil if the
// failure is not the server's.
func (e *StepError) PgError() *pgconn.PgError {
	var pg *pgconn.PgError
	if errors.As(e.Err, &pg) {
		return pg
	}
	return nil
}

// SQLState returns the SQLSTATE, or "" if the failure is not the server's.
func (e *StepError) SQLState() string {
	if pg := e.PgError(); pg != nil {
		return pg.Code
	}
	return ""
}

// String names the step: its kind, name and dump id.
func (s *Step) String() string {
	name := s.Entry.Tag
	if s.Entry.Namespace != "" {
		name = s.Entry.Namespace + "." + name
	}
	return fmt.Sprintf("%s %s (%d)", s.Entry.Kind, name, s.Entry.ID)
}
