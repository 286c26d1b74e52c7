package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/pgarc/pgarc/restore"
	"github.com/pgarc/pgarc/script"
	"github.com/pgarc/pgarc/toc"
)

// failedSQLMark begins every file that --failed-sql writes. A file that begins
// otherwise is somebody else's, and stays as it is.
const failedSQLMark = "-- Written by pgarc restore: what failed"

// checkFailedSQL finds out before the restore whether the file is another's.
func checkFailedSQL(path string) error {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	start := make([]byte, len(failedSQLMark))
	if n, _ := file.Read(start); n > 0 && string(start[:n]) != failedSQLMark {
		return fmt.Errorf("%s is there, and was not written by pgarc restore", path)
	}
	return nil
}

// A failedSQL is what a restore has left, as a script.
type failedSQL struct {
	archive string // as the user calls it
	goOn    string // the command that goes on with the restore; empty: none does
	toc     *toc.TOC
	options restore.Options
}

// write writes the script to a file, whole or not at all. It reports how many
// entries are in it.
func (f failedSQL) write(path string, result *restore.Result) (int, error) {
	list := f.rest(result)
	if len(list) == 0 {
		return 0, nil
	}
	if err := checkFailedSQL(path); err != nil {
		return 0, err
	}
	var b bytes.Buffer
	_, err := script.WriteRest(&b, f.toc, list, script.RestOptions{
		Options: f.scriptOptions(), Role: f.options.Role, EnableRowSecurity: f.options.EnableRowSecurity,
		Title: strings.TrimPrefix(failedSQLMark, "-- ") + ", and what was skipped because of it, in order.\n" +
			"The archive is " + toc.OneLine(f.archive) + ".\n" +
			"Once the reasons are mended, run it in the database that was restored: psql -d DATABASE -f " + toc.OneLine(path),
		End: f.lastWords(result),
	})
	if err != nil {
		return 0, err
	}
	temporary := path + ".part"
	if err := os.WriteFile(temporary, b.Bytes(), 0o600); err != nil {
		return 0, err
	}
	if err := os.Rename(temporary, path); err != nil {
		_ = os.Remove(temporary)
		return 0, err
	}
	return len(list), nil
}

func (f failedSQL) lastWords(result *restore.Result) string {
	if !result.Journal {
		return "That was all."
	}
	return "That was all. pgarc still takes the restore for unfinished; to let it forget:\nDROP SCHEMA " + restore.JournalSchema + " CASCADE;"
}

func (f failedSQL) scriptOptions() script.Options {
	return script.Options{NoOwner: f.options.NoOwner, NoTablespaces: f.options.NoTablespaces, NoTableAM: f.options.NoTableAM}
}

// rest returns what failed and what was skipped, in the order of the plan.
func (f failedSQL) rest(result *restore.Result) []script.Rest {
	type item struct {
		step restore.StepID
		script.Rest
	}
	var items []item
	for _, e := range result.Failed {
		items = append(items, item{e.Step.ID, f.ofFailed(e)})
	}
	for _, s := range result.Skipped {
		items = append(items, item{s.Step.ID, f.ofSkipped(s)})
	}
	slices.SortStableFunc(items, func(a, b item) int { return cmp.Compare(a.step, b.step) })
	var list []script.Rest
	for _, i := range items {
		list = append(list, i.Rest)
	}
	return list
}

// ofFailed returns what of a failed step is still to be run: all that the
// archive has of the entry, if it was not made.
func (f failedSQL) ofFailed(e *restore.StepError) script.Rest {
	r := script.Rest{Entry: e.Step.Entry, Why: whyFailed(e)}
	switch {
	case e.Step.Action == restore.ActionDrop:
		r.SQL, r.AsComment = []string{e.SQL}, true
	case e.Step.Action.IsData():
		r.Why += f.aboutData(e.Step)
	case e.Exists:
		r.Why += "\nThe object that is there is not touched."
		r.SQL, r.AsComment = f.whole(e.Step), true
	case e.Step.Action == restore.ActionCreate && e.Role == restore.RoleCreate:
		r.SQL, r.AsComment = f.whole(e.Step), r.Entry.Kind == toc.Database
	default:
		for _, x := range append([]*restore.StepError{e}, e.Also...) {
			if x.Role != restore.RoleCreate {
				r.SQL = append(r.SQL, x.SQL)
			}
		}
		r.AsComment = !slices.ContainsFunc(r.SQL, func(sql string) bool { return !strings.HasPrefix(sql, "SET ") })
	}
	return f.withoutSecrets(r)
}

func (f failedSQL) ofSkipped(s restore.Skip) script.Rest {
	r := script.Rest{Entry: s.Step.Entry, Why: "Skipped, because " + toc.OneLine(s.Cause.String()) + " failed."}
	if s.Step.Action.IsData() {
		r.Why += f.aboutData(s.Step)
		return r
	}
	for _, st := range s.Step.Statements {
		r.SQL = append(r.SQL, st.SQL)
	}
	return f.withoutSecrets(r)
}

// whole returns all that makes an entry, of which the plan may have made
// several steps.
func (f failedSQL) whole(s *restore.Step) []string {
	o := f.scriptOptions()
	create, err := script.Create(f.toc, s.Entry, o)
	if err != nil { // the plan would not have been made
		create = []string{s.Entry.Defn}
	}
	return slices.Concat(create, script.Owner(s.Entry, o), script.SetAccessMethod(s.Entry, o))
}

// aboutData says where the rows are: not here.
func (f failedSQL) aboutData(s *restore.Step) string {
	if f.goOn != "" {
		return "\nThe data are in the archive only; load them with\n  " + toc.OneLine(f.goOn)
	}
	what := ""
	if s.Entry.Kind == toc.TableData {
		what = " -t " + toc.OneLine(shellWord(script.Qualified(s.Entry.Namespace, s.Entry.Tag)))
	}
	return "\nThe data are in the archive only; load them with\n  pgarc restore " + toc.OneLine(shellWord(f.archive)) + " -d DATABASE --data-only" + what
}

// withoutSecrets leaves out a definition that may hold a password.
func (f failedSQL) withoutSecrets(r script.Rest) script.Rest {
	if mayHoldSecrets(r.Entry.Kind) && len(r.SQL) > 0 {
		r.SQL = nil
		r.Why += "\nIt is left out, for it may hold a password. This prints it:\n  pgarc ddl " + toc.OneLine(shellWord(f.archive)) + " " + r.Entry.ID.String()
	}
	return r
}

// whyFailed words a failure for a comment.
func whyFailed(e *restore.StepError) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Failed (%s): %s", e.Class(), e.Reason())
	if pg := e.PgError(); pg != nil && pg.Detail != "" {
		b.WriteString("\n" + pg.Detail)
	}
	for _, x := range e.Also {
		fmt.Fprintf(&b, "\nAlso (%s): %s", x.Class(), x.Reason())
	}
	if v := e.Violations; v != nil {
		b.WriteString("\n" + violationsText(v) + "; this finds them all:\n" + v.Query)
	}
	return withoutSecrets(e.Step.Entry.Kind, b.String())
}

// violationsText says how many rows violate a constraint, and names some.
func violationsText(v *restore.Violations) string {
	if v.Rows < 0 {
		return "Rows that violate it: " + v.Note
	}
	var rows []string
	for _, row := range v.Sample {
		rows = append(rows, "("+strings.Join(row, ", ")+")")
	}
	text := howMany64(v.Rows, "row") + " violate"
	if v.Rows == 1 {
		text += "s"
	}
	text += " it"
	if len(rows) > 0 {
		text += ", as (" + strings.Join(v.Columns, ", ") + ") = " + strings.Join(rows, ", ")
	}
	if v.Note != "" {
		text += " (" + v.Note + ")"
	}
	return text
}

func howMany64(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return thousands(n) + " " + what + "s"
}
