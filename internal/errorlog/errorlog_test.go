package errorlog

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgarc/pgarc/toc"
)

const (
	longName = "a_very_long_constraint_name_for_truncation_tests_aaaaaaaaaaaaaa"
	fk       = "ALTER TABLE ONLY public.statuses\n    ADD CONSTRAINT fk_rails_256483a9ab FOREIGN KEY (account_id)" +
		" REFERENCES public.accounts(id) ON UPDATE CASCADE ON DELETE CASCADE;"
	longFK = "ALTER TABLE ONLY public.statuses\n    ADD CONSTRAINT " + longName + " FOREIGN KEY (in_reply_to_account_id)" +
		" REFERENCES public.accounts(id) ON UPDATE CASCADE ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED;"
	reblogFK = "ALTER TABLE ONLY public.statuses\n    ADD CONSTRAINT fk_rails_256483a9ab FOREIGN KEY (reblog_of_id)" +
		" REFERENCES public.statuses(id) ON DELETE CASCADE;"
	uniqueIndex = "CREATE UNIQUE INDEX index_statuses_on_uri ON public.statuses USING btree (uri);"
	violated    = `insert or update on table "statuses" violates foreign key constraint "fk_rails_256483a9ab"`
	cancelled   = "canceling statement due to user request"
)

// archive is the one the sample logs are about. fkDefn is the definition of
// its foreign key 3205.
func archive(t *testing.T, fkDefn string) *toc.TOC {
	t.Helper()
	owner := toc.NewText("postgres")
	drop := toc.NewText("-- something\n")
	made, err := toc.New([]*toc.Entry{
		{ID: 200, Kind: toc.Table, Tag: "statuses", Namespace: "public", Owner: toc.NewText("mastodon"), Defn: "CREATE TABLE public.statuses ();\n", Drop: drop, ClassOID: 1259, OID: 1},
		{ID: 201, Kind: toc.Sequence, Tag: "statuses_id_seq", Namespace: "public", Owner: toc.NewText("mastodon"), Defn: "CREATE SEQUENCE public.statuses_id_seq;\n", Drop: drop, ClassOID: 1259, OID: 2},
		{ID: 300, Kind: toc.TableData, Tag: "statuses", Namespace: "public", Owner: owner, HasDumper: true, Copy: "COPY public.statuses (id) FROM stdin;\n"},
		{ID: 301, Kind: toc.TableData, Tag: "Odd Table", Namespace: "public", Owner: owner, HasDumper: true, Copy: "COPY public.\"Odd Table\" (id) FROM stdin;\n"},
		{ID: 302, Kind: toc.TableData, Tag: "accounts", Namespace: "public", Owner: owner, HasDumper: true, Copy: "COPY public.accounts (id) FROM stdin;\n"},
		{ID: 303, Kind: toc.TableData, Tag: "tags", Namespace: "one", Owner: owner, HasDumper: true, Copy: "COPY one.tags (id) FROM stdin;\n"},
		{ID: 304, Kind: toc.TableData, Tag: "tags", Namespace: "two", Owner: owner, HasDumper: true, Copy: "COPY two.tags (id) FROM stdin;\n"},
		{ID: 3204, Kind: toc.FKConstraint, Tag: "statuses " + longName, Namespace: "public", Owner: owner, Defn: longFK + "\n", ClassOID: 2606, OID: 16405},
		{ID: 3205, Kind: toc.FKConstraint, Tag: "statuses fk_rails_256483a9ab", Namespace: "public", Owner: owner, Defn: fkDefn + "\n", ClassOID: 2606, OID: 16400},
		{ID: 3206, Kind: toc.Index, Tag: "index_statuses_on_uri", Namespace: "public", Owner: owner, Defn: uniqueIndex + "\n", ClassOID: 1259, OID: 16410},
	})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func parse(t *testing.T, name string) []Failure {
	t.Helper()
	file, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	failures, err := Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	return failures
}

// want is what a match is to be.
type want struct {
	id        toc.DumpID // of the entry; 0: none
	how       string
	sql       string
	truncated bool
	message   string
	problem   string // a part of it
	failures  int    // merged; 0: 1
}

func TestSamples(t *testing.T) {
	verbose := []want{{id: 3204, how: ByID, sql: longFK, message: cancelled}}
	violation := []want{{id: 3205, how: ByID, sql: fk, message: violated}}
	tests := map[string][]want{
		"verbose.log":        verbose,
		"docker.log":         verbose,
		"docker-trimmed.log": verbose,
		"crlf.log":           verbose,
		"colour.log":         verbose,
		"utf16.log":          verbose,
		"others.log":         verbose,
		"plain.log":          {{id: 3205, how: BySQL, sql: fk, message: violated}},
		"fr.log":             violation,
		"de.log":             violation,
		"j2.log":             violation,
		"fatal.log":          nil,
		"cutoff.log":         {{id: 3205, how: ByID}},
		"verbose-state.log":  {{id: 3205, how: ByID, sql: fk, message: cancelled}},
		"psql.log":           {{id: 3205, how: BySQL, sql: fk, message: `relation "accounts" does not exist`}},
		"server.log":         {{id: 3205, how: BySQL, sql: fk, message: violated}},
		"pasted.log": {{id: 3205, how: ByPrefix, truncated: true, message: cancelled,
			sql: strings.TrimSuffix(fk[:strings.Index(fk, "ounts")], "...")}},
		"interleaved.log": {
			{id: 3205, how: ByID, failures: 2},
			{id: 3206, how: ByID, sql: uniqueIndex, message: `could not create unique index "index_statuses_on_uri"`},
		},
		"copy.log": {
			{id: 300, how: ByTable, message: `invalid input syntax for type bigint: "x"`},
			{id: 301, how: ByTable, message: `duplicate key value violates unique constraint "p"`},
			{id: 302, how: ByTable, message: "extra data after last expected column"},
			{how: ByTable, message: "ungültige Byte-Sequenz", problem: "ambiguous: 2 entries"},
		},
		"settings.log": {
			{message: `unrecognized configuration parameter "transaction_timeout"`, sql: "SET transaction_timeout = 0;", problem: "a setting of the session", failures: 2},
			{id: 200, how: BySQL, message: `role "mastodon" does not exist`, sql: "ALTER TABLE public.statuses OWNER TO mastodon;"},
			{id: 201, how: BySQL, message: `role "mastodon" does not exist`, sql: "ALTER TABLE public.statuses_id_seq OWNER TO mastodon;"},
		},
	}
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			compare(t, Resolve(archive(t, fk), parse(t, name)), want)
		})
	}
}

// TestOldShape: the log of the story, against its archive and against others.
func TestOldShape(t *testing.T) {
	failures := parse(t, "old.log")
	if len(failures) != 1 {
		t.Fatalf("%d failures, want 1: %+v", len(failures), failures)
	}
	f := failures[0]
	if f.ID != 2970 || f.ClassOID != 2606 || f.OID != 46934 || f.Kind != toc.FKConstraint ||
		f.Tag != "statuses fk_rails_256483a9ab" || f.Owner != "postgres" || f.Line != 2 {
		t.Errorf("TOC line read as %+v", f)
	}
	begin := reblogFK[:strings.Index(reblogFK, "statuses(id)")] + "statuse"
	compare(t, Resolve(archive(t, reblogFK), failures), []want{
		{id: 3205, how: ByPrefix, sql: begin, truncated: true, message: cancelled},
	})
	// The constraint is now another one: only its name is the same.
	compare(t, Resolve(archive(t, fk), failures), []want{
		{id: 3205, how: ByName, sql: begin, truncated: true, message: cancelled},
	})
	f.Subject, f.ID = "", 0
	compare(t, Resolve(archive(t, fk), []Failure{f}), []want{
		{id: 3205, how: ByStatement, sql: begin, truncated: true, message: cancelled},
	})
}

func compare(t *testing.T, got []Match, want []want) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d matches, want %d: %+v", len(got), len(want), got)
	}
	for i, w := range want {
		m, f := got[i], got[i].Failures[len(got[i].Failures)-1]
		var id toc.DumpID
		if len(m.Entries) == 1 {
			id = m.Entries[0].ID
		}
		if id != w.id || m.How != w.how || !strings.Contains(m.Problem, w.problem) || (m.Problem == "") != (w.id > 0) {
			t.Errorf("match %d: entry %d %q, problem %q; want entry %d %q, problem %q", i, id, m.How, m.Problem, w.id, w.how, w.problem)
		}
		if n := max(w.failures, 1); len(m.Failures) != n {
			t.Errorf("match %d: %d failures, want %d: %+v", i, len(m.Failures), n, m.Failures)
		}
		if w.failures > 0 && w.sql == "" {
			continue
		}
		if f.SQL != w.sql || f.Truncated != w.truncated || f.Message != w.message {
			t.Errorf("match %d:\n got sql %q, truncated %t, message %q\nwant sql %q, truncated %t, message %q",
				i, f.SQL, f.Truncated, f.Message, w.sql, w.truncated, w.message)
		}
	}
}

// TestDetail: what the log says beside the message.
func TestDetail(t *testing.T) {
	f := parse(t, "plain.log")[0]
	if want := `DETAIL:  Key (account_id)=(2) is not present in table "accounts".`; f.Detail != want {
		t.Errorf("detail %q, want %q", f.Detail, want)
	}
	f = parse(t, "verbose-state.log")[0]
	if f.SQLState != "57014" || f.Detail != "LOCATION:  ProcessInterrupts, postgres.c:3308" {
		t.Errorf("SQLSTATE %q, detail %q", f.SQLState, f.Detail)
	}
}

func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.log")
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	f.Fuzz(func(t *testing.T, text string) {
		failures, err := Parse(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		last := 0
		for _, m := range failures {
			if m.Line < 1 || m.ID < 0 {
				t.Errorf("failure without a place: %+v", m)
			}
			last = max(last, m.Line)
		}
		if lines := strings.Count(text, "\n") + 1; last > lines && !strings.HasPrefix(text, "\xff\xfe") && !strings.HasPrefix(text, "\xfe\xff") {
			t.Errorf("a failure in line %d of %d", last, lines)
		}
		for _, m := range Resolve(archive(t, fk), failures) {
			if len(m.Failures) == 0 || len(m.Entries) == 1 != (m.Problem == "") {
				t.Errorf("match %+v", m)
			}
		}
	})
}
