package restore

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/pgarc/pgarc/internal/copybin"
	"github.com/pgarc/pgarc/toc"
)

// TestCopyText: the end marker is cut off, however the text arrives, and its
// absence is an error.
func TestCopyText(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []struct {
		in, want string
		err      error
	}{
		{"\\.\n\n\n", "", nil},
		{"1\t2\n\\.\n\n\n", "1\t2\n", nil},
		{"1\n\\.\n", "1\n", nil},
		{"\\\\.\n\\.\n\n\n", "\\\\.\n", nil},
		{"a\nb\n", "", ErrNoEndMarker},
		{"", "", ErrNoEndMarker},
		{"a\n\\.\nb\n", "", ErrNoEndMarker},
	} {
		for name, r := range map[string]io.Reader{
			"whole":   strings.NewReader(c.in),
			"bytes":   iotest.OneByteReader(strings.NewReader(c.in)),
			"halves":  iotest.HalfReader(strings.NewReader(c.in)),
			"eof too": iotest.DataErrReader(strings.NewReader(c.in)),
		} {
			text := newCopyText(r)
			got, err := io.ReadAll(text)
			if !errors.Is(err, c.err) || err != nil && c.err == nil {
				t.Errorf("%q, %s: error %v, want %v", c.in, name, err, c.err)
			}
			if c.err == nil && string(got) != c.want {
				t.Errorf("%q, %s: read %q, want %q", c.in, name, got, c.want)
			}
			if !errors.Is(text.stop(), c.err) {
				t.Errorf("%q, %s: stop gives %v, want %v", c.in, name, text.stop(), c.err)
			}
		}
	}
	text := newCopyText(io.MultiReader(strings.NewReader("1\n"), iotest.ErrReader(broken)))
	if _, err := io.ReadAll(text); !errors.Is(err, broken) || !errors.Is(text.stop(), broken) {
		t.Errorf("a read that fails gives %v and stop %v, want %v", err, text.stop(), broken)
	}
}

func newCopyText(data io.Reader) *copyText {
	return &copyText{task: &task{step: &Step{Entry: &toc.Entry{Tag: "t"}}}, data: data}
}

// TestCopyTextLittleRoom: who reads may have room for a few bytes only, less
// than what is held back because it may be the end marker. The buffer of binary
// COPY is almost full again and again while a long row is read, and a limit may
// be almost reached.
func TestCopyTextLittleRoom(t *testing.T) {
	const rows = "1\t2\n\\\\.\t3\n"
	for room := 1; room <= len(endMarker)+1; room++ {
		text := newCopyText(strings.NewReader(rows + endMarker))
		var got []byte
		var err error
		for n, p := 0, make([]byte, room); err == nil && len(got) <= len(rows); {
			n, err = text.Read(p)
			got = append(got, p[:n]...)
		}
		if string(got) != rows || err != io.EOF {
			t.Errorf("read in pieces of %d bytes: %q, %v; want %q", room, got, err, rows)
		}
		if n, all := text.rowCount(); n != 2 || !all {
			t.Errorf("read in pieces of %d bytes: %d rows, all: %t; want 2", room, n, all)
		}
	}

	long := "1\t" + strings.Repeat("x", 300<<10) + "\n"
	r, err := copybin.NewReader(newCopyText(strings.NewReader(long+endMarker)), []copybin.Column{{Type: 20}, {Type: 25}}) // bigint, text
	if err != nil {
		t.Fatal(err)
	}
	binary, err := io.ReadAll(r)
	if err != nil || len(binary) < len(long) {
		t.Errorf("a row of %d bytes became %d bytes of binary COPY, error %v", len(long), len(binary), err)
	}

	limited := io.LimitReader(newCopyText(strings.NewReader(strings.Repeat(rows, 1000)+endMarker)), 5001)
	if got, err := io.ReadAll(limited); err != nil || len(got) != 5001 {
		t.Errorf("up to a limit of 5001 bytes: %d bytes, error %v", len(got), err)
	}
}

func TestStatementReader(t *testing.T) {
	for _, c := range []struct {
		in   string
		std  bool
		want []string
		err  error
	}{
		{"INSERT INTO t VALUES (1);\nINSERT INTO t VALUES (2);\n\n\n", true,
			[]string{"INSERT INTO t VALUES (1);", "INSERT INTO t VALUES (2);"}, io.EOF},
		{"INSERT INTO t VALUES ('a;b''c;');\n", true, []string{"INSERT INTO t VALUES ('a;b''c;');"}, io.EOF},
		{`INSERT INTO "a;""b" VALUES ('\');` + "\n", true, []string{`INSERT INTO "a;""b" VALUES ('\');`}, io.EOF},
		{`INSERT INTO t VALUES ('\';');` + "\n", false, []string{`INSERT INTO t VALUES ('\';');`}, io.EOF},
		{"INSERT INTO t VALUES ('x\ny;');\n\n\n", true, []string{"INSERT INTO t VALUES ('x\ny;');"}, io.EOF},
		{"INSERT INTO t VAL", true, nil, io.ErrUnexpectedEOF},
		{"", true, nil, io.EOF},
	} {
		r := newStatementReader(strings.NewReader(c.in), c.std)
		var got []string
		var err error
		for err == nil {
			var sql string
			if sql, err = r.next(); err == nil {
				got = append(got, sql)
			}
		}
		if !slices.Equal(got, c.want) || !errors.Is(err, c.err) {
			t.Errorf("%q: %q, %v; want %q, %v", c.in, got, err, c.want, c.err)
		}
	}
}

// TestPreamble: a server is only told of settings that it has.
func TestPreamble(t *testing.T) {
	made, err := toc.New([]*toc.Entry{
		{ID: 1, Kind: toc.Encoding, Defn: "SET client_encoding = 'LATIN1';\n"},
		{ID: 2, Kind: toc.StdStrings, Defn: "SET standard_conforming_strings = 'on';\n"},
		{ID: 3, Kind: toc.SearchPath, Defn: "SELECT pg_catalog.set_config('search_path', '', false);\n"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		version int
		has     []string
		lacks   []string
	}{
		{90400, []string{"statement_timeout", "client_encoding = 'LATIN1'", "standard_conforming_strings = on"},
			[]string{"idle_in_transaction_session_timeout", "row_security", "transaction_timeout", "escape_string_warning"}},
		{90624, []string{"idle_in_transaction_session_timeout", "row_security = off"}, []string{" transaction_timeout"}},
		{160000, nil, []string{" transaction_timeout"}},
		{170000, []string{" transaction_timeout = 0"}, nil},
	} {
		sql := strings.Join(preamble(made, c.version, Options{Role: `r"x`}), "\n")
		for _, want := range append(c.has, `SET ROLE "r""x";`) {
			if !strings.Contains(sql, want) {
				t.Errorf("server %d is not told %q:\n%s", c.version, want, sql)
			}
		}
		for _, not := range c.lacks {
			if strings.Contains(sql, not) {
				t.Errorf("server %d is told %q, which it does not have:\n%s", c.version, not, sql)
			}
		}
	}
}
