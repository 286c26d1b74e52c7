//go:build linux || darwin

package torture

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// few is how many of each kind make test does.
const few = 3

// seeds returns those to run: as many as PGARC_TORTURE says, and the one that -run names.
func seeds(t *testing.T) []uint64 {
	n := few
	if text := os.Getenv("PGARC_TORTURE"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			t.Fatalf("PGARC_TORTURE: %v", err)
		}
	}
	var list []uint64
	for seed := range n {
		list = append(list, uint64(seed+1))
	}
	if m := namedSeed.FindStringSubmatch(runFlag()); m != nil {
		if seed, _ := strconv.ParseUint(m[1], 10, 64); seed > uint64(n) {
			list = append(list, seed)
		}
	}
	return list
}

var namedSeed = regexp.MustCompile(`seed=(\d+)`)

// TestTorture restores again and again, and breaks it each time.
func TestTorture(t *testing.T) {
	if testing.Short() {
		t.Skip("long")
	}
	b := newBench(t)
	for i, kind := range []struct {
		name    string
		disturb func(*testing.T, *trial)
	}{
		{"pgarc", killPgarc},
		{"backend", killBackends},
		{"server", crashServer},
		{"network", cutNetwork},
	} {
		t.Run(kind.name, func(t *testing.T) {
			all := 0
			for _, seed := range seeds(t) {
				t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
					tr := b.trial(t, rand.New(rand.NewPCG(seed, uint64(i))))
					begun := time.Now()
					kind.disturb(t, tr)
					b.compare(t, tr)
					all += tr.count
					t.Logf("%s: %d disturbances, %s", tr, tr.count, time.Since(begun).Round(100*time.Millisecond))
				})
			}
			if all == 0 && !t.Failed() && !namedSeed.MatchString(runFlag()) {
				t.Error("nothing was disturbed: this proved nothing")
			}
		})
	}
}

// A trial is one restore that is to be disturbed.
type trial struct {
	*bench
	rand     *rand.Rand
	load     *load
	flags    []string // of pgarc restore
	create   bool     // --create: the database is the archive's
	database string
	count    int // disturbances
}

func (tr *trial) String() string {
	return tr.load.name + " " + strings.Join(tr.flags, " ")
}

// moment is a time within what the restore takes undisturbed, and a little more.
func (tr *trial) moment() time.Duration {
	return time.Duration(tr.rand.Float64() * 1.1 * float64(tr.load.took))
}

// soon is a moment of which there are some in a restore.
func (tr *trial) soon() time.Duration { return max(tr.moment()/3, 20*time.Millisecond) }

// command is the restore, to be run once more with --resume.
func (tr *trial) command(resume bool, target string) *exec.Cmd {
	args := append([]string{"restore", tr.load.path, "--failed-sql", ""}, tr.flags...)
	if target == "" {
		target = tr.server.ConnString(tr.connectTo())
	}
	args = append(args, "-d", target)
	if resume {
		args = append(args, "--resume")
	}
	cmd := exec.Command(tr.pgarc, args...)
	cmd.Env = append(os.Environ(), "PGCONNECT_TIMEOUT=10")
	return cmd
}

func (tr *trial) connectTo() string {
	if tr.create {
		return "postgres"
	}
	return tr.database
}

// killPgarc kills the process, goes on with --resume, and kills that one.
func killPgarc(t *testing.T, tr *trial) {
	resume := false
	for n := 0; ; n++ {
		out, err := tr.runFor(tr.command(resume, ""), n < 6)
		switch {
		case err == nil:
			return
		case isKilled(err):
			tr.count++
		case resume && strings.Contains(out, "nothing to go on with"):
			// it was at its very beginning, or at its very end
		case resume && tr.create && strings.Contains(out, "3D000"):
		default:
			t.Fatalf("%s: %v, after %d kills\n%s", tr, err, tr.count, out)
		}
		if resume = tr.hasJournal(t); !resume {
			tr.fresh(t)
		}
	}
}

// runFor runs a command, and kills it at a moment if that is asked for.
func (tr *trial) runFor(cmd *exec.Cmd, kill bool) (string, error) {
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		return "", err
	}
	if kill {
		timer := time.AfterFunc(tr.moment(), func() { cmd.Process.Kill() })
		defer timer.Stop()
	}
	err := cmd.Wait()
	return out.String(), err
}

func isKilled(err error) bool {
	var exit *exec.ExitError
	return errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL
}

// during runs the restore, and disturb again and again while it does.
func (tr *trial) during(t *testing.T, target string, disturb func(ctx context.Context)) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	defer func() { cancel(); <-ended }() // whatever was broken is whole for the next
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			disturb(ctx)
		}
	}()
	out, err := tr.command(false, target).CombinedOutput()
	for n := 0; err != nil && n < 5 && tr.untouched(t); n++ { // it gave up before it began: try as one would
		out, err = tr.command(false, target).CombinedOutput()
	}
	cancel()
	<-ended
	if err != nil {
		t.Fatalf("%s: %v, after %d disturbances\n%s", tr, err, tr.count, out)
	}
}

// untouched reports whether the database has nothing yet, not even a journal.
func (tr *trial) untouched(t *testing.T) bool {
	t.Helper()
	if tr.create {
		return tr.ask(t, "postgres", "SELECT 1 FROM pg_database WHERE datname = '"+tr.database+"'") == nil
	}
	return tr.ask(t, tr.database, `SELECT 1 FROM pg_class WHERE oid >= 16384
		UNION ALL SELECT 1 FROM pg_namespace WHERE oid >= 16384 UNION ALL SELECT 1 FROM pg_largeobject_metadata`) == nil
}

// ask asks a server that may be away at the moment.
func (tr *trial) ask(t *testing.T, database, sql string) [][]string {
	t.Helper()
	var err error
	for range 300 {
		var c *pgconn.PgConn
		var rows [][]string
		if c, err = pgconn.Connect(t.Context(), tr.server.ConnString(database)); err == nil {
			rows, err = conn{c}.query(t.Context(), sql)
			c.Close(t.Context())
		}
		if err == nil {
			return rows
		}
		time.Sleep(200 * time.Millisecond)
	}
	t.Fatal(err)
	return nil
}

func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// killBackends ends sessions of the restore, any of them, the watching one too.
func killBackends(t *testing.T, tr *trial) {
	admin := tr.connect(t, "postgres")
	tr.during(t, "", func(ctx context.Context) {
		// Not for ever: what is tried five times and killed each time rightly gives up.
		if !sleep(ctx, tr.soon()) || tr.count >= 8 {
			sleep(ctx, time.Hour)
			return
		}
		rows, err := admin.query(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE datname = '`+tr.database+`' AND application_name LIKE 'pgarc%' ORDER BY random() LIMIT 1`)
		if err != nil && ctx.Err() == nil {
			t.Error(err)
		}
		tr.count += len(rows)
	})
}

// crashServer stops the server without a checkpoint, once to thrice.
func crashServer(t *testing.T, tr *trial) {
	most := 1 + tr.rand.IntN(3)
	tr.during(t, "", func(ctx context.Context) {
		if !sleep(ctx, max(tr.moment(), 20*time.Millisecond)) || tr.count == most {
			sleep(ctx, time.Hour)
			return
		}
		sig := []syscall.Signal{syscall.SIGQUIT, syscall.SIGKILL}[tr.rand.IntN(2)]
		tr.count++
		if err := tr.server.Crash(context.Background(), sig, time.Duration(tr.rand.Int64N(int64(time.Second)))); err != nil {
			t.Errorf("restart after a crash: %v\n%s", err, tr.server.LogTail())
		}
	})
}

// cutNetwork restores through a proxy that drops connections, or holds up what they carry.
func cutNetwork(t *testing.T, tr *trial) {
	p := newProxy(t, tr.server)
	tr.during(t, p.connString(tr.connectTo()), func(ctx context.Context) {
		if !sleep(ctx, tr.soon()) || tr.count == 4 {
			sleep(ctx, time.Hour)
			return
		}
		tr.count++
		if tr.rand.IntN(3) > 0 {
			p.drop()
			return
		}
		p.hold(true)
		sleep(ctx, time.Duration(tr.rand.Int64N(int64(2*time.Second))))
		if tr.rand.IntN(2) > 0 {
			p.drop() // only the client sees that: to the server they are silent
		}
		p.hold(false)
	})
}

func runFlag() string {
	for _, a := range os.Args {
		if rest, ok := strings.CutPrefix(a, "-test.run="); ok {
			return rest
		}
	}
	return ""
}

// buildPgarc builds the program under test.
func buildPgarc(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "pgarc")
	out, err := exec.Command("go", "build", "-o", path, "github.com/pgarc/pgarc/cmd/pgarc").CombinedOutput()
	if err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}
