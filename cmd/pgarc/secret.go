package main

import (
	"regexp"
	"strings"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/toc"
)

// Where passwords stand in definitions: OPTIONS (password '…') of user mappings
// and servers, and password=… in the connection string of a subscription.
var (
	secretOption = regexp.MustCompile(`(?i)(password"?\s+(?:E)?)'(?:[^'\\]|''|\\.)*'`)
	secretInConn = regexp.MustCompile(`(?i)(password\s*=\s*)(?:''(?:[^']|'''')*''|[^\s']+)`)
	secretInURL  = regexp.MustCompile(`(?i)(://[^:/@\s']*:)[^@\s']+(@)`)
)

// withoutSecrets replaces passwords in a statement that a report prints: logs
// travel. pgarc ddl prints definitions as they are.
func withoutSecrets(kind toc.Kind, sql string) string {
	if mayHoldSecrets(kind) {
		sql = secretOption.ReplaceAllString(sql, `${1}'********'`)
		sql = secretInConn.ReplaceAllString(sql, `${1}********`)
		sql = secretInURL.ReplaceAllString(sql, `${1}********${2}`)
	}
	return sql
}

// mayHoldSecrets reports whether definitions of a kind may hold passwords.
func mayHoldSecrets(kind toc.Kind) bool {
	switch kind {
	case "USER MAPPING", "SERVER", "FOREIGN DATA WRAPPER", toc.Subscription:
		return true
	}
	return false
}

// withoutPassword takes the passwords out of a word of a command line that may
// be a connection string, a URL or a setting.
func withoutPassword(word string) string {
	word = redactURLs(word)
	word = secretInWords.ReplaceAllString(word, "")
	return secretInURL.ReplaceAllStringFunc(word, func(s string) string {
		user, _, _ := strings.Cut(strings.TrimPrefix(s, "://"), ":")
		return "://" + user + "@"
	})
}

var secretInWords = regexp.MustCompile(`(?i)\b(?:ssl)?password\s*=\s*(?:'(?:[^'\\]|\\.)*'|[^\s&']*)&?`)

// httpURL finds URLs of archives in a text.
var httpURL = regexp.MustCompile(`(?i)https?://[^\s"']*[^\s"':,;.)]`)

// redactURLs hides what is secret in the URLs of archives that a message, made
// somewhere from the user's own words, may contain.
func redactURLs(text string) string {
	return httpURL.ReplaceAllStringFunc(text, archive.RedactURL)
}
