package inflate

import "sync"

// An entry of a decoding table says what a code means.
//
//	bits 0 to 5    length of the code, in bits
//	bits 6 to 7    spare
//	bits 8 to 11   extra bits behind the code; of a link, the bits of its table
//	bits 12 to 14  kind
//	bits 16 to 31  a literal, the base of a length or distance, or, of a link,
//	               where its table begins
type entry uint32

// The kinds of entries.
const (
	literal = iota
	base    // of a length or distance; extra bits are added
	link    // to the table for codes that are longer than the index of this one
	stop    // end of block
	invalid // no code
)

func (e entry) length() uint { return uint(e & 63) }
func (e entry) extra() uint  { return uint(e>>8) & 15 }
func (e entry) kind() uint   { return uint(e>>12) & 7 }

// The bits by which the main tables are indexed.
const (
	litBits  = 11
	distBits = 9
)

const (
	maxLit   = 288
	maxDist  = 32
	maxCode  = 15 // bits
	endBlock = 256
)

// The symbols of lengths, from 257 on, and of distances: what they start at,
// and how many extra bits they have.
var litSymbols, distSymbols = symbols()

func symbols() (lit [maxLit]entry, dist [maxDist]entry) {
	for i := range lit {
		lit[i] = invalid << 12
		if i < 256 {
			lit[i] = entry(i)<<16 | literal<<12
		}
	}
	lit[endBlock] = stop << 12
	length := 3
	for i := range 28 {
		extra := max(0, i/4-1)
		lit[257+i] = entry(length)<<16 | base<<12 | entry(extra)<<8
		length += 1 << extra
	}
	lit[285] = maxMatch<<16 | base<<12
	distance := 1
	for i := range dist {
		extra := max(0, i/2-1)
		dist[i] = entry(distance)<<16 | base<<12 | entry(extra)<<8
		if i >= 30 {
			dist[i] = invalid << 12
		}
		distance += 1 << extra
	}
	return lit, dist
}

// codes is what a dynamic block's tables are made in.
type codes struct {
	lengths   [maxLit + maxDist]uint8
	lit       [1<<litBits + maxSecond]entry
	dist      [1<<distBits + maxSecond]entry
	preLength [1 << 7]entry
}

// maxSecond is more than the second-level tables of one code can take: each
// of its at most 288 symbols is in one, of 2^4 entries for literals, 2^6 for
// distances, which are at most 32.
const maxSecond = 1 << 13

// build makes a table for a canonical code from the lengths of its symbols'
// codes. It reports false for lengths that are none of a code: too many short
// ones, or too few to use up all bit patterns (but one code of one bit may be
// alone, and there may be none at all).
func build(table []entry, bits uint, lengths []uint8, symbols []entry) bool {
	var count [maxCode + 1]int
	for _, n := range lengths {
		count[n]++
	}
	left, used := 1, 0
	for n := 1; n <= maxCode; n++ {
		if left = left<<1 - count[n]; left < 0 {
			return false
		}
		used += count[n]
	}
	if left > 0 && (used > 1 || used == 1 && count[1] == 0) {
		return false
	}
	for i := range table[:1<<bits] {
		table[i] = invalid << 12
	}
	var next [maxCode + 2]uint
	for n := 1; n <= maxCode; n++ {
		next[n+1] = (next[n] + uint(count[n])) << 1
	}
	end := 1 << bits // of the tables so far
	for symbol, n := range lengths {
		if n == 0 {
			continue
		}
		length := uint(n)
		code := reverse(next[length], length)
		next[length]++
		e := symbols[symbol]
		if length <= bits {
			for i := code; i < 1<<bits; i += 1 << length {
				table[i] = e | entry(length)
			}
			continue
		}
		first := code & (1<<bits - 1)
		if table[first].kind() != link {
			second := secondBits(&count, length, bits)
			table[first] = entry(end)<<16 | link<<12 | entry(second)<<8
			end += 1 << second
		}
		second := table[first].extra()
		at := uint(table[first] >> 16)
		for i := code >> bits; i < 1<<second; i += 1 << (length - bits) {
			table[at+i] = e | entry(length)
		}
	}
	return true
}

// secondBits returns the bits of the second-level tables: enough for the
// longest code there is.
func secondBits(count *[maxCode + 1]int, length, bits uint) uint {
	for n := uint(maxCode); n > length; n-- {
		if count[n] > 0 {
			return n - bits
		}
	}
	return length - bits
}

// reverse returns the lowest n bits of v in reverse.
func reverse(v, n uint) uint {
	r := uint(0)
	for range n {
		r = r<<1 | v&1
		v >>= 1
	}
	return r
}

// fixed returns the tables of the fixed code.
var fixed = sync.OnceValues(func() (lit, dist []entry) {
	var lengths [maxLit]uint8
	for i := range lengths {
		switch {
		case i < 144:
			lengths[i] = 8
		case i < 256:
			lengths[i] = 9
		case i < 280:
			lengths[i] = 7
		default:
			lengths[i] = 8
		}
	}
	lit, dist = make([]entry, 1<<litBits), make([]entry, 1<<distBits)
	build(lit, litBits, lengths[:], litSymbols[:])
	for i := range maxDist {
		lengths[i] = 5
	}
	build(dist, distBits, lengths[:maxDist], distSymbols[:])
	return lit, dist
})

// preOrder is the order of the lengths of the code in which lengths are coded.
var preOrder = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// preSymbols are the symbols of that code.
var preSymbols = func() (s [19]entry) {
	for i := range s {
		s[i] = entry(i)<<16 | literal<<12
	}
	return s
}()

// dynamic reads the codes of a block.
func (z *Reader) dynamic() {
	c := z.codes
	nlit, ndist, npre := int(z.take(5))+257, int(z.take(5))+1, int(z.take(4))+4
	if z.err == nil && (nlit > 286 || ndist > 30) {
		z.fail("too many codes")
	}
	var pre [19]uint8
	for _, symbol := range preOrder[:npre] {
		pre[symbol] = uint8(z.take(3))
	}
	if z.err != nil {
		return
	}
	if !build(c.preLength[:], 7, pre[:], preSymbols[:]) {
		z.fail("code of the code lengths")
		return
	}
	lengths := c.lengths[:nlit+ndist]
	z.readLengths(lengths)
	switch {
	case z.err != nil:
	case lengths[endBlock] == 0:
		z.fail("no end of the block")
	case !build(c.lit[:], litBits, lengths[:nlit], litSymbols[:]):
		z.fail("code of literals and lengths")
	case !build(c.dist[:], distBits, lengths[nlit:], distSymbols[:]):
		z.fail("code of distances")
	}
	z.lit, z.dist = c.lit[:], c.dist[:]
}

// readLengths reads the lengths of all codes, as if of one.
func (z *Reader) readLengths(lengths []uint8) {
	for i := 0; i < len(lengths) && z.err == nil; {
		// Near the end of the input there may be fewer than seven bits.
		for z.n < 7 && (z.pos < z.end || !z.eof) && z.err == nil {
			if z.pos == z.end {
				z.fill()
				continue
			}
			z.bits |= uint64(z.in[z.pos]) << z.n
			z.pos++
			z.n += 8
		}
		e := z.codes.preLength[z.bits&127]
		if e.kind() == invalid {
			z.fail("code of a code length")
			return
		}
		if z.take(e.length()); z.err != nil {
			return
		}
		value, times := uint8(0), 1
		switch symbol := e >> 16; symbol {
		case 16:
			if i == 0 {
				z.fail("repetition of no code length")
				return
			}
			value, times = lengths[i-1], 3+int(z.take(2))
		case 17:
			times = 3 + int(z.take(3))
		case 18:
			times = 11 + int(z.take(7))
		default:
			value = uint8(symbol)
		}
		if i+times > len(lengths) {
			z.fail("too many code lengths")
			return
		}
		for range times {
			lengths[i] = value
			i++
		}
	}
}
