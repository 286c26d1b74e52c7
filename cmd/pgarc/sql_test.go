package main

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/internal/pgscratch/scratchtest"
	"github.com/pgarc/pgarc/toc"
)

// damaged returns a copy of an archive in which the data of a table are broken
// off in their middle, by a wrong byte in what is compressed.
func damaged(t *testing.T, name, table string) string {
	t.Helper()
	path := fixtures.Get(t, name).Path
	r, err := archive.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	found := r.TOC.Find(toc.NewPattern(table), []toc.Kind{toc.TableData})
	if len(found) != 1 || found[0].DataSize < 2000 {
		t.Fatalf("%d entries with data of %s", len(found), table)
	}
	at := found[0].Offset + found[0].DataSize*2/3
	for i := range int64(40) {
		data[at+i] ^= 0xff
	}
	copied := filepath.Join(t.TempDir(), "damaged.dump")
	if err := os.WriteFile(copied, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return copied
}

// TestSQLSpoiled runs the script of a damaged archive through psql: the table
// in question must stay empty, those before it not.
func TestSQLSpoiled(t *testing.T) {
	s := scratchtest.Server(t)
	path := damaged(t, "15/c-gzip", "statuses")
	for _, args := range []string{"-O -x", "-O -x -1"} {
		out, stderr, status := runArgs(t, append([]string{"sql", path}, strings.Fields(args)...)...)
		if status != exitArchive || !strings.Contains(stderr, "the script is not complete") || !strings.Contains(stderr, "pgarc: error: ") {
			t.Errorf("exit status %d, want %d; stderr:\n%s", status, exitArchive, stderr)
		}
		if !strings.Contains(out[max(0, len(out)-300):], "pgarc: the script ends here, not complete: ") {
			t.Errorf("the script does not say why it ends: %.300s", out[max(0, len(out)-300):])
		}
		db := scratchtest.Database(t, s)
		script := filepath.Join(t.TempDir(), "x.sql")
		write(t, script, out)
		said := runPsql(t, s, db, script)
		want := "t|0\n"
		if strings.Contains(args, "-1") {
			want = ""
		} else if !strings.Contains(said, "extra data after last expected column") {
			t.Errorf("psql says\n%s", said)
		}
		got := pipe(t, scratchtest.Tool(t, s, "psql"), s.ConnString(db),
			"SELECT format('SELECT EXISTS (SELECT FROM public.accounts), (SELECT count(*) FROM public.statuses)') WHERE to_regclass('public.statuses') IS NOT NULL \\gexec\n")
		if got != want {
			t.Errorf("%s: accounts|statuses are %q, want %q", args, got, want)
		}
	}
}

// TestSQLFile: a file appears when it is whole, and not at all otherwise.
func TestSQLFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "out.sql")
	write(t, file, "old")
	if err := os.Chmod(file, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, _, status := runArgs(t, "sql", damaged(t, "15/c-gzip", "statuses"), "-f", file); status != exitArchive {
		t.Errorf("exit status %d, want %d", status, exitArchive)
	}
	if got := names(t, dir); !reflect.DeepEqual(got, []string{"out.sql"}) || read(t, file) != "old" {
		t.Errorf("after a failure: files %q, out.sql is %.40q", got, read(t, file))
	}
	path := fixtures.Get(t, "15/c-gzip").Path
	link := filepath.Join(dir, "link.sql")
	if err := os.Symlink("out.sql", link); err != nil {
		t.Fatal(err)
	}
	want, _, _ := runArgs(t, "sql", path, "--restrict-key=k")
	if _, stderr, status := runArgs(t, "sql", path, "--restrict-key=k", "-f", link); status != exitOK || stderr != "" {
		t.Errorf("exit status %d\n%s", status, stderr)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o640 || read(t, file) != want {
		t.Errorf("out.sql: mode %v, %v, or not the script", info.Mode(), err)
	}
	if got := names(t, dir); !reflect.DeepEqual(got, []string{"link.sql", "out.sql"}) {
		t.Errorf("files %q", got)
	}
}

// TestSQLInterrupted: Ctrl-C ends a script as damage does.
func TestSQLInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var out, talk bytes.Buffer
	status := run(ctx, []string{"sql", fixtures.Get(t, "15/c-gzip").Path}, &env{stdin: strings.NewReader(""), stdout: &out, stderr: &talk, getenv: func(string) string { return "" }})
	if status != exitInterrupted || !strings.Contains(talk.String(), "pgarc: error: interrupted") || !strings.Contains(out.String(), "not complete: context canceled") {
		t.Errorf("exit status %d, stderr:\n%s", status, talk.String())
	}
}

// TestRestrictKey: it is new in every run, and of the length of pg_restore's.
func TestRestrictKey(t *testing.T) {
	path := fixtures.Get(t, "15/empty").Path
	keys := map[string]bool{}
	for range 3 {
		out, _, _ := runArgs(t, "sql", path)
		_, key, _ := strings.Cut(out, "\n\\restrict ")
		key, _, _ = strings.Cut(key, "\n")
		if len(key) != 63 || !isRestrictKey(key) || !strings.HasSuffix(out, "\n\\unrestrict "+key+"\n\n") {
			t.Errorf("key %q in\n%s", key, out)
		}
		keys[key] = true
	}
	if len(keys) != 3 {
		t.Errorf("keys %v: want three", keys)
	}
	if out, _, _ := runArgs(t, "sql", path, "--no-restrict"); strings.Contains(out, "restrict") {
		t.Errorf("--no-restrict:\n%s", out)
	}
}

// TestSplitTree: two runs make the same files; what is no longer made goes,
// what pgarc did not make stays.
func TestSplitTree(t *testing.T) {
	path := fixtures.Get(t, "15/c-gzip").Path
	one, two := filepath.Join(t.TempDir(), "tree"), filepath.Join(t.TempDir(), "tree")
	split := func(dir string, args ...string) string {
		t.Helper()
		_, stderr, status := runArgs(t, append([]string{"sql", path, "--split", dir}, args...)...)
		if status != exitOK {
			t.Fatalf("exit status %d\n%s", status, stderr)
		}
		return stderr
	}
	split(one)
	split(two, "--data")
	write(t, filepath.Join(two, "public", "tables", "mine.sql"), "mine")
	write(t, filepath.Join(two, "public", "data", "notes.txt"), "mine")
	if said := split(two); !strings.Contains(said, " 68 removed") {
		t.Errorf("said %q", said)
	}
	if said := split(two); !strings.Contains(said, " 0 new or changed, 0 removed") {
		t.Errorf("the third run said %q", said)
	}
	a, b := tree(t, one), tree(t, two)
	for _, mine := range []string{"public/tables/mine.sql", "public/data/notes.txt"} {
		if b[mine] != "mine" {
			t.Errorf("%s is %q", mine, b[mine])
		}
		delete(b, mine)
	}
	if len(a) < 150 || !reflect.DeepEqual(a, b) {
		t.Errorf("two trees, of %d and %d files, differ", len(a), len(b))
	}
	for name, text := range a {
		if strings.Contains(text, "TOC entry") || strings.HasSuffix(text, "\n\n") || !strings.HasSuffix(text, "\n") {
			t.Errorf("%s: %q", name, text[max(0, len(text)-40):])
		}
	}
}

// TestSplitForeign: pgarc does not write over, or remove, what is not its own.
func TestSplitForeign(t *testing.T) {
	path := fixtures.Get(t, "15/c-gzip").Path
	dir := filepath.Join(t.TempDir(), "tree")
	outside := filepath.Join(filepath.Dir(dir), "outside.sql")
	write(t, outside, "mine")
	if err := os.MkdirAll(filepath.Join(dir, "public", "tables"), 0o777); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "public", "tables", "accounts.sql"), "mine")
	_, stderr, status := runArgs(t, "sql", path, "--split", dir)
	if status != exitFailed || !strings.Contains(stderr, "would overwrite it: public/tables/accounts.sql") {
		t.Errorf("exit status %d\n%s", status, stderr)
	}
	if got := tree(t, dir); len(got) != 1 {
		t.Errorf("it wrote all the same: %d files", len(got))
	}
	// A manifest that somebody else wrote, and a link that leads away.
	if err := os.RemoveAll(filepath.Join(dir, "public")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, splitManifest), "../outside.sql\n"+outside+"\nlink/outside.sql\nreadme.md\n")
	write(t, filepath.Join(dir, "readme.md"), "mine")
	if err := os.Symlink("..", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	runArgs(t, "sql", path, "--split", dir)
	if read(t, outside) != "mine" || read(t, filepath.Join(dir, "readme.md")) != "mine" {
		t.Error("it removed what is not its own")
	}
}

func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			name, _ := filepath.Rel(dir, path)
			files[filepath.ToSlash(name)] = read(t, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, f := range files {
		list = append(list, f.Name())
	}
	return list
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
