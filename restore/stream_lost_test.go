package restore_test

import (
	"context"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/internal/pgscratch"
	"github.com/pgarc/pgarc/internal/pgscratch/scratchtest"
	"github.com/pgarc/pgarc/restore"
	"github.com/pgarc/pgarc/toc"
)

// piped opens an archive as a stream.
func piped(t *testing.T, name string) *archive.Reader {
	t.Helper()
	file, err := os.Open(fixtures.Get(t, name).Path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	a, err := archive.NewStream(struct{ *os.File }{file})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	if !a.Streaming() {
		t.Fatal("it is not a stream")
	}
	return a
}

// tagsAndConversations selects two tables of murmur, and their keys.
func tagsAndConversations(a *archive.Reader) toc.Selection {
	return only(a, "TABLE tags", "TABLE conversations", "TABLE DATA tags", "TABLE DATA conversations", "CONSTRAINT tags tags_pkey", "CONSTRAINT conversations conversations_pkey")
}

// lazyServer starts a server that for ten seconds writes down nothing that
// nobody waits for.
func lazyServer(t *testing.T) *pgscratch.Server {
	t.Helper()
	bin := scratchtest.Server(t).Binaries()
	s, err := pgscratch.Start(context.Background(), pgscratch.Options{BinDir: bin.Dir, Settings: map[string]string{
		"wal_writer_delay": "10s", "wal_writer_flush_after": "1GB", "autovacuum": "off", "synchronous_commit": "off"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// TestStreamAndCrash: a server that crashes has lost its last commits, but none
// of data that came from a stream; what it has lost is done again, and the
// stream goes on.
func TestStreamAndCrash(t *testing.T) {
	s := lazyServer(t)
	losses := 0 // not each time: the server may have been about to write
	for _, at := range []struct {
		name string
		is   func(s *restore.Step, done int) bool
	}{
		{"before the data", func(s *restore.Step, _ int) bool { return s.Entry.Kind == toc.Table && s.Entry.Tag == "tags" }},
		{"first data", func(s *restore.Step, _ int) bool { return s.Action.IsData() }},
		{"first key", func(s *restore.Step, _ int) bool { return s.Entry.Kind == toc.Constraint }},
		{"the last step", func(s *restore.Step, done int) bool { return done == 6 }},
	} {
		t.Run(at.name, func(t *testing.T) {
			db := scratchtest.Database(t, s)
			a := piped(t, "15/c-none")
			opts := restore.Options{Jobs: 1, NoOwner: true, Without: restore.RewriteKeys, Selection: tagsAndConversations(a)}
			crashed, again, done := false, false, 0
			opts.OnEvent = func(e restore.Event) {
				again = again || e.Type == restore.EventNotice && strings.Contains(e.Text, "lost its last commits")
				if e.Type != restore.EventDone || crashed {
					return
				}
				if done++; !at.is(e.Step, done) {
					return
				}
				crashed = true
				if err := s.Crash(context.Background(), syscall.SIGQUIT, 100*time.Millisecond); err != nil {
					t.Error(err)
				}
			}
			r := runInto(t, a, s, db, opts)
			if !crashed {
				t.Error("nothing has crashed: this proves nothing")
			}
			if again {
				losses++
			}
			if len(r.Failed) > 0 || len(r.Skipped) > 0 || r.Left != 0 || r.Restored != r.Steps {
				t.Errorf("failed %v, skipped %v, left %d, restored %d of %d", r.Failed, r.Skipped, r.Left, r.Restored, r.Steps)
			}
			if got := strings.TrimSpace(psql(t, s, db, `SELECT (SELECT count(*) > 0 FROM public.tags), (SELECT count(*) > 0 FROM public.conversations), to_regnamespace('pgarc_journal') IS NULL, count(*) FROM pg_constraint WHERE contype = 'p' AND conname IN ('tags_pkey', 'conversations_pkey')`)); got != "t|t|t|2" {
				t.Errorf("rows in tags, in conversations, no journal, keys: %s", got)
			}
		})
	}
	if losses == 0 {
		t.Error("the server has never lost anything: this proves nothing")
	}
}

// TestStreamConnectionLost: data that were under way when a connection was lost
// cannot be had again, and that is what is said; all else is restored.
func TestStreamConnectionLost(t *testing.T) {
	s := server(t)
	db := scratchtest.Database(t, s)
	psql(t, s, db, `CREATE FUNCTION public.kill() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$`)
	a := piped(t, "15/c-none")
	opts := restore.Options{Jobs: 2, NoOwner: true, Selection: tagsAndConversations(a)}
	entry(t, a, "TABLE tags").Defn += "\nCREATE TRIGGER kill AFTER INSERT ON public.tags FOR EACH STATEMENT EXECUTE FUNCTION public.kill();\n"
	r := runInto(t, a, s, db, opts)
	if len(r.Failed) != 1 || !strings.Contains(r.Failed[0].Error(), "the connection was lost while the data were loaded") {
		t.Errorf("failed %v; want the data of tags, and why", r.Failed)
	}
	if got := strings.TrimSpace(psql(t, s, db, `SELECT (SELECT count(*) > 0 FROM public.conversations), count(*) FROM pg_constraint WHERE conname = 'tags_pkey'`)); got != "t|1" {
		t.Errorf("rows in conversations, key of tags: %s", got)
	}
}
