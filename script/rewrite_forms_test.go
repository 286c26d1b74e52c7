package script_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/script"
	"github.com/pgarc/pgarc/toc"
)

var update = flag.Bool("update", false, "write the golden files of this package anew")

// TestFormsOfFixtures lists all forms that the definitions in the fixtures
// have, and which of them are recognised. Forms that only PGARC_EXTRA_FIXTURES
// has must be recognised, but for those in the list that are not.
func TestFormsOfFixtures(t *testing.T) {
	const golden = "testdata/forms.golden"
	own := fixtures.Get(t, "15/c-gzip").Path
	own = strings.TrimSuffix(own, filepath.FromSlash("archives/15/c-gzip.dump"))
	forms := map[string]bool{} // and whether they are of the project's own fixtures
	for _, f := range fixtures.All(t) {
		a, err := archive.Open(f.Path)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range a.TOC.Entries {
			if line := formOf(e, a.TOC.StdStrings); line != "" {
				forms[line] = forms[line] || strings.HasPrefix(f.Path, own)
			}
		}
		a.Close()
	}
	var list []string
	for _, line := range slices.Sorted(maps.Keys(forms)) {
		if forms[line] {
			list = append(list, line)
		}
	}
	got := strings.Join(list, "\n") + "\n"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	diff(t, []byte(got), want)
	for line := range forms {
		if strings.HasPrefix(line, "as it is") && !strings.Contains(string(want), line+"\n") {
			t.Errorf("not recognised: %s", line)
		}
	}
}

// formOf describes how the text of an entry is made up: names are n, strings
// and numbers 1, what is in the parentheses of an index is left out.
func formOf(e *toc.Entry, stdStrings bool) string {
	var ok bool
	sql := e.Defn
	switch e.Kind {
	case toc.Constraint:
		_, ok = script.SplitKey(sql, stdStrings)
	case toc.FKConstraint:
		_, ok = script.SplitForeignKey(sql, stdStrings)
	case toc.Index:
		_, ok = script.SplitIndex(sql, stdStrings)
	default:
		if sql = e.Copy; sql == "" {
			return ""
		}
		_, ok = script.FreezeCopy(sql)
	}
	var words []string
	depth := 0
	for tok := range script.Tokens(sql, stdStrings) {
		s := sql[tok.Start:tok.End]
		switch {
		case tok.Kind == script.Space:
			continue
		case s == "(":
			depth++
		case s == ")":
			depth--
		}
		switch {
		case e.Kind == toc.Index && depth == 1 && s == "(":
			s = "( …"
		case e.Kind == toc.Index && depth > 0:
			continue
		case tok.Kind == script.QuotedName, tok.Kind == script.Word && s == strings.ToLower(s) && s != "stdin":
			s = "n"
		case tok.Kind == script.String, tok.Kind == script.Number:
			s = "1"
		}
		words = append(words, s)
	}
	form := strings.Join(words, " ")
	form = regexp.MustCompile(`n( , n)+`).ReplaceAllString(strings.ReplaceAll(form, "n . n", "n"), "n , n")
	return fmt.Sprintf("%s %s: %s", map[bool]string{true: "rewritten", false: "as it is"}[ok], e.Kind, form)
}
