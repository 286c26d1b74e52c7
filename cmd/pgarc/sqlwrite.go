package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/script"
	"github.com/pgarc/pgarc/toc"
)

// scriptOptions shape a script, beside the selection. pgarc restore -f has them
// too.
type scriptOptions struct {
	script.WriteOptions
	file       string // -f; "" and "-" are stdout
	noRestrict bool
	verbose    bool
	format     string // -F: accepted, as in pg_restore's habit, and not needed
}

// addScriptFlags adds those that pgarc restore has for -f alone.
func (o *scriptOptions) addScriptFlags(fs *pflag.FlagSet) {
	fs.StringVarP(&o.file, "file", "f", "", "write the script to this file")
	fs.StringVar(&o.RestrictKey, "restrict-key", "", `key for \restrict`)
	fs.IntVar(&o.TransactionSize, "transaction-size", 0, "commit after every N objects")
}

// scriptConflicts are the pairs that pg_restore refuses, beside those of a
// selection.
var scriptConflicts = [][2]string{
	{"clean", "data-only"},
	{"create", "single-transaction"},
	{"single-transaction", "transaction-size"},
}

// check finds what is wrong with the options by themselves.
func (o *scriptOptions) check(fs *pflag.FlagSet) error {
	if err := checkConflicts(fs, scriptConflicts); err != nil {
		return err
	}
	switch {
	case isOn(fs, "if-exists") && !isOn(fs, "clean"):
		return usagef("option --if-exists requires option -c/--clean")
	case fs.Changed("transaction-size") && o.TransactionSize < 1:
		return usagef("--transaction-size must be at least 1")
	case fs.Changed("restrict-key") && !isRestrictKey(o.RestrictKey):
		return &usageError{"invalid restrict key", "a key is of letters and digits, without others"}
	case !knownFormat(o.format):
		return &usageError{fmt.Sprintf("unrecognized archive format %q", o.format), "leave out -F: pgarc sees the format itself"}
	}
	return nil
}

func isRestrictKey(key string) bool {
	return key != "" && strings.Trim(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == ""
}

// write prints the script of what is selected.
func (o *scriptOptions) write(ctx context.Context, env *env, a *archive.Reader, selected *toc.Selected) error {
	w := o.archiveOptions(ctx, a)
	switch {
	case o.noRestrict:
		warnUnrestricted(env, selected)
	case w.RestrictKey == "":
		// As long as pg_restore's, and as hard to guess: whoever made the
		// archive must not know it.
		w.RestrictKey = (rand.Text() + rand.Text() + rand.Text())[:63]
	}
	if o.verbose {
		w.Verbose = &script.Verbose{
			Started:   createdAt(a.Header, time.Local),
			Completed: func() string { return time.Now().Format(createdFormat) },
			Offsets:   a.Header.Format == archive.FormatCustom,
		}
	}
	err := writeOutput(env, o.file, func(out io.Writer) error { return script.Write(out, selected, w) })
	if err != nil && (o.file == "" || o.file == "-") {
		fmt.Fprintln(env.stderr, "pgarc: warning: the script is not complete: do not run it")
	}
	return err
}

// archiveOptions adds to the options what they take from the archive.
func (o *scriptOptions) archiveOptions(ctx context.Context, a *archive.Reader) script.WriteOptions {
	w := o.WriteOptions
	w.ServerVersion = a.Header.ServerVersion
	w.DumpVersion = a.Header.DumpVersion
	w.OldLargeObjects = !a.Header.Version.AtLeast(1, 12)
	w.Data = func(e *toc.Entry) (io.ReadCloser, error) {
		data, err := a.Data(e)
		if err != nil {
			return nil, err
		}
		return interruptibleData{ctx, data}, nil
	}
	w.LargeObjects = func(e *toc.Entry) iter.Seq2[script.LargeObject, error] {
		return func(yield func(script.LargeObject, error) bool) {
			for o, err := range a.LargeObjects(e) {
				if err == nil {
					err = ctx.Err()
				}
				if !yield(script.LargeObject{OID: o.OID, Data: o}, err) {
					return
				}
			}
		}
	}
	return w
}

// interruptibleData ends in an error once the user has interrupted, which
// spoils the script as damage in the archive does.
type interruptibleData struct {
	ctx context.Context
	io.ReadCloser
}

func (d interruptibleData) Read(p []byte) (int, error) {
	if err := d.ctx.Err(); err != nil {
		return 0, err
	}
	return d.ReadCloser.Read(p)
}

// warnUnrestricted warns of definitions on which psql would act by itself,
// which \restrict would keep it from.
func warnUnrestricted(env *env, selected *toc.Selected) {
	for _, e := range selected.Entries() {
		if _, found := script.MetaCommand(e.Defn, selected.TOC.StdStrings); found {
			fmt.Fprintf(env.stderr, "pgarc: warning: %s: psql would not just send its definition to the server; with --no-restrict, look at it first\n",
				entryTitle(selected.TOC, e))
		}
	}
}

// writeOutput writes to stdout, or to a file that appears when it is whole.
func writeOutput(env *env, name string, write func(io.Writer) error) error {
	if name == "" || name == "-" {
		return writeBuffered(env.stdout, write)
	}
	perm := os.FileMode(0o666)
	if info, err := os.Stat(name); err == nil {
		if !info.Mode().IsRegular() { // /dev/stdout, a named pipe
			f, err := os.OpenFile(name, os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			return errors.Join(writeBuffered(f, write), f.Close())
		}
		perm = info.Mode().Perm()
		if name, err = filepath.EvalSymlinks(name); err != nil {
			return err
		}
	}
	temporary := name + "." + rand.Text()[:8] + ".tmp"
	f, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return fmt.Errorf("%s: %w", name, errors.Unwrap(err)) // without the temporary name
	}
	err = writeBuffered(f, write)
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(temporary, name)
	}
	if err != nil {
		os.Remove(temporary)
	}
	return err
}

// writeBuffered writes through a buffer. What was printed before an error is
// written all the same.
func writeBuffered(w io.Writer, write func(io.Writer) error) error {
	out := bufio.NewWriterSize(w, 64<<10)
	err := write(out)
	if flushing := out.Flush(); err == nil {
		err = flushing
	}
	return err
}
