package restore

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pgarc/pgarc/toc"
)

// partitioned is a table of two levels of partitions, with the key, index,
// trigger and foreign key that pg_dump writes for it, and a plain table.
const partitioned = `
	1 TABLE root              defn=CREATE TABLE s.root (id int) PARTITION BY RANGE (id);
	2 TABLE mid               defn=CREATE TABLE s.mid (id int) PARTITION BY RANGE (id);
	3 TABLE leaf
	4 TABLE plain
	5 TABLE ATTACH mid        deps=1,2
	6 TABLE ATTACH leaf       deps=2,3
	7 TABLE DATA leaf         deps=3 data=5000
	8 TABLE DATA plain        deps=4 data=9000
	9 CONSTRAINT root root_pkey   deps=1
	10 CONSTRAINT mid mid_pkey    deps=2,9
	11 CONSTRAINT leaf leaf_pkey  deps=3,10
	12 INDEX plain_idx        deps=4
	13 INDEX ATTACH mid_pkey  deps=10,9,1,2 defn=ALTER INDEX s.root_pkey ATTACH PARTITION s.mid_pkey;
	14 INDEX ATTACH leaf_pkey deps=11,10,2,3 defn=ALTER INDEX s.mid_pkey ATTACH PARTITION s.leaf_pkey;
	15 TRIGGER root tr        deps=1
	16 FK CONSTRAINT plain fk deps=4,1,9,13,14
	17 FK CONSTRAINT root rfk deps=1,4
	18 MATERIALIZED VIEW mv
	19 ACL TABLE plain        deps=4
	20 MATERIALIZED VIEW DATA mv  deps=18
	21 EVENT TRIGGER ev
	22 COMMENT EVENT TRIGGER ev   deps=21
	23 COMMENT TABLE plain    deps=4
	24 ROW SECURITY plain     deps=4`

// parseTOC makes a TOC of lines "id KIND tag key=value…". Everything is in
// schema s; the kind decides about the section.
func parseTOC(t *testing.T, text string) *toc.TOC {
	t.Helper()
	var entries []*toc.Entry
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			entries = append(entries, parseEntry(t, line))
		}
	}
	made, err := toc.New(entries)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func parseEntry(t *testing.T, line string) *toc.Entry {
	t.Helper()
	e := &toc.Entry{Namespace: "s", DataSize: -1}
	line, defn, _ := strings.Cut(line, "defn=")
	words := strings.Fields(line)
	fmt.Sscan(words[0], &e.ID)
	words = words[1:]
	for len(words) > 0 {
		last := words[len(words)-1]
		if list, ok := strings.CutPrefix(last, "deps="); ok {
			for id := range strings.SplitSeq(list, ",") {
				var d toc.DumpID
				fmt.Sscan(id, &d)
				e.Deps = append(e.Deps, d)
			}
		} else if size, ok := strings.CutPrefix(last, "data="); ok {
			fmt.Sscan(size, &e.DataSize)
		} else {
			break
		}
		words = words[:len(words)-1]
	}
	for n := len(words) - 1; n > 0; n-- {
		if k := toc.Kind(strings.Join(words[:n], " ")); k.Known() {
			e.Kind, e.Tag = k, strings.Join(words[n:], " ")
			break
		}
	}
	if e.Kind == "" {
		t.Fatalf("no kind in %q", line)
	}
	e.Section = e.Kind.Info().Section
	e.Defn = defn
	switch {
	case e.Kind == toc.TableData:
		e.HasDumper, e.Data = true, toc.DataLocated
		e.Copy = "COPY s." + e.Tag + " (id) FROM stdin;\n"
	case defn == "":
		e.Defn = "-- " + line + "\n"
	}
	return e
}

func makePlan(t *testing.T, text string, opts Options) *Plan {
	t.Helper()
	p, err := NewPlan(opts.Selection.Apply(parseTOC(t, text)), opts)
	if err != nil {
		t.Fatal(err)
	}
	checkPlan(t, p)
	return p
}

// checkPlan checks what is true of every plan.
func checkPlan(t *testing.T, p *Plan) {
	t.Helper()
	phase := PhaseDrop
	for i, s := range p.Steps {
		if s.ID != StepID(i) {
			t.Errorf("step %d has the id %d", i, s.ID)
		}
		if s.Phase < phase {
			t.Errorf("%v of phase %v comes after phase %v", s, s.Phase, phase)
		}
		phase = s.Phase
		if !slices.IsSorted(s.Deps) || len(slices.Compact(slices.Clone(s.Deps))) != len(s.Deps) {
			t.Errorf("%v: deps %v are not sorted or repeat", s, s.Deps)
		}
		if slices.Contains(s.Deps, s.ID) {
			t.Errorf("%v waits for itself", s)
		}
		for _, r := range s.Requires {
			if !slices.Contains(s.Deps, r) {
				t.Errorf("%v requires %v without waiting for it", s, p.Steps[r])
			}
		}
	}
}

// waitsFor returns the dump ids of the post-data and data steps that the step
// of an entry waits for.
func waitsFor(p *Plan, id toc.DumpID) []toc.DumpID {
	var list []toc.DumpID
	for _, s := range p.Steps {
		if s.Entry.ID == id {
			for _, d := range s.Deps {
				if p.Steps[d].Phase >= PhaseMain {
					list = append(list, p.Steps[d].Entry.ID)
				}
			}
		}
	}
	slices.Sort(list)
	return list
}

func TestPlanDependencies(t *testing.T) {
	p := makePlan(t, partitioned, Options{})
	for _, c := range []struct {
		id    toc.DumpID
		waits []toc.DumpID
		why   string
	}{
		{7, nil, "data wait for nothing but the table"},
		{9, nil, "the key of a partitioned table is an empty shell"},
		{11, []toc.DumpID{7, 10}, "a key is made after the data of its table"},
		{12, []toc.DumpID{8}, "an index is built after the data"},
		{14, []toc.DumpID{7, 10, 11}, "the lowest index is attached first"},
		{13, []toc.DumpID{9, 10, 14}, "and then the one above"},
		{15, []toc.DumpID{7}, "a trigger would fire for rows loaded into partitions"},
		{16, []toc.DumpID{7, 8, 9, 13, 14}, "a foreign key to a partitioned table checks its partitions"},
		{17, []toc.DumpID{7, 8}, "a foreign key of a partitioned table checks its partitions"},
		{24, []toc.DumpID{8, 16, 17}, "row security would hide rows from the load, and from the check of foreign keys"},
	} {
		if got := waitsFor(p, c.id); !slices.Equal(got, c.waits) {
			t.Errorf("entry %d waits for %v, want %v: %s", c.id, got, c.waits, c.why)
		}
	}
}

func TestPlanPhases(t *testing.T) {
	p := makePlan(t, partitioned, Options{})
	got := make(map[Phase][]toc.DumpID)
	for _, s := range p.Steps {
		got[s.Phase] = append(got[s.Phase], s.Entry.ID)
	}
	for phase, want := range map[Phase][]toc.DumpID{
		PhasePreData:       {1, 2, 3, 4, 5, 6},
		PhaseMain:          {7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 23, 24},
		PhaseACL:           {19},
		PhasePostACL:       {20},
		PhaseEventTriggers: {21, 22},
	} {
		if phase == PhasePreData {
			want = append(want, 18) // by its section
		}
		if phase == PhaseMain {
			want = slices.DeleteFunc(want, func(id toc.DumpID) bool { return id == 18 })
		}
		if !slices.Equal(got[phase], want) {
			t.Errorf("phase %v has entries %v, want %v", phase, got[phase], want)
		}
	}
}

// TestPlanThroughUnselected: what is not restored still orders what is.
func TestPlanThroughUnselected(t *testing.T) {
	p := makePlan(t, `
		1 TABLE a
		2 TABLE DATA a deps=1 data=10
		3 CONSTRAINT a a_pkey deps=1
		4 FK CONSTRAINT b b_fk deps=3`,
		Options{Selection: toc.Selection{UseList: true, List: []toc.DumpID{2, 4}}})
	if got, want := waitsFor(p, 4), []toc.DumpID{2}; !slices.Equal(got, want) {
		t.Errorf("the foreign key waits for %v, want %v", got, want)
	}
	if n := len(p.Steps[1].Requires); n != 0 {
		t.Errorf("the foreign key requires %d steps, want none: its key is not restored here", n)
	}
}

// TestPlanRequires: data that fail keep no index from being built, a table
// that fails does.
func TestPlanRequires(t *testing.T) {
	p := makePlan(t, partitioned, Options{})
	var index *Step
	for _, s := range p.Steps {
		if s.Entry.ID == 12 {
			index = s
		}
	}
	if len(index.Requires) != 1 || p.Steps[index.Requires[0]].Entry.ID != 4 {
		t.Errorf("the index requires %v, want only its table", index.Requires)
	}
}

func TestLoadsViaRoot(t *testing.T) {
	for _, c := range []struct {
		namespace, tag, defn, copy string
		want                       bool
	}{
		{"s", "leaf", "", "COPY s.leaf (a) FROM stdin;\n", false},
		{"s", "leaf", "", "COPY s.root (a) FROM stdin;\n", true},
		{"s", "leaf", "", "COPY other.leaf (a) FROM stdin;\n", true},
		{"s", "leaf", "-- load via partition root s.root", "COPY s.leaf (a) FROM stdin;\n", true},
		{"s", "leaf", "", "", false},
		{"s", "leaf", "", "COPY leaf (a) FROM stdin;\n", false},
		{"s", "leaf", "", `COPY "s"."leaf" ("a") FROM stdin;` + "\n", false},
		{"s", `A "b". c`, "", `COPY s."A ""b"". c" (a) FROM stdin;` + "\n", false},
		{"s", "nocols", "", "COPY s.nocols  FROM stdin;\n", false},
	} {
		e := &toc.Entry{Kind: toc.TableData, Namespace: c.namespace, Tag: c.tag, Defn: c.defn, Copy: c.copy}
		if got := loadsViaRoot(e); got != c.want {
			t.Errorf("data of %s.%s by %q: via root %t, want %t", c.namespace, c.tag, c.copy, got, c.want)
		}
	}
}

func TestPlanViaRoot(t *testing.T) {
	p := makePlan(t, `
		1 TABLE root  defn=CREATE TABLE s.root (id int) PARTITION BY HASH (id);
		2 TABLE h0
		3 TABLE h1
		4 TABLE ATTACH h0 deps=1,2
		5 TABLE ATTACH h1 deps=1,3
		6 TABLE DATA h0 deps=2 data=10
		7 TABLE DATA h1 deps=3 data=10
		8 INDEX h0_idx deps=2`, Options{})
	if got, want := waitsFor(p, 8), []toc.DumpID{6}; !slices.Equal(got, want) {
		t.Errorf("index waits for %v, want %v", got, want)
	}
	text := parseTOC(t, `
		1 TABLE root  defn=CREATE TABLE s.root (id int) PARTITION BY HASH (id);
		2 TABLE h0
		3 TABLE h1
		4 TABLE ATTACH h0 deps=1,2
		5 TABLE ATTACH h1 deps=1,3
		6 TABLE DATA h0 deps=2 data=10
		7 TABLE DATA h1 deps=3 data=10
		8 INDEX h0_idx deps=2`)
	for _, e := range text.Entries {
		if e.Kind == toc.TableData {
			e.Copy = "COPY s.root (id) FROM stdin;\n"
		}
	}
	p, err := NewPlan(toc.Selection{}.Apply(text), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := waitsFor(p, 8), []toc.DumpID{6, 7}; !slices.Equal(got, want) {
		t.Errorf("index of a partition loaded via the root waits for %v, want %v: any of them may write into it", got, want)
	}
}

// TestPlanOldPartition: pg_dump 10 to 13 attach in the table's own definition.
func TestPlanOldPartition(t *testing.T) {
	p := makePlan(t, `
		1 TABLE root  defn=CREATE TABLE s.root (id int) PARTITION BY RANGE (id);
		2 TABLE leaf  deps=1 defn=CREATE TABLE s.leaf (id int); ALTER TABLE ONLY s.root ATTACH PARTITION s.leaf FOR VALUES FROM (1) TO (9);
		3 TABLE heir  deps=1 defn=CREATE TABLE s.heir () INHERITS (s.other);
		4 TABLE DATA leaf deps=2 data=10
		5 TABLE DATA heir deps=3 data=10
		6 TRIGGER root tr deps=1`, Options{})
	if got, want := waitsFor(p, 6), []toc.DumpID{4}; !slices.Equal(got, want) {
		t.Errorf("trigger waits for %v, want %v", got, want)
	}
}

func TestLocks(t *testing.T) {
	p := makePlan(t, partitioned+`
		30 INDEX cluster_idx deps=4 defn=CREATE INDEX cluster_idx ON s.plain (id); ALTER TABLE s.plain CLUSTER ON cluster_idx;
		31 INDEX identity_idx deps=4 defn=CREATE UNIQUE INDEX i ON s.plain (id); ALTER TABLE ONLY s.plain REPLICA IDENTITY USING INDEX i;
		32 STATISTICS st deps=4
		33 COMMENT INDEX plain_idx deps=12
		34 COMMENT CONSTRAINT fk ON plain deps=16`, Options{Without: AllRewrites})
	for _, c := range []struct {
		id   toc.DumpID
		want string
	}{
		{7, "leaf ROW EXCLUSIVE, mid ACCESS SHARE, root ACCESS SHARE"},
		{8, "plain ROW EXCLUSIVE"},
		{12, "plain SHARE"},
		{11, "leaf ACCESS EXCLUSIVE"},
		{13, "mid_pkey ACCESS EXCLUSIVE, root_pkey SHARE UPDATE EXCLUSIVE, s.mid ACCESS EXCLUSIVE, root ACCESS SHARE, mid ACCESS SHARE"},
		{14, "leaf_pkey ACCESS EXCLUSIVE, mid_pkey SHARE UPDATE EXCLUSIVE, s.leaf ACCESS EXCLUSIVE, mid ACCESS SHARE, leaf ACCESS SHARE, root ACCESS EXCLUSIVE"},
		{15, "root SHARE ROW EXCLUSIVE, mid SHARE ROW EXCLUSIVE, leaf SHARE ROW EXCLUSIVE"},
		{16, "plain SHARE ROW EXCLUSIVE, root SHARE ROW EXCLUSIVE, mid SHARE ROW EXCLUSIVE, leaf SHARE ROW EXCLUSIVE, s.mid ACCESS SHARE, s.leaf ACCESS SHARE"},
		{24, "plain ACCESS EXCLUSIVE"},
		{30, "plain SHARE, plain SHARE UPDATE EXCLUSIVE"},
		{31, "plain ACCESS EXCLUSIVE"},
		{32, "plain SHARE UPDATE EXCLUSIVE"},
		{33, "plain_idx SHARE UPDATE EXCLUSIVE"},
		{34, "plain ACCESS SHARE"},
	} {
		var got []string
		for _, s := range p.Steps {
			if s.Entry.ID == c.id {
				for _, l := range s.Locks {
					got = append(got, l.Relation.Name+" "+l.Mode.String())
				}
			}
		}
		if s := strings.Join(got, ", "); s != c.want {
			t.Errorf("entry %d locks\n\t%s, want\n\t%s", c.id, s, c.want)
		}
	}
}

func TestOrderData(t *testing.T) {
	text := `
		1 TABLE DATA child  data=10
		2 TABLE DATA middle data=10
		3 TABLE DATA parent data=10
		4 TABLE DATA x      data=10
		5 TABLE DATA y      data=10`
	r := func(name string) Relation { return Relation{"s", name} }
	p := makePlan(t, text, Options{})
	p.OrderData([]ForeignKey{
		{r("child"), r("middle")},
		{r("middle"), r("parent")},
		{r("x"), r("y")}, {r("y"), r("x")}, // a loop: one of the two is dropped
		{r("x"), r("elsewhere")},
	})
	checkPlan(t, p)
	at := make(map[string]int)
	for i, s := range p.Steps {
		at[s.Entry.Tag] = i
	}
	if !(at["parent"] < at["middle"] && at["middle"] < at["child"]) {
		t.Errorf("order %v: want parent before middle before child", at)
	}
	if got, want := waitsFor(p, 1), []toc.DumpID{2}; !slices.Equal(got, want) {
		t.Errorf("child waits for %v, want %v", got, want)
	}
}

func TestDrops(t *testing.T) {
	text := parseTOC(t, "1 TABLE a\n2 INDEX a_idx deps=1\n3 TABLE DATA a deps=1 data=1")
	for _, e := range text.Entries {
		if e.Kind != toc.TableData {
			e.Drop = toc.NewText("DROP " + string(e.Kind) + " s." + e.Tag + ";\n")
		}
	}
	p, err := NewPlan(toc.Selection{}.Apply(text), Options{Clean: true, IfExists: true})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range p.Steps {
		if s.Phase == PhaseDrop {
			got = append(got, strings.TrimSpace(s.Statements[0].SQL))
		}
	}
	want := []string{"DROP INDEX IF EXISTS s.a_idx;", "DROP TABLE IF EXISTS s.a;"}
	if !slices.Equal(got, want) {
		t.Errorf("drops %q, want %q", got, want)
	}
}

// TestPriorities: a step's priority is the cost of the longest chain from it.
func TestPriorities(t *testing.T) {
	p := &Plan{}
	for id, deps := range [][]StepID{{}, {0}, {0, 1}, {}} {
		p.Steps = append(p.Steps, &Step{ID: StepID(id), Deps: deps, Cost: float64(id + 1)})
	}
	p.setPriorities(estimated)
	for id, want := range []float64{6, 5, 3, 4} {
		if got := p.Steps[id].Priority; got != want {
			t.Errorf("priority of step %d is %v, want %v", id, got, want)
		}
	}
}

// TestIndexFactor: of the indexes of one table, the slow kinds begin first.
func TestIndexFactor(t *testing.T) {
	p := makePlan(t, `
		1 TABLE a
		2 TABLE DATA a deps=1 data=1000000
		3 INDEX a_b deps=1 defn=CREATE INDEX a_b ON s.a USING btree (b);
		4 INDEX a_t deps=1 defn=CREATE INDEX a_t ON s.a USING gin (t);
		5 INDEX a_r deps=1 defn=CREATE INDEX a_r ON s.a USING brin (r);`, Options{})
	sched := NewScheduler(p.Steps, false)
	var order []toc.DumpID
	for s, ok := sched.Next(); ok; s, ok = sched.Next() {
		order = append(order, s.Entry.ID)
		sched.Done(s.ID, OutcomeDone)
	}
	if want := []toc.DumpID{1, 2, 4, 3, 5}; !slices.Equal(order, want) {
		t.Errorf("entries in order %v, want %v", order, want)
	}
}
