package toc

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

// The names and messages are what pg_restore 18 makes of the same lines; it
// shows them with --strict-names.
var filterTests = []struct {
	file string
	want Selection
	err  string
}{
	{"", Selection{}, ""},
	{"\n  \n# all\n\t# of it\n", Selection{}, ""},
	{"include table accounts", Selection{Tables: []string{"accounts"}}, ""},
	{"INCLUDE\tTable accounts # the first\ninclude table tags\r\n", Selection{Tables: []string{"accounts", "tags"}}, ""},
	{"include schema Odd Schema\nexclude schema   app", Selection{Schemas: []string{"Odd Schema"}, ExcludeSchemas: []string{"app"}}, ""},
	{"include function f ( integer ,text )", Selection{Functions: []string{"f(integer, text)"}}, ""},
	{"include function f(  )", Selection{Functions: []string{"f()"}}, ""},
	{"include function f(double   precision,  character varying)", Selection{Functions: []string{"f(double precision, character varying)"}}, ""},
	{"include function f(pg_catalog . int4 [])", Selection{Functions: []string{"f(pg_catalog.int4 [])"}}, ""},
	{"include trigger t1   tr1", Selection{Triggers: []string{"t1 tr1"}}, ""},
	{"include index i", Selection{Indexes: []string{"i"}}, ""},
	{"include table t#1", Selection{Tables: []string{"t"}}, ""},
	{"include table # nothing", Selection{Tables: []string{""}}, ""},
	{`include table "t1"`, Selection{Tables: []string{`"t1"`}}, ""},
	{`include table "a ""b"" #\n\\\x"`, Selection{Tables: []string{`"a ""b"" #` + "\n" + `\"`}}, ""},
	{"include table \"a\nb\"\ninclude table c", Selection{Tables: []string{"\"a\nb\"", "c"}}, ""},
	{"include table \"a\n\nb\"", Selection{Tables: []string{"\"a\n\n\nb\""}}, ""},
	{`include table a b"c"`, Selection{Tables: []string{`a b "c"`}}, ""},
	{`include function f(a, "b")`, Selection{Functions: []string{`f(a,  "b")`}}, ""},

	{"include table a\nfoo table b", Selection{Tables: []string{"a"}}, `line 2: invalid filter command (expected "include" or "exclude")`},
	{"include", Selection{}, "line 1: missing filter object type"},
	{"include tables x", Selection{}, `line 1: unsupported filter object type: "tables"`},
	{"include table", Selection{}, "line 1: missing object name pattern"},
	{"include table \"a\n", Selection{}, "line 1: unexpected end of file"},
	{"\nexclude table x", Selection{}, `line 2: exclude filter for "table" is not allowed`},
	{"exclude function f()", Selection{}, `line 1: exclude filter for "function" is not allowed`},
	{"include table_data_and_children x", Selection{}, `line 1: include filter for "table data and children" is not allowed`},
	{"include table " + strings.Repeat("x", maxFilterLine), Selection{}, "line 1: line too long"},
}

func TestReadFilter(t *testing.T) {
	for _, test := range filterTests {
		var s Selection
		err := s.ReadFilter(strings.NewReader(test.file))
		if !reflect.DeepEqual(s, test.want) {
			t.Errorf("%.80q: got %+v, want %+v", test.file, s, test.want)
		}
		if test.err == "" && err != nil || test.err != "" && (err == nil || !strings.HasSuffix(err.Error(), test.err)) {
			t.Errorf("%.80q: error %v, want %q", test.file, err, test.err)
		}
		if _, ok := errors.AsType[*FilterError](err); err != nil && !ok {
			t.Errorf("%.80q: error is a %T, want a *FilterError", test.file, err)
		}
	}
}

func TestReadFilterFails(t *testing.T) {
	var s Selection
	broken := errors.New("broken")
	if err := s.ReadFilter(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("error %v, want that of the reader", err)
	}
}
