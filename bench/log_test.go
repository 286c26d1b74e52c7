//go:build linux

package main

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// serverLog is of PostgreSQL 15 under logSettings: two connections to bench, one to another database, a process
// without one, and pgscratch's first lines, which have no prefix.
const serverLog = `The files belonging to this database system will be owned by user "postgres".
1764341653.000 90  LOG:  checkpoint starting: immediate force wait
1764341653.120 101 bench LOG:  duration: 20.000 ms  statement: ALTER TABLE ONLY public.accounts
	    ADD CONSTRAINT accounts_pkey PRIMARY KEY (id);


1764341653.120 101 bench LOG:  QUERY STATISTICS
1764341653.120 101 bench DETAIL:  ! system usage stats:
	!	0.015000 s user, 0.005000 s system, 0.020000 s elapsed
	!	[0.095324 s user, 0.023832 s system total]
	!	16776 kB max resident size
	!	16/88 [24/120] filesystem blocks in/out
	!	0/126 [0/1713] page faults/reclaims, 0 [0] swaps
1764341653.500 103 postgres LOG:  duration: 300.000 ms  statement: SELECT 'COPY x FROM stdin'
1764341653.600 102 bench LOG:  duration: 500.500 ms  statement: COPY public.statuses (id, text) FROM stdin;
1764341653.650 101 bench LOG:  duration: 0.100 ms  parse <unnamed>: COMMENT ON TABLE t IS $c$x: y$c$
1764341653.700 101 bench LOG:  duration: 0.200 ms  execute <unnamed>: COMMENT ON TABLE t IS $c$x: y$c$
1764341653.700 102 bench LOG:  QUERY STATISTICS
1764341653.700 102 bench DETAIL:  ! system usage stats:
	!	0.300000 s user, 0.100000 s system, 0.500000 s elapsed
	!	0/0 [0/0] filesystem blocks in/out
1764341653.800 102 bench LOG:  duration: 0.300 ms  fastpath function call: "lowrite" (OID 955)
1764341653.900 102 bench ERROR:  relation "nothing" does not exist at character 15
`

func TestParseLog(t *testing.T) {
	at := func(ms int64) time.Duration { return 1764341653*time.Second + time.Duration(ms)*time.Millisecond }
	want := []Statement{
		{PID: 101, Start: at(100), End: at(120), SQL: "ALTER TABLE ONLY public.accounts\n    ADD CONSTRAINT accounts_pkey PRIMARY KEY (id);",
			CPU: 20 * time.Millisecond, Read: 16 * 512, Step: true},
		{PID: 102, Start: at(600) - 500500*time.Microsecond, End: at(600), SQL: "COPY public.statuses (id, text) FROM stdin;", CPU: 400 * time.Millisecond, Step: true},
		{PID: 101, Start: at(650) - 100*time.Microsecond, End: at(650), SQL: "COMMENT ON TABLE t IS $c$x: y$c$"},
		{PID: 101, Start: at(700) - 200*time.Microsecond, End: at(700), SQL: "COMMENT ON TABLE t IS $c$x: y$c$", Step: true},
		{PID: 102, Start: at(800) - 300*time.Microsecond, End: at(800), SQL: `"lowrite" (OID 955)`, Step: true},
	}
	got, err := ParseLog(strings.NewReader(serverLog), "bench")
	if err != nil || len(got) != len(want) {
		t.Fatalf("error %v, %d statements, want %d:\n%+v", err, len(got), len(want), got)
	}
	for i := range want {
		got[i].SQL = strings.TrimSpace(got[i].SQL)
		if got[i] != want[i] {
			t.Errorf("statement %d:\n got %+v\nwant %+v", i, got[i], want[i])
		}
	}
}

func TestPhaseOf(t *testing.T) {
	for sql, want := range map[string]Phase{
		"COPY public.t (a) FROM stdin;\n":                                                                         Copy,
		"TRUNCATE TABLE ONLY public.t; COPY public.t (a) FROM stdin WITH (FREEZE)":                                Copy,
		"BEGIN;\nTRUNCATE TABLE ONLY public.t;\nCOPY public.t (a) FROM stdin WITH (FORMAT binary)":                Copy,
		"COPY public.t TO stdout;":                                                                                Other,
		"TRUNCATE TABLE ONLY public.t;\n":                                                                         Other,
		"\n-- Name: x\n\nALTER TABLE ONLY public.t\n    ADD CONSTRAINT t_pkey PRIMARY KEY (id);":                  Index,
		"ALTER TABLE ONLY t ADD CONSTRAINT e EXCLUDE USING gist (r WITH &&);":                                     Index,
		"ALTER TABLE ONLY t ADD CONSTRAINT t_pkey PRIMARY KEY USING INDEX t_pkey":                                 Index,
		"CREATE UNIQUE INDEX t_pkey ON public.t USING btree (id)":                                                 Index,
		"ALTER INDEX public.p ATTACH PARTITION public.c;":                                                         Index,
		"ALTER TABLE ONLY public.t\n    ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES public.u(id);":                ForeignKey,
		"SET search_path TO ''; ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES u(id) NOT VALID":        ForeignKey,
		"ALTER TABLE public.t VALIDATE CONSTRAINT f":                                                              ForeignKey,
		"SELECT pg_catalog.set_config('random_page_cost', '1', true); ALTER TABLE public.t VALIDATE CONSTRAINT f": ForeignKey,
		"ALTER TABLE ONLY t ADD CONSTRAINT c CHECK (a > 0);":                                                      Other,
		"VACUUM (FREEZE) public.t":                                                                                Vacuum,
		"ANALYZE public.t":                                                                                        Vacuum,
		"REFRESH MATERIALIZED VIEW public.m;":                                                                     MatView,
		`"lowrite" (OID 955)`:                                                                                     LargeObject,
		"CREATE FUNCTION f() RETURNS void AS $$ ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES u; $$":               Other,
		"BEGIN": Other,
		"":      Other,
	} {
		if got := PhaseOf(sql); got != want {
			t.Errorf("%q: phase %q, want %q", sql, got, want)
		}
	}
}

func TestMeasure(t *testing.T) {
	s := func(start, end int, step bool) Statement {
		return Statement{Start: time.Duration(start) * time.Second, End: time.Duration(end) * time.Second, CPU: time.Second, Read: 10, Step: step}
	}
	// 10–14 and, over them, 11–13 and 12–15; nothing until 20; 20–21.
	got := Measure([]Statement{s(12, 15, true), s(11, 13, true), s(20, 21, false), s(10, 14, true)})
	if want := (Work{Statements: 3, Sum: 10, Span: 11, Busy: 6, CPU: 4, Read: 40}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := Measure(nil); got != (Work{}) {
		t.Errorf("of nothing: %+v", got)
	}
}

func TestByPhase(t *testing.T) {
	all := []Statement{
		{End: time.Second, SQL: "COPY a FROM stdin", Step: true},
		{End: time.Second, SQL: "COPY b FROM stdin", Step: true},
		{End: time.Second, SQL: "ALTER TABLE a ADD CONSTRAINT self FOREIGN KEY (i) REFERENCES a (j) NOT VALID", Step: true},
		{End: time.Second, SQL: "ALTER TABLE a VALIDATE CONSTRAINT self", Step: true},
		{End: time.Second, SQL: "ALTER TABLE a VALIDATE CONSTRAINT another", Step: true},
		{End: time.Second, SQL: "COMMENT ON CONSTRAINT self ON a IS 'FOREIGN KEY'", Step: true},
	}
	got := ByPhase(all)
	for phase, want := range map[Phase]int{Copy: 2, ForeignKey: 3, Other: 1, Index: 0} {
		if n := got[phase].Statements; n != want {
			t.Errorf("%s: %d statements, want %d", phase, n, want)
		}
	}
	if got := Measure(OfConstraint(all, "self")).Statements; got != 2 {
		t.Errorf("%d statements are of constraint self, want 2", got)
	}
}

// TestParts: definitions sent as one are several statements, what only goes with one is not.
func TestParts(t *testing.T) {
	for sql, want := range map[string][]Phase{
		"CREATE TABLE a ();\n\n\n;ALTER TABLE a OWNER TO b;\n;INSERT INTO pgarc_journal.done (step, part) VALUES ('1', 0), ('1', 1);": {Other, Other},
		"CREATE INDEX i ON a (b);\n;ALTER TABLE ONLY a ADD CONSTRAINT f FOREIGN KEY (b) REFERENCES c(d);":                             {Index, ForeignKey},
		"CREATE INDEX i ON a (b);\n\nALTER TABLE a CLUSTER ON i;\n;INSERT INTO pgarc_journal.done VALUES ('1', 0);":                   {Index},
		"TRUNCATE TABLE ONLY a; COPY a FROM stdin WITH (FREEZE);\n;INSERT INTO pgarc_journal.done VALUES ('1', 0);":                   {Copy},
		"INSERT INTO pgarc_journal.done VALUES ('1', 0);":                                                                             {Other},
	} {
		whole := Statement{Start: time.Second, End: 3 * time.Second, CPU: time.Second, Read: 10, SQL: sql, Step: true}
		var got []Phase
		parts := whole.Parts()
		for _, s := range parts {
			got = append(got, PhaseOf(s.SQL))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: phases %q, want %q", sql, got, want)
		}
		if w := Measure(parts); w.Sum != 2 || w.Span != 2 || w.Busy != 2 || w.CPU != 1 || w.Read != 10 {
			t.Errorf("%q: the parts together are %+v", sql, w)
		}
	}
}
