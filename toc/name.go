package toc

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A Name is what users call an object. Table is set for what belongs to a
// table by its tag (constraints, triggers, rules, policies, defaults), and is
// then part of how it is named, since such names are unique only within it.
type Name struct {
	Schema string
	Table  string
	Name   string
}

// String joins the parts that are set with dots, unquoted.
func (n Name) String() string {
	parts := make([]string, 0, 3)
	for _, p := range []string{n.Schema, n.Table, n.Name} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	return strings.Join(parts, ".")
}

// NameOf returns the name of an entry. The tag of a constraint is
// "table name", where either may hold blanks, or of PostgreSQL 9.5 and before
// often the name alone. The statement that drops it tells what the table
// is; where there is none, the entries that it depends on do.
func (t *TOC) NameOf(e *Entry) Name {
	n := Name{Schema: e.Namespace, Name: e.Tag}
	if e.Kind.Info().Tag != TagOfTable {
		return n
	}
	words := sqlWords(e.Drop.String)
	if table := tableInDrop(words); table != "" {
		n.Table = table
		alone := slices.ContainsFunc(words, func(w string) bool { return unquote(w) == e.Tag })
		if name, ok := cutTable(e.Tag, table); ok && !alone {
			n.Name = name
		}
		return n
	}
	for _, id := range e.Deps {
		d := t.Lookup(id)
		if d == nil || len(d.Tag) <= len(n.Table) || d.Kind.Info().Tag == TagOfTable {
			continue
		}
		if name, ok := cutTable(e.Tag, d.Tag); ok {
			n.Table, n.Name = d.Tag, name
		}
	}
	if n.Table == "" {
		if table, name, ok := strings.Cut(e.Tag, " "); ok {
			n.Table, n.Name = table, name
		}
	}
	return n
}

// tableInDrop returns the table in the words of "ALTER TABLE ONLY schema.table
// DROP …" or "DROP … ON schema.table", or "" if they are neither. The table may
// be a domain.
func tableInDrop(words []string) string {
	if len(words) < 4 {
		return ""
	}
	switch {
	case words[0] == "DROP" && words[len(words)-2] == "ON":
		return lastName(words[len(words)-1])
	case words[0] == "ALTER" && (words[1] == "TABLE" || words[1] == "DOMAIN"):
		if words[2] == "ONLY" {
			return lastName(words[3])
		}
		return lastName(words[2])
	}
	return ""
}

// sqlWords splits SQL at blanks and semicolons that stand in no double quotes.
func sqlWords(sql string) []string {
	quoted := false
	return strings.FieldsFunc(sql, func(c rune) bool {
		if c == '"' {
			quoted = !quoted
		}
		return !quoted && (c == ' ' || c == '\n' || c == ';')
	})
}

// lastName returns the last part of a qualified name, without quotes.
func lastName(qualified string) string {
	quoted, start := false, 0
	for i := 0; i < len(qualified); i++ {
		switch qualified[i] {
		case '"':
			quoted = !quoted
		case '.':
			if !quoted {
				start = i + 1
			}
		}
	}
	return unquote(qualified[start:])
}

// cutTable removes "table " from the front of a tag.
func cutTable(tag, table string) (string, bool) {
	if len(tag) > len(table)+1 && tag[len(table)] == ' ' && tag[:len(table)] == table {
		return tag[len(table)+1:], true
	}
	return "", false
}

// functionName returns a signature without its argument types.
func functionName(signature string) string {
	name, _, _ := strings.Cut(signature, "(")
	return name
}

// A Pattern is one name as a user types it: a dump id ("2970"), a bare name
// ("fk_rails_256483a9ab"), "schema.name", "table.constraint", a name quoted as
// in SQL (public."Odd Name"), or any of these with the shell's *, ? and [a-z].
// The very characters of a name, as a listing shows it, always match it.
type Pattern struct {
	text    string // as typed
	literal string // with SQL quotes removed
	id      DumpID // 0: not a number
	glob    bool
}

// NewPattern reads a pattern. Every string is one: what is no valid [a-z] is
// taken literally.
func NewPattern(text string) Pattern {
	p := Pattern{text: text, literal: text}
	if n, err := strconv.ParseInt(text, 10, 32); err == nil && n > 0 {
		p.id = DumpID(n)
	}
	if strings.Contains(text, `"`) {
		p.literal = unquote(text)
	} else {
		p.glob = strings.ContainsAny(text, "*?[")
	}
	return p
}

// String returns the pattern as it was typed.
func (p Pattern) String() string { return p.text }

// unquote removes SQL's double quotes: public."a ""b""" is public.a "b".
func unquote(s string) string {
	if !strings.Contains(s, `"`) {
		return s
	}
	var b strings.Builder
	inside := false
	for i := 0; i < len(s); i++ {
		if s[i] != '"' {
			b.WriteByte(s[i])
			continue
		}
		if inside && i+1 < len(s) && s[i+1] == '"' {
			b.WriteByte('"')
			i++
			continue
		}
		inside = !inside
	}
	return b.String()
}

// Matches reports whether the pattern names an entry.
func (t *TOC) Matches(p Pattern, e *Entry) bool {
	if p.id != 0 && p.id == e.ID {
		return true
	}
	if !p.glob && !p.mayEndWith(e.Tag) {
		return false
	}
	return slices.ContainsFunc(t.spellings(e), p.MatchesName)
}

// MatchesName reports whether the pattern is this very name, or matches it.
func (p Pattern) MatchesName(name string) bool {
	return name == p.literal || name == p.text || p.glob && matchGlob(p.literal, name)
}

// mayEndWith is a cheap test that lets most entries of a large archive be
// passed over: every spelling of a name ends as the tag does, or as the tag
// does before its argument types.
func (p Pattern) mayEndWith(tag string) bool {
	return tag != "" && (strings.HasSuffix(p.literal, tag[len(tag)-1:]) ||
		strings.HasSuffix(p.text, tag[len(tag)-1:]) || strings.Contains(tag, "("))
}

// spellings lists the ways to name an entry.
func (t *TOC) spellings(e *Entry) []string {
	n := t.NameOf(e)
	list := []string{e.Tag}
	if n.Table != "" {
		list = append(list, n.Name, n.Table+"."+n.Name)
	}
	if e.Kind.Info().Tag == TagSignature {
		list = append(list, functionName(e.Tag))
	}
	if n.Schema != "" {
		for _, s := range list {
			list = append(list, n.Schema+"."+s)
		}
	}
	return list
}

// Find returns the entries that the pattern names, in archive order. With
// kinds, only those of one of them. The special entries are never found.
func (t *TOC) Find(p Pattern, kinds []Kind) []*Entry {
	var found []*Entry
	for _, e := range t.Entries {
		if !e.IsSpecial() && hasKind(kinds, e.Kind) && t.Matches(p, e) {
			found = append(found, e)
		}
	}
	return found
}

func hasKind(kinds []Kind, k Kind) bool {
	for _, want := range kinds {
		if k == want {
			return true
		}
	}
	return len(kinds) == 0
}

// matchGlob matches with the shell's *, ? and [a-z]; unlike path.Match it
// knows no separators, for a name may hold any character. When the text after
// a * does not match, only that * need take one more character: going back to
// an earlier one would find nothing new, and take exponential time.
func matchGlob(pattern, name string) bool {
	starred := false
	var afterStar, retry string // the pattern after the last *, and the name where it was tried last
	for {
		if strings.HasPrefix(pattern, "*") {
			pattern = pattern[1:]
			starred, afterStar, retry = true, pattern, name
			continue
		}
		if name == "" {
			return pattern == ""
		}
		c, size := firstChar(name)
		if n, ok := matchOne(pattern, c); ok {
			pattern, name = pattern[n:], name[size:]
			continue
		}
		if !starred {
			return false
		}
		_, size = firstChar(retry)
		retry = retry[size:]
		pattern, name = afterStar, retry
	}
}

// matchOne matches one character against the start of a pattern and returns
// how much of the pattern that used up.
func matchOne(pattern string, c rune) (int, bool) {
	if pattern == "" {
		return 0, false
	}
	switch pattern[0] {
	case '?':
		return 1, true
	case '[':
		end := strings.IndexByte(pattern[1:], ']')
		if end < 1 {
			break
		}
		set := pattern[1 : 1+end]
		negate := len(set) > 1 && (set[0] == '!' || set[0] == '^')
		if negate {
			set = set[1:]
		}
		return end + 2, inSet(set, c) != negate
	}
	literal, size := firstChar(pattern)
	return size, literal == c
}

// inSet reports whether what stands between [ and ] has the character.
func inSet(set string, c rune) bool {
	for set != "" {
		low, size := firstChar(set)
		set = set[size:]
		high := low
		if len(set) > 1 && set[0] == '-' {
			high, size = firstChar(set[1:])
			set = set[1+size:]
		}
		if low <= c && c <= high {
			return true
		}
	}
	return false
}

// firstChar returns the first character of s and its size. Names need not be
// UTF-8: a byte that is not is a character by itself, beyond all of Unicode.
func firstChar(s string) (rune, int) {
	c, size := utf8.DecodeRuneInString(s)
	if c == utf8.RuneError && size == 1 {
		c = utf8.MaxRune + 1 + rune(s[0])
	}
	return c, size
}
