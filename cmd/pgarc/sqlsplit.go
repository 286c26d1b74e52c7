package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/script"
	"github.com/pgarc/pgarc/toc"
)

// splitManifest lists the files that pgarc made in a folder, so that a later
// run removes those, and only those, that are no longer needed.
const splitManifest = ".pgarc-split"

const manifestComment = "# Files that pgarc sql --split made. It removes those that it no longer makes.\n"

// splitIndex runs all the other files.
const splitIndex = "all.sql"

// A splitTree is the folder that pgarc sql --split writes to. os.Root keeps
// names and links from leading out of it.
type splitTree struct {
	dir     string
	root    *os.Root
	old     map[string]bool // files that pgarc made earlier
	made    map[string]bool // files of this run
	changed int
}

// writeSplit writes what is selected as a tree of files.
func writeSplit(ctx context.Context, env *env, a *archive.Reader, selected *toc.Selected, o *sqlOptions) error {
	files := script.Split(selected)
	t, err := openSplitTree(o.split, files)
	if err != nil {
		return err
	}
	defer t.root.Close()
	w := o.archiveOptions(ctx, a)
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		var warnings []script.Warning
		err := t.write(f.Path, f.Data, func(out io.Writer) (err error) {
			warnings, err = script.WriteSplitFile(out, selected, f, w)
			return err
		})
		if err != nil {
			return err
		}
		for _, warning := range warnings {
			fmt.Fprintf(env.stderr, "pgarc: warning: %s: %s\n", entryTitle(a.TOC, warning.Entry), visible(warning.Text))
		}
	}
	comment := fmt.Sprintf("Database %s, as pgarc sql --split wrote it.\nTo restore: psql -d DATABASE -f %s", toc.OneLine(a.Header.Database), splitIndex)
	err = t.write(splitIndex, false, func(out io.Writer) error {
		return script.WriteSplitIndex(out, selected, files, comment, w)
	})
	if err != nil {
		return err
	}
	removed, err := t.finish()
	if err == nil {
		fmt.Fprintf(env.stderr, "pgarc: %s: %d files, %d new or changed, %d removed\n", visible(o.split), len(t.made), t.changed, removed)
	}
	return err
}

// openSplitTree opens or makes the folder, and notes in it which files will be
// pgarc's, before any of them is there. A file of their names that pgarc did
// not make is an error.
func openSplitTree(dir string, files []script.SplitFile) (*splitTree, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	t := &splitTree{dir: dir, root: root, made: map[string]bool{splitIndex: true}}
	for _, f := range files {
		t.made[f.Path] = true
	}
	if t.old, err = readManifest(root); err == nil {
		err = t.checkForeign()
	}
	if err == nil {
		err = t.writeManifest(t.old, t.made)
	}
	if err != nil {
		root.Close()
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return t, nil
}

// readManifest returns the files of earlier runs. Lines that name no file
// below the folder are ignored.
func readManifest(root *os.Root) (map[string]bool, error) {
	text, err := root.ReadFile(splitManifest)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	files := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		name := strings.TrimRight(line, "\r\n")
		if strings.HasSuffix(name, ".sql") && filepath.IsLocal(filepath.FromSlash(name)) {
			files[name] = true
		}
	}
	return files, err
}

func (t *splitTree) checkForeign() error {
	var foreign []string
	for name := range t.made {
		if _, err := t.root.Lstat(name); err == nil && !t.old[name] {
			foreign = append(foreign, name)
		}
	}
	if len(foreign) == 0 {
		return nil
	}
	slices.Sort(foreign)
	return fmt.Errorf("pgarc did not make what is there already, and would overwrite it: %s", shortList(foreign, 4))
}

func (t *splitTree) writeManifest(sets ...map[string]bool) error {
	var names []string
	for _, set := range sets {
		for name := range set {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	text := manifestComment + strings.Join(slices.Compact(names), "\n") + "\n"
	return t.root.WriteFile(splitManifest, []byte(text), 0o666)
}

// write writes a file where it differs from what is there. Data, which may be
// large, are streamed; all else is small.
func (t *splitTree) write(name string, stream bool, write func(io.Writer) error) error {
	if err := t.root.MkdirAll(path.Dir(name), 0o777); err != nil {
		return err
	}
	var text bytes.Buffer
	if !stream {
		if err := write(&text); err != nil {
			return err
		}
		if old, err := t.root.ReadFile(name); err == nil && bytes.Equal(old, text.Bytes()) {
			return nil
		}
		write = func(w io.Writer) error {
			_, err := w.Write(text.Bytes())
			return err
		}
	}
	t.changed++
	temporary := name + ".tmp"
	f, err := t.root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return err
	}
	err = writeBuffered(f, write)
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = t.root.Rename(temporary, name)
	}
	if err != nil {
		_ = t.root.Remove(temporary)
	}
	return err
}

// finish removes the files of earlier runs that this one did not make, and
// folders that are empty then.
func (t *splitTree) finish() (removed int, err error) {
	for name := range t.old {
		if t.made[name] {
			continue
		}
		switch err := t.root.Remove(name); {
		case err == nil:
			removed++
		case !errors.Is(err, fs.ErrNotExist):
			return removed, err
		}
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			if t.root.Remove(dir) != nil { // not empty
				break
			}
		}
	}
	return removed, t.writeManifest(t.made)
}
