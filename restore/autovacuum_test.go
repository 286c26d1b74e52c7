package restore_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/internal/pgscratch"
	"github.com/pgarc/pgarc/internal/pgscratch/scratchtest"
	"github.com/pgarc/pgarc/restore"
)

// TestPutOffAutovacuum: while an index is built that takes its time, autovacuum comes to analyze the table that was
// loaded before, slowly. It is made to give that up. The index waits for a lock that is kept until then; that takes
// some fifteen seconds, for a session that is idle reports only after ten what it has loaded (pgstat.c).
func TestPutOffAutovacuum(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 20 seconds")
	}
	maker := server(t)
	from := scratchtest.Database(t, maker)
	psql(t, maker, from, `
		CREATE FUNCTION public.slow(int) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT 1 FROM pg_advisory_xact_lock_shared(4711) $$;
		CREATE TABLE large WITH (autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1) AS SELECT i, repeat('x', 400) FROM generate_series(1, 4000) i;
		CREATE TABLE small AS SELECT 1 AS i;
		CREATE INDEX ON small (public.slow(i))`)
	a, err := archive.Open(archiveOf(t, maker, from))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	s, err := pgscratch.Start(t.Context(), pgscratch.Options{BinDir: maker.Binaries().Dir, Settings: map[string]string{"autovacuum": "on", "autovacuum_naptime": "1s"}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	psql(t, s, "postgres", "CREATE DATABASE held")
	holder, err := pgx.Connect(t.Context(), s.ConnString("held"))
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close(context.Background())
	if _, err := holder.Exec(t.Context(), "SELECT pg_advisory_lock(4711)"); err != nil {
		t.Fatal(err)
	}
	var gaveUp atomic.Bool
	go func() {
		defer holder.Close(context.Background())
		for range 600 {
			if strings.Contains(s.LogTail(), `automatic analyze of table "held.public.large"`) {
				gaveUp.Store(true)
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
	}()
	r, err := restore.Run(t.Context(), a, config(t, s, "held"), restore.Options{Jobs: 2})
	if err != nil || len(r.Failed) > 0 {
		t.Fatalf("%v, %v", err, r.Failed)
	}
	if !gaveUp.Load() {
		t.Errorf("in a minute autovacuum has not given up the table; the log:\n%s", s.LogTail())
	}
}
