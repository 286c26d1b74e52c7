package archive

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/pgarc/pgarc/toc"
)

// maxString is the longest string that can be in an archive: PostgreSQL has no
// text of a gigabyte.
const maxString = 1 << 30

// The decoder's window grows from the first size to the second, so that a
// small archive costs one small read and a large one few large reads.
const (
	firstWindow = 64 << 10
	lastWindow  = 1 << 20
)

// A decoder reads the primitive values of a header and TOC, forward. The first
// failure stays: after it, everything reads as zero, and err says what it was.
//
// It reads in windows, each converted to a string once. Strings in the archive
// are substrings of it, so a field costs no allocation.
type decoder struct {
	src    io.Reader
	left   int64  // bytes left in src; -1 if unknown
	window string // what was read from src last
	pos    int    // place in window
	base   int64  // offset of the window in the archive
	buf    []byte // becomes the next window
	err    error

	file    string // for errors
	intSize int    // bytes of an integer, without the sign
	offSize int    // bytes of an offset
	signed  bool   // integers have a sign byte

	index int        // entry being read, from 1; for errors
	id    toc.DumpID // its id, when known

	known map[string]string // see intern
}

// newDecoder returns a decoder of src, which has size bytes, or -1 if unknown.
func newDecoder(src io.Reader, size int64) *decoder {
	return &decoder{src: src, left: size, known: make(map[string]string)}
}

// offset returns the place in the archive of the next value.
func (d *decoder) offset() int64 { return d.base + int64(d.pos) }

// fail records the first failure.
func (d *decoder) fail(kind error, what string) { d.failAt(d.offset(), kind, what, nil) }

func (d *decoder) failAt(offset int64, kind error, what string, cause error) {
	if d.err == nil {
		d.err = &FormatError{Kind: kind, File: d.file, Offset: offset, ID: d.id, Index: d.index, What: what, Err: cause}
	}
}

// fill makes the window hold at least n bytes from pos on; n is at most
// lastWindow. It reports whether it does.
func (d *decoder) fill(n int) bool {
	rest := d.window[d.pos:]
	size := min(max(firstWindow, 2*len(d.buf)), lastWindow)
	size = max(size, n)
	if d.left >= 0 && int64(size-len(rest)) > d.left {
		size = len(rest) + int(d.left)
	}
	if size < n {
		d.fail(ErrTruncated, fmt.Sprintf("%d bytes wanted, %d left", n, size))
		return false
	}
	if len(d.buf) < size {
		d.buf = make([]byte, size)
	}
	copy(d.buf, rest)
	m, err := io.ReadAtLeast(d.src, d.buf[len(rest):size], n-len(rest))
	if d.left >= 0 {
		d.left -= int64(m)
	}
	d.base += int64(d.pos)
	d.pos = 0
	d.window = string(d.buf[:len(rest)+m])
	if err != nil {
		d.failRead(err)
	}
	return err == nil
}

// failRead records a failure of src, or its end.
func (d *decoder) failRead(err error) {
	var known *FormatError
	if errors.As(err, &known) { // of a compressed toc.dat
		if d.err == nil {
			d.err = err
		}
		return
	}
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		d.failAt(d.base+int64(len(d.window)), ErrTruncated, "unexpected end", nil)
		return
	}
	d.failAt(d.base+int64(len(d.window)), nil, "reading", err)
}

// take returns the next n bytes; n is at most lastWindow.
func (d *decoder) take(n int) string {
	if d.err != nil || len(d.window)-d.pos < n && !d.fill(n) {
		return ""
	}
	s := d.window[d.pos : d.pos+n]
	d.pos += n
	return s
}

// takeLong returns the next n bytes, n being more than the window has. Memory
// grows only with what is really there.
func (d *decoder) takeLong(n int) string {
	var b strings.Builder
	b.WriteString(d.window[d.pos:])
	d.base += int64(len(d.window)) // the window is used up
	d.window, d.pos = "", 0
	m, err := io.CopyN(&b, d.src, int64(n-b.Len()))
	d.base += m
	if d.left >= 0 {
		d.left -= m
	}
	if err != nil {
		d.failRead(err)
		return ""
	}
	return b.String()
}

// atEnd reports whether nothing is left. It records a failure to find out.
func (d *decoder) atEnd() bool {
	if d.err != nil || d.pos < len(d.window) {
		return false
	}
	switch n, err := io.ReadFull(d.src, make([]byte, 1)); {
	case n > 0:
		d.fail(ErrCorrupt, "data behind the table of contents")
	case err == io.EOF:
		return true
	default:
		d.failRead(err)
	}
	return false
}

// byte reads one byte.
func (d *decoder) byte() byte {
	if s := d.take(1); s != "" {
		return s[0]
	}
	return 0
}

// int reads an integer: a sign byte, then the magnitude, least byte first.
// pg_dump passes OIDs through ints, so one of 2^31 or more is negative here
// and right again as uint32 (see oid).
func (d *decoder) int() int32 {
	n := d.intSize
	if d.signed {
		n++
	}
	s := d.take(n)
	if s == "" {
		return 0
	}
	v, ok := parseInt(s, d.signed)
	if !ok {
		d.failAt(d.offset()-int64(n), ErrCorrupt, "integer of more than 32 bits", nil)
	}
	return v
}

// parseInt decodes an integer of any width. It is not ok if the magnitude has
// more than 32 bits.
func parseInt[S string | []byte](s S, signed bool) (v int32, ok bool) {
	negative := false
	if signed {
		negative = s[0] != 0
		s = s[1:]
	}
	var m uint32
	for i := 0; i < len(s); i++ {
		if i < 4 {
			m |= uint32(s[i]) << (8 * i)
		} else if s[i] != 0 {
			return 0, false
		}
	}
	if negative {
		m = -m
	}
	return int32(m), true
}

// text reads a string: its length, then its bytes; a negative length is NULL.
func (d *decoder) text() toc.Text {
	at := d.offset()
	n := int64(d.int())
	if n < 0 || d.err != nil {
		return toc.Text{}
	}
	if d.left >= 0 && n > d.left+int64(len(d.window)-d.pos) {
		d.failAt(at, ErrTruncated, fmt.Sprintf("string of %d bytes, %d left", n, d.left+int64(len(d.window)-d.pos)), nil)
		return toc.Text{}
	}
	if n > maxString {
		d.failAt(at, ErrCorrupt, fmt.Sprintf("string of %d bytes", n), nil)
		return toc.Text{}
	}
	if n > lastWindow && n > int64(len(d.window)-d.pos) {
		return toc.Text{String: d.takeLong(int(n)), Valid: true}
	}
	return toc.Text{String: d.take(int(n)), Valid: true}
}

// intern returns s, or an equal string seen before, so that what many entries
// share is one string.
func (d *decoder) intern(s string) string {
	if s == "" {
		return ""
	}
	if t, ok := d.known[s]; ok {
		return t
	}
	d.known[s] = s
	return s
}

// place is where the TOC says that an entry's data are.
type place struct {
	state  toc.DataState
	offset int64
}

// place reads a file offset (ReadOffset in pg_backup_archiver.c).
func (d *decoder) place(v Version) place {
	at := d.offset()
	if !v.has(minorOffSize) {
		offset := d.int()
		d.int() // length of the data, which old readers ignored too
		switch {
		case offset < 0:
			return place{state: toc.DataUnlocated}
		case offset == 0:
			return place{state: toc.DataNone}
		}
		return place{toc.DataLocated, int64(offset)}
	}
	flag := d.byte()
	offset, ok := parseOffset(d.take(d.offSize))
	switch {
	case d.err != nil:
	case flag == 1:
		return place{state: toc.DataUnlocated} // the offset means nothing
	case flag == 2 && !ok:
		d.failAt(at, ErrCorrupt, "file offset of more than 63 bits", nil)
	case flag == 2:
		return place{toc.DataLocated, offset}
	case flag != 3:
		d.failAt(at, ErrCorrupt, fmt.Sprintf("data offset flag %d", flag), nil)
	}
	return place{state: toc.DataNone}
}

// parseOffset decodes an offset, least byte first. It is not ok if it does not
// fit an int64.
func parseOffset(s string) (int64, bool) {
	var v uint64
	for i := 0; i < len(s); i++ {
		if i < 8 {
			v |= uint64(s[i]) << (8 * i)
		} else if s[i] != 0 {
			return 0, false
		}
	}
	return int64(v), v < 1<<63
}
