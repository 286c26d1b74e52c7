package copybin_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pgarc/pgarc/internal/copybin"
	"github.com/pgarc/pgarc/internal/pgscratch"
	"github.com/pgarc/pgarc/internal/pgscratch/scratchtest"
)

// A typeTest has values of a type: literals at the edges, and an SQL expression of random ones, which the server
// makes. All of them must convert; what must not is in TestRefused.
type typeTest struct {
	ddl    string
	edges  []string
	random string // of random() and i, the row's number
	since  int    // PostgreSQL's major version
}

// word is random text of all sorts of characters, which COPY and arrays escape.
const word = `(SELECT coalesce(string_agg((ARRAY['a','B','ü','象','🐘',' ',E'\t',E'\n',E'\r',E'\\','"','''','{','}',',',E'\b',E'\f',E'\v',E'\x01',E'\x7f','\N','\.','NULL','x0','long enough for the other way'])[1 + floor(random() * 25)::int], ''), '') FROM generate_series(1, (random() * random() * 12)::int + i - i))`

var typeTests = []typeTest{
	{ddl: "boolean", edges: []string{"t", "f"}, random: "random() < 0.5"},
	{ddl: "smallint", edges: []string{"-32768", "32767", "0", "-1"}, random: "(random() * 65535 - 32768)::int2"},
	{ddl: "integer", edges: []string{"-2147483648", "2147483647", "0"}, random: "((random() - 0.5) * 10 ^ (random() * 9.3))::int4"},
	{ddl: "bigint", edges: []string{"-9223372036854775808", "9223372036854775807", "0"}, random: "((random() - 0.5) * 10 ^ (random() * 18.9))::int8"},
	{ddl: "oid", edges: []string{"0", "4294967295"}, random: "(random() * 4294967295)::bigint::oid"},

	{ddl: "real", edges: []string{"NaN", "Infinity", "-Infinity", "-0", "0", "1.17549435e-38", "3.40282347e38", "1e-45", "1e-40", "16777217", "0.1", "1e15", "1e-5"},
		random: "(random() - 0.5)::float4 * (10 ^ (random() * 70 - 35))::float4"},
	{ddl: "double precision", edges: []string{"NaN", "Infinity", "-Infinity", "-0", "0", "2.2250738585072014e-308", "1.7976931348623157e308", "5e-324", "2.5e-320",
		"9007199254740993", "0.1", "1e22", "1e23", "8.5", "6.631236846766476e-316"}, random: "(random() - 0.5) * 10 ^ (random() * 600 - 300)"},
	{ddl: "numeric", edges: []string{"NaN", "0", "0.0", "0.000", "-0", "1", "-1", "10000", "9999", "9999.9999", "0.0001", "0.00001", "0.00000000000000000001", "1.50", "100000000",
		"12345678901234567890123456789012345678901234567890", "-0.1234567890123456789012345678901234567890", "1e100", "1e-100", "99999999.99999999", "1000000.0000001",
		"1" + strings.Repeat("0", 3900), "0." + strings.Repeat("0", 3900) + "1"},
		random: "round(((random() - 0.5) * 10 ^ (random() * 40 - 15))::numeric, (random() * 30)::int) + (CASE i % 3 WHEN 0 THEN random()::numeric * (10 ^ (i % 50))::numeric ELSE 0 END)"},
	{ddl: "numeric", edges: []string{"Infinity", "-Infinity"}, random: "'Infinity'::numeric * (random() - 0.5)::numeric", since: 14},
	{ddl: "numeric(12,4)", edges: []string{"NaN", "0", "99999999.9999", "-0.0001", "1"}, random: "((random() - 0.5) * 10 ^ (random() * 8))::numeric(12,4)"},
	{ddl: "numeric(6,0)", edges: []string{"0", "999999"}, random: "((random() - 0.5) * 10 ^ (random() * 6))::numeric(6,0)"},
	{ddl: "numeric(3,-3)", edges: []string{"0", "999000"}, random: "((random() - 0.5) * 10 ^ (random() * 5))::numeric(3,-3)", since: 15},
	{ddl: "numeric(3,6)", edges: []string{"0", "0.000999"}, random: "((random() - 0.5) / 1001)::numeric(3,6)", since: 15},

	{ddl: "text", edges: []string{"", " ", "\\", "\\N", "\\.", "NULL", "\n", "\t", "\r", "\b\f\v", strings.Repeat("x", 100_000), strings.Repeat("\\\n", 40_000), "0123456789abcde\t", "0123456789abcdef\t"}, random: word},
	{ddl: "varchar", edges: []string{"", "\\N"}, random: word},
	{ddl: "varchar(7)", edges: []string{"", "1234567", "äöüßäöü"}, random: "left(" + word + ", 7)"},
	{ddl: "char(9)", edges: []string{"", " x", "123456789"}, random: "left(" + word + ", 9)"},
	{ddl: "bpchar", edges: []string{"", "x  ", "  x"}, random: word + "::bpchar"},
	{ddl: "name", edges: []string{"", "pg_class", strings.Repeat("x", 63)}, random: "left(" + word + ", 15)::name"},
	{ddl: `"char"`, edges: []string{"", "a", "\\", "\t", "\n", "\x7f", "\""}, random: `(33 + random() * 93)::int::"char"`},
	{ddl: "bytea", edges: []string{"", `\x00`, `\x5c4e`, `\xff`, `\x` + strings.Repeat("00ff5c27", 20_000)}, random: "decode(repeat(md5(i::text), i % 9), 'hex')"},
	{ddl: "uuid", edges: []string{"00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"}, random: "md5(random()::text)::uuid"},
	{ddl: "json", edges: []string{"null", ` {"a" : "\u00e9\\n\t", "a": 1.50}`, "[]", `"\"\\"`, "{\n}", "[1,\t2]"}, random: "json_build_object('k', " + word + ", 'n', random())"},
	{ddl: "jsonb", edges: []string{"null", `{"b": [1, 2.50, null, true], "a": "\u00e9\\n\t"}`, "[]", `"\"\\"`, "1e400", "-0.10"}, random: "jsonb_build_object('k', " + word + ", 'n', random(), 'a', jsonb_build_array(i, null, " + word + "))"},

	{ddl: "date", edges: []string{"infinity", "-infinity", "2000-01-01", "1970-01-01", "2024-02-29", "1900-02-28", "1900-03-01", "2000-02-29", "0001-01-01", "0001-12-31 BC", "0001-02-29 BC", "0004-02-28 BC", "0005-02-29 BC",
		"4714-11-24 BC", "4713-01-01 BC", "9999-12-31", "10000-01-01", "99999-12-31", "5874897-12-31"}, random: "date '4714-11-24 BC' + (random() * 10 ^ (3 + random() * 6.33))::int"},
	{ddl: "time", edges: []string{"00:00:00", "23:59:59.999999", "24:00:00", "12:34:56.7", "00:00:00.000001"}, random: "(interval '1 second' * random() * 86400)::time"},
	{ddl: "time(2)", edges: []string{"00:00:00", "23:59:59.99"}, random: "(interval '1 second' * random() * 86400)::time(2)"},
	{ddl: "timetz", edges: []string{"00:00:00+00", "23:59:59.999999-15:59:59", "24:00:00+15:59", "12:34:56.7+05:30", "12:00-05:30"}, random: "((interval '1 second' * random() * 86400)::time::text || (ARRAY['+00','-03:30','+15','-00:00:01','+12:45'])[1 + i % 5])::timetz"},
	{ddl: "timestamp", edges: []string{"infinity", "-infinity", "2000-01-01", "1999-12-31 23:59:59.999999", "4714-11-24 00:00:00 BC", "0001-12-31 23:59:59.999999 BC", "0001-01-01", "294276-12-31 23:59:59.999999", "10000-01-01 00:00:00.1",
		"2024-02-29 12:34:56.789", "1900-02-28 23:59:59.5", "2100-03-01"}, random: "timestamp '2000-01-01' + interval '1 microsecond' * ((random() - 0.02) * 10 ^ (3 + random() * 15.9))"},
	{ddl: "timestamp(3)", edges: []string{"infinity", "2024-02-29 12:34:56.789"}, random: "(timestamp '2000-01-01' + interval '1 microsecond' * ((random() - 0.02) * 10 ^ (3 + random() * 15.9)))::timestamp(3)"},
	{ddl: "timestamptz", edges: []string{"infinity", "-infinity", "2000-01-01 00:00+00", "1999-12-31 23:59:59.999999+00", "4714-11-25 00:00:00+00 BC", "0001-12-31 23:59:59.999999+00 BC", "0001-01-01 00:00+00", "294276-12-30 23:59:59.999999+00",
		"1883-11-18 12:00+00", "1800-01-01 00:00+00"}, random: "timestamptz '2000-01-01 00:00+00' + interval '1 microsecond' * ((random() - 0.02) * 10 ^ (3 + random() * 15.9))"},
	{ddl: "interval", edges: []string{"0", "1 year", "-1 year", "1 mon", "13 months -1 day", "-1 day +00:00:01", "-00:00:00.000001", "2562047787:59:59.999999", "-2562047787:59:59", "178000000 years 11 mons", "2147483647 days", "-2147483648 days", "1 year 2 mons 3 days 04:05:06.7",
		"1 day -00:00:01", "-1 year -2 mons +3 days -04:05:06.7"}, random: "make_interval(years => (random() * 20 - 10)::int, months => (random() * 20 - 10)::int, days => (random() * 20 - 10)::int, secs => (random() - 0.5) * 10 ^ (random() * 9)) * (i % 3)"},
	{ddl: "interval(1)", edges: []string{"1.2"}, random: "(interval '1 second' * random() * 1e6)::interval(1)"},
	{ddl: "interval hour to minute", edges: []string{"1 day 02:03"}, random: "(interval '1 second' * random() * 1e6)::interval hour to minute"},

	{ddl: "inet", edges: []string{"0.0.0.0/0", "255.255.255.255", "10.1.2.3/8", "::", "::1", "::/0", "::ffff:1.2.3.4", "::1.2.3.4", "2001:db8::1/64", "fe80::1:0:0:1", "1:2:3:4:5:6:7:8", "::ffff:0:1.2.3.4"},
		random: "CASE WHEN i % 2 = 0 THEN inet '0.0.0.0' + (random() * 4294967295)::bigint ELSE set_masklen(('2001:' || to_hex(i % 3) || ':' || substr(md5(i::text), 1, 4) || '::' || to_hex(i % 7))::inet, i % 129) END"},
	{ddl: "cidr", edges: []string{"0.0.0.0/0", "10.0.0.0/8", "192.168.1.1", "::/0", "::1", "2001:db8::/32"}, random: "network(set_masklen(inet '0.0.0.0' + (random() * 4294967295)::bigint, i % 33))"},
	{ddl: "macaddr", edges: []string{"00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"}, random: "substr(md5(i::text), 1, 12)::macaddr"},
	{ddl: "bit(11)", edges: []string{"00000000000", "11111111111"}, random: "(random() * 2047)::int::bit(11)"},
	{ddl: "varbit", edges: []string{"", "1", "10101010", "101010101"}, random: "substring((random() * 2147483647)::int::bit(32)::varbit, 1, i % 33)"},
	{ddl: "varbit(40)", edges: []string{"", "1"}, random: "(random() * 2147483647)::int::bit(32)::varbit"},

	{ddl: "mood", edges: []string{"sad ", "o'k", `hap"py`, "☺", "", `back\slash`}, random: "(enum_range(NULL::mood))[1 + i % 6]"},
	{ddl: "citext", edges: []string{"", "Word"}, random: word + "::citext"},
	{ddl: "positive", edges: []string{"1", "2147483647"}, random: "(1 + random() * 1e9)::int"},
	{ddl: "more_positive", edges: []string{"11"}, random: "(11 + random() * 1e9)::int"},
	{ddl: "short", edges: []string{"", "abc"}, random: "left(" + word + ", 3)"},

	{ddl: "integer[]", edges: []string{"{}", "{1}", "{NULL}", "{1,NULL,-3}"}, random: "(SELECT array_agg(CASE WHEN random() < 0.8 THEN (random() * 1e9)::int END) FROM generate_series(1, i % 5))"},
	{ddl: "bigint[]", edges: []string{"{}", "{9223372036854775807}"}, random: "ARRAY[i, i * 10000000000]"},
	{ddl: "boolean[]", edges: []string{"{t,f,NULL}"}, random: "ARRAY[random() < 0.5, random() < 0.5]"},
	{ddl: "text[]", edges: []string{"{}", `{""}`, `{NULL,"NULL",null}`, `{"a,b","{}","\"\\"}`, `{"\\\\N"}`}, random: "ARRAY[" + word + ", " + word + ", NULL, 'x']"},
	{ddl: "varchar(5)[]", edges: []string{"{}", "{abcde}"}, random: "ARRAY[left(" + word + ", 5)]"},
	{ddl: "bytea[]", edges: []string{"{}", `{"\\x00ff",""}`}, random: "ARRAY[decode(md5(i::text), 'hex')]"},
	{ddl: "jsonb[]", edges: []string{"{}", `{1,"{\"a\": \"b\\\\c\"}"}`}, random: "ARRAY[jsonb_build_object('k', " + word + ")]"},
	{ddl: "timestamp[]", edges: []string{"{}", `{infinity,"2024-02-29 12:34:56.789"}`}, random: "ARRAY[timestamp '2000-01-01' + interval '1 second' * i, NULL]"},
	{ddl: "interval[]", edges: []string{`{00:00:01,"1 day"}`}, random: "ARRAY[interval '1 hour' * random() * i]"},
	{ddl: "numeric(9,3)[]", edges: []string{"{NaN,0.001}"}, random: "ARRAY[random() * 1000]"},
	{ddl: "double precision[]", edges: []string{"{NaN,-Infinity,-0,0.1}"}, random: "ARRAY[random(), random() * 1e300]"},
	{ddl: "uuid[]", edges: []string{"{00000000-0000-0000-0000-000000000000}"}, random: "ARRAY[md5(i::text)::uuid]"},
	{ddl: "inet[]", edges: []string{"{10.0.0.0/8,::1}"}, random: "ARRAY[inet '0.0.0.0' + (random() * 4294967295)::bigint]"},
	{ddl: "varbit[]", edges: []string{`{"",101}`}, random: "ARRAY[(random() * 2147483647)::int::bit(32)::varbit]"},
	{ddl: "mood[]", edges: []string{"{☺,NULL}", `{""}`}, random: "ARRAY[(enum_range(NULL::mood))[1 + i % 6]]"},
	{ddl: "short[]", edges: []string{"{abc}"}, random: "ARRAY[left(" + word + ", 3)]::short[]"},
	{ddl: "shorts", edges: []string{"{abc}"}, random: "ARRAY[left(" + word + ", 3)]"},
}

const typeSchema = `CREATE TYPE mood AS ENUM ('sad ', 'o''k', 'hap"py', '☺', '', 'back\slash');
CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
CREATE DOMAIN more_positive AS positive NOT NULL CHECK (VALUE > 10);
CREATE DOMAIN short AS varchar(3) COLLATE "C";
CREATE DOMAIN shorts AS varchar(3)[] CHECK (array_length(VALUE, 1) <= 5);`

// TestTypes loads values that the server made, as text and as binary, and compares what is stored.
func TestTypes(t *testing.T) {
	if testing.Short() {
		t.Skip("long")
	}
	servers := map[string]func(testing.TB) *pgscratch.Server{
		"installed": scratchtest.Server,
		"18":        func(tb testing.TB) *pgscratch.Server { return scratchtest.ServerVersion(tb, 18) },
	}
	for name, server := range servers {
		t.Run(name, func(t *testing.T) { testTypes(t, server(t)) })
	}
}

func testTypes(t *testing.T, s *pgscratch.Server) {
	conn := connect(t, s, scratchtest.Database(t, s))
	exec(t, conn, typeSchema)
	citext := query(t, conn, "SELECT count(*) FROM pg_available_extensions WHERE name = 'citext'")[0][0] == "1"
	if citext {
		exec(t, conn, "CREATE EXTENSION citext")
	}
	// Zones with seconds, before they were standardized, and east and west of Greenwich.
	zones := []string{"UTC", "America/New_York", "Asia/Kolkata", "Europe/Amsterdam"}
	for i, tt := range typeTests {
		if tt.since > s.Binaries().Major || tt.ddl == "citext" && !citext {
			continue
		}
		t.Run(fmt.Sprintf("%s %d", tt.ddl, i), func(t *testing.T) {
			exec(t, conn, "SET TimeZone = '"+zones[i%len(zones)]+"'; SELECT setseed(0.5)")
			fresh(t, conn, "a "+tt.ddl+", b "+tt.ddl+", c "+tt.ddl)
			notNull := tt.ddl == "more_positive"
			exec(t, conn, "DROP TABLE IF EXISTS src; CREATE TABLE src AS SELECT v AS a, "+orNull("v", notNull)+" AS b, v AS c FROM (SELECT ("+tt.random+")::"+tt.ddl+" AS v, i FROM generate_series(1, 1000) AS i OFFSET 0) AS x")
			var edges strings.Builder
			for _, v := range tt.edges {
				fmt.Fprintf(&edges, "INSERT INTO src SELECT v, v, v FROM (SELECT '%s'::%s AS v) AS x;\n", strings.ReplaceAll(v, "'", "''"), tt.ddl)
			}
			exec(t, conn, edges.String())
			columns := columnsOf(t, conn, "t_bin")
			for _, c := range columns {
				if !copybin.Supported(c) {
					t.Fatalf("%+v is not supported", c)
				}
			}
			if rows := loadBoth(t, conn, columns, "", copyOut(t, conn, "COPY src TO stdout")); rows < 1000 {
				t.Errorf("%d rows", rows)
			}
		})
	}
}

func orNull(v string, notNull bool) string {
	if notNull {
		return v
	}
	return "CASE WHEN i % 7 <> 0 THEN " + v + " END"
}

// TestMixed has a column of every type in one table.
func TestMixed(t *testing.T) {
	if testing.Short() {
		t.Skip("long")
	}
	s := scratchtest.Server(t)
	conn := connect(t, s, scratchtest.Database(t, s))
	exec(t, conn, typeSchema+"CREATE EXTENSION citext; SET TimeZone = 'Asia/Kathmandu'")
	var ddl, values []string
	for i, tt := range typeTests {
		if tt.since <= s.Binaries().Major {
			ddl = append(ddl, fmt.Sprintf("c%d %s", i, tt.ddl))
			values = append(values, orNull("("+tt.random+")", tt.ddl == "more_positive"))
		}
	}
	fresh(t, conn, strings.Join(ddl, ", "))
	exec(t, conn, "CREATE TABLE src ("+strings.Join(ddl, ", ")+"); INSERT INTO src SELECT "+strings.Join(values, ", ")+" FROM generate_series(1, 500) AS i")
	loadBoth(t, conn, columnsOf(t, conn, "t_bin"), "", copyOut(t, conn, "COPY src TO stdout"))
}

// TestColumnsQuery checks what is found of types that are something else underneath.
func TestColumnsQuery(t *testing.T) {
	s := scratchtest.Server(t)
	conn := connect(t, s, scratchtest.Database(t, s))
	exec(t, conn, typeSchema+`CREATE EXTENSION citext; CREATE TYPE pair AS (a int, b int); CREATE SCHEMA "odd ""s";
		CREATE TABLE "odd ""s"."t 1" (a int, gone int, b mood, c short, d shorts, e short[], f mood[], g citext, h citext[], i pair, j int4range, k xml, l point,
		  m shorts[], n "char", o int2vector, p name[], q xml[]);
		ALTER TABLE "odd ""s"."t 1" DROP COLUMN gone`)
	oid := func(typ string) uint32 {
		var n uint32
		if _, err := fmt.Sscan(query(t, conn, "SELECT $1::regtype::oid", typ)[0][0], &n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	want := []struct {
		name      string
		column    copybin.Column
		supported bool
	}{
		{"a", copybin.Column{Type: 23}, true},
		{"b", copybin.Column{Type: 25}, true},
		{"c", copybin.Column{Type: 1043}, true},
		{"d", copybin.Column{Type: 1043, Element: 1043}, true},
		{"e", copybin.Column{Type: 1043, Element: oid("short")}, true},
		{"f", copybin.Column{Type: 25, Element: oid("mood")}, true},
		{"g", copybin.Column{Type: 25}, true},
		{"h", copybin.Column{Type: 25, Element: oid("citext")}, true},
		{"i", copybin.Column{Type: oid("pair")}, false},
		{"j", copybin.Column{Type: oid("int4range")}, false},
		{"k", copybin.Column{Type: oid("xml")}, false},
		{"l", copybin.Column{Type: oid("point")}, false},
		{"m", copybin.Column{Type: oid("varchar[]"), Element: oid("shorts")}, false},
		{"n", copybin.Column{Type: 18}, true},
		{"o", copybin.Column{Type: oid("int2vector")}, false},
		{"p", copybin.Column{Type: 19, Element: 19}, true},
		{"q", copybin.Column{Type: oid("xml"), Element: oid("xml")}, false},
	}
	got := columnsOf(t, conn, `"odd ""s"."t 1"`)
	if len(got) != len(want) {
		t.Fatalf("%d columns, want %d: %v", len(got), len(want), got)
	}
	for i, w := range want {
		if got[i] != w.column || copybin.Supported(got[i]) != w.supported {
			t.Errorf("column %s: %+v, supported %t; want %+v, %t", w.name, got[i], copybin.Supported(got[i]), w.column, w.supported)
		}
	}
}
