//go:build linux || darwin

package torture

import (
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgarc/pgarc/internal/pgscratch"
)

// A proxy stands between pgarc and a server: the network.
type proxy struct {
	listener net.Listener
	target   string // the server's socket

	mu    sync.Mutex
	held  bool
	moved *sync.Cond
	conns map[net.Conn]bool // the clients'
}

func newProxy(t *testing.T, s *pgscratch.Server) *proxy {
	t.Helper()
	config, err := pgconn.ParseConfig(s.ConnString("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, target: filepath.Join(config.Host, ".s.PGSQL.5432"), conns: make(map[net.Conn]bool)}
	p.moved = sync.NewCond(&p.mu)
	go p.serve()
	t.Cleanup(func() {
		l.Close()
		p.hold(false)
		p.drop()
	})
	return p
}

func (p *proxy) connString(database string) string {
	host, port, _ := strings.Cut(p.listener.Addr().String(), ":")
	return "host=" + host + " port=" + port + " user=postgres sslmode=disable dbname=" + database
}

func (p *proxy) serve() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("unix", p.target)
		if err != nil {
			client.Close()
			continue
		}
		p.mu.Lock()
		p.conns[client] = true
		p.mu.Unlock()
		go p.carry(server, client)
		go p.carry(client, server)
	}
}

// carry moves bytes one way. While they are held neither side learns that the other has gone.
func (p *proxy) carry(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 16<<10)
	for {
		n, err := from.Read(buf)
		p.mu.Lock()
		for p.held {
			p.moved.Wait()
		}
		p.mu.Unlock()
		if _, werr := to.Write(buf[:n]); err != nil || werr != nil {
			return
		}
	}
}

// hold stops all traffic, or lets it go on.
func (p *proxy) hold(held bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held = held
	p.moved.Broadcast()
}

// drop cuts all connections of clients.
func (p *proxy) drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		if tcp, ok := c.(*net.TCPConn); ok {
			tcp.SetLinger(0)
		}
		c.Close()
	}
	clear(p.conns)
}
