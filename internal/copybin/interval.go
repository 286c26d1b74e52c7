package copybin

import (
	"encoding/binary"
	"math"
)

// scanInterval reads IntervalStyle postgres: 1 year 2 mons -3 days +04:05:06.7
// (EncodeInterval in datetime.c). The infinities of 17 are not converted.
func scanInterval(dst, text []byte) ([]byte, int) {
	var parts [3]int64 // years, months, days
	var micros int64
	n := 0
	for next := 0; ; {
		v, m := readSigned(text[n:])
		if m < 0 {
			return dst, -1
		}
		if text[n+m] == ':' {
			if micros, m = readClock(v, text[n] == '-', text[n:], m); m < 0 {
				return dst, -1
			}
			n += m
			break
		}
		n += m
		unit, m := readUnit(text[n:])
		if m < 0 || unit < next {
			return dst, -1
		}
		parts[unit], next = v, unit+1
		n += m
		if text[n] != ' ' {
			break
		}
		n++
	}
	months, days := 12*parts[0]+parts[1], parts[2]
	if int64(int32(months)) != months || int64(int32(days)) != days {
		return dst, -1
	}
	dst = binary.BigEndian.AppendUint64(append(dst, 0, 0, 0, 16), uint64(micros))
	dst = binary.BigEndian.AppendUint32(dst, uint32(days))
	return binary.BigEndian.AppendUint32(dst, uint32(months)), n
}

// readSigned reads a number with or without sign.
func readSigned(text []byte) (v int64, n int) {
	if text[0] != '+' {
		return scanSmall(text)
	}
	if text[1] == '-' {
		return 0, -1
	}
	v, n = scanSmall(text[1:])
	if n < 0 {
		return 0, -1
	}
	return v, n + 1
}

// readUnit reads the name of a unit, which is 0 for years, 1 for months and 2
// for days.
func readUnit(text []byte) (unit, n int) {
	for i, name := range [...]string{" year", " mon", " day"} {
		if hasPrefix(text, name) {
			n = len(name)
			if text[n] == 's' {
				n++
			}
			return i, n
		}
	}
	return 0, -1
}

// readClock reads a time behind its hours, which are text[:n], into
// microseconds.
func readClock(hours int64, negative bool, text []byte, n int) (int64, int) {
	v, m := readMinutes(text[n:])
	if hours < 0 {
		hours = -hours
	}
	if m < 0 || hours >= math.MaxInt64/hour {
		return 0, -1
	}
	v += hours * hour
	if negative {
		v = -v
	}
	return v, n + m
}
