package copybin

import "encoding/binary"

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
		n := bareLen(text)
		if n <= 0 {
			return dst, nil, false
		}
		return append(dst, text[:n]...), text[n:], true
	}
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return dst, text[i+1:], true
		case c != '\\':
			dst = append(dst, c)
		case i+1 < len(text):
			i++
			dst = append(dst, text[i])
		}
	}
	return dst, nil, false
}

// bareLen is the length of an element without quotes; -1 if there is no end, or
// a character that array_out would have put in quotes.
func bareLen(text []byte) int {
	for i, c := range text {
		switch c {
		case ',', '}':
			return i
		case '{', '"', '\\', ' ', '\t', '\n', '\r', '\v', '\f':
			return -1
		}
	}
	return -1
}
