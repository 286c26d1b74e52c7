package script

import (
	"slices"
	"strings"
)

// MetaCommand reports whether psql, when it reads this text as part of a
// script, might do something else than send it to the server, and at which
// byte. That is the case of
//
//   - a backslash outside quotes and comments: a meta-command (\! runs a shell
//     command). In SQL a backslash is never legal there;
//   - COPY … FROM STDIN as a statement: psql takes the lines after it for data
//     up to \. and what follows for SQL, however it was quoted;
//   - a reference to one of psql's own variables (:LAST_ERROR_MESSAGE), which
//     psql replaces and then reads like the rest;
//   - a string, quoted name or comment that is not closed: what follows the text
//     would be read as a part of it;
//   - a NUL byte, at which psql cuts the line;
//   - a number run into a string (1e'…'), which versions of psql read differently.
//
// psql's lexer (src/fe_utils/psqlscan.l) reads line by line, so strings do not
// go on over lines as they do for the server; see lexer.continued. Text in a
// -- comment is skipped to the line end, \n or \r.
//
// The text is taken to begin outside of any quotes, and psql to have the given
// standard_conforming_strings. An archive can change that setting, or the
// client encoding, under psql's eyes with statements of its own: a text that is
// harmless by itself is not always so after others. Only \restrict shuts psql
// off from meta-commands altogether.
func MetaCommand(sql string, stdStrings bool) (offset int, found bool) {
	if nul := strings.IndexByte(sql, 0); nul >= 0 {
		return nul, true
	}
	l := lexer{sql: sql, stdStrings: stdStrings, psql: true}
	first, copying := true, false // at the first word of a statement; in COPY
	cast := false                 // the next colon is the second of a cast
	for t := range l.tokens() {
		if l.oddNumber || l.open {
			return t.Start, true
		}
		text := sql[t.Start:t.End]
		second := cast && text == ":"
		cast = text == ":" && !second
		switch t.Kind {
		case Space, LineComment, BlockComment:
			continue
		case Semicolon:
			first, copying = true, false
			continue
		case Word:
			if first {
				copying = strings.EqualFold(text, "COPY")
			}
			if copying && strings.EqualFold(text, "STDIN") {
				return t.Start, true
			}
		case Symbol:
			if text == `\` || cast && isPsqlVariable(sql[t.End:]) {
				return t.Start, true
			}
		}
		first = false
	}
	return 0, false
}

// isPsqlVariable reports whether s, which follows a colon, begins with the name
// of a variable that psql itself sets, bare or in quotes. Other names are
// those of the user, and stand in SQL as well: a[1:n].
func isPsqlVariable(s string) bool {
	s = strings.TrimLeft(s, `'"`)
	end := 0
	for end < len(s) && (isWordStart(s[end]) || isDigit(s[end])) {
		end++
	}
	_, found := slices.BinarySearch(psqlVariables, s[:end])
	return found
}

// psqlVariables are the variables psql 18 sets or treats specially (its manual,
// "Variables"). Sorted.
var psqlVariables = []string{
	"AUTOCOMMIT", "COMP_KEYWORD_CASE", "DBNAME", "ECHO", "ECHO_HIDDEN", "ENCODING", "ERROR", "FETCH_COUNT",
	"HIDE_TABLEAM", "HIDE_TOAST_COMPRESSION", "HISTCONTROL", "HISTFILE", "HISTSIZE", "HOST", "IGNOREEOF", "LASTOID",
	"LAST_ERROR_MESSAGE", "LAST_ERROR_SQLSTATE", "ON_ERROR_ROLLBACK", "ON_ERROR_STOP", "PIPELINE_COMMAND_COUNT",
	"PIPELINE_RESULT_COUNT", "PIPELINE_SYNC_COUNT", "PORT", "PROMPT1", "PROMPT2", "PROMPT3", "QUIET", "ROW_COUNT",
	"SERVER_VERSION_NAME", "SERVER_VERSION_NUM", "SERVICE", "SHELL_ERROR", "SHELL_EXIT_CODE", "SHOW_ALL_RESULTS",
	"SHOW_CONTEXT", "SINGLELINE", "SINGLESTEP", "SQLSTATE", "USER", "VERBOSITY", "VERSION", "VERSION_NAME",
	"VERSION_NUM", "WATCH_INTERVAL",
}
