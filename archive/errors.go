package archive

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/pgarc/pgarc/toc"
)

// The sentinels that errors of this package match with errors.Is. They are
// chosen by what a caller would do next.
var (
	// ErrNotArchive: the input is something else. The error is a
	// *NotArchiveError, which says what.
	ErrNotArchive = errors.New("not a pg_dump archive")

	// ErrUnsupported: an archive, but of a version, format or compression
	// that this package does not know. For a version the error is an
	// *UnsupportedVersionError.
	ErrUnsupported = errors.New("unsupported archive")

	// ErrTruncated: the input ends within a record. Such errors match
	// io.ErrUnexpectedEOF too.
	ErrTruncated = errors.New("archive is truncated")

	// ErrCorrupt: a value that cannot be, a block of another entry, data that
	// do not decompress.
	ErrCorrupt = errors.New("archive is corrupt")

	// ErrNoData: the entry has no data of the kind that was asked for.
	ErrNoData = errors.New("entry has no data")

	// ErrNotSeekable: what is asked for would need an input that can be read
	// at an offset, and this one is a stream.
	ErrNotSeekable = errors.New("input is not seekable")

	// ErrPassed: the data of this entry lie behind the place to which the
	// stream was read. Such errors match ErrNotSeekable too.
	ErrPassed = fmt.Errorf("the stream is past the data: %w", ErrNotSeekable)
)

// A FormatError says where in an archive something is wrong, and what.
type FormatError struct {
	Kind   error      // the sentinel; nil for an I/O error, which Err then is
	File   string     // the file of a directory or the member of a tar archive; empty in custom format
	Offset int64      // byte offset, in the archive or in File; -1 if unknown
	ID     toc.DumpID // the entry; 0 if unknown or none
	Index  int        // the entry's place in the TOC, from 1, while the TOC is read; else 0
	What   string     // what is wrong there
	Err    error      // the cause, if there is one
}

// Error returns the place and the matter in one line.
func (e *FormatError) Error() string {
	var b strings.Builder
	switch {
	case e.Index > 0 && e.ID > 0:
		fmt.Fprintf(&b, "toc entry %d (no. %d)", e.ID, e.Index)
	case e.Index > 0:
		fmt.Fprintf(&b, "toc entry no. %d", e.Index)
	case e.ID > 0:
		fmt.Fprintf(&b, "data of entry %d", e.ID)
	default:
		b.WriteString("archive")
	}
	if e.File != "" {
		fmt.Fprintf(&b, " in %s", e.File)
	}
	if e.Offset >= 0 {
		fmt.Fprintf(&b, " at byte %#x", e.Offset)
	}
	b.WriteString(": " + e.What)
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Unwrap returns the sentinel and the cause, as far as there are any.
func (e *FormatError) Unwrap() []error {
	var errs []error
	for _, err := range []error{e.Kind, e.Err} {
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// Is makes truncation match io.ErrUnexpectedEOF.
func (e *FormatError) Is(target error) bool {
	return target == io.ErrUnexpectedEOF && e.Kind == ErrTruncated
}

// An UnsupportedVersionError says that an archive is of a version that cannot
// be read. It matches ErrUnsupported.
type UnsupportedVersionError struct {
	Version Version
	Err     error // where reading it as the newest known version failed, if that was tried
}

// Error returns the version found and those that are known.
func (e *UnsupportedVersionError) Error() string {
	s := fmt.Sprintf("archive version %s is not supported (known: %s to %s)", e.Version, oldestVersion, newestVersion)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns ErrUnsupported, and why the version could not be read.
func (e *UnsupportedVersionError) Unwrap() []error {
	if e.Err == nil {
		return []error{ErrUnsupported}
	}
	return []error{ErrUnsupported, e.Err}
}

// A NotArchiveError says that the input is not an archive, and what it is. It
// matches ErrNotArchive.
type NotArchiveError struct {
	Kind  FileKind
	Inner FileKind // what is inside, where Kind is a compression that could be looked into
	What  string   // both in words
}

// Error names what the input is.
func (e *NotArchiveError) Error() string { return "not a pg_dump archive: this is " + e.What }

// Unwrap returns ErrNotArchive.
func (e *NotArchiveError) Unwrap() error { return ErrNotArchive }

// isDamage reports whether an error is of the archive's bytes, not of getting
// at them.
func isDamage(err error) bool { return errors.Is(err, ErrTruncated) || errors.Is(err, ErrCorrupt) }

// A PartialError is why an archive could not be opened whose table of contents
// is broken in the middle. What comes before the damage is still of use.
type PartialError struct {
	// Partial has the entries before the damage, and the data of those that say
	// where their data are, unless it is a stream in custom format.
	Partial *Reader

	Err error
}

// Error returns what is wrong.
func (e *PartialError) Error() string { return e.Err.Error() }

// Unwrap returns the error that there would be if nothing could be read.
func (e *PartialError) Unwrap() error { return e.Err }

// intact returns what there is of an archive: r, or what an error of opening it
// has of it, or nil.
func intact(r *Reader, err error) *Reader {
	var partial *PartialError
	if errors.As(err, &partial) {
		return partial.Partial
	}
	return r
}
