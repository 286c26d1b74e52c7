package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/spf13/pflag"
)

// cleanPGEnv removes all that libpq would read from the environment, and sets
// the rest.
func cleanPGEnv(t *testing.T, set map[string]string) {
	t.Helper()
	for _, setting := range os.Environ() {
		name, value, _ := strings.Cut(setting, "=")
		if strings.HasPrefix(name, "PG") && !strings.HasPrefix(name, "PGARC") {
			t.Setenv(name, value) // has it restored
			os.Unsetenv(name)
		}
	}
	t.Setenv("HOME", t.TempDir())
	for name, value := range set {
		t.Setenv(name, value)
	}
}

func parseConn(t *testing.T, args ...string) *connFlags {
	t.Helper()
	var c connFlags
	fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
	c.addFlags(fs)
	if err := fs.Parse(args); err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	return &c
}

// target is a config in the order host, port, user, database, password.
func target(cfg *pgconn.Config) [5]string {
	return [5]string{cfg.Host, portString(cfg), cfg.User, cfg.Database, cfg.Password}
}

func portString(cfg *pgconn.Config) string {
	_, address := pgconn.NetworkAddress("h", cfg.Port)
	return strings.TrimPrefix(address, "h:")
}

// What libpq's documentation says of where parameters come from ("Parameter
// Key Words", "Environment Variables"), and pg_restore's of -d.
func TestConnConfig(t *testing.T) {
	dir := t.TempDir()
	service := filepath.Join(dir, "service.conf")
	passfile := filepath.Join(dir, "pgpass")
	write(t, service, "[prod]\nhost=service.example\nport=7777\nuser=service_user\ndbname=service_db\n")
	write(t, passfile, "h.example:5432:my db:me:from passfile\n")

	all := map[string]string{"PGHOST": "env.example", "PGPORT": "6666", "PGUSER": "env_user", "PGDATABASE": "env_db", "PGPASSWORD": "env_pw"}
	tests := []struct {
		name string
		env  map[string]string
		args []string
		want [5]string // host, port, user, database, password
	}{
		{"environment alone", all, nil, [5]string{"env.example", "6666", "env_user", "env_db", "env_pw"}},
		{"options before environment", all, []string{"-h", "o.example", "-p", "1", "-U", "opt", "-d", "db"},
			[5]string{"o.example", "1", "opt", "db", "env_pw"}},
		{"key=value before options", all, []string{"-h", "o.example", "-p", "1", "-U", "opt", "-d", "host=kv.example port=2 user=kv dbname=kvdb password='p w'"},
			[5]string{"kv.example", "2", "kv", "kvdb", "p w"}},
		{"key=value in part", all, []string{"-h", "o.example", "-p", "1", "-U", "opt", "-d", "dbname=kvdb"},
			[5]string{"o.example", "1", "opt", "kvdb", "env_pw"}},
		{"last of repeated keys", all, []string{"-d", "dbname=a dbname=b"}, [5]string{"env.example", "6666", "env_user", "b", "env_pw"}},
		{"URL before options", all, []string{"-h", "o.example", "-p", "1", "-U", "opt", "-d", "postgresql://u:p%40ss@url.example:3/urldb"},
			[5]string{"url.example", "3", "u", "urldb", "p@ss"}},
		{"URL in part", all, []string{"-h", "o.example", "-p", "1", "-U", "o pt&?", "-d", "postgres:///urldb"},
			[5]string{"o.example", "1", "o pt&?", "urldb", "env_pw"}},
		{"URL with a query, in part", all, []string{"-h", "o.example", "-p", "1", "-U", "opt", "-d", "postgres:///urldb?port=9&sslmode=disable"},
			[5]string{"o.example", "9", "opt", "urldb", "env_pw"}},
		{"URL with an empty query", all, []string{"-U", "opt", "-d", "postgres://url.example/urldb?"},
			[5]string{"url.example", "6666", "opt", "urldb", "env_pw"}},
		{"URL with a coded key", all, []string{"-h", "o.example", "-d", "postgres:///db?%68ost=q.example"},
			[5]string{"q.example", "6666", "env_user", "db", "env_pw"}},
		{"URL without a path", all, []string{"-U", "opt", "-d", "postgres://url.example"},
			[5]string{"url.example", "6666", "opt", "env_db", "env_pw"}},
		{"URL of an IPv6 address", all, []string{"-h", "o.example", "-p", "1", "-d", "postgres://[::1]/db"},
			[5]string{"::1", "1", "env_user", "db", "env_pw"}},
		{"URL with port alone", all, []string{"-h", "o.example", "-p", "1", "-d", "postgres://:8/db"},
			[5]string{"o.example", "8", "env_user", "db", "env_pw"}},
		{"URL with a question mark in the user", all, []string{"-h", "o.example", "-U", "opt", "-d", "postgres://a?b@/db"},
			[5]string{"o.example", "6666", "a?b", "db", "env_pw"}},
		{"URL with user of no name", all, []string{"-U", "opt", "-d", "postgres://:secret@url.example/db"},
			[5]string{"url.example", "6666", "opt", "db", "secret"}},
		{"socket directory", all, []string{"-h", "/var/run/my sockets", "-d", "x"}, [5]string{"/var/run/my sockets", "6666", "env_user", "x", "env_pw"}},
		{"odd name", all, []string{"-d", `it's a "\ db; ☃`}, [5]string{"env.example", "6666", "env_user", `it's a "\ db; ☃`, "env_pw"}},
		{"name like a URL of something else", all, []string{"-d", "http://x"}, [5]string{"env.example", "6666", "env_user", "http://x", "env_pw"}},
		{"odd user", all, []string{"-U", `o'ne\`, "-d", "x"}, [5]string{"env.example", "6666", `o'ne\`, "x", "env_pw"}},
		{"password file", map[string]string{"PGPASSFILE": passfile}, []string{"-h", "h.example", "-U", "me", "-d", "my db"},
			[5]string{"h.example", "5432", "me", "my db", "from passfile"}},
		{"service", map[string]string{"PGSERVICEFILE": service, "PGHOST": "env.example"}, []string{"-d", "service=prod"},
			[5]string{"service.example", "7777", "service_user", "service_db", ""}},
		{"options before service", map[string]string{"PGSERVICEFILE": service, "PGSERVICE": "prod"}, []string{"-h", "o.example", "-d", "mine"},
			[5]string{"o.example", "7777", "service_user", "mine", ""}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cleanPGEnv(t, tt.env)
			c := parseConn(t, tt.args...)
			cfg, err := c.config()
			if err != nil {
				t.Fatalf("%q: %v", tt.args, err)
			}
			if got := target(cfg); got != tt.want {
				t.Errorf("%q:\n got %q\nwant %q", tt.args, got, tt.want)
			}
		})
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestConnSeveralHosts(t *testing.T) {
	cleanPGEnv(t, nil)
	cfg, err := parseConn(t, "-h", "o.example", "-p", "1", "-U", "me", "-d", "postgres://a.example,b.example:9/db?sslmode=disable").config()
	if err != nil {
		t.Fatal(err)
	}
	if len(cfg.Fallbacks) != 1 || cfg.Host != "a.example" || cfg.Port != 5432 || cfg.Fallbacks[0].Host != "b.example" || cfg.Fallbacks[0].Port != 9 {
		t.Errorf("got %s:%d and %+v, want a.example:5432 and b.example:9", cfg.Host, cfg.Port, cfg.Fallbacks)
	}
}

func TestConnSettings(t *testing.T) {
	cleanPGEnv(t, nil)
	tests := []struct{ conninfo, name, settings string }{
		{"dbname=x", appName, ""},
		{"dbname=x application_name=mine", "mine", ""},
		{"dbname=x fallback_application_name=theirs", "theirs", ""},
		{"dbname=x keepalives=1 keepalives_idle=30 gssencmode=disable client_encoding=auto", appName, ""},
		{"dbname=x options='-c geqo=off'", appName, "options=-c geqo=off"},
	}
	for _, tt := range tests {
		cfg, err := parseConn(t, "-d", tt.conninfo).config()
		if err != nil {
			t.Errorf("%s: %v", tt.conninfo, err)
			continue
		}
		var other []string
		for k, v := range cfg.RuntimeParams {
			if k != "application_name" {
				other = append(other, k+"="+v)
			}
		}
		if got := cfg.RuntimeParams["application_name"]; got != tt.name || strings.Join(other, " ") != tt.settings {
			t.Errorf("%s: application_name %q, other settings %q; want %q and %q", tt.conninfo, got, other, tt.name, tt.settings)
		}
	}
}

// Errors name the mistake and never the password.
func TestConnErrors(t *testing.T) {
	cleanPGEnv(t, nil)
	tests := []struct {
		args []string
		want string
	}{
		{[]string{"-w", "-W", "-d", "x"}, "options -w/--no-password and -W/--password cannot be used together"},
		{[]string{"-p", "none", "-d", "x"}, `invalid port "none"`},
		{[]string{"-p", "70000", "-d", "x"}, `invalid port "70000"`},
		{[]string{"-d", "password=my sesame host=x"}, "not a valid connection string"},
		{[]string{"-d", "password='sesame"}, "not a valid connection string"},
		{[]string{"-d", "postgres://u:ses%ame@h/db"}, "not a valid connection URL"},
		{[]string{"-d", "postgres://u:12:sesame@h:99999999/db"}, "invalid port"},
		{[]string{"-d", "postgres://u:p/sesame@h/db"}, "invalid port"},
		{[]string{"-d", "host=h dbname=x password=sesame sslmode=maybe"}, "sslmode is invalid"},
		{[]string{"-d", "dbname=x password=sesame service=none"}, "service"},
		{[]string{"-d", "dbname=x password=sesame hostaddr=10.0.0.1"}, "connection parameter hostaddr is not supported"},
		{[]string{"-d", "dbname=x password=sesame gssencmode=require"}, "gssencmode=require is not supported"},
	}
	for _, tt := range tests {
		c := parseConn(t, tt.args...)
		err := c.check()
		if err == nil {
			_, err = c.config()
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: got error %v, want %q", tt.args, err, tt.want)
			continue
		}
		text := err.Error() + strings.Join(hints(err), " ")
		if strings.Contains(text, "sesame") || strings.Contains(text, "ame@") {
			t.Errorf("%q: the password is in %q", tt.args, text)
		}
		if exitCode(err) != exitUsage {
			t.Errorf("%q: exit status %d, want %d", tt.args, exitCode(err), exitUsage)
		}
	}
}

// pgconn tries with TLS and without, and says everything twice.
func TestConnectErrorSaysItOnce(t *testing.T) {
	cleanPGEnv(t, nil)
	cfg, err := parseConn(t, "-h", "127.0.0.1", "-p", "1", "-U", "me", "-d", "dbname=db password=sesame").config()
	if err != nil {
		t.Fatal(err)
	}
	_, err = pgconn.ConnectConfig(t.Context(), cfg)
	got := asConnectError(err).Error()
	if want := `cannot connect to database "db" on 127.0.0.1 port 1 as user "me": `; !strings.HasPrefix(got, want) {
		t.Errorf("got %q, want it to begin with %q", got, want)
	}
	if n := strings.Count(got, "connection refused"); n != 1 || strings.Contains(got, "sesame") {
		t.Errorf("got %q, want one \"connection refused\" and no password", got)
	}
	if len(hints(asConnectError(err))) == 0 {
		t.Errorf("no hint for %q", got)
	}
	var connect *pgconn.ConnectError
	if !errors.As(asConnectError(err), &connect) {
		t.Error("the ConnectError is lost")
	}
}
