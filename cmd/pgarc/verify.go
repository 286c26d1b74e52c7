package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/pgarc/pgarc/archive"
)

const verifyHelp = `pgarc verify reads an archive through and reports all that is wrong with it.

Usage:
  pgarc verify [ARCHIVE] [options]

Examples:
  pgarc verify backup.dump
  ssh host pg_dump -Fc mydb | pgarc verify -
  pgarc verify backup.dump --checksums backup.sums

It checks that the table of contents is sound and that every entry that should
have data has them; that all data decompress to their end and their checksums
are right; that every row has the right number of columns and only escapes that
COPY writes, and every table its end marker; that INSERT commands are whole;
that the large objects are those of their list; and that nothing in the archive
belongs to nothing. It cannot see what has no checksum and still looks right,
and says where that is.

Each problem comes with the table, the place, and what is lost.

Options:
  -j, --jobs N          read N tables at once (default: one a processor)
  -q, --quiet           print problems only; nothing if there are none
      --json            a JSON object in each line: the archive, the tables, the
                        problems, a summary; the field "type" tells which
      --checksums FILE  write the rows, bytes and SHA-256 of each table and of
                        large objects to FILE; if FILE exists, compare with it,
                        and every difference is a problem
      --update          with --checksums: write FILE though it exists
  -h, --help            show this help

Checksums are of the data as they stand in the archive, decompressed. Another
dump of the same database has the same if pg_dump wrote the rows in the same
order, which it does as long as no row was changed, and with options that make
the same rows (not --inserts). Compression and format do not matter. Checksums
of a damaged archive are not written.

Exit status:
  0    the archive is sound
  1    could not do it
  2    wrong usage
  4    the archive is damaged, or not an archive, or differs from FILE
  130  interrupted
`

// verifyOptions are the options of pgarc verify.
type verifyOptions struct {
	jobs      int
	quiet     bool
	json      bool
	checksums string
	update    bool
}

func newVerifyCommand(env *env) *cobra.Command {
	var o verifyOptions
	cmd := &cobra.Command{
		Use:   "verify [ARCHIVE]",
		Short: "read an archive through and report all that is wrong",
		Long:  verifyHelp,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runVerify(cmd.Context(), env, o, args)
		},
	}
	f := cmd.Flags()
	f.IntVarP(&o.jobs, "jobs", "j", 0, "tables at once")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "problems only")
	f.BoolVar(&o.json, "json", false, "JSON, one object a line")
	f.StringVar(&o.checksums, "checksums", "", "file of checksums to write or compare with")
	f.BoolVar(&o.update, "update", false, "write the file of checksums though it exists")
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		switch {
		case f.Changed("jobs") && o.jobs < 1:
			return usagef("-j must be 1 or more")
		case o.update && o.checksums == "":
			return usagef("--update goes with --checksums FILE")
		}
		return nil
	}
	return cmd
}

func runVerify(ctx context.Context, env *env, o verifyOptions, args []string) error {
	if len(args) == 1 && !looksLikeArchive(args[0]) {
		args = []string{"./" + args[0]} // it takes no names: this must be an archive
	}
	name, rest, err := archiveArg(env, args)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return &usageError{message: "pgarc verify takes one archive and no names", hint: "pgarc ls lists objects"}
	}
	before, err := o.readChecksums()
	if err != nil {
		return err
	}
	ctx, stop := interruptible(ctx)
	defer stop()
	r, err := openArchive(ctx, env, name)
	if err != nil {
		return interruption(ctx, err)
	}
	defer r.Close()
	name = archive.RedactURL(name)
	start := time.Now()
	progress := newVerifyProgress(env, o.quiet)
	v, err := r.Verify(ctx, archive.VerifyOptions{Jobs: o.jobs, Digest: o.checksums != "", Progress: progress.show})
	progress.end()
	if err != nil {
		return interruption(ctx, err)
	}
	report := verifyReport{name: name, archive: r, Verification: v, took: time.Since(start), sums: o.checksums}
	if before != nil {
		report.differences = archive.CompareChecksums(before, v.Checksums())
	}
	if err := report.print(env, o); err != nil {
		return err
	}
	if !report.sound() {
		return &exitError{code: exitArchive}
	}
	if o.checksums != "" && before == nil {
		return writeChecksums(o.checksums, v.Checksums())
	}
	return nil
}

// readChecksums reads the file to compare with. It returns nil if there is
// nothing to compare with.
func (o *verifyOptions) readChecksums() ([]archive.Checksum, error) {
	if o.checksums == "" || o.update {
		return nil, nil
	}
	f, err := os.Open(o.checksums)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, &fileError{o.checksums, err}
	}
	defer f.Close()
	sums, err := archive.ReadChecksums(f)
	if err != nil {
		// Not a fileError: that would speak of a damaged archive.
		return nil, fmt.Errorf("%s: %w", o.checksums, err)
	}
	if sums == nil {
		sums = []archive.Checksum{}
	}
	return sums, nil
}

// writeChecksums writes a file of checksums, whole or not at all.
func writeChecksums(name string, sums []archive.Checksum) error {
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".tmp*")
	if err != nil {
		return &fileError{name, err}
	}
	defer os.Remove(f.Name())
	err = errors.Join(f.Chmod(0o644), archive.WriteChecksums(f, sums), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return &fileError{name, err}
	}
	return nil
}

// verifyProgress tells how far a verification is: on a terminal in its last
// line, else in a line every few seconds. It begins after a second.
type verifyProgress struct {
	w      io.Writer
	status *statusArea // nil: no terminal
	quiet  bool
	start  time.Time
	last   time.Time
}

func newVerifyProgress(env *env, quiet bool) *verifyProgress {
	p := &verifyProgress{w: env.stderr, quiet: quiet, start: time.Now(), last: time.Now()}
	if env.stderrTTY && env.getenv("TERM") != "dumb" && env.getenv("TERM") != "" {
		p.status = &statusArea{w: env.stderr, size: terminalSize(env, env.stderr)}
	}
	return p
}

func (p *verifyProgress) show(at archive.VerifyProgress) {
	now := time.Now()
	if p.quiet || now.Sub(p.start) < time.Second || p.status == nil && now.Sub(p.last) < plainInterval {
		return
	}
	p.last = now
	done := ""
	if at.StoredTotal > 0 {
		done = percent(at.Stored, at.StoredTotal) + ", "
	}
	line := fmt.Sprintf("verify: %s%d of %d tables, %s at %s/s, %s", done, at.Entries, at.EntriesTotal, byteSize(at.Bytes),
		byteSize(int64(float64(at.Bytes)/now.Sub(p.start).Seconds())), clock(now.Sub(p.start)))
	if p.status != nil {
		p.status.draw([]string{line})
	} else {
		fmt.Fprintln(p.w, "pgarc: "+line)
	}
}

func (p *verifyProgress) end() {
	if p.status != nil {
		p.status.clear()
	}
}

func (r *verifyReport) print(env *env, o verifyOptions) error {
	out := bufio.NewWriter(env.stdout)
	if o.json {
		if err := r.writeJSON(out, o); err != nil {
			return err
		}
	} else {
		r.write(out, env, o.quiet)
	}
	return out.Flush()
}
