package copybin

import (
	"encoding/binary"
	"math"
)

// Dates and times are days and microseconds from the first moment of 2000, in
// the Gregorian calendar from the year 4714 BC on (src/include/datatype/timestamp.h).
const (
	second = 1_000_000 // in microseconds
	minute = 60 * second
	hour   = 60 * minute
	day    = 24 * hour

	firstYear         = 1 - 4714 // 4714 BC; the server knows the first day
	lastTimestampYear = 294276
	lastDateYear      = 5874897
)

func scanTimestamp(dst, text []byte) ([]byte, int) {
	v, n := readTimestamp(text, false)
	if n < 0 {
		return dst, -1
	}
	return append(dst, 0, 0, 0, 8,
		byte(v>>56), byte(v>>48), byte(v>>40), byte(v>>32), byte(v>>24), byte(v>>16), byte(v>>8), byte(v)), n
}

func scanTimestamptz(dst, text []byte) ([]byte, int) {
	v, n := readTimestamp(text, true)
	if n < 0 {
		return dst, -1
	}
	return binary.BigEndian.AppendUint64(append(dst, 0, 0, 0, 8), uint64(v)), n
}

func scanDate(dst, text []byte) ([]byte, int) {
	v, n := readInfinity(text, math.MinInt32, math.MaxInt32)
	if n == 0 {
		var d date
		if d, n = readDate(text); n < 0 {
			return dst, -1
		}
		n += d.readEra(text[n:])
		var ok bool
		if v, ok = d.days(lastDateYear); !ok {
			return dst, -1
		}
	}
	return binary.BigEndian.AppendUint32(append(dst, 0, 0, 0, 4), uint32(v)), n
}

func scanTime(dst, text []byte) ([]byte, int) {
	v, n := readDayTime(text)
	if n < 0 {
		return dst, -1
	}
	return binary.BigEndian.AppendUint64(append(dst, 0, 0, 0, 8), uint64(v)), n
}

func scanTimetz(dst, text []byte) ([]byte, int) {
	v, n := readDayTime(text)
	if n < 0 {
		return dst, -1
	}
	east, m := readZone(text[n:])
	if m < 0 {
		return dst, -1
	}
	dst = binary.BigEndian.AppendUint64(append(dst, 0, 0, 0, 12), uint64(v))
	return binary.BigEndian.AppendUint32(dst, uint32(-east)), n + m // the server counts seconds to the west
}

// readTimestamp reads 2024-02-29 12:34:56.789, with a zone as +05:30 behind it,
// and BC behind that.
func readTimestamp(text []byte, zone bool) (v int64, n int) {
	if v, n = readInfinity(text, math.MinInt64, math.MaxInt64); n > 0 {
		return v, n
	}
	d, n := readDate(text)
	if n < 0 || text[n] != ' ' {
		return 0, -1
	}
	n++
	v, m := readTime(text[n:])
	if m < 0 {
		return 0, -1
	}
	n += m
	if zone {
		east, m := readZone(text[n:])
		if m < 0 {
			return 0, -1
		}
		v -= int64(east) * second
		n += m
	}
	n += d.readEra(text[n:])
	days, ok := d.days(lastTimestampYear)
	if !ok {
		return 0, -1
	}
	return days*day + v, n
}

// readInfinity reads one of the infinities; n is 0 if it is none.
func readInfinity(text []byte, below, above int64) (v int64, n int) {
	switch {
	case text[0] <= '9' && text[0] != '-':
		return 0, 0
	case hasPrefix(text, "infinity"):
		return above, 8
	case hasPrefix(text, "-infinity"):
		return below, 9
	}
	return 0, 0
}

// A date is in the Gregorian calendar; 1 BC is the year 0.
type date struct{ year, month, day int }

// readDate reads 2024-02-29; years have four digits or more. It leaves to days
// whether there is such a day.
func readDate(text []byte) (d date, n int) {
	if len(text) > 4 && text[4] == '-' { // the usual
		d.year, n = 100*twoDigits(text, 0)+twoDigits(text, 2), 4
		if d.year > 9999 {
			return d, -1
		}
	} else {
		for ; text[n]-'0' <= 9; n++ {
			d.year = d.year*10 + int(text[n]-'0')
		}
	}
	if n < 4 || n > 7 || len(text) < n+6 || text[n] != '-' || text[n+3] != '-' || d.year == 0 {
		return d, -1
	}
	d.month, d.day = twoDigits(text, n+1), twoDigits(text, n+4)
	if d.month > 12 || d.day > 31 {
		return d, -1 // the second digit may be the end of the line
	}
	return d, n + 6
}

// readEra reads BC, if it is there.
func (d *date) readEra(text []byte) (n int) {
	if text[0] != ' ' || !hasPrefix(text, " BC") {
		return 0
	}
	d.year = 1 - d.year
	return 3
}

// twoDigits reads the digits text[i:i+2]; if they are none it returns a number
// above 99.
func twoDigits(text []byte, i int) int {
	hi, lo := text[i]-'0', text[i+1]-'0'
	if hi > 9 || lo > 9 {
		return 1000
	}
	return int(hi)*10 + int(lo)
}

var monthDays = [...]int{1: 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

// days counts the days since 2000-01-01; false if there is no such day, or
// none in the years that the type has.
func (d date) days(lastYear int) (int64, bool) {
	y, m := d.year, d.month
	if y < firstYear || y > lastYear || m < 1 || m > 12 || d.day < 1 || d.day > monthDays[m] {
		return 0, false
	}
	if m == 2 && d.day == 29 && (y%4 != 0 || y%100 == 0 && y%400 != 0) {
		return 0, false
	}
	// Years that begin in March, so that the leap day is the last, counted
	// from 4801 BC, which is before all and divisible by 400 as year -4800.
	const epoch = 12*146097 + 730425 // days to 0000-03-01, and from there to 2000-01-01
	y += 4800
	if m -= 3; m < 0 {
		m += 12
		y--
	}
	return int64(365*y + y/4 - y/100 + y/400 + (153*m+2)/5 + d.day - 1 - epoch), true
}

// readDayTime reads a time of day; 24:00:00 is one.
func readDayTime(text []byte) (int64, int) {
	if hasPrefix(text, "24:00:00") {
		return day, 8
	}
	return readTime(text)
}

// readTime reads 12:34:56.789, at most 23:59:59.999999.
func readTime(text []byte) (v int64, n int) {
	if len(text) < 9 {
		return 0, -1
	}
	h := twoDigits(text, 0)
	v, n = readMinutes(text[2:])
	if n < 0 || h > 23 {
		return 0, -1
	}
	return v + int64(h)*hour, n + 2
}

// readMinutes reads :34:56.789.
func readMinutes(text []byte) (v int64, n int) {
	if len(text) < 7 || text[0] != ':' || text[3] != ':' {
		return 0, -1
	}
	m, s := twoDigits(text, 1), twoDigits(text, 4)
	if m > 59 || s > 59 {
		return 0, -1
	}
	v, n = int64(m)*minute+int64(s)*second, 6
	if text[n] != '.' {
		return v, n
	}
	unit := int64(second)
	for n++; text[n]-'0' <= 9; n++ {
		if unit /= 10; unit == 0 {
			return 0, -1
		}
		v += unit * int64(text[n]-'0')
	}
	if unit == second {
		return 0, -1
	}
	return v, n
}

// readZone reads +05:30, or with seconds, or hours only. It returns seconds
// to the east.
func readZone(text []byte) (east, n int) {
	if len(text) < 4 || text[0] != '+' && text[0] != '-' {
		return 0, -1
	}
	h := twoDigits(text, 1)
	if h > 15 {
		return 0, -1
	}
	east, n = h*3600, 3
	for _, unit := range [...]int{60, 1} {
		if text[n] != ':' {
			break
		}
		if len(text) < n+4 {
			return 0, -1
		}
		v := twoDigits(text, n+1)
		if v > 59 {
			return 0, -1
		}
		east += v * unit
		n += 3
	}
	if text[0] == '-' {
		east = -east
	}
	return east, n
}
