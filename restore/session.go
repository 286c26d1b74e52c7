package restore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"

	"github.com/pgarc/pgarc/script"
	"github.com/pgarc/pgarc/toc"
)

// A session is one connection prepared for restoring, and what the statements
// sent so far have set in it. One goroutine uses it at a time.
type session struct {
	conn       *pgconn.PgConn
	state      script.State
	stdStrings bool   // of the archive, and so of the session
	backend    uint32 // the server process

	noWorkers bool // index builds have no parallel workers

	joins int // how many statements sent ahead share a message

	at *atomic.Pointer[position] // what the server works on, for the keeper; nil: nobody asks
}

// A position is what the server works on.
type position struct {
	step       *Step
	joined     bool        // the first of several in one message: which of them it is, nobody knows
	takenApart atomic.Bool // it was cancelled to be done one by one
}

// worksOn says what the server works on from now on.
func (s *session) worksOn(p *position) {
	if s.at != nil {
		s.at.Store(p)
	}
}

// applicationName is what the server shows of the sessions, unless the user
// has chosen another.
const applicationName = "pgarc restore"

// cancelGrace is how long a cancelled statement may take to end before its
// connection is cut.
const cancelGrace = 5 * time.Second

// connect opens a session: the connection, then the settings that pg_restore
// makes, as far as this server has them.
func connect(ctx context.Context, config *pgconn.Config, t *toc.TOC, opts Options, notice func(string)) (*session, error) {
	config = config.Copy()
	config.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: c, DeadlineDelay: cancelGrace}
	}
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		notice(fmt.Sprintf("%s: %s", strings.ToLower(n.Severity), n.Message))
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = applicationName
	}
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	s := &session{conn: conn, stdStrings: t.StdStrings, joins: joinMost}
	for _, sql := range preamble(t, serverVersion(conn), opts) {
		if err := s.prepare(ctx, sql); err != nil {
			if s.lost() && ctx.Err() == nil {
				err = fmt.Errorf("%w: %w", errCutOff, err)
			}
			s.close()
			return nil, fmt.Errorf("prepare session: %s: %w", strings.TrimSpace(sql), err)
		}
	}
	if s.backend != 0 && conn.PID() != s.backend && !opts.Pooler {
		s.close()
		return nil, ErrPooler
	}
	return s, nil
}

// errCutOff is a connection that was lost as soon as it was made.
var errCutOff = errors.New("connection lost at its beginning")

// ErrPooler says that between here and the server stands something that shares
// out connections. A restore needs its sessions to itself: what one statement
// sets has to hold for the next. What pools whole sessions may do, so this can
// be overruled: see [Options].Pooler.
var ErrPooler = errors.New("a connection pooler answers in place of the server")

// prepare sends a part of the preamble. The process that runs it says its
// number: a pooler gives out numbers of its own when one connects.
func (s *session) prepare(ctx context.Context, sql string) error {
	rows, err := s.query(ctx, sql)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if n, err := strconv.ParseUint(r[0], 10, 32); err == nil && n > 0 {
			s.backend = uint32(n)
		}
	}
	return nil
}

// preamble returns the settings of a restoring session, in pg_restore's order
// (_doSetFixedOutputState in pg_backup_archiver.c), without those the server
// is too old for. Everything but the role goes into one message.
func preamble(t *toc.TOC, version int, opts Options) []string {
	set := []string{"SET statement_timeout = 0", "SET lock_timeout = 0"}
	if version >= 90600 {
		set = append(set, "SET idle_in_transaction_session_timeout = 0")
	}
	if version >= 140000 {
		set = append(set, "SET idle_session_timeout = 0")
	}
	if version >= 170000 {
		set = append(set, "SET transaction_timeout = 0")
	}
	onOff := map[bool]string{true: "on", false: "off"}
	set = append(set,
		"SET client_encoding = "+script.Literal(t.Encoding, true),
		"SET standard_conforming_strings = "+onOff[t.StdStrings],
		"SELECT pg_catalog.set_config('search_path', '', false)",
		"SELECT pg_catalog.pg_backend_pid()",
		"SET check_function_bodies = false",
		"SET xmloption = content",
		"SET client_min_messages = warning")
	if !t.StdStrings {
		set = append(set, "SET escape_string_warning = off")
	}
	if version >= 90500 {
		set = append(set, "SET row_security = "+onOff[opts.EnableRowSecurity])
	}
	list := []string{strings.Join(set, "; ") + ";"}
	if opts.Role != "" {
		list = append(list, "SET ROLE "+script.Ident(opts.Role)+";")
	}
	if t.SearchPath != "" {
		list = append(list, t.SearchPath)
	}
	return list
}

// serverVersion returns the version as the number that server_version_num
// shows (150018), or 0 if the server does not say.
func serverVersion(conn *pgconn.PgConn) int {
	text, _, _ := strings.Cut(conn.ParameterStatus("server_version"), " ")
	parts := strings.SplitN(text, ".", 3)
	major := leadingNumber(parts[0]) // "18beta1" occurs
	minor := 0
	if len(parts) > 1 {
		minor = leadingNumber(parts[1])
	}
	if major >= 10 {
		return major*10000 + minor
	}
	patch := 0
	if len(parts) > 2 {
		patch = leadingNumber(parts[2])
	}
	return major*10000 + minor*100 + patch
}

func leadingNumber(s string) int {
	n := 0
	for _, c := range s {
		if c < '0' || c > '9' {
			break
		}
		n = n*10 + int(c-'0')
	}
	return n
}

// exec sends one query, which may hold several statements, and waits for its
// end.
func (s *session) exec(ctx context.Context, sql string) error {
	_, err := s.conn.Exec(ctx, sql).ReadAll()
	return err
}

// errRolledBack is a COMMIT that committed nothing.
var errRolledBack = errors.New("the server has rolled the transaction back")

// commit ends a transaction. To the COMMIT of one in which something has failed
// the server says ROLLBACK, which is no error to it.
func (s *session) commit(ctx context.Context) error {
	results, err := s.conn.Exec(ctx, "COMMIT").ReadAll()
	if err == nil && len(results) > 0 && results[0].CommandTag.String() == "ROLLBACK" {
		err = errRolledBack
	}
	return err
}

// rollBack ends a transaction that has failed, also if that is because ctx is
// done: what is sent to clean up would be refused in it.
func (s *session) rollBack(ctx context.Context) {
	if ctx.Err() != nil {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), cancelGrace)
		defer cancel()
		ctx = grace
	}
	_ = s.exec(ctx, "ROLLBACK") // of a lost connection nothing is left
}

// query returns the rows of one query as text.
func (s *session) query(ctx context.Context, sql string) ([][]string, error) {
	results, err := s.conn.Exec(ctx, sql).ReadAll()
	if err != nil {
		return nil, err
	}
	var rows [][]string
	for _, r := range results {
		for _, values := range r.Rows {
			row := make([]string, len(values))
			for i, v := range values {
				row[i] = string(v)
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// lost reports whether the connection can no longer be used.
func (s *session) lost() bool { return s.conn.IsClosed() }

func (s *session) close() {
	ctx, cancel := context.WithTimeout(context.Background(), cancelGrace)
	defer cancel()
	_ = s.conn.Close(ctx) // nothing is left that could be lost
}
