package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/spf13/pflag"
)

// appName is what pg_stat_activity shows, unless the user asks for another.
const appName = "pgarc"

// connFlags say which server and database to connect to, with the options
// that every PostgreSQL tool has. There is none for a password: it comes from
// -d, PGPASSWORD, a password file, a service file or the terminal.
type connFlags struct {
	dbname    string // a name, a key=value string or a URL
	host      string // host name, or the directory of a socket
	port      string
	user      string
	neverAsk  bool // -w
	alwaysAsk bool // -W
}

func (c *connFlags) addFlags(fs *pflag.FlagSet) {
	fs.StringVarP(&c.dbname, "dbname", "d", "", "database name, key=value string or URL to connect to")
	fs.StringVarP(&c.host, "host", "h", "", "server host or socket directory")
	fs.StringVarP(&c.port, "port", "p", "", "server port")
	fs.StringVarP(&c.user, "username", "U", "", "user to connect as")
	fs.BoolVarP(&c.neverAsk, "no-password", "w", false, "never ask for a password")
	fs.BoolVarP(&c.alwaysAsk, "password", "W", false, "ask for a password before connecting")
}

// connectionHelp is what the help of commands says of connFlags, and serverHelp
// all of it but -d.
const (
	connectionHelp = `  -d, --dbname DATABASE  a database name, "key=value ..." or postgresql://...;
                         what it says goes before the next three
` + serverHelp
	serverHelp = `  -h, --host HOST        host name, or the directory of a socket
  -p, --port PORT
  -U, --username NAME
  -w, --no-password      never ask for a password
  -W, --password         ask for it first
`
)

// check finds what is wrong with the options by themselves.
func (c *connFlags) check() error {
	switch {
	case c.neverAsk && c.alwaysAsk:
		return usagef("options -w/--no-password and -W/--password cannot be used together")
	case strings.ContainsRune(c.dbname+c.host+c.user, 0):
		return usagef("connection options cannot hold a zero byte")
	}
	for port := range strings.SplitSeq(c.port, ",") {
		if n, err := strconv.ParseUint(port, 10, 16); port != "" && (err != nil || n == 0) {
			return usagef("invalid port %q: must be 1 to 65535", port)
		}
	}
	return nil
}

// config returns how to connect, without asking for a password. Settings come,
// as in libpq, from -d first, then -h -p -U, the service, the PG* variables,
// and the defaults.
func (c *connFlags) config() (*pgconn.Config, error) {
	cfg, err := pgconn.ParseConfig(c.connString())
	if err != nil {
		return nil, c.configError(err)
	}
	if err := takeLibpqParams(cfg); err != nil {
		return nil, err
	}
	return cfg, nil
}

// connString merges -d with -h -p -U into one string for pgconn.
func (c *connFlags) connString() string {
	if isURL(c.dbname) {
		return c.fillURL(c.dbname)
	}
	var b strings.Builder
	for _, o := range c.options() {
		b.WriteString(o.key + "=" + quoteParam(o.value) + " ")
	}
	if strings.Contains(c.dbname, "=") {
		return b.String() + c.dbname // a repeated keyword's last value counts
	}
	if c.dbname != "" {
		b.WriteString("dbname=" + quoteParam(c.dbname))
	}
	return b.String()
}

// isURL reports whether libpq takes -d for a URL. Without one, an equals sign
// makes it a key=value string; anything else is the name of a database
// (recognized_connection_string in fe-connect.c).
func isURL(s string) bool {
	return strings.HasPrefix(s, "postgres://") || strings.HasPrefix(s, "postgresql://")
}

type connOption struct{ key, value string }

// options returns those of -h -p -U that were given.
func (c *connFlags) options() []connOption {
	var list []connOption
	for _, o := range []connOption{{"host", c.host}, {"port", c.port}, {"user", c.user}} {
		if o.value != "" {
			list = append(list, o)
		}
	}
	return list
}

// quoteParam makes one value of a key=value string.
func quoteParam(v string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(v) + "'"
}

// fillURL appends to a URL those options that it leaves open.
func (c *connFlags) fillURL(u string) string {
	sets, separator := urlParams(u)
	for _, o := range c.options() {
		if !sets[o.key] {
			// libpq decodes %xx, but does not take + for a blank.
			u += separator + o.key + "=" + strings.ReplaceAll(url.QueryEscape(o.value), "+", "%20")
			separator = "&"
		}
	}
	return u
}

// urlParams finds the keywords that a connection URL sets, and what has to
// precede another one. It divides the URL as conninfo_uri_parse_options in
// fe-connect.c does, which no general URL parser would: there may be several
// hosts.
func urlParams(u string) (sets map[string]bool, separator string) {
	sets = make(map[string]bool)
	_, rest, _ := strings.Cut(u, "://")
	if i := strings.IndexAny(rest, "@/"); i >= 0 && rest[i] == '@' {
		user, _, _ := strings.Cut(rest[:i], ":")
		sets["user"] = user != ""
		rest = rest[i+1:]
	}
	hosts := rest
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		hosts = rest[:i]
	}
	several := strings.Contains(hosts, ",")
	name, port := hosts, ""
	if i := strings.LastIndexByte(hosts, ':'); i > strings.LastIndexByte(hosts, ']') {
		name, port = hosts[:i], hosts[i+1:]
	}
	sets["host"] = several || name != ""
	sets["port"] = several || port != ""

	_, query, found := strings.Cut(rest, "?")
	if !found {
		return sets, "?"
	}
	for param := range strings.SplitSeq(query, "&") {
		key, _, _ := strings.Cut(param, "=")
		if key, err := url.PathUnescape(key); err == nil {
			sets[key] = true
		}
	}
	if query == "" {
		return sets, ""
	}
	return sets, "&"
}

// configError words what pgconn says of a connection string, without the
// string: it may hold a password, and where it is malformed nobody can say
// where in it.
func (c *connFlags) configError(err error) error {
	parse := new(pgconn.ParseConfigError)
	if !errors.As(err, &parse) {
		return errors.New("connection options cannot be understood")
	}
	parse.ConnString = ""
	message := strings.TrimPrefix(parse.Error(), "cannot parse ``: ")
	switch {
	case strings.HasPrefix(message, "failed to parse as URL"):
		return &usageError{"-d is not a valid connection URL",
			"the form is postgresql://user:password@host:port/database?name=value; write special characters as %xx"}
	case strings.HasPrefix(message, "failed to parse as keyword/value"):
		return &usageError{"-d is not a valid connection string",
			"the form is \"host=… user=… dbname=…\"; values with blanks need single quotes, 'as here'"}
	case strings.HasPrefix(message, "invalid port"):
		return usagef("the connection options hold an invalid port")
	}
	return usagef("connection options: %s", message)
}

// The keywords of libpq that pgconn does not know, and so would send to the
// server as settings. Some change nothing here; to ignore others would make a
// connection less safe than was asked for, or take it elsewhere.
var (
	idleParams = []string{"fallback_application_name", "client_encoding", "keepalives", "keepalives_idle",
		"keepalives_interval", "keepalives_count", "tcp_user_timeout", "gssdelegation", "gsslib", "sslcompression",
		"sslkeylogfile", "load_balance_hosts", "requiressl"}
	missingParams = []string{"hostaddr", "requirepeer", "sslcrl", "sslcrldir", "ssl_min_protocol_version",
		"ssl_max_protocol_version", "scram_client_key", "scram_server_key", "oauth_issuer", "replication"}
)

// takeLibpqParams removes keywords that are libpq's own from the settings for
// the server, and sets the application's name.
func takeLibpqParams(cfg *pgconn.Config) error {
	params := cfg.RuntimeParams
	for _, key := range missingParams {
		if params[key] != "" {
			return usagef("connection parameter %s is not supported", key)
		}
		delete(params, key)
	}
	if params["gssencmode"] == "require" {
		return usagef("connection parameter gssencmode=require is not supported")
	}
	delete(params, "gssencmode")
	if params["application_name"] == "" {
		params["application_name"] = appName
		if name := params["fallback_application_name"]; name != "" {
			params["application_name"] = name
		}
	}
	for _, key := range idleParams {
		delete(params, key)
	}
	return nil
}

// A connectError is a connection that could not be made, told in few words.
type connectError struct {
	cfg *pgconn.Config
	err error
}

// Error says where to and as whom, and each different reason once: pgconn
// tries a server again without TLS, or at its next address, and reports all.
func (e *connectError) Error() string {
	var reasons []string
	seen := make(map[string]bool)
	for _, err := range leaves(e.err) {
		if text := connectReason(err); !seen[text] {
			seen[text] = true
			reasons = append(reasons, text)
		}
	}
	return fmt.Sprintf("cannot connect to %s: %s", describeTarget(e.cfg), strings.Join(reasons, "; "))
}

func (e *connectError) Unwrap() error { return e.err }

// leaves returns the errors that were joined into one.
func leaves(err error) []error {
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) {
		err = connect.Unwrap()
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var list []error
	for _, e := range joined.Unwrap() {
		list = append(list, leaves(e)...)
	}
	return list
}

// connectReason is what stopped one attempt.
func connectReason(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return fmt.Sprintf("%s (SQLSTATE %s)", pg.Message, pg.Code)
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Addr != nil {
		var sys *os.SyscallError
		if errors.As(op.Err, &sys) {
			return fmt.Sprintf("%s: %s", op.Addr, sys.Err)
		}
		return fmt.Sprintf("%s: %s", op.Addr, op.Err)
	}
	return err.Error()
}

// describeTarget names a database and its server.
func describeTarget(cfg *pgconn.Config) string {
	name := cfg.Database
	if name == "" {
		name = cfg.User // the server's own rule
	}
	return fmt.Sprintf("database %q on %s port %d as user %q", name, cfg.Host, cfg.Port, cfg.User)
}

// asConnectError shortens an error of connecting; others it returns as they
// are.
func asConnectError(err error) error {
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) && connect.Config != nil {
		return &connectError{connect.Config, connect}
	}
	return err
}
