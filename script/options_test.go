package script_test

import (
	"bytes"
	"compress/gzip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/script"
	"github.com/pgarc/pgarc/toc"
)

// optionTests are pg_restore's options and what they are here.
var optionTests = []struct {
	name    string
	fixture string
	args    string
	sel     toc.Selection
	set     func(*script.WriteOptions)
}{
	{"clean", "18/c-gzip", "-s -c", toc.Selection{SchemaOnly: true}, func(o *script.WriteOptions) { o.Clean = true }},
	{"clean-if-exists", "18/c-gzip", "-s -c --if-exists", toc.Selection{SchemaOnly: true}, func(o *script.WriteOptions) {
		o.Clean, o.IfExists = true, true
	}},
	{"clean-lobs", "18/lobs", "-c", toc.Selection{}, func(o *script.WriteOptions) { o.Clean = true }},
	{"clean-lobs-if-exists", "18/lobs", "-c --if-exists", toc.Selection{}, func(o *script.WriteOptions) {
		o.Clean, o.IfExists = true, true
	}},
	{"clean-old-lobs", "15/lobs", "-c --if-exists", toc.Selection{}, func(o *script.WriteOptions) {
		o.Clean, o.IfExists = true, true
	}},
	{"create", "18/c-gzip", "-s -C -c --if-exists", toc.Selection{SchemaOnly: true, Create: true}, func(o *script.WriteOptions) {
		o.Create, o.Clean, o.IfExists = true, true, true
	}},
	{"single", "15/c-gzip", "-s -1 -O -x --no-tablespaces --no-table-access-method", toc.Selection{SchemaOnly: true, NoPrivileges: true},
		func(o *script.WriteOptions) {
			o.SingleTransaction, o.NoOwner, o.NoTablespaces, o.NoTableAM = true, true, true, true
		}},
	{"transactions", "18/lobs", "--transaction-size=7 -C -c", toc.Selection{Create: true}, func(o *script.WriteOptions) {
		o.TransactionSize, o.Create, o.Clean = 7, true, true
	}},
	{"transactions-schema", "15/c-gzip", "-s --transaction-size=10 -c", toc.Selection{SchemaOnly: true}, func(o *script.WriteOptions) {
		o.TransactionSize, o.Clean = 10, true
	}},
	{"data", "18/newline", "-a --disable-triggers -S boss --enable-row-security", toc.Selection{DataOnly: true}, func(o *script.WriteOptions) {
		o.DisableTriggers, o.Superuser, o.EnableRowSecurity = true, "boss", true
	}},
	{"authorization", "15/c-gzip", "-s --use-set-session-authorization --role=bob", toc.Selection{SchemaOnly: true},
		func(o *script.WriteOptions) { o.SessionAuthorization, o.Role = true, "bob" }},
	{"authorization-data", "18/newline", "--use-set-session-authorization -a --disable-triggers", toc.Selection{DataOnly: true},
		func(o *script.WriteOptions) { o.SessionAuthorization, o.DisableTriggers = true, true }},
}

// TestWriteOptions compares with what pg_restore 18 printed with the same
// options. PGARC_PG_RESTORE_18 may name its command, which then writes the
// golden files again.
func TestWriteOptions(t *testing.T) {
	for _, test := range optionTests {
		t.Run(test.name, func(t *testing.T) {
			f := fixtures.Get(t, test.fixture)
			golden := filepath.Join("testdata", "options", test.name+".sql.gz")
			if command := strings.Fields(os.Getenv("PGARC_PG_RESTORE_18")); len(command) > 0 {
				args := append(command[1:], "--restrict-key=pgarc", "-f", "-")
				writeGolden(t, golden, exec.Command(command[0], append(append(args, strings.Fields(test.args)...), f.Path)...))
			}
			r, err := archive.Open(f.Path)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			o := writeOptions(r)
			test.set(&o)
			var got bytes.Buffer
			if err := script.Write(&got, test.sel.Apply(r.TOC), o); err != nil {
				t.Fatal(err)
			}
			diff(t, got.Bytes(), readGzip(t, golden))
		})
	}
}

func writeGolden(t *testing.T, name string, cmd *exec.Cmd) {
	t.Helper()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, stderr.Bytes())
	}
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	z.Write(out)
	z.Close()
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
}
