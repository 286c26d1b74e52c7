package pgscratch

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// fakeServer makes a folder with an initdb and a postgres that prints version.
func fakeServer(t *testing.T, dir, version string) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("needs shell scripts")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\necho '" + version + "'\n"
	for _, name := range []string{"initdb", "postgres"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// environment is a getenv.
func environment(env map[string]string) func(string) string {
	return func(name string) string { return env[name] }
}

func TestFindOrder(t *testing.T) {
	root := realTempDir(t)
	variable := fakeServer(t, filepath.Join(root, "variable"), "postgres (PostgreSQL) 14.1")
	onPath := fakeServer(t, filepath.Join(root, "path"), "postgres (PostgreSQL) 18beta1 (somewhere)")
	old := fakeServer(t, filepath.Join(root, "lib/9.6/bin"), "postgres (PostgreSQL) 9.6.24")
	fifteen := fakeServer(t, filepath.Join(root, "lib/15/bin"), "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)")
	broken := fakeServer(t, filepath.Join(root, "lib/99/bin"), "postgres: cannot load library")
	globs := []string{filepath.Join(root, "none/*/bin"), filepath.Join(root, "lib/*/bin")}

	links := filepath.Join(root, "links")
	pgConfig := filepath.Join(root, "pgconfig")
	for _, dir := range []string{links, pgConfig} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"initdb", "postgres"} {
		if err := os.Symlink(filepath.Join(fifteen, name), filepath.Join(links, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(pgConfig, "pg_config"), []byte("#!/bin/sh\necho "+old+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}

	tests := []struct {
		name  string
		env   map[string]string
		globs []string
		want  Binaries
	}{
		{"variable wins", map[string]string{"PGARC_PG_BIN": variable, "PATH": onPath}, globs, Binaries{variable, "14.1", 14}},
		{"path before folders", map[string]string{"PATH": "relative:" + onPath}, globs, Binaries{onPath, "18beta1", 18}},
		{"links resolved", map[string]string{"PATH": links}, nil, Binaries{fifteen, "15.18", 15}},
		{"pg_config", map[string]string{"PATH": pgConfig}, globs, Binaries{old, "9.6.24", 9}},
		{"newest folder, broken one passed over", nil, globs, Binaries{fifteen, "15.18", 15}},
		{"broken on path passed over", map[string]string{"PATH": broken}, globs, Binaries{fifteen, "15.18", 15}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := find(environment(tt.env), tt.globs)
			if err != nil || got != tt.want {
				t.Errorf("find with %v = %+v, %v; want %+v", tt.env, got, err, tt.want)
			}
		})
	}
}

func TestFindNothing(t *testing.T) {
	root := realTempDir(t)
	broken := fakeServer(t, filepath.Join(root, "99/bin"), "segmentation fault")
	_, err := find(environment(map[string]string{"PATH": t.TempDir()}), []string{filepath.Join(root, "*/bin")})
	var notFound *NotFoundError
	if !errors.As(err, &notFound) {
		t.Fatalf("find in empty folders: got error %v, want a *NotFoundError", err)
	}
	for _, want := range []string{"no PostgreSQL server found", "PGARC_PG_BIN", "PATH", "pg_config --bindir",
		filepath.Join(root, "*/bin"), broken, `printed "segmentation fault"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error lacks %q:\n%v", want, err)
		}
	}
}

func TestNotFoundNamesThePackage(t *testing.T) {
	for goos, want := range map[string][]string{
		"linux":   {"apt install postgresql (", "dnf install postgresql-server"},
		"darwin":  {"brew install postgresql"},
		"windows": {"https://www.postgresql.org/download/"},
	} {
		got := (&NotFoundError{Looked: []string{"PATH"}, GOOS: goos}).Error()
		for _, w := range append(want, "looked in PATH") {
			if !strings.Contains(got, w) {
				t.Errorf("%s: error lacks %q: %s", goos, w, got)
			}
		}
	}
}

// A wrong PGARC_PG_BIN is the user's mistake to mend, not a reason to run another server.
func TestFindWrongVariable(t *testing.T) {
	dir := t.TempDir()
	_, err := Find(environment(map[string]string{"PGARC_PG_BIN": dir, "PATH": os.Getenv("PATH")}))
	if err == nil || !strings.Contains(err.Error(), "PGARC_PG_BIN") || !strings.Contains(err.Error(), dir) {
		t.Errorf("Find with PGARC_PG_BIN=%s: got error %v, want one that names both", dir, err)
	}
}

// realTempDir is t.TempDir with links resolved, as Find returns folders.
func realTempDir(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
