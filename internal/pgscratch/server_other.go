//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package pgscratch

import (
	"context"
	"fmt"
	"runtime"
)

type (
	account   struct{}
	lockedDir struct{}
	process   struct{}
	watcher   struct{}
)

func start(context.Context, Options) (*Server, error) {
	return nil, fmt.Errorf("scratch servers are not supported on %s", runtime.GOOS)
}

func (s *Server) restart(context.Context) error { return nil }

func (s *Server) pid() int { return 0 }

func (s *Server) shutdown() error { return nil }
