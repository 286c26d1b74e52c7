package inflate

import "encoding/binary"

// adlerMod is the modulus of Adler-32.
const adlerMod = 65521

// adlerGroup is how many bytes are summed up in lanes of 16 bits before one
// could overflow: 23 words, 255 * (22 * 23 / 2) < 2^16.
const adlerGroup = 23 * 8

// update goes on with an Adler-32 checksum. It takes eight bytes at a time,
// in two words of four lanes: sums has in each lane the sum of its bytes so
// far, sums2 the sum of those sums.
func update(sum uint32, p []byte) uint32 {
	const even = 0x00ff00ff00ff00ff
	a, b := uint64(sum&0xffff), uint64(sum>>16)
	for len(p) >= adlerGroup {
		var sums, sums2, odd, odd2 uint64
		group := p[:adlerGroup]
		for ; len(group) >= 8; group = group[8:] {
			x := binary.LittleEndian.Uint64(group)
			sums2 += sums
			odd2 += odd
			sums += x & even
			odd += x >> 8 & even
		}
		// A byte counts as often in b as there are bytes from it on: by
		// eights, which are in sums2 and odd2, and by its place in its word.
		b += adlerGroup*a + 8*(lanes(sums2, 1, 1, 1, 1)+lanes(odd2, 1, 1, 1, 1)) + lanes(sums, 8, 6, 4, 2) + lanes(odd, 7, 5, 3, 1)
		a += lanes(sums, 1, 1, 1, 1) + lanes(odd, 1, 1, 1, 1)
		a %= adlerMod
		b %= adlerMod
		p = p[adlerGroup:]
	}
	for _, x := range p {
		a += uint64(x)
		b += a
	}
	return uint32(b%adlerMod)<<16 | uint32(a%adlerMod)
}

// lanes adds the four lanes of x, each times its weight.
func lanes(x, w0, w1, w2, w3 uint64) uint64 {
	return x&0xffff*w0 + x>>16&0xffff*w1 + x>>32&0xffff*w2 + x>>48*w3
}
