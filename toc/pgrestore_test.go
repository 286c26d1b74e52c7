package toc_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/toc"
)

// TestSelectAsPgRestore compares selections with what pg_restore 18 selected
// with the same options: see testdata/select.sh.
func TestSelectAsPgRestore(t *testing.T) {
	for archive, lines := range readSelections(t) {
		t.Run(archive, func(t *testing.T) {
			contents := open(t, fixtures.Get(t, archive))
			for _, line := range lines {
				options, places, _ := strings.Cut(line, "\t")
				want := readPlaces(t, contents, places)
				s, _ := readOptions(t, contents, options)
				if got := ids(s.Apply(contents).Entries()); !slices.Equal(got, want) {
					t.Errorf("%s: pg_restore -l %s\n%s", archive, options, difference(contents, got, want))
				}
			}
		})
	}
}

// TestSelectAsInstalledPgRestore does the same with the pg_restore of this
// machine, options that it does not know aside.
func TestSelectAsInstalledPgRestore(t *testing.T) {
	program, major := pgRestore(t)
	const since18 = "--no-data --no-schema --no-statistics --statistics --statistics-only --no-policies"
	compared := 0
	selections := readSelections(t)
	for _, archive := range []string{"15/c-gzip", "9.5/c-gzip"} { // two, for it takes time
		lines := selections[archive]
		fixture := fixtures.Get(t, archive)
		if exec.Command(program, "-l", fixture.Path).Run() != nil {
			t.Logf("pg_restore %d cannot read %s", major, archive)
			continue
		}
		contents := open(t, fixture)
		for _, line := range lines {
			options, _, _ := strings.Cut(line, "\t")
			if major < 18 && slices.ContainsFunc(strings.Fields(options), func(o string) bool {
				return slices.Contains(strings.Fields(since18), o)
			}) {
				continue
			}
			s, list := readOptions(t, contents, options)
			args := splitWords(t, options)
			if s.UseList {
				args[1] = filepath.Join(t.TempDir(), "list")
				if err := os.WriteFile(args[1], []byte(list), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			want := pgRestoreList(t, program, append([]string{"-l", fixture.Path}, args...)...)
			if got := ids(s.Apply(contents).Entries()); !slices.Equal(got, want) {
				t.Errorf("%s: pg_restore %d -l %s\n%s", archive, major, options, difference(contents, got, want))
			}
			compared++
		}
	}
	if compared == 0 {
		t.Errorf("pg_restore %d could read no archive", major)
	}
}

// TestStrictNames compares the first unmatched name with the one that
// pg_restore --strict-names complains about.
func TestStrictNames(t *testing.T) {
	program, _ := pgRestore(t)
	fixture := fixtures.Get(t, "15/c-gzip")
	contents := open(t, fixture)
	for _, options := range []string{
		"-t accounts -n public -I q1_kind -T 'statuses touch' -P 'timestamp_id(text)'",
		"-t nobody",
		"-t nobody -n nowhere",
		"-t accounts -t nobody -t noone",
		"-I none -T none -P none",
		"-T none -P none",
		"-T none",
		"-N nowhere",
		"-t accounts -n ext_things",          // the table is not there: it never gets compared
		"-t accounts -s --section=post-data", // nor is one in another section
		"-I accounts_pkey",                   // a constraint is no index
		"-n public -N public -t accounts",    // -N stands before -t
		"-t statuses -I index_statuses_20190820 -a",
	} {
		s, _ := readOptions(t, contents, options)
		got := ""
		if u := s.Apply(contents).Unmatched; len(u) > 0 {
			got = fmt.Sprintf("%s %q not found", u[0].What, u[0].Name)
		}
		var stderr bytes.Buffer
		cmd := exec.Command(program, append([]string{"-l", "--strict-names", fixture.Path}, splitWords(t, options)...)...)
		cmd.Env = append(os.Environ(), "LC_ALL=C")
		cmd.Stderr = &stderr
		cmd.Run()
		want := strings.TrimPrefix(strings.TrimSpace(stderr.String()), "pg_restore: error: ")
		if got != want {
			t.Errorf("%s: got %q, pg_restore --strict-names says %q", options, got, want)
		}
	}
}

// pgRestore finds the machine's pg_restore and its major version. Without one
// the test is skipped, or fails where PGARC_TEST_REQUIRE is set.
func pgRestore(t *testing.T) (program string, major int) {
	t.Helper()
	skip := t.Skipf
	if os.Getenv("PGARC_TEST_REQUIRE") != "" {
		skip = t.Fatalf
	}
	program, err := exec.LookPath("pg_restore")
	if err != nil {
		skip("no pg_restore: %v", err)
	}
	out, err := exec.Command(program, "--version").Output()
	if err != nil {
		skip("%s --version: %v", program, err)
	}
	// "pg_restore (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"
	if _, err := fmt.Sscanf(string(out), "pg_restore (PostgreSQL) %d", &major); err != nil {
		t.Fatalf("%s --version: %q: %v", program, out, err)
	}
	return program, major
}

// pgRestoreList runs pg_restore -l and returns the ids in its listing.
func pgRestoreList(t *testing.T, program string, args ...string) []toc.DumpID {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command(program, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("pg_restore %q: %v\n%s", args, err, &stderr)
	}
	var list []toc.DumpID
	for line := range strings.Lines(string(out)) {
		number, _, _ := strings.Cut(line, ";")
		if n, err := strconv.Atoi(number); err == nil {
			list = append(list, toc.DumpID(n))
		}
	}
	return list
}

// readSelections reads testdata/select.golden: archive by archive, lines of
// options, a tab and places.
func readSelections(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("testdata/select.golden")
	if err != nil {
		t.Fatal(err)
	}
	selections := make(map[string][]string)
	archive := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if name, ok := strings.CutPrefix(line, "# "); ok {
			archive = name
			continue
		}
		selections[archive] = append(selections[archive], line)
	}
	for archive, lines := range selections {
		if len(lines) < 100 {
			t.Fatalf("select.golden has %d selections of %s", len(lines), archive)
		}
	}
	if len(selections) < 6 {
		t.Fatalf("select.golden has %d archives", len(selections))
	}
	return selections
}

// readPlaces turns places in the TOC ("3-5,9", "5-3"; the first is 1) into ids.
func readPlaces(t *testing.T, contents *toc.TOC, text string) []toc.DumpID {
	t.Helper()
	var list []toc.DumpID
	for run := range strings.SplitSeq(text, ",") {
		if run == "" {
			continue
		}
		first, last, isRun := strings.Cut(run, "-")
		if !isRun {
			last = first
		}
		from, err1 := strconv.Atoi(first)
		to, err2 := strconv.Atoi(last)
		if err1 != nil || err2 != nil || min(from, to) < 1 || max(from, to) > len(contents.Entries) {
			t.Fatalf("bad places %q in a TOC of %d entries", run, len(contents.Entries))
		}
		step := 1
		if to < from {
			step = -1
		}
		for i := from; i != to+step; i += step {
			list = append(list, contents.Entries[i-1].ID)
		}
	}
	return list
}

// readOptions turns a line of testdata/select.txt into a selection and the
// text of the list file, if it has one.
func readOptions(t *testing.T, contents *toc.TOC, line string) (s toc.Selection, list string) {
	t.Helper()
	flags := map[string]*bool{
		"-l": new(bool), "-C": &s.Create, "-x": &s.NoPrivileges, "-s": &s.SchemaOnly, "-a": &s.DataOnly,
		"--no-data": &s.NoData, "--no-schema": &s.NoSchema, "--no-statistics": &s.NoStatistics,
		"--statistics": &s.Statistics, "--statistics-only": &s.StatisticsOnly,
		"--no-comments": &s.NoComments, "--no-policies": &s.NoPolicies, "--no-publications": &s.NoPublications,
		"--no-subscriptions": &s.NoSubscriptions, "--no-security-labels": &s.NoSecurityLabels,
	}
	names := map[string]*[]string{
		"-n": &s.Schemas, "-N": &s.ExcludeSchemas, "-t": &s.Tables, "-I": &s.Indexes, "-P": &s.Functions, "-T": &s.Triggers,
	}
	sections := map[string]toc.Section{
		"--section=pre-data": toc.SectionPreData, "--section=data": toc.SectionData, "--section=post-data": toc.SectionPostData,
	}
	words := splitWords(t, line)
	for i := 0; i < len(words); i++ {
		word := words[i]
		if flag := flags[word]; flag != nil {
			*flag = true
		} else if section := sections[word]; section != 0 {
			s.Sections = append(s.Sections, section)
		} else if values := names[word]; values != nil {
			i++
			*values = append(*values, words[i])
		} else if word == "-L" {
			i++
			list = listing(t, contents, words[i])
			var err error
			if s.List, _, err = toc.ReadList(strings.NewReader(list), contents); err != nil {
				t.Fatal(err)
			}
			s.UseList = true
		} else {
			t.Fatalf("option %q in %q", word, line)
		}
	}
	return s, list
}

// listing prints all entries in one of the orders of select.sh.
func listing(t *testing.T, contents *toc.TOC, order string) string {
	t.Helper()
	entries := slices.Clone(contents.Entries)
	switch order {
	case "all":
	case "reverse":
		slices.Reverse(entries)
	case "quarters":
		n := len(entries) / 4
		entries = append(slices.Clone(entries[2*n:3*n]), entries[:n]...)
	case "comments-first":
		slices.SortStableFunc(entries, func(a, b *toc.Entry) int { return other(a) - other(b) })
	default:
		t.Fatalf("no order %q", order)
	}
	var b strings.Builder
	for _, e := range entries {
		if err := toc.WriteListEntry(&b, e); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func other(e *toc.Entry) int {
	if e.Kind == toc.Comment || e.Kind == toc.ACL {
		return 0
	}
	return 1
}

// splitWords splits a line as a shell does, with single quotes and backslashes.
func splitWords(t *testing.T, line string) []string {
	t.Helper()
	var words []string
	word, quoted, started := "", false, false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\'':
			quoted, started = !quoted, true
		case c == ' ' && !quoted:
			if started {
				words = append(words, word)
			}
			word, started = "", false
		case c == '\\' && !quoted && i+1 < len(line):
			i++
			word, started = word+line[i:i+1], true
		default:
			word, started = word+line[i:i+1], true
		}
	}
	if quoted {
		t.Fatalf("open quote in %q", line)
	}
	if started {
		words = append(words, word)
	}
	return words
}

// difference says which entries one list has and the other has not.
func difference(contents *toc.TOC, got, want []toc.DumpID) string {
	var b strings.Builder
	show := func(what string, list, other []toc.DumpID) {
		n := 0
		for _, id := range list {
			if slices.Contains(other, id) {
				continue
			}
			if n++; n > 10 {
				fmt.Fprintf(&b, "  %s: …\n", what)
				return
			}
			fmt.Fprintf(&b, "  %s: ", what)
			toc.WriteListEntry(&b, contents.Lookup(id))
		}
	}
	fmt.Fprintf(&b, "  got %d entries, want %d\n", len(got), len(want))
	show("too many", got, want)
	show("missing", want, got)
	if len(got) == len(want) && !strings.Contains(b.String(), ":") {
		i := 0
		for got[i] == want[i] {
			i++
		}
		fmt.Fprintf(&b, "  order differs from place %d: got %d, want %d\n", i+1, got[i], want[i])
	}
	return b.String()
}
