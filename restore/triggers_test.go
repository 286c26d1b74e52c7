package restore

import (
	"slices"
	"testing"
)

// A partition's trigger is cloned from its root's, which waits for all data;
// the archive does not say that disabling the clone comes after.
func TestCloneTriggersFirst(t *testing.T) {
	p := makePlan(t, `
	1 TABLE root           defn=CREATE TABLE s.root (id int) PARTITION BY RANGE (id);
	2 TABLE mid            defn=CREATE TABLE s.mid (id int) PARTITION BY RANGE (id);
	3 TABLE leaf
	4 TABLE ATTACH mid     deps=1,2
	5 TABLE ATTACH leaf    deps=2,3
	6 TABLE DATA leaf      deps=3
	7 TRIGGER leaf off     deps=3 defn=ALTER TABLE s.leaf DISABLE TRIGGER off;
	8 TRIGGER leaf own     deps=3
	9 TRIGGER root off     deps=1
	10 TRIGGER root other  deps=1`, Options{})
	steps := make(map[string]*Step)
	for _, s := range p.Steps {
		steps[s.Entry.Tag] = s
	}
	first := steps["root off"].ID
	if s := steps["leaf off"]; !slices.Contains(s.Deps, first) || !slices.Contains(s.Requires, first) {
		t.Errorf("%v waits for %v and requires %v, want %v in both", s, s.Deps, s.Requires, first)
	}
	if s := steps["leaf own"]; slices.Contains(s.Deps, first) {
		t.Errorf("%v waits for %v, which has nothing to do with it", s, p.Steps[first])
	}
}

// With -S, triggers are disabled as that role, and the data loaded as the user
// before: who connected, or with SessionAuthorization the owner.
func TestDisableTriggersAs(t *testing.T) {
	const off, on = "ALTER TABLE s.t DISABLE TRIGGER ALL;\n\n", "ALTER TABLE s.t ENABLE TRIGGER ALL;\n\n"
	as := func(user string) string { return "SET SESSION AUTHORIZATION " + user + ";\n\n" }
	for _, test := range []struct {
		opts          Options
		before, after []string
	}{
		{Options{}, []string{off}, []string{on}},
		{Options{Superuser: "su"}, []string{as("'su'"), off, as("DEFAULT")}, []string{as("'su'"), on, as("DEFAULT")}},
		{Options{Superuser: "su", Role: "r"}, []string{as("'su'"), off, as("DEFAULT"), "SET ROLE r;"}, []string{as("'su'"), on, as("DEFAULT"), "SET ROLE r;"}},
		{Options{Superuser: "su", Role: "r", SessionAuthorization: true}, []string{as("'su'"), off, as("'joe'")}, []string{as("'su'"), on, as("'joe'")}},
		{Options{SessionAuthorization: true}, []string{as("DEFAULT"), off, as("'joe'")}, []string{as("DEFAULT"), on, as("'joe'")}},
		{Options{SessionAuthorization: true, NoOwner: true}, []string{off}, []string{on}},
	} {
		test.opts.DisableTriggers, test.opts.Selection.DataOnly, test.opts.Without = true, true, AllRewrites
		made := parseTOC(t, "1 TABLE t\n2 TABLE DATA t deps=1")
		made.StdStrings = true
		made.Entries[1].Owner.String, made.Entries[1].Owner.Valid = "joe", true
		p, err := NewPlan(test.opts.Selection.Apply(made), test.opts)
		if err != nil || len(p.Steps) != 1 {
			t.Fatalf("%+v: plan %v, %v", test.opts, p, err)
		}
		var before, after []string
		for _, s := range p.Steps[0].Statements {
			switch s.Role {
			case RoleBefore:
				before = append(before, s.SQL)
			case RoleAfter:
				after = append(after, s.SQL)
			}
		}
		if !slices.Equal(before, test.before) || !slices.Equal(after, test.after) {
			t.Errorf("-S %q --role %q, as owners %v, no owner %v:\nbefore %q, want %q\nafter  %q, want %q", test.opts.Superuser, test.opts.Role,
				test.opts.SessionAuthorization, test.opts.NoOwner, before, test.before, after, test.after)
		}
	}
}
