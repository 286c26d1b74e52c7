//go:build linux

package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/pgarc/pgarc/internal/pgscratch"
)

// Source is a database that the bench can make.
type Source struct {
	Name string
	// Script makes it in the empty database that it is run in; nil for murmur, which has a script of its own.
	Script func(size int) string
}

// The sources. Size is murmur's scale, or tables, or MB of the large table.
var (
	murmur   = Source{Name: "murmur"}
	oneTable = Source{"one-table", oneTableSQL}
	tables   = Source{"tables", tablesSQL}
)

// Archive is a dump in custom format, made by the pg_dump beside the server.
type Archive struct {
	Path     string
	Bytes    int64
	Database int64 // bytes that the database had, indexes included
}

// Prepare returns the archive of a source, which it makes unless an earlier run has left it in dir. Its name has a
// hash of the SQL, so that it is made again when that changes.
func Prepare(ctx context.Context, root, dir string, src Source, size int, say func(string, ...any)) (a Archive, err error) {
	script, err := src.sql(root, size)
	if err != nil {
		return Archive{}, err
	}
	bin, err := pgscratch.Find(os.Getenv)
	if err != nil {
		return Archive{}, err
	}
	sum := sha256.Sum256([]byte(script))
	path := filepath.Join(dir, fmt.Sprintf("%s-%d-pg%d-%x", src.Name, size, bin.Major, sum[:4]))
	if a, err := readArchive(path); err == nil {
		return a, nil
	}
	c, err := StartCluster(ctx, dir, nil)
	if err != nil {
		return Archive{}, err
	}
	defer func() { err = errors.Join(err, c.Stop()) }()
	begin := time.Now()
	say("making %s.dump", path)
	if src.Script == nil {
		err = loadMurmur(ctx, c, root, size)
	} else if err = c.Fresh(ctx, src.dbname(), ""); err == nil {
		_, err = c.Query(ctx, src.dbname(), script)
	}
	if err != nil {
		return Archive{}, err
	}
	n, err := c.numbers(ctx, src.dbname(), "SELECT pg_database_size(current_database())")
	if err != nil {
		return Archive{}, err
	}
	dump := exec.CommandContext(ctx, c.Tool("pg_dump"), "-Fc", "-f", path+".tmp", "-d", c.ConnString(src.dbname()))
	if out, err := dump.CombinedOutput(); err != nil {
		return Archive{}, fmt.Errorf("pg_dump: %w: %s", err, lastLines(string(out), 5))
	}
	if err := os.Rename(path+".tmp", path+".dump"); err != nil {
		return Archive{}, err
	}
	if err := os.WriteFile(path+".size", []byte(strconv.FormatInt(n[0], 10)), 0o644); err != nil {
		return Archive{}, err
	}
	say("made in %.0f s", time.Since(begin).Seconds())
	return readArchive(path)
}

func readArchive(path string) (Archive, error) {
	fi, err := os.Stat(path + ".dump")
	if err != nil {
		return Archive{}, err
	}
	size, err := os.ReadFile(path + ".size")
	if err != nil {
		return Archive{}, err
	}
	return Archive{path + ".dump", fi.Size(), int64(atoi(string(size)))}, nil
}

func (s Source) dbname() string { return strings.ReplaceAll(s.Name, "-", "_") }

// sql is what makes the source.
func (s Source) sql(root string, size int) (string, error) {
	if s.Script != nil {
		return s.Script(size), nil
	}
	var all strings.Builder
	for _, name := range []string{"schema.sql", "data.sql"} {
		text, err := os.ReadFile(filepath.Join(root, "fixtures/sql/murmur", name))
		if err != nil {
			return "", err
		}
		all.Write(text)
	}
	return all.String(), nil
}

func loadMurmur(ctx context.Context, c *Cluster, root string, scale int) error {
	cmd := exec.CommandContext(ctx, filepath.Join(root, "fixtures/sql/murmur/load.sh"), murmur.dbname(), strconv.Itoa(scale))
	cmd.Env = append(append(os.Environ(), c.Env()...), "PSQL="+c.Tool("psql"))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", cmd.Path, err, lastLines(string(out), 10))
	}
	return nil
}

// oneTableSQL makes a table of some MB of rows (as COPY text, about) with a key and four indexes, which is most of
// the database, and five small ones, of which two refer to it or are referred to by it.
func oneTableSQL(mb int) string {
	return fmt.Sprintf(`
CREATE TABLE owners (id bigint PRIMARY KEY, name text NOT NULL);
INSERT INTO owners SELECT i, 'owner ' || i FROM generate_series(1, 5000) AS i;
CREATE TABLE big (id bigint NOT NULL, owner_id bigint NOT NULL, parent_id bigint, token uuid NOT NULL, created_at timestamptz NOT NULL, state int NOT NULL, body text NOT NULL);
INSERT INTO big SELECT i, 1 + i * 7919 %% 5000, CASE WHEN i %% 3 = 0 THEN 1 + i / 2 END, md5(i::text)::uuid, timestamptz '2026-01-01 00:00Z' + i * interval '7 seconds',
  i %% 11, repeat(md5((i / 3)::text) || ' ', 1 + (i %% 8)::int) FROM generate_series(1::bigint, %d::bigint) AS i;
ALTER TABLE big ADD PRIMARY KEY (id);
CREATE UNIQUE INDEX big_token ON big (token);
CREATE INDEX big_owner ON big (owner_id, created_at);
CREATE INDEX big_parent ON big (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX big_body ON big (lower(left(body, 40)));
ALTER TABLE big ADD FOREIGN KEY (owner_id) REFERENCES owners, ADD FOREIGN KEY (parent_id) REFERENCES big;
CREATE TABLE marks (id int PRIMARY KEY, big_id bigint REFERENCES big);
INSERT INTO marks SELECT i, i * 17 FROM generate_series(1, 2000) AS i;
CREATE TABLE small1 AS SELECT i AS id, md5(i::text) AS t FROM generate_series(1, 3000) AS i;
CREATE TABLE small2 AS TABLE small1; CREATE TABLE small3 AS TABLE small1;
ANALYZE;
`, mb*4000) // rows of 250 bytes
}

// tablesSQL makes n tables, each with a sequence, a default, a key, an index and a foreign key to the one before:
// nine entries each.
func tablesSQL(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "CREATE TABLE t%04d (id serial PRIMARY KEY, ref int, name text NOT NULL DEFAULT 'none', at timestamptz);\n", i)
		if i > 0 {
			fmt.Fprintf(&b, "CREATE INDEX t%04[1]d_ref ON t%04[1]d (ref);\nALTER TABLE t%04[1]d ADD CONSTRAINT t%04[1]d_fk FOREIGN KEY (ref) REFERENCES t%04[2]d (id);\n", i, i-1)
		}
	}
	return b.String()
}
