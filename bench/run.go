//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Run is one restore and what it took.
type Run struct {
	Round   int                `json:"round"`
	Variant string             `json:"variant"`
	Failed  string             `json:"failed,omitempty"`  // then the numbers do not count
	Differs string             `json:"differs,omitempty"` // how what it restored differs from what the first run did
	Values  map[string]float64 `json:"values"`            // by the names of Metrics
	Phases  map[Phase]Work     `json:"phases"`
	SelfFK  Work               `json:"self_fk"`
	Load    float64            `json:"load_before"` // load average of the last minute
}

// bench restores one scenario's archive in one cluster.
type bench struct {
	*options
	Scenario
	archive Archive
	cluster *Cluster
	cgroup  *Cgroup // nil: no limits
	proxy   *Proxy  // nil: through the socket
	list    string  // for -L; "": all
	print   string  // what the first restore came to: Cluster.Fingerprint
}

// db is the database that is restored.
const db = "bench"

// attempts is how often a restore that fails is tried: pg_restore -j may deadlock.
const attempts = 3

// runAll does all rounds of all variants. Each round begins with another variant.
func (b *bench) runAll(ctx context.Context, variants []Variant) ([]Run, error) {
	if b.Only != "" {
		if err := b.restoreRest(ctx, variants); err != nil {
			return nil, err
		}
	}
	var runs []Run
	for round := range b.rounds {
		for i := range variants {
			v := variants[(round+i)%len(variants)]
			for range attempts {
				run, err := b.runOnce(ctx, v)
				if err != nil {
					return nil, fmt.Errorf("%s, round %d: %w", v.Name, round+1, err)
				}
				run.Round = round + 1
				runs = append(runs, run)
				if run.Failed == "" {
					b.say("%s, round %d: %.1f s, server CPU %.1f s, others' CPU %.1f s",
						v.Name, run.Round, run.Values[Wall], run.Values[ServerCPU], run.Values[OthersCPU])
					break
				}
				b.say("%s, round %d failed: %s", v.Name, run.Round, run.Failed)
			}
		}
	}
	return runs, nil
}

// restoreRest makes, for each variant, a database in which the foreign keys are all that lacks.
func (b *bench) restoreRest(ctx context.Context, variants []Variant) error {
	out, err := exec.CommandContext(ctx, b.cluster.Tool("pg_restore"), "-l", b.archive.Path).Output()
	if err != nil {
		return fmt.Errorf("pg_restore -l: %w", err)
	}
	keys, rest := splitList(string(out), b.Only)
	b.list = filepath.Join(b.work, "keys.list")
	restList := filepath.Join(b.work, "rest.list")
	for path, text := range map[string]string{b.list: keys, restList: rest} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	for _, v := range variants {
		b.say("%s: restoring all but foreign keys", v.Name)
		template := templateOf(v)
		if err := b.cluster.Fresh(ctx, template, ""); err != nil {
			return err
		}
		use, err := v.Restore(ctx, b.archive.Path, b.cluster.ConnString(template), b.jobs, restList)
		if err != nil {
			return err
		}
		if use.Failed != "" {
			return fmt.Errorf("%s cannot restore all but foreign keys: %s", v.Name, use.Failed)
		}
		if err := b.cluster.WaitIdle(ctx, template); err != nil {
			return err
		}
	}
	return nil
}

func templateOf(v Variant) string {
	name := []byte("rest_" + v.Name)
	for i, c := range name {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			name[i] = '_'
		}
	}
	return string(name)
}

// runOnce restores once, into a fresh database, with everything earlier written back.
func (b *bench) runOnce(ctx context.Context, v Variant) (Run, error) {
	run := Run{Variant: v.Name, Load: loadAverage()}
	if err := b.prepare(ctx, v); err != nil {
		return run, err
	}
	before, err := b.snapshot(ctx)
	if err != nil {
		return run, err
	}
	logged, err := b.cluster.LogSize()
	if err != nil {
		return run, err
	}
	use, err := v.Restore(ctx, b.archive.Path, b.conn(), b.jobs, b.list)
	if err != nil {
		return run, err
	}
	run.Failed = use.Failed
	if err := b.cluster.WaitIdle(ctx, db); err != nil {
		return run, err
	}
	after, err := b.snapshot(ctx)
	if err != nil {
		return run, err
	}
	begin := time.Now()
	if _, err := b.cluster.Query(ctx, "postgres", "CHECKPOINT"); err != nil {
		return run, err
	}
	checkpoint := time.Since(begin)
	flushed, err := b.snapshot(ctx)
	if err != nil {
		return run, err
	}
	run.Values = values(before, after, flushed, use, checkpoint)
	statements, err := b.cluster.LogSince(logged, db)
	if err != nil {
		return run, err
	}
	run.Phases = ByPhase(statements)
	run.SelfFK = Measure(OfConstraint(statements, b.SelfFK))
	// The two are counted by different means: a check of both.
	if own := Measure(statements).CPU; run.Values[ServerCPU] < own*0.95-0.2 {
		return run, fmt.Errorf("the server's processes used %.2f s of CPU, but its log has %.2f s in statements", run.Values[ServerCPU], own)
	}
	if run.Failed == "" {
		run.Differs, err = b.compare(ctx)
	}
	return run, err
}

// prepare makes the database, and a server and a kernel as the scenario wants them.
func (b *bench) prepare(ctx context.Context, v Variant) error {
	template := ""
	if b.Only != "" {
		template = templateOf(v)
	}
	if err := b.cluster.Fresh(ctx, db, template); err != nil {
		return err
	}
	if _, err := b.cluster.Query(ctx, "postgres", "CHECKPOINT"); err != nil {
		return err
	}
	if b.Cold || b.dropCaches {
		if err := b.cluster.Restart(ctx); err != nil {
			return err
		}
		if err := DropCaches(); err != nil {
			return err
		}
	}
	if b.cgroup != nil {
		if err := b.cgroup.Hold(b.cluster.PID()); err != nil {
			return err
		}
	}
	return readThrough(b.archive.Path) // the archive is in the kernel's cache, for all alike
}

// compare says how the restored database differs from that of the first restore, which is pg_restore's unless that
// was not asked for.
func (b *bench) compare(ctx context.Context) (string, error) {
	print, err := b.cluster.Fingerprint(ctx, db)
	if err != nil {
		return "", err
	}
	if b.print == "" {
		b.print = print
	}
	differs := difference(b.print, print)
	if differs != "" {
		b.say("that is not what the first run restored: %s", differs)
	}
	return differs, nil
}

// difference lists the lines that only one of two texts has.
func difference(first, now string) string {
	a, b := strings.Split(first, "\n"), strings.Split(now, "\n")
	var all []string
	for _, line := range b {
		if !slices.Contains(a, line) {
			all = append(all, "has "+line)
		}
	}
	for _, line := range a {
		if !slices.Contains(b, line) {
			all = append(all, "lacks "+line)
		}
	}
	return strings.Join(all, "; ")
}

func (b *bench) conn() string {
	if b.proxy != nil {
		return fmt.Sprintf("host=127.0.0.1 port=%d user=postgres dbname=%s sslmode=disable", b.proxy.Port(), db)
	}
	return b.cluster.ConnString(db)
}

// snapshot is all counts at one moment.
type snapshot struct {
	usage    Usage
	counters Counters
	busy     time.Duration
	steal    time.Duration
}

func (b *bench) snapshot(ctx context.Context) (s snapshot, err error) {
	if s.counters, err = b.cluster.Counters(ctx, db); err != nil {
		return s, err
	}
	if s.usage, err = ClusterUsage(b.cluster.PID()); err != nil {
		return s, err
	}
	s.busy, s.steal, err = MachineCPU()
	return s, err
}

// values turns what was counted before a restore, after it and after its checkpoint into numbers to compare.
func values(before, after, flushed snapshot, use ClientUse, checkpoint time.Duration) map[string]float64 {
	server := after.usage.minus(before.usage)
	disk := flushed.usage.minus(before.usage)
	return map[string]float64{
		Wall:           use.Wall.Seconds(),
		ServerCPU:      server.CPU.Seconds(),
		ClientCPU:      use.CPU.Seconds(),
		BlocksRead:     float64(after.counters.Read - before.counters.Read),
		BlocksHit:      float64(after.counters.Hit - before.counters.Hit),
		BlocksWritten:  float64(flushed.counters.Written - before.counters.Written),
		TempMB:         float64(after.counters.Temp-before.counters.Temp) / 1e6,
		DiskReadMB:     float64(server.Read) / 1e6,
		DiskWrittenMB:  float64(disk.Written-disk.WriteCancelled) / 1e6,
		WALMB:          float64(after.counters.WAL-before.counters.WAL) / 1e6,
		CheckpointTime: checkpoint.Seconds(),
		ClientMB:       float64(use.MaxRSS) / 1e6,
		OthersCPU:      (after.busy - before.busy - server.CPU - use.CPU).Seconds(),
		StolenCPU:      (after.steal - before.steal).Seconds(),
	}
}

// readThrough brings a file into the kernel's cache.
func readThrough(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteTo(discard{})
	return err
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
