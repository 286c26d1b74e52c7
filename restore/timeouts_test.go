package restore_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgarc/pgarc/internal/pgscratch"
	"github.com/pgarc/pgarc/internal/pgscratch/scratchtest"
	"github.com/pgarc/pgarc/restore"
	"github.com/pgarc/pgarc/toc"
)

// hurry is a timeout, and long is longer than that.
const (
	hurry = 500 * time.Millisecond
	long  = 2 * hurry
)

// timeouts returns those that a server has.
func timeouts(s *pgscratch.Server) []string {
	list := []string{"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"}
	if s.Binaries().Major >= 14 {
		list = append(list, "idle_session_timeout")
	}
	if s.Binaries().Major >= 17 {
		list = append(list, "transaction_timeout")
	}
	return list
}

// TestTimeouts: what an admin has set for the role or the database, so that
// applications do not hang, does not end a restore: neither a long statement or
// transaction, nor a wait for a lock, nor sessions with nothing to do.
func TestTimeouts(t *testing.T) {
	scratchtest.EachServer(t, func(t *testing.T, s *pgscratch.Server) {
		psql(t, s, "postgres", `DROP ROLE IF EXISTS hurried; CREATE ROLE hurried SUPERUSER LOGIN`)
		for _, of := range []string{"role", "database"} {
			t.Run(of, func(t *testing.T) {
				db := scratchtest.Database(t, s)
				what := "ROLE hurried"
				if of == "database" {
					what = "DATABASE " + db
				}
				for _, name := range timeouts(s) {
					psql(t, s, "postgres", fmt.Sprintf("ALTER %s SET %s = %d", what, name, hurry.Milliseconds()))
				}
				testTimeouts(t, s, db, restore.Options{Jobs: 3})
				testTimeouts(t, s, db, restore.Options{SingleTransaction: true, Clean: true, IfExists: true})
				psql(t, s, "postgres", "ALTER "+what+" RESET ALL")
			})
		}
		psql(t, s, "postgres", `DROP OWNED BY hurried; DROP ROLE hurried`)
	})
}

func testTimeouts(t *testing.T, s *pgscratch.Server, db string, opts restore.Options) {
	t.Helper()
	a := murmur(t)
	for _, e := range a.TOC.Entries {
		if e.Kind == toc.Comment {
			e.Tag, e.Deps, e.Defn = "slow", nil, fmt.Sprintf("SELECT pg_catalog.pg_sleep(%g);\n", long.Seconds())
			break
		}
	}
	opts.NoOwner = true
	opts.Selection = only(a, "TABLE tags", "TABLE DATA tags", "CONSTRAINT tags tags_pkey", "COMMENT slow")
	released := make(chan struct{})
	opts.OnEvent = func(e restore.Event) {
		switch {
		case e.Type == restore.EventDone && e.Step.Entry.Kind == toc.Table && !opts.SingleTransaction:
			go holdUp(t, s, db, released)
			<-released // it has the lock
		case e.Type == restore.EventDone && e.Step.Entry.Kind == toc.Constraint && e.Step.Action == restore.ActionCreate:
			time.Sleep(long) // nobody has anything to do
		}
	}
	c := config(t, s, db)
	c.User = "hurried"
	r, err := restore.Run(t.Context(), a, c, opts)
	if err != nil {
		t.Fatal(err)
	}
	expectNoFailures(t, r)
	if r.Rows == 0 || r.Duration < 2*long {
		t.Errorf("%d rows in %v; want some, in more than %v", r.Rows, r.Duration, 2*long)
	}
	if opts.SingleTransaction {
		return
	}
	<-released
}

// holdUp locks the table tags for longer than the timeout. It sends when it has
// the lock, and closes the channel when it has given it up.
func holdUp(t *testing.T, s *pgscratch.Server, db string, released chan<- struct{}) {
	defer close(released)
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, s.ConnString(db)+" options='-c idle_in_transaction_session_timeout=0 -c transaction_timeout=0'")
	if err != nil { // before 17
		conn, err = pgx.Connect(ctx, s.ConnString(db)+" options='-c idle_in_transaction_session_timeout=0'")
	}
	if err == nil {
		defer conn.Close(ctx)
		_, err = conn.Exec(ctx, "BEGIN; LOCK TABLE public.tags IN SHARE MODE")
	}
	if err != nil {
		t.Error(err)
		return
	}
	released <- struct{}{}
	untilWaiting(s, db)
	time.Sleep(long)
}
