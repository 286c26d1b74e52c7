package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/pflag"

	"github.com/pgarc/pgarc/restore"
)

// restoreOptions are the options of pgarc restore.
type restoreOptions struct {
	conn      connFlags
	selection selectionFlags
	restore.Options
	format     string // -F: accepted, as in pg_restore's habit, and not needed
	dryRun     bool
	scratch    bool
	scratchRun string
	verbose    bool
	quiet      bool
	json       bool

	flags *pflag.FlagSet // as parsed
}

func (o *restoreOptions) addFlags(fs *pflag.FlagSet) {
	o.flags = fs
	o.conn.addFlags(fs)
	o.selection.addFlags(fs)
	fs.IntVarP(&o.Jobs, "jobs", "j", defaultJobs(runtime.NumCPU()), "connections at work at once")
	fs.BoolVarP(&o.Clean, "clean", "c", false, "drop what is to be restored first")
	fs.BoolVar(&o.IfExists, "if-exists", false, "with --clean: where it exists")
	fs.BoolVarP(&o.SingleTransaction, "single-transaction", "1", false, "all or nothing")
	fs.BoolVarP(&o.ExitOnError, "exit-on-error", "e", false, "stop at the first failure")
	fs.BoolVarP(&o.NoOwner, "no-owner", "O", false, "set no owners")
	fs.BoolVar(&o.NoTablespaces, "no-tablespaces", false, "all into the default tablespace")
	fs.BoolVar(&o.NoTableAM, "no-table-access-method", false, "all with the default access method")
	fs.StringVar(&o.Role, "role", "", "SET ROLE after connecting")
	fs.BoolVar(&o.DisableTriggers, "disable-triggers", false, "no triggers while loading, with --data-only")
	fs.StringVarP(&o.Superuser, "superuser", "S", "", "role that disables triggers")
	fs.BoolVar(&o.EnableRowSecurity, "enable-row-security", false, "row security applies to what is loaded")
	fs.BoolVar(&o.NoDataForFailedTables, "no-data-for-failed-tables", false, "no data for tables that could not be made")
	fs.BoolVar(&o.dryRun, "dry-run", false, "print the steps")
	fs.BoolVar(&o.scratch, "scratch", false, "restore into a server to throw away")
	fs.StringVar(&o.scratchRun, "scratch-run", "", "run a command on that server, then stop it")
	fs.BoolVarP(&o.verbose, "verbose", "v", false, "a line for each step")
	fs.BoolVarP(&o.quiet, "quiet", "q", false, "nothing but failures")
	fs.BoolVar(&o.json, "json", false, "JSON, one object a line")
	fs.StringVarP(&o.format, "format", "F", "", "format of the archive: not needed")
	fs.MarkHidden("format")
	addMissingFlags(fs)
}

// defaultJobs is the default of -j. Even one processor is not busy while its
// disk or the network is; above eight, more is a decision for the user.
func defaultJobs(cpus int) int { return min(max(cpus, 2), 8) }

// missingFlags are pg_restore's options that pgarc restore does not have, and
// what to do instead.
var missingFlags = []struct {
	name, short string
	hasValue    bool
	hint        string
}{
	{"list", "l", false, "pgarc ls --format list lists an archive"},
	{"file", "f", true, "pgarc ddl prints definitions; pg_restore -f makes a whole script"},
	{"filter", "", true, "use -n, -N, -t, -I, -P and -T"},
	{"transaction-size", "", true, "leave it out; -1 restores all in one transaction"},
	{"restrict-key", "", true, "it is for scripts only: leave it out"},
	{"use-set-session-authorization", "", false, "leave it out: owners are set by ALTER ... OWNER TO"},
}

func addMissingFlags(fs *pflag.FlagSet) {
	for _, f := range missingFlags {
		if f.hasValue {
			fs.StringP(f.name, f.short, "", "")
		} else {
			fs.BoolP(f.name, f.short, false, "")
		}
		fs.MarkHidden(f.name)
	}
}

// restoreConflicts are pairs that make no sense, beside those of a selection.
var restoreConflicts = [][2]string{
	{"clean", "data-only"},
	{"create", "single-transaction"},
	{"quiet", "verbose"},
	{"dry-run", "scratch"},
	{"dry-run", "scratch-run"},
}

// check finds what is wrong with the options by themselves.
func (o *restoreOptions) check() error {
	for _, f := range missingFlags {
		if o.flags.Changed(f.name) {
			return &usageError{optionName(o.flags, f.name) + " is not supported", f.hint}
		}
	}
	if err := checkConflicts(o.flags, selectionConflicts); err != nil {
		return err
	}
	if err := checkConflicts(o.flags, restoreConflicts); err != nil {
		return err
	}
	switch {
	case o.IfExists && !o.Clean:
		return usagef("option --if-exists requires option -c/--clean")
	case o.Jobs < 1:
		return usagef("-j/--jobs must be at least 1")
	case o.SingleTransaction && o.flags.Changed("jobs") && o.Jobs > 1:
		return usagef("cannot specify both --single-transaction and multiple jobs")
	case !knownFormat(o.format):
		return &usageError{fmt.Sprintf("unrecognized archive format %q", o.format), "leave out -F: pgarc sees the format itself"}
	}
	if err := o.selection.check(); err != nil {
		return err
	}
	return o.checkTarget()
}

// knownFormat reports whether -F names a format as pg_restore takes it, by its
// first letter.
func knownFormat(name string) bool {
	switch name {
	case "", "c", "C", "custom", "d", "D", "directory", "t", "T", "tar":
		return true
	}
	return false
}

// checkTarget checks that there is one place to restore to.
func (o *restoreOptions) checkTarget() error {
	if o.isScratch() {
		for _, name := range []string{"host", "port", "username", "password"} {
			if o.flags.Changed(name) {
				return usagef("options --scratch and %s cannot be used together", optionName(o.flags, name))
			}
		}
		return checkScratchName(o.conn.dbname)
	}
	if o.conn.dbname == "" && !o.dryRun {
		return &usageError{"no database to restore into: -d/--dbname is missing",
			"-d NAME, or a URL, says where to; --scratch restores into a server to throw away"}
	}
	return o.conn.check()
}

// isScratch reports whether a scratch server is asked for.
func (o *restoreOptions) isScratch() bool { return o.scratch || o.flags.Changed("scratch-run") }
