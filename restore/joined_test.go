package restore_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/internal/pgscratch/scratchtest"
	"github.com/pgarc/pgarc/restore"
)

// crowd makes tables enough for several messages of statements joined together.
const crowd = `DO $$ BEGIN FOR i IN 1..60 LOOP EXECUTE format('CREATE TABLE public.t%s (a int)', i); END LOOP; END $$`

// TestJoinedFailures: that statements share a transaction changes nothing of
// what fails, how it is reported, and what the journal has.
func TestJoinedFailures(t *testing.T) {
	s := server(t)
	path := dumped(t, s, crowd+`;
		CREATE FUNCTION public.f() RETURNS int LANGUAGE sql AS 'SELECT 1';
		CREATE VIEW public.v AS SELECT public.f() AS one;
		COMMENT ON VIEW public.v IS 'of f';
		COMMENT ON TABLE public.t60 IS 'the last';
		GRANT SELECT ON public.t9, public.t10, public.t11 TO PUBLIC`)
	restored := func(without restore.Rewrite) (failed []string, left, done string) {
		a, err := archive.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		for _, name := range []string{"TABLE t7", "TABLE t8", "TABLE t50"} {
			entry(t, a, name).Owner.String = "nobody_of_this_name"
		}
		for _, name := range []string{"ACL TABLE t9", "ACL TABLE t11"} {
			e := entry(t, a, name)
			e.Defn = strings.ReplaceAll(e.Defn, "TO PUBLIC", "TO nobody_of_this_name")
		}
		db := scratchtest.Database(t, s)
		psql(t, s, db, `CREATE TABLE public.t33 (other int);
			CREATE FUNCTION public.refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$
			BEGIN
				IF EXISTS (SELECT FROM pg_event_trigger_ddl_commands() WHERE object_identity LIKE 'public.f(%') THEN RAISE 'no f here'; END IF;
			END $$;
			CREATE EVENT TRIGGER refuse ON ddl_command_end EXECUTE FUNCTION public.refuse()`)
		r := runReader(t, s, a, db, restore.Options{Jobs: 2, Without: without})
		var list []string
		for _, e := range r.Failed {
			list = append(list, fmt.Sprintf("%v, also %v: %s", e, e.Also, e.SQL))
		}
		for _, skip := range r.Skipped {
			list = append(list, fmt.Sprintf("%v skipped because of %v", skip.Step, skip.Cause))
		}
		slices.Sort(list)
		return list,
			psql(t, s, db, `SELECT relname, relacl, obj_description(oid) FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY relname`),
			psql(t, s, db, `SELECT step, part FROM pgarc_journal.all_done ORDER BY step, part`)
	}
	failed, left, done := restored(0)
	wantFailed, wantLeft, wantDone := restored(restore.RewriteAhead)
	if len(wantFailed) != 10 {
		t.Errorf("one by one: %q; want three owners, two grants, t33 and its data, f, and for want of that v and its comment", wantFailed)
	}
	if !slices.Equal(failed, wantFailed) {
		t.Errorf("joined: %q\none by one: %q", failed, wantFailed)
	}
	if left != wantLeft {
		t.Errorf("in the database, joined:\n%s\none by one:\n%s", left, wantLeft)
	}
	if done != wantDone {
		t.Errorf("in the journal, joined:\n%s\none by one:\n%s", done, wantDone)
	}
}

// heldCrowd restores crowd into a database in which to make t15 waits for a lock
// that somebody holds, calls then in another goroutine once it does, and says
// how many of the other tables are there in the end.
func heldCrowd(t *testing.T, role string, then func(db string, holder *pgx.Conn) error) (r *restore.Result, others string) {
	t.Helper()
	s := server(t)
	path := dumped(t, s, crowd)
	db := scratchtest.Database(t, s)
	psql(t, s, db, `
		CREATE FUNCTION public.wait() RETURNS event_trigger LANGUAGE plpgsql AS $$
		BEGIN
			PERFORM pg_advisory_xact_lock(15) FROM pg_event_trigger_ddl_commands() WHERE object_identity = 'public.t15';
		END $$;
		CREATE EVENT TRIGGER wait ON ddl_command_end EXECUTE FUNCTION public.wait()`)
	holder, err := pgx.Connect(t.Context(), s.ConnString(db))
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close(context.Background())
	if _, err := holder.Exec(t.Context(), `SELECT pg_advisory_lock(15)`); err != nil {
		t.Fatal(err)
	}
	if role != "" {
		psql(t, s, db, `GRANT CREATE ON SCHEMA public TO `+role+`; GRANT CREATE ON DATABASE `+db+` TO `+role)
	}
	ended := make(chan error)
	go func() {
		untilWaiting(s, db)
		err := then(db, holder)
		holder.Close(context.Background())
		ended <- err
	}()
	r = run(t, s, path, db, restore.Options{Jobs: 2, Role: role, NoOwner: role != ""})
	if err := <-ended; err != nil {
		t.Error(err)
	}
	return r, strings.TrimSpace(psql(t, s, db, `SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname ~ '^t[0-9]+$' AND relname <> 't15'`))
}

// TestJoinedCancelled: who cancels the process that waits means the statement
// that does, not those that share its transaction.
func TestJoinedCancelled(t *testing.T) {
	r, others := heldCrowd(t, "", func(_ string, holder *pgx.Conn) error {
		_, err := holder.Exec(context.Background(), `SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'`)
		return err
	})
	if len(r.Failed) != 1 || r.Failed[0].SQLState() != "57014" || !strings.Contains(r.Failed[0].SQL, "CREATE TABLE public.t15 (") {
		t.Errorf("failed %v; want t15 alone, cancelled", r.Failed)
	}
	if others != "59" {
		t.Errorf("%s of the other 59 tables are there", others)
	}
}

// TestJoinedHeldUp: where one of several in a message waits for long, the journal
// says which, also if the restore speaks for a role that may not cancel what the
// user who logged in does.
func TestJoinedHeldUp(t *testing.T) {
	for _, role := range []string{"", "joined_test"} {
		t.Run("role="+role, func(t *testing.T) { testJoinedHeldUp(t, role) })
	}
}

func testJoinedHeldUp(t *testing.T, role string) {
	s := server(t)
	if role != "" {
		psql(t, s, "postgres", `DO $$ BEGIN CREATE ROLE `+role+`; EXCEPTION WHEN duplicate_object THEN NULL; END $$`)
	}
	r, others := heldCrowd(t, role, func(db string, _ *pgx.Conn) error {
		c := config(t, s, db)
		for range 300 {
			st, err := restore.ReadStatus(context.Background(), c)
			if err != nil {
				return err
			}
			for _, running := range st.Running {
				if running.Name == "public.t15" {
					return nil
				}
				if strings.HasPrefix(running.Name, "public.t") {
					return fmt.Errorf("the status says that %s is held up", running.Name)
				}
			}
			time.Sleep(50 * time.Millisecond)
		}
		return fmt.Errorf("the status does not say what is held up")
	})
	expectNoFailures(t, r)
	if others != "59" {
		t.Errorf("%s of the other 59 tables are there", others)
	}
}

// TestAheadOfItsAccessMethod: a table that was sent together with the access
// method that it needs, and is made without it, is there: it is not said to be
// skipped, and has its rows.
func TestAheadOfItsAccessMethod(t *testing.T) {
	s := server(t)
	path := dumped(t, s, `CREATE ACCESS METHOD second_heap TYPE TABLE HANDLER heap_tableam_handler;
		CREATE TABLE public.t (a int) USING second_heap;
		INSERT INTO public.t VALUES (1)`)
	for _, without := range []restore.Rewrite{0, restore.RewriteAhead} {
		db := scratchtest.Database(t, s)
		psql(t, s, db, `
			CREATE FUNCTION public.refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no methods here'; END $$;
			CREATE EVENT TRIGGER refuse ON ddl_command_start WHEN TAG IN ('CREATE ACCESS METHOD') EXECUTE FUNCTION public.refuse()`)
		r := run(t, s, path, db, restore.Options{Jobs: 2, Without: without})
		rows := strings.TrimSpace(psql(t, s, db, `SELECT CASE WHEN to_regclass('public.t') IS NULL THEN 'no table' ELSE (xpath('//c/text()', query_to_xml('SELECT count(*) AS c FROM public.t', false, true, '')))[1]::text || ' rows' END`))
		got := fmt.Sprintf("%d failed, %d skipped, %s", len(r.Failed), len(r.Skipped), rows)
		if want := map[bool]string{true: "2 failed, 0 skipped, 1 rows", false: "1 failed, 2 skipped, no table"}[without == 0]; got != want {
			t.Errorf("without %v: %s; want %s: %v, %v", without, got, want, r.Failed, r.Skipped)
		}
	}
}
