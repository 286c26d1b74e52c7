package main

import (
	"fmt"
	"io"
	"os"

	"github.com/pgarc/pgarc/internal/errorlog"
	"github.com/pgarc/pgarc/toc"
)

// addLog chooses what failed by an error log, and says on stderr how each was
// identified. A failure is what to say at the end if some were not.
func (c *choice) addLog(env *env, file string) (failure, err error) {
	failures, err := readLog(env, file)
	if err != nil {
		return nil, err
	}
	if len(failures) == 0 {
		return nil, &exitError{exitFailed, &usageError{
			message: fmt.Sprintf("no failures found in %s", logName(file)),
			hint:    "it should be what pg_restore, psql or the server wrote to stderr or its log",
		}}
	}
	unidentified := 0
	for _, m := range errorlog.Resolve(c.toc, failures) {
		c.matches = append(c.matches, m)
		if len(m.Entries) != 1 && !m.Setting {
			unidentified++
		}
		c.addMatch(env.stderr, m)
	}
	if unidentified > 0 {
		failure = &exitError{exitFailed, fmt.Errorf("%d of %d failures in %s could not be identified", unidentified, len(c.matches), logName(file))}
	}
	return failure, nil
}

func readLog(env *env, file string) ([]errorlog.Failure, error) {
	if file == "-" {
		return errorlog.Parse(env.stdin)
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, &fileError{file, err}
	}
	defer f.Close()
	failures, err := errorlog.Parse(f)
	if err != nil {
		return nil, &fileError{file, err}
	}
	return failures, nil
}

func logName(file string) string {
	if file == "-" {
		return "standard input"
	}
	return file
}

// addMatch chooses the entries of one failure and says so.
func (c *choice) addMatch(w io.Writer, m errorlog.Match) {
	for _, e := range keep(m.Entries, func(e *toc.Entry) bool { return hasKind(c.kinds, e.Kind) && c.passes(e) }) {
		c.chosen[e.ID], c.asked[e.ID] = true, true
	}
	f := m.Failures[0]
	line := fmt.Sprintf("line %d: ", f.Line)
	switch {
	case len(m.Entries) == 1:
		line += entryTitle(c.toc, m.Entries[0]) + ", " + m.How
	case m.Setting:
		line += "no object: " + m.Problem
	default:
		line += "not identified: " + m.Problem
	}
	if f.Message != "" {
		line += "; it failed with: " + f.Message
	}
	if more := len(m.Failures) - 1; more > 0 {
		line += fmt.Sprintf("; and %d more times", more)
	}
	fmt.Fprintf(w, "pgarc: %s\n", visible(line))
}
