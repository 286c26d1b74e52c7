//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package pgscratch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// oldest is the first major version that writes "ready" into postmaster.pid (miscinit.c), and knows --no-sync.
const oldest = 10

func start(ctx context.Context, opts Options) (*Server, error) {
	bin, err := binaries(opts.BinDir)
	if err != nil {
		return nil, err
	}
	if bin.Major < oldest {
		return nil, fmt.Errorf("PostgreSQL %s in %s is too old for a scratch server: need %d or newer", bin.Version, bin.Dir, oldest)
	}
	as, err := serverAccount()
	if err != nil {
		return nil, err
	}
	sweep(as)
	s := &Server{bin: bin, as: as}
	if err := s.launch(ctx, opts); err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("starting PostgreSQL %s: %w", bin.Version, context.Cause(ctx))
		}
		return nil, errors.Join(err, s.shutdown())
	}
	return s, nil
}

func binaries(dir string) (Binaries, error) {
	if dir != "" {
		return inspect(dir)
	}
	return Find(os.Getenv)
}

// launch leaves what it made so far in s, also when it fails, for shutdown to remove.
func (s *Server) launch(ctx context.Context, opts Options) (err error) {
	say := func(format string, args ...any) {
		if opts.Log != nil {
			fmt.Fprintf(opts.Log, format+"\n", args...)
		}
	}
	if err := s.makeDirs(s.as); err != nil {
		return err
	}
	if s.watcher, err = startWatcher(s.dirs); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(s.dir, logName))
	if err != nil {
		return err
	}
	defer log.Close()

	say("making a PostgreSQL %s cluster in %s", s.bin.Version, s.dir)
	if err := s.initdb(ctx, log); err != nil {
		return err
	}
	if err := s.configure(opts.Settings); err != nil {
		return err
	}
	say("starting PostgreSQL %s", s.bin.Version)
	return s.startPostgres(ctx, log)
}

func (s *Server) startPostgres(ctx context.Context, log *os.File) (err error) {
	s.postgres, err = s.run(log, syscall.SIGQUIT, "postgres", "-D", s.data())
	if err != nil {
		return err
	}
	return s.waitReady(ctx)
}

func (s *Server) restart(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.postgres == nil {
		return errors.New("the server was stopped")
	}
	if err := s.postgres.end(syscall.SIGINT); err != nil {
		return err
	}
	log, err := os.OpenFile(s.LogFile(), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer log.Close()
	return s.startPostgres(ctx, log)
}

func (s *Server) pid() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.postgres == nil {
		return 0
	}
	return s.postgres.cmd.Process.Pid
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// initdb tries C.UTF-8 first, which older systems do not have.
func (s *Server) initdb(ctx context.Context, log *os.File) error {
	for _, locale := range []string{"C.UTF-8", "C"} {
		p, err := s.run(log, syscall.SIGKILL, "initdb", "-D", s.data(), "-U", superuser,
			"-A", "trust", "-E", "UTF8", "--locale="+locale, "--no-sync")
		if err != nil {
			return err
		}
		select {
		case <-p.done:
		case <-ctx.Done():
			return errors.Join(ctx.Err(), p.end(syscall.SIGKILL))
		}
		if p.err == nil {
			return nil
		}
		tail := s.LogTail()
		if locale == "C" || !strings.Contains(tail, "invalid locale") {
			return fmt.Errorf("initdb: %w\n%s", p.err, tail)
		}
	}
	return nil
}

// run starts a program of s.bin. Should the caller die, the watcher ends it by sig; SIGKILL goes to all its
// children too.
func (s *Server) run(log *os.File, sig syscall.Signal, program string, args ...string) (*process, error) {
	p, err := startProcess(s.as, s.dir, log, filepath.Join(s.bin.Dir, program), args...)
	if err != nil {
		return nil, err
	}
	s.watcher.guard(p, sig)
	return p, nil
}

// configure appends to postgresql.conf, where the last line for a name counts.
func (s *Server) configure(settings map[string]string) error {
	all := map[string]string{
		"listen_addresses":        "",
		"unix_socket_directories": s.socketDir,
		"port":                    port,

		// Nothing here outlives the machine.
		"fsync":              "off",
		"synchronous_commit": "off",
		"full_page_writes":   "off",
		"wal_level":          "minimal", // COPY into a new table writes no WAL
		"max_wal_senders":    "0",       // wal_level=minimal asks for it
		"max_wal_size":       "4GB",
		"checkpoint_timeout": "30min",

		// Parallel queries in a container must not depend on the size of its /dev/shm, nor leave anything there.
		"dynamic_shared_memory_type": "mmap",
		// A whole archive in one transaction (restore -1) locks every table and index of it.
		"max_locks_per_transaction": "512",
		"max_connections":           "200",
	}
	maps.Copy(all, settings)
	var conf strings.Builder
	conf.WriteString("\n# pgarc scratch server\n")
	for _, name := range slices.Sorted(maps.Keys(all)) {
		value := strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(all[name])
		fmt.Fprintf(&conf, "%s = '%s'\n", name, value)
	}
	f, err := os.OpenFile(filepath.Join(s.data(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, conf.String())
	return errors.Join(err, f.Close())
}

// waitReady polls the status line of postmaster.pid, as pg_ctl does (pg_ctl.c, wait_for_postmaster_start).
func (s *Server) waitReady(ctx context.Context) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		pidfile, _ := os.ReadFile(filepath.Join(s.data(), "postmaster.pid"))
		lines := strings.Split(string(pidfile), "\n")
		// That of a server that crashed is still there at first.
		mine := strings.TrimSpace(lines[0]) == strconv.Itoa(s.postgres.cmd.Process.Pid)
		if mine && len(lines) >= 8 && strings.TrimSpace(lines[7]) == "ready" {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.postgres.done:
			return fmt.Errorf("postgres ended at its start: %w\n%s", s.postgres.exit(), s.LogTail())
		}
	}
}

// shutdown undoes launch, however far it came.
func (s *Server) shutdown() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	if s.postgres != nil {
		errs = append(errs, s.postgres.end(syscall.SIGQUIT))
		s.postgres = nil
	}
	for _, d := range s.dirs {
		errs = append(errs, removeAll(d.path))
	}
	s.watcher.end()
	for _, d := range s.dirs {
		errs = append(errs, d.lock.Close())
	}
	return errors.Join(errs...)
}

// Crash ends the server by a signal, without a checkpoint, and starts it again: SIGQUIT is an immediate stop,
// SIGKILL kills the postmaster, whose children notice that and end. down is how long it stays away. The files
// are the operating system's by then, so that nothing is lost that was written; commits that were not waited for
// (synchronous_commit = off) may be.
func (s *Server) Crash(ctx context.Context, sig syscall.Signal, down time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.postgres == nil {
		return errors.New("the server was stopped")
	}
	if err := s.postgres.cmd.Process.Signal(sig); err != nil {
		return err
	}
	select {
	case <-s.postgres.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	time.Sleep(down)
	log, err := os.OpenFile(s.LogFile(), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer log.Close()
	for { // as long as children of a killed postmaster live, the next one refuses to start
		err := s.startPostgres(ctx, log)
		if err == nil || ctx.Err() != nil {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
}
