package copybin_test

import (
	"bytes"
	"crypto/sha256"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/internal/copybin"
	"github.com/pgarc/pgarc/internal/pgscratch"
	"github.com/pgarc/pgarc/internal/pgscratch/scratchtest"
	"github.com/pgarc/pgarc/restore"
	"github.com/pgarc/pgarc/toc"
)

// refusedTables are those of the fixtures that have a supported type and a value that is not converted: an array
// of two dimensions.
var refusedTables = []string{"polls"}

// TestFixtures loads every table of every fixture whose columns are all supported, as text and as binary. The same
// rows in another archive are not loaded again.
func TestFixtures(t *testing.T) {
	if testing.Short() {
		t.Skip("long")
	}
	f := &fixtureLoader{server: scratchtest.Server(t), done: map[[32]byte]bool{}, unsupported: map[string]bool{}}
	for _, fixture := range fixtures.All(t) {
		t.Run(fixture.Name, func(t *testing.T) { f.load(t, fixture) })
	}
	t.Logf("%d tables with %d rows converted, %d more were the same as one of them; of a type that is not supported: %q",
		f.converted, f.rows, f.again, slices.Sorted(maps.Keys(f.unsupported)))
	if f.converted == 0 {
		t.Error("nothing was converted")
	}
}

type fixtureLoader struct {
	server           *pgscratch.Server
	done             map[[32]byte]bool // sums of COPY statement and text
	converted, again int
	rows             int64
	unsupported      map[string]bool
}

func (f *fixtureLoader) load(t *testing.T, fixture fixtures.Fixture) {
	a, err := archive.Open(fixture.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	var conn *pgconn.PgConn // to a database with the definitions, made when needed
	for _, e := range a.TOC.Entries {
		if e.Kind != toc.TableData || e.Copy == "" {
			continue
		}
		text := copyText(t, a, e)
		sum := sha256.Sum256(append([]byte(e.Namespace+e.Copy+a.TOC.Encoding), text...))
		if f.done[sum] {
			f.again++
			continue
		}
		if conn == nil {
			conn = f.define(t, a)
		}
		f.done[sum] = f.table(t, conn, a, e, text)
	}
}

// define restores the definitions into a new database.
func (f *fixtureLoader) define(t *testing.T, a *archive.Reader) *pgconn.PgConn {
	t.Helper()
	db := scratchtest.Database(t, f.server)
	config, err := pgconn.ParseConfig(f.server.ConnString(db))
	if err != nil {
		t.Fatal(err)
	}
	definitions := toc.Selection{Sections: []toc.Section{toc.SectionPreData}, NoPrivileges: true}
	if _, err := restore.Run(t.Context(), a, config, restore.Options{NoOwner: true, Selection: definitions}); err != nil {
		t.Fatal(err)
	}
	conn := connect(t, f.server, db)
	exec(t, conn, "SET client_encoding = '"+a.TOC.Encoding+"'")
	return conn
}

// copyText is the COPY text of an entry without its end marker.
func copyText(t *testing.T, a *archive.Reader, e *toc.Entry) []byte {
	t.Helper()
	data, err := a.Data(e)
	if err != nil {
		t.Fatal(err)
	}
	defer data.Close()
	text, err := io.ReadAll(data)
	if err != nil {
		t.Fatal(err)
	}
	text, found := bytes.CutSuffix(text, []byte("\\.\n\n\n"))
	if !found {
		t.Fatalf("%s has no end marker", e.Tag)
	}
	return text
}

// table loads one table and reports whether that was possible.
func (f *fixtureLoader) table(t *testing.T, conn *pgconn.PgConn, a *archive.Reader, e *toc.Entry, text []byte) bool {
	t.Helper()
	st, ok := copybin.ParseStatement(e.Copy)
	if !ok || !copybin.SafeEncoding(a.TOC.Encoding) {
		f.unsupported[e.Tag] = true
		return false
	}
	if e.Namespace != "" { // archives before 1.13 do not qualify names
		exec(t, conn, `SELECT pg_catalog.set_config('search_path', pg_catalog.quote_ident('`+strings.ReplaceAll(e.Namespace, "'", "''")+`') || ', public', false)`)
	}
	if query(t, conn, "SELECT pg_catalog.to_regclass($1) IS NULL", st.Table)[0][0] == "t" {
		return false // an archive of data only, or of something that this server does not have
	}
	columns := columnsOf(t, conn, st.Table, st.Columns...)
	if slices.ContainsFunc(columns, func(c copybin.Column) bool { return !copybin.Supported(c) }) {
		f.unsupported[e.Tag] = true
		return false
	}
	if slices.Contains(refusedTables, e.Tag) {
		return false
	}
	exec(t, conn, "DROP TABLE IF EXISTS t_text, t_bin; CREATE TABLE t_text (LIKE "+st.Table+"); CREATE TABLE t_bin (LIKE "+st.Table+")")
	list := strings.TrimPrefix(strings.TrimSuffix(st.Binary(false), " FROM stdin WITH (FORMAT binary)"), "COPY "+st.Table+" ")
	f.rows += loadBoth(t, conn, columns, list, text)
	f.converted++
	return true
}
