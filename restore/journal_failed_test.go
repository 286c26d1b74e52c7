package restore_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/internal/pgscratch"
	"github.com/pgarc/pgarc/internal/pgscratch/scratchtest"
	"github.com/pgarc/pgarc/restore"
	"github.com/pgarc/pgarc/toc"
)

// twoTables are the options for two tables of murmur, with their data.
func twoTables() restore.Options {
	return restore.Options{Jobs: 2, NoOwner: true, Selection: toc.Selection{Tables: []string{"tags", "conversations"}, Sections: []toc.Section{toc.SectionPreData, toc.SectionData}}}
}

// entry returns the entry of a kind and tag, which a test may change.
func entry(t *testing.T, a *archive.Reader, kindAndTag string) *toc.Entry {
	t.Helper()
	i := slices.IndexFunc(a.TOC.Entries, func(e *toc.Entry) bool { return string(e.Kind)+" "+e.Tag == kindAndTag })
	if i < 0 {
		t.Fatalf("no %s", kindAndTag)
	}
	return a.TOC.Entries[i]
}

// runInto restores, which may end with failures.
func runInto(t *testing.T, a *archive.Reader, s *pgscratch.Server, db string, opts restore.Options) *restore.Result {
	t.Helper()
	r, err := restore.Run(t.Context(), a, config(t, s, db), opts)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// expectSameFailures compares what the journal says that failed with what the
// restore itself says.
func expectSameFailures(t *testing.T, s *pgscratch.Server, db string, r *restore.Result) {
	t.Helper()
	var want []string
	for _, e := range r.Failed {
		want = append(want, fmt.Sprintf("%s %s", e.Step.Entry.ID, e.Step.Action))
	}
	st, err := restore.ReadStatus(context.Background(), config(t, s, db))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range st.Failed {
		got = append(got, fmt.Sprintf("%s %s", f.ID, f.Action))
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("by the journal %q failed, by the restore %q", got, want)
	}
}

// TestFailedThenDone: what failed in one run and is done by the next has not
// failed, though something else still does.
func TestFailedThenDone(t *testing.T) {
	s, a := server(t), murmur(t)
	db := scratchtest.Database(t, s)
	psql(t, s, db, `CREATE TABLE public.tags (other int); CREATE TABLE public.conversations (other int)`)
	opts := twoTables()
	r := runInto(t, a, s, db, opts)
	if len(r.Failed) < 4 {
		t.Fatalf("failed: %v; want both tables and their data", r.Failed)
	}
	expectSameFailures(t, s, db, r)

	psql(t, s, db, `DROP TABLE public.tags`)
	opts.Resume = true
	r = runInto(t, a, s, db, opts)
	for _, e := range r.Failed {
		if strings.Contains(e.Step.Entry.Tag, "tags") {
			t.Errorf("%v", e)
		}
	}
	if len(r.Failed) == 0 {
		t.Error("nothing failed the second time; want what is there already to do so")
	}
	expectSameFailures(t, s, db, r)
}

// TestFailedThenIgnored: what counted in the first run and does not in the
// next has not failed.
func TestFailedThenIgnored(t *testing.T) {
	s, a := server(t), murmur(t)
	db := scratchtest.Database(t, s)
	psql(t, s, db, `CREATE TABLE public.conversations (other int)`)
	entry(t, a, "TABLE tags").Owner.String = "nobody_of_this_name"
	opts := twoTables()
	opts.NoOwner = false
	r := runInto(t, a, s, db, opts)
	expectSameFailures(t, s, db, r)
	opts.Resume, opts.Policy = true, restore.Policy{Ignore: []restore.Class{restore.ClassOwnership}}
	r = runInto(t, a, s, db, opts)
	if len(r.Ignored) != 1 {
		t.Errorf("ignored: %v; want the owner of tags", r.Ignored)
	}
	expectSameFailures(t, s, db, r)
}

// TestOnlyWhatIsMissing: of a definition of several statements, of which one
// failed, only that is tried again.
func TestOnlyWhatIsMissing(t *testing.T) {
	s, a := server(t), murmur(t)
	db := scratchtest.Database(t, s)
	e := entry(t, a, "TABLE tags")
	e.Defn += "\nALTER TABLE public.tags ADD CONSTRAINT not_there CHECK (public.not_there(id));\n\nALTER TABLE public.tags ALTER COLUMN name SET STATISTICS 7;\n"
	opts := twoTables()
	r := runInto(t, a, s, db, opts)
	if len(r.Failed) != 1 || r.Failed[0].Role != restore.RoleAlter {
		t.Fatalf("failed: %v; want the constraint", r.Failed)
	}
	opts.Resume = true
	r = runInto(t, a, s, db, opts)
	if len(r.Failed) != 1 || r.Failed[0].SQLState() != "42883" || len(r.Failed[0].Also) > 0 {
		t.Errorf("before the function is there: %v; want undefined_function, once more, and nothing else", r.Failed)
	}
	expectSameFailures(t, s, db, r)
	psql(t, s, db, `CREATE FUNCTION public.not_there(bigint) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true'`)
	r = runInto(t, a, s, db, opts)
	if len(r.Failed) != 0 || r.Left != 0 {
		t.Errorf("after that: failed %v, left %d", r.Failed, r.Left)
	}
	const query = `SELECT count(*), (SELECT attstattarget FROM pg_attribute WHERE attrelid = 'public.tags'::regclass AND attname = 'name') FROM pg_constraint WHERE conname = 'not_there'`
	if got := strings.TrimSpace(psql(t, s, db, query)); got != "1|7" {
		t.Errorf("constraint and statistics target: %s, want 1|7", got)
	}
}

// TestSettingIgnored: a definition whose setting the server does not know, which
// is harmless, is not run again.
func TestSettingIgnored(t *testing.T) {
	s, a := server(t), murmur(t)
	db := scratchtest.Database(t, s)
	psql(t, s, db, `CREATE TABLE public.conversations (other int)`)
	e := entry(t, a, "TABLE tags")
	e.Defn = "SET of_a_newer_server = on;\n\n" + e.Defn
	opts := twoTables()
	for _, resume := range []bool{false, true} {
		opts.Resume = resume
		r := runInto(t, a, s, db, opts)
		for _, e := range r.Failed {
			if e.Step.Entry.Tag == "tags" {
				t.Errorf("resumed %t: %v", resume, e)
			}
		}
		if len(r.Ignored) != 1 || r.Ignored[0].Step.Entry != e {
			t.Errorf("resumed %t: ignored %v; want the setting", resume, r.Ignored)
		}
	}
}

// TestHalfLost: a server that crashes may lose also what a step had done that
// failed, as a table whose owner is missing. Here somebody takes it away, with
// the note of it and the connections.
func TestHalfLost(t *testing.T) {
	s := server(t)
	for _, ignored := range []bool{false, true} {
		t.Run(fmt.Sprintf("ignored=%t", ignored), func(t *testing.T) {
			a := murmur(t)
			db := scratchtest.Database(t, s)
			e := entry(t, a, "TABLE tags")
			e.Owner.String = "nobody_of_this_name"
			opts := twoTables()
			opts.NoOwner, opts.Jobs = false, 1
			if ignored {
				opts.Policy.Ignore = []restore.Class{restore.ClassOwnership}
			}
			crashes := 0
			opts.OnEvent = func(ev restore.Event) {
				if ev.Err != nil && ev.Step.Entry == e && crashes == 0 {
					crashes++
					psql(t, s, db, `DROP TABLE public.tags; DELETE FROM pgarc_journal.done WHERE step = '`+ev.Step.Key+`';
						SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'pgarc restore'`)
				}
			}
			r := runInto(t, a, s, db, opts)
			if crashes != 1 {
				t.Fatal("nothing was lost: this proves nothing")
			}
			if n := len(r.Failed) + len(r.Ignored); n != 1 || len(r.Skipped) > 0 || (len(r.Ignored) == 1) != ignored {
				t.Errorf("failed %v, ignored %v, skipped %v; want the owner of tags, once", r.Failed, r.Ignored, r.Skipped)
			}
			if got := strings.TrimSpace(psql(t, s, db, `SELECT count(*) > 0 FROM public.tags`)); got != "t" {
				t.Errorf("tags has rows: %s", got)
			}
		})
	}
}
