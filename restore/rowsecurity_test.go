package restore_test

import (
	"testing"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/internal/pgscratch/scratchtest"
	"github.com/pgarc/pgarc/restore"
	"github.com/pgarc/pgarc/toc"
)

// TestForcedRowSecurity restores, as their owner, tables whose row security
// holds for the owner too: foreign keys are checked before it is enabled.
func TestForcedRowSecurity(t *testing.T) {
	s := server(t)
	made := scratchtest.Database(t, s)
	psql(t, s, "postgres", `DROP ROLE IF EXISTS forced; CREATE ROLE forced LOGIN`)
	psql(t, s, made, `CREATE TABLE parents (id int PRIMARY KEY); CREATE TABLE children (id int PRIMARY KEY, parent int REFERENCES parents);
		INSERT INTO parents SELECT generate_series(1, 1000); INSERT INTO children SELECT g, g FROM generate_series(1, 1000) g;
		ALTER TABLE parents ENABLE ROW LEVEL SECURITY; ALTER TABLE parents FORCE ROW LEVEL SECURITY;
		ALTER TABLE children ENABLE ROW LEVEL SECURITY; ALTER TABLE children FORCE ROW LEVEL SECURITY;`)
	a, err := archive.Open(archiveOf(t, s, made))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	for _, jobs := range []int{1, 4} {
		db := scratchtest.Database(t, s)
		psql(t, s, db, `GRANT CREATE ON DATABASE `+db+` TO forced; GRANT ALL ON SCHEMA public TO forced`)
		c := config(t, s, db)
		c.User = "forced"
		r, err := restore.Run(t.Context(), a, c, restore.Options{Jobs: jobs, NoOwner: true, Selection: toc.Selection{NoComments: true}})
		if err != nil {
			t.Fatal(err)
		}
		expectNoFailures(t, r)
		psql(t, s, db, `DROP OWNED BY forced`)
	}
	psql(t, s, "postgres", `DROP ROLE forced`)
}
