package main

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/archive/s3"
)

// isArchiveURL reports whether an archive's name is a URL, of whatever kind.
func isArchiveURL(name string) bool {
	scheme, _, ok := strings.Cut(name, "://")
	return ok && scheme != "" && !strings.ContainsAny(scheme, `/\`)
}

// openName opens the archive that has a name: a file's, a directory's, a URL, or
// "-" for standard input.
func openName(ctx context.Context, env *env, name string) (*archive.Reader, error) {
	switch scheme, _, _ := strings.Cut(name, "://"); {
	case name == "-":
		return openStdin(ctx, env)
	case !isArchiveURL(name):
	case strings.EqualFold(scheme, "http"), strings.EqualFold(scheme, "https"):
		return archive.OpenURL(ctx, name, archive.URLOptions{})
	case scheme == "s3":
		return s3.Open(ctx, name)
	}
	return archive.Open(name)
}

// openStdin opens what comes from standard input: a file that was redirected
// like any other file, all else as a stream.
func openStdin(ctx context.Context, env *env) (*archive.Reader, error) {
	f, ok := env.stdin.(*os.File)
	if !ok {
		return openPipe(ctx, env)
	}
	if term.IsTerminal(int(f.Fd())) {
		return nil, usagef("standard input is a terminal: the archive must come through a pipe or a redirection")
	}
	at, seekErr := f.Seek(0, io.SeekCurrent)
	if info, err := f.Stat(); err == nil && seekErr == nil && info.Mode().IsRegular() {
		size := info.Size() - at
		return archive.NewReader(io.NewSectionReader(f, at, size), size)
	}
	return openPipe(ctx, env)
}

// openPipe opens what can only be read forward: as a stream, or from the file
// that it is spooled to.
func openPipe(ctx context.Context, env *env) (*archive.Reader, error) {
	if env.spool == "" {
		return archive.NewStream(env.stdin)
	}
	f, err := os.CreateTemp(env.spool, "pgarc-spool-")
	if err != nil {
		return nil, err
	}
	// Where a file can be without a name, it goes with the process, however
	// that ends. Elsewhere the directory keeps it.
	_ = os.Remove(f.Name())
	size, err := io.Copy(f, readerUntil{ctx, env.stdin})
	if err == nil {
		var r *archive.Reader
		var partial *archive.PartialError
		if r, err = archive.NewReader(f, size); err == nil || errors.As(err, &partial) {
			return r, err // the file lives as long as the process
		}
	}
	f.Close()
	return nil, err
}

// readerUntil ends with a context, at the next read.
type readerUntil struct {
	ctx context.Context
	r   io.Reader
}

func (u readerUntil) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.r.Read(p)
}
