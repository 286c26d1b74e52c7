package archive

import (
	"strings"
	"sync/atomic"
)

// unsummed says of each codec whether there were streams without a checksum.
// Those of gzip always have one; pg_dump asks LZ4 and zstd for none, but a
// file that was compressed by hand has one as a rule.
type unsummed [codecZstd + 1]atomic.Bool

// A head is a stored stream whose first bytes are kept.
type head struct {
	stored
	start [5]byte
	n     int
}

func (h *head) Read(p []byte) (int, error) {
	n, err := h.stored.Read(p)
	if h.n < len(h.start) {
		h.n += copy(h.start[h.n:], p[:n])
	}
	return n, err
}

// add takes in the head of a stream. Of several frames in a file, which pg_dump
// does not write, the first speaks for all.
func (u *unsummed) add(c codec, h *head) {
	switch {
	case h.n == 0, c == codecZlib, c == codecGzip:
	case c == codecLZ4 && h.start[4]&0x04 != 0: // of the content; those of blocks leave out whether a block is compressed
	case c == codecZstd && h.start[4]&0x04 != 0:
	case !u[c].Load():
		u[c].Store(true)
	}
}

// names says in words which data have no checksum; empty if all have.
func (u *unsummed) names() string {
	var names []string
	if u[codecNone].Load() {
		names = append(names, "data that are not compressed")
	}
	if u[codecLZ4].Load() {
		names = append(names, "data compressed with lz4")
	}
	if u[codecZstd].Load() {
		names = append(names, "data compressed with zstd")
	}
	return strings.Join(names, " and ")
}
