package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/pgarc/pgarc/archive"
)

// The exit statuses. They are a promise to scripts; README.md and the help of
// every command name them.
const (
	exitOK          = 0
	exitFailed      = 1   // could not do it
	exitUsage       = 2   // the command line makes no sense
	exitPartly      = 3   // restored, but entries failed or were skipped
	exitArchive     = 4   // the archive is damaged, or not an archive
	exitInterrupted = 130 // Ctrl-C
)

// A usageError is a command line that cannot be understood.
type usageError struct {
	message string
	hint    string // how to do it right; may be empty
}

func (e *usageError) Error() string { return e.message }

// usagef returns a usageError without a hint.
func usagef(format string, args ...any) error {
	return &usageError{message: fmt.Sprintf(format, args...)}
}

// An exitError sets the exit status. Without err, the command has said all
// that there is to say and nothing more is printed.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// exitCode returns the exit status for what a command returned.
func exitCode(err error) int {
	var exit *exitError
	var usage *usageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &exit):
		return exit.code
	case errors.As(err, &usage):
		return exitUsage
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.Is(err, archive.ErrNotArchive), errors.Is(err, archive.ErrUnsupported),
		errors.Is(err, archive.ErrTruncated), errors.Is(err, archive.ErrCorrupt):
		return exitArchive
	}
	return exitFailed
}
