//go:build linux

package main

import (
	"io"
	"net"
	"sync"
	"time"
)

// Proxy forwards TCP connections on loopback to a server's socket, and lets what goes through arrive later, half a
// round trip in each direction, as a network between the two would. It does not limit how much goes through.
type Proxy struct {
	listener net.Listener
	socket   string
	delay    time.Duration // each way
	conns    sync.WaitGroup
	mu       sync.Mutex
	open     map[net.Conn]bool
}

// StartProxy listens on a free port of 127.0.0.1 for connections to the unix socket.
func StartProxy(socket string, roundTrip time.Duration) (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{listener: l, socket: socket, delay: roundTrip / 2, open: map[net.Conn]bool{}}
	p.conns.Go(p.accept)
	return p, nil
}

// Port is where the proxy listens.
func (p *Proxy) Port() int { return p.listener.Addr().(*net.TCPAddr).Port }

// Close ends all connections.
func (p *Proxy) Close() error {
	err := p.listener.Close()
	p.mu.Lock()
	for c := range p.open {
		c.Close()
	}
	p.mu.Unlock()
	p.conns.Wait()
	return err
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.conns.Go(func() { p.serve(client) })
	}
}

func (p *Proxy) serve(client net.Conn) {
	p.track(client, true)
	defer p.track(client, false)
	time.Sleep(2 * p.delay) // what connecting takes
	server, err := net.Dial("unix", p.socket)
	if err != nil {
		return
	}
	p.track(server, true)
	defer p.track(server, false)
	var both sync.WaitGroup
	both.Go(func() { forward(server.(*net.UnixConn), client, p.delay) })
	both.Go(func() { forward(client.(*net.TCPConn), server, p.delay) })
	both.Wait()
}

// track remembers a connection for Close, or closes it and forgets it.
func (p *Proxy) track(c net.Conn, open bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if open {
		p.open[c] = true
		return
	}
	c.Close()
	delete(p.open, c)
}

// What is under way in one direction: 2,048 chunks of up to 32 KB, which no loopback fills within 5 ms.
const (
	chunkSize = 32 << 10
	chunks    = 2048
)

type chunk struct {
	due  time.Time
	data []byte
}

type halfCloser interface {
	io.Writer
	CloseWrite() error
}

// forward copies from src to dst until src ends; each byte leaves delay after it came.
func forward(dst halfCloser, src io.Reader, delay time.Duration) {
	way := make(chan chunk, chunks)
	go func() {
		defer close(way)
		for {
			buf := make([]byte, chunkSize)
			n, err := src.Read(buf)
			if n > 0 {
				way <- chunk{time.Now().Add(delay), append([]byte(nil), buf[:n]...)}
			}
			if err != nil {
				return
			}
		}
	}()
	var err error
	for c := range way { // to its end, so that the reader is never stuck
		time.Sleep(time.Until(c.due))
		if err == nil {
			_, err = dst.Write(c.data)
		}
	}
	_ = dst.CloseWrite() // an error means that dst is gone
}
