package restore

import (
	"testing"

	"github.com/pgarc/pgarc/toc"
)

// TestAlone: the note that a step is done goes into its transaction, so that
// neither is there without the other, but for what the server refuses there.
func TestAlone(t *testing.T) {
	for _, tt := range []struct {
		kind toc.Kind
		sql  string
		want bool
	}{
		{toc.Database, "CREATE DATABASE d WITH TEMPLATE = template0;", true},
		{toc.Subscription, "CREATE SUBSCRIPTION s CONNECTION 'host=a' PUBLICATION p WITH (connect = false, slot_name = 's');", false},
		{toc.Subscription, "CREATE SUBSCRIPTION s CONNECTION 'host=a' PUBLICATION p;", true},
		{toc.Subscription, "ALTER SUBSCRIPTION s OWNER TO r;", false},
		{toc.Table, "CREATE TABLE t ();", false},
		{toc.DefaultACL, "SET SESSION AUTHORIZATION r; GRANT ALL ON t TO u;", true},
	} {
		if got := isAlone(&Step{Entry: &toc.Entry{Kind: tt.kind}}, tt.sql); got != tt.want {
			t.Errorf("%s: %t, want %t", tt.sql, got, tt.want)
		}
	}
}
