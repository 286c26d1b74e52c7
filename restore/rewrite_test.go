package restore

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pgarc/pgarc/toc"
)

// social is two tables with keys, an index that is more than a CREATE INDEX,
// and foreign keys: one to the other table, one to its own.
const social = `
	1 TABLE accounts
	2 TABLE statuses
	3 TABLE DATA accounts  deps=1 data=500000
	4 TABLE DATA statuses  deps=2 data=900000
	5 CONSTRAINT accounts accounts_pkey  deps=1 defn=ALTER TABLE ONLY s.accounts ADD CONSTRAINT accounts_pkey PRIMARY KEY (id);
	6 CONSTRAINT statuses statuses_pkey  deps=2 defn=ALTER TABLE ONLY s.statuses ADD CONSTRAINT statuses_pkey PRIMARY KEY (id);
	7 INDEX by_uri  deps=2 defn=CREATE UNIQUE INDEX by_uri ON s.statuses USING btree (uri); ALTER TABLE s.statuses CLUSTER ON by_uri; ALTER TABLE ONLY s.statuses REPLICA IDENTITY USING INDEX by_uri;
	8 FK CONSTRAINT statuses by_account  deps=1,2,5 defn=ALTER TABLE ONLY s.statuses ADD CONSTRAINT by_account FOREIGN KEY (account_id) REFERENCES s.accounts(id) ON DELETE CASCADE;
	9 FK CONSTRAINT statuses by_reply    deps=2,6 defn=ALTER TABLE ONLY s.statuses ADD CONSTRAINT by_reply FOREIGN KEY (reply) REFERENCES s.statuses(id) NOT VALID;
	10 FK CONSTRAINT statuses by_reblog  deps=2,6 defn=ALTER TABLE ONLY s.statuses ADD CONSTRAINT by_reblog FOREIGN KEY (reblog) REFERENCES s.statuses(id);`

// steps lists the steps after the data: place, action, entry, what it waits
// for, locks, SQL.
func steps(p *Plan) string {
	var b strings.Builder
	for _, s := range p.Steps {
		if s.Phase < PhaseMain {
			continue
		}
		fmt.Fprintf(&b, "%d %s %s", s.ID, s.Action, s.Entry.Tag)
		for _, d := range s.Deps {
			if p.Steps[d].Phase >= PhaseMain {
				fmt.Fprintf(&b, " <%d", d)
			}
		}
		for _, l := range s.Locks {
			fmt.Fprintf(&b, ", %s %s", l.Relation.Name, l.Mode)
		}
		for _, st := range s.Statements {
			fmt.Fprintf(&b, "\n\t%s", strings.TrimSpace(st.SQL))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestRewrites(t *testing.T) {
	for _, c := range []struct {
		name string
		opts Options
		want string
	}{
		{"all", Options{ServerVersion: 150000}, `2 copy accounts, accounts ROW EXCLUSIVE, accounts ACCESS EXCLUSIVE
	COPY s.accounts (id) FROM stdin;
	VACUUM (INDEX_CLEANUP OFF, TRUNCATE OFF, PROCESS_TOAST OFF) s.accounts;
3 copy statuses, statuses ROW EXCLUSIVE, statuses ACCESS EXCLUSIVE
	COPY s.statuses (id) FROM stdin;
	VACUUM (INDEX_CLEANUP OFF, TRUNCATE OFF, PROCESS_TOAST OFF) s.statuses;
4 create accounts accounts_pkey <2, accounts SHARE
	CREATE UNIQUE INDEX accounts_pkey ON s.accounts USING btree (id);
5 attach accounts accounts_pkey <2 <4, accounts ACCESS EXCLUSIVE, accounts_pkey SHARE UPDATE EXCLUSIVE
	ALTER TABLE ONLY s.accounts ADD CONSTRAINT accounts_pkey PRIMARY KEY USING INDEX accounts_pkey;
6 create statuses statuses_pkey <3, statuses SHARE
	CREATE UNIQUE INDEX statuses_pkey ON s.statuses USING btree (id);
7 attach statuses statuses_pkey <3 <6, statuses ACCESS EXCLUSIVE, statuses_pkey SHARE UPDATE EXCLUSIVE
	ALTER TABLE ONLY s.statuses ADD CONSTRAINT statuses_pkey PRIMARY KEY USING INDEX statuses_pkey;
8 create by_uri <3, statuses SHARE
	CREATE UNIQUE INDEX by_uri ON s.statuses USING btree (uri);
9 mark by_uri <3 <6 <8, statuses SHARE UPDATE EXCLUSIVE, by_uri SHARE UPDATE EXCLUSIVE
	ALTER TABLE s.statuses CLUSTER ON by_uri;
10 mark by_uri <3 <6 <8 <9, statuses ACCESS EXCLUSIVE, by_uri ACCESS EXCLUSIVE
	ALTER TABLE ONLY s.statuses REPLICA IDENTITY USING INDEX by_uri;
11 create statuses by_account <2 <3 <4 <5, accounts SHARE ROW EXCLUSIVE, statuses SHARE ROW EXCLUSIVE
	ALTER TABLE ONLY s.statuses ADD CONSTRAINT by_account FOREIGN KEY (account_id) REFERENCES s.accounts(id) ON DELETE CASCADE NOT VALID;
12 validate statuses by_account <2 <3 <4 <5 <11, accounts ROW SHARE, statuses SHARE UPDATE EXCLUSIVE
	ALTER TABLE ONLY s.statuses VALIDATE CONSTRAINT by_account;
13 create statuses by_reply <3 <6 <7, statuses SHARE ROW EXCLUSIVE
	ALTER TABLE ONLY s.statuses ADD CONSTRAINT by_reply FOREIGN KEY (reply) REFERENCES s.statuses(id) NOT VALID;
14 create statuses by_reblog <3 <6 <7, statuses SHARE ROW EXCLUSIVE
	ALTER TABLE ONLY s.statuses ADD CONSTRAINT by_reblog FOREIGN KEY (reblog) REFERENCES s.statuses(id) NOT VALID;
15 validate statuses by_reblog <3 <6 <7 <14, statuses SHARE UPDATE EXCLUSIVE
	ALTER TABLE ONLY s.statuses VALIDATE CONSTRAINT by_reblog;
`},
		{"none", Options{Without: AllRewrites, ServerVersion: 150000}, `2 copy accounts, accounts ROW EXCLUSIVE
	COPY s.accounts (id) FROM stdin;
3 copy statuses, statuses ROW EXCLUSIVE
	COPY s.statuses (id) FROM stdin;
4 create accounts accounts_pkey <2, accounts ACCESS EXCLUSIVE
	ALTER TABLE ONLY s.accounts ADD CONSTRAINT accounts_pkey PRIMARY KEY (id);
5 create statuses statuses_pkey <3, statuses ACCESS EXCLUSIVE
	ALTER TABLE ONLY s.statuses ADD CONSTRAINT statuses_pkey PRIMARY KEY (id);
6 create by_uri <3, statuses ACCESS EXCLUSIVE
	CREATE UNIQUE INDEX by_uri ON s.statuses USING btree (uri); ALTER TABLE s.statuses CLUSTER ON by_uri; ALTER TABLE ONLY s.statuses REPLICA IDENTITY USING INDEX by_uri;
7 create statuses by_account <2 <3 <4, accounts SHARE ROW EXCLUSIVE, statuses SHARE ROW EXCLUSIVE
	ALTER TABLE ONLY s.statuses ADD CONSTRAINT by_account FOREIGN KEY (account_id) REFERENCES s.accounts(id) ON DELETE CASCADE;
8 create statuses by_reply <3 <5, statuses SHARE ROW EXCLUSIVE
	ALTER TABLE ONLY s.statuses ADD CONSTRAINT by_reply FOREIGN KEY (reply) REFERENCES s.statuses(id) NOT VALID;
9 create statuses by_reblog <3 <5, statuses SHARE ROW EXCLUSIVE
	ALTER TABLE ONLY s.statuses ADD CONSTRAINT by_reblog FOREIGN KEY (reblog) REFERENCES s.statuses(id);
`},
	} {
		if got := steps(makePlan(t, social, c.opts)); got != c.want {
			t.Errorf("%s: steps are\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

// TestRewriteVersions: what a server cannot do is not asked of it.
func TestRewriteVersions(t *testing.T) {
	const partitionedChild = `
	1 TABLE parent
	2 TABLE root defn=CREATE TABLE s.root (id int) PARTITION BY RANGE (id);
	3 TABLE leaf
	4 TABLE ATTACH leaf deps=2,3
	5 TABLE DATA leaf deps=3 data=900000
	6 CONSTRAINT root root_pkey deps=2 defn=ALTER TABLE ONLY s.root ADD CONSTRAINT root_pkey PRIMARY KEY (id);
	7 CONSTRAINT leaf leaf_pkey deps=3,6 defn=ALTER TABLE ONLY s.leaf ADD CONSTRAINT leaf_pkey PRIMARY KEY (id);
	8 FK CONSTRAINT root fk deps=1,2 defn=ALTER TABLE s.root ADD CONSTRAINT fk FOREIGN KEY (id) REFERENCES s.parent(id);
	9 FK CONSTRAINT parent back deps=1,2,6 defn=ALTER TABLE ONLY s.parent ADD CONSTRAINT back FOREIGN KEY (id) REFERENCES s.root(id);`
	for _, c := range []struct {
		version, fkSteps, leafKeySteps int
		vacuum                         string
	}{
		{0, 2, 2, ""},
		{130000, 2, 2, ""},
		{170000, 2, 2, "VACUUM (INDEX_CLEANUP OFF, TRUNCATE OFF, PROCESS_TOAST OFF, SKIP_DATABASE_STATS) s.leaf;"},
		{180000, 4, 1, "VACUUM (INDEX_CLEANUP OFF, TRUNCATE OFF, PROCESS_TOAST OFF, SKIP_DATABASE_STATS) s.leaf;"},
	} {
		p := makePlan(t, partitionedChild, Options{ServerVersion: c.version})
		fk, leafKey, vacuum := 0, 0, ""
		for _, s := range p.Steps {
			if s.Entry.Kind == toc.FKConstraint {
				fk++
			}
			if s.Entry.Tag == "leaf leaf_pkey" {
				leafKey++
			}
			if s.Entry.Tag == "root root_pkey" && s.Action != ActionCreate {
				t.Errorf("version %d: the key of a partitioned table is taken apart: %v", c.version, s)
			}
			for _, st := range s.Statements {
				if s.Action == ActionCopy && st.Role == RoleTidy {
					vacuum = strings.TrimSpace(st.SQL)
				}
			}
		}
		if fk != c.fkSteps || leafKey != c.leafKeySteps || vacuum != c.vacuum {
			t.Errorf("version %d: %d steps for the foreign keys, want %d; %d for the partition's key, want %d; after COPY %q, want %q",
				c.version, fk, c.fkSteps, leafKey, c.leafKeySteps, vacuum, c.vacuum)
		}
	}
}

// TestAnalyze: what a refresh reads is analyzed before it, all last if wanted, and
// nothing for which the archive brings statistics.
func TestAnalyze(t *testing.T) {
	p := makePlan(t, `
	1 TABLE a
	2 TABLE b
	3 TABLE c
	4 VIEW v deps=a,1
	5 MATERIALIZED VIEW mv deps=4
	6 TABLE DATA a deps=1 data=10
	7 TABLE DATA b deps=2 data=10
	8 TABLE DATA c deps=3 data=10
	9 STATISTICS DATA c deps=3
	10 MATERIALIZED VIEW DATA mv deps=5`, Options{Analyze: true})
	var got []string
	for _, s := range p.Steps {
		if s.Action == ActionAnalyze || s.Entry.Kind == toc.MaterializedViewData {
			got = append(got, fmt.Sprintf("%s: %s %s %v", s.Phase, s.Action, s.Entry.Tag, len(s.Deps)))
		}
	}
	want := "refresh: analyze a 1; refresh: create mv 2; analyze: analyze a 1; analyze: analyze b 1"
	if s := strings.Join(got, "; "); s != want {
		t.Errorf("steps %s\nwant  %s", s, want)
	}
}

// TestSmallTables: what is done with a small table is sent ahead. A table of which the archive has no data may be
// large, unless the restore makes it.
func TestSmallTables(t *testing.T) {
	const table = `
	1 TABLE t
	2 TABLE DATA t  deps=1 data=SIZE
	3 CONSTRAINT t t_pkey  deps=1 defn=ALTER TABLE ONLY s.t ADD CONSTRAINT t_pkey PRIMARY KEY (id);
	4 INDEX by_name  deps=1 defn=CREATE INDEX by_name ON s.t USING btree (name);`
	without := strings.ReplaceAll(table, "2 TABLE DATA t  deps=1 data=SIZE", "")
	postData := toc.Selection{Sections: []toc.Section{toc.SectionPostData}}
	for _, tt := range []struct {
		name, text string
		sel        toc.Selection
		want       string // of each step, what it does and whether it is quick or frozen
	}{
		{"empty", strings.ReplaceAll(table, "SIZE", "40"), toc.Selection{}, "create quick, copy quick, create quick, attach quick, create quick"},
		{"some rows", strings.ReplaceAll(table, "SIZE", "20000"), toc.Selection{}, "create quick, copy frozen quick, create quick, attach quick, create quick"},
		{"many rows", strings.ReplaceAll(table, "SIZE", "90000"), toc.Selection{}, "create quick, copy frozen, create, attach quick, create"},
		{"of unknown size", strings.ReplaceAll(table, "SIZE", "-1"), toc.Selection{}, "create quick, copy frozen, create, attach quick, create"},
		{"made without data", without, toc.Selection{}, "create quick, create quick, attach quick, create quick"},
		{"there before", without, postData, "create, attach quick, create"},
		{"there before, and known to be small", strings.ReplaceAll(table, "SIZE", "40"), postData, "create quick, attach quick, create quick"},
	} {
		var got []string
		for _, s := range makePlan(t, tt.text, Options{Selection: tt.sel, ServerVersion: 150000}).Steps {
			text := s.Action.String()
			if s.Freeze {
				text += " frozen"
			}
			if s.Quick {
				text += " quick"
			}
			got = append(got, text)
		}
		if strings.Join(got, ", ") != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, strings.Join(got, ", "), tt.want)
		}
	}
}
