package restore_test

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/internal/pgscratch"
	"github.com/pgarc/pgarc/internal/pgscratch/scratchtest"
	"github.com/pgarc/pgarc/restore"
	"github.com/pgarc/pgarc/toc"
)

// badSector is a file of which the bytes from one offset to another cannot be
// read.
type badSector struct {
	io.ReaderAt
	from, to int64
}

func (f *badSector) ReadAt(p []byte, off int64) (int, error) {
	if off >= f.to || off+int64(len(p)) <= f.from {
		return f.ReaderAt.ReadAt(p, off)
	}
	n := 0
	if off < f.from {
		n, _ = f.ReaderAt.ReadAt(p[:f.from-off], off)
	}
	return n, &os.PathError{Op: "read", Path: "backup.dump", Err: syscall.EIO}
}

// TestReadError: the disk of the archive cannot read a few bytes of one table.
// That table is named, and a good copy brings it.
func TestReadError(t *testing.T) {
	s := server(t)
	for _, name := range []string{"15/c-gzip", "15/c-none", "15/c-inserts", "15/lobs"} {
		t.Run(name, func(t *testing.T) {
			f := fixtures.Get(t, name)
			data, err := os.ReadFile(f.Path)
			if err != nil {
				t.Fatal(err)
			}
			bad := &badSector{ReaderAt: bytes.NewReader(data)}
			a, err := archive.NewReader(bad, int64(len(data)))
			if err != nil {
				t.Fatal(err)
			}
			lost := largest(a)
			bad.from = lost.Offset + lost.DataSize/2
			bad.to = bad.from + 1

			db := scratchtest.Database(t, s)
			r := runReader(t, s, a, db, restore.Options{Jobs: 4})
			if len(r.Failed) == 0 || r.Left != 0 || !r.Journal {
				t.Fatalf("failed %v, %d steps left, journal %t; want that one table to fail, and all else to be done", r.Failed, r.Left, r.Journal)
			}
			for _, e := range r.Failed {
				switch {
				case e.Step.Entry.ID == lost.ID:
					if e.Class() != restore.ClassArchive || !strings.Contains(e.Error(), "read data: ") || !strings.Contains(e.Error(), "input/output error") {
						t.Errorf("%v (class %v); want it to be the archive's read error", e, e.Class())
					}
				case e.Class() != restore.ClassConstraint:
					t.Errorf("%v: want nothing to fail but what refers to the lost rows", e)
				}
			}
			resumeWith(t, f, db)
		})
	}
}

// largest returns the data entry with the most bytes.
func largest(a *archive.Reader) *toc.Entry {
	var most *toc.Entry
	for _, e := range a.TOC.Entries {
		if (e.Kind == toc.TableData || e.Kind == toc.Blobs) && (most == nil || e.DataSize > most.DataSize) {
			most = e
		}
	}
	return most
}

// resumeWith goes on with a whole archive, and compares the end with what
// pg_restore makes of it.
func resumeWith(t *testing.T, f fixtures.Fixture, db string) {
	t.Helper()
	s := server(t)
	r := run(t, s, f.Path, db, restore.Options{Jobs: 4, Resume: true})
	if len(r.Failed)+len(r.Skipped) > 0 || r.Restored == 0 || r.Earlier == 0 || r.Restored+r.Earlier != r.Steps {
		t.Errorf("with a good copy: failed %v, skipped %v, restored %d and %d before, of %d", r.Failed, r.Skipped, r.Restored, r.Earlier, r.Steps)
	}
	want, _ := judged(t, s, f.Path, "-j2", "")
	compareDumps(t, dump(t, s, db), dump(t, s, want))
}

// TestTruncatedThenWhole: an archive that was cut off has the same table of
// contents as the whole one, so it is the same archive to the journal: from a
// file, and from a pipe.
func TestTruncatedThenWhole(t *testing.T) {
	s := server(t)
	f := fixtures.Get(t, "15/c-none")
	data, err := os.ReadFile(f.Path)
	if err != nil {
		t.Fatal(err)
	}
	for from, open := range map[string]func([]byte) (*archive.Reader, error){
		"file": func(b []byte) (*archive.Reader, error) { return archive.NewReader(bytes.NewReader(b), int64(len(b))) },
		"pipe": func(b []byte) (*archive.Reader, error) { return archive.NewStream(bytes.NewBuffer(b)) },
	} {
		t.Run(from, func(t *testing.T) {
			a, err := open(data[:len(data)*2/3])
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			db := scratchtest.Database(t, s)
			r := runReader(t, s, a, db, restore.Options{Jobs: 4})
			var lost []string
			for _, e := range r.Failed {
				if e.Class() == restore.ClassArchive {
					lost = append(lost, e.Step.Entry.Tag)
				}
			}
			if len(lost) == 0 || r.Left != 0 {
				t.Errorf("lost %q, %d steps left, failed %v; want the tables beyond the cut to be named", lost, r.Left, r.Failed)
			}
			resumeWith(t, f, db)
		})
	}
}

// TestTooSoon: what was made after data that had failed is made again after
// they are loaded: triggers do not fire for them, and what they feed is
// refreshed.
func TestTooSoon(t *testing.T) {
	s := server(t)
	made := scratchtest.Database(t, s)
	psql(t, s, made, `CREATE TABLE a (id int PRIMARY KEY, b int);
		CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a);
		ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b DEFERRABLE;
		CREATE TABLE log (entry text);
		CREATE MATERIALIZED VIEW many AS SELECT count(*) FROM a;
		BEGIN; SET CONSTRAINTS ALL DEFERRED; INSERT INTO a VALUES (1, 1), (2, 2); INSERT INTO b VALUES (1, 1), (2, 2); COMMIT;
		REFRESH MATERIALIZED VIEW many;
		CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO public.log VALUES (NEW.id); RETURN NEW; END';
		CREATE TRIGGER tell AFTER INSERT ON a FOR EACH ROW EXECUTE FUNCTION tell();
		COMMENT ON TRIGGER tell ON a IS 'must not be lost';`)
	f := fixtures.Fixture{Path: archiveOf(t, s, made, "-Z0")}
	data, err := os.ReadFile(f.Path)
	if err != nil {
		t.Fatal(err)
	}
	bad := &badSector{ReaderAt: bytes.NewReader(data)}
	a, err := archive.NewReader(bad, int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var first, last *toc.Entry
	for _, e := range a.TOC.Entries {
		if e.Kind == toc.TableData && e.Tag == "a" {
			first = e
		} else if e.Kind == toc.TableData && e.Tag == "b" {
			last = e
		}
	}
	bad.from, bad.to = first.Offset, last.Offset+last.DataSize
	db := scratchtest.Database(t, s)
	if r := runReader(t, s, a, db, restore.Options{Jobs: 4}); len(r.Failed) != 2 || r.Left != 0 {
		t.Fatalf("failed %v, %d left; want the rows of a and b to fail, and all else to be there", r.Failed, r.Left)
	}
	if got := psql(t, s, db, `SELECT (SELECT count(*) FROM pg_trigger WHERE tgname = 'tell'), (SELECT count(*) FROM pg_constraint WHERE contype = 'f')`); got != "1|2\n" {
		t.Errorf("without the rows there are %q triggers and foreign keys, want 1|2", got)
	}
	resumeWith(t, f, db)
}

// archiveOf dumps a database in custom format.
func archiveOf(t *testing.T, s *pgscratch.Server, db string, flags ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "made.dump")
	args := append([]string{"-Fc", "-f", path, "-d", s.ConnString(db)}, flags...)
	if out, err := exec.Command(scratchtest.Tool(t, s, "pg_dump"), args...).CombinedOutput(); err != nil {
		t.Fatalf("pg_dump: %v\n%s", err, out)
	}
	return path
}
