package restore

import (
	"github.com/pgarc/pgarc/toc"
)

// A Phase is a part of a restore that begins when the one before is over. The
// first three are serial: their steps run one after the other, in plan order.
type Phase uint8

// The phases, in order.
const (
	PhaseDrop          Phase = iota // --clean: drops, in reverse archive order
	PhaseDatabase                   // --create: the database itself
	PhasePreData                    // definitions before the data, in archive order
	PhaseMain                       // data and post-data, by dependencies
	PhaseACL                        // grants, once nothing can be blocked by them or block them
	PhasePostACL                    // materialized views, which may need the grants
	PhaseEventTriggers              // event triggers, which must not fire on the restore itself
	PhaseAnalyze                    // statistics for the planner; all else is there
)

const lastPhase = PhaseAnalyze

var phaseNames = [...]string{"drop", "database", "pre-data", "data and post-data", "privileges", "refresh", "event triggers", "analyze"}

// String returns the name of the phase as progress and reports show it.
func (p Phase) String() string { return phaseNames[p] }

func (p Phase) serial() bool { return p <= PhasePreData }

// Action is what a step does.
type Action uint8

const (
	ActionDrop     Action = iota // run an entry's drop statement
	ActionCreate                 // run an entry's definition, or what makes its object
	ActionAttach                 // make a built index the index of its constraint
	ActionMark                   // run what an index's definition goes on with: CLUSTER ON, REPLICA IDENTITY
	ActionValidate               // check the rows of a foreign key that was made NOT VALID
	ActionCopy                   // load a table by COPY
	ActionInsert                 // load a table by the INSERT commands in the archive
	ActionBlobs                  // load the contents of large objects
	ActionAnalyze                // ANALYZE a table that was loaded
)

var actionNames = [...]string{"drop", "create", "attach", "mark", "validate", "copy", "insert", "large objects", "analyze"}

// String returns the action as plans show it.
func (a Action) String() string { return actionNames[a] }

// IsData reports whether the step reads a data block of the archive.
func (a Action) IsData() bool { return a >= ActionCopy && a <= ActionBlobs }

// StepID is the place of a step in its plan.
type StepID int

// A Step is one unit of work on one connection. What a step does has all
// happened or, if it failed, is said by the error; steps are what is
// scheduled, reported and skipped.
type Step struct {
	ID     StepID
	Key    string // names the step from run to run: dump id and action
	Entry  *toc.Entry
	Action Action
	Phase  Phase

	// Statements are sent one after the other, each by itself, which makes
	// each its own transaction; those of quick steps several together. For
	// data they surround the loading.
	Statements []Statement

	// Deps are the steps that must have ended, well or not, before this one
	// may begin. Requires are those of them without which it makes no
	// sense: if one fails, this step is skipped.
	Deps     []StepID
	Requires []StepID

	// FromStream marks data of an archive that is read as a stream: the step
	// may begin once the stream has arrived at its data.
	FromStream bool

	// Locks are the relation locks that the step takes on the server. Steps
	// whose locks conflict are never run at once.
	Locks []Lock

	// Freeze allows loading the table by TRUNCATE and COPY FREEZE in one
	// transaction, if this restore has made it.
	Freeze bool

	// Quick is set for what the server does in no time, whatever is in the
	// database: such steps are sent ahead, many at once.
	Quick bool

	// Cost is an estimate of the work, in bytes read or written by the
	// server; only its proportion to the costs of other steps matters.
	Cost float64

	// Priority is the cost of the most expensive chain of steps that begins
	// with this one, and Work its own part of that.
	Priority, Work float64

	// Reconnect names the database to connect to once the step has run
	// (CREATE DATABASE); empty for all others.
	Reconnect string
}

// Role says what a statement is to its entry, and so what its failure means.
type Role uint8

const (
	RoleCreate Role = iota // makes the object; if it fails, the object is not there
	RoleAlter              // changes the object afterwards (owner, access method)
	RoleDrop               // removes an object
	RoleBefore             // must precede the data (DISABLE TRIGGER, lo_create)
	RoleAfter              // follows the data (ENABLE TRIGGER)
	RoleLoad               // begins the data: COPY … FROM stdin
	RoleTidy               // makes later work faster (VACUUM); nothing is lost without it
)

// Statement is one query that a step sends.
type Statement struct {
	SQL  string
	Role Role
}

// A Plan is the steps of a restore, in the order in which a single connection
// would run them.
type Plan struct {
	Steps []*Step

	// Schema is false if the plan restores data only.
	Schema bool
}

// isTableData reports whether a step loads a table.
func isTableData(s *Step) bool { return s.Entry.Kind == toc.TableData && s.Action.IsData() }
