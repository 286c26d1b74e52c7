package copybin_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/pgarc/pgarc/internal/copybin"
)

// OIDs that tests use.
const (
	tBool, tBytea, tChar, tName, tInt8, tInt2, tInt4, tText, tOID   = 16, 17, 18, 19, 20, 21, 23, 25, 26
	tFloat4, tFloat8, tInet, tDate, tTime, tTimestamp, tTimestamptz = 700, 701, 869, 1082, 1083, 1114, 1184
	tInterval, tTimetz, tBit, tNumeric, tUUID, tJSONB, tMacaddr     = 1186, 1266, 1560, 1700, 2950, 3802, 829
)

func columns(oids ...uint32) (list []copybin.Column) {
	for _, oid := range oids {
		list = append(list, copybin.Column{Type: oid})
	}
	return list
}

func convert(text string, cols ...copybin.Column) ([]byte, error) {
	r, err := copybin.NewReader(strings.NewReader(text), cols)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// parse reads a binary stream; a nil field is NULL.
func parse(stream []byte) (rows [][][]byte, err error) {
	rest, ok := bytes.CutPrefix(stream, []byte("PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00"))
	if !ok {
		return nil, fmt.Errorf("no header: %.20q", stream)
	}
	for {
		if len(rest) < 2 {
			return nil, errors.New("no trailer")
		}
		fields := int(int16(binary.BigEndian.Uint16(rest)))
		rest = rest[2:]
		if fields == -1 {
			if len(rest) > 0 {
				return nil, fmt.Errorf("%d bytes behind the trailer", len(rest))
			}
			return rows, nil
		}
		var row [][]byte
		for range fields {
			if len(rest) < 4 {
				return nil, errors.New("no length")
			}
			n := int(int32(binary.BigEndian.Uint32(rest)))
			rest = rest[4:]
			if n == -1 {
				row = append(row, nil)
				continue
			}
			if n < 0 || n > len(rest) {
				return nil, fmt.Errorf("a field of %d bytes", n)
			}
			row = append(row, rest[:n:n])
			rest = rest[n:]
		}
		rows = append(rows, row)
	}
}

func TestReader(t *testing.T) {
	cols := columns(tInt4, tText, tBool)
	const text = "1\ta\\tb\tt\n\\N\t\\N\t\\N\n-2\t\tf\n"
	const want = "PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
		"\x00\x03\x00\x00\x00\x04\x00\x00\x00\x01\x00\x00\x00\x03a\tb\x00\x00\x00\x01\x01" +
		"\x00\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" +
		"\x00\x03\x00\x00\x00\x04\xff\xff\xff\xfe\x00\x00\x00\x00\x00\x00\x00\x01\x00" +
		"\xff\xff"
	for name, wrap := range map[string]func(io.Reader) io.Reader{
		"whole": func(r io.Reader) io.Reader { return r }, "byte by byte": iotest.OneByteReader,
		"half": iotest.HalfReader, "end with data": iotest.DataErrReader,
	} {
		r, err := copybin.NewReader(wrap(strings.NewReader(text)), cols)
		if err != nil {
			t.Fatal(err)
		}
		if err := iotest.TestReader(r, []byte(want)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if r.Rows() != 3 {
			t.Errorf("%s: %d rows, want 3", name, r.Rows())
		}
	}
}

func TestNoRows(t *testing.T) {
	got, err := convert("", columns(tInt4)...)
	if want := "PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff"; err != nil || string(got) != want {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
}

// TestLongRows has rows longer than the buffers, and many short ones between.
func TestLongRows(t *testing.T) {
	var text strings.Builder
	var want []int
	for i := range 3000 {
		n := i
		if i%1000 == 17 {
			n = 1_000_000 + i
		}
		want = append(want, n)
		fmt.Fprintf(&text, "%d\t%s\n", i, strings.Repeat("x", n))
	}
	stream, err := convert(text.String(), columns(tInt8, tText)...)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := parse(stream)
	if err != nil || len(rows) != len(want) {
		t.Fatalf("%d rows, %v; want %d", len(rows), err, len(want))
	}
	for i, row := range rows {
		if binary.BigEndian.Uint64(row[0]) != uint64(i) || len(row[1]) != want[i] {
			t.Fatalf("row %d: %d with %d bytes", i, row[0], len(row[1]))
		}
	}
}

// rowsOf reads n rows of one text, without making them.
type rowsOf struct {
	n   int
	row []byte
	at  int
}

func (r *rowsOf) Read(p []byte) (int, error) {
	if r.n == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.row[r.at:])
	if r.at += n; r.at == len(r.row) {
		r.at = 0
		r.n--
	}
	return n, nil
}

// TestBatch checks that the server is never made to keep more than MaxBatch.
func TestBatch(t *testing.T) {
	long := append(bytes.Repeat([]byte("x"), copybin.MaxBatch/10), '\n')
	for _, c := range []struct {
		name string
		text io.Reader
		row  int64 // that is refused
	}{
		{"one row too long", &rowsOf{n: 1, row: append(bytes.Repeat([]byte("x"), copybin.MaxBatch), '\n')}, 1},
		{"no end at all", &rowsOf{n: 1 << 60, row: []byte("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx")}, 1},
		{"ten long ones", &rowsOf{n: 20, row: long}, 10},
		{"nine in each batch", io.MultiReader(&rowsOf{n: 9, row: long}, &rowsOf{n: 991, row: []byte("\n")}, &rowsOf{n: 9, row: long}), 0},
	} {
		r, err := copybin.NewReader(c.text, columns(tText))
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.Copy(io.Discard, r)
		var rowErr *copybin.RowError
		if c.row == 0 && err != nil || c.row > 0 && (!errors.As(err, &rowErr) || rowErr.Row != c.row) {
			t.Errorf("%s: %v; want an error of row %d", c.name, err, c.row)
		}
	}
}

func TestNewReaderRefuses(t *testing.T) {
	for _, cols := range [][]copybin.Column{nil, columns(142), columns(tInt4, 600), {{Type: 1009}}, make([]copybin.Column, 40000)} {
		if r, err := copybin.NewReader(strings.NewReader(""), cols); err == nil {
			t.Errorf("%d columns: %v, want an error", len(cols), r)
		}
	}
}

// TestReadError checks that the error of the text's reader comes through.
func TestReadError(t *testing.T) {
	want := errors.New("the disk is on fire")
	r, err := copybin.NewReader(io.MultiReader(strings.NewReader("1\n2\n3"), iotest.ErrReader(want)), columns(tInt4))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(r); !errors.Is(err, want) {
		t.Errorf("%v, want %v", err, want)
	}
}

// TestRefused has fields that pg_dump does not write, or that are not converted.
func TestRefused(t *testing.T) {
	refused := map[uint32][]string{
		tBool:        {"", "true", "T", "1", "tt"},
		tInt2:        {"", "-", "+1", " 1", "1 ", "32768", "-32769", "1.0", "0x1", "1_0", "99999999999"},
		tInt4:        {"2147483648", "-2147483649", "x", "1e3", "--1"},
		tInt8:        {"9223372036854775808", "-9223372036854775809", "18446744073709551617", "99999999999999999999", "100000000000000000000", "-", ""},
		tOID:         {"-1", "4294967296"},
		tFloat8:      {"", ".5", "5.", "1e", "1e+", "inf", "Inf", "nan", "-NaN", "+Infinity", "Infinit", "1e400", "-1e400", "1e-400", "0x1p3", "1_0", "1 ", "1e5.0", "--1", "1,5"},
		tFloat4:      {"1e39", "1e-46", "-1e39"},
		tNumeric:     {"", ".5", "5.", "1e5", "-", "-NaN", "+1", "1_000", " 1", strings.Repeat("9", 5000), "0." + strings.Repeat("9", 5000), "inf"},
		tUUID:        {"", "00000000000000000000000000000000", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "{00000000-0000-0000-0000-000000000000}", "00000000-0000-0000-0000-00000000000", "0000000g-0000-0000-0000-000000000000"},
		tDate:        {"", "2024-2-29", "2023-02-29", "1900-02-29", "2024-00-01", "2024-13-01", "2024-01-00", "2024-01-32", "2024-04-31", "0000-01-01", "24-01-01", "2024/01/01", "01-02-2024", "2024-01-01 AD", "2024-01-01 00:00:00", "4715-01-01 BC", "5874898-01-01", "99999999-01-01", "epoch", "Infinity", "infinity BC", "20240101"},
		tTime:        {"", "24:00:01", "24:00:00.1", "25:00:00", "12:60:00", "12:00:60", "12:00", "1:00:00", "12:00:00.", "12:00:00.1234567", "12:00:00+00", "-1:00:00", "12-00-00"},
		tTimetz:      {"12:00:00", "12:00:00+", "12:00:00+1", "12:00:00+16", "12:00:00+01:60", "12:00:00+01:", "12:00:00+01:00:00:00", "12:00:00 UTC", "12:00:00Z"},
		tTimestamp:   {"", "2024-01-01", "2024-01-01T00:00:00", "2024-01-01 00:00:00+00", "2024-01-01 24:00:00", "Mon Jan 01 00:00:00 2024", "01/01/2024 00:00:00", "2024-01-01 00:00:00.", "294277-01-01 00:00:00", "4715-01-01 00:00:00 BC", "999999-01-01 00:00:00 BC", "now", "2024-01-01  00:00:00", "2024-01-01 00:00:00 BC BC"},
		tTimestamptz: {"2024-01-01 00:00:00", "2024-01-01 00:00:00 UTC", "2024-01-01 00:00:00+00 ", "2024-01-01 00:00:00 BC+00", "2024-01-01 00:00:00+0"},
		tInterval:    {"", "1", "1 day ", "1 days 1 mons", "1 day 1 day", "@ 1 day", "P1D", "1-2", "1 day 1", "infinity", "3000000000 days", "999999999 years", "9999999999:00:00", "+-1 day", "1 week", "1:2:3", "00:00:00 1 day", "1 year  1 mon", "1yr"},
		tInet:        {"", "1.2.3", "1.2.3.4/33", "1.2.3.4/", "1.2.3.4/-1", "01.2.3.4", "::1%eth0", ":::", "::/129", "1.2.3.4.5", "g::"},
		tMacaddr:     {"", "08002b010203", "08-00-2b-01-02-03", "08:00:2b:01:02", "08:00:2B:01:02:03", "08:00:2b:01:02:03:04"},
		tBit:         {"012", "x", "B101"},
		tText:        {`\`, `a\`, `\q`, `\x41`, `\101`, `\.`, `\Nx`, `x\N`, "a\rb"},
		tName:        {strings.Repeat("x", 64)},
		tChar:        {"ab", "ü", `\\101`},
		tBytea:       {`\\x0`, `\\x0g`, `\\X00`, `\\000`, "abc", `\\`, `\\xAB`, `\\x 00`},
		tJSONB:       {`\`, `{"a": "\u0041"}`},
	}
	for oid, fields := range refused {
		for _, field := range fields {
			// In the middle, as the last column, and as an element.
			for _, c := range []struct {
				text string
				cols []copybin.Column
				at   int
			}{
				{"\\N\t" + field + "\t1\n", columns(tInt4, oid, tInt4), 2},
				{"\\N\t" + field + "\n", columns(tInt4, oid), 2},
				{"{" + field + "}\n", []copybin.Column{{Type: oid, Element: oid}}, 1},
			} {
				if c.cols[0].Element != 0 && (oid == tText || oid == tChar || oid == tBytea || oid == tName || oid == tJSONB || field == "" || strings.Contains(field, ",")) {
					continue
				}
				text := strings.Repeat(strings.Repeat("\\N\t", len(c.cols)-1)+"\\N\n", 2) + c.text
				stream, err := convert(text, c.cols...)
				var rowErr *copybin.RowError
				if !errors.As(err, &rowErr) {
					t.Errorf("type %d, %q: %v, %q; want a RowError", oid, c.text, err, stream)
				} else if rowErr.Row != 3 || rowErr.Column != c.at && rowErr.Column != 0 {
					t.Errorf("type %d, %q: %v; want row 3, column %d", oid, c.text, err, c.at)
				}
			}
		}
	}
}

func TestRefusedArrays(t *testing.T) {
	for _, text := range []string{"", "{", "}", "{}}", "{1", "{1,", "{1,}", "{,1}", "{{1}}", "{{1},{2}}", "[0:1]={1,2}", "{1}x", "{ 1}", "{1 }", "{null}", "{NULLs}", `{"1`, `{"1}`, `{"1"x}`, "1", "{1;2}", "{NULL", `{""}`} {
		if stream, err := convert(text+"\n", copybin.Column{Type: tInt4, Element: tInt4}); err == nil {
			t.Errorf("integer[] %q: %q, want an error", text, stream)
		}
	}
	for _, text := range []string{"", "{", "}", "{}}", "{a", "{a,", "{a,}", "{,a}", "{{a}}", "[0:1]={a,b}", "{a}x", "{ a}", "{a }", "{a b}", `{"a`, `{"a}`, `{"a"x}`, `{"a\\`, `{"a\\"}`, `{a\\b}`, `{a"b}`, "{NULL", `{a\tb}`} {
		if stream, err := convert(text+"\n", copybin.Column{Type: tText, Element: tText}); err == nil {
			t.Errorf("text[] %q: %q, want an error", text, stream)
		}
	}
}

func TestRefusedRows(t *testing.T) {
	for _, c := range []struct {
		text   string
		row    int64
		column int
	}{
		{"1\n", 1, 1},
		{"1\tx\ty\n", 1, 2},
		{"\n", 1, 1},
		{"1\tx", 1, 0},
		{"1\tx\n2\ty", 2, 0},
		{"1\tx\n\\.\n", 2, 1},
		{"1\tx\n2\n3\ty\n", 2, 1},
		{"1\tx\r\n", 1, 0},
		{"1\tx\n2\ta\rb\n", 2, 0},
		{"\\N\n", 1, 1},
		{"\\N\t\\N\t\n", 1, 2},
	} {
		r, err := copybin.NewReader(strings.NewReader(c.text), columns(tInt4, tText))
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.ReadAll(r)
		var rowErr *copybin.RowError
		if !errors.As(err, &rowErr) || rowErr.Row != c.row || rowErr.Column != c.column {
			t.Errorf("%q: %v; want row %d, column %d", c.text, err, c.row, c.column)
		}
		if r.Rows() != c.row-1 {
			t.Errorf("%q: %d rows, want %d", c.text, r.Rows(), c.row-1)
		}
	}
}

// TestNoAllocations checks that rows cost none, whatever the type.
func TestNoAllocations(t *testing.T) {
	cols := []copybin.Column{{Type: tInt8}, {Type: tText}, {Type: tBool}, {Type: tTimestamp}, {Type: tTimestamptz}, {Type: tFloat8}, {Type: tNumeric}, {Type: tUUID}, {Type: tInet},
		{Type: tBytea}, {Type: tJSONB}, {Type: tInterval}, {Type: tText, Element: tText}, {Type: tInt8, Element: tInt8}}
	row := "1\ta\\nb\tt\t2024-02-29 12:34:56.789\t2024-02-29 12:34:56.789+05:30\t0.30000000000000004\t-123456.789\ta0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\t2001:db8::1/64\t\\\\x00ff\t{\"a\": 1}\t1 day 02:03:04\t{a,\"b c\",NULL}\t{1,2}\n"
	r, err := copybin.NewReader(&rowsOf{n: 1 << 60, row: []byte(row)}, cols)
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 1<<16)
	read := func() {
		for range 100 {
			if _, err := r.Read(buf); err != nil {
				t.Fatal(err)
			}
		}
	}
	read() // the buffers grow
	if n := testing.AllocsPerRun(5, read); n > 0 {
		t.Errorf("%v allocations in %d rows", n, r.Rows())
	}
}

func TestParseStatement(t *testing.T) {
	for _, c := range []struct {
		sql     string
		table   string
		columns []string
		binary  string
	}{
		{"COPY public.t (id, name) FROM stdin;\n", "public.t", []string{"id", "name"}, "COPY public.t (id, name) FROM stdin WITH (FORMAT binary, FREEZE)"},
		{"COPY t (id) FROM stdin;", "t", []string{"id"}, "COPY t (id) FROM stdin WITH (FORMAT binary, FREEZE)"},
		{`COPY "a.b (c)"."d "" e" ("x, y", "z)", " ", "q""") FROM stdin;` + "\n", `"a.b (c)"."d "" e"`, []string{"x, y", "z)", " ", `q"`}, `COPY "a.b (c)"."d "" e" ("x, y", "z)", " ", "q""") FROM stdin WITH (FORMAT binary, FREEZE)`},
		{"COPY \"line\nend\" (\"a\nb\") FROM stdin;\n", "\"line\nend\"", []string{"a\nb"}, "COPY \"line\nend\" (\"a\nb\") FROM stdin WITH (FORMAT binary, FREEZE)"},
	} {
		s, ok := copybin.ParseStatement(c.sql)
		if !ok || s.Table != c.table || !slices.Equal(s.Columns, c.columns) || s.Binary(true) != c.binary {
			t.Errorf("%q: %q %q %q %t", c.sql, s.Table, s.Columns, s.Binary(true), ok)
		}
	}
	for _, sql := range []string{"", "COPY ", "COPY t FROM stdin;\n", "COPY t  FROM stdin;\n", "COPY t (id) WITH OIDS FROM stdin;\n", "COPY t (id) FROM stdin", "COPY t (id) FROM stdin; DROP TABLE t;", "COPY t () FROM stdin;",
		"COPY t (id FROM stdin;", `COPY "t (id) FROM stdin;`, "COPY t (id,) FROM stdin;", "INSERT INTO t VALUES (1);", "COPY t (id) TO stdout;", "COPY a.b.c (id) FROM stdin;", "COPY t (id) FROM stdin WITH CSV;\n", "COPY  (id) FROM stdin;"} {
		if s, ok := copybin.ParseStatement(sql); ok {
			t.Errorf("%q: %+v, want none", sql, s)
		}
	}
}

func TestWorth(t *testing.T) {
	for _, c := range []struct {
		cols []copybin.Column
		want bool
	}{
		{columns(tInt8, tInt8, tInt8, tTimestamp, tTimestamp), true},                      // murmur's favourites
		{columns(tInt8, tInt8), true},                                                     // statuses_tags
		{columns(tText), false},                                                           // schema_migrations
		{columns(tInt4, tText, tText), false},                                             // teams
		{columns(tInt8, tText, tText, tTimestamp, tTimestamp, tText, tText, tText), true}, // most of statuses
		{[]copybin.Column{{Type: tText, Element: tText}, {Type: tInt4}}, false},
		{nil, false},
	} {
		if got := copybin.Worth(c.cols); got != c.want {
			t.Errorf("%+v: %t", c.cols, got)
		}
	}
}

func TestSafeEncoding(t *testing.T) {
	for name, want := range map[string]bool{"UTF8": true, "LATIN1": true, "SQL_ASCII": true, "EUC_JP": true, "WIN1252": true, "KOI8R": true,
		"SJIS": false, "SHIFT_JIS_2004": false, "BIG5": false, "GBK": false, "UHC": false, "GB18030": false, "JOHAB": false, "sjis": false} {
		if got := copybin.SafeEncoding(name); got != want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
