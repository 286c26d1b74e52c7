package pgscratch

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Binaries is an installed PostgreSQL server.
type Binaries struct {
	Dir     string // holds initdb and postgres, symbolic links resolved; often psql and pg_dump too
	Version string // as postgres --version says it: "15.18", "19beta1"
	Major   int    // 15
}

// NotFoundError says that no PostgreSQL server is installed where Find looks.
type NotFoundError struct {
	Looked []string // places, with the reason where something was there but of no use
	GOOS   string
}

func (e *NotFoundError) Error() string {
	return "no PostgreSQL server found (initdb and postgres in one folder); " + e.Install() +
		"; or set PGARC_PG_BIN to the folder that holds them; looked in " + strings.Join(e.Looked, ", ")
}

// Install says which package brings a server on this platform.
func (e *NotFoundError) Install() string {
	switch e.GOOS {
	case "darwin":
		return "install one: brew install postgresql (or Postgres.app)"
	case "freebsd":
		return "install one: pkg install postgresql17-server postgresql17-contrib"
	case "linux":
		return "install one: apt install postgresql (Debian, Ubuntu), " +
			"dnf install postgresql-server postgresql-contrib (Fedora, RHEL), " +
			"zypper install postgresql-server (SUSE), pacman -S postgresql (Arch), apk add postgresql (Alpine)"
	}
	return "install one: https://www.postgresql.org/download/"
}

// installed are the folders of packages that do not put their server on the PATH.
var installed = []string{
	"/usr/lib/postgresql/*/bin",                          // Debian, Ubuntu
	"/usr/pgsql-*/bin",                                   // the PostgreSQL project's RPMs
	"/usr/lib/postgresql*/bin",                           // SUSE
	"/usr/libexec/postgresql*",                           // Alpine
	"/opt/homebrew/opt/postgresql@*/bin",                 // Homebrew on Apple silicon
	"/usr/local/opt/postgresql@*/bin",                    // … on Intel
	"/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",    // … on Linux
	"/Applications/Postgres.app/Contents/Versions/*/bin", // Postgres.app
	"/usr/local/pgsql/bin",                               // built from source
}

// Find looks for PostgreSQL's server binaries: in $PGARC_PG_BIN, and only there where it is set; on the PATH;
// where pg_config points; and where the packages of the usual systems put them, newest version first. getenv
// is os.Getenv or a test's. The error is a *NotFoundError, or one that names what is wrong with PGARC_PG_BIN.
func Find(getenv func(string) string) (Binaries, error) {
	return find(getenv, installed)
}

func find(getenv func(string) string, globs []string) (Binaries, error) {
	if dir := getenv("PGARC_PG_BIN"); dir != "" {
		b, err := inspect(dir)
		if err != nil {
			return Binaries{}, fmt.Errorf("PGARC_PG_BIN: %w", err)
		}
		return b, nil
	}
	looked := []string{"$PGARC_PG_BIN (not set)", "PATH"}
	for _, dir := range pathDirs(getenv) {
		if b, err := inspect(dir); err == nil {
			return b, nil
		} else if hasServer(dir) {
			looked = append(looked, err.Error())
		}
	}
	looked = append(looked, "pg_config --bindir")
	if dir := pgConfigBinDir(getenv); dir != "" {
		b, err := inspect(dir)
		if err == nil {
			return b, nil
		}
		looked = append(looked, err.Error())
	}
	for _, glob := range globs {
		looked = append(looked, glob)
		b, bad := newest(glob)
		if b.Dir != "" {
			return b, nil
		}
		looked = append(looked, bad...)
	}
	return Binaries{}, &NotFoundError{Looked: looked, GOOS: runtime.GOOS}
}

// newest inspects every folder that matches glob, and returns the one of the highest major version, and what
// is wrong with those that hold a server of no use.
func newest(glob string) (best Binaries, bad []string) {
	dirs, _ := filepath.Glob(glob) // the only error is a bad pattern, and the patterns are ours
	slices.Sort(dirs)
	for _, dir := range dirs {
		b, err := inspect(dir)
		switch {
		case err == nil && b.Major >= best.Major:
			best = b
		case err != nil && hasServer(dir):
			bad = append(bad, err.Error())
		}
	}
	return best, bad
}

// inspect says what server dir holds. Links are resolved, since a link in /usr/local/bin stands alone, while
// psql and pg_dump are beside the file it points to.
func inspect(dir string) (Binaries, error) {
	for _, name := range []string{"initdb", "postgres"} {
		if _, err := exec.LookPath(filepath.Join(dir, name)); err != nil {
			return Binaries{}, err
		}
	}
	postgres, err := filepath.EvalSymlinks(filepath.Join(dir, "postgres"))
	if err != nil {
		return Binaries{}, err
	}
	if real := filepath.Dir(postgres); hasServer(real) {
		dir = real
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return Binaries{}, err
	}
	out, err := output(filepath.Join(dir, "postgres"), "--version")
	if err != nil {
		return Binaries{}, err
	}
	b := Binaries{Dir: dir}
	if b.Version, b.Major, err = parseVersion(out); err != nil {
		return Binaries{}, fmt.Errorf("%s: %w", dir, err)
	}
	return b, nil
}

func hasServer(dir string) bool {
	for _, name := range []string{"initdb", "postgres"} {
		if fi, err := os.Stat(filepath.Join(dir, name)); err != nil || fi.IsDir() {
			return false
		}
	}
	return true
}

var versionRE = regexp.MustCompile(`^postgres \(PostgreSQL\) ((\d+)[^\s]*)`)

// parseVersion reads "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)".
func parseVersion(out string) (version string, major int, err error) {
	m := versionRE.FindStringSubmatch(out)
	if m == nil {
		return "", 0, fmt.Errorf("postgres --version printed %q", strings.TrimSpace(out))
	}
	major, err = strconv.Atoi(m[2])
	return m[1], major, err
}

func pathDirs(getenv func(string) string) []string {
	dirs := filepath.SplitList(getenv("PATH"))
	return slices.DeleteFunc(dirs, func(dir string) bool { return !filepath.IsAbs(dir) })
}

func pgConfigBinDir(getenv func(string) string) string {
	for _, dir := range pathDirs(getenv) {
		if path, err := exec.LookPath(filepath.Join(dir, "pg_config")); err == nil {
			out, err := output(path, "--bindir")
			if err == nil {
				return strings.TrimSpace(out)
			}
		}
	}
	return ""
}

func output(path, arg string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, arg).Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", path, arg, err)
	}
	return string(out), nil
}
