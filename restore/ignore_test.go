package restore_test

import (
	"strings"
	"testing"

	"github.com/pgarc/pgarc/internal/pgscratch/scratchtest"
	"github.com/pgarc/pgarc/restore"
	"github.com/pgarc/pgarc/toc"
)

// TestHarmless restores, as a role that may not much, what every database has
// in another's name and a setting of a server to come: with the default policy
// that is complete.
func TestHarmless(t *testing.T) {
	s, a := server(t), murmur(t)
	var comments []*toc.Entry
	for _, e := range a.TOC.Entries {
		if e.Kind == toc.Comment && len(comments) < 2 {
			comments = append(comments, e)
		}
		if e.Kind == toc.Table && e.Tag == "tags" {
			e.Defn = "SET a_setting_to_come = on;\n" + e.Defn
		}
	}
	comments[0].Tag, comments[0].Defn = "EXTENSION plpgsql", "COMMENT ON EXTENSION plpgsql IS 'x';\n"
	comments[1].Tag, comments[1].Defn = "SCHEMA public", "COMMENT ON SCHEMA public IS 'standard public schema';\n"
	psql(t, s, "postgres", `DROP ROLE IF EXISTS harmless; CREATE ROLE harmless LOGIN`)
	opts := restore.Options{NoOwner: true, Selection: only(a, "COMMENT EXTENSION plpgsql", "COMMENT SCHEMA public", "TABLE tags", "TABLE DATA tags")}
	for _, strict := range []bool{false, true} {
		opts.Policy.Strict = strict
		db := scratchtest.Database(t, s)
		psql(t, s, db, `GRANT CREATE ON SCHEMA public TO harmless; GRANT CREATE ON DATABASE `+db+` TO harmless`)
		c := config(t, s, db)
		c.User = "harmless"
		r, err := restore.Run(t.Context(), a, c, opts)
		if err != nil {
			t.Fatal(err)
		}
		var classes []string
		for _, e := range append(r.Ignored, r.Failed...) {
			classes = append(classes, e.Class().String())
		}
		if got := strings.Join(classes, " "); !strict && (len(r.Failed) != 0 || r.Journal) || strict && (len(r.Ignored) != 0 || !r.Journal) || !strings.Contains(got, "exists exists") {
			t.Errorf("strict %t: failed %v, ignored %v, classes %s, journal %t", strict, r.Failed, r.Ignored, got, r.Journal)
		}
		if strings.TrimSpace(psql(t, s, db, `SELECT count(*) > 0 FROM public.tags`)) != "t" {
			t.Errorf("strict %t: no rows", strict)
		}
		psql(t, s, db, `DROP OWNED BY harmless`)
	}
	psql(t, s, "postgres", `DROP ROLE harmless`)
}

// TestMissingExtension: the extension and a role are not there. What hangs on
// them is left out, and by the policy only that.
func TestMissingExtension(t *testing.T) {
	s, a := server(t), murmur(t)
	var extension *toc.Entry
	for _, e := range a.TOC.Entries {
		if extension == nil && e.Kind == toc.Comment {
			extension = e
		} else if e.Kind == toc.Comment && len(e.Deps) > 0 && extension != nil {
			e.Deps, e.Tag, e.Defn = []toc.DumpID{extension.ID}, "EXTENSION no_such", "COMMENT ON EXTENSION no_such IS 'x';\n"
			break
		}
	}
	extension.Kind, extension.Tag, extension.Deps = toc.Extension, "no_such", nil
	extension.Defn, extension.Section = "CREATE EXTENSION IF NOT EXISTS no_such WITH SCHEMA public;\n", toc.SectionPreData
	opts := restore.Options{Selection: only(a, "EXTENSION no_such", "COMMENT EXTENSION no_such", "TABLE tags", "TABLE DATA tags")}
	r, err := restore.Run(t.Context(), a, config(t, s, scratchtest.Database(t, s)), opts)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Failed) != 1 || r.Failed[0].Class() != restore.ClassExtension || len(r.Skipped) != 1 || !r.Journal {
		t.Errorf("failed %v, skipped %v, journal %t; want the extension, and its comment skipped", r.Failed, r.Skipped, r.Journal)
	}
	opts.Policy.Ignore = []restore.Class{restore.ClassExtension}
	r, err = restore.Run(t.Context(), a, config(t, s, scratchtest.Database(t, s)), opts)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Failed) != 0 || len(r.Ignored) != 1 || len(r.Skipped) != 0 || len(r.IgnoredSkips) != 1 || r.Journal || r.Left != 0 {
		t.Errorf("ignored: failed %v, ignored %v, skipped %v and %v, journal %t, left %d", r.Failed, r.Ignored, r.Skipped, r.IgnoredSkips, r.Journal, r.Left)
	}
}

// TestFinalCheck: an event handler takes an index away and a trigger swallows
// rows while the restore is under way. The check at the end finds both.
func TestFinalCheck(t *testing.T) {
	s, a := server(t), murmur(t)
	pre := restore.Options{Jobs: 2, Selection: toc.Selection{Sections: []toc.Section{toc.SectionPreData}}}
	db := restored(t, a, s, pre)
	psql(t, s, db, `CREATE FUNCTION public.swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF NEW.id % 2 = 0 THEN RETURN NULL; END IF; RETURN NEW; END';
		CREATE TRIGGER swallow BEFORE INSERT ON public.tags FOR EACH ROW EXECUTE FUNCTION public.swallow()`)
	opts := restore.Options{Jobs: 2, Selection: only(a, "TABLE DATA tags", "CONSTRAINT tags tags_pkey", "INDEX index_accounts_on_uri")}
	opts.OnEvent = func(e restore.Event) {
		if e.Type == restore.EventDone && e.Step.Entry.Tag == "index_accounts_on_uri" {
			psql(t, s, db, `DROP INDEX public.index_accounts_on_uri`)
		}
	}
	r, err := restore.Run(t.Context(), a, config(t, s, db), opts)
	if err != nil {
		t.Fatal(err)
	}
	c := r.Checked
	if c == nil || c.OK() || len(c.Findings) != 1 || c.Findings[0].Presence != restore.Absent || c.Findings[0].Entry.Tag != "index_accounts_on_uri" {
		t.Fatalf("the check found %+v, want the index to be missing; failed %v", c, r.Failed)
	}
	if len(c.Rows) != 1 || c.Rows[0].Entry.Tag != "tags" || c.Rows[0].Loaded >= c.Rows[0].Archive || c.Rows[0].Loaded == 0 {
		t.Errorf("rows: %+v, want that some of tags were not taken", c.Rows)
	}
	if c.Duration.Seconds() > 5 {
		t.Errorf("the check took %v", c.Duration)
	}
}
