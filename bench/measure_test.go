//go:build linux

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/pgarc/pgarc/internal/pgscratch"
)

// TestScenarios runs small scenarios, warm, with the real programs.
func TestScenarios(t *testing.T) {
	if testing.Short() {
		t.Skip("starts five servers")
	}
	_, err := pgscratch.Find(os.Getenv)
	var notFound *pgscratch.NotFoundError
	if errors.As(err, &notFound) && os.Getenv("PGARC_TEST_REQUIRE") == "" {
		t.Skip(err)
	}
	dir, err := os.MkdirTemp("/tmp", "pgarc-bench-test-") // the server's user may not pass through t.TempDir
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	t.Setenv("TMPDIR", dir) // StartCluster sets it
	root, err := moduleRoot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	o := &options{scale: 1, tables: 10, rounds: 1, jobs: 2, rtt: time.Millisecond, dir: dir, work: dir, pgarc: filepath.Join(dir, "pgarc"), variants: "pg_restore,pgarc"}
	if out, err := exec.Command("go", "build", "-o", o.pgarc, "github.com/pgarc/pgarc/cmd/pgarc").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, tt := range []struct {
		Scenario
		phases map[Phase]int // the least number of statements
		self   bool
	}{
		{Scenario{Name: "whole", Source: murmur, SelfFK: selfFK}, map[Phase]int{Copy: 50, Index: 100, ForeignKey: 40, MatView: 2, Other: 300}, true},
		{Scenario{Name: "keys", Source: murmur, SelfFK: selfFK, Only: "fk"}, map[Phase]int{ForeignKey: 40}, true},
		{Scenario{Name: "one key", Source: murmur, SelfFK: selfFK, Only: selfFK}, map[Phase]int{ForeignKey: 1}, true},
		{Scenario{Name: "network", Source: tables, Network: true}, map[Phase]int{Copy: 10, Index: 19, ForeignKey: 9, Other: 40}, false},
	} {
		t.Run(tt.Name, func(t *testing.T) {
			r, err := o.measure(t.Context(), root, tt.Scenario)
			if err != nil {
				t.Fatal(err)
			}
			good := map[string]int{}
			for _, run := range r.Runs {
				if run.Failed != "" {
					t.Logf("%s failed: %s", run.Variant, run.Failed)
					continue
				}
				good[run.Variant]++
				if run.Differs != "" {
					t.Errorf("%s restored something else than pg_restore: %s", run.Variant, run.Differs)
				}
				for phase, least := range tt.phases {
					if got := run.Phases[phase].Statements; got < least {
						t.Errorf("%s: %d statements of phase %s, want %d or more", run.Variant, got, phase, least)
					}
				}
				if (run.SelfFK.Statements > 0) != tt.self {
					t.Errorf("%s: %d statements of the self-referencing foreign key", run.Variant, run.SelfFK.Statements)
				}
				for _, metric := range []string{Wall, ServerCPU, ClientCPU, BlocksHit, WALMB, ClientMB} {
					if run.Values[metric] <= 0 {
						t.Errorf("%s: %s is %v", run.Variant, metric, run.Values[metric])
					}
				}
			}
			for _, name := range []string{Base, "pgarc"} {
				if good[name] != 1 {
					t.Errorf("%s restored %d times, want once", name, good[name])
				}
			}
		})
	}
}
