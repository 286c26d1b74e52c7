package restore_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/internal/pgscratch"
	"github.com/pgarc/pgarc/internal/pgscratch/scratchtest"
	"github.com/pgarc/pgarc/restore"
)

// lossyConn loses its connection, after lose was called, instead of reading the
// answer to the first statement with these words.
type lossyConn struct {
	net.Conn
	words []byte
	sent  *atomic.Int32 // 1: sent; 2: lost
	lose  func()
}

func (c *lossyConn) Write(b []byte) (int, error) {
	if bytes.Contains(b, c.words) {
		c.sent.CompareAndSwap(0, 1)
	}
	return c.Conn.Write(b)
}

func (c *lossyConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.sent.CompareAndSwap(1, 2) {
		c.lose()
		c.Conn.Close()
		return 0, io.ErrUnexpectedEOF
	}
	return n, err
}

// TestLostAtTheEnd: a connection is lost while the journal is dropped. If the
// server has crashed over it, the rows of unlogged tables are loaded again; and
// if not, nothing is loaded twice.
func TestLostAtTheEnd(t *testing.T) {
	shared := server(t)
	path := dumped(t, shared, `
		CREATE UNLOGGED TABLE public.u (id serial PRIMARY KEY, a int);
		CREATE TABLE public.l (id int PRIMARY KEY, u int REFERENCES public.l);
		CREATE UNLOGGED TABLE public.v (id int PRIMARY KEY REFERENCES public.u, a int);
		CREATE INDEX ON public.u (a);
		INSERT INTO public.u SELECT i, i FROM generate_series(1, 20) i;
		INSERT INTO public.l SELECT i, i FROM generate_series(1, 20) i;
		INSERT INTO public.v SELECT i, i FROM generate_series(1, 20) i;
		SELECT setval('public.u_id_seq', 20);`)
	for _, crash := range []bool{true, false} {
		t.Run(map[bool]string{true: "crash", false: "network"}[crash], func(t *testing.T) {
			s := shared
			if crash {
				s = lazyServer(t)
			}
			r, db := restoreLossy(t, s, path, func() {
				if crash {
					if err := s.Crash(context.Background(), syscall.SIGQUIT, 0); err != nil {
						t.Error(err)
					}
				}
			})
			expectNoFailures(t, r)
			const query = `SELECT (SELECT count(*) FROM public.u), (SELECT count(*) FROM public.l), (SELECT count(*) FROM public.v),
				nextval('public.u_id_seq'), (SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated), to_regnamespace('pgarc_journal') IS NULL`
			if got := strings.TrimSpace(psql(t, s, db, query)); got != "20|20|20|21|2|t" {
				t.Errorf("rows of u, l and v, the next id, foreign keys, the journal is gone: %s; want 20|20|20|21|2|t", got)
			}
		})
	}
}

// restoreLossy restores over connections of which the one that drops the journal
// is lost once that is done.
func restoreLossy(t *testing.T, s *pgscratch.Server, path string, lose func()) (*restore.Result, string) {
	t.Helper()
	a, err := archive.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	db := scratchtest.Database(t, s)
	c := config(t, s, db)
	dial, sent := c.DialFunc, new(atomic.Int32)
	c.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		return &lossyConn{conn, []byte("DROP SCHEMA pgarc_journal CASCADE"), sent, lose}, err
	}
	r, err := restore.Run(t.Context(), a, c, restore.Options{Jobs: 2})
	if err != nil {
		t.Fatal(err)
	}
	if sent.Load() != 2 {
		t.Fatal("no connection was lost: this proves nothing")
	}
	return r, db
}
