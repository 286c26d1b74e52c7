package restore_test

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/internal/pgscratch/scratchtest"
	"github.com/pgarc/pgarc/restore"
	"github.com/pgarc/pgarc/toc"
)

// TestLongRows: rows longer than a buffer are loaded by binary COPY, and tables
// that are small in the archive only are loaded, too.
func TestLongRows(t *testing.T) {
	s := server(t)
	path := dumped(t, s, `
		CREATE TABLE small (a text);
		INSERT INTO small SELECT repeat('x', 1000) FROM generate_series(1, 2000);
		CREATE TABLE long (id int, a timestamptz, b timestamptz, c timestamptz, d timestamptz, body text);
		INSERT INTO long SELECT n, now(), now(), now(), now(), (SELECT string_agg(md5(n::text || i), '') FROM generate_series(1, 9000) i) FROM generate_series(1, 3) n;`)
	db := scratchtest.Database(t, s)
	r := run(t, s, path, db, restore.Options{Jobs: 3})
	expectNoFailures(t, r)
	if got := strings.TrimSpace(psql(t, s, db, `SELECT (SELECT count(*) FROM small), (SELECT sum(length(body)) FROM long)`)); got != "2000|864000" {
		t.Errorf("rows of the one table, bytes of the other: %s; want 2000|864000", got)
	}
}

// TestAnalyzeFails: statistics that cannot be made cost a transaction nothing
// else. The function of an extended statistic is called by ANALYZE first.
func TestAnalyzeFails(t *testing.T) {
	s := server(t)
	path := dumped(t, s, `
		CREATE FUNCTION public.f(a int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE 'not with me'; END $$;
		CREATE TABLE public.t (a int, b int);
		INSERT INTO public.t SELECT i, i FROM generate_series(1, 100) i;
		CREATE STATISTICS public.s ON public.f(a), b FROM public.t;`)
	for name, opts := range map[string]restore.Options{
		"one transaction": {SingleTransaction: true, Analyze: true},
		"batches":         {TransactionSize: 1000, Analyze: true},
	} {
		db := scratchtest.Database(t, s)
		r := run(t, s, path, db, opts)
		expectNoFailures(t, r)
		if n := strings.TrimSpace(psql(t, s, db, `SELECT count(*) FROM pg_class WHERE relname = 't'`)); n != "1" {
			t.Errorf("%s: %d steps restored, rolled back: %t; but the table is there %s times", name, r.Restored, r.RolledBack, n)
		}
	}
}

// killer is a table whose rows end the session that loads them.
const killer = `
	CREATE FUNCTION public.ok(id int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN true; END $$;
	CREATE TABLE public.a (id int);
	INSERT INTO public.a SELECT generate_series(1, 10);
	CREATE TABLE public.b (id int CHECK (public.ok(id)));
	INSERT INTO public.b SELECT generate_series(1, 10);
	CREATE OR REPLACE FUNCTION public.ok(id int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN pg_terminate_backend(pg_backend_pid()); END $$;`

// TestLostBatch: what was in the transaction of a lost connection does not count
// as restored.
func TestLostBatch(t *testing.T) {
	s := server(t)
	path := dumped(t, s, killer)
	db := scratchtest.Database(t, s)
	r := run(t, s, path, db, restore.Options{TransactionSize: 1000})
	if n := strings.TrimSpace(psql(t, s, db, `SELECT count(*) FROM pg_class WHERE relname IN ('a', 'b')`)); n != "0" {
		t.Fatalf("%s tables are there, want none", n)
	}
	if len(r.Failed) != 1 || r.Restored != 0 || r.Rows != 0 || r.Bytes != 0 {
		t.Errorf("%d steps, %d rows, %d bytes restored, failed %v; want one failure and no more", r.Restored, r.Rows, r.Bytes, r.Failed)
	}
}

// TestLostAhead: the loss of a connection, again and again, by one of many
// statements that were sent together is that one's failure only.
func TestLostAhead(t *testing.T) {
	s := server(t)
	path := dumped(t, s, `DO $$ BEGIN FOR i IN 1..30 LOOP EXECUTE format('CREATE TABLE public.t%s (a int)', i); END LOOP; END $$; CREATE TABLE public.t15x ()`)
	db := scratchtest.Database(t, s)
	psql(t, s, db, `
		CREATE FUNCTION public.kill() RETURNS event_trigger LANGUAGE plpgsql AS $$
		BEGIN
			PERFORM pg_terminate_backend(pg_backend_pid()) FROM pg_event_trigger_ddl_commands() WHERE object_identity = 'public.t15x';
		END $$;
		CREATE EVENT TRIGGER killer ON ddl_command_end EXECUTE FUNCTION public.kill()`)
	r := run(t, s, path, db, restore.Options{Jobs: 2})
	if len(r.Failed) != 1 || r.Failed[0].Step.Entry.Tag != "t15x" {
		t.Errorf("failed %v; want t15x only", r.Failed)
	}
	if n := strings.TrimSpace(psql(t, s, db, `SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname ~ '^t[0-9]+$'`)); n != "30" {
		t.Errorf("%s of the other 30 tables are there", n)
	}
}

// TestTriggersEnabledAgain: where the role of -S cannot be taken, the data are
// not loaded, and what was disabled all the same is enabled again.
func TestTriggersEnabledAgain(t *testing.T) {
	s := server(t)
	path := dumped(t, s, `
		CREATE FUNCTION public.f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
		CREATE TABLE public.t (a int);
		INSERT INTO public.t VALUES (1);
		CREATE TRIGGER own BEFORE INSERT ON public.t FOR EACH ROW EXECUTE FUNCTION public.f();`)
	db := scratchtest.Database(t, s)
	expectNoFailures(t, run(t, s, path, db, restore.Options{Selection: toc.Selection{SchemaOnly: true}}))
	r := run(t, s, path, db, restore.Options{Selection: toc.Selection{DataOnly: true}, DisableTriggers: true, Superuser: "nobody of this name", NoJournal: true})
	if len(r.Failed) != 1 {
		t.Errorf("failed %v; want the data of t", r.Failed)
	}
	if got := strings.TrimSpace(psql(t, s, db, `SELECT tgenabled FROM pg_trigger WHERE tgname = 'own'`)); got != "O" {
		t.Errorf("the trigger's state is %q, want O: enabled", got)
	}
}

// TestTriggersAfterInterrupt: nor are they left disabled by Ctrl-C.
func TestTriggersAfterInterrupt(t *testing.T) {
	s := server(t)
	path := dumped(t, s, `
		CREATE FUNCTION public.ok(a int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN true; END $$;
		CREATE FUNCTION public.f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
		CREATE TABLE public.t (a int CHECK (public.ok(a)));
		INSERT INTO public.t SELECT generate_series(1, 100);
		CREATE TRIGGER own BEFORE INSERT ON public.t FOR EACH ROW EXECUTE FUNCTION public.f();
		CREATE OR REPLACE FUNCTION public.ok(a int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(1); RETURN true; END $$;`)
	for name, opts := range map[string]restore.Options{"with a journal": {}, "without": {NoJournal: true}} {
		db := scratchtest.Database(t, s)
		expectNoFailures(t, run(t, s, path, db, restore.Options{Selection: toc.Selection{SchemaOnly: true}}))
		a, err := archive.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		opts.Selection, opts.DisableTriggers = toc.Selection{DataOnly: true}, true
		opts.OnEvent = func(e restore.Event) {
			if e.Type == restore.EventStarted {
				time.AfterFunc(2*time.Second, cancel)
			}
		}
		r, err := restore.Run(ctx, a, config(t, s, db), opts)
		if err != nil || !r.Interrupted {
			t.Errorf("%s: result %+v, error %v; want to be interrupted", name, r, err)
		}
		if got := strings.TrimSpace(psql(t, s, db, `SELECT tgenabled FROM pg_trigger WHERE tgname = 'own'`)); got != "O" {
			t.Errorf("%s: the trigger's state is %q, want O: enabled", name, got)
		}
	}
}

// TestStoppedStream: a pipe that gives nothing more does not hold up a restore
// that is to stop at a failure.
func TestStoppedStream(t *testing.T) {
	s := server(t)
	path := dumped(t, s, `
		CREATE FUNCTION public.ok(id int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN true; END $$;
		CREATE TABLE public.a (id int CHECK (public.ok(id)));
		INSERT INTO public.a VALUES (1);
		CREATE TABLE public.b (id text);
		INSERT INTO public.b SELECT md5(i::text) FROM generate_series(1, 100000) i;
		CREATE OR REPLACE FUNCTION public.ok(id int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(1); RETURN false; END $$;`)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r, w := io.Pipe()
	go w.Write(whole[:len(whole)/2]) // and then silence
	a, err := archive.NewStream(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	type outcome struct {
		result *restore.Result
		err    error
	}
	ended := make(chan outcome, 1)
	go func() {
		result, err := restore.Run(t.Context(), a, config(t, s, scratchtest.Database(t, s)), restore.Options{Jobs: 3, ExitOnError: true})
		ended <- outcome{result, err}
	}()
	select {
	case o := <-ended:
		if o.err != nil || !o.result.Stopped || len(o.result.Failed) != 1 {
			t.Errorf("result %+v, error %v; want to be stopped by one failure", o.result, o.err)
		}
	case <-time.After(30 * time.Second):
		w.Close()
		t.Error("the restore waits for the pipe")
		<-ended
	}
}

// TestUnderWayToTheEnd: while violating rows are counted, a restore is still
// under way, and no second one begins. Times are read whatever the database
// prints them like.
func TestUnderWayToTheEnd(t *testing.T) {
	s := server(t)
	path := dumped(t, s, `
		CREATE TABLE public.p (id int PRIMARY KEY);
		CREATE TABLE public.c (id int);
		INSERT INTO public.c VALUES (1);
		ALTER TABLE public.c ADD CONSTRAINT k FOREIGN KEY (id) REFERENCES public.p NOT VALID;`)
	db := scratchtest.Database(t, s)
	psql(t, s, db, `ALTER DATABASE "`+db+`" SET datestyle = 'SQL, DMY'; ALTER DATABASE "`+db+`" SET timezone = 'Asia/Kolkata'`)
	c := config(t, s, db)
	holder, err := pgx.Connect(t.Context(), s.ConnString(db))
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close(context.Background())

	a, err := archive.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	for _, e := range a.TOC.Entries { // as if it had been valid
		e.Defn = strings.Replace(e.Defn, " NOT VALID", "", 1)
	}
	looked := make(chan struct{})
	opts := restore.Options{Jobs: 2, OnEvent: func(e restore.Event) {
		if e.Type != restore.EventFailed {
			return
		}
		if _, err := holder.Exec(t.Context(), `BEGIN; LOCK TABLE public.c`); err != nil { // what counts has to wait
			t.Error(err)
		}
		go func() {
			defer close(looked)
			defer holder.Exec(t.Context(), `ROLLBACK`)
			time.Sleep(2 * time.Second)
			status, err := restore.ReadStatus(t.Context(), c)
			if err != nil {
				t.Error(err)
				return
			}
			if status.PID == 0 {
				t.Error("while rows are counted no restore is under way")
			}
			if d := status.Now.Sub(status.Begun); d <= 0 || d > time.Minute || time.Since(status.Begun).Abs() > time.Hour {
				t.Errorf("begun at %s, now %s", status.Begun, status.Now)
			}
			var unfinished *restore.Unfinished
			if _, err := restore.Run(t.Context(), a, c, restore.Options{Jobs: 2, Resume: true}); !errors.As(err, &unfinished) || unfinished.Running == 0 {
				t.Errorf("a second restore: %v; want it to say that one is under way", err)
			}
		}()
	}}
	r, err := restore.Run(t.Context(), a, c, opts)
	if err != nil || len(r.Failed) != 1 || r.Failed[0].Violations == nil || r.Failed[0].Violations.Rows != 1 {
		t.Fatalf("result %+v, error %v; want one failure, with one violating row", r, err)
	}
	<-looked
}
