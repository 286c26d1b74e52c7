package restore

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgarc/pgarc/internal/pgscratch"
	"github.com/pgarc/pgarc/internal/pgscratch/scratchtest"
	"github.com/pgarc/pgarc/script"
)

// A backend is a connection whose locks are looked at.
type backend struct {
	*pgconn.PgConn
	t *testing.T
}

func newBackend(t *testing.T, s *pgscratch.Server, db string) backend {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), s.ConnString(db))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return backend{conn, t}
}

// query returns the rows of the last result.
func (b backend) query(sql string) ([][][]byte, error) {
	results, err := b.Exec(b.t.Context(), sql).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%w in\n%.2000s", err, sql)
	}
	return results[len(results)-1].Rows, nil
}

func (b backend) exec(sql string) {
	b.t.Helper()
	if _, err := b.query(sql); err != nil {
		b.t.Fatal(err)
	}
}

// modes by the names that pg_locks gives them, "AccessShareLock".
var modes = func() map[string]LockMode {
	list := make(map[string]LockMode)
	for m := AccessShare; m <= AccessExclusive; m++ {
		name := ""
		for _, word := range strings.Fields(m.String()) {
			name += word[:1] + strings.ToLower(word[1:])
		}
		list[name+"Lock"] = m
	}
	return list
}()

// A heldLock is a row of pg_locks.
type heldLock struct {
	Lock
	OID   int64 // of the relation
	index bool
}

// locks returns what a backend holds or, with granted false, waits for, on all
// relations that are not the system's or TOAST.
func (b backend) locks(pid uint32, granted bool) []heldLock {
	b.t.Helper()
	rows, err := b.query(fmt.Sprintf(`
		SELECT n.nspname, c.relname, l.mode, c.oid, c.relkind IN ('i', 'I') FROM pg_catalog.pg_locks l
		JOIN pg_catalog.pg_class c ON c.oid = l.relation JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE l.pid = %d AND l.locktype = 'relation' AND l.granted = %t AND l.database <> 0 AND c.oid >= 16384 AND n.nspname <> 'pg_toast'`, pid, granted))
	if err != nil {
		b.t.Fatal(err)
	}
	var held []heldLock
	for _, row := range rows {
		mode := modes[string(row[2])]
		if mode == 0 {
			b.t.Fatalf("lock mode %q", row[2])
		}
		oid, err := strconv.ParseInt(string(row[3]), 10, 64)
		if err != nil {
			b.t.Fatal(err)
		}
		held = append(held, heldLock{Lock{Relation{string(row[0]), string(row[1])}, mode}, oid, string(row[4]) == "t"})
	}
	return held
}

// strongest shows the strongest mode on each relation of schema s.
func strongest(held []heldLock) string {
	modes := make(map[string]LockMode)
	for _, l := range held {
		modes[l.Relation.Name] = max(modes[l.Relation.Name], l.Mode)
	}
	var list []string
	for name, mode := range modes {
		list = append(list, name+" "+mode.String())
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// TestLockTable runs each statement in a transaction of its own and looks at
// pg_locks before it is rolled back.
func TestLockTable(t *testing.T) {
	scratchtest.EachServer(t, func(t *testing.T, s *pgscratch.Server) {
		major := s.Binaries().Major
		db := scratchtest.Database(t, s)
		newBackend(t, s, db).exec(lockTables)
		for _, c := range lockTable {
			if major < c.since || c.until > 0 && major > c.until {
				continue
			}
			fresh := newBackend(t, s, db) // what it has cached it would not lock
			got, err := fresh.locksOf(s, db, c.sql)
			fresh.Close(context.Background())
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			} else if got != c.locks {
				t.Errorf("%s locks\n\t%s\nwant\n\t%s", c.name, got, c.locks)
			}
		}
	})
}

// locksOf shows the locks that the statements take together, and undoes them.
// VACUUM, which runs in no transaction, is made to wait for its lock.
func (b backend) locksOf(s *pgscratch.Server, db, sql string) (string, error) {
	if strings.HasPrefix(sql, "VACUUM ") {
		return strongest(b.waitsFor(s, db, sql)), nil
	}
	defer b.exec("ROLLBACK")
	b.exec("BEGIN")
	sql, rows, _ := strings.Cut(sql, "\n")
	for _, statement := range script.SplitStatements(sql, true) {
		var err error
		if strings.HasPrefix(statement, "COPY ") {
			_, err = b.CopyFrom(b.t.Context(), strings.NewReader(rows), statement)
		} else {
			_, err = b.query(statement)
		}
		if err != nil {
			return "", err
		}
	}
	return strongest(b.locks(b.PID(), true)), nil
}

// waitsFor returns the first lock that a statement waits for while plain is
// locked in SHARE mode, and the root of the partitions in ACCESS SHARE mode. It
// is empty if the statement waits for none.
func (b backend) waitsFor(s *pgscratch.Server, db, sql string) []heldLock {
	b.t.Helper()
	other := newBackend(b.t, s, db)
	b.exec("BEGIN; LOCK TABLE s.plain IN SHARE MODE; LOCK TABLE ONLY s.parts IN ACCESS SHARE MODE")
	done := make(chan error, 1)
	go func() {
		_, err := other.Exec(b.t.Context(), sql).ReadAll()
		done <- err
	}()
	ended := func(err error) {
		if err != nil {
			b.t.Errorf("%s: %v", sql, err)
		}
	}
	for {
		if held := b.locks(other.PID(), false); len(held) > 0 {
			b.exec("ROLLBACK")
			ended(<-done)
			return held
		}
		select {
		case err := <-done:
			b.exec("ROLLBACK")
			ended(err)
			return nil
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// TestAttachOrder shows a lock that the server gives back at once, so that
// TestLockTable does not see it: INDEX ATTACH, when it completes an index that
// is itself attached. From the leaves up it is not taken.
func TestAttachOrder(t *testing.T) {
	const leaf, mid = "ALTER INDEX s.mid_k ATTACH PARTITION s.leaf_k", "ALTER INDEX s.parts_k ATTACH PARTITION s.mid_k"
	scratchtest.EachServer(t, func(t *testing.T, s *pgscratch.Server) {
		for _, c := range []struct{ first, second, want string }{
			{mid, leaf, "parts ACCESS EXCLUSIVE"},
			{leaf, mid, ""},
		} {
			db := scratchtest.Database(t, s)
			b := newBackend(t, s, db)
			b.exec(lockTables)
			got := strongest(b.waitsFor(s, db, c.first)) + strongest(b.waitsFor(s, db, c.second))
			if got != c.want {
				t.Errorf("%s; %s: waits for %q, want %q", c.first, c.second, got, c.want)
			}
		}
	})
}
