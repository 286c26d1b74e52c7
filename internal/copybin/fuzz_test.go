package copybin_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/pgarc/pgarc/internal/copybin"
)

// fuzzTypes are the types that FuzzReader makes columns of, each as it is and as an array.
var fuzzTypes = []uint32{tText, tInt8, tInt4, tInt2, tBool, tTimestamp, tTimestamptz, tDate, tTime, tTimetz, tInterval, tFloat8, tFloat4, tNumeric,
	tUUID, tInet, tMacaddr, tBit, tBytea, tJSONB, tName, tChar, tOID}

// FuzzReader checks that there is no panic, and that a conversion without error is a whole stream, with a row for
// each line and a NULL for each \N.
func FuzzReader(f *testing.F) {
	for i, seed := range []string{
		"a\\tb\t\\N\tc\n", "1\t-9223372036854775808\t0\n", "1\n", "-32768\n", "t\tf\t\\N\n", "2024-02-29 12:34:56.789\tinfinity\t0044-03-15 00:00:00 BC\n",
		"2024-02-29 12:34:56.789+05:30\t1883-11-18 12:03:57.9-04:56:02\t-infinity\n", "2024-02-29\t5874897-12-31\t4714-11-24 BC\n", "24:00:00\n", "12:34:56.7-15:59:59\n",
		"1 year -2 mons +3 days -04:05:06.7\t00:00:00\n", "0.1\t-1.5e+300\tNaN\n", "1e-45\n", "-0.0001\t123456789.5\tNaN\tInfinity\n", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\n",
		"10.0.0.0/8\t::ffff:1.2.3.4\n", "08:00:2b:01:02:03\n", "0101\n", "\\\\x00ff\n", "{\"a\": \"\\\\n\"}\n", "pg_class\n", "a\n", "4294967295\n",
		`{a,"b \\"c\\" \\\\",NULL}` + "\n", "{1,NULL,-3}\t{}\n",
	} {
		f.Add([]byte(seed), byte(i%len(fuzzTypes)), byte(1+bytes.Count([]byte(seed), []byte("\t"))), i >= len(fuzzTypes))
	}
	f.Fuzz(func(t *testing.T, text []byte, typ, count byte, array bool) {
		oid := fuzzTypes[int(typ)%len(fuzzTypes)]
		cols := columns(oid)
		if array {
			cols[0].Element = oid
		}
		for range count % 4 {
			cols = append(cols, cols[0])
		}
		stream, err := convert(string(text), cols...)
		if err != nil {
			var rowErr *copybin.RowError
			if !errors.As(err, &rowErr) || rowErr.Row < 1 || rowErr.Row > int64(bytes.Count(text, []byte("\n"))+1) {
				t.Fatalf("%v", err)
			}
			return
		}
		rows, err := parse(stream)
		if err != nil {
			t.Fatalf("%v: %q from %q", err, stream, text)
		}
		lines := bytes.SplitAfter(text, []byte("\n"))
		if len(rows) != len(lines)-1 {
			t.Fatalf("%d rows from %d lines", len(rows), len(lines)-1)
		}
		for i, row := range rows {
			fields := bytes.Split(bytes.TrimSuffix(lines[i], []byte("\n")), []byte("\t"))
			if len(row) != len(cols) || len(fields) != len(cols) {
				t.Fatalf("row %d has %d fields from %d, of %d columns", i, len(row), len(fields), len(cols))
			}
			for j, v := range row {
				if (v == nil) != (string(fields[j]) == `\N`) {
					t.Fatalf("row %d, field %d: %q from %q", i, j, v, fields[j])
				}
				if v != nil && array {
					checkArray(t, v, oid)
				}
			}
		}
	})
}

// checkArray reads the binary form of an array to its end.
func checkArray(t *testing.T, v []byte, oid uint32) {
	t.Helper()
	u32 := func() int {
		if len(v) < 4 {
			t.Fatal("the array ends too early")
		}
		n := int(v[0])<<24 | int(v[1])<<16 | int(v[2])<<8 | int(v[3])
		v = v[4:]
		return n
	}
	dims, nulls, element := u32(), u32(), u32()
	if dims > 1 || nulls > 1 || element != int(oid) {
		t.Fatalf("%d dimensions, nulls %d, of %d", dims, nulls, element)
	}
	found := 0
	if dims == 1 {
		count, first := u32(), u32()
		if count < 1 || first != 1 {
			t.Fatalf("%d elements from %d", count, first)
		}
		for range count {
			n := u32()
			if n == 0xffffffff {
				found = 1
				continue
			}
			if n > len(v) {
				t.Fatal("an element ends too late")
			}
			v = v[n:]
		}
	}
	if len(v) > 0 || found != nulls {
		t.Fatalf("%d bytes left, nulls %d, found %d", len(v), nulls, found)
	}
}
