package copybin

import "bytes"

// A textType is a type whose COPY text may have escapes.
type textType struct {
	// prefix is how many bytes come before the text.
	prefix int

	// finish makes the value of the text in dst[start+4:], in place, after
	// prefix bytes; it returns false if it is none.
	finish func(dst []byte, start int) ([]byte, bool)
}

// unescaped are the characters that COPY TO writes as a backslash and a letter
// (CopyAttributeOutText in copyto.c).
var unescaped = [256]byte{'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v', '\\': '\\'}

// scanText is for types whose binary form is their text.
func scanText(dst, text []byte) ([]byte, int) {
	n := fieldLen(text)
	field := text[:n]
	if bytes.IndexByte(field, '\\') < 0 {
		dst = append(dst, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
		return append(dst, field...), n
	}
	start := len(dst)
	dst, ok := unescape(beginValue(dst), field)
	if !ok {
		return dst, -1
	}
	return endValue(dst, start), n
}

func (t textType) scan(dst, text []byte) ([]byte, int) {
	n := fieldLen(text)
	start := len(dst)
	dst = beginValue(dst)
	for range t.prefix {
		dst = append(dst, 0)
	}
	dst, ok := unescape(dst, text[:n])
	if ok && t.finish != nil {
		dst, ok = t.finish(dst, start)
	}
	if !ok {
		return dst, -1
	}
	return endValue(dst, start), n
}

// fieldLen is the length of the field that text begins with. Short fields are
// found by a loop, which beats the call.
func fieldLen(text []byte) int {
	for i, c := range text {
		if c == '\t' {
			return i
		}
		if i == 16 {
			break
		}
	}
	if n := bytes.IndexByte(text, '\t'); n >= 0 {
		return n
	}
	return len(text) - 1 // the line end
}

// unescape appends a field without its escapes; false if COPY TO would not
// have written it so.
func unescape(dst, field []byte) ([]byte, bool) {
	for {
		i := bytes.IndexByte(field, '\\')
		if i < 0 {
			return append(dst, field...), true
		}
		if i+1 == len(field) || unescaped[field[i+1]] == 0 {
			return dst, false
		}
		dst = append(append(dst, field[:i]...), unescaped[field[i+1]])
		field = field[i+2:]
	}
}

// finishJSONB puts in the version of jsonb's binary form; the server parses the
// text (jsonb_recv).
func finishJSONB(dst []byte, start int) ([]byte, bool) {
	dst[start+4] = 1
	return dst, true
}

// finishName refuses names that namein would cut and namerecv refuses.
func finishName(dst []byte, start int) ([]byte, bool) { return dst, len(dst)-start-4 < 64 }

// finishChar makes the one byte of a "char", which is 0 for no text. How
// charout writes other bytes than ASCII depends on the version.
func finishChar(dst []byte, start int) ([]byte, bool) {
	switch len(dst) - start - 4 {
	case 0:
		return append(dst, 0), true
	case 1:
		return dst, dst[start+4] < 0x80
	}
	return dst, false
}

// finishBytea makes the bytes of the form \x00ff; that of bytea_output = escape
// is refused.
func finishBytea(dst []byte, start int) ([]byte, bool) {
	start += 4
	text := dst[start:]
	if len(text) == 0 {
		return dst, true
	}
	if len(text)%2 != 0 || text[0] != '\\' || text[1] != 'x' {
		return dst, false
	}
	text = text[2:]
	var bad byte
	for i := 0; i+1 < len(text); i += 2 { // written below what is still to be read
		hi, lo := hexDigits[text[i]], hexDigits[text[i+1]]
		bad |= hi | lo
		dst[start+i/2] = hi<<4 | lo&0xf
	}
	return dst[:start+len(text)/2], bad&0xf0 == 0
}

// hexDigits has the values of hexadecimal digits as PostgreSQL writes them, and
// 0xf0 for all else.
var hexDigits = func() (table [256]byte) {
	for i := range table {
		table[i] = 0xf0
	}
	for i, c := range []byte("0123456789abcdef") {
		table[c] = byte(i)
	}
	return table
}()
