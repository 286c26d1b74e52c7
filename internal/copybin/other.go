package copybin

import (
	"net/netip"
	"unsafe"
)

func scanUUID(dst, text []byte) ([]byte, int) {
	if len(text) < 37 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return dst, -1
	}
	dst = append(dst, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	uuid := dst[len(dst)-16:]
	bad := decodeHex(uuid[0:4], text[0:8]) | decodeHex(uuid[4:6], text[9:13]) | decodeHex(uuid[6:8], text[14:18]) |
		decodeHex(uuid[8:10], text[19:23]) | decodeHex(uuid[10:16], text[24:36])
	if bad != 0 {
		return dst, -1
	}
	return dst, 36
}

func scanMacaddr(dst, text []byte) ([]byte, int) {
	if len(text) < 18 {
		return dst, -1
	}
	dst = append(dst, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0)
	mac := dst[len(dst)-6:]
	for i := range mac {
		at := 3 * i
		if decodeHex(mac[i:i+1], text[at:at+2]) != 0 || i > 0 && text[at-1] != ':' {
			return dst, -1
		}
	}
	return dst, 17
}

// Families of addresses in inet's binary form (src/include/utils/inet.h).
const (
	inet4 = 2
	inet6 = 3
)

func scanInet(dst, text []byte) ([]byte, int) { return scanNetwork(dst, text, 0) }
func scanCIDR(dst, text []byte) ([]byte, int) { return scanNetwork(dst, text, 1) }

func scanNetwork(dst, text []byte, cidr byte) ([]byte, int) {
	n := 0
	for c := text[n]; c == ':' || c == '.' || hexDigits[c] < 16; c = text[n] {
		n++
	}
	if n == 0 {
		return dst, -1
	}
	addr, err := netip.ParseAddr(unsafe.String(&text[0], n)) // without a zone it keeps nothing of the string
	if err != nil {
		return dst, -1
	}
	bits := addr.BitLen()
	if text[n] == '/' {
		v, m := scanSmall(text[n+1:])
		if m < 0 || v < 0 || v > int64(bits) {
			return dst, -1
		}
		bits = int(v)
		n += 1 + m
	}
	if addr.Is4() {
		a := addr.As4()
		return append(append(dst, 0, 0, 0, 8, inet4, byte(bits), cidr, 4), a[:]...), n
	}
	a := addr.As16()
	return append(append(dst, 0, 0, 0, 20, inet6, byte(bits), cidr, 16), a[:]...), n
}

// scanBit reads the digits of a bit string; the binary form has their count
// before them.
func scanBit(dst, text []byte) ([]byte, int) {
	n := 0
	for text[n]&^1 == '0' {
		n++
	}
	size := 4 + (n+7)/8
	dst = append(dst, byte(size>>24), byte(size>>16), byte(size>>8), byte(size), byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	for i := 0; i < n; i += 8 {
		var b byte
		for j := i; j < min(i+8, n); j++ {
			b |= text[j] & 1 << (7 - j + i)
		}
		dst = append(dst, b)
	}
	return dst, n
}

// decodeHex reads len(dst) bytes. It returns 0 unless there were other
// characters than hexadecimal digits.
func decodeHex(dst, text []byte) (bad byte) {
	for i := range dst {
		hi, lo := hexDigits[text[2*i]], hexDigits[text[2*i+1]]
		bad |= hi | lo
		dst[i] = hi<<4 | lo&0xf
	}
	return bad & 0xf0
}
