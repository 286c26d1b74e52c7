package main

import (
	"strings"
	"testing"

	"github.com/pgarc/pgarc/toc"
)

func TestWithoutSecrets(t *testing.T) {
	for _, tt := range []struct {
		kind toc.Kind
		sql  string
	}{
		{"USER MAPPING", "CREATE USER MAPPING FOR a SERVER s OPTIONS (\n    password 'hush''hush',\n    \"user\" 'b'\n);\n"},
		{"USER MAPPING", `CREATE USER MAPPING FOR a SERVER s OPTIONS (PASSWORD E'hush\'hush', "user" 'b');`},
		{toc.Subscription, "CREATE SUBSCRIPTION s CONNECTION 'host=h password=hush user=b' PUBLICATION p;"},
		{toc.Subscription, "CREATE SUBSCRIPTION s CONNECTION 'host=h password=''hush hush'' user=b' PUBLICATION p;"},
		{toc.Subscription, "CREATE SUBSCRIPTION s CONNECTION 'postgres://b:hush@h/db' PUBLICATION p;"},
	} {
		got := withoutSecrets(tt.kind, tt.sql)
		if strings.Contains(got, "hush") || !strings.Contains(got, "b") || !strings.Contains(got, "********") || !strings.HasSuffix(strings.TrimSpace(got), ";") {
			t.Errorf("%s becomes\n%s", tt.sql, got)
		}
	}
	sql := "CREATE FUNCTION f() AS 'password ''x''';"
	if got := withoutSecrets(toc.Function, sql); got != sql {
		t.Errorf("a function becomes %s", got)
	}
}
