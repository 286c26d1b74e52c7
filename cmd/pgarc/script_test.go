package main

import (
	"errors"
	"flag"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/pgarc/pgarc/fixtures"
)

var update = flag.Bool("update", false, "write golden files and scripts from what pgarc prints now")

// TestMain lets scripts run this binary as pgarc.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"pgarc": main})
}

// TestScripts runs what users type, by testdata/script/*.txtar. In them,
// $FIXTURES is the folder of the archives, by version of PostgreSQL. $URL and
// $S3 are servers that have them, and $HOST is the former's host and port.
func TestScripts(t *testing.T) {
	archives := filepath.Dir(filepath.Dir(fixtures.Get(t, "17/c-gzip").Path))
	web := archiveServer(t, archives).URL
	s3 := s3Server(t, fixtures.Get(t, "17/c-gzip").Path).URL
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("FIXTURES", archives)
			env.Setenv("TZ", "UTC")
			env.Setenv("URL", web)
			env.Setenv("HOST", strings.TrimPrefix(web, "http://"))
			env.Setenv("S3", s3)
			return nil
		},
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

// exits N command... runs a command that must exit with status N.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits N command...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v: %v", args[1:], err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit status of %v is %d, want %d", args[1:], got, want)
	}
}
