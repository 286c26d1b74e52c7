package main

import (
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/pgarc/pgarc/toc"
)

// parseRestore parses the options of pgarc restore.
func parseRestore(t *testing.T, args ...string) *restoreOptions {
	t.Helper()
	var o restoreOptions
	fs := pflag.NewFlagSet("restore", pflag.ContinueOnError)
	o.addFlags(fs)
	if err := fs.Parse(args); err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	return &o
}

func TestSelectionFlags(t *testing.T) {
	tests := []struct {
		args string
		want toc.Selection
	}{
		{"", toc.Selection{}},
		{"-n a --schema b,c", toc.Selection{Schemas: []string{"a", "b,c"}}},
		{"-N a --exclude-schema b", toc.Selection{ExcludeSchemas: []string{"a", "b"}}},
		{"-t a --table b", toc.Selection{Tables: []string{"a", "b"}}},
		{"-I a --index b", toc.Selection{Indexes: []string{"a", "b"}}},
		{"-P f(integer,text) --function g()", toc.Selection{Functions: []string{"f(integer,text)", "g()"}}},
		{"-T a --trigger b", toc.Selection{Triggers: []string{"a", "b"}}},
		{"-a", toc.Selection{DataOnly: true}}, {"--data-only", toc.Selection{DataOnly: true}},
		{"-s", toc.Selection{SchemaOnly: true}}, {"--schema-only", toc.Selection{SchemaOnly: true}},
		{"--statistics-only", toc.Selection{StatisticsOnly: true}},
		{"--statistics", toc.Selection{Statistics: true}},
		{"--no-data", toc.Selection{NoData: true}},
		{"--no-schema", toc.Selection{NoSchema: true}},
		{"--no-statistics", toc.Selection{NoStatistics: true}},
		{"--section data --section=post-data", toc.Selection{Sections: []toc.Section{toc.SectionData, toc.SectionPostData}}},
		{"--section pre-data", toc.Selection{Sections: []toc.Section{toc.SectionPreData}}},
		{"-C", toc.Selection{Create: true}}, {"--create", toc.Selection{Create: true}},
		{"-x", toc.Selection{NoPrivileges: true}}, {"--no-privileges", toc.Selection{NoPrivileges: true}},
		{"--no-acl", toc.Selection{NoPrivileges: true}},
		{"--no-comments", toc.Selection{NoComments: true}},
		{"--no-policies", toc.Selection{NoPolicies: true}},
		{"--no-publications", toc.Selection{NoPublications: true}},
		{"--no-subscriptions", toc.Selection{NoSubscriptions: true}},
		{"--no-security-labels", toc.Selection{NoSecurityLabels: true}},
		{"--exclude-table a --exclude-table b", toc.Selection{ExcludeTables: []string{"a", "b"}}},
		{"--exclude-table-data a,b", toc.Selection{ExcludeTableData: []string{"a,b"}}},
		{"--exclude-index a", toc.Selection{ExcludeIndexes: []string{"a"}}},
		{"--exclude-function f()", toc.Selection{ExcludeFunctions: []string{"f()"}}},
		{"--exclude-trigger a", toc.Selection{ExcludeTriggers: []string{"a"}}},
		{"--exclude-extension a", toc.Selection{ExcludeExtensions: []string{"a"}}},
		{"--exclude-type fk,table-data --exclude-type trigger",
			toc.Selection{ExcludeKinds: []toc.Kind{toc.FKConstraint, toc.TableData, toc.Trigger}}},
		{"--with-deps", toc.Selection{WithDeps: true}},
		{"--with-dependents", toc.Selection{WithDependents: true}},
	}
	for _, tt := range tests {
		o := parseRestore(t, append(strings.Fields(tt.args), "-d", "x")...)
		if err := o.check(); err != nil {
			t.Errorf("%s: %v", tt.args, err)
			continue
		}
		tt.want.Patterns = true
		got, warnings, err := o.selection.selection(testTOC(t))
		if err != nil || len(warnings) > 0 || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s:\n got %+v, %q, %v\nwant %+v", tt.args, got, warnings, err, tt.want)
		}
	}
}

// testTOC is a small archive's.
func testTOC(t *testing.T) *toc.TOC {
	t.Helper()
	list, err := toc.New([]*toc.Entry{
		{ID: 5, Kind: toc.Schema, Tag: "app", Section: toc.SectionPreData, Defn: "CREATE SCHEMA app;\n"},
		{ID: 7, Kind: toc.Table, Tag: "accounts", Namespace: "app", Section: toc.SectionPreData, Defn: "CREATE TABLE app.accounts ();\n"},
		{ID: 8, Kind: toc.Function, Tag: "grow(integer)", Namespace: "app", Section: toc.SectionPreData, Defn: "CREATE FUNCTION …;\n"},
		{ID: 9, Kind: toc.Index, Tag: "accounts_idx", Namespace: "app", Section: toc.SectionPostData, Defn: "CREATE INDEX …;\n", Deps: []toc.DumpID{7}},
		{ID: 10, Kind: toc.Trigger, Tag: "accounts stamp", Namespace: "app", Section: toc.SectionPostData, Defn: "CREATE TRIGGER …;\n", Deps: []toc.DumpID{7}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestListFile(t *testing.T) {
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "good"), filepath.Join(dir, "bad")
	write(t, good, "; a comment\n9; 1259 1 INDEX app accounts_idx me\nnonsense\n7; again\n")
	write(t, bad, "6;\n")

	s := selectionFlags{listFile: good}
	got, warnings, err := s.selection(testTOC(t))
	if err != nil || !got.UseList || !reflect.DeepEqual(got.List, []toc.DumpID{9, 7}) {
		t.Errorf("list %v, %v; want [9 7]", got.List, err)
	}
	if len(warnings) != 1 || !strings.HasSuffix(warnings[0], "line ignored: nonsense") {
		t.Errorf("warnings %q", warnings)
	}
	for file, want := range map[string]string{bad: "could not find entry for ID 6", filepath.Join(dir, "none"): "no such file"} {
		s := selectionFlags{listFile: file}
		if _, _, err := s.selection(testTOC(t)); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: error %v, want %q with the file's name", file, err, want)
		}
	}
}

// Of what pg_restore would pass over in silence, a name that nothing has is a
// warning. What pg_restore does not know makes it an error.
func TestUnmatchedNames(t *testing.T) {
	const warning, failure, nothing = "warning", "error", ""
	tests := []struct {
		args, outcome string
		want, hint    string
	}{
		{"-n ap", warning, `no schema "ap" in the archive`, `"app"`},
		{"-t acounts", warning, `no table "acounts" in the archive`, `"accounts"`},
		{"-I accounts_id", warning, `no index "accounts_id" in the archive`, `"accounts_idx"`},
		{"-P grows", warning, `no function "grows" in the archive`, `"grow"`},
		{"-P grow(int)", warning, `no function "grow(int)" in the archive`, `"grow(integer)"`},
		{"-T stam", warning, `no trigger "stam" in the archive`, `"stamp"`},
		{"-N nowhere", nothing, "", ""},

		{"-t app.acounts", failure, `no table "app.acounts" in the archive`, `"accounts"`},
		{"-t acounts*", failure, `no table "acounts*" in the archive`, `"accounts"`},
		{"-n ap? -n apq?", failure, `no schema "apq?" in the archive`, `"app"`},
		{"-N x*", failure, `no schema "x*" in the archive`, "pgarc ls"},
		{"-t acounts --with-deps", failure, `no table "acounts" in the archive`, `"accounts"`},
		{"-t acounts --exclude-type fk", failure, `no table "acounts" in the archive`, `"accounts"`},
		{"--exclude-table acounts", failure, `no table "acounts" in the archive`, `"accounts"`},
		{"--exclude-extension postgis", failure, `no extension "postgis" in the archive`, "pgarc ls"},
		{"-t acounts* --allow-empty", warning, `no table "acounts*" in the archive`, `"accounts"`},
		{"--exclude-table acounts --allow-empty", warning, `no table "acounts" in the archive`, `"accounts"`},
		{"-t acounts --strict-names", failure, `no table "acounts" in the archive`, `"accounts"`},

		{"-t accounts", nothing, "", ""}, {"-t app.accounts", nothing, "", ""}, {"-t acc* -n a*", nothing, "", ""},
		{"-P grow", nothing, "", ""}, {"-T stamp", nothing, "", ""}, {"--exclude-table accounts", nothing, "", ""},
		{"--exclude-type policy", nothing, "", ""}, // there is such a type
	}
	for _, tt := range tests {
		o := parseRestore(t, append(strings.Fields(tt.args), "-d", "x")...)
		sel, _, err := o.selection.selection(testTOC(t))
		if err != nil {
			t.Fatal(err)
		}
		warnings, err := o.selection.checkNames(sel.Apply(testTOC(t)))
		outcome, text := nothing, ""
		if err != nil {
			var unknown *unknownNameError
			errors.As(err, &unknown)
			outcome, text = failure, err.Error()+": "+unknown.hint()
		} else if len(warnings) > 0 {
			outcome, text = warning, strings.Join(warnings, "\n")
		}
		if outcome != tt.outcome || !strings.HasPrefix(text, tt.want) || !strings.Contains(text, tt.hint) {
			t.Errorf("%s: got %q %q; want %q %q and %s", tt.args, outcome, text, tt.outcome, tt.want, tt.hint)
		}
	}
}

// The texts are pg_restore's, where it has one (restore-semantics.md 1.3).
func TestRestoreConflicts(t *testing.T) {
	together := func(a, b string) string { return "options " + a + " and " + b + " cannot be used together" }
	tests := []struct{ args, want string }{
		{"", "no database to restore into: -d/--dbname is missing"},
		{"-s -a -d x", together("-s/--schema-only", "-a/--data-only")},
		{"-s --statistics-only -d x", together("-s/--schema-only", "--statistics-only")},
		{"-a --statistics-only -d x", together("-a/--data-only", "--statistics-only")},
		{"-a --no-data -d x", together("-a/--data-only", "--no-data")},
		{"-s --no-schema -d x", together("-s/--schema-only", "--no-schema")},
		{"--statistics-only --no-statistics -d x", together("--statistics-only", "--no-statistics")},
		{"--statistics --no-statistics -d x", together("--statistics", "--no-statistics")},
		{"-a --statistics -d x", together("-a/--data-only", "--statistics")},
		{"-s --statistics -d x", together("-s/--schema-only", "--statistics")},
		{"-c -a -d x", together("-c/--clean", "-a/--data-only")},
		{"--if-exists -d x", "option --if-exists requires option -c/--clean"},
		{"-C -1 -d x", together("-C/--create", "-1/--single-transaction")},
		{"-1 -j 2 -d x", "cannot specify both --single-transaction and multiple jobs"},
		{"-j 0 -d x", "-j/--jobs must be at least 1"},
		{"-q -v -d x", together("-q/--quiet", "-v/--verbose")},
		{"--dry-run --scratch", together("--dry-run", "--scratch")},
		{"--dry-run --scratch-run true", together("--dry-run", "--scratch-run")},
		{"--scratch -h x", together("--scratch", "-h/--host")},
		{"--scratch -p 1", together("--scratch", "-p/--port")},
		{"--scratch -U x", together("--scratch", "-U/--username")},
		{"--scratch -W", together("--scratch", "-W/--password")},
		{"--scratch -d postgres:///x", "with --scratch, -d is the name of the database to make"},
		{"--strict-names --allow-empty -d x", together("--strict-names", "--allow-empty")},
		{"--section data --section all -d x", `unknown section "all"`},
		{"-F p -d x", `unrecognized archive format "p"`},
		{"-w -W -d x", together("-w/--no-password", "-W/--password")},
		{"-f out.sql -d x", together("-d/--dbname", "-f/--file")},
		{"-d x --restrict-key k", together("-d/--dbname", "--restrict-key")},
		{"-f - --restrict-key k;", "invalid restrict key"},
		{"-f - --restrict-key=", "invalid restrict key"},
		{"-f - --dry-run", together("-f/--file", "--dry-run")},
		{"-l --scratch", together("-l/--list", "--scratch")},
		{"-1 --transaction-size 10 -f -", together("-1/--single-transaction", "--transaction-size")},
		{"--transaction-size 0 -f -", "--transaction-size must be at least 1"},
		{"--transaction-size 10 -d x", ""},

		{"--restrict-key k", "--restrict-key is not supported with a connection"},

		{"-l", ""}, {"-l -d x", ""}, {"-l -v -f list", ""}, {"-f out.sql", ""}, {"-R -d x", ""}, {"--use-set-session-authorization -d x", ""},
		{"-f - --transaction-size 10 --use-set-session-authorization --restrict-key k -S x -j 4", ""},
		{"-1 -j 1 -d x", ""}, {"-1 -d x", ""}, {"-Fc -d x", ""}, {"--format=directory -d x", ""},
		{"--dry-run", ""}, {"--scratch", ""}, {"--scratch-run true", ""}, {"--scratch -d name -j 4", ""},
		{"-c --if-exists -C -d x", ""}, {"-s=false -a -d x", ""},
	}
	for _, tt := range tests {
		err := parseRestore(t, strings.Fields(tt.args)...).check()
		if tt.want == "" {
			if err != nil {
				t.Errorf("%s: %v", tt.args, err)
			}
			continue
		}
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s: got error %v, want %q", tt.args, err, tt.want)
		} else if exitCode(err) != exitUsage {
			t.Errorf("%s: exit status %d, want %d", tt.args, exitCode(err), exitUsage)
		}
	}
}
