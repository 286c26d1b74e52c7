//go:build linux

package main

import (
	"bytes"
	"crypto/rand"
	"io"
	"net"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// dialEcho connects through a proxy to a server that sends back what it gets, and ends when its client has.
func dialEcho(t *testing.T, roundTrip time.Duration) *net.TCPConn {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				io.Copy(c, c)
				c.Close()
			}()
		}
	}()
	p, err := StartProxy(socket, roundTrip)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	c, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(p.Port()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c.(*net.TCPConn)
}

func TestProxyDelays(t *testing.T) {
	const roundTrip = 40 * time.Millisecond
	c := dialEcho(t, roundTrip)
	buf := []byte{7}
	least := time.Hour
	for range 10 {
		begin := time.Now()
		c.Write(buf)
		if _, err := io.ReadFull(c, buf); err != nil {
			t.Fatal(err)
		}
		least = min(least, time.Since(begin))
	}
	// How much more it takes is up to what else the machine does.
	if least < roundTrip || least > 10*roundTrip {
		t.Errorf("the fastest of 10 round trips took %v, want %v and little more", least, roundTrip)
	}
}

// Much that is sent at once arrives whole, in order, and in far less time than a round trip for each chunk of it.
func TestProxyDoesNotThrottle(t *testing.T) {
	const roundTrip = 100 * time.Millisecond
	c := dialEcho(t, roundTrip)
	sent := make([]byte, 64<<20)
	rand.Read(sent)
	begin := time.Now()
	go func() {
		c.Write(sent)
		c.CloseWrite()
	}()
	got, err := io.ReadAll(c)
	if err != nil || !bytes.Equal(got, sent) {
		t.Fatalf("%d bytes came back, error %v; want the %d that were sent", len(got), err, len(sent))
	}
	if took, most := time.Since(begin), roundTrip*time.Duration(len(sent)/chunkSize)/4; took > most {
		t.Errorf("%d MB took %v, more than %v", len(sent)>>20, took, most)
	}
}
