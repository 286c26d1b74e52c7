//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/pgarc/pgarc/internal/pgscratch"
)

// serverSettings are those of a server that people restore into, where pgscratch has those of one to throw away:
// WAL as usual, autovacuum as usual. Only fsync stays off, which makes the times those of a disk that keeps up
// with two processors: what this one would write at which moment depends on who else writes. -set fsync=on.
var serverSettings = map[string]string{
	"shared_buffers":             "512MB",
	"max_wal_size":               "4GB",
	"wal_level":                  "replica",
	"max_wal_senders":            "10",
	"full_page_writes":           "on",
	"synchronous_commit":         "on",
	"checkpoint_timeout":         "15min",
	"dynamic_shared_memory_type": "posix",
	"fsync":                      "off",
}

// Cluster is a PostgreSQL server of the bench's own.
type Cluster struct {
	*pgscratch.Server
}

// StartCluster makes a new cluster below dir; nil settings are for making data, not for measuring.
func StartCluster(ctx context.Context, dir string, settings map[string]string) (*Cluster, error) {
	// pgscratch goes by TMPDIR. The server's user has to pass.
	if err := os.Setenv("TMPDIR", dir); err != nil {
		return nil, err
	}
	all := maps.Clone(settings)
	if settings != nil {
		maps.Copy(all, logSettings)
	}
	s, err := pgscratch.Start(ctx, pgscratch.Options{Settings: all})
	if err != nil {
		return nil, err
	}
	if filepath.Dir(s.Dir()) != filepath.Clean(dir) {
		return nil, errors.Join(fmt.Errorf("the server's user cannot enter %s; the cluster would be in %s", dir, s.Dir()), s.Stop())
	}
	return &Cluster{s}, nil
}

// Tool is the path of a program that comes with the server.
func (c *Cluster) Tool(name string) string { return filepath.Join(c.Binaries().Dir, name) }

// Query runs SQL as psql does, and returns what it prints: fields parted by |, one row a line.
func (c *Cluster) Query(ctx context.Context, db, sql string) (string, error) {
	cmd := exec.CommandContext(ctx, c.Tool("psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", c.ConnString(db))
	cmd.Stdin = strings.NewReader(sql)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("psql: %w: %s", err, lastLines(errs.String(), 5))
	}
	return strings.TrimSpace(out.String()), nil
}

// numbers runs a query that gives one row of integers.
func (c *Cluster) numbers(ctx context.Context, db, sql string) ([]int64, error) {
	out, err := c.Query(ctx, db, sql)
	if err != nil {
		return nil, err
	}
	var numbers []int64
	for _, field := range strings.Split(out, "|") {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%s: got %q: %w", sql, out, err)
		}
		numbers = append(numbers, n)
	}
	return numbers, nil
}

// Fresh makes the database db anew, empty or as a copy of template.
func (c *Cluster) Fresh(ctx context.Context, db, template string) error {
	strategy := ""
	if c.Binaries().Major >= 15 {
		strategy = " STRATEGY file_copy" // not through shared buffers
	}
	if template == "" {
		template = "template0"
	}
	_, err := c.Query(ctx, "postgres", fmt.Sprintf("DROP DATABASE IF EXISTS %[1]s;\nCREATE DATABASE %[1]s TEMPLATE %s%s;\n", db, template, strategy))
	return err
}

// WaitIdle waits until no client is connected to db: a backend ends some time after its client, and only then are
// its counters complete.
func (c *Cluster) WaitIdle(ctx context.Context, db string) error {
	for range 200 {
		n, err := c.numbers(ctx, "postgres", "SELECT count(*) FROM pg_stat_activity WHERE datname = '"+db+"' AND backend_type LIKE '%client backend%'")
		if err != nil {
			return err
		}
		if n[0] == 0 {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return errors.New("clients are still connected to " + db + " after 10 s")
}

// Counters are the server's own counts.
type Counters struct {
	Hit, Read int64 // blocks found in shared buffers, and asked of the kernel, in one database
	Written   int64 // blocks, by all processes
	Temp      int64 // bytes of temporary files, in the database
	WAL       int64 // bytes
}

// Counters reads them; those of db begin when it is made.
func (c *Cluster) Counters(ctx context.Context, db string) (Counters, error) {
	written := "SELECT buffers_checkpoint + buffers_clean + buffers_backend FROM pg_stat_bgwriter"
	switch major := c.Binaries().Major; {
	case major >= 18:
		written = "SELECT ((coalesce(sum(write_bytes), 0) + coalesce(sum(extend_bytes), 0)) / 8192)::bigint FROM pg_stat_io WHERE object <> 'wal'"
	case major >= 16:
		written = "SELECT (coalesce(sum(writes), 0) + coalesce(sum(extends), 0))::bigint FROM pg_stat_io"
	}
	n, err := c.numbers(ctx, "postgres", "SELECT blks_hit, blks_read, temp_bytes, ("+written+
		"), pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint FROM pg_stat_database WHERE datname = '"+db+"'")
	if err != nil {
		return Counters{}, err
	}
	return Counters{n[0], n[1], n[3], n[2], n[4]}, nil
}

// Fingerprint tells whether two restores came to the same: how many relations, indexes and constraints of which
// kind and state, and how many rows were put into the tables. It reads no table.
func (c *Cluster) Fingerprint(ctx context.Context, db string) (string, error) {
	return c.Query(ctx, db, `
SELECT 'relations', relkind, count(*) FROM pg_class WHERE relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname ~ '^pg_(toast|temp)') GROUP BY 2 ORDER BY 2;
SELECT 'indexes valid', indisvalid, indisprimary, count(*) FROM pg_index GROUP BY 2, 3 ORDER BY 2, 3;
SELECT 'constraints', contype, convalidated, count(*) FROM pg_constraint GROUP BY 2, 3 ORDER BY 2, 3;
SELECT 'rows', sum(n_tup_ins - n_tup_del) FROM pg_stat_user_tables;`)
}

// LogSince parses what ran in db since the log had size bytes.
func (c *Cluster) LogSince(size int64, db string) ([]Statement, error) {
	f, err := os.Open(c.LogFile())
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if _, err := f.Seek(size, io.SeekStart); err != nil {
		return nil, err
	}
	return ParseLog(f, db)
}

// LogSize is the log's present size.
func (c *Cluster) LogSize() (int64, error) {
	fi, err := os.Stat(c.LogFile())
	if err != nil {
		return 0, err
	}
	return fi.Size(), nil
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
