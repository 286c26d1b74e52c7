package copybin

import "strings"

// A Column is what has to be known of a column of the target table.
type Column struct {
	// Type is the OID of a built-in type: that of the column, or of its
	// elements if it is an array. A domain counts as the type it is over, an
	// enum and citext as text: their receive functions are those of that type,
	// or read the same (domain_recv, enum_recv). [ColumnsQuery] resolves all that.
	Type uint32

	// Element is 0, or, of an array, the OID of the element type as the array
	// type has it, domains and enums included: array_recv compares it.
	Element uint32
}

// OIDs of built-in types (src/include/catalog/pg_type.dat), which never change.
const (
	oidBool        = 16
	oidBytea       = 17
	oidChar        = 18 // "char"
	oidName        = 19
	oidInt8        = 20
	oidInt2        = 21
	oidInt4        = 23
	oidText        = 25
	oidOID         = 26
	oidJSON        = 114
	oidCIDR        = 650
	oidFloat4      = 700
	oidFloat8      = 701
	oidMacaddr     = 829
	oidInet        = 869
	oidBPChar      = 1042
	oidVarchar     = 1043
	oidDate        = 1082
	oidTime        = 1083
	oidTimestamp   = 1114
	oidTimestamptz = 1184
	oidInterval    = 1186
	oidTimetz      = 1266
	oidBit         = 1560
	oidVarbit      = 1562
	oidNumeric     = 1700
	oidUUID        = 2950
	oidJSONB       = 3802
)

// Supported reports whether a column's values can be converted.
func Supported(c Column) bool {
	_, plain := plainTypes[c.Type]
	_, text := textTypes[c.Type]
	return plain || text
}

// Worth reports whether a table of these columns, all [Supported], is likely to
// cost less as binary, server and client together, as on one machine.
//
// Near all that binary COPY saves is parsing, above all of dates, times, UUIDs
// and floating-point numbers. Short text costs the server more in binary: its
// receive functions copy it once more.
func Worth(columns []Column) bool {
	sum := 0
	for _, c := range columns {
		switch {
		case c.Element == 0:
			sum += savings[c.Type]
		case plainTypes[c.Type] == nil:
			sum += textArraySaving
		}
	}
	return sum > 0
}

// savings is what a value saves, in ns, as TestLoadCost measured it with 15 on
// a busy machine of two cores. Only the proportions matter. Text saves when it
// is long (128 bytes: 500), and costs when it is short (10 bytes: 60); nothing
// is known of that before.
var savings = map[uint32]int{
	oidInt8:        80,
	oidInt4:        -10,
	oidFloat4:      100,
	oidFloat8:      100,
	oidNumeric:     70,
	oidDate:        320,
	oidTime:        320, // not measured; as a date
	oidTimetz:      320, // not measured; as a date
	oidTimestamp:   700,
	oidTimestamptz: 700,
	oidInterval:    320, // not measured; as a date
	oidUUID:        580,
	oidJSONB:       60,
	oidJSON:        140,
	oidBytea:       170,
	oidInet:        10,
	oidText:        -60,
	oidVarchar:     -60,
	oidBPChar:      -60,
	oidName:        -60,
}

// textArraySaving is the same for an array of two short texts. One of two
// numbers neither saves nor costs.
const textArraySaving = -240

// plainTypes are the types whose text has no character that COPY or an array
// escapes.
var plainTypes = map[uint32]scanner{
	oidBool:        scanBool,
	oidInt2:        scanInt2,
	oidInt4:        scanInt4,
	oidInt8:        scanInt8,
	oidOID:         scanOID,
	oidFloat4:      scanFloat4,
	oidFloat8:      scanFloat8,
	oidNumeric:     scanNumeric,
	oidUUID:        scanUUID,
	oidDate:        scanDate,
	oidTime:        scanTime,
	oidTimetz:      scanTimetz,
	oidTimestamp:   scanTimestamp,
	oidTimestamptz: scanTimestamptz,
	oidInterval:    scanInterval,
	oidInet:        scanInet,
	oidCIDR:        scanCIDR,
	oidMacaddr:     scanMacaddr,
	oidBit:         scanBit,
	oidVarbit:      scanBit,
}

// textTypes are those whose value may be any text.
var textTypes = map[uint32]textType{
	oidText:    {},
	oidVarchar: {},
	oidBPChar:  {},
	oidJSON:    {},
	oidJSONB:   {finish: finishJSONB, prefix: 1},
	oidName:    {finish: finishName},
	oidChar:    {finish: finishChar},
	oidBytea:   {finish: finishBytea},
}

// SafeEncoding reports whether COPY text in a client encoding can be read byte
// by byte. The name is PostgreSQL's, as in an archive's ENCODING entry.
//
// Not so where the second byte of a character may be 0x5c, a backslash: in the
// encodings that a client may have and a server not (src/include/mb/pg_wchar.h).
func SafeEncoding(name string) bool {
	fold := func(r rune) rune {
		switch {
		case 'A' <= r && r <= 'Z':
			return r - 'A' + 'a'
		case 'a' <= r && r <= 'z' || '0' <= r && r <= '9':
			return r
		}
		return -1
	}
	switch strings.Map(fold, name) {
	case "sjis", "shiftjis", "mskanji", "win932", "windows932", "shiftjis2004",
		"big5", "win950", "windows950",
		"gbk", "win936", "windows936",
		"uhc", "win949", "windows949",
		"gb18030", "johab":
		return false
	}
	return true
}

// ColumnsQuery asks the target for the columns of the table $1 (a regclass, so
// its text form is a quoted, qualified name): attname, Type and Element of a
// [Column]. Generated columns are among them; take those that the COPY
// statement lists, in its order.
//
// Type is the type that has the input and receive functions: domains are
// followed to what they are over, arrays to their elements, and what reads as
// text does counts as text: enums, and types like citext, which are made of
// text's own functions. An array of domains over arrays has Element and a Type
// that is an array: not [Supported].
const ColumnsQuery = `WITH RECURSIVE col AS (
  SELECT attnum, attname, atttypid FROM pg_catalog.pg_attribute
  WHERE attrelid = $1::pg_catalog.regclass AND attnum > 0 AND NOT attisdropped
), walk (start, type, element) AS (
  SELECT DISTINCT atttypid, atttypid, 0::pg_catalog.oid FROM col
  UNION ALL
  SELECT w.start, CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.typelem END,
    CASE t.typtype WHEN 'd' THEN w.element ELSE t.typelem END
  FROM walk w JOIN pg_catalog.pg_type t ON t.oid = w.type
  WHERE t.typtype = 'd' OR w.element = 0 AND t.typreceive = 'pg_catalog.array_recv'::pg_catalog.regproc
), leaf AS (
  SELECT w.start, w.element, CASE
    WHEN t.typtype = 'e' THEN 25::pg_catalog.oid
    WHEN i.prosrc = 'textin' AND r.prosrc = 'textrecv' AND i.prolang = 12 AND r.prolang = 12 THEN 25::pg_catalog.oid
    ELSE t.oid END AS type
  FROM walk w JOIN pg_catalog.pg_type t ON t.oid = w.type
  LEFT JOIN pg_catalog.pg_proc i ON i.oid = t.typinput
  LEFT JOIN pg_catalog.pg_proc r ON r.oid = t.typreceive
  WHERE t.typtype <> 'd' AND NOT (w.element = 0 AND t.typreceive = 'pg_catalog.array_recv'::pg_catalog.regproc)
)
SELECT col.attname, leaf.type, leaf.element FROM col JOIN leaf ON leaf.start = col.atttypid ORDER BY col.attnum`
