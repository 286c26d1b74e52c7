package scratchtest

import (
	"context"
	"os/exec"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pgarc/pgarc/internal/pgscratch"
)

func TestMain(m *testing.M) { Main(m) }

func TestServerIsShared(t *testing.T) {
	if a, b := Server(t), Server(t); a != b {
		t.Errorf("two servers: %s, %s", a.Dir(), b.Dir())
	}
}

func TestDatabaseIsDropped(t *testing.T) {
	s := Server(t)
	var name string
	t.Run("It's a 'name' with ünïcode, and far longer than the 63 bytes that PostgreSQL allows", func(t *testing.T) {
		name = Database(t, s)
		out, err := osexec(t, Tool(t, s, "psql"), "-XAtc", "SELECT current_database()", s.ConnString(name))
		if strings.TrimSpace(out) != name || err != nil {
			t.Errorf("psql in %q: %q, %v", name, out, err)
		}
		conn, err := pgx.Connect(t.Context(), s.ConnString(name)) // left open on purpose
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close(context.Background()) })
		if _, err := conn.Exec(t.Context(), `CREATE SUBSCRIPTION "It's subscribed" CONNECTION 'host=nowhere.invalid' PUBLICATION p WITH (connect = false)`); err != nil {
			t.Fatal(err)
		}
	})
	if got := count(t, s, name); got != 0 {
		t.Errorf("database %q is still there", name)
	}
}

// The versions that tests of other packages ask for.
func TestServerVersion(t *testing.T) {
	s := ServerVersion(t, 18)
	if got := s.Binaries().Major; got != 18 {
		t.Errorf("major version %d", got)
	}
	if got := count(t, s, Database(t, s)); got != 1 {
		t.Errorf("%d databases, want 1", got)
	}
}

func count(t *testing.T, s *pgscratch.Server, database string) (n int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.ConnString("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_database WHERE datname = $1", database).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func osexec(t *testing.T, name string, args ...string) (string, error) {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	return string(out), err
}
