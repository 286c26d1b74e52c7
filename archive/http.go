package archive

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// URLOptions are how an archive at a URL is read.
type URLOptions struct {
	// Client sends the requests; nil means one of our own. It should not
	// limit the time of a whole request, nor decompress.
	Client *http.Client

	// Header is sent with each request, an Authorization for example.
	Header http.Header

	RetryPolicy
}

// OpenURL opens an archive in custom or tar format at an http or https URL, as
// [OpenRemote] does. A user and password in the URL are sent as basic
// authentication, and are, as its query, in no error.
//
// A file that changes while it is read gives ErrChanged, as far as the server
// lets one know: it is asked for by its ETag or else its date.
//
// A server that does not give parts of files has the archive read as by
// [NewStream], once and forward; such a transfer is not resumed.
func OpenURL(ctx context.Context, rawURL string, o URLOptions) (*Reader, error) {
	r, err := openURL(ctx, rawURL, o)
	if err != nil {
		err = fmt.Errorf("%s: %w", RedactURL(rawURL), err)
	}
	return r, err
}

func openURL(ctx context.Context, rawURL string, o URLOptions) (*Reader, error) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, errors.New("not an http or https URL") // what is wrong with it may be a password
	}
	h := &httpFile{url: u.String(), client: o.Client, header: o.Header}
	if h.client == nil {
		h.client = newHTTPClient()
		h.close = h.client.CloseIdleConnections
	}
	r, err := OpenRemote(ctx, h, o.RetryPolicy)
	if none := (*noRangesError)(nil); errors.As(err, &none) {
		r, err = h.openStream(ctx)
	}
	if intact(r, err) == nil {
		h.Close()
	}
	return r, err
}

// newHTTPClient returns a client for several long transfers at once. In HTTP/2
// all would share one connection, and be as slow as that.
func newHTTPClient() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = 32
	t.Protocols = new(http.Protocols)
	t.Protocols.SetHTTP1(true)
	return &http.Client{Transport: t}
}

// An httpFile is a file on a web server. It implements Remote.
type httpFile struct {
	url    string
	client *http.Client
	header http.Header
	close  func() // may be nil

	once     sync.Once // the first answer says which file it is
	known    bool
	etag     string
	modified string
}

// Close gives idle connections back.
func (h *httpFile) Close() error {
	if h.close != nil {
		h.close()
	}
	return nil
}

// OpenRange implements Remote.
func (h *httpFile) OpenRange(ctx context.Context, offset, n int64) (io.ReadCloser, int64, error) {
	resp, err := h.get(ctx, fmt.Sprintf("bytes=%d-%d", offset, offset+n-1))
	if err != nil {
		return nil, 0, err
	}
	body, size, err := h.part(resp, offset)
	if err != nil {
		resp.Body.Close()
	}
	return body, size, err
}

// get sends a request, for a range if that is not empty. Errors do not name the
// URL.
func (h *httpFile) get(ctx context.Context, byteRange string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url, nil)
	if err != nil {
		return nil, errors.New("not a URL")
	}
	for name, values := range h.header {
		req.Header[http.CanonicalHeaderKey(name)] = values
	}
	req.Header.Set("Accept-Encoding", "identity") // the file as it is
	if byteRange != "" {
		req.Header.Set("Range", byteRange)
	}
	switch {
	case h.etag != "" && !strings.HasPrefix(h.etag, "W/"):
		req.Header.Set("If-Match", h.etag)
	case h.modified != "":
		req.Header.Set("If-Unmodified-Since", h.modified)
	}
	resp, err := h.client.Do(req)
	if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) {
		err = &withoutURL{wrapped.Err}
	}
	return resp, err
}

// part returns the body of an answer, if it is the range from offset on of the
// file that was opened.
func (h *httpFile) part(resp *http.Response, offset int64) (io.ReadCloser, int64, error) {
	from, size, ok := parseContentRange(resp.Header.Get("Content-Range"))
	switch {
	case resp.StatusCode == http.StatusRequestedRangeNotSatisfiable && ok && size == 0 && offset == 0:
		resp.Body.Close()
		return http.NoBody, 0, nil
	case resp.StatusCode == http.StatusRequestedRangeNotSatisfiable && h.known:
		return nil, 0, ErrChanged // it has become shorter
	case resp.StatusCode == http.StatusOK && !h.known:
		return nil, 0, &noRangesError{}
	case resp.StatusCode == http.StatusOK:
		return nil, 0, &answerError{"the server has ceased to give parts of the file"}
	case resp.StatusCode != http.StatusPartialContent:
		return nil, 0, refusal(resp)
	case !ok || from != offset || size <= offset:
		return nil, 0, &answerError{fmt.Sprintf("the server gives another range than the one from byte %d on: %q", offset, resp.Header.Get("Content-Range"))}
	}
	etag, modified := resp.Header.Get("ETag"), resp.Header.Get("Last-Modified")
	h.once.Do(func() { h.known, h.etag, h.modified = true, etag, modified })
	if etag != h.etag && etag != "" || etag == "" && modified != "" && modified != h.modified {
		return nil, 0, ErrChanged
	}
	return resp.Body, size, nil
}

// parseContentRange parses "bytes 0-99/1000", and "bytes */1000", in which from
// is -1. It is not ok if the size is unknown.
func parseContentRange(s string) (from, size int64, ok bool) {
	s, isBytes := strings.CutPrefix(s, "bytes ")
	span, total, _ := strings.Cut(s, "/")
	size, err := strconv.ParseInt(total, 10, 64)
	if err != nil || size < 0 || !isBytes {
		return 0, 0, false
	}
	if span == "*" {
		return -1, size, true
	}
	first, _, _ := strings.Cut(span, "-")
	from, err = strconv.ParseInt(first, 10, 64)
	return from, size, err == nil && from >= 0
}

// refusal makes the error of an answer that is none.
func refusal(resp *http.Response) error {
	e := &RemoteError{Status: resp.StatusCode, RetryAfter: retryAfter(resp.Header.Get("Retry-After"))}
	var s3 struct{ Code, Message string } // S3 and its kind say more
	if strings.HasSuffix(resp.Header.Get("Content-Type"), "/xml") && xml.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&s3) == nil {
		e.Code, e.Message = s3.Code, s3.Message
	}
	return e
}

// retryAfter parses seconds, or a time.
func retryAfter(s string) time.Duration {
	if seconds, err := strconv.Atoi(s); err == nil && seconds > 0 && seconds < 1<<20 {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(s); err == nil {
		return max(0, time.Until(at))
	}
	return 0
}

// openStream reads the whole file forward.
func (h *httpFile) openStream(ctx context.Context) (*Reader, error) {
	ctx, cancel := context.WithCancel(ctx)
	resp, err := h.get(ctx, "")
	if err == nil && resp.StatusCode != http.StatusOK {
		err = refusal(resp)
		resp.Body.Close()
	}
	var r *Reader
	if err == nil {
		r, err = NewStream(resp.Body)
	}
	got := intact(r, err)
	if got == nil {
		cancel()
		return nil, err
	}
	got.size = resp.ContentLength
	got.closer = closerFunc(func() error {
		cancel()
		resp.Body.Close()
		return h.Close()
	})
	return r, err
}

type closerFunc func() error

func (f closerFunc) Close() error { return f() }

// A noRangesError says that the server gives whole files only.
type noRangesError struct{}

func (*noRangesError) Error() string { return "the server does not give parts of files" }

// An answerError is an answer that makes no sense, and would not the next time.
type answerError struct{ what string }

func (e *answerError) Error() string { return e.what }

// withoutURL is an error of the HTTP client whose text may hold a URL, that of
// a redirection for example.
type withoutURL struct{ err error }

func (e *withoutURL) Error() string { return redactURLs(e.err.Error()) }
func (e *withoutURL) Unwrap() error { return e.err }
