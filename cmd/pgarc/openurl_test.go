package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rclone/gofakes3"
	"github.com/rclone/gofakes3/s3mem"
)

// archiveServer serves the fixtures in dir to scripts, by what the path begins
// with:
//
//	/files/      as one should
//	/whole/      without ranges
//	/cut/        breaking off every 100 kB
//	/locked/     to joe with the password geheim
//	/STATUS/     not at all
func archiveServer(t *testing.T, dir string) *httptest.Server {
	t.Helper()
	files := http.FileServer(http.Dir(dir))
	mux := http.NewServeMux()
	mux.Handle("/files/", http.StripPrefix("/files", files))
	mux.Handle("/cut/", http.StripPrefix("/cut", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		files.ServeHTTP(&cutter{w, 100_000}, r)
	})))
	mux.HandleFunc("/whole/", func(w http.ResponseWriter, r *http.Request) {
		b, err := os.ReadFile(filepath.Join(dir, strings.TrimPrefix(r.URL.Path, "/whole")))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		w.Write(b)
	})
	mux.HandleFunc("/locked/", func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "joe" || password != "geheim" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		http.StripPrefix("/locked", files).ServeHTTP(w, r)
	})
	mux.HandleFunc("/403/", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusForbidden) })
	mux.HandleFunc("/501/", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNotImplemented) })
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

// A cutter breaks a response off.
type cutter struct {
	http.ResponseWriter
	left int
}

func (c *cutter) Write(p []byte) (int, error) {
	if c.left -= len(p); c.left < 0 {
		c.ResponseWriter.Write(p[:c.left+len(p)])
		http.NewResponseController(c.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	}
	return c.ResponseWriter.Write(p)
}

// s3Server serves the bucket "backups" with an archive under the key
// daily/murmur.dump to the user AKIDEXAMPLE with the password "geheim".
func s3Server(t *testing.T, archive string) *httptest.Server {
	t.Helper()
	b, err := os.ReadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	bucket := s3mem.New()
	if err := bucket.CreateBucket(t.Context(), "backups"); err != nil {
		t.Fatal(err)
	}
	if _, err := bucket.PutObject(t.Context(), "backups", "daily/murmur.dump", nil, bytes.NewReader(b), int64(len(b))); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(gofakes3.New(bucket, gofakes3.WithV4Auth(map[string]string{"AKIDEXAMPLE": "geheim"})).Server())
	t.Cleanup(s.Close)
	return s
}
