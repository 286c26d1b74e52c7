// Package pgscratch runs a throw-away PostgreSQL server from binaries that are installed on the machine.
//
// [Find] looks for the binaries, [Start] makes a cluster in a temporary folder and starts it, [Server.Stop]
// shuts it down and removes the folder. The server listens on a unix socket inside that folder only, which
// nobody but its owner may enter, so it needs no password. It is tuned to be fast and to be thrown away: a
// crash of the machine destroys it.
//
// PostgreSQL refuses to run as root. When the caller is root, the server runs as the user postgres if there
// is one, else as nobody.
//
// # Leaving nothing behind
//
// Stop is the orderly end. A shell that reads a pipe from the calling process is the other one: when that
// process dies without Stop, by SIGKILL or a panic, the kernel closes the pipe, and the shell ends the server
// and removes the folder. Both run in sessions of their own, so Ctrl-C at the terminal reaches only the
// caller, who decides when to call Stop. If the shell is killed too, the next Start removes the folder, upon
// which its server, if still up, shuts itself down within a minute (postmaster.c, ServerLoop).
package pgscratch

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// Options says how to start a server. The zero value is good.
type Options struct {
	BinDir   string            // folder of initdb and postgres; empty: the one that Find finds
	Settings map[string]string // lines for postgresql.conf, over pgscratch's own
	Log      io.Writer         // what Start is doing, a line each; nil: silent
}

// Server is a running scratch server. Its methods are safe for concurrent use.
type Server struct {
	bin       Binaries
	dir       string // holds the cluster and the log
	socketDir string // dir, or a folder of its own where dir's path is too long for a socket
	dirs      []lockedDir
	as        *account
	mu        sync.Mutex // held while postgres starts or ends
	postgres  *process
	watcher   *watcher
	stop      func() error
}

// superuser is the name of the bootstrap superuser, whoever runs the server.
const superuser = "postgres"

// port only names the socket file: no two servers share a folder.
const port = "5432"

// Start makes a new cluster (UTF8, locale C.UTF-8, or C where the system has no C.UTF-8) and starts a server
// on it, which takes about a second. ctx limits Start only; the server lives until Stop. When Start fails,
// or ctx ends first, nothing is left behind.
//
// The cluster lies under os.TempDir, so TMPDIR chooses the disk, unless the server's user cannot enter that
// folder; then under /tmp or /var/tmp. Errors: *NotFoundError where no PostgreSQL is installed; the error of
// initdb or postgres with the end of its output; the error of ctx.
func Start(ctx context.Context, opts Options) (*Server, error) {
	s, err := start(ctx, opts)
	if err != nil {
		return nil, err
	}
	s.stop = sync.OnceValue(s.shutdown)
	return s, nil
}

// Stop ends the server at once, whatever it is doing, and removes its files. It may be called again, and
// then returns what it returned first.
func (s *Server) Stop() error { return s.stop() }

// Restart shuts the server down in order, with a checkpoint, and starts it again on the same cluster: its shared
// buffers are empty then. Sessions that are still open are ended. A shutdown that takes longer than 15 seconds
// becomes a kill, as a crash would be. After Stop it is an error. When Restart fails, Stop is what remains.
func (s *Server) Restart(ctx context.Context) error { return s.restart(ctx) }

// PID returns the process id of the postmaster; 0 where there is none.
func (s *Server) PID() int { return s.pid() }

// LogFile returns the path of the server's log, in Dir. Who may read it besides the server's user is root.
func (s *Server) LogFile() string { return filepath.Join(s.dir, logName) }

// Binaries returns what the server runs from.
func (s *Server) Binaries() Binaries { return s.bin }

// Dir returns the folder that holds the cluster and goes with it.
func (s *Server) Dir() string { return s.dir }

// ConnString returns a libpq key=value string for a superuser's connection to the database db, as psql,
// pg_restore and pgx take it.
func (s *Server) ConnString(db string) string {
	return "host=" + quote(s.socketDir) + " port=" + port + " user=" + superuser + " dbname=" + quote(db)
}

// Env returns PGHOST, PGPORT and PGUSER as NAME=value for a superuser's connection.
func (s *Server) Env() []string {
	return []string{"PGHOST=" + s.socketDir, "PGPORT=" + port, "PGUSER=" + superuser}
}

// LogTail returns the end of the server's log: at most about 4,000 bytes in whole lines.
func (s *Server) LogTail() string { return logTail(s.dir) }

// quote makes one value of a key=value connection string.
func quote(v string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(v) + "'"
}

// logName is the file in a server's folder that gets all that initdb and postgres print.
const logName = "log"

func logTail(dir string) string {
	f, err := os.Open(filepath.Join(dir, logName))
	if err != nil {
		return ""
	}
	defer f.Close()
	const most = 4000
	cut := false
	if fi, err := f.Stat(); err == nil && fi.Size() > most {
		_, err := f.Seek(-most, io.SeekEnd)
		cut = err == nil
	}
	text, _ := io.ReadAll(io.LimitReader(f, most))
	if _, rest, found := strings.Cut(string(text), "\n"); cut && found {
		text = []byte(rest)
	}
	return strings.TrimSpace(string(text))
}
