//go:build linux

package copybin_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	osexec "os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgarc/pgarc/internal/copybin"
	"github.com/pgarc/pgarc/internal/pgscratch/scratchtest"
)

// BenchmarkConvert measures the conversion alone, by type.
func BenchmarkConvert(b *testing.B) {
	for _, c := range []struct {
		name  string
		oid   uint32
		field string
	}{
		{"int8", tInt8, "111679569920106039"}, {"int8 short", tInt8, "42"}, {"int4", tInt4, "123456"}, {"bool", tBool, "t"}, {"null", tText, `\N`},
		{"timestamp", tTimestamp, "2024-01-01 00:00:04.123456"}, {"timestamptz", tTimestamptz, "2024-01-01 00:00:04.123456+00"}, {"date", tDate, "2024-02-29"},
		{"text 10", tText, "0123456789"}, {"text 100", tText, strings.Repeat("0123456789", 10)}, {"text 1000", tText, strings.Repeat("0123456789", 100)},
		{"text escaped", tText, strings.Repeat(`line\n`, 20)}, {"float8", tFloat8, "0.30000000000000004"}, {"numeric", tNumeric, "12345.6789"},
		{"uuid", tUUID, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"}, {"jsonb", tJSONB, `{"n": 1, "agent": "Browser/7", "nested": [null, true, 1.50]}`},
		{"bytea 32", tBytea, `\\x` + strings.Repeat("0f", 32)}, {"inet", tInet, "10.0.0.255"},
	} {
		b.Run(c.name, func(b *testing.B) {
			text := []byte(strings.Repeat(strings.Repeat(c.field+"\t", 7)+c.field+"\n", 20_000))
			cols := slices.Repeat(columns(c.oid), 8)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			before := clientCPU()
			for b.Loop() {
				r, err := copybin.NewReader(bytes.NewReader(text), cols)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, r); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64((clientCPU()-before).Nanoseconds())/float64(b.N)/160_000, "cpu-ns/value") // others may use the machine
		})
	}
}

// TestLoadCost measures what a COPY costs server and client, as text and as binary, in CPU seconds, medians of
// paired runs: of murmur's tables at the scale that PGARC_COPYBIN_SCALE says (20 is 110 MB of text), and of each
// type. It prints tables and judges nothing.
//
//	PGARC_COPYBIN_SCALE=20 go test ./internal/copybin -run TestLoadCost -v -timeout 1h
func TestLoadCost(t *testing.T) {
	scale := os.Getenv("PGARC_COPYBIN_SCALE")
	if scale == "" {
		t.Skip("PGARC_COPYBIN_SCALE is not set")
	}
	t.Run("types", costOfTypes)
	t.Run("murmur", func(t *testing.T) { costOfMurmur(t, scale) })
}

const costColumns = "%-22s %7s %7s %7s | %7s %7s | %7s %7s | %6s %6s %6s | %8s %7s %7s"

func costHeader(t *testing.T) {
	t.Helper()
	t.Logf(costColumns, "", "", "text", "binary", "server", "CPU s", "client", "CPU s", "binary", "to", "text", "convert", "", "saved")
	t.Logf(costColumns, "table", "rows", "MB", "MB", "text", "binary", "text", "binary", "server", "all", "wall", "MB/s", "ns/row", "ns/row")
}

func costOfMurmur(t *testing.T, scale string) {
	s := scratchtest.Server(t)
	config, err := pgconn.ParseConfig(s.ConnString("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	load := osexec.Command("../../fixtures/sql/murmur/load.sh", "murmur", scale)
	load.Env = append(os.Environ(), "PGHOST="+config.Host, fmt.Sprintf("PGPORT=%d", config.Port), "PGUSER="+config.User, "PSQL="+scratchtest.Tool(t, s, "psql"))
	if out, err := load.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	conn := connect(t, s, "murmur")
	costHeader(t)
	for _, table := range []string{"statuses", "favourites", "notifications", "mentions", "statuses_tags", "follows", "status_stats", "media_attachments", "conversations", "events_2024_q1", "status_edits"} {
		exec(t, conn, "DROP TABLE IF EXISTS bench; CREATE TABLE bench (LIKE "+table+")")
		text := copyOut(t, conn, "COPY "+table+" TO stdout")
		cost(t, conn, table, text, false)
		if len(text) > 10e6 {
			cost(t, conn, table+", freeze", text, true)
		}
	}
}

func costOfTypes(t *testing.T) {
	s := scratchtest.Server(t)
	conn := connect(t, s, scratchtest.Database(t, s))
	exec(t, conn, "CREATE TYPE visibility AS ENUM ('public', 'unlisted', 'private', 'direct')")
	costHeader(t)
	for _, c := range [][2]string{
		{"bigint", "111679569920000000 + i * 65536::bigint"}, {"integer", "i"}, {"boolean", "i % 3 = 0"}, {"timestamp", "timestamp '2024-01-01' + i * interval '4.123456 s'"},
		{"timestamptz", "timestamptz '2024-01-01' + i * interval '4.123456 s'"}, {"date", "date '2000-01-01' + i % 9000"}, {"varchar", "'user_' || i"},
		{"text", "repeat(md5(i::text), 4)"}, {"double precision", "i / 7.0::float8"}, {"numeric", "round(i / 9.0, 4)"}, {"uuid", "md5(i::text)::uuid"},
		{"jsonb", `jsonb_build_object('n', i, 'agent', 'Browser/' || i % 20, 'nested', jsonb_build_array(NULL, true, 1.50))`},
		{"json", `json_build_object('n', i, 'agent', 'Browser/' || i % 20, 'nested', json_build_array(NULL, true, 1.50))`},
		{"bytea", "decode(md5(i::text), 'hex')"}, {"inet", "inet '10.0.0.0' + i"}, {"visibility", "(enum_range(NULL::visibility))[1 + i % 4]"},
		{"bigint[]", "ARRAY[i, i + 1]"}, {"text[]", "ARRAY['a' || i, 'b']"}, {"integer", "NULL"},
	} {
		var ddl, values []string
		for i := range 8 {
			ddl = append(ddl, fmt.Sprintf("c%d %s", i, c[0]))
			values = append(values, "("+c[1]+")::"+c[0])
		}
		exec(t, conn, "DROP TABLE IF EXISTS bench; CREATE TABLE bench ("+strings.Join(ddl, ", ")+")")
		text := copyOut(t, conn, "COPY (SELECT "+strings.Join(values, ", ")+" FROM generate_series(1, 40000) AS i) TO stdout")
		name := "8 " + c[0]
		if c[1] == "NULL" {
			name = "8 NULL"
		}
		cost(t, conn, name, text, false)
	}
}

// A run is what one COPY cost.
type run struct{ server, client, wall time.Duration }

const rounds = 7

func cost(t *testing.T, conn *pgconn.PgConn, name string, text []byte, freeze bool) {
	t.Helper()
	cols := columnsOf(t, conn, "bench")
	if slices.ContainsFunc(cols, func(c copybin.Column) bool { return !copybin.Supported(c) }) {
		t.Logf("%-22s has a type that is not supported", name)
		return
	}
	var asText, asBinary []run
	var convert []time.Duration
	var rows, size int64
	for range rounds {
		asText = append(asText, measure(t, conn, "", freeze, bytes.NewReader(text)))
		r, err := copybin.NewReader(bytes.NewReader(text), cols)
		if err != nil {
			t.Fatal(err)
		}
		asBinary = append(asBinary, measure(t, conn, "FORMAT binary", freeze, r))
		rows = r.Rows()
		r, _ = copybin.NewReader(bytes.NewReader(text), cols)
		before := clientCPU()
		size, err = io.Copy(io.Discard, r)
		if err != nil {
			t.Fatal(err)
		}
		convert = append(convert, clientCPU()-before)
	}
	server := func(r run) time.Duration { return r.server }
	client := func(r run) time.Duration { return r.client }
	total := func(r run) time.Duration { return r.server + r.client }
	wall := func(r run) time.Duration { return r.wall }
	conv := median(convert)
	t.Logf("%-22s %7d %7.1f %7.1f | %7.3f %7.3f | %7.3f %7.3f | %6.2f %6.2f %6.2f | %8.0f %7d %7d", name, rows, float64(len(text))/1e6, float64(size)/1e6,
		of(asText, server).Seconds(), of(asBinary, server).Seconds(), of(asText, client).Seconds(), of(asBinary, client).Seconds(),
		ratio(asBinary, asText, server), ratio(asBinary, asText, total), ratio(asBinary, asText, wall),
		float64(len(text))/1e6/conv.Seconds(), conv.Nanoseconds()/rows, (of(asText, server)-of(asBinary, server)).Nanoseconds()/rows)
}

func median[T cmp.Ordered](values []T) T {
	values = slices.Sorted(slices.Values(values))
	return values[len(values)/2]
}

func of(runs []run, f func(run) time.Duration) time.Duration {
	var values []time.Duration
	for _, r := range runs {
		values = append(values, f(r))
	}
	return median(values)
}

// ratio is the median of the pairs' ratios.
func ratio(a, b []run, f func(run) time.Duration) float64 {
	var values []float64
	for i := range a {
		values = append(values, f(a[i]).Seconds()/f(b[i]).Seconds())
	}
	return median(values)
}

func measure(t *testing.T, conn *pgconn.PgConn, options string, freeze bool, data io.Reader) run {
	t.Helper()
	exec(t, conn, "CHECKPOINT; BEGIN; TRUNCATE bench")
	if freeze {
		options = strings.TrimPrefix(options+", FREEZE", ", ")
	} else {
		exec(t, conn, "COMMIT; BEGIN")
	}
	if options != "" {
		options = " WITH (" + options + ")"
	}
	server, client, start := serverCPU(t, conn.PID()), clientCPU(), time.Now()
	if _, err := conn.CopyFrom(context.Background(), data, "COPY bench FROM stdin"+options); err != nil {
		t.Fatal(err)
	}
	r := run{serverCPU(t, conn.PID()) - server, clientCPU() - client, time.Since(start)}
	exec(t, conn, "COMMIT")
	return r
}

// serverCPU is the CPU time of a backend, from the scheduler's statistics, in nanoseconds.
func serverCPU(t *testing.T, pid uint32) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", pid))
	if err != nil {
		t.Fatal(err)
	}
	ns, err := strconv.ParseInt(strings.Fields(string(stat))[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(ns)
}

func clientCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
