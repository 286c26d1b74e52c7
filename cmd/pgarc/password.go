package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/term"
)

// errNoTerminal says that there is nobody to ask.
var errNoTerminal = errors.New("no terminal to ask for a password on")

// connect returns how to connect, with the password that the user typed, if
// one has to be asked for. All later connections use it.
func (c *connFlags) connect(ctx context.Context, env *env) (*pgconn.Config, error) {
	cfg, err := c.config()
	if err != nil {
		return nil, err
	}
	ask := c.alwaysAsk
	if !ask && !c.neverAsk && cfg.Password == "" && env.stderrTTY {
		if ask, err = wantsPassword(ctx, cfg); err != nil {
			return nil, err
		}
	}
	if ask {
		cfg.Password, err = askPassword(ctx, env.stderr, cfg.User)
	}
	return cfg, err
}

// wantsPassword tries to connect without a password, and reports whether the
// server refused for the want of one. Servers do not say that; they say that
// the password is wrong.
func wantsPassword(ctx context.Context, cfg *pgconn.Config) (bool, error) {
	conn, err := pgconn.ConnectConfig(ctx, cfg)
	if err == nil {
		closeCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		conn.Close(closeCtx)
		return false, nil
	}
	if isPasswordRefusal(err) {
		return true, nil
	}
	return false, asConnectError(err)
}

// isPasswordRefusal reports whether the server did not accept the password.
func isPasswordRefusal(err error) bool {
	const invalidPassword = "28P01"
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == invalidPassword
}

// askPassword prompts on w and reads from the terminal, without an echo, until
// ctx ends. It does not read stdin: that may be the archive.
func askPassword(ctx context.Context, w io.Writer, user string) (string, error) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return "", errNoTerminal
	}
	defer tty.Close()
	before, err := term.GetState(int(tty.Fd()))
	if err != nil {
		return "", errNoTerminal
	}
	fmt.Fprintf(w, "Password for user %s: ", visible(user))
	defer fmt.Fprintln(w)

	type answer struct {
		password []byte
		err      error
	}
	answered := make(chan answer, 1)
	go func() {
		password, err := term.ReadPassword(int(tty.Fd()))
		answered <- answer{password, err}
	}()
	select {
	case a := <-answered:
		if a.err != nil {
			return "", fmt.Errorf("reading the password: %w", a.err)
		}
		return string(a.password), nil
	case <-ctx.Done():
		// The reader is stuck until the process ends; the echo must be back before.
		return "", errors.Join(ctx.Err(), term.Restore(int(tty.Fd()), before))
	}
}
