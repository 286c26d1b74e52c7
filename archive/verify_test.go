package archive_test

import (
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/toc"
)

func verify(tb testing.TB, r *archive.Reader) *archive.Verification {
	tb.Helper()
	v, err := r.Verify(tb.Context(), archive.VerifyOptions{Digest: true})
	if err != nil {
		tb.Fatalf("Verify: %v", err)
	}
	return v
}

// noProblems fails for each problem.
func noProblems(t *testing.T, v *archive.Verification) {
	t.Helper()
	for _, p := range v.Problems {
		t.Errorf("problem: %s", problemText(p))
	}
}

func problemText(p archive.Problem) string {
	var b strings.Builder
	if p.Entry != nil {
		b.WriteString(string(p.Entry.Kind) + " " + p.Entry.Tag + ": ")
	}
	if p.File != "" {
		b.WriteString(p.File + ": ")
	}
	b.WriteString(p.What + "; lost: " + p.Lost)
	return b.String()
}

// rowsInScript counts the rows behind each COPY statement of an archive in the
// script of it.
func rowsInScript(tb testing.TB, t *toc.TOC, sql string) []int64 {
	tb.Helper()
	var counts []int64
	for _, e := range t.Entries {
		if e.Copy == "" {
			continue
		}
		_, rest, found := strings.Cut(sql, "\n"+e.Copy)
		rows, after, ended := strings.Cut("\n"+rest, "\n\\.\n")
		if !found || !ended {
			tb.Fatalf("the script does not have the data of %s", e.Tag)
		}
		counts = append(counts, int64(strings.Count(rows, "\n")))
		sql = "\n" + after
	}
	return counts
}

// TestVerifyFixtures: every real archive is sound, as a file and as a stream,
// and has as many rows as pg_restore prints.
func TestVerifyFixtures(t *testing.T) {
	for _, f := range fixtures.All(t) {
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			r := open(t, f)
			v := verify(t, r)
			noProblems(t, v)
			if !strings.Contains(f.Name, "redirect") && len(v.Notes) > 0 {
				t.Errorf("Notes = %q", v.Notes)
			}
			var rows []int64
			objects := int64(0)
			for _, c := range v.Tables {
				switch {
				case !c.Whole || c.Digest == [32]byte{} || c.Stored == 0:
					t.Errorf("%s %s: Whole = %v, Digest = %x, Stored = %d", c.Entry.Kind, c.Entry.Tag, c.Whole, c.Digest, c.Stored)
				case c.Entry.Kind == toc.Blobs:
					objects += c.Rows
				case c.Entry.Copy != "":
					rows = append(rows, c.Rows)
				}
			}
			sql := golden(t, f)
			if want := rowsInScript(t, r.TOC, sql); !slices.Equal(rows, want) {
				t.Errorf("rows = %v, want %v", rows, want)
			}
			if want := len(goldenObjects(t, sql)); int(objects) != want {
				t.Errorf("%d large objects, want %d", objects, want)
			}
			if f.Format != "directory" {
				sameAsStream(t, f, v)
			}
		})
	}
}

// sameAsStream verifies an archive as a stream.
func sameAsStream(t *testing.T, f fixtures.Fixture, want *archive.Verification) {
	t.Helper()
	file, err := os.Open(f.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r, err := archive.NewStream(struct{ io.Reader }{file})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	v := verify(t, r)
	noProblems(t, v)
	for i, c := range v.Tables {
		w := want.Tables[i]
		if c.Entry.ID != w.Entry.ID || c.Rows != w.Rows || c.Bytes != w.Bytes || c.Digest != w.Digest {
			t.Errorf("as a stream, %s %s: %d rows, %d bytes, want %d, %d, or another digest", c.Entry.Kind, c.Entry.Tag, c.Rows, c.Bytes, w.Rows, w.Bytes)
		}
	}
}

// TestVerifyInserts: INSERT commands have the rows that COPY has.
func TestVerifyInserts(t *testing.T) {
	rows := func(name string) map[string]int64 {
		counts := make(map[string]int64)
		for _, c := range verify(t, open(t, fixtures.Get(t, name))).Tables {
			if c.Entry.Kind == toc.TableData {
				counts[c.Entry.Namespace+"."+c.Entry.Tag] = c.Rows
			}
		}
		return counts
	}
	for _, f := range fixtures.All(t) {
		if !strings.HasSuffix(f.Name, "/c-inserts") {
			continue
		}
		got, want := rows(f.Name), rows(strings.Replace(f.Name, "c-inserts", "c-gzip", 1))
		if len(got) == 0 {
			t.Errorf("%s: no tables", f.Name)
		}
		for table, n := range got {
			if n != want[table] {
				t.Errorf("%s: %s: %d rows, want %d", f.Name, table, n, want[table])
			}
		}
	}
}

// TestVerifyRedirected: the second TOC at the end is known, and no problem.
func TestVerifyRedirected(t *testing.T) {
	known := 0
	for _, f := range fixtures.All(t) {
		if strings.HasSuffix(f.Name, "/c-redirect") {
			v := verify(t, open(t, f))
			noProblems(t, v)
			if len(v.Notes) > 0 && strings.HasPrefix(v.Notes[0], "a second table of contents") {
				known++
			}
		}
	}
	if known == 0 {
		t.Error("no archive with a second TOC")
	}
}

// TestVerifyContent has every kind of flaw in the data of a table, and what
// looks like one.
func TestVerifyContent(t *testing.T) {
	long := strings.Repeat("x", 3<<20)
	for _, tt := range []struct {
		name, copy, data string
		want             string // in the problem; empty: none
	}{
		{"empty", "COPY t (a) FROM stdin;\n", "\\.\n\n\n", ""},
		{"rows", "COPY t (a, b) FROM stdin;\n", "1\t\\N\n\\N\t2\n\t\n\\.\n\n\n", ""},
		{"long row", "COPY t (a, b) FROM stdin;\n", long + "\t" + long + "\n\\.\n\n\n", ""},
		{"long row, wrong", "COPY t (a) FROM stdin;\n", long + "\t" + long + "\n\\.\n\n\n", "1 row with a wrong number of columns, 1 expected: row 1, at byte 0 of the data, has 2"},
		{"escapes", "COPY t (a) FROM stdin;\n", "\\b\\f\\n\\r\\t\\v\\\\\n\\\\.\n\\\\N\n\\.\n\n\n", ""},
		{"no columns", "COPY t  FROM stdin;\n", "\n\n\\.\n\n\n", ""},
		{"no columns, data", "COPY t  FROM stdin;\n", "\nx\n\\.\n\n\n", "row 2, at byte 1 of the data, is not empty"},
		{"with oids", "COPY t (a) WITH OIDS FROM stdin;\n", "16400\t1\n\\.\n\n\n", ""},
		{"odd names", "COPY \"a (b, c\".\"t)\" (\"x, y\", \"z)\"\"(\") FROM stdin;\n", "1\t2\n\\.\n\n\n", ""},
		{"too few", "COPY t (a, b) FROM stdin;\n", "1\t2\n3\n4\t5\t6\n\\.\n\n\n", "2 rows with a wrong number of columns, 2 expected: row 2, at byte 4 of the data, has 1"},
		{"bad escape", "COPY t (a) FROM stdin;\n", "a\nb\\q\n\\.\n\n\n", "1 escape that COPY does not write: row 2, at byte 2 of the data, has a backslash before 'q'"},
		{"null and more", "COPY t (a, b) FROM stdin;\n", "\\Nx\t1\n\\.\n\n\n", `has \N and more in one column`},
		{"null within", "COPY t (a, b) FROM stdin;\n", "x\\N\t1\n\\.\n\n\n", `has \N within a column`},
		{"backslash at the end", "COPY t (a) FROM stdin;\n", "x\\\ny\n\\.\n\n\n", "ends in a backslash"},
		{"marker and more", "COPY t (a) FROM stdin;\n", "\\.x\n\\.\n\n\n", `begins with \.`},
		{"no marker", "COPY t (a) FROM stdin;\n", "1\n2\n", "there is no end marker behind row 2"},
		{"cut in a row", "COPY t (a) FROM stdin;\n", "1\n2", "the data end within row 2"},
		{"cut in the marker", "COPY t (a) FROM stdin;\n", "1\n\\.", "the data end within row 2"},
		{"rows behind the marker", "COPY t (a) FROM stdin;\n", "1\n\\.\n2\n\\.\n\n\n", "7 bytes behind the end marker, which is behind row 1"},
		{"line ends behind the marker", "COPY t (a) FROM stdin;\n", "1\n\\.\n\n", "1 line ends behind the end marker, 2 expected"},
		{"statement", "COPY t (a FROM stdin;\n", "1\n\\.\n\n\n", "the COPY statement is none that pg_dump writes"},
		{"inserts", "", "INSERT INTO t VALUES (1, 'a;''(');\nINSERT INTO \"V(\" (a) OVERRIDING SYSTEM VALUE VALUES\n\t(1),\n\t(2);\n\n\n", ""},
		{"insert defaults", "", "INSERT INTO t DEFAULT VALUES;\n\n\n", ""},
		{"insert cut", "", "INSERT INTO t VALUES (1);\nINSERT INTO t VALUES ('a", "the data end within command 2"},
		{"insert of another kind", "", "INSERT INTO t VALUES (1);\nINSRET INTO t VALUES ('a');\n\n\n", `command 2, at byte 26 of the data, starts with "INSRET INTO "`},
		{"insert parentheses", "", "INSERT INTO t VALUES (1;\n\n\n", "parentheses that do not match"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := toc.Entry{ID: 9, Kind: toc.TableData, Tag: "t", Section: toc.SectionData, HasDumper: true, Copy: tt.copy}
			std := toc.Entry{ID: 2, Kind: toc.StdStrings, Tag: "STDSTRINGS", Section: toc.SectionPreData, Defn: "SET standard_conforming_strings = 'on';\n"}
			for _, a := range []archive.Algorithm{archive.None, archive.Gzip} {
				r, err := reader(synthetic{minor: 16, compression: a, chunk: 5000, entries: []source{{Entry: std}, {Entry: e, data: tt.data}}}.encode(t))
				if err != nil {
					t.Fatal(err)
				}
				v := verify(t, r)
				if tt.want == "" {
					noProblems(t, v)
				} else if len(v.Problems) == 0 || !slices.ContainsFunc(v.Problems, func(p archive.Problem) bool {
					return strings.Contains(p.What, tt.want) && p.Entry != nil && p.Entry.ID == 9 && p.Lost != ""
				}) {
					t.Errorf("%s: problems %+v, want %q", a, v.Problems, tt.want)
				}
			}
		})
	}
}

// TestVerifyPieces: rows that lie across the borders of what is read at a time
// are looked at like others.
func TestVerifyPieces(t *testing.T) {
	row := "12\t\\N\ta\\tb\\\\\n"
	text := strings.Repeat(row, 30_000) + "\\.\n\n\n"
	for shift := range len(row) {
		data := strings.Repeat("x", shift) + "\t\\N\t\n" + text
		e := toc.Entry{ID: 9, Kind: toc.TableData, Tag: "t", Section: toc.SectionData, HasDumper: true, Copy: "COPY t (a, b, c) FROM stdin;\n"}
		r, err := reader(synthetic{minor: 16, chunk: 8000, entries: []source{{Entry: e, data: data}}}.encode(t))
		if err != nil {
			t.Fatal(err)
		}
		v := verify(t, r)
		noProblems(t, v)
		if c := v.Tables[0]; c.Rows != 30_001 || c.Bytes != int64(len(data)-5) {
			t.Errorf("shifted by %d: %d rows, %d bytes, want 30001, %d", shift, c.Rows, c.Bytes, len(data)-5)
		}
	}
}
