package main

import (
	"slices"
	"strings"

	"github.com/pgarc/pgarc/toc"
)

// A neededRole is a role that an archive's entries name and that only a dump
// of the whole server (pg_dumpall) would bring.
type neededRole struct {
	name      string
	superuser bool // owns what only a superuser may own
}

// neededRoles finds the roles that the entries need: owners, grantees and
// grantors, and those of policies and user mappings, sorted by name. The
// server's own roles (pg_…) are left out.
func neededRoles(entries []*toc.Entry) []neededRole {
	super := make(map[string]bool) // by name
	for _, e := range entries {
		if name := e.Owner.String; name != "" {
			super[name] = super[name] || mustBeSuperuser(e.Kind)
		}
		for _, name := range rolesNamed(e) {
			super[name] = super[name] || false
		}
	}
	var roles []neededRole
	for name, superuser := range super {
		if !strings.HasPrefix(name, "pg_") {
			roles = append(roles, neededRole{name, superuser})
		}
	}
	slices.SortFunc(roles, func(a, b neededRole) int { return strings.Compare(a.name, b.name) })
	return roles
}

// mustBeSuperuser reports whether the server lets only a superuser own objects
// of the kind.
func mustBeSuperuser(k toc.Kind) bool {
	return k == toc.EventTrigger || k == "FOREIGN DATA WRAPPER" || k == toc.Subscription
}

// rolesNamed returns the roles that the text of an entry names.
func rolesNamed(e *toc.Entry) []string {
	words := sqlWords(e.Defn)
	switch e.Kind {
	case toc.ACL, toc.ACLLanguage:
		return slices.Concat(rolesAfter(words, "TO"), rolesAfter(words, "FROM"), rolesAfter(words, "AUTHORIZATION"))
	case toc.DefaultACL:
		return slices.Concat(rolesAfter(words, "FOR", "ROLE"), rolesAfter(words, "FOR", "USER"),
			rolesAfter(words, "TO"), rolesAfter(words, "FROM"))
	case toc.Policy:
		// The expressions, which come after, may hold anything.
		if i := slices.IndexFunc(words, func(w sqlWord) bool { return w.is("USING") || w.is("WITH") }); i >= 0 {
			words = words[:i]
		}
		return rolesAfter(words, "TO")
	case "USER MAPPING":
		return rolesAfter(words, "MAPPING", "FOR")
	case toc.DatabaseProperties:
		return rolesAfter(words, "ALTER", "ROLE")
	}
	return nil
}

// rolesAfter returns the lists of role names that follow a sequence of key
// words.
func rolesAfter(words []sqlWord, keys ...string) []string {
	var names []string
	for i := range words {
		if i+len(keys) > len(words) || !slices.EqualFunc(words[i:i+len(keys)], keys, sqlWord.is) {
			continue
		}
		names = append(names, roleList(words[i+len(keys):])...)
	}
	return names
}

// roleList reads "a, GROUP b, PUBLIC" from the front of words.
func roleList(words []sqlWord) []string {
	var names []string
	for len(words) > 0 {
		if words[0].is("GROUP") { // PostgreSQL 8 wrote it
			words = words[1:]
		}
		if len(words) == 0 || words[0].form == punctuation {
			break
		}
		if !words[0].isRoleKeyword() {
			names = append(names, words[0].name())
		}
		if len(words) < 2 || words[1].text != "," || words[1].form != punctuation {
			break
		}
		words = words[2:]
	}
	return names
}

// A sqlWord is a token of SQL.
type sqlWord struct {
	form wordForm
	text string // quotes removed
}

type wordForm uint8

const (
	bare wordForm = iota // key word, or name without quotes
	quotedName
	stringLiteral
	punctuation
)

func (w sqlWord) is(key string) bool { return w.form == bare && strings.EqualFold(w.text, key) }

// name returns the word as a name; names without quotes are folded.
func (w sqlWord) name() string {
	if w.form == bare {
		return strings.ToLower(w.text)
	}
	return w.text
}

func (w sqlWord) isRoleKeyword() bool {
	for _, key := range []string{"PUBLIC", "CURRENT_USER", "CURRENT_ROLE", "SESSION_USER", "DEFAULT", "NONE", "ALL"} {
		if w.is(key) {
			return true
		}
	}
	return false
}

// sqlWords divides SQL as pg_dump writes it in grants and policies: it knows
// quotes, but no comments and no dollar quotes.
func sqlWords(sql string) []sqlWord {
	var words []sqlWord
	for i := 0; i < len(sql); {
		switch c := sql[i]; {
		case c <= ' ':
			i++
		case c == '"' || c == '\'':
			text, n := cutQuoted(sql[i:])
			form := quotedName
			if c == '\'' {
				form = stringLiteral
			}
			words = append(words, sqlWord{form, text})
			i += n
		case isNameByte(c):
			n := 1
			for i+n < len(sql) && isNameByte(sql[i+n]) {
				n++
			}
			words = append(words, sqlWord{bare, sql[i : i+n]})
			i += n
		default:
			words = append(words, sqlWord{punctuation, sql[i : i+1]})
			i++
		}
	}
	return words
}

// cutQuoted returns the content of the quotes that s begins with, where
// doubled quotes stand for one, and the bytes they take.
func cutQuoted(s string) (string, int) {
	quote := s[0]
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		if s[i] == quote {
			if i+1 == len(s) || s[i+1] != quote {
				return b.String(), i + 1
			}
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String(), len(s)
}

func isNameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '$' || c >= 0x80
}
