package restore_test

import (
	"strings"
	"testing"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/internal/pgscratch"
	"github.com/pgarc/pgarc/internal/pgscratch/scratchtest"
	"github.com/pgarc/pgarc/restore"
)

// TestPutOffAutovacuum: while an index is built that takes its time, autovacuum comes to analyze the table that was
// loaded before, slowly. It is made to give that up, until the restore is over. A session that is idle reports what it
// has loaded after ten seconds (pgstat.c), which is why this takes so long.
func TestPutOffAutovacuum(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 20 seconds")
	}
	maker := server(t)
	from := scratchtest.Database(t, maker)
	psql(t, maker, from, `
		CREATE FUNCTION public.slow(int) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT 1 FROM pg_sleep(CASE current_setting('pgarc.test', true) WHEN 'on' THEN 18 ELSE 0 END) $$;
		CREATE TABLE large WITH (autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1) AS SELECT i, repeat('x', 400) FROM generate_series(1, 4000) i;
		CREATE TABLE small AS SELECT 1 AS i;
		CREATE INDEX ON small (public.slow(i))`)
	path := archiveOf(t, maker, from)
	s, err := pgscratch.Start(t.Context(), pgscratch.Options{BinDir: maker.Binaries().Dir, Settings: map[string]string{
		"autovacuum": "on", "autovacuum_naptime": "1s"}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	psql(t, s, "postgres", "CREATE DATABASE held")
	a, err := archive.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	r, err := restore.Run(t.Context(), a, config(t, s, "held"), restore.Options{Jobs: 2, Settings: []restore.Setting{{Name: "pgarc.test", Value: "on"}}})
	if err != nil || len(r.Failed) > 0 {
		t.Fatalf("%v, %v", err, r.Failed)
	}
	if log := s.LogTail(); !strings.Contains(log, `automatic analyze of table "held.public.large"`) {
		t.Errorf("the log does not say that autovacuum gave up the table:\n%s", log)
	}
}
