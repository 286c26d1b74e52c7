package main

import (
	"runtime"
	"strings"

	"github.com/spf13/pflag"

	"github.com/pgarc/pgarc/restore"
	"github.com/pgarc/pgarc/toc"
)

// restoreOptions are the options of pgarc restore.
type restoreOptions struct {
	conn      connFlags
	selection selectionFlags
	mapping   mappingFlags
	restore.Options
	script      scriptOptions // -f and what goes with it
	list        bool          // -l
	dryRun      bool
	scratch     bool
	scratchRun  string
	verbose     bool
	quiet       bool
	json        bool
	spool       string // directory to write standard input to first
	compat      bool
	settings    []string                // name=value
	without     [len(rewriteFlags)]bool // as rewriteFlags
	missing     bool                    // only what the database lacks
	skipMissing []string
	onError     string   // continue or stop
	ignore      []string // classes of failures
	report      string   // file for the report
	failedSQL   string   // file for what failed
	verify      bool
	noVerify    bool

	selected *toc.Selected // under other names, if there are any

	flags *pflag.FlagSet // as parsed
}

func (o *restoreOptions) addFlags(fs *pflag.FlagSet) {
	o.conn.addFlags(fs)
	o.addStepFlags(fs)
	o.mapping.addFlags(fs)
	fs.StringSliceVar(&o.skipMissing, "skip-missing", nil, "do without roles, extensions, tablespaces that the server lacks")
	fs.Var(sizeFlag{&o.SplitSize}, "split-size", "load a large table over several connections, each at least so much")
	fs.BoolVar(&o.SessionAuthorization, "use-set-session-authorization", false, "make objects as their owners")
	fs.BoolVar(&o.EnableRowSecurity, "enable-row-security", false, "row security applies to what is loaded")
	fs.BoolVar(&o.NoDataForFailedTables, "no-data-for-failed-tables", false, "no data for tables that could not be made")
	fs.StringVar(&o.spool, "spool", "", "write standard input to a file in this directory first")
	fs.BoolVar(&o.Resume, "resume", false, "go on with a restore that was broken off, or left failures")
	fs.BoolVar(&o.Resume, "retry-failed", false, "the same as --resume")
	fs.BoolVar(&o.Restart, "restart", false, "forget an unfinished restore, and begin anew")
	fs.BoolVar(&o.NoJournal, "no-journal", false, "keep no journal in the database")
	fs.DurationVar(&o.RetryFor, "retry-for", restore.DefaultRetryFor, "how long to try to connect again")
	fs.BoolVar(&o.Pooler, "pooler", false, "connect through a pooler of whole sessions")
	fs.StringArrayVar(&o.settings, "set", nil, "name=value: a setting of the restoring sessions")
	fs.StringVar(&o.onError, "on-error", "continue", "continue or stop")
	fs.StringSliceVar(&o.ignore, "ignore", nil, "classes of failures that do not count")
	fs.StringVar(&o.report, "report", "", "write a report, as JSON, into this file")
	fs.StringVar(&o.failedSQL, "failed-sql", "", "write what failed and was skipped into this file")
	fs.BoolVar(&o.verify, "verify", false, "look at the end if all is there, however many objects there are")
	fs.BoolVar(&o.noVerify, "no-verify", false, "do not look at the end if all is there")
	fs.BoolVar(&o.missing, "missing", false, "only what the database lacks")
	fs.BoolVar(&o.dryRun, "dry-run", false, "print the steps")
	fs.BoolVar(&o.scratch, "scratch", false, "restore into a server to throw away")
	fs.StringVar(&o.scratchRun, "scratch-run", "", "run a command on that server, then stop it")
	fs.BoolVarP(&o.verbose, "verbose", "v", false, "a line for each step")
	fs.BoolVarP(&o.quiet, "quiet", "q", false, "nothing but failures")
	fs.BoolVar(&o.json, "json", false, "JSON, one object a line")
	fs.BoolVarP(&o.list, "list", "l", false, "list what would be restored")
	o.script.addScriptFlags(fs)
	fs.StringVarP(&o.script.format, "format", "F", "", "format of the archive: not needed")
	fs.BoolP("no-reconnect", "R", false, "nothing, as in pg_restore")
	fs.MarkHidden("format")
	fs.MarkHidden("no-reconnect")
}

// addStepFlags adds the options that decide what the steps are, and how many
// run at once.
func (o *restoreOptions) addStepFlags(fs *pflag.FlagSet) {
	o.flags = fs
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
	fs.BoolVar(&o.Analyze, "analyze", false, "ANALYZE all that was loaded, at the end")
	fs.BoolVar(&o.compat, "compat", false, "the archive's own statements only, one at a time")
	for i, f := range rewriteFlags {
		fs.BoolVar(&o.without[i], f.name, false, f.usage)
	}
}

// rewriteFlags are the options that leave out one rewrite each.
var rewriteFlags = [...]struct {
	name    string
	rewrite restore.Rewrite
	usage   string
}{
	{"no-split-keys", restore.RewriteKeys, "primary and unique keys by the archive's own statement"},
	{"no-split-foreign-keys", restore.RewriteForeignKeys, "foreign keys by the archive's own statement"},
	{"no-split-indexes", restore.RewriteIndexes, "indexes with CLUSTER ON and REPLICA IDENTITY in one statement"},
	{"no-freeze", restore.RewriteFreeze, "plain COPY"},
	{"no-binary-copy", restore.RewriteBinary, "COPY text always"},
	{"no-vacuum", restore.RewriteVacuum, "no VACUUM after COPY"},
	{"no-analyze", restore.RewriteAnalyze, "no ANALYZE before a refresh"},
	{"no-tuning", restore.RewriteSettings, "no session settings but pg_restore's"},
	{"no-hold-autovacuum", restore.RewriteAutovacuum, "autovacuum may work on tables while they are restored"},
	{"no-send-ahead", restore.RewriteAhead, "wait for the answer to each statement"},
}

// setRewrites notes what was chosen of them.
func (o *restoreOptions) setRewrites() {
	for i, f := range rewriteFlags {
		if o.without[i] || o.compat {
			o.Without |= f.rewrite
		}
	}
}

// setPolicy notes what is to be done about failures, and about the check at the
// end.
func (o *restoreOptions) setPolicy() error {
	switch o.onError {
	case "stop":
		o.ExitOnError = true
	case "continue":
		if o.ExitOnError && o.flags.Changed("on-error") {
			return usagef("options -e/--exit-on-error and --on-error=continue cannot be used together")
		}
	default:
		return &usageError{"--on-error " + o.onError + " is neither continue nor stop", "stop is what -e does"}
	}
	var err error
	if o.Policy, err = restore.ParsePolicy(o.ignore); err != nil {
		return &usageError{"--ignore: " + err.Error(), "as in --ignore ownership,privilege"}
	}
	if (o.SingleTransaction || o.flags.Changed("transaction-size")) && len(o.Policy.Ignore) > 0 {
		return &usageError{"--ignore does not go together with -1 and --transaction-size", "the first failure ends a transaction, whatever it is"}
	}
	switch {
	case o.verify:
		o.Verify = restore.VerifyAlways
	case o.noVerify:
		o.Verify = restore.VerifyNever
	}
	return nil
}

// parseSettings takes --set apart.
func (o *restoreOptions) parseSettings() error {
	for _, text := range o.settings {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return &usageError{"--set " + text + " is not of the form name=value", "as in --set maintenance_work_mem=1GB"}
		}
		o.Settings = append(o.Settings, restore.Setting{Name: name, Value: value})
	}
	return nil
}

// defaultJobs is the default of -j. Even one processor is not busy while its
// disk or the network is; above eight, more is a decision for the user.
func defaultJobs(cpus int) int { return min(max(cpus, 2), 8) }

// restoreConflicts are pairs that make no sense, beside those of a selection
// and of a script.
var restoreConflicts = [][2]string{
	{"quiet", "verbose"}, {"verify", "no-verify"},
	{"resume", "restart"}, {"retry-failed", "restart"}, {"resume", "no-journal"}, {"resume", "single-transaction"},
	{"use-set-session-authorization", "resume"}, {"use-set-session-authorization", "retry-failed"},
	{"retry-failed", "no-journal"}, {"retry-failed", "single-transaction"}, {"resume", "scratch"}, {"resume", "scratch-run"},
	{"missing", "clean"}, {"missing", "create"}, {"missing", "scratch"}, {"missing", "scratch-run"}, {"missing", "list"}, {"missing", "file"},
	{"missing", "resume"}, {"missing", "retry-failed"}, {"missing", "restart"},
	{"dry-run", "scratch"},
	{"dry-run", "scratch-run"},
	{"dbname", "file"},
	{"dbname", "restrict-key"},
	{"report", "dry-run"}, {"report", "file"}, {"report", "list"}, {"failed-sql", "file"}, {"failed-sql", "list"},
	{"file", "dry-run"}, {"file", "scratch"}, {"file", "scratch-run"}, {"file", "json"},
	{"file", "skip-missing"}, {"list", "skip-missing"},
	{"missing", "rename-schema"}, {"missing", "map-owner"}, {"missing", "map-tablespace"}, // the look-up goes by the archive's names
	{"list", "dry-run"}, {"list", "scratch"}, {"list", "scratch-run"}, {"list", "json"},
}

// scriptOnly are options that pgarc restore has for scripts only, and what to
// do instead.
var scriptOnly = []struct{ name, hint string }{
	{"restrict-key", "it is for scripts: leave it out, or use -f"},
}

// checkSteps finds what is wrong with the options of addStepFlags.
func (o *restoreOptions) checkSteps() error {
	if err := checkConflicts(o.flags, selectionConflicts); err != nil {
		return err
	}
	if err := checkConflicts(o.flags, restoreConflicts); err != nil {
		return err
	}
	switch {
	case o.Jobs < 1:
		return usagef("-j/--jobs must be at least 1")
	case o.SingleTransaction && o.flags.Changed("jobs") && o.Jobs > 1:
		return usagef("cannot specify both --single-transaction and multiple jobs")
	}
	o.setRewrites()
	return o.selection.check()
}

// check finds what is wrong with the options by themselves.
func (o *restoreOptions) check() error {
	if err := o.checkSteps(); err != nil {
		return err
	}
	if err := o.script.check(o.flags); err != nil {
		return err
	}
	if err := o.setPolicy(); err != nil {
		return err
	}
	o.TransactionSize = o.script.TransactionSize
	if err := o.parseSettings(); err != nil {
		return err
	}
	var err error
	if o.Mapping, err = o.mapping.mapping(); err != nil {
		return err
	}
	if o.SkipMissing, err = readLacking(o.skipMissing); err != nil {
		return err
	}
	if o.list || o.isScript() {
		return nil
	}
	for _, f := range scriptOnly {
		if o.flags.Changed(f.name) {
			return &usageError{"--" + f.name + " is not supported with a connection", f.hint}
		}
	}
	return o.checkTarget()
}

// isScript reports whether a script is asked for.
func (o *restoreOptions) isScript() bool { return o.flags.Changed("file") }

// scriptOptions returns how -f prints.
func (o *restoreOptions) scriptOptions() scriptOptions {
	s := o.script
	s.verbose = o.verbose
	s.Clean, s.IfExists, s.Create = o.Clean, o.IfExists, o.selection.Create
	s.SingleTransaction = o.SingleTransaction
	s.NoOwner, s.NoTablespaces, s.NoTableAM = o.NoOwner, o.NoTablespaces, o.NoTableAM
	s.SessionAuthorization = o.SessionAuthorization
	s.Role, s.EnableRowSecurity = o.Role, o.EnableRowSecurity
	s.DisableTriggers, s.Superuser = o.DisableTriggers, o.Superuser
	return s
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
	if o.conn.dbname == "" && (!o.dryRun || o.missing) {
		return &usageError{"no database to restore into: -d/--dbname is missing",
			"-d NAME, or a URL, says where to; --scratch restores into a server to throw away; -f FILE writes a script"}
	}
	return o.conn.check()
}

// isScratch reports whether a scratch server is asked for.
func (o *restoreOptions) isScratch() bool { return o.scratch || o.flags.Changed("scratch-run") }
