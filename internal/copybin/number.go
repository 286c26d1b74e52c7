package copybin

import (
	"encoding/binary"
	"math"
	"strconv"
	"unsafe"
)

func scanBool(dst, text []byte) ([]byte, int) {
	switch text[0] {
	case 't':
		return append(dst, 0, 0, 0, 1, 1), 1
	case 'f':
		return append(dst, 0, 0, 0, 1, 0), 1
	}
	return dst, -1
}

func scanInt8(dst, text []byte) ([]byte, int) {
	i := 0
	negative := text[0] == '-'
	if negative {
		i = 1
	}
	var v uint64
	first := i
	for c := text[i] - '0'; c <= 9; c = text[i] - '0' {
		v = v*10 + uint64(c)
		i++
	}
	switch digits := i - first; {
	case digits == 0, digits > 19: // 19 nines fit into 64 bits
		return dst, -1
	case negative && v > 1<<63, !negative && v >= 1<<63:
		return dst, -1
	}
	if negative {
		v = -v
	}
	return append(dst, 0, 0, 0, 8,
		byte(v>>56), byte(v>>48), byte(v>>40), byte(v>>32), byte(v>>24), byte(v>>16), byte(v>>8), byte(v)), i
}

func scanInt4(dst, text []byte) ([]byte, int) {
	v, n := scanSmall(text)
	if n < 0 || v < math.MinInt32 || v > math.MaxInt32 {
		return dst, -1
	}
	return append(dst, 0, 0, 0, 4, byte(v>>24), byte(v>>16), byte(v>>8), byte(v)), n
}

func scanInt2(dst, text []byte) ([]byte, int) {
	v, n := scanSmall(text)
	if n < 0 || v < math.MinInt16 || v > math.MaxInt16 {
		return dst, -1
	}
	return append(dst, 0, 0, 0, 2, byte(v>>8), byte(v)), n
}

func scanOID(dst, text []byte) ([]byte, int) {
	v, n := scanSmall(text)
	if n < 0 || v < 0 || v > math.MaxUint32 {
		return dst, -1
	}
	return append(dst, 0, 0, 0, 4, byte(v>>24), byte(v>>16), byte(v>>8), byte(v)), n
}

// scanSmall reads an integer of at most ten digits.
func scanSmall(text []byte) (v int64, n int) {
	negative := text[0] == '-'
	if negative {
		n = 1
	}
	first := n
	for c := text[n] - '0'; c <= 9; c = text[n] - '0' {
		v = v*10 + int64(c)
		n++
	}
	if n == first || n-first > 10 {
		return 0, -1
	}
	if negative {
		v = -v
	}
	return v, n
}

// The bits of PostgreSQL's NaNs, which are not those of math.NaN.
const (
	nan4 = 0x7fc00000
	nan8 = 0x7ff8000000000000
)

func scanFloat8(dst, text []byte) ([]byte, int) {
	v, n := scanFloat(text, 64)
	if n < 0 {
		return dst, -1
	}
	bits := math.Float64bits(v)
	if v != v {
		bits = nan8
	}
	return binary.BigEndian.AppendUint64(append(dst, 0, 0, 0, 8), bits), n
}

func scanFloat4(dst, text []byte) ([]byte, int) {
	v, n := scanFloat(text, 32)
	if n < 0 {
		return dst, -1
	}
	bits := math.Float32bits(float32(v))
	if v != v {
		bits = nan4
	}
	return binary.BigEndian.AppendUint32(append(dst, 0, 0, 0, 4), bits), n
}

// scanFloat reads a floating-point number as C's printf writes it. Both strtod
// and ParseFloat round correctly, so they agree on the bits.
func scanFloat(text []byte, bits int) (float64, int) {
	if v, n := scanSpecial(text); n > 0 {
		return v, n
	}
	n, zero := decimalLen(text)
	if n < 0 {
		return 0, -1
	}
	if text[n] == 'e' {
		i := n + 1
		if text[i] == '+' || text[i] == '-' {
			i++
		}
		first := i
		for text[i]-'0' <= 9 {
			i++
		}
		if i == first {
			return 0, -1
		}
		n = i
	}
	// ParseFloat keeps nothing of the string, and a copy for each number costs.
	v, err := strconv.ParseFloat(unsafe.String(&text[0], n), bits)
	if err != nil || v == 0 && !zero { // too large, too small: the server refuses both
		return 0, -1
	}
	return v, n
}

// decimalLen is the length of a decimal number without exponent, and whether
// all its digits are 0; -1 if there is none.
func decimalLen(text []byte) (n int, zero bool) {
	if text[0] == '-' {
		n = 1
	}
	var any byte
	first := n
	for ; text[n]-'0' <= 9; n++ {
		any |= text[n] - '0'
	}
	if n == first {
		return -1, false
	}
	if text[n] == '.' {
		n++
		first = n
		for ; text[n]-'0' <= 9; n++ {
			any |= text[n] - '0'
		}
		if n == first {
			return -1, false
		}
	}
	return n, any == 0
}

// scanSpecial reads NaN and the infinities; n is 0 if it is none of them.
func scanSpecial(text []byte) (v float64, n int) {
	if c := text[0]; c != 'N' && c != 'I' && c != '-' {
		return 0, 0
	}
	switch {
	case hasPrefix(text, "NaN"):
		return math.NaN(), 3
	case hasPrefix(text, "Infinity"):
		return math.Inf(1), 8
	case hasPrefix(text, "-Infinity"):
		return math.Inf(-1), 9
	}
	return 0, 0
}

func hasPrefix(text []byte, prefix string) bool {
	return len(text) >= len(prefix) && string(text[:len(prefix)]) == prefix
}

// Signs of a numeric's binary form (numeric.c); the infinities since 14.
const (
	numericPos  = 0x0000
	numericNeg  = 0x4000
	numericNaN  = 0xc000
	numericPInf = 0xd000
	numericNInf = 0xf000
)

// maxNumeric is how long a numeric is converted; numeric_recv takes 3000 groups
// of four digits, numeric_in much more.
const maxNumeric = 4000

// scanNumeric reads a numeric into groups of four decimal digits, aligned at
// the point: count, weight of the first, sign, digits after the point, groups.
// The server strips zeros at both ends (make_result), as it does of text.
func scanNumeric(dst, text []byte) ([]byte, int) {
	if v, n := scanSpecial(text); n > 0 {
		sign := uint16(numericNaN)
		if v > 0 {
			sign = numericPInf
		} else if v < 0 {
			sign = numericNInf
		}
		return append(dst, 0, 0, 0, 8, 0, 0, 0, 0, byte(sign>>8), byte(sign), 0, 0), n
	}
	i, sign := 0, byte(numericPos>>8)
	if text[0] == '-' {
		i, sign = 1, numericNeg>>8
	}
	whole := text[i:]
	n := digits(whole)
	if n == 0 || n > maxNumeric {
		return dst, -1
	}
	whole = whole[:n]
	i += n
	var fraction []byte
	if text[i] == '.' {
		fraction = text[i+1:]
		n = digits(fraction)
		if n == 0 || n > maxNumeric {
			return dst, -1
		}
		fraction = fraction[:n]
		i += 1 + n
	}
	if len(whole) == 1 && whole[0] == '0' {
		whole = nil
	}
	left, right := (len(whole)+3)/4, (len(fraction)+3)/4
	count, weight, size := left+right, left-1, 8+2*(left+right)
	dst = append(dst, byte(size>>24), byte(size>>16), byte(size>>8), byte(size),
		byte(count>>8), byte(count), byte(weight>>8), byte(weight), sign, 0, byte(len(fraction)>>8), byte(len(fraction)))
	return appendGroups(dst, whole, fraction), i
}

func digits(text []byte) (n int) {
	for text[n]-'0' <= 9 {
		n++
	}
	return n
}

func appendGroups(dst, whole, fraction []byte) []byte {
	for len(whole) > 0 {
		n := (len(whole)-1)%4 + 1
		dst = appendGroup(dst, whole[:n], 1)
		whole = whole[n:]
	}
	for len(fraction) > 4 {
		dst = appendGroup(dst, fraction[:4], 1)
		fraction = fraction[4:]
	}
	if n := len(fraction); n > 0 {
		dst = appendGroup(dst, fraction, [...]int{1: 1000, 2: 100, 3: 10, 4: 1}[n])
	}
	return dst
}

// appendGroup appends up to four digits, times scale, as one.
func appendGroup(dst, text []byte, scale int) []byte {
	v := 0
	for _, c := range text {
		v = v*10 + int(c-'0')
	}
	v *= scale
	return append(dst, byte(v>>8), byte(v))
}
