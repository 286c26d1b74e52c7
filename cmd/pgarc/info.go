package main

import (
	"bufio"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/toc"
)

const infoHelp = `pgarc info says what an archive is.

Usage:
  pgarc info [ARCHIVE] [options]

Examples:
  pgarc info backup.dump
  pgarc info backup.dump --json

It reads the head of the archive and its table of contents, not the data: it
does not tell whether the data are whole.

Options:
      --json  one JSON object
  -h, --help  show this help

` + exitStatusHelp

func newInfoCommand(env *env) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "info [ARCHIVE]",
		Short: "say what an archive is",
		Long:  infoHelp,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runInfo(cmd.Context(), env, asJSON, args)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object")
	return cmd
}

func runInfo(ctx context.Context, env *env, asJSON bool, args []string) error {
	if len(args) == 1 && !looksLikeArchive(args[0]) {
		args = append([]string{"./" + args[0]}, args[1:]...) // it takes no names: this must be an archive
	}
	name, rest, err := archiveArg(env, args)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return &usageError{message: "pgarc info takes one archive and no names", hint: "pgarc ls lists objects"}
	}
	r, err := openToPrint(ctx, env, name)
	if err != nil {
		return err
	}
	name = archive.RedactURL(name)
	defer r.Close()
	out := bufio.NewWriter(env.stdout)
	if asJSON {
		err = writeInfoJSON(out, name, r)
	} else {
		writeInfo(out, name, r)
	}
	if err != nil {
		return err
	}
	return out.Flush()
}

func writeInfo(w *bufio.Writer, name string, r *archive.Reader) {
	h := r.Header
	line := func(label, format string, args ...any) {
		fmt.Fprintf(w, "%-12s  %s\n", label, visible(fmt.Sprintf(format, args...)))
	}
	line("Archive", "%s, %s", name, byteSize(r.Size()))
	line("Format", "%s, archive version %s", h.Format, h.Version)
	line("Compression", "%s", h.Compression)
	line("Database", "%s", orUnknown(h.Database))
	line("Encoding", "%s", r.TOC.Encoding)
	line("Server", "PostgreSQL %s", orUnknown(h.ServerVersion))
	line("Made by", "pg_dump %s", orUnknown(h.DumpVersion))
	line("Made at", "%s, local time there", orUnknown(plainTime(h.Created)))
	all := totalsOf(r.TOC.Entries)
	line("Data", "%s", dataInWords(all))
	line("Entries", "%d, and %d that describe the archive", countObjects(r.TOC), all.entries-countObjects(r.TOC))
	fmt.Fprintln(w)
	t := table{columns: []column{{title: "COUNT", right: true}, {title: "KIND"}}}
	for _, kind := range all.byCount() {
		t.add(fmt.Sprint(all.kinds[kind]), visible(string(kind)))
	}
	t.write(w, 0)
}

func dataInWords(t totals) string {
	switch {
	case t.data == 0:
		return "none"
	case t.sizeUnknown:
		return fmt.Sprintf("%d entries; no offsets, because pg_dump wrote it through a pipe: data have to be searched", t.data)
	}
	return fmt.Sprintf("%d entries, %s as stored", t.data, byteSize(t.size))
}

// headline says in one line what an archive is. objects is how many entries it
// has, but for those that describe it.
func headline(name string, r *archive.Reader, objects int) string {
	h := r.Header
	parts := []string{"database " + orUnknown(h.Database)}
	if h.ServerVersion != "" {
		parts = append(parts, "PostgreSQL "+shortVersion(h.ServerVersion))
	}
	if h.DumpVersion != "" {
		parts = append(parts, "pg_dump "+shortVersion(h.DumpVersion))
	}
	if !h.Created.IsZero() {
		parts = append(parts, plainTime(h.Created))
	}
	parts = append(parts, h.Format.String()+" format", compressionInWords(h.Compression),
		fmt.Sprintf("%d entries", objects))
	return visible(name + ": " + strings.Join(parts, ", "))
}

func compressionInWords(c archive.Compression) string {
	if c.Algorithm == archive.None {
		return "not compressed"
	}
	return c.String()
}

// shortVersion is "18.6" of "18.6 (Debian 18.6-3)".
func shortVersion(v string) string {
	v, _, _ = strings.Cut(v, " ")
	return v
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

// plainTime prints a time without its zone, which archives do not record.
func plainTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format("2006-01-02 15:04:05")
}

// tocForCompletion returns the table of contents of an archive, or nil if it
// cannot be read: completion must not talk.
func tocForCompletion(name string) *toc.TOC {
	r, err := archive.Open(name)
	if err != nil {
		return nil
	}
	defer r.Close()
	return r.TOC
}
