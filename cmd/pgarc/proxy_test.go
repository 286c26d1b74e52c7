package main

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgarc/pgarc/internal/pgscratch"
)

// A proxy stands between pgarc and a server.
type proxy struct {
	listener net.Listener
	target   string // the server's socket
	pooler   bool   // it tells clients other process numbers than the server's

	mu      sync.Mutex
	cut     string // the connection that sends this is cut, once, after the server has it; empty: none
	clients []net.Conn
}

// newProxy starts one. As a pooler it gives out process numbers of its own, as
// pgbouncer does in every pool_mode: it makes up the cancel keys of its clients,
// since it may move them from one server connection to another.
func newProxy(t *testing.T, s *pgscratch.Server, pooler bool) *proxy {
	t.Helper()
	config, err := pgconn.ParseConfig(s.ConnString("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, target: filepath.Join(config.Host, ".s.PGSQL.5432"), pooler: pooler}
	t.Cleanup(p.stop)
	go p.serve()
	return p
}

func (p *proxy) connString(database string) string {
	host, port, _ := strings.Cut(p.listener.Addr().String(), ":")
	return "host=" + host + " port=" + port + " user=postgres sslmode=disable dbname=" + database
}

// stop cuts all connections and takes no more: a server that is away.
func (p *proxy) stop() {
	p.listener.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.clients {
		c.Close()
	}
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
		p.clients = append(p.clients, client)
		p.mu.Unlock()
		go func() {
			p.ask(server, client)
			server.Close()
		}()
		go func() {
			p.answer(client, server)
			client.Close()
		}()
	}
}

// ask hands on what the client says.
func (p *proxy) ask(server io.Writer, client net.Conn) {
	b := make([]byte, 64<<10)
	for {
		n, err := client.Read(b)
		if _, err := server.Write(b[:n]); err != nil {
			return
		}
		p.mu.Lock()
		cut := p.cut != "" && bytes.Contains(b[:n], []byte(p.cut))
		if cut {
			p.cut = ""
		}
		p.mu.Unlock()
		if cut {
			client.Close()
		}
		if err != nil || cut {
			return
		}
	}
}

// answer hands on what the server says, message by message.
func (p *proxy) answer(client io.Writer, server io.Reader) {
	head := make([]byte, 5)
	for {
		if _, err := io.ReadFull(server, head); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint32(head[1:])-4)
		if _, err := io.ReadFull(server, body); err != nil {
			return
		}
		if p.pooler && head[0] == 'K' { // BackendKeyData
			binary.BigEndian.PutUint32(body, binary.BigEndian.Uint32(body)^0x5a5a5a)
		}
		if _, err := client.Write(append(head[:5:5], body...)); err != nil {
			return
		}
	}
}
