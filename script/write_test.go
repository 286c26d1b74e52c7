package script

import (
	"errors"
	"io"
	"iter"
	"strings"
	"testing"

	"github.com/pgarc/pgarc/toc"
)

func TestWriteErrors(t *testing.T) {
	data := &toc.Entry{ID: 1, Kind: toc.TableData, Tag: "t", HasDumper: true, Data: toc.DataLocated, Copy: "COPY t FROM stdin;\n"}
	database := &toc.Entry{ID: 2, Kind: toc.Database, Tag: "a\n\\! id", Defn: "CREATE DATABASE x;\n"}
	broken := errors.New("broken")
	for _, test := range []struct {
		name string
		e    *toc.Entry
		w    io.Writer
		o    WriteOptions
		want string
	}{
		{"data", data, io.Discard, WriteOptions{Data: func(*toc.Entry) (io.ReadCloser, error) { return nil, broken }}, "broken"},
		{"reading", data, io.Discard, WriteOptions{Data: func(*toc.Entry) (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(strings.NewReader("1\n"), failing{broken})), nil
		}}, "broken"},
		{"key", data, io.Discard, WriteOptions{RestrictKey: "a\n\\! id"}, "invalid restrict key"},
		{"database name", database, io.Discard, WriteOptions{Create: true}, "newline"},
		{"writer", data, failing{broken}, WriteOptions{}, "broken"},
	} {
		err := Write(test.w, toc.Selection{Create: true}.Apply(newTOC(t, test.e)), test.o)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want one with %q", test.name, err, test.want)
		}
	}
}

// failing fails to read and to write.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error)  { return 0, f.err }
func (f failing) Write([]byte) (int, error) { return 0, f.err }

// TestWriteWithoutData: COPY must not go on to eat the rest of the script.
func TestWriteWithoutData(t *testing.T) {
	e := &toc.Entry{ID: 1, Kind: toc.TableData, Tag: "t", HasDumper: true, Data: toc.DataNone, Copy: "COPY t FROM stdin;\n"}
	var b strings.Builder
	if err := Write(&b, toc.Selection{}.Apply(newTOC(t, e)), WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	if want := "COPY t FROM stdin;\n\\.\n\n\n"; !strings.Contains(b.String(), want) {
		t.Errorf("no %q in\n%s", want, b.String())
	}
}

// TestWriteOldLargeObjects: before version 1.12 they are made with their data.
func TestWriteOldLargeObjects(t *testing.T) {
	e := &toc.Entry{ID: 1, Kind: toc.Blobs, Tag: "BLOBS", HasDumper: true, Data: toc.DataLocated}
	o := WriteOptions{OldLargeObjects: true, Clean: true, LargeObjects: func(*toc.Entry) iter.Seq2[LargeObject, error] {
		return func(yield func(LargeObject, error) bool) {
			yield(LargeObject{OID: 4000000001, Data: strings.NewReader(strings.Repeat("a", loPiece) + "b")}, nil)
		}
	}}
	var b strings.Builder
	if err := Write(&b, toc.Selection{}.Apply(newTOC(t, e)), o); err != nil {
		t.Fatal(err)
	}
	want := "BEGIN;\n\n" +
		"SELECT pg_catalog.lo_unlink(oid) FROM pg_catalog.pg_largeobject_metadata WHERE oid = '4000000001';\n" +
		"SELECT pg_catalog.lo_open(pg_catalog.lo_create('4000000001'), 131072);\n" +
		"SELECT pg_catalog.lowrite(0, '\\x" + strings.Repeat("61", loPiece) + "');\n" +
		"SELECT pg_catalog.lowrite(0, '\\x62');\n" +
		"SELECT pg_catalog.lo_close(0);\n\nCOMMIT;\n\n"
	if !strings.Contains(b.String(), want) {
		t.Errorf("no\n%.600s\nin\n%.1500s", want, b.String())
	}
}

// TestWriteSpoils: where reading fails, psql must not take for whole what it
// got. TestSQLSpoiled of cmd/pgarc shows it to psql.
func TestWriteSpoils(t *testing.T) {
	broken := errors.New("broken\nhere")
	table := &toc.Entry{ID: 1, Kind: toc.TableData, Tag: "t", HasDumper: true, Data: toc.DataLocated, Copy: "COPY t FROM stdin;\n"}
	inserts := &toc.Entry{ID: 1, Kind: toc.TableData, Tag: "t", HasDumper: true, Data: toc.DataLocated}
	comment := "\n\n--\n-- pgarc: the script ends here, not complete: broken here\n--\n"
	row := "\n-- pgarc: the script ends here, not complete: broken here" + strings.Repeat("\t", 1600) + "\n\\.\n"
	for _, test := range []struct {
		name string
		e    *toc.Entry
		data string
		end  string
	}{
		{"in a row", table, "1\ta\n2\tb", "1\ta\n2\tb" + row + comment},
		{"in an escape", table, "1\ta\\", "1\ta\\" + row + comment},
		{"after a row", table, "1\ta\n", "1\ta\n" + row + comment},
		{"before the first", table, "", "FROM stdin;\n" + row + comment},
		{"what looks like the end", table, "1\ta\\.", "1\ta\\." + row + comment},
		{"in the end", table, "1\ta\n\\.", "1\ta\n\\.\n" + comment},
		{"after the end", table, "1\ta\n\\.\n\n\n", "1\ta\n\\.\n\n\n\n" + comment},
		{"no rows", table, "\\.\n", "FROM stdin;\n\\.\n\n" + comment},
		{"in an INSERT", inserts, "INSERT INTO t VALUES (1", "INSERT INTO t VALUES (1" + comment},
	} {
		var b strings.Builder
		err := Write(&b, toc.Selection{}.Apply(newTOC(t, test.e)), WriteOptions{SingleTransaction: true, Data: func(*toc.Entry) (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(strings.NewReader(test.data), failing{broken})), nil
		}})
		if !errors.Is(err, broken) {
			t.Errorf("%s: error %v, want that of the reader", test.name, err)
		}
		if got := b.String(); !strings.HasSuffix(got, test.end) {
			t.Errorf("%s: the script ends in\n%q\nwant\n%q", test.name, got[max(0, len(got)-len(test.end)):], test.end)
		}
		if strings.Contains(b.String(), "COMMIT") {
			t.Errorf("%s: the script commits", test.name)
		}
	}
}
