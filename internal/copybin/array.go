package copybin

import (
	"bytes"
	"encoding/binary"
)

// Arrays of one dimension with the usual lower bound are converted, and empty
// ones. The text of others begins with a bracket or with two braces.
//
// The binary form (array_recv in arrayfuncs.c) is the count of dimensions,
// whether there are nulls, the element type; of each dimension its size and
// lower bound; the elements with their lengths.

// An array is one under construction.
type array struct {
	start    int // of its length in the output
	elements int
	nulls    bool
}

func beginArray(dst []byte, element uint32) ([]byte, array) {
	a := array{start: len(dst)}
	dst = append(beginValue(dst), 0, 0, 0, 1, 0, 0, 0, 0)
	dst = binary.BigEndian.AppendUint32(dst, element)
	return append(dst, 0, 0, 0, 0, 0, 0, 0, 1), a
}

func (a *array) end(dst []byte) []byte {
	head := dst[a.start+4:]
	if a.nulls {
		head[7] = 1
	}
	binary.BigEndian.PutUint32(head[12:], uint32(a.elements))
	return endValue(dst, a.start)
}

func appendEmptyArray(dst []byte, element uint32) []byte {
	dst = append(dst, 0, 0, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0)
	return binary.BigEndian.AppendUint32(dst, element)
}

// isNull reports whether the element that text begins with is NULL.
func isNull(text []byte) bool {
	return len(text) > 4 && string(text[:4]) == "NULL" && (text[4] == ',' || text[4] == '}')
}

// scanPlainArray reads an array whose elements have no escapes.
func scanPlainArray(dst, text []byte, c *column) ([]byte, int) {
	if text[0] != '{' {
		return dst, -1
	}
	if text[1] == '}' {
		return appendEmptyArray(dst, c.element), 2
	}
	dst, a := beginArray(dst, c.element)
	for i := 1; ; i++ {
		n := 0
		switch {
		case isNull(text[i:]):
			dst, n = append(dst, 0xff, 0xff, 0xff, 0xff), 4
			a.nulls = true
		case text[i] == '"':
			dst, n = c.scan(dst, text[i+1:])
			if n < 0 || text[i+1+n] != '"' {
				return dst, -1
			}
			n += 2
		default:
			if dst, n = c.scan(dst, text[i:]); n <= 0 {
				return dst, -1
			}
		}
		a.elements++
		i += n
		switch text[i] {
		case '}':
			return a.end(dst), i + 1
		case ',':
		default:
			return dst, -1
		}
	}
}

// scanTextArray reads an array of a text type. The escapes of COPY are undone
// first, those of the array are inside them.
func (r *Reader) scanTextArray(dst, text []byte, c *column) ([]byte, int) {
	n := fieldLen(text)
	var ok bool
	if r.scratch, ok = unescape(r.scratch[:0], text[:n]); !ok {
		return dst, -1
	}
	if dst, ok = appendTextArray(dst, r.scratch, c); !ok {
		return dst, -1
	}
	return dst, n
}

func appendTextArray(dst, text []byte, c *column) ([]byte, bool) {
	if string(text) == "{}" {
		return appendEmptyArray(dst, c.element), true
	}
	if len(text) == 0 || text[0] != '{' {
		return dst, false
	}
	dst, a := beginArray(dst, c.element)
	for {
		text = text[1:]
		if isNull(text) {
			dst = append(dst, 0xff, 0xff, 0xff, 0xff)
			a.nulls = true
			text = text[4:]
		} else {
			start := len(dst)
			dst = beginValue(dst)
			for range c.text.prefix {
				dst = append(dst, 0)
			}
			var ok bool
			dst, text, ok = appendElement(dst, text)
			if ok && c.text.finish != nil {
				dst, ok = c.text.finish(dst, start)
			}
			if !ok {
				return dst, false
			}
			dst = endValue(dst, start)
		}
		a.elements++
		switch {
		case len(text) == 1 && text[0] == '}':
			return a.end(dst), true
		case len(text) < 2 || text[0] != ',':
			return dst, false
		}
	}
}

// appendElement appends the element that text begins with and returns what is
// behind it.
func appendElement(dst, text []byte) (_, rest []byte, ok bool) {
	if len(text) == 0 || text[0] != '"' {
		n := bytes.IndexAny(text, ",}")
		if n <= 0 || bytes.ContainsAny(text[:n], "{\"\\ \t\n\r\v\f") {
			return dst, nil, false
		}
		return append(dst, text[:n]...), text[n:], true
	}
	text = text[1:]
	for {
		n := bytes.IndexAny(text, `"\`)
		if n < 0 {
			return dst, nil, false
		}
		dst = append(dst, text[:n]...)
		if text[n] == '"' {
			return dst, text[n+1:], true
		}
		if n+1 == len(text) {
			return dst, nil, false
		}
		dst = append(dst, text[n+1])
		text = text[n+2:]
	}
}
