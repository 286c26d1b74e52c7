package main

import (
	"io"
	"os"

	"golang.org/x/term"
)

// An env is what a command sees of the process it runs in.
type env struct {
	args           []string // after the program's name, as the user typed them
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string

	stdoutTTY, stderrTTY bool

	// spool is the directory to which standard input is written before it is
	// read as an archive; "" if it is read as it comes.
	spool string

	// damage is what is wrong with an archive of which the rest was used. A
	// command that does nothing about it ends with the status of a damaged
	// archive.
	damage error

	// failedSQL is the file for what pgarc restore leaves, unless an option
	// names another; "" for none.
	failedSQL string

	// width is the number of columns of the terminal that stdout, or else
	// stderr, is; 0 if neither is one.
	width int
}

// processEnv returns the env of this process.
func processEnv() *env {
	e := &env{
		stdin:     os.Stdin,
		stdout:    os.Stdout,
		stderr:    os.Stderr,
		failedSQL: "failed.sql",
		getenv:    os.Getenv,
		stdoutTTY: term.IsTerminal(int(os.Stdout.Fd())),
		stderrTTY: term.IsTerminal(int(os.Stderr.Fd())),
	}
	for _, f := range []*os.File{os.Stdout, os.Stderr} {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && e.width == 0 {
			e.width = width
		}
	}
	return e
}
