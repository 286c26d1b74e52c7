package archive_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/fixtures"
)

// quick is a policy that does not wait long.
var quick = archive.URLOptions{RetryPolicy: archive.RetryPolicy{Backoff: time.Millisecond}}

// TestURL reads every fixture that is a file from a server that breaks off and
// from one without ranges, and some from servers of every kind. All entries are
// read at once.
func TestURL(t *testing.T) {
	kinds := map[string]func([]byte) http.HandlerFunc{
		"ranges":      ranges,
		"weak":        weak,
		"cut":         func(b []byte) http.HandlerFunc { return cutting(100_000, ranges(b)) },
		"cut often":   func(b []byte) http.HandlerFunc { return cutting(4_999, ranges(b)) },
		"busy":        func(b []byte) http.HandlerFunc { return busy(ranges(b)) },
		"slow":        func(b []byte) http.HandlerFunc { return slow(ranges(b)) },
		"redirecting": func(b []byte) http.HandlerFunc { return redirecting(cutting(100_000, ranges(b))) },
	}
	for _, f := range fixtures.All(t) {
		if f.Format == "directory" {
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			b := fixtureBytes(t, f.Name)
			want := entriesAtOnce(t, open(t, f))
			for kind, handler := range kinds {
				if kind != "cut" && !slices.Contains([]string{"15/c-none", "18/c-redirect", "18/c-pipe", "17/lobs-tar"}, f.Name) {
					continue
				}
				s := serve(t, handler(b))
				r, err := archive.OpenURL(t.Context(), s.URL+"/backup.dump", quick)
				if err != nil {
					t.Errorf("%s: OpenURL: %v", kind, err)
					continue
				}
				if r.Size() != int64(len(b)) || r.Streaming() {
					t.Errorf("%s: Size() = %d, Streaming() = %v, want %d, false", kind, r.Size(), r.Streaming(), len(b))
				}
				compareEntries(t, kind, entriesAtOnce(t, r), want)
				if err := r.Close(); err != nil {
					t.Errorf("%s: Close: %v", kind, err)
				}
				s.Close()
			}
			s := serve(t, noRanges(b))
			r, err := archive.OpenURL(t.Context(), s.URL, quick)
			if err != nil {
				t.Fatalf("no ranges: OpenURL: %v", err)
			}
			defer r.Close()
			if !r.Streaming() {
				t.Errorf("no ranges: Streaming() = false")
			}
			compareEntries(t, "no ranges", entriesInOrder(t, r), want)
		})
	}
}

// TestURLRefused: what a server refuses is a typed error without secrets.
func TestURLRefused(t *testing.T) {
	closed := httptest.NewServer(nil)
	closed.Close()
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(code) }
	}
	tests := []struct {
		name    string
		handler http.HandlerFunc
		is      error  // what the error matches
		text    string // what it says
	}{
		{"404", status(404), os.ErrNotExist, "404 Not Found"},
		{"410", status(410), os.ErrNotExist, "410 Gone"},
		{"401", status(401), os.ErrPermission, "401 Unauthorized"},
		{"403", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/xml")
			w.WriteHeader(403)
			io.WriteString(w, `<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>`)
		}, os.ErrPermission, "403 Forbidden (AccessDenied: Request has expired)"},
		{"500", status(500), nil, "500 Internal Server Error"},
		{"501", status(501), nil, "501 Not Implemented"},
		{"empty", ranges(nil), archive.ErrNotArchive, "an empty file"},
		{"empty without ranges", noRanges(nil), archive.ErrNotArchive, "an empty file"},
		{"page", ranges([]byte("<!DOCTYPE html><p>Please log in")), archive.ErrNotArchive, "HTML"},
		{"other range", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Range", "bytes 5-99/100")
			w.WriteHeader(206)
		}, nil, `another range than the one from byte 0 on: "bytes 5-99/100"`},
		{"cut at once", func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) }, nil, "breaks off"},
		{"redirected to nowhere", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, closed.URL+"/?X-Amz-Signature=geheim", 302)
		}, nil, "connection refused"},
		{"redirected to no URL", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "https://joe:geheim@[::1/?X-Amz-Signature=geheim")
			w.WriteHeader(302)
		}, nil, "Location"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, tt.handler)
			u := strings.Replace(s.URL, "://", "://joe:geheim@", 1) + "/b.dump?X-Amz-Signature=geheim"
			_, err := archive.OpenURL(t.Context(), u, quick)
			if err == nil {
				t.Fatal("no error")
			}
			if tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("error %q does not match %q", err, tt.is)
			}
			if tt.is == nil && (errors.Is(err, archive.ErrTruncated) || errors.Is(err, archive.ErrNotArchive)) {
				t.Errorf("error %q is one of the file", err)
			}
			if !strings.Contains(err.Error(), tt.text) || strings.Contains(err.Error(), "geheim") {
				t.Errorf("error %q, want %q in it and no secrets", err, tt.text)
			}
			want := strings.Replace(s.URL, "://", "://***@", 1) + "/b.dump?***: "
			if !strings.HasPrefix(err.Error(), want) {
				t.Errorf("error %q does not begin with %q", err, want)
			}
		})
	}
	for _, u := range []string{"", "backup.dump", "ftp://joe:geheim@host/", "https://", "https://joe:geheim@host:port/", "https://joe:ge heim@host\x00/"} {
		_, err := archive.OpenURL(t.Context(), u, quick)
		if err == nil || strings.Contains(err.Error(), "geheim") {
			t.Errorf("OpenURL(%q) = %v, want an error without secrets", u, err)
		}
	}
}

// TestURLAuthorization: who and what is sent as it should be.
func TestURLAuthorization(t *testing.T) {
	b := fixtureBytes(t, "18/empty")
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if user != "joe" || password != "geheim" || r.Header.Get("X-Token") != "abc" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		ranges(b)(w, r)
	})
	o := quick
	o.Header = http.Header{"x-token": {"abc"}}
	r, err := archive.OpenURL(t.Context(), strings.Replace(s.URL, "://", "://joe:geheim@", 1), o)
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
}

// TestURLChanged: a file that changes after it was opened gives ErrChanged.
func TestURLChanged(t *testing.T) {
	b := fixtureBytes(t, "15/c-none")
	var now atomic.Int64
	etag := func(w http.ResponseWriter) {
		w.Header().Set("ETag", []string{`"one"`, `"two"`}[now.Load()])
	}
	tests := map[string]http.HandlerFunc{
		"ETag": func(w http.ResponseWriter, r *http.Request) {
			etag(w)
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
		},
		"ETag, condition ignored": func(w http.ResponseWriter, r *http.Request) {
			etag(w)
			r.Header.Del("If-Match")
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
		},
		"date": func(w http.ResponseWriter, r *http.Request) {
			http.ServeContent(w, r, "", time.Unix(1e9+now.Load(), 0), bytes.NewReader(b))
		},
		"date, condition ignored": func(w http.ResponseWriter, r *http.Request) {
			r.Header.Del("If-Unmodified-Since")
			http.ServeContent(w, r, "", time.Unix(1e9+now.Load(), 0), bytes.NewReader(b))
		},
		"size": func(w http.ResponseWriter, r *http.Request) {
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(append(bytes.Clone(b), make([]byte, now.Load())...)))
		},
	}
	for name, handler := range tests {
		t.Run(name, func(t *testing.T) {
			now.Store(0)
			s := serve(t, handler)
			r, err := archive.OpenURL(t.Context(), s.URL, quick)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			now.Store(1)
			before := s.requests.Load()
			if _, err := readEntries(r); !errors.Is(err, archive.ErrChanged) {
				t.Errorf("reading = %v, want ErrChanged", err)
			}
			if s.requests.Load() == before {
				t.Error("nothing was asked for: the fixture is too small for this test")
			}
		})
	}
}

// TestURLStall: a server that sends nothing is asked again.
func TestURLStall(t *testing.T) {
	b := fixtureBytes(t, "15/c-none")
	var n atomic.Int64
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		n := n.Add(1)
		if n == 1 {
			<-r.Context().Done()
			return
		}
		h := ranges(b)
		if n%2 == 0 {
			h = cutting(70_000, h)
			defer func() {
				if recover() != nil {
					<-r.Context().Done()
				}
			}()
		}
		h(w, r)
	})
	o := quick
	o.Stall = 100 * time.Millisecond
	r, err := archive.OpenURL(t.Context(), s.URL, o)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	compareEntries(t, "stalling", entriesAtOnce(t, r), entriesAtOnce(t, open(t, fixtures.Get(t, "15/c-none"))))
}

// TestURLCancel: nothing goes on when the context ends or the Reader is closed.
func TestURLCancel(t *testing.T) {
	b := synthetic{minor: 16, chunk: 1 << 20, entries: wide(1, 8<<20)}.encode(t)
	for _, closing := range []bool{false, true} {
		ended := make(chan struct{})
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Range") != "bytes=0-262143" {
				defer close(ended)
				h := cutting(1<<20, ranges(b))
				defer func() {
					recover()
					<-r.Context().Done()
				}()
				h(w, r)
				return
			}
			ranges(b)(w, r)
		})
		ctx, cancel := context.WithCancel(t.Context())
		r, err := archive.OpenURL(ctx, s.URL, quick)
		if err != nil {
			t.Fatal(err)
		}
		want := ctx.Err
		stop := cancel
		if closing {
			stop = func() { r.Close() }
			want = func() error { return os.ErrClosed }
		}
		time.AfterFunc(200*time.Millisecond, stop)
		begin := time.Now()
		if _, _, err := readData(r, r.TOC.Lookup(1)); !errors.Is(err, want()) || err == nil {
			t.Errorf("closing %v: reading = %v, want %v", closing, err, want())
		}
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("closing %v: it took %v", closing, took)
		}
		select {
		case <-ended:
		case <-time.After(5 * time.Second):
			t.Errorf("closing %v: the request goes on", closing)
		}
		cancel()
		r.Close()
	}
}

// TestURLDataClose: closing data ends their request, though the Reader goes on.
func TestURLDataClose(t *testing.T) {
	b := synthetic{minor: 16, chunk: 1 << 20, entries: wide(1, 64<<20)}.encode(t)
	ended := make(chan struct{})
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Range") != "bytes=0-262143" {
			defer close(ended)
		}
		ranges(b)(w, r)
	})
	r, err := archive.OpenURL(t.Context(), s.URL, quick)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	d, err := r.Data(r.TOC.Lookup(1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, d, 1<<20); err != nil {
		t.Error(err)
	}
	d.Close()
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Error("the request goes on")
	}
}

// TestURLUnreachable: a host that is not there is an error at once.
func TestURLUnreachable(t *testing.T) {
	begin := time.Now()
	_, err := archive.OpenURL(t.Context(), "http://127.0.0.1:1/backup.dump", archive.URLOptions{})
	var op *net.OpError
	if !errors.As(err, &op) {
		t.Errorf("error %v, want a net.OpError in it", err)
	}
	s := httptest.NewTLSServer(ranges(fixtureBytes(t, "18/empty")))
	defer s.Close()
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	if _, err = archive.OpenURL(t.Context(), s.URL, archive.URLOptions{}); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("unknown certificate: %v", err)
	}
	r, err := archive.OpenURL(t.Context(), s.URL, archive.URLOptions{Client: s.Client()})
	if err != nil {
		t.Errorf("TLS: %v", err)
	} else {
		r.Close()
	}
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("it took %v", took)
	}
}

// TestURLCompressed: a file that is compressed as a whole, and one that the
// server says is, come as they are.
func TestURLCompressed(t *testing.T) {
	f := fixtures.Get(t, "15/c-none")
	b := []byte(gzipped(t, string(fixtureBytes(t, "15/c-none"))))
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		ranges(b)(w, r)
	})
	r, err := archive.OpenURL(t.Context(), s.URL, quick)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	compareEntries(t, "compressed", entriesInOrder(t, r), entriesAtOnce(t, open(t, f)))
}

func TestRedactURL(t *testing.T) {
	tests := []struct{ url, want string }{
		{"backup.dump", "backup.dump"},
		{"./a?b#c", "./a?b#c"},
		{"https://host/a/b.dump", "https://host/a/b.dump"},
		{"https://joe@host:8443/b", "https://***@host:8443/b"},
		{"https://joe:pw@host/b%20c?sig=1#frag", "https://***@host/b%20c?***"},
		{"https://joe:p@w@host", "https://***@host"},
		{"https://host?token=1", "https://host?***"},
		{"s3://bucket/a key", "s3://bucket/a key"},
		{"https://joe:pw@host:port/", "https://***"},
		{"https://joe:p/w@host/", "https://***"},
		{filepath.Join("dir", "x://y"), filepath.Join("dir", "x://y")},
	}
	for _, tt := range tests {
		if got := archive.RedactURL(tt.url); got != tt.want {
			t.Errorf("RedactURL(%q) = %q, want %q", tt.url, got, tt.want)
		}
	}
}
