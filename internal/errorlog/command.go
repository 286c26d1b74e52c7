package errorlog

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/pgarc/pgarc/script"
)

// read fills in what an error of pg_restore says: message, detail, command. It
// reports whether the text has the server's severity in it.
func (f *Failure) read(b *block) bool {
	at := severity.FindStringSubmatchIndex(b.head)
	if at == nil {
		f.Message = afterLabel(b.head)
	} else {
		f.setMessage(b.head[at[1]:])
	}
	detail := b.rest
	if n, text := findCommand(b.rest); n >= 0 {
		detail = b.rest[:n]
		f.setSQL(strings.Join(append([]string{text}, b.rest[n+1:]...), "\n"))
	} else if at != nil {
		f.Table = copyTable(b.head[:at[0]], b.rest)
	}
	f.Detail = strings.TrimSpace(strings.Join(detail, "\n"))
	return at != nil
}

// afterLabel removes "error: " or "[archiver] ".
func afterLabel(head string) string {
	if rest, ok := strings.CutPrefix(head, "["); ok {
		if _, text, ok := strings.Cut(rest, "] "); ok {
			return text
		}
	}
	if label, text, ok := strings.Cut(head, ": "); ok && !strings.Contains(strings.TrimSpace(label), " ") {
		return text
	}
	return head
}

func (f *Failure) setMessage(text string) {
	if m := state.FindStringSubmatch(text); m != nil {
		f.SQLState = m[1]
		text = text[len(m[0]):]
	}
	f.Message = strings.TrimSpace(text)
}

// copyTable finds the table of "COPY failed for table "x": ERROR: …".
func copyTable(before string, rest []string) string {
	if m := quotedName.FindStringSubmatch(strings.TrimRight(before, ": \u00a0")); m != nil {
		return strings.TrimSpace(m[1])
	}
	if m := copyContext.FindStringSubmatch(strings.Join(rest, "\n")); m != nil {
		return m[1]
	}
	return ""
}

// commandLine is "Command was: ALTER …" in any language: a few words, a colon,
// one blank, SQL.
var commandLine = regexp.MustCompile(`^\s*(\S[^:"]{1,60}?)[ \x{a0}]?: ((?:ALTER|ANALYZE|BEGIN|CALL|CLUSTER|COMMENT|COMMIT|COPY|CREATE|DELETE|DISABLE|DO|DROP|GRANT|IMPORT|INSERT|LOCK|REFRESH|REINDEX|RESET|REVOKE|ROLLBACK|SECURITY|SELECT|SET|START|TRUNCATE|UPDATE|VACUUM|WITH)\b.*|--.*)$`)

// findCommand returns the line on which the command begins and its text there,
// or -1. The server's own lines ("CONTEXT: COPY x, line 3") also have the form
// in some languages, but their labels have no small letters.
func findCommand(lines []string) (int, string) {
	for i, line := range lines {
		if text, ok := strings.CutPrefix(strings.TrimLeft(line, " "), "Command was: "); ok {
			return i, text
		}
		if text, ok := strings.CutPrefix(line, "STATEMENT:  "); ok { // a server's log without prefixes
			return i, text
		}
		if m := commandLine.FindStringSubmatch(line); m != nil && !isServerLabel(m[1]) {
			return i, m[2]
		}
	}
	return -1, ""
}

// isServerLabel reports whether a label has cased letters, and all are capitals.
func isServerLabel(label string) bool {
	upper := false
	for _, r := range label {
		if unicode.IsLower(r) {
			return false
		}
		upper = upper || unicode.IsUpper(r)
	}
	return upper
}

// cutLength is how much of a command old pg_restores print before "...".
const cutLength = 124

// setSQL keeps the command without what other programs wrote after it.
func (f *Failure) setSQL(text string) {
	if len(text) >= cutLength+3 && text[cutLength:cutLength+3] == "..." &&
		(len(text) == cutLength+3 || text[cutLength+3] == '\n') {
		f.SQL, f.Truncated = text[:cutLength], true
		return
	}
	if i := strings.Index(text, "...\n"); i >= 0 && i <= cutLength {
		f.SQL, f.Truncated = text[:i], true
		return
	}
	if before, ok := strings.CutSuffix(strings.TrimRight(text, " \t\n"), "..."); ok {
		f.SQL, f.Truncated = before, true
		return
	}
	f.SQL = strings.TrimRight(text[:commandEnd(text)], " \t\n")
}

// commandEnd finds the end of a command in what follows the label: pg_restore
// prints two blank lines after an entry's last statement.
func commandEnd(text string) int {
	after := -1
	for t := range script.Tokens(text, true) {
		if after >= 0 && t.Kind == script.Space && strings.Count(text[t.Start:t.End], "\n") >= 3 {
			return after
		}
		after = -1
		if t.Kind == script.Semicolon {
			after = t.End
		}
	}
	return len(text)
}
