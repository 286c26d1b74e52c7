package script_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgarc/pgarc/internal/pgscratch/scratchtest"
	"github.com/pgarc/pgarc/script"
)

func TestMain(m *testing.M) { scratchtest.Main(m) }

// metaTests hold \echo MARK where psql must not see it, or does; obeyed says
// whether psql prints MARK (checked with 15 and 18).
var metaTests = []struct {
	name          string
	sql           string
	stdStrings    bool
	found, obeyed bool
}{
	{"plain", "SELECT 1;\n", true, false, false},
	{"bare", "SELECT 1; \\echo MARK\n", true, true, true},
	{"in the middle", "SELECT 1 \\echo MARK\n;", true, true, true},
	{"in a string", "SELECT '\\echo MARK';\n", true, false, false},
	{"in a string over lines", "SELECT '\n\\echo MARK\n';\n", true, false, false},
	{"in a name", "SELECT 1 AS \"\n\\echo MARK\n\";\n", true, false, false},
	{"in a dollar string", "SELECT $a$\n\\echo MARK\n$$ $b$ $a$;\n", true, false, false},
	{"after a dollar string", "SELECT $a$x$a$ \\echo MARK\n;", true, true, true},
	{"in a line comment", "SELECT 1; -- \\echo MARK\n", true, false, false},
	{"after a line comment", "SELECT 1; -- x\n\\echo MARK\n", true, true, true},
	{"after a comment ended by CR", "SELECT 1; -- x\r\\echo MARK\n", true, true, true},
	{"in a nested comment", "/* a /* b */ \\echo MARK\n*/ SELECT 1;", true, false, false},
	{"after a nested comment", "/* a /* b */ */ \\echo MARK\nSELECT 1;", true, true, true},
	{"comment in an operator", "SELECT 1 +/* ' */ 1 \\echo MARK\n; -- '\n", true, true, true},
	{"minus in an operator", "SELECT 1 +--' \n 1; \\echo MARK\n--'", true, true, true},
	{"backslash closes nothing", "SELECT 'a\\', \\echo MARK\n'';\n", true, true, true},
	{"E string", "SELECT E'a\\', \\echo MARK\n';\n", true, false, false},
	{"e at the end of a word", "SELECT 1 AS ae'a\\' \\echo MARK\n ';\n", true, true, true},
	{"std strings off", "SELECT 'a\\', \\echo MARK\n';\n", false, false, false},
	{"std strings off, closed", "SELECT 'a\\\\' \\echo MARK\n;\n", false, true, true},
	{"std strings off, bit string", "SELECT b'\\' \\echo MARK\n;\n", false, true, true},
	{"std strings off, U&", "SELECT U&'\\' \\echo MARK\n;\n", false, true, true},
	{"doubled quote", "SELECT 'a'' \\echo MARK\n';\n", true, false, false},
	{"server continues the string, psql not", "SELECT E'a'\n'b\\' \\echo MARK\n';\n", true, true, true},
	{"both continue the string", "SELECT E'a'\r'b\\' \\echo MARK\n';\n", true, false, false},
	{"neither continues the string", "SELECT E'a' 'b\\' \\echo MARK\n';\n", true, true, true},
	{"continued after an empty line", "SELECT E'a'\n\n\r'b\\' \\echo MARK\n';\n", true, false, false},
	{"continued over a comment", "SELECT E'a' -- x\r'b\\' \\echo MARK\n';\n", true, false, false},
	{"COPY hides it from the server's eyes", "COPY t FROM stdin;\n'\n\\.\n\\echo MARK\n';\n", true, true, true},
	{"copy in small letters, after a comment", "/* */ copy t from STDIN;\n'\n\\.\n\\echo MARK\n';\n", true, true, true},
	{"COPY from a file", "COPY t FROM '/nowhere';\n", true, false, false},
	{"forced semicolon", "SELECT 1 \\; SELECT 2;\n", true, true, false},
	{"psql variable", "DO $$BEGIN RAISE EXCEPTION '\\echo MARK'; END$$;\n:LAST_ERROR_MESSAGE\n", true, true, true},
	{"cast is no variable", "SELECT 1::\"USER\";\n", true, false, false},
	{"array slice", "SELECT a[1:n] FROM (VALUES ('{1,2}'::int[], 2)) v(a, n);\n", true, false, false},
	{"quoted variable", "SELECT :'USER';\n", true, true, false},
	{"string without end", "SELECT 'x;\n", true, true, false},
	{"comment without end", "SELECT 1; /* x\n", true, true, false},
	{"name without end", "SELECT 1 AS \"x;\n", true, true, false},
	{"dollar string without end", "SELECT $x$ $y$;\n", true, true, false},
	{"NUL", "SELECT '\x00'\n' \\echo MARK\n';\n", true, true, true},
	{"word with dollar", "SELECT 1 AS a$b$; -- $b$ \\echo MARK\n", true, false, false},
	{"parameter", "SELECT $1$a$ \\echo MARK\n $a$;\n", true, false, false},
	{"number run into E string", "SELECT 1E'\\' \\echo MARK\n';\n", true, true, true},
}

func TestMetaCommand(t *testing.T) {
	for _, test := range metaTests {
		at, found := script.MetaCommand(test.sql, test.stdStrings)
		if found != test.found {
			t.Errorf("%s: MetaCommand(%q, %t) = %d, %t; want %t", test.name, test.sql, test.stdStrings, at, found, test.found)
		}
	}
}

// TestPsqlObeys checks the table against a real psql.
func TestPsqlObeys(t *testing.T) {
	psql := newPsql(t)
	for _, test := range metaTests {
		if strings.HasPrefix(test.name, "number run") && psql.major < 15 {
			continue // it reads on in an E string
		}
		if got := psql.obeys(t, test.sql, test.stdStrings); got != test.obeyed {
			t.Errorf("%s: psql obeys %q: %t; want %t", test.name, test.sql, got, test.obeyed)
		}
	}
}

// TestMetaCommandFuzz joins pieces of SQL at random: where psql obeys a
// command in the text, MetaCommand must have said so.
func TestMetaCommandFuzz(t *testing.T) {
	psql := newPsql(t)
	pieces := []string{"'", "'", "\"", "$$", "$a$", "E'", "e'", "U&'", "b'", "n'", "--", "/*", "*/", "\n", "\r", " ", "\\", "\\\\", ";", "(", ")",
		"a", "1", "1e", "$1", "COPY t FROM stdin;\n", "\n\\.\n", "''", "+", "-", "/", "*", "é", ":", ":'", ":\"", "SELECT 1", "x",
		"\\echo MARK\n", "\\echo MARK\n", "\\echo MARK\n", "\n\\echo MARK\n"}
	r := rand.New(rand.NewPCG(1, 15))
	runs, obeyed := 400, 0
	if testing.Short() {
		runs = 50
	}
	for range runs {
		var b strings.Builder
		for range 4 + r.IntN(14) {
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
		sql, stdStrings := b.String(), r.IntN(4) > 0
		if _, found := script.MetaCommand(sql, stdStrings); found {
			obeyed++
			continue
		}
		if psql.obeys(t, sql, stdStrings) {
			t.Errorf("psql obeys a command in %q (std strings %t), MetaCommand does not see it", sql, stdStrings)
		}
	}
	if obeyed == runs {
		t.Error("MetaCommand found something in every text: the test tests nothing")
	}
}

// psqlRunner runs psql on a scratch server.
type psqlRunner struct {
	path, dsn string
	major     int
	dir       string
}

func newPsql(t *testing.T) psqlRunner {
	t.Helper()
	s := scratchtest.Server(t)
	p := psqlRunner{scratchtest.Tool(t, s, "psql"), s.ConnString(scratchtest.Database(t, s)), s.Binaries().Major, t.TempDir()}
	if out := p.run(t, "CREATE TABLE t (a text);\n\\echo ok\n"); out != "ok\n" {
		t.Fatalf("psql does not work: %q", out)
	}
	return p
}

// run feeds a script to psql and returns its standard output.
func (p psqlRunner) run(t *testing.T, sql string) string {
	t.Helper()
	file := filepath.Join(p.dir, "x.sql")
	if err := os.WriteFile(file, []byte(sql), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(p.path, "-X", "-q", "-At", "-d", p.dsn, "-f", file)
	var out bytes.Buffer
	cmd.Stdout = &out
	cmd.Env = append(os.Environ(), "PGCLIENTENCODING=UTF8")
	_ = cmd.Run() // its status is that of the SQL
	return out.String()
}

// obeys reports whether psql runs \echo MARK somewhere in the text. A result
// of SQL cannot print it so.
func (p psqlRunner) obeys(t *testing.T, sql string, stdStrings bool) bool {
	t.Helper()
	setting := "on"
	if !stdStrings {
		setting = "off"
	}
	out := p.run(t, "SET standard_conforming_strings = "+setting+";\n\\pset tuples_only off\n\\pset format html\n"+sql)
	for line := range strings.Lines(out) {
		if strings.TrimRight(line, "\r\n") == "MARK" || strings.HasPrefix(line, "MARK ") {
			return true
		}
	}
	return false
}
