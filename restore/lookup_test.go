package restore_test

import (
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/internal/pgscratch"
	"github.com/pgarc/pgarc/internal/pgscratch/scratchtest"
	"github.com/pgarc/pgarc/restore"
	"github.com/pgarc/pgarc/toc"
)

// look returns what a database has of all that an archive restores.
func look(t *testing.T, s *pgscratch.Server, path, db string, opts restore.LookupOptions) *restore.Comparison {
	t.Helper()
	a, err := archive.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	config, err := pgconn.ParseConfig(s.ConnString(db))
	if err != nil {
		t.Fatal(err)
	}
	c, err := restore.Lookup(t.Context(), a, config, toc.Selection{}.Apply(a.TOC).Entries(), opts)
	if err != nil {
		t.Fatalf("look up: %v", err)
	}
	return c
}

// TestNothingMissing: after a restore without failures, every entry is there.
func TestNothingMissing(t *testing.T) {
	if testing.Short() {
		t.Skip("long")
	}
	s := server(t)
	for _, f := range fixtures.All(t) {
		if isPartial(f) {
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			db := scratchtest.Database(t, s)
			expectPresent(t, run(t, s, f.Path, db, restore.Options{Jobs: 2}), look(t, s, f.Path, db, restore.LookupOptions{}))
		})
	}
}

// TestNothingMissingNewer is the same on PostgreSQL 18.
func TestNothingMissingNewer(t *testing.T) {
	if testing.Short() {
		t.Skip("long")
	}
	s := scratchtest.ServerVersion(t, 18)
	addRoles(t, s)
	for _, f := range fixtures.All(t) {
		if isPartial(f) {
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			db := scratchtest.Database(t, s)
			expectPresent(t, run(t, s, f.Path, db, restore.Options{Jobs: 2}), look(t, s, f.Path, db, restore.LookupOptions{}))
		})
	}
}

// expectPresent reports every entry that is not there though its restore did
// not fail, and those that are said to be there though it did.
func expectPresent(t *testing.T, r *restore.Result, c *restore.Comparison) {
	t.Helper()
	failed := map[toc.DumpID]string{}
	for _, f := range r.Failed {
		failed[f.Step.Entry.ID] = f.Error()
	}
	for _, x := range r.Skipped {
		failed[x.Step.Entry.ID] = "skipped because of " + x.Cause.String()
	}
	for _, f := range c.Findings {
		e := f.Entry
		_, excused := failed[e.ID]
		switch {
		case excused && f.Presence == restore.Present:
			t.Logf("%s %s.%s failed, and is there: %s", e.Kind, e.Namespace, e.Tag, failed[e.ID])
		case excused:
		case f.Presence == restore.Unknown && e.Kind == toc.StatisticsData:
		case f.Presence != restore.Present:
			t.Errorf("%s %s.%s is %s: %s\n%s", e.Kind, e.Namespace, e.Tag, f.Presence, f.Note, firstLine(e.Defn))
		}
	}
}

func firstLine(sql string) string {
	if len(sql) > 200 {
		return sql[:200]
	}
	return sql
}
