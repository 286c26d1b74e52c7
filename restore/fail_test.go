package restore_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/internal/pgscratch"
	"github.com/pgarc/pgarc/internal/pgscratch/scratchtest"
	"github.com/pgarc/pgarc/restore"
	"github.com/pgarc/pgarc/toc"
)

// The foreign key of the story in docs/design.md.
const storyKey = "statuses fk_rails_256483a9ab"

// murmur opens the murmur archive of PostgreSQL 15.
func murmur(t *testing.T) *archive.Reader {
	t.Helper()
	a, err := archive.Open(fixtures.Get(t, "15/c-gzip").Path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

// only selects the entries of the given kinds and tags.
func only(a *archive.Reader, kindsAndTags ...string) toc.Selection {
	sel := toc.Selection{UseList: true}
	for _, e := range a.TOC.Entries {
		if slices.Contains(kindsAndTags, string(e.Kind)+" "+e.Tag) {
			sel.List = append(sel.List, e.ID)
		}
	}
	return sel
}

func config(t *testing.T, s *pgscratch.Server, db string) *pgconn.Config {
	t.Helper()
	c, err := pgconn.ParseConfig(s.ConnString(db))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func restored(t *testing.T, a *archive.Reader, s *pgscratch.Server, opts restore.Options) string {
	t.Helper()
	db := scratchtest.Database(t, s)
	r, err := restore.Run(t.Context(), a, config(t, s, db), opts)
	if err != nil {
		t.Fatal(err)
	}
	expectNoFailures(t, r)
	return db
}

// TestForeignKeyViolated deletes a row that others refer to before the keys
// are made: they fail with their whole statements, and all else is there.
func TestForeignKeyViolated(t *testing.T) {
	s, a := server(t), murmur(t)
	opts := restore.Options{Jobs: 4, Selection: toc.Selection{Sections: []toc.Section{toc.SectionPreData, toc.SectionData}}}
	db := restored(t, a, s, opts)
	psql(t, s, db, `DELETE FROM public.statuses WHERE id = (SELECT max(reblog_of_id) FROM public.statuses)`)

	opts.Selection.Sections = []toc.Section{toc.SectionPostData}
	r, err := restore.Run(t.Context(), a, config(t, s, db), opts)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(r.Failed, func(f *restore.StepError) bool { return f.Step.Entry.Tag == storyKey })
	if i < 0 {
		t.Fatalf("%s did not fail; failures: %v", storyKey, r.Failed)
	}
	key := r.Failed[i]
	for _, want := range []string{"ADD CONSTRAINT fk_rails_256483a9ab FOREIGN KEY (reblog_of_id)", "ON DELETE CASCADE;"} {
		if !strings.Contains(key.Definition(), want) {
			t.Errorf("the failure's definition lacks %q:\n%s", want, key.Definition())
		}
	}
	for _, f := range r.Failed {
		if f.SQLState() != "23503" || f.PgError().Detail == "" {
			t.Errorf("failure %v: want SQLSTATE 23503 and a detail", f)
		}
	}
	if len(r.Skipped) != 0 {
		t.Errorf("skipped %v, want nothing: the key is there, not validated, and takes its comment", r.Skipped)
	}
	if got := strings.TrimSpace(psql(t, s, db, `SELECT convalidated, obj_description(oid) IS NOT NULL FROM pg_constraint WHERE conname = 'fk_rails_256483a9ab'`)); got != "f|t" {
		t.Errorf("the key is validated, commented on: %q; want f|t", got)
	}
	if got := r.Restored + len(r.Failed) + len(r.Skipped); got != r.Steps || r.Left != 0 {
		t.Errorf("%d of %d steps are accounted for, %d left", got, r.Steps, r.Left)
	}
	if n := strings.TrimSpace(psql(t, s, db, `SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND conparentid = 0`)); n == "0" {
		t.Error("no other foreign key was made")
	}
}

// blocked restores entries whose step needs a lock on statuses that somebody
// else holds, and calls then once the server shows it waiting.
func blocked(t *testing.T, ctx context.Context, opts restore.Options, then func(admin *pgx.Conn)) (*restore.Result, string, error) {
	t.Helper()
	s, a := server(t), murmur(t)
	db := restored(t, a, s, restore.Options{Jobs: 4})
	psql(t, s, db, `ALTER TABLE public.statuses DROP CONSTRAINT fk_rails_256483a9ab; DROP INDEX public.index_accounts_on_uri`)
	holder, err := pgx.Connect(ctx, s.ConnString(db))
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close(context.Background())
	if _, err := holder.Exec(ctx, `BEGIN; LOCK TABLE public.statuses IN ROW EXCLUSIVE MODE`); err != nil {
		t.Fatal(err)
	}
	released := make(chan struct{})
	go func() {
		defer close(released)
		admin, err := pgx.Connect(context.Background(), s.ConnString(db))
		if err != nil {
			t.Error(err)
			return
		}
		defer admin.Close(context.Background())
		for range 1000 {
			var n int
			err := admin.QueryRow(context.Background(), `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&n)
			if err != nil || n > 0 {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		then(admin)
	}()
	opts.Selection = only(a, "FK CONSTRAINT "+storyKey, "INDEX index_accounts_on_uri", "COMMENT CONSTRAINT fk_rails_256483a9ab ON statuses")
	if len(opts.Selection.List) != 3 {
		t.Fatalf("selected %v, want three entries", opts.Selection.List)
	}
	r, err := restore.Run(ctx, a, config(t, s, db), opts)
	<-released
	return r, db, err
}

// TestStatementCancelled is the story: an admin cancels the key that seems to
// hang. The rest is restored.
func TestStatementCancelled(t *testing.T) {
	r, db, err := blocked(t, t.Context(), restore.Options{Jobs: 3}, func(admin *pgx.Conn) {
		if _, err := admin.Exec(context.Background(), `SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'`); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Failed) != 1 || r.Failed[0].SQLState() != "57014" || !strings.HasSuffix(strings.TrimSpace(r.Failed[0].Definition()), "ON DELETE CASCADE;") {
		t.Errorf("failures %v, want the cancelled key with its whole statement", r.Failed)
	}
	if r.Interrupted || r.Restored != 1 || len(r.Skipped) != 1 {
		t.Errorf("interrupted %t, restored %d, skipped %d; want false, the index, the comment", r.Interrupted, r.Restored, len(r.Skipped))
	}
	if psql(t, server(t), db, `SELECT 'public.index_accounts_on_uri'::regclass`) == "" {
		t.Error("the index is not there")
	}
}

// TestBackendTerminated: the step of a lost connection is done again, as soon as
// whoever held it up is gone.
func TestBackendTerminated(t *testing.T) {
	r, _, err := blocked(t, t.Context(), restore.Options{Jobs: 1}, func(admin *pgx.Conn) {
		if _, err := admin.Exec(context.Background(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'`); err != nil {
			t.Error(err)
		}
		if _, err := admin.Exec(context.Background(), `SELECT pg_terminate_backend(pid) FROM pg_locks
			WHERE relation = 'public.statuses'::regclass AND mode = 'RowExclusiveLock' AND granted`); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Failed) != 0 || r.Restored != r.Steps || r.Left != 0 {
		t.Errorf("failed %v, restored %d of %d, left %d; want all done, the key too", r.Failed, r.Restored, r.Steps, r.Left)
	}
}

// TestInterrupted cancels the context: the statement is cancelled on the
// server, too, and what was not done is said to be left.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, db, err := blocked(t, ctx, restore.Options{Jobs: 3}, func(*pgx.Conn) { cancel() })
	if err != nil {
		t.Fatal(err)
	}
	if !r.Interrupted || len(r.Failed) != 0 || r.Left < 2 {
		t.Errorf("interrupted %t, failed %v, left %d; want true, none, the key and its comment", r.Interrupted, r.Failed, r.Left)
	}
	for range 100 {
		if strings.TrimSpace(psql(t, server(t), db, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)) == "0" {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Error("a session is still there after the restore has ended")
}

// TestStopAtFirst: with ExitOnError nothing new is begun after a failure.
func TestStopAtFirst(t *testing.T) {
	s, a := server(t), murmur(t)
	db := scratchtest.Database(t, s)
	psql(t, s, db, `CREATE TABLE public.tags (other int)`)
	r, err := restore.Run(t.Context(), a, config(t, s, db), restore.Options{Jobs: 4, ExitOnError: true})
	if err != nil {
		t.Fatal(err)
	}
	if !r.Stopped || len(r.Failed) != 1 || r.Left < 100 || r.Failed[0].SQLState() != "42P07" {
		t.Errorf("stopped %t, failed %v, left %d; want to stop at the table that exists", r.Stopped, r.Failed, r.Left)
	}
}

// TestAllOrNothing: a failure in a single transaction leaves nothing behind.
func TestAllOrNothing(t *testing.T) {
	s, a := server(t), murmur(t)
	db := scratchtest.Database(t, s)
	psql(t, s, db, `CREATE TABLE public.tags (other int)`)
	r, err := restore.Run(t.Context(), a, config(t, s, db), restore.Options{Jobs: 4, SingleTransaction: true})
	if err != nil {
		t.Fatal(err)
	}
	if !r.Stopped || len(r.Failed) != 1 || r.Restored != 0 {
		t.Errorf("stopped %t, failed %v, restored %d; want one failure and nothing restored", r.Stopped, r.Failed, r.Restored)
	}
	if got := strings.TrimSpace(psql(t, s, db, `SELECT string_agg(relname, ' ') FROM pg_class WHERE relnamespace = 'public'::regnamespace`)); got != "tags" {
		t.Errorf("the database holds %q, want only what was there", got)
	}
}

// TestFewConnections: where the server takes fewer connections than asked for,
// the restore goes on with those it has.
func TestFewConnections(t *testing.T) {
	s, a := server(t), murmur(t)
	db := scratchtest.Database(t, s)
	psql(t, s, "postgres", `DROP ROLE IF EXISTS two_at_most; CREATE ROLE two_at_most LOGIN CONNECTION LIMIT 2`)
	psql(t, s, db, `GRANT murmur_owner, murmur_app TO two_at_most; GRANT CREATE ON SCHEMA public TO two_at_most`)
	c := config(t, s, db)
	c.User = "two_at_most"
	var notices []string
	opts := restore.Options{
		Jobs: 6, NoOwner: true,
		Selection: toc.Selection{Tables: []string{"tags", "conversations", "accounts"}, Sections: []toc.Section{toc.SectionPreData, toc.SectionData}},
		OnEvent: func(e restore.Event) {
			if e.Type == restore.EventNotice {
				notices = append(notices, e.Text)
			}
		},
	}
	r, err := restore.Run(t.Context(), a, c, opts)
	if err != nil {
		t.Fatal(err)
	}
	if r.Left != 0 {
		t.Errorf("%d steps left; notices: %q", r.Left, notices)
	}
	psql(t, s, db, `DROP OWNED BY two_at_most`)
	psql(t, s, "postgres", `REVOKE murmur_owner, murmur_app FROM two_at_most; DROP ROLE two_at_most`)
}

func TestCannotConnect(t *testing.T) {
	s, a := server(t), murmur(t)
	_, err := restore.Run(t.Context(), a, config(t, s, "no_such_database"), restore.Options{})
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.Code != "3D000" {
		t.Errorf("a database that is not there: %v, want SQLSTATE 3D000", err)
	}
	c := config(t, s, "postgres")
	c.Host = t.TempDir()
	_, err = restore.Run(t.Context(), a, c, restore.Options{})
	var connect *pgconn.ConnectError
	if !errors.As(err, &connect) {
		t.Errorf("no server: %v, want a *pgconn.ConnectError", err)
	}
	_, err = restore.Run(t.Context(), a, config(t, s, "postgres"), restore.Options{Role: "no_such_role"})
	if !errors.As(err, &pg) || !strings.Contains(err.Error(), "SET ROLE no_such_role") {
		t.Errorf("a role that is not there: %v, want the SET ROLE named", err)
	}
}

// TestTwice restores into a database that holds all of it already: what exists
// is a failure, but keeps nothing else from being tried, as with pg_restore.
func TestTwice(t *testing.T) {
	s := server(t)
	f := fixtures.Get(t, "15/c-gzip")
	compareRestoresAfter(t, s, f.Path, restore.Options{Jobs: 4}, "-j4", "-1")
}

// TestNoDataForFailedTables: the data of a table that exists are loaded by
// default, and not with the option.
func TestNoDataForFailedTables(t *testing.T) {
	s, a := server(t), murmur(t)
	for _, without := range []bool{false, true} {
		db := scratchtest.Database(t, s)
		sel := toc.Selection{Tables: []string{"tags"}}
		opts := restore.Options{Jobs: 2, NoDataForFailedTables: without, NoOwner: true, Selection: sel}
		sel.SchemaOnly = true
		if _, err := restore.Run(t.Context(), a, config(t, s, db), restore.Options{NoOwner: true, Selection: sel}); err != nil {
			t.Fatal(err)
		}
		r, err := restore.Run(t.Context(), a, config(t, s, db), opts)
		if err != nil {
			t.Fatal(err)
		}
		loaded := strings.TrimSpace(psql(t, s, db, `SELECT count(*) > 0 FROM public.tags`)) == "t"
		if len(r.Failed) == 0 || loaded == without || (len(r.Skipped) > 0) != without {
			t.Errorf("option %t: failed %v, skipped %v, loaded %t", without, r.Failed, r.Skipped, loaded)
		}
	}
}

// TestInterruptedStream: a pipe that gives nothing does not hold up the end.
func TestInterruptedStream(t *testing.T) {
	s := server(t)
	f := fixtures.Get(t, "15/c-none")
	bytes, err := os.ReadFile(f.Path)
	if err != nil {
		t.Fatal(err)
	}
	r, w := io.Pipe()
	go w.Write(bytes[:len(bytes)*3/4]) // and then silence
	a, err := archive.NewStream(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	opts := restore.Options{Jobs: 3, OnEvent: func(e restore.Event) {
		if e.Type == restore.EventProgress && e.Progress.Rows > 0 {
			cancel()
		}
	}}
	result, err := restore.Run(ctx, a, config(t, s, scratchtest.Database(t, s)), opts)
	if err != nil || !result.Interrupted || result.Left == 0 {
		t.Errorf("result %+v, error %v; want to be interrupted", result, err)
	}
}

// TestTruncated restores what is whole in an archive that was cut off, from a
// file and from a pipe.
func TestTruncated(t *testing.T) {
	s := server(t)
	f := fixtures.Get(t, "15/c-none")
	bytes, err := os.ReadFile(f.Path)
	if err != nil {
		t.Fatal(err)
	}
	bytes = bytes[:len(bytes)-60000]
	file := filepath.Join(t.TempDir(), "cut.dump")
	if err := os.WriteFile(file, bytes, 0o600); err != nil {
		t.Fatal(err)
	}
	var rows []int64
	for _, from := range []string{"file", "pipe"} {
		a, err := archive.Open(file)
		if from == "pipe" {
			a, err = archive.NewStream(strings.NewReader(string(bytes)))
		}
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		r, err := restore.Run(t.Context(), a, config(t, s, scratchtest.Database(t, s)), restore.Options{Jobs: 3})
		if err != nil {
			t.Fatalf("from a %s: %v", from, err)
		}
		if len(r.Failed) == 0 || r.Left != 0 {
			t.Errorf("from a %s: failed %v, left %d; want the tables that are cut off to fail", from, r.Failed, r.Left)
		}
		for _, e := range r.Failed {
			if e.SQLState() == "" && !errors.Is(e, archive.ErrTruncated) {
				t.Errorf("from a %s: %v; want it to say that the archive is truncated", from, e)
			}
		}
		rows = append(rows, r.Rows)
	}
	if rows[0] != rows[1] || rows[0] == 0 {
		t.Errorf("%d rows came from the file, %d from the pipe; want as many", rows[0], rows[1])
	}
}
