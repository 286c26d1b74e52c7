package archive

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"
)

// ErrChanged: a remote file is not the one any more that was opened.
var ErrChanged = errors.New("the file has changed since it was opened")

var (
	errStalled = errors.New("the server sends nothing")
	errBroken  = errors.New("the transfer breaks off")
)

// A RemoteError is the refusal of a server that keeps a remote file. It matches
// fs.ErrNotExist for the status 404 and 410, fs.ErrPermission for 401 and 403,
// ErrChanged for 412. It has no part of the URL in it.
type RemoteError struct {
	Status     int           // of HTTP
	Code       string        // of S3, such as NoSuchKey; may be empty
	Message    string        // what the server says; may be empty
	RetryAfter time.Duration // what the server asks to wait; 0 if it does not
}

// Error returns the status and what the server says.
func (e *RemoteError) Error() string {
	s := fmt.Sprintf("the server answers %d %s", e.Status, http.StatusText(e.Status))
	s = strings.TrimRight(s, " ")
	switch {
	case e.Code != "" && e.Message != "":
		s += fmt.Sprintf(" (%s: %s)", e.Code, e.Message)
	case e.Code+e.Message != "":
		s += fmt.Sprintf(" (%s)", e.Code+e.Message)
	}
	return s
}

// Is makes the error match the sentinels that the status stands for.
func (e *RemoteError) Is(target error) bool {
	switch e.Status {
	case http.StatusNotFound, http.StatusGone:
		return target == fs.ErrNotExist
	case http.StatusUnauthorized, http.StatusForbidden:
		return target == fs.ErrPermission
	case http.StatusPreconditionFailed:
		return target == ErrChanged
	}
	return false
}

// Temporary reports whether the same request may succeed later.
func (e *RemoteError) Temporary() bool {
	switch e.Status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return false
	}
	return e.Status >= 500
}

// hopeless reports whether it is no use to ask again. Before anything has come
// from the server one is less patient: the name may be wrong.
func hopeless(err error, reached bool) bool {
	var refused *RemoteError
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.As(err, &refused):
		return !refused.Temporary()
	case errors.Is(err, ErrChanged), errors.As(err, new(*answerError)), errors.As(err, new(*noRangesError)),
		errors.As(err, &certificate), errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return true
	case reached:
		return errors.As(err, &dns) && dns.IsNotFound
	case errors.As(err, &dns):
		return !dns.IsTemporary || dns.IsNotFound
	case errors.As(err, &timeout) && timeout.Timeout():
		return false
	}
	return !(errors.Is(err, errStalled) || errors.Is(err, errBroken) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, context.DeadlineExceeded))
}
