//go:build linux || darwin

package torture

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/internal/pgscratch"
	"github.com/pgarc/pgarc/internal/pgscratch/scratchtest"
)

func TestMain(m *testing.M) { scratchtest.Main(m) }

// A bench has a server of its own, since others must not see it crash.
type bench struct {
	server *pgscratch.Server
	pgarc  string
	loads  []*load
}

// A load is an archive to restore.
type load struct {
	name, path string
	database   string        // that it makes; "" if it has no entry of it
	want       []string      // the sorted lines of pg_dump after an undisturbed restore
	took       time.Duration // which took so long
}

func newBench(t *testing.T) *bench {
	t.Helper()
	scratchtest.Server(t) // skips the test where there is none
	s, err := pgscratch.Start(t.Context(), pgscratch.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop() })
	b := &bench{server: s, pgarc: buildPgarc(t)}
	b.addRoles(t)
	for _, name := range []string{"15/c-gzip", "15/c-inserts", "15/lobs"} {
		b.loads = append(b.loads, &load{name: name, path: fixtures.Get(t, name).Path})
	}
	b.loads[0].database = "murmur"
	b.loads = append(b.loads, &load{name: "big", path: b.makeBig(t)})
	for _, l := range b.loads {
		b.judge(t, l)
	}
	return b
}

func (b *bench) addRoles(t *testing.T) {
	t.Helper()
	sql, err := os.ReadFile(filepath.Join(filepath.Dir(fixtures.Get(t, "15/c-gzip").Path), "../../sql/murmur/roles.sql"))
	if err != nil {
		t.Fatal(err)
	}
	b.tool(t, string(sql), "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", b.server.ConnString("postgres"))
}

// big is a database whose rows and indexes take a moment each. One table has no key that would refuse a row that
// comes twice, and one is loaded by INSERT.
const big = `
CREATE TABLE parents (id int PRIMARY KEY, t text);
INSERT INTO parents SELECT g, md5(g::text) FROM generate_series(1, 60000) g;
CREATE TABLE children (parent int REFERENCES parents, t text, n numeric);
INSERT INTO children SELECT 1 + g % 60000, repeat(md5(g::text), 3), g / 7.0 FROM generate_series(1, 120000) g;
CREATE INDEX ON children (t);
CREATE INDEX ON children (parent);
CREATE INDEX ON children (n, t);
CREATE TABLE keyless AS SELECT g % 1000 AS n, md5(g::text) AS t FROM generate_series(1, 100000) g;
CREATE MATERIALIZED VIEW counted AS SELECT n, count(*) FROM keyless GROUP BY n;
CREATE UNIQUE INDEX ON counted (n);
SELECT lo_from_bytea(0, convert_to(repeat('large object', 100000), 'UTF8')) FROM generate_series(1, 20);
`

func (b *bench) makeBig(t *testing.T) string {
	t.Helper()
	b.tool(t, "CREATE DATABASE big", "psql", "-Xq", "-d", b.server.ConnString("postgres"))
	b.tool(t, big, "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", b.server.ConnString("big"))
	path := filepath.Join(t.TempDir(), "big.dump")
	b.tool(t, "", "pg_dump", "-Fc", "-Z1", "-f", path, "-d", b.server.ConnString("big"))
	b.tool(t, "DROP DATABASE big", "psql", "-Xq", "-d", b.server.ConnString("postgres"))
	return path
}

// judge restores undisturbed.
func (b *bench) judge(t *testing.T, l *load) {
	t.Helper()
	tr := &trial{bench: b, load: l, database: "wanted", flags: []string{"-j4"}}
	tr.fresh(t)
	begun := time.Now()
	if out, err := tr.command(false, "").CombinedOutput(); err != nil {
		t.Fatalf("undisturbed restore of %s: %v\n%s", l.name, err, out)
	}
	l.took, l.want = time.Since(begun), b.dump(t, "wanted")
}

// trial chooses what to restore, and how.
func (b *bench) trial(t *testing.T, r *rand.Rand) *trial {
	t.Helper()
	tr := &trial{bench: b, rand: r, load: b.loads[r.IntN(len(b.loads))], database: "tried"}
	tr.flags = []string{"-j4"}
	if r.IntN(3) == 0 {
		tr.flags = []string{"-j1"}
	}
	if r.IntN(4) == 0 {
		tr.flags = append(tr.flags, "--compat")
	}
	if tr.load.database != "" && r.IntN(3) == 0 {
		tr.create, tr.database = true, tr.load.database
		tr.flags = append(tr.flags, "--create")
	}
	tr.fresh(t)
	return tr
}

// fresh makes the database anew, or with --create lets there be none.
func (tr *trial) fresh(t *testing.T) {
	t.Helper()
	c := tr.connect(t, "postgres")
	c.must(t, "DROP DATABASE IF EXISTS "+tr.database+" WITH (FORCE)")
	if !tr.create {
		c.must(t, "CREATE DATABASE "+tr.database+" TEMPLATE template0")
	}
}

// hasJournal reports whether there is anything to go on with.
func (tr *trial) hasJournal(t *testing.T) bool {
	t.Helper()
	c := tr.connect(t, "postgres")
	if c.must(t, "SELECT 1 FROM pg_database WHERE datname = '"+tr.database+"'") == nil {
		return false
	}
	c = tr.connect(t, tr.database)
	return c.must(t, "SELECT 1 FROM pg_namespace WHERE nspname = 'pgarc_journal'") != nil
}

// compare compares with the undisturbed restore. Lines are sorted: rows may have come in another order.
func (b *bench) compare(t *testing.T, tr *trial) {
	t.Helper()
	got := b.dump(t, tr.database)
	if slices.Equal(got, tr.load.want) {
		return
	}
	var diff []string
	i, j := 0, 0
	for i < len(got) || j < len(tr.load.want) {
		switch {
		case j == len(tr.load.want) || i < len(got) && got[i] < tr.load.want[j]:
			diff = append(diff, "+"+got[i])
			i++
		case i == len(got) || got[i] > tr.load.want[j]:
			diff = append(diff, "-"+tr.load.want[j])
			j++
		default:
			i, j = i+1, j+1
		}
	}
	t.Errorf("%s: differs from an undisturbed restore, in %d lines, after %d disturbances:\n%.3000s", tr, len(diff), tr.count,
		strings.Join(diff, "\n"))
}

func (b *bench) dump(t *testing.T, database string) []string {
	t.Helper()
	lines := strings.Split(b.tool(t, "", "pg_dump", "-d", b.server.ConnString(database)), "\n")
	lines = slices.DeleteFunc(lines, func(l string) bool {
		return strings.HasPrefix(l, `\restrict`) || strings.HasPrefix(l, `\unrestrict`) || strings.HasPrefix(l, "-- Data Pos:")
	})
	slices.Sort(lines)
	return lines
}

func (b *bench) tool(t *testing.T, stdin, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(scratchtest.Tool(t, b.server, name), args...)
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = strings.NewReader(stdin), &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, stderr.Bytes())
	}
	return string(out)
}

// conn is a session of the test's own.
type conn struct{ *pgconn.PgConn }

func (b *bench) connect(t *testing.T, database string) conn {
	t.Helper()
	c, err := pgconn.Connect(t.Context(), b.server.ConnString(database))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	return conn{c}
}

// must returns the rows of the last result that has some.
func (c conn) must(t *testing.T, sql string) [][]string {
	t.Helper()
	rows, err := c.query(t.Context(), sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return rows
}

func (c conn) query(ctx context.Context, sql string) ([][]string, error) {
	results, err := c.Exec(ctx, sql).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%.60s: %w", sql, err)
	}
	var rows [][]string
	for _, r := range results {
		for _, values := range r.Rows {
			var row []string
			for _, v := range values {
				row = append(row, string(v))
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}
