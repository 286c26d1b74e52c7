package restore

import (
	"errors"
	"io"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/toc"
)

func TestClass(t *testing.T) {
	for _, tt := range []struct {
		name     string
		kind     toc.Kind
		tag, sql string
		role     Role
		action   Action
		code     string
		message  string
		want     Class
		harmless bool
	}{
		{"SET of a newer server", toc.Table, "t", "SET some_future_setting = 'x';", RoleAlter, ActionCreate, "42704", "unbekannter Konfigurationsparameter", ClassSetting, true},
		{"ALTER DATABASE SET", toc.DatabaseProperties, "d", "ALTER DATABASE d SET transaction_timeout TO '0';", RoleAlter, ActionCreate, "42704", `unrecognized configuration parameter "transaction_timeout"`, ClassSetting, true},
		{"ALTER ROLE IN DATABASE SET, no role", toc.DatabaseProperties, "d", "ALTER ROLE r IN DATABASE d SET work_mem TO '1MB';", RoleAlter, ActionCreate, "42704", `role "r" does not exist`, ClassOwnership, false},
		{"function with SET", toc.Function, "f()", "CREATE FUNCTION f() … SET new_one TO 'x'", RoleCreate, ActionCreate, "42704", `unrecognized configuration parameter "new_one"`, ClassSetting, false},
		{"tablespace", toc.Table, "t", "SET default_tablespace = gone;", RoleAlter, ActionCreate, "22023", `invalid value for parameter "default_tablespace": "gone"`, ClassOther, false},

		{"no privilege", toc.Table, "t", "CREATE TABLE public.t ();", RoleCreate, ActionCreate, "42501", "permission denied for schema public", ClassPrivilege, false},
		{"superuser", toc.Function, "f()", "CREATE FUNCTION", RoleCreate, ActionCreate, "42501", "must be superuser to do that", ClassPrivilege, false},
		{"grant", toc.ACL, "TABLE t", "GRANT SELECT ON TABLE public.t TO x;", RoleCreate, ActionCreate, "42501", "permission denied for table t", ClassPrivilege, false},

		{"owner missing", toc.Table, "t", "ALTER TABLE public.t OWNER TO gone;\n\n", RoleAlter, ActionCreate, "42704", `Rolle »gone« existiert nicht`, ClassOwnership, false},
		{"owner not mine", toc.Table, "t", "ALTER TABLE public.t OWNER TO other;", RoleAlter, ActionCreate, "42501", `must be able to SET ROLE "other"`, ClassOwnership, false},
		{"owner of schema", toc.Schema, "public", "ALTER SCHEMA public OWNER TO other;", RoleAlter, ActionCreate, "42501", "must be owner of schema public", ClassOwnership, false},
		{"schema authorization", toc.Schema, "s", "CREATE SCHEMA s AUTHORIZATION gone;", RoleCreate, ActionCreate, "42704", "x", ClassOwnership, false},
		{"grant to a missing role", toc.ACL, "TABLE t", "GRANT SELECT ON TABLE public.t TO gone;", RoleCreate, ActionCreate, "42704", `role "gone" does not exist`, ClassOwnership, false},
		{"policy for a missing role", toc.Policy, "t p", "CREATE POLICY p ON public.t TO gone;", RoleCreate, ActionCreate, "42704", `role "gone" does not exist`, ClassOwnership, false},
		{"comment on another's", toc.Comment, "TABLE t", "COMMENT ON TABLE public.t IS 'x';", RoleCreate, ActionCreate, "42501", "must be owner of table t", ClassOwnership, false},
		{"session authorization", toc.Table, "t", "SET SESSION AUTHORIZATION 'x';", RoleAlter, ActionCreate, "42704", "x", ClassOwnership, false},

		{"table exists", toc.Table, "t", "CREATE TABLE", RoleCreate, ActionCreate, "42P07", "x", ClassExists, false},
		{"schema public", toc.Schema, "public", "CREATE SCHEMA public;", RoleCreate, ActionCreate, "42P06", "x", ClassExists, true},
		{"schema exists", toc.Schema, "app", "CREATE SCHEMA app;", RoleCreate, ActionCreate, "42P06", "x", ClassExists, false},
		{"plpgsql", toc.Extension, "plpgsql", "CREATE EXTENSION plpgsql", RoleCreate, ActionCreate, "42710", "x", ClassExists, true},
		{"language plpgsql", "PROCEDURAL LANGUAGE", "plpgsql", "CREATE PROCEDURAL LANGUAGE plpgsql;", RoleCreate, ActionCreate, "42710", "x", ClassExists, true},
		{"comment on plpgsql", toc.Comment, "EXTENSION plpgsql", "COMMENT ON EXTENSION plpgsql IS 'x';", RoleCreate, ActionCreate, "42501", "must be owner of extension plpgsql", ClassExists, true},
		{"comment on public", toc.Comment, "SCHEMA public", "COMMENT ON SCHEMA public IS 'standard public schema';", RoleCreate, ActionCreate, "42501", "must be owner of schema public", ClassExists, true},
		{"other comment on public", toc.Comment, "SCHEMA public", "COMMENT ON SCHEMA public IS 'ours';", RoleCreate, ActionCreate, "42501", "must be owner of schema public", ClassOwnership, false},
		{"create plpgsql not allowed", toc.Extension, "hstore", "CREATE EXTENSION", RoleCreate, ActionCreate, "42501", "permission denied to create extension", ClassPrivilege, false},

		{"no extension", toc.Extension, "postgis", "CREATE EXTENSION", RoleCreate, ActionCreate, "0A000", `extension "postgis" is not available`, ClassExtension, false},
		{"no extension, before 13", toc.Extension, "postgis", "CREATE EXTENSION", RoleCreate, ActionCreate, "58P01", "could not open extension control file", ClassExtension, false},
		{"comment on a missing one", toc.Comment, "EXTENSION postgis", "COMMENT ON EXTENSION", RoleCreate, ActionCreate, "42704", "x", ClassExtension, false},
		{"library", toc.Function, "f()", "CREATE FUNCTION", RoleCreate, ActionCreate, "58P01", "could not access file", ClassExtension, false},

		{"no table", toc.View, "v", "CREATE VIEW", RoleCreate, ActionCreate, "42P01", "x", ClassDependency, false},
		{"no type", toc.Table, "t", "CREATE TABLE", RoleCreate, ActionCreate, "42704", `type "public.geometry" does not exist`, ClassDependency, false},
		{"drop of what is not there", toc.Table, "t", "DROP TABLE public.t;", RoleDrop, ActionDrop, "42P01", "x", ClassAbsent, false},
		{"drop of what is needed", toc.Table, "t", "DROP TABLE public.t;", RoleDrop, ActionDrop, "2BP01", "x", ClassDependency, false},
		{"drop of another's plpgsql", toc.Extension, "plpgsql", "DROP EXTENSION plpgsql;", RoleDrop, ActionDrop, "42501", "must be owner of extension plpgsql", ClassExists, true},

		{"foreign key", toc.FKConstraint, "t k", "ALTER TABLE … VALIDATE", RoleAlter, ActionValidate, "23503", "x", ClassConstraint, false},
		{"unique", toc.Index, "i", "CREATE UNIQUE INDEX", RoleCreate, ActionCreate, "23505", "x", ClassConstraint, false},
		{"check, of rows", toc.TableData, "t", "COPY", RoleLoad, ActionCopy, "23514", "x", ClassData, false},
		{"bad rows", toc.TableData, "t", "COPY", RoleLoad, ActionCopy, "22P02", "x", ClassData, false},
		{"a trigger refuses", toc.TableData, "t", "COPY", RoleLoad, ActionCopy, "P0001", "x", ClassData, false},
		{"new syntax", toc.Table, "t", "CREATE TABLE", RoleCreate, ActionCreate, "42601", "x", ClassUnsupported, false},

		{"terminated", toc.Index, "i", "CREATE INDEX", RoleCreate, ActionCreate, "57P01", "x", ClassConnection, false},
		{"cancelled", toc.Index, "i", "CREATE INDEX", RoleCreate, ActionCreate, "57014", "x", ClassCancelled, false},
		{"deadlock", toc.Index, "i", "CREATE INDEX", RoleCreate, ActionCreate, "40P01", "x", ClassLock, false},
		{"disk full", toc.TableData, "t", "COPY", RoleLoad, ActionCopy, "53100", "x", ClassSpace, false},
		{"no memory, extension", toc.Extension, "e", "CREATE EXTENSION", RoleCreate, ActionCreate, "53200", "x", ClassSpace, false},
		{"internal", toc.Extension, "plpgsql", "CREATE EXTENSION", RoleCreate, ActionCreate, "XX000", "x", ClassInternal, false},
		{"no such code", toc.Table, "t", "CREATE TABLE", RoleCreate, ActionCreate, "", "x", ClassOther, false},
	} {
		e := &StepError{Step: &Step{Entry: &toc.Entry{Kind: tt.kind, Tag: tt.tag, Defn: tt.sql}, Action: tt.action}, SQL: tt.sql, Role: tt.role,
			Err: &pgconn.PgError{Code: tt.code, Message: tt.message}}
		if got := e.Class(); got != tt.want || e.Harmless() != tt.harmless {
			t.Errorf("%s: %s, harmless %t; want %s, %t", tt.name, got, e.Harmless(), tt.want, tt.harmless)
		}
	}
}

func TestClassWithoutServer(t *testing.T) {
	step := &Step{Entry: &toc.Entry{Kind: toc.TableData}, Action: ActionCopy}
	for _, tt := range []struct {
		sql  string
		err  error
		want Class
	}{
		{"", archive.ErrTruncated, ClassArchive},
		{"", ErrNoEndMarker, ClassArchive},
		{"", errors.New("read /mnt/x: input/output error"), ClassArchive},
		{"", errConnectionLost, ClassConnection},
		{"COPY", io.ErrUnexpectedEOF, ClassConnection},
	} {
		if got := (&StepError{Step: step, SQL: tt.sql, Err: tt.err}).Class(); got != tt.want {
			t.Errorf("%q, %v: %s, want %s", tt.sql, tt.err, got, tt.want)
		}
	}
}

func TestClassNames(t *testing.T) {
	for c := range classes {
		if got, err := ParseClass(c.String()); got != c || err != nil {
			t.Errorf("class %d is called %q, which is read as %d, %v", c, c, got, err)
		}
	}
	if _, err := ParseClass("ownerships"); err == nil {
		t.Error("a class that is none was read")
	}
}

// owner, exists and lost are failures of one step.
func failureOf(role Role, code, sql string) *StepError {
	return &StepError{Step: &Step{Entry: &toc.Entry{Kind: toc.Table, Tag: "t"}}, Role: role, SQL: sql,
		Exists: role == RoleCreate && code == "42P07", Err: &pgconn.PgError{Code: code}}
}

// TestForemost: of several failures of a step the one that counts comes first,
// and decides.
func TestForemost(t *testing.T) {
	setting := failureOf(RoleAlter, "42704", "SET a = b;")
	owner := failureOf(RoleAlter, "42501", "ALTER TABLE t OWNER TO x;")
	exists := failureOf(RoleCreate, "42P07", "CREATE TABLE t ();")
	lost := failureOf(RoleCreate, "42704", "CREATE TABLE t (a b);")
	for _, tt := range []struct {
		name    string
		policy  Policy
		list    []*StepError
		first   *StepError
		ignored bool
		there   bool
	}{
		{"harmless alone", Policy{}, []*StepError{setting}, setting, true, true},
		{"harmless, strict", Policy{Strict: true}, []*StepError{setting}, setting, false, true},
		{"harmless first", Policy{}, []*StepError{setting, owner}, owner, false, true},
		{"owner ignored", Policy{Ignore: []Class{ClassOwnership}}, []*StepError{setting, owner}, setting, true, true},
		{"not made", Policy{}, []*StepError{setting, lost}, lost, false, false},
		{"not made, all ignored", Policy{Ignore: []Class{ClassDependency}}, []*StepError{setting, lost}, lost, true, false},
		{"exists, owner", Policy{Ignore: []Class{ClassExists}}, []*StepError{exists, owner}, owner, false, true},
	} {
		e := *tt.list[0]
		e.Also = tt.list[1:]
		o := &Options{Policy: tt.policy}
		first := o.foremost(&e)
		if first.SQL != tt.first.SQL || o.ignores(first) != tt.ignored || first.isThere() != tt.there || len(first.Also) != len(tt.list)-1 {
			t.Errorf("%s: first %q, ignored %t, there %t, %d more; want %q, %t, %t", tt.name, first.SQL, o.ignores(first), first.isThere(), len(first.Also), tt.first.SQL, tt.ignored, tt.there)
		}
	}
	if o := (&Options{SingleTransaction: true}); o.ignores(setting) {
		t.Error("in a single transaction a failure was ignored, after which the server takes nothing more")
	}
}
