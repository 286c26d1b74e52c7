package restore

import (
	"time"

	"github.com/pgarc/pgarc/script"
	"github.com/pgarc/pgarc/toc"
)

// Options say how to restore. The zero value restores everything, on one
// connection, as pg_restore without options does.
type Options struct {
	Selection toc.Selection

	// Jobs is how many connections work at once; below 1 means 1. With 1,
	// entries are restored in archive order.
	Jobs int

	SingleTransaction bool // -1: all or nothing; implies one job and ExitOnError
	ExitOnError       bool // -e: stop at the first failure

	// TransactionSize commits after so many commands, as pg_restore does, on
	// the connection that works alone; 0: each statement is a transaction.
	// It implies ExitOnError, no journal and no rewrites.
	TransactionSize int

	Clean    bool // -c: drop what is to be restored first
	IfExists bool // with Clean: DROP … IF EXISTS

	NoOwner       bool   // -O
	NoTablespaces bool   // --no-tablespaces
	NoTableAM     bool   // --no-table-access-method
	Role          string // --role: SET ROLE after connecting

	DisableTriggers bool   // --disable-triggers: of the tables whose data are loaded, in data-only restores
	Superuser       string // -S: the role that may disable triggers; empty: the connected one

	// SessionAuthorization makes every object as its owner, by SET SESSION
	// AUTHORIZATION, instead of giving it to the owner afterwards
	// (--use-set-session-authorization). A user whom the session cannot
	// become ends the restore. Role then counts only until the first switch.
	// There is no journal, which only the user who connected could write.
	SessionAuthorization bool

	EnableRowSecurity bool // --enable-row-security

	// Mapping gives schemas, roles and tablespaces other names. Selection
	// goes by the archive's names.
	Mapping script.Mapping

	// SkipMissing leaves out what needs roles, extensions or tablespaces that
	// the server does not have.
	SkipMissing Lacking

	// NoDataForFailedTables leaves out the data of tables that could not be
	// created, also of those that exist already.
	NoDataForFailedTables bool

	Policy Policy // which failures do not count as such

	// Verify says whether to look at the end if all is there.
	Verify Verify

	// Without names the rewrites that are not made. [AllRewrites] leaves
	// nothing but the archive's own statements, one at a time.
	Without Rewrite

	// NoJournal leaves out the journal, in schema [JournalSchema] of the
	// database, by which a restore that was broken off is gone on with.
	NoJournal bool
	Resume    bool   // go on with the restore whose journal is in the database, and retry what failed
	Restart   bool   // forget that journal, and begin anew
	Name      string // what the user calls the archive, for the journal
	Command   string // the command that goes on with the restore, for the journal

	// Pooler allows a connection pooler between here and the server. It must
	// give each connection a session of its own to the end.
	Pooler bool

	// RetryFor is how long to try to connect again to a server that is away;
	// 0 means [DefaultRetryFor], less than 0 not at all.
	RetryFor time.Duration

	// Analyze ends the restore with an ANALYZE of all that was loaded.
	Analyze bool

	// SplitSize is how many bytes of a table's data, as stored, are worth a
	// connection of their own: a table that has several times as many, and is
	// a larger part of all data than one of the Jobs connections, is loaded
	// over several. It is then not loaded frozen. 0: none is.
	SplitSize int64

	// Processors is how many the server's machine has, if that is known: with
	// at least as many Jobs, index builds do without parallel workers, which
	// would compete with the restore's own connections. 0: not known.
	Processors int

	// Settings are made in every session, after those that pgarc chooses.
	Settings []Setting

	// ServerVersion is the server's version as server_version_num shows it
	// (150018). [Run] asks the server; a plan made without one uses only
	// what every supported server can do.
	ServerVersion int

	// Only, if not nil, is what of the selection is restored into a database
	// that has the rest already: see [Comparison.Missing].
	Only *Missing

	// OnEvent is told what happens, from one goroutine, in order. It should
	// return soon: the restore waits for it. May be nil.
	OnEvent func(Event)
}

// script returns those options that change the statements of entries.
func (o Options) script() script.Options {
	return script.Options{NoOwner: o.NoOwner, NoTablespaces: o.NoTablespaces, NoTableAM: o.NoTableAM, SessionAuthorization: o.SessionAuthorization}
}

// asOwners reports whether the sessions change users.
func (o *Options) asOwners() bool { return o.SessionAuthorization && !o.NoOwner }

// A Rewrite is a way to come to the state that the archive's own statements
// lead to, in less time. Values can be joined by |.
type Rewrite uint16

const (
	RewriteKeys        Rewrite = 1 << iota // PRIMARY KEY, UNIQUE: build the index beside others, then make it the constraint
	RewriteForeignKeys                     // make a foreign key NOT VALID, then validate it beside others
	RewriteIndexes                         // CLUSTER ON and REPLICA IDENTITY after all builds on the table
	RewriteFreeze                          // COPY FREEZE into tables made by the restore
	RewriteBinary                          // COPY in binary where the types of all columns allow it and it saves the server work
	RewriteVacuum                          // after that VACUUM, which tells the planner that pages are all-visible
	RewriteAnalyze                         // ANALYZE a small sample of what a materialized view reads, before its refresh
	RewriteAhead                           // send quick statements without waiting for each answer
	RewriteSettings                        // choose session settings by what the server reports
	RewriteAutovacuum                      // put off autovacuum's work on tables that the restore makes until it is over

	AllRewrites Rewrite = 1<<iota - 1
)

// normal returns the options with what some imply of others.
func (o Options) normal() Options {
	if o.TransactionSize > 0 {
		o.ExitOnError, o.NoJournal, o.Without = true, true, AllRewrites
	}
	return o
}

// has reports whether a rewrite is made. What has to stop at the first failure,
// if only that to become another user, sends nothing ahead.
func (o *Options) has(r Rewrite) bool {
	return o.Without&r == 0 && !o.SingleTransaction && !(r == RewriteAhead && (o.ExitOnError || o.asOwners()))
}
