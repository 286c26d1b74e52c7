package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/internal/pgscratch"
	"github.com/pgarc/pgarc/script"
	"github.com/pgarc/pgarc/toc"
)

// checkScratchName checks -d for a scratch server, where it can only be a
// name.
func checkScratchName(name string) error {
	if isURL(name) || strings.Contains(name, "=") {
		return &usageError{"with --scratch, -d is the name of the database to make", "leave it out to have the archive's own"}
	}
	if strings.ContainsRune(name, 0) {
		return usagef("a database name cannot hold a zero byte")
	}
	return nil
}

// runScratch restores into a server of its own, lets the user look, and
// removes it. stopSignals ends the handling of signals by ctx.
func (o *restoreOptions) runScratch(ctx context.Context, env *env, name string, a *archive.Reader, stopSignals func()) (err error) {
	log := env.stderr
	if o.quiet {
		log = io.Discard
	}
	say := func(format string, args ...any) {
		fmt.Fprintf(log, "pgarc: "+format+"\n", args...)
	}
	forgetConnection()
	server, err := pgscratch.Start(ctx, pgscratch.Options{
		Log:      linePrefixer{log},
		Settings: map[string]string{"wal_level": "logical"}, // else every publication warns
	})
	if err != nil {
		return interruption(ctx, err)
	}
	defer func() {
		if stopErr := server.Stop(); stopErr != nil {
			fmt.Fprintf(env.stderr, "pgarc: warning: stopping the server: %s\n", visibleLines(stopErr.Error()))
		}
	}()
	cfg, database, err := o.prepareScratch(ctx, server, a, say)
	if err != nil {
		return interruption(ctx, err)
	}
	status := o.restoreInto(ctx, env, name, a, cfg)
	if code := exitCode(status); code != exitOK && code != exitPartly && code != exitArchive {
		return status
	}
	if o.flags.Changed("scratch-run") {
		stopSignals()
		if err := runOn(env, server, database, o.scratchRun); err != nil {
			return err
		}
		return status
	}
	say("the server runs until Ctrl-C; look into it with")
	answer := env.stdout
	if o.json {
		answer = env.stderr
	}
	fmt.Fprintln(answer, visible(psqlLine(server, database)))
	<-ctx.Done()
	say("stopping the server")
	return status
}

// linePrefixer marks lines as pgarc's own.
type linePrefixer struct{ w io.Writer }

func (p linePrefixer) Write(b []byte) (int, error) {
	if _, err := fmt.Fprintf(p.w, "pgarc: %s\n", visibleLines(string(b))); err != nil {
		return 0, err
	}
	return len(b), nil
}

// prepareScratch makes what the archive needs from outside, and returns how to
// connect for the restore and the name of the database that it fills.
func (o *restoreOptions) prepareScratch(ctx context.Context, server *pgscratch.Server, a *archive.Reader,
	say func(string, ...any)) (*pgconn.Config, string, error) {
	conn, err := pgconn.Connect(ctx, server.ConnString("postgres"))
	if err != nil {
		return nil, "", asConnectError(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))

	entries := o.selected.Entries()
	if err := makeRoles(ctx, conn, a.TOC.Encoding, neededRoles(entries, a.TOC.StdStrings), say); err != nil {
		return nil, "", err
	}
	if usesTablespaces(entries) && !o.NoTablespaces {
		say("tablespaces of the archive are left out (--no-tablespaces)")
	}
	o.NoTablespaces = true

	database := scratchDatabase(o.conn.dbname, a)
	connectTo := database
	if o.selection.Create {
		connectTo, database = "postgres", createdDatabase(entries, database)
	} else if err := makeDatabase(ctx, conn, database, a.TOC.Encoding); err != nil {
		return nil, "", err
	}
	cfg, err := pgconn.ParseConfig(server.ConnString(connectTo))
	if err != nil {
		return nil, "", err
	}
	return cfg, database, takeLibpqParams(cfg)
}

// makeRoles creates the roles that are not there. Their names are in the
// archive's encoding. One that cannot be made is no reason to give up: what
// needs it will fail and be reported.
func makeRoles(ctx context.Context, conn *pgconn.PgConn, encoding string, roles []neededRole, say func(string, ...any)) error {
	if err := execute(ctx, conn, "SET client_encoding = "+script.Literal(encoding, true)); err != nil {
		return fmt.Errorf("encoding of the archive: %w", err)
	}
	defer func() { _ = execute(ctx, conn, "RESET client_encoding") }()
	result := conn.ExecParams(ctx, "SELECT rolname FROM pg_catalog.pg_roles", nil, nil, nil, nil).Read()
	if result.Err != nil {
		return fmt.Errorf("listing roles: %w", result.Err)
	}
	exists := make(map[string]bool)
	for _, row := range result.Rows {
		exists[string(row[0])] = true
	}
	made := 0
	for _, role := range roles {
		if exists[role.name] {
			continue
		}
		sql := "CREATE ROLE " + script.Ident(role.name)
		if role.superuser {
			sql += " SUPERUSER"
		}
		if err := execute(ctx, conn, sql); err != nil {
			say("warning: creating role %q: %s", role.name, visibleLines(err.Error()))
			continue
		}
		made++
	}
	if made > 0 {
		say("made %s that the archive names, without login", howMany(made, "role"))
	}
	return ctx.Err()
}

func execute(ctx context.Context, conn *pgconn.PgConn, sql string) error {
	_, err := conn.Exec(ctx, sql).ReadAll()
	return err
}

func usesTablespaces(entries []*toc.Entry) bool {
	for _, e := range entries {
		if e.Tablespace.Valid && e.Tablespace.String != "" {
			return true
		}
	}
	return false
}

// scratchDatabase is the name of the database to fill.
func scratchDatabase(asked string, a *archive.Reader) string {
	switch {
	case asked != "":
		return asked
	case a.Header.Database != "" && isVisible(a.Header.Database):
		// A name that is no UTF-8 could be made, but not connected to.
		return a.Header.Database
	}
	return "restored"
}

// createdDatabase is the name of the database that the archive creates.
func createdDatabase(entries []*toc.Entry, otherwise string) string {
	for _, e := range entries {
		if e.Kind == toc.Database {
			return e.Tag
		}
	}
	return otherwise
}

// makeDatabase creates the database, unless it is one that every server has.
func makeDatabase(ctx context.Context, conn *pgconn.PgConn, name, encoding string) error {
	if name == "postgres" || name == "template1" {
		return nil
	}
	sql := "CREATE DATABASE " + script.Ident(name) + " TEMPLATE template0"
	if encoding == "SQL_ASCII" {
		// The data may be of any encoding, so the database must be of none.
		sql += " ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'"
	}
	if err := execute(ctx, conn, sql); err != nil {
		return fmt.Errorf("creating database %q: %w", name, err)
	}
	return nil
}

// psqlLine is the command that connects to the server.
func psqlLine(server *pgscratch.Server, database string) string {
	psql := "psql"
	if _, err := exec.LookPath(psql); err != nil {
		if beside := filepath.Join(server.Binaries().Dir, psql); isFile(beside) {
			psql = beside
		}
	}
	line := shellWord(psql)
	options := map[string]string{"PGHOST": "-h", "PGPORT": "-p", "PGUSER": "-U"}
	for _, setting := range server.Env() {
		name, value, _ := strings.Cut(setting, "=")
		line += " " + options[name] + " " + shellWord(value)
	}
	if strings.Contains(database, "=") || isURL(database) {
		database = "dbname=" + quoteParam(database)
	}
	return line + " -d " + shellWord(database)
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// runOn runs a shell command with the PG* variables set to the server. A
// status that is not zero becomes pgarc's.
func runOn(env *env, server *pgscratch.Server, database, command string) error {
	cmd := exec.Command("/bin/sh", "-c", command)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = env.stdin, env.stdout, env.stderr
	cmd.Env = append(os.Environ(), server.Env()...)
	cmd.Env = append(cmd.Env, "PGDATABASE="+database,
		"PATH="+os.Getenv("PATH")+string(os.PathListSeparator)+server.Binaries().Dir)

	// Ctrl-C at the terminal reaches the command too, which may have its own
	// use for it (psql has) and decides whether to end. A signal from
	// elsewhere is passed on.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("running %q: %w", command, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case s := <-signals:
			if s != os.Interrupt || !env.stderrTTY {
				cmd.Process.Signal(s)
			}
		case err := <-ended:
			return commandError(err)
		}
	}
}

// commandError makes a command's exit status pgarc's; a signal counts as in
// the shell.
func commandError(err error) error {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return err
	}
	code := exit.ExitCode()
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		code = 128 + int(status.Signal())
	}
	return &exitError{code: code}
}

// connectionVars would lead libpq and pgconn to another server, or make them
// refuse this one.
var connectionVars = []string{"PGHOST", "PGHOSTADDR", "PGPORT", "PGUSER", "PGDATABASE", "PGPASSWORD", "PGSERVICE",
	"PGOPTIONS", "PGSSLMODE", "PGREQUIRESSL", "PGREQUIREPEER", "PGREQUIREAUTH", "PGCHANNELBINDING", "PGGSSENCMODE",
	"PGTARGETSESSIONATTRS"}

// forgetConnection removes them from the environment of this process: pgconn
// always reads them, and a command run on the server inherits them.
func forgetConnection() {
	for _, name := range connectionVars {
		os.Unsetenv(name)
	}
}
