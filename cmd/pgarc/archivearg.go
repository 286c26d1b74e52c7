package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/pgarc/pgarc/archive"
)

// dumpEndings are the ends of file names by which a first argument is taken
// for an archive though no such file exists. It is then reported missing.
var dumpEndings = []string{
	".dump", ".pgdump", ".pg_dump", ".dmp", ".backup", ".bak", ".custom", ".pgarc",
	".dir", ".tar", ".tgz", ".sql", ".gz", ".xz", ".bz2", ".zst", ".zstd", ".lz4", ".zip",
}

// archiveArg takes the archive from the front of a command's arguments. Where
// they do not begin with one it is $PGARC_ARCHIVE, else the only archive in
// the working directory.
func archiveArg(env *env, args []string) (name string, rest []string, err error) {
	if len(args) > 0 && looksLikeArchive(args[0]) {
		return args[0], args[1:], nil
	}
	if name := env.getenv("PGARC_ARCHIVE"); name != "" {
		return name, args, nil
	}
	found, err := archivesIn(".")
	if err != nil {
		return "", nil, err
	}
	if len(found) == 1 {
		return found[0], args, nil
	}
	return "", nil, noArchive(found, args)
}

// looksLikeArchive reports whether a first argument names an archive rather
// than an object in one.
func looksLikeArchive(arg string) bool {
	if arg == "-" || strings.ContainsRune(arg, '/') || strings.ContainsRune(arg, filepath.Separator) {
		return true // URLs have slashes too
	}
	if _, err := os.Stat(arg); arg != "" && err == nil {
		return true
	}
	return slices.Contains(dumpEndings, strings.ToLower(filepath.Ext(arg)))
}

// noArchive explains why there is no archive to work on.
func noArchive(found, args []string) error {
	err := &usageError{
		message: "no archive given, and none in the working directory",
		hint:    "name it as the first argument, or in $PGARC_ARCHIVE",
	}
	if len(found) > 1 {
		err.message = fmt.Sprintf("no archive given, and %d in the working directory: %s", len(found), shortList(found, 4))
	}
	if len(args) > 0 {
		err.message += fmt.Sprintf(" (there is no file %s)", visible(args[0]))
	}
	return err
}

// shortList joins the first n names and says how many more there are.
func shortList(names []string, n int) string {
	var b strings.Builder
	for i, name := range names {
		if i == n {
			fmt.Fprintf(&b, " and %d more", len(names)-n)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(visible(name))
	}
	return b.String()
}

// archivesIn returns the names of the archives in a directory, sorted.
func archivesIn(dir string) ([]string, error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, f := range files {
		path := filepath.Join(dir, f.Name())
		info, err := os.Stat(path) // follows links
		if err != nil {
			continue
		}
		if info.Mode().IsRegular() && isArchiveFile(path) || info.IsDir() && isArchiveDir(path) {
			found = append(found, path)
		}
	}
	return found, nil
}

func isArchiveDir(path string) bool {
	for _, name := range []string{"toc.dat", "toc.dat.gz", "toc.dat.lz4", "toc.dat.zst"} {
		if info, err := os.Stat(filepath.Join(path, name)); err == nil && info.Mode().IsRegular() {
			return true
		}
	}
	return false
}

// isArchiveFile reports whether a file starts as an archive in custom or tar
// format does. pg_dump writes toc.dat as the first member of a tar file.
func isArchiveFile(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	start := make([]byte, 100) // the name field of a tar header
	n, err := io.ReadFull(f, start)
	if err != nil && err != io.ErrUnexpectedEOF {
		return false
	}
	start = start[:n]
	return bytes.HasPrefix(start, []byte("PGDMP")) || bytes.HasPrefix(start, []byte("toc.dat\x00"))
}

// openArchive opens the archive and reports its warnings on stderr. Reading one
// at a URL ends with ctx.
//
// Of an archive that is damaged it returns what is intact, and leaves the damage
// in env, for the exit status.
func openArchive(ctx context.Context, env *env, name string) (*archive.Reader, error) {
	r, err := openName(ctx, env, name)
	name = shownName(name)
	var partial *archive.PartialError
	switch {
	case errors.As(err, &partial):
		r, env.damage = partial.Partial, &fileError{name, err}
		fmt.Fprintf(env.stderr, "pgarc: warning: %s\npgarc: warning: only the %d entries before that are there\n",
			visible(env.damage.Error()), len(r.TOC.Entries))
	case err != nil:
		return nil, &fileError{name, err}
	case r.Damage != nil:
		env.damage = &fileError{name, r.Damage}
		fmt.Fprintf(env.stderr, "pgarc: warning: %s\n", visible(env.damage.Error()))
	}
	for _, w := range r.Warnings {
		fmt.Fprintf(env.stderr, "pgarc: warning: %s: %s\n", visible(name), visible(w))
	}
	return r, nil
}

// shownName is how messages call an archive.
func shownName(name string) string {
	if name == "-" {
		return "standard input"
	}
	return archive.RedactURL(name)
}

// openToPrint is openArchive for commands that print what is in the table of
// contents and end. A large one is a hundred thousand objects that all live to
// the end: collecting garbage half as often saves a third of the time.
func openToPrint(ctx context.Context, env *env, name string) (*archive.Reader, error) {
	debug.SetGCPercent(400)
	return openArchive(ctx, env, name)
}

// A fileError says which file, mostly the archive, could not be opened or read.
type fileError struct {
	name string
	err  error
}

func (e *fileError) Error() string {
	var path *fs.PathError
	if errors.As(e.err, &path) {
		return path.Path + ": " + path.Err.Error()
	}
	message := e.err.Error()
	if strings.HasPrefix(message, e.name+": ") {
		return message
	}
	return e.name + ": " + message
}

func (e *fileError) Unwrap() error { return e.err }
