package pgembed

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"testing"
)

func TestNewest(t *testing.T) {
	versions := []string{"17.9.0-beta.17", "17.10.0-beta.9", "17.10.0-beta.17", "18.0.0-beta.15", "17.10.0-beta.16", "1.7.0"}
	if got, err := newest(versions, 17); got != "17.10.0-beta.17" || err != nil {
		t.Errorf("newest 17 of %v: got %q, %v", versions, got, err)
	}
	if got, err := newest(versions, 19); err == nil {
		t.Errorf("newest 19 of %v: got %q, want an error", versions, got)
	}
}

func TestCachedPrefersNewest(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"postgres-18.9.0-beta.1", "postgres-18.10.0-beta.1", "postgres-17.1.0", ".download-1"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := cached(dir, 18); filepath.Base(got) != "postgres-18.10.0-beta.1" || err != nil {
		t.Errorf("cached 18: got %q, %v", got, err)
	}
	if got, err := cached(dir, 16); got != "" || err != nil {
		t.Errorf("cached 16: got %q, %v; want none", got, err)
	}
}

func pack(t *testing.T, files map[string]string) string {
	t.Helper()
	var buf bytes.Buffer
	zw := gzip.NewWriter(&buf)
	tw := tar.NewWriter(zw)
	for name, text := range files {
		if err := tw.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(text)), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		io.WriteString(tw, text)
	}
	tw.Close()
	zw.Close()
	tgz := filepath.Join(t.TempDir(), "p.tgz")
	if err := os.WriteFile(tgz, buf.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return tgz
}

func TestUnpackAndLink(t *testing.T) {
	tgz := pack(t, map[string]string{
		"package/native/lib/libx.so.5.18": "library",
		"package/native/bin/postgres":     "program",
		"package/native/pg-symlinks.json": `[{"source":"native/lib/libx.so.5.18","target":"native/lib/libx.so.5"}]`,
	})
	dir := t.TempDir()
	if err := unpack(tgz, dir); err != nil {
		t.Fatal(err)
	}
	if err := makeLinks(filepath.Join(dir, "package")); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "package/native/lib/libx.so.5")
	if to, err := os.Readlink(link); to != "libx.so.5.18" || err != nil {
		t.Errorf("%s points to %q, %v", link, to, err)
	}
	if text, err := os.ReadFile(link); string(text) != "library" || err != nil {
		t.Errorf("%s holds %q, %v", link, text, err)
	}
	if fi, err := os.Stat(filepath.Join(dir, "package/native/bin/postgres")); err != nil || fi.Mode().Perm() != 0o755 {
		t.Errorf("postgres: mode %v, %v; want 0755", fi.Mode(), err)
	}
}

func TestUnpackStaysInside(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "in")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unpack(pack(t, map[string]string{"../outside": "x"}), dir); err == nil {
		t.Error("unpack of ../outside: no error")
	}
	if _, err := os.Stat(filepath.Join(dir, "../outside")); err == nil {
		t.Error("unpack wrote outside its folder")
	}
}
