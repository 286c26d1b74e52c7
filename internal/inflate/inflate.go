// Package inflate reads zlib streams (RFC 1950 and 1951), the form in which
// pg_dump compresses data by default.
//
// It is here because decompression is nearly all that reading an archive
// costs. It works by the word where compress/flate works by the byte: the
// input is buffered and taken 64 bits at a time, symbols are decoded from one
// table look-up each, and matches are copied eight bytes at once.
package inflate

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The errors of a damaged stream. One that ends too early gives
// io.ErrUnexpectedEOF.
var (
	ErrHeader   = errors.New("zlib: invalid header")
	ErrData     = errors.New("zlib: invalid data")
	ErrChecksum = errors.New("zlib: invalid checksum")
	ErrTrailing = errors.New("data after the end of the compressed stream")
)

const (
	inputSize = 32 << 10
	padding   = 16 // zeros behind the input, so that reading a word never leaves the buffer
	history   = 32 << 10
	fresh     = 64 << 10 // decompressed at a time
	maxMatch  = 258
	slack     = maxMatch + 16 // room that one step of decoding may need
)

// A Reader decompresses a zlib stream. The zero value must be Reset.
//
// Read returns io.EOF only when the stream ended where its format says, the
// checksum is right, and the source has no more.
type Reader struct {
	src io.Reader
	eof bool // src is at its end

	in       []byte // in[pos:end] was read of src and is not yet in bits
	pos, end int
	bits     uint64 // the next bits, lowest first; above the first n may be others that come next
	n        uint

	out  []byte // out[:w] was decompressed; out[r:w] is not yet read
	r, w int

	step      func(*Reader) // what comes next in the stream
	final     bool          // this block is the last
	left      int           // of a block that is not compressed
	lit, dist []entry
	codes     *codes
	sum       uint32
	err       error
}

// Reset makes z read a new stream.
func (z *Reader) Reset(src io.Reader) {
	if z.in == nil {
		z.in = make([]byte, inputSize+padding)
		z.out = make([]byte, history+fresh+slack)
		z.codes = new(codes)
	}
	*z = Reader{src: src, in: z.in, out: z.out, codes: z.codes, step: (*Reader).header, sum: 1}
}

// Read reads decompressed data.
func (z *Reader) Read(p []byte) (int, error) {
	for z.r == z.w && z.err == nil {
		z.decompress()
	}
	n := copy(p, z.out[z.r:z.w])
	z.r += n
	if n == 0 && len(p) > 0 {
		return 0, z.err
	}
	return n, nil
}

// decompress makes the next piece of output. What came before must have been
// read.
func (z *Reader) decompress() {
	if z.w > history {
		copy(z.out, z.out[z.w-history:z.w])
		z.w = history
	}
	z.r = z.w
	for z.w < history+fresh && z.err == nil {
		z.step(z)
	}
	z.sum = update(z.sum, z.out[z.r:z.w])
	if z.err == io.EOF {
		z.trailer()
	}
}

// fill reads more input. At the end of src it adds zeros, so that what is
// buffered can be decoded by the word.
func (z *Reader) fill() {
	if z.eof {
		return
	}
	z.unread()
	z.end = copy(z.in, z.in[z.pos:z.end])
	z.pos = 0
	for tries := 0; ; tries++ {
		n, err := z.src.Read(z.in[z.end:inputSize])
		z.end += n
		switch {
		case err == io.EOF:
			z.eof = true
			clear(z.in[z.end : z.end+padding])
		case err != nil:
			z.err = err
		case n == 0 && tries == 100:
			z.err = io.ErrNoProgress
		case n == 0:
			continue
		}
		return
	}
}

// unread gives whole bytes in bits back to the input.
func (z *Reader) unread() {
	z.pos -= int(z.n >> 3)
	z.n &= 7
	z.bits &= 1<<z.n - 1
}

// need makes bits have at least k bits, up to 32.
func (z *Reader) need(k uint) bool {
	for z.n < k {
		if z.pos >= z.end {
			z.fill() // it may give bytes back
			if z.pos >= z.end && z.err == nil {
				z.err = io.ErrUnexpectedEOF
			}
			if z.err != nil {
				return false
			}
			continue
		}
		z.bits |= uint64(z.in[z.pos]) << z.n
		z.pos++
		z.n += 8
	}
	return true
}

// take returns the next k bits, up to 32; 0 after a failure.
func (z *Reader) take(k uint) uint {
	if z.err != nil || !z.need(k) {
		return 0
	}
	v := uint(z.bits & (1<<k - 1))
	z.bits >>= k
	z.n -= k
	return v
}

func (z *Reader) fail(what string) {
	if z.err == nil {
		z.err = fmt.Errorf("%w: %s", ErrData, what)
	}
}

// header reads the zlib header.
func (z *Reader) header() {
	method, flags := z.take(8), z.take(8)
	if z.err == nil && (method&15 != 8 || method>>4 > 7 || (method<<8|flags)%31 != 0 || flags&0x20 != 0) {
		z.err = ErrHeader
	}
	z.step = (*Reader).block
}

// block reads the head of a block.
func (z *Reader) block() {
	if z.final {
		z.err = io.EOF
		return
	}
	z.final = z.take(1) == 1
	switch kind := z.take(2); {
	case z.err != nil:
	case kind == 0:
		z.take(z.n & 7) // to the next byte
		length, inverse := z.take(16), z.take(16)
		if z.err == nil && length != inverse^0xffff {
			z.fail("length of a stored block")
		}
		z.left, z.step = int(length), (*Reader).stored
	case kind == 1:
		z.lit, z.dist = fixed()
		z.step = (*Reader).compressed
	case kind == 2:
		z.dynamic()
		z.step = (*Reader).compressed
	default:
		z.fail("block type 3")
	}
}

// stored copies a block that is not compressed.
func (z *Reader) stored() {
	z.unread()
	if z.left == 0 {
		z.step = (*Reader).block
		return
	}
	if z.pos >= z.end {
		if z.fill(); z.pos >= z.end {
			if z.err == nil {
				z.err = io.ErrUnexpectedEOF
			}
			return
		}
	}
	n := min(z.left, z.end-z.pos, history+fresh-z.w)
	copy(z.out[z.w:], z.in[z.pos:z.pos+n])
	z.w += n
	z.pos += n
	z.left -= n
}

// compressed decodes symbols until the block, the room for output or the
// input ends.
func (z *Reader) compressed() {
	limit, start := z.end-8, z.w
	if z.pos > limit {
		if !z.eof {
			z.fill()
			return
		}
		limit = z.pos // one step at a time
	}
	ended := z.decode(limit)
	z.unread() // bits may have some of the zeros behind the input
	switch {
	case z.pos > z.end:
		z.w = start // what was made of zeros is no data
		z.err = io.ErrUnexpectedEOF
	case ended:
		z.step = (*Reader).block
	}
}

// decode is the inner loop of compressed. It returns true at the end of the
// block.
func (z *Reader) decode(limit int) bool {
	in, out := z.in, z.out
	pos, bits, n, w := z.pos, z.bits, z.n, z.w
	lit, dist := (*[1 << litBits]entry)(z.lit), (*[1 << distBits]entry)(z.dist)
	ended := false
	for pos <= limit && w < history+fresh {
		bits |= binary.LittleEndian.Uint64(in[pos:]) << (n & 63)
		pos += int((63 - n) >> 3)
		n |= 56
		// Up to three literals take no more than 33 of 56 bits.
		e := lit[bits&(1<<litBits-1)]
		if e.kind() == literal {
			bits >>= e.length()
			n -= e.length()
			out[w] = byte(e >> 16)
			w++
			if e = lit[bits&(1<<litBits-1)]; e.kind() == literal {
				bits >>= e.length()
				n -= e.length()
				out[w] = byte(e >> 16)
				w++
				if e = lit[bits&(1<<litBits-1)]; e.kind() == literal {
					bits >>= e.length()
					n -= e.length()
					out[w] = byte(e >> 16)
					w++
					continue
				}
			}
			if pos > limit {
				break
			}
			bits |= binary.LittleEndian.Uint64(in[pos:]) << (n & 63)
			pos += int((63 - n) >> 3)
			n |= 56
		}
		if e.kind() == link {
			e = z.lit[uint64(e>>16)+(bits>>litBits)&(1<<e.extra()-1)]
			if e.kind() == literal {
				bits >>= e.length()
				n -= e.length()
				out[w] = byte(e >> 16)
				w++
				continue
			}
		}
		if e.kind() != base {
			bits >>= e.length()
			n -= e.length()
			if ended = e.kind() == stop; !ended {
				z.fail("code that there is not")
			}
			break
		}
		// A match takes no more than 48 bits.
		bits >>= e.length()
		length := int(e>>16) + int(bits&(1<<e.extra()-1))
		bits >>= e.extra()
		n -= e.length() + e.extra()
		e = dist[bits&(1<<distBits-1)]
		if e.kind() == link {
			e = z.dist[uint64(e>>16)+(bits>>distBits)&(1<<e.extra()-1)]
		}
		bits >>= e.length()
		distance := int(e>>16) + int(bits&(1<<e.extra()-1))
		bits >>= e.extra()
		n -= e.length() + e.extra()
		if e.kind() != base || distance > w {
			z.fail("distance")
			break
		}
		copyMatch(out, w, distance, length)
		w += length
	}
	z.pos, z.bits, z.n, z.w = pos, bits, n, w
	return ended
}

// copyMatch repeats the length bytes that were written distance bytes before
// w. It may write up to seven more.
func copyMatch(out []byte, w, distance, length int) {
	if distance < 8 {
		for i := w; i < w+length; i++ {
			out[i] = out[i-distance]
		}
		return
	}
	from, to := out[w-distance:], out[w:w+length+7]
	for len(to) >= 8 {
		binary.LittleEndian.PutUint64(to, binary.LittleEndian.Uint64(from))
		from, to = from[8:], to[8:]
	}
}

// trailer reads the checksum and sees that nothing follows.
func (z *Reader) trailer() {
	z.err = nil
	z.take(z.n & 7)
	var sum uint32
	for range 4 {
		sum = sum<<8 | uint32(z.take(8))
	}
	switch {
	case z.err != nil:
	case sum != z.sum:
		z.err = ErrChecksum
	case z.n >= 8 || z.pos < z.end:
		z.err = ErrTrailing
	default:
		if z.fill(); z.err == nil && z.pos < z.end {
			z.err = ErrTrailing
		} else if z.err == nil && z.eof {
			z.err = io.EOF
		}
	}
}
