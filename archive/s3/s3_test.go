package s3_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/rclone/gofakes3"
	"github.com/rclone/gofakes3/s3mem"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/archive/s3"
	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/toc"
)

const accessKey, secretKey = "AKIDEXAMPLE", "geheim/Schluessel"

// A store is an S3 server, the one in rclone's "serve s3".
type store struct {
	*httptest.Server
	backend *s3mem.Backend
	wrap    func(http.Handler) http.Handler // what is put in front of it; may be nil
}

// serve starts a store with the bucket "backups". keys are who may use it;
// without any, everybody may.
func serve(t *testing.T, keys map[string]string) *store {
	t.Helper()
	s := &store{backend: s3mem.New()}
	var options []gofakes3.Option
	if keys != nil {
		options = append(options, gofakes3.WithV4Auth(keys))
	}
	server := gofakes3.New(s.backend, options...).Server()
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := server
		if s.wrap != nil {
			h = s.wrap(server)
		}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	if err := s.backend.CreateBucket(t.Context(), "backups"); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *store) put(t *testing.T, key string, b []byte) {
	t.Helper()
	if _, err := s.backend.PutObject(t.Context(), "backups", key, nil, bytes.NewReader(b), int64(len(b))); err != nil {
		t.Fatal(err)
	}
}

// environment sets what AWS's tools look at, and clears the rest.
func environment(t *testing.T, vars map[string]string) {
	t.Helper()
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
			os.Unsetenv(name)
		}
	}
	nothing := filepath.Join(t.TempDir(), "nothing")
	t.Setenv("AWS_CONFIG_FILE", nothing)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", nothing)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	for name, value := range vars {
		t.Setenv(name, value)
	}
}

// credentials are those that the store takes.
func credentials(s *store) map[string]string {
	return map[string]string{"AWS_ACCESS_KEY_ID": accessKey, "AWS_SECRET_ACCESS_KEY": secretKey, "AWS_ENDPOINT_URL_S3": s.URL, "AWS_REGION": "eu-central-1"}
}

func fixture(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(fixtures.Get(t, name).Path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// everything reads all entries at once.
func everything(t *testing.T, r *archive.Reader) string {
	t.Helper()
	var wg sync.WaitGroup
	var mu sync.Mutex
	all := make(map[toc.DumpID]string)
	for _, e := range r.TOC.Entries {
		if !e.HasDumper {
			continue
		}
		wg.Go(func() {
			text, err := entry(r, e)
			if err != nil {
				t.Errorf("entry %d: %v", e.ID, err)
			}
			mu.Lock()
			defer mu.Unlock()
			all[e.ID] = text
		})
	}
	wg.Wait()
	var text strings.Builder
	for _, id := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&text, "%d %s", id, all[id])
	}
	return text.String()
}

func entry(r *archive.Reader, e *toc.Entry) (string, error) {
	var text strings.Builder
	if e.Kind == toc.Blobs {
		for lo, err := range r.LargeObjects(e) {
			if err == nil {
				fmt.Fprintf(&text, "%d ", lo.OID)
				_, err = io.Copy(&text, lo)
			}
			if err != nil {
				return "", err
			}
		}
		return text.String(), nil
	}
	d, err := r.Data(e)
	if err != nil {
		return "", err
	}
	defer d.Close()
	_, err = io.Copy(&text, d)
	return text.String(), err
}

// check opens a URL and compares all data with a fixture's.
func check(t *testing.T, url, name string) {
	t.Helper()
	r, err := s3.Open(t.Context(), url)
	if err != nil {
		t.Errorf("Open: %v", err)
		return
	}
	defer r.Close()
	file, err := archive.Open(fixtures.Get(t, name).Path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if r.Size() != file.Size() || len(r.TOC.Entries) != len(file.TOC.Entries) {
		t.Errorf("%d bytes, %d entries, want %d, %d", r.Size(), len(r.TOC.Entries), file.Size(), len(file.TOC.Entries))
	}
	if got, want := everything(t, r), everything(t, file); got != want || got == "" {
		t.Errorf("%s: %d bytes of data, not the same as the file's %d", url, len(got), len(want))
	}
}

// TestOpen reads archives with credentials from the environment.
func TestOpen(t *testing.T) {
	s := serve(t, map[string]string{accessKey: secretKey})
	environment(t, credentials(s))
	for _, name := range []string{"15/c-none", "17/lobs-tar", "18/lobs", "18/c-redirect", "18/c-pipe", "18/c-statistics"} {
		key := "daily 1/ü+%41/" + name + ".dump"
		s.put(t, key, fixture(t, name))
		check(t, "s3://backups/"+key, name)
	}
}

// TestProfile reads an archive with credentials, region and endpoint from files.
func TestProfile(t *testing.T) {
	s := serve(t, map[string]string{accessKey: secretKey})
	s.put(t, "b.dump", fixture(t, "18/c-gzip"))
	var scope atomic.Value
	s.wrap = func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			scope.Store(r.Header.Get("Authorization"))
			h.ServeHTTP(w, r)
		})
	}
	dir := t.TempDir()
	files := map[string]string{
		"config":      "[profile backup]\nregion = eu-north-1\nendpoint_url = " + s.URL + "\n",
		"credentials": "[backup]\naws_access_key_id = " + accessKey + "\naws_secret_access_key = " + secretKey + "\n",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	environment(t, map[string]string{
		"AWS_PROFILE":                 "backup",
		"AWS_CONFIG_FILE":             filepath.Join(dir, "config"),
		"AWS_SHARED_CREDENTIALS_FILE": filepath.Join(dir, "credentials"),
	})
	check(t, "s3://backups/b.dump", "18/c-gzip")
	if got, _ := scope.Load().(string); !strings.Contains(got, "/eu-north-1/s3/") {
		t.Errorf("Authorization = %q, want it signed for eu-north-1", got)
	}
}

// TestAnonymous reads a public archive without credentials.
func TestAnonymous(t *testing.T) {
	s := serve(t, nil)
	s.put(t, "b.dump", fixture(t, "18/c-gzip"))
	s.wrap = func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if got := r.Header.Get("Authorization"); got != "" {
				t.Errorf("Authorization = %q, want none", got)
			}
			if r.URL.Path != "/backups/b.dump" {
				t.Errorf("path %q on %s, want the bucket in it", r.URL.Path, r.Host)
			}
			h.ServeHTTP(w, r)
		})
	}
	environment(t, map[string]string{"AWS_ENDPOINT_URL": strings.Replace(s.URL, "127.0.0.1", "localhost", 1)})
	check(t, "s3://backups/b.dump", "18/c-gzip")
}

// TestRegion goes where a bucket is when the server says so.
func TestRegion(t *testing.T) {
	s := serve(t, map[string]string{accessKey: secretKey})
	s.put(t, "b.dump", fixture(t, "15/c-none"))
	var wrong atomic.Int64
	s.wrap = func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.Contains(r.Header.Get("Authorization"), "/ap-south-1/s3/") {
				wrong.Add(1)
				w.Header().Set("X-Amz-Bucket-Region", "ap-south-1")
				w.WriteHeader(http.StatusMovedPermanently)
				return
			}
			h.ServeHTTP(w, r)
		})
	}
	environment(t, credentials(s))
	check(t, "s3://backups/b.dump", "15/c-none")
	if n := wrong.Load(); n != 1 {
		t.Errorf("%d requests were signed for the wrong region, want 1", n)
	}
}

// cutter breaks a response off.
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

// TestBroken reads from a server that breaks off, and is busy now and then.
func TestBroken(t *testing.T) {
	s := serve(t, map[string]string{accessKey: secretKey})
	s.put(t, "b.dump", fixture(t, "15/c-none"))
	var n atomic.Int64
	s.wrap = func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if n.Add(1) == 1 {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			h.ServeHTTP(&cutter{w, 100_000}, r)
		})
	}
	environment(t, credentials(s))
	check(t, "s3://backups/b.dump", "15/c-none")
	if n := n.Load(); n < 5 {
		t.Errorf("%d requests: nothing broke off", n)
	}
}

// TestChanged: an object that is written again while it is read is an error.
func TestChanged(t *testing.T) {
	s := serve(t, map[string]string{accessKey: secretKey})
	b := fixture(t, "15/c-none")
	s.put(t, "b.dump", b)
	environment(t, credentials(s))
	r, err := s3.Open(t.Context(), "s3://backups/b.dump")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	again := bytes.Clone(b)
	again[len(again)-1] ^= 1
	s.put(t, "b.dump", again)
	err = nil
	for _, e := range r.TOC.Entries {
		if e.HasDumper && err == nil {
			_, err = entry(r, e)
		}
	}
	if !errors.Is(err, archive.ErrChanged) {
		t.Errorf("reading = %v, want ErrChanged", err)
	}
}

// TestCutOff: an object that ends too early says so, at its table of contents or at the data that it lacks.
func TestCutOff(t *testing.T) {
	s := serve(t, map[string]string{accessKey: secretKey})
	environment(t, credentials(s))
	whole := fixture(t, "15/c-none")
	for _, size := range []int{3, 2000, len(whole) * 3 / 4, len(whole) - 1} {
		s.put(t, "cut.dump", whole[:size])
		r, err := s3.Open(t.Context(), "s3://backups/cut.dump")
		read, lost := 0, 0
		if r != nil {
			for _, e := range r.TOC.Entries {
				if !e.HasDumper {
					continue
				}
				if _, err := entry(r, e); err == nil {
					read++
				} else if lost++; !errors.Is(err, archive.ErrTruncated) {
					t.Errorf("%d bytes: entry %d: %v, want ErrTruncated", size, e.ID, err)
				}
			}
			r.Close()
		}
		t.Logf("%d bytes: %v; %d entries read, %d lost", size, err, read, lost)
		switch inData := size > len(whole)/2; {
		case inData && (err != nil || lost == 0 || read == 0):
			t.Errorf("%d bytes: %v; %d entries read, %d lost; want some of each", size, err, read, lost)
		case !inData && !errors.Is(err, archive.ErrTruncated) && !errors.Is(err, archive.ErrNotArchive):
			t.Errorf("%d bytes: %v, want ErrTruncated or ErrNotArchive", size, err)
		}
	}
}

// TestRefused: what is wrong is told by typed errors, without secrets.
func TestRefused(t *testing.T) {
	s := serve(t, map[string]string{accessKey: secretKey})
	s.put(t, "b.dump", fixture(t, "18/empty"))
	s.put(t, "empty.dump", nil)
	tests := []struct {
		url  string
		env  map[string]string
		is   error
		text string
	}{
		{"s3://backups/nope.dump", nil, fs.ErrNotExist, "s3://backups/nope.dump: the server answers 404 Not Found (NoSuchKey"},
		{"s3://nope/b.dump", nil, fs.ErrNotExist, "NoSuchBucket"},
		{"s3://backups/empty.dump", nil, archive.ErrNotArchive, "an empty file"},
		{"s3://backups/b.dump", map[string]string{"AWS_SECRET_ACCESS_KEY": "geheim, but wrong"}, fs.ErrPermission, "SignatureDoesNotMatch"},
		{"s3://backups/b.dump", map[string]string{"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1"}, nil, "connection refused"},
		{"s3://backups/b.dump", map[string]string{"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_PROFILE": "nope"}, nil, "nope"},
		{"s3://backups", nil, nil, "s3://BUCKET/KEY"},
		{"s3:///b.dump", nil, nil, "s3://BUCKET/KEY"},
		{"https://joe:geheim@host/b.dump", nil, nil, "s3://BUCKET/KEY"},
	}
	for _, tt := range tests {
		t.Run(tt.url, func(t *testing.T) {
			vars := credentials(s)
			maps.Copy(vars, tt.env)
			environment(t, vars)
			_, err := s3.Open(t.Context(), tt.url)
			switch {
			case err == nil:
				t.Fatal("no error")
			case tt.is != nil && !errors.Is(err, tt.is):
				t.Errorf("error %q does not match %q", err, tt.is)
			case !strings.Contains(err.Error(), tt.text), strings.Contains(err.Error(), "geheim"):
				t.Errorf("error %q, want %q in it and no secrets", err, tt.text)
			}
		})
	}
}

// TestCancel: a context that has ended ends all.
func TestCancel(t *testing.T) {
	s := serve(t, map[string]string{accessKey: secretKey})
	s.put(t, "b.dump", fixture(t, "15/c-none"))
	environment(t, credentials(s))
	ctx, cancel := context.WithCancel(t.Context())
	r, err := s3.Open(ctx, "s3://backups/b.dump")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cancel()
	err = nil
	for _, e := range r.TOC.Entries {
		if e.HasDumper && err == nil {
			_, err = entry(r, e)
		}
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("reading = %v, want context.Canceled", err)
	}
	if _, err := s3.Open(ctx, "s3://backups/b.dump"); !errors.Is(err, context.Canceled) {
		t.Errorf("Open = %v, want context.Canceled", err)
	}
}
