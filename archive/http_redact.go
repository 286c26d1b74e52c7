package archive

import (
	"net/url"
	"regexp"
	"strings"
)

const redacted = "***"

// RedactURL returns a URL without what may be secret in it, for messages: user
// and password, the query, in which signatures and tokens are, and the
// fragment. What is not a URL, a file name, it returns as it is.
func RedactURL(rawURL string) string {
	scheme, rest, ok := strings.Cut(rawURL, "://")
	if !ok || strings.ContainsAny(scheme, `/\ `) {
		return rawURL
	}
	u, err := url.Parse(rawURL)
	if err != nil {
		return scheme + "://" + redacted
	}
	rest, _, _ = strings.Cut(rest, "#")
	rest, query, _ := strings.Cut(rest, "?")
	host, path, slash := strings.Cut(rest, "/")
	if u.User != nil {
		host = redacted + "@" + host[strings.LastIndexByte(host, '@')+1:]
	}
	if slash {
		path = "/" + path
	}
	if query != "" {
		query = "?" + redacted
	}
	return scheme + "://" + host + path + query
}

var urlInText = regexp.MustCompile(`[a-zA-Z][a-zA-Z0-9+.-]*://[^\s"']*[^\s"':,;.)]`)

// redactURLs does that to all URLs in a text.
func redactURLs(text string) string { return urlInText.ReplaceAllStringFunc(text, RedactURL) }
