package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/internal/pgscratch/scratchtest"
)

// runArgs runs pgarc in this process, and returns what it printed.
func runArgs(t *testing.T, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	var out, talk bytes.Buffer
	status = run(context.Background(), args, &env{
		stdin: strings.NewReader(""), stdout: &out, stderr: &talk,
		getenv: func(string) string { return "" },
	})
	return out.String(), talk.String(), status
}

// TestListGolden compares ls --format list with what the real pg_restore -l
// printed for every fixture.
func TestListGolden(t *testing.T) {
	defer func(zone *time.Location) { time.Local = zone }(time.Local)
	time.Local = time.UTC
	for _, f := range fixtures.All(t) {
		t.Run(f.Name, func(t *testing.T) {
			want, err := os.ReadFile(f.ListPath)
			if err != nil {
				t.Fatal(err)
			}
			got, stderr, status := runArgs(t, "ls", "--format", "list", f.Path)
			if status != exitOK {
				t.Fatalf("exit status %d, stderr:\n%s", status, stderr)
			}
			if got != string(want) {
				t.Errorf("differs from pg_restore -l, %s:\n%s", f.ListPath, firstDifference(got, string(want)))
			}
		})
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return fmt.Sprintf("line %d:\n got %q\nwant %q", i+1, g[i], w[i])
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(g), len(w))
}

// TestEveryFixture runs the other ways of printing on every fixture: none may
// fail, or print what a terminal would act on.
func TestEveryFixture(t *testing.T) {
	for _, f := range fixtures.All(t) {
		t.Run(f.Name, func(t *testing.T) {
			for _, args := range [][]string{{"ls"}, {"ls", "-a", "--json"}, {"info"}, {"info", "--json"}} {
				out, stderr, status := runArgs(t, append(args, f.Path)...)
				if status != exitOK {
					t.Errorf("%v: exit status %d, stderr:\n%s", args, status, stderr)
				}
				for _, line := range strings.Split(out, "\n") {
					if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 }) {
						t.Errorf("%v prints a control character: %q", args, line)
					}
				}
			}
		})
	}
}

// TestDDLThroughPsql pipes the DDL of archives with hostile names through the
// real psql. It may fail there, since much is printed out of its context, but
// nothing in a name may become a command.
func TestDDLThroughPsql(t *testing.T) {
	server := scratchtest.Server(t)
	psql := scratchtest.Tool(t, server, "psql")
	for _, f := range fixtures.All(t) {
		if !strings.Contains(f.Name, "newline") {
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			for _, args := range [][]string{{"*"}, {"*", "--drop", "--owner", "--comments", "--acl"}} {
				ddl, stderr, status := runArgs(t, append([]string{"ddl", f.Path}, args...)...)
				if status != exitOK || ddl == "" {
					t.Fatalf("ddl %v: exit status %d, stderr:\n%s", args, status, stderr)
				}
				database := scratchtest.Database(t, server)
				output := pipe(t, psql, server.ConnString(database), ddl)
				if strings.Contains(output, "invalid command") {
					t.Errorf("ddl %v: psql took a name for a command:\n%s", args, output)
				}
				if n := pipe(t, psql, server.ConnString(database), "SELECT count(*) FROM pg_roles WHERE rolname = 'surprise'"); n != "0\n" {
					t.Errorf("ddl %v: the name of a table made a role; psql printed:\n%s", args, output)
				}
				if n := pipe(t, psql, server.ConnString(database), "SELECT count(*) FROM pg_class WHERE relname LIKE 'evil%'"); n != "1\n" {
					t.Errorf("ddl %v: %q tables with the evil name, want 1; psql printed:\n%s", args, n, output)
				}
			}
		})
	}
}

// pipe runs psql on SQL and returns all that it prints.
func pipe(t *testing.T, psql, database, sql string) string {
	t.Helper()
	cmd := exec.Command(psql, "-XAtq", "-d", database)
	cmd.Stdin = strings.NewReader(sql)
	output, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("psql: %v\n%s", err, output)
	}
	return string(output)
}

// TestReference compares docs/cli.md with the help of the commands.
func TestReference(t *testing.T) {
	var b strings.Builder
	b.WriteString("# The command line of pgarc\n\n<!-- Made from the help texts: go test ./cmd/pgarc -run TestReference -update -->\n")
	root := newRootCommand(&env{stdout: io.Discard, stderr: io.Discard})
	section := func(title, help string) { fmt.Fprintf(&b, "\n## %s\n\n```text\n%s```\n", title, help) }
	section("pgarc", root.Long)
	for _, name := range []string{"ls", "info", "ddl", "sql", "diff", "verify", "restore", "plan", "status", "cancel", "completion"} {
		cmd, _, err := root.Find([]string{name})
		if err != nil {
			t.Fatal(err)
		}
		section("pgarc "+name, cmd.Long)
	}
	path := filepath.Join("..", "..", "docs", "cli.md")
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(text) != b.String() {
		t.Errorf("docs/cli.md is not what help says; run go test ./cmd/pgarc -update\n%s", firstDifference(b.String(), string(text)))
	}
}

// TestHelpNamesAll checks the help texts, which are written by hand, against
// the commands and flags that there are.
func TestHelpNamesAll(t *testing.T) {
	root := newRootCommand(&env{stdout: io.Discard, stderr: io.Discard})
	for _, cmd := range root.Commands() {
		if cmd.Hidden {
			continue
		}
		if !strings.Contains(root.Long, "\n  "+cmd.Name()+" ") {
			t.Errorf("the help of pgarc does not list %s", cmd.Name())
		}
		for _, want := range []string{"\nUsage:\n", "\nExamples:\n", "\nExit status:\n"} {
			if !strings.Contains(cmd.Long, want) {
				t.Errorf("the help of pgarc %s has no %q", cmd.Name(), strings.TrimSpace(want))
			}
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			want := "--" + f.Name
			if f.Shorthand != "" {
				want = "-" + f.Shorthand + ", " + want
			}
			if !f.Hidden && !strings.Contains(cmd.Long, want) {
				t.Errorf("the help of pgarc %s does not have %q", cmd.Name(), want)
			}
		})
		for _, line := range strings.Split(cmd.Long, "\n") {
			if displayWidth(line) > 84 {
				t.Errorf("the help of pgarc %s has a line of %d columns: %s", cmd.Name(), displayWidth(line), line)
			}
		}
	}
}
