package restore

import (
	"context"
	"sync/atomic"
	"time"
)

// A slot is a place for one connection and the task that it works on.
type slot struct {
	number  int
	tasks   []*task // none: idle; several: sent ahead together
	sharing []*slot // that work on the same task: see splits
	since   time.Time
	had     bool // it was connected once
	pid     atomic.Uint32
	at      atomic.Pointer[position] // what the server works on, of several that were sent
	retired bool                     // the server would not take this connection
	alive   bool                     // connected when its last task ended

	// While a task runs these belong to its goroutine.
	session    *session // nil: not connected
	connectErr error    // why the task could not begin
	known      []booked // what the journal must have when this slot connects again
	lacks      bool     // it has not
}

// opened notes a new session.
func (s *slot) opened(session *session) {
	s.session, s.had, s.alive = session, true, true
	s.pid.Store(session.backend)
}

// drop closes the session of a slot.
func (s *slot) drop() {
	if s.session != nil {
		s.session.close()
	}
	s.session, s.alive = nil, false
}

// share connects a slot that is to help another. Where that cannot be, or takes
// long, the other goes on without: the slot's own next task will tell why.
func (w *work) share(ctx context.Context, s *slot) bool {
	if s.session == nil {
		soon, cancel := context.WithTimeout(ctx, cancelGrace)
		defer cancel()
		if err := w.connectSlot(soon, s); err != nil || s.lacks {
			s.drop()
			return false
		}
	}
	return true
}

// connectSlot opens a session for a slot, in place of the one that it has lost,
// if any. What that one left behind on the server is ended, and the server
// asked whether it still has all that was done before.
func (w *work) connectSlot(ctx context.Context, s *slot) error {
	for n := 0; ; n++ {
		session, err := w.reconnect(ctx, s)
		if err != nil {
			return err
		}
		if j := w.exec.journal; j != nil {
			s.lacks, err = j.takeOver(ctx, session, s)
		}
		if err == nil {
			s.session, s.had = session, true
			s.pid.Store(session.backend)
			return nil
		}
		lost := session.lost()
		session.close()
		if !lost || ctx.Err() != nil || n == lossesMost-1 {
			return err
		}
		s.had = true
		pause(ctx, backoff(n))
	}
}

// connect opens a session in the database that is current.
func (w *work) connect(ctx context.Context) (*session, error) {
	s, err := connect(ctx, w.config, w.exec.toc, w.opts, w.notice)
	if err != nil {
		return nil, err
	}
	if err := s.set(ctx, w.settings); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// retire gives up a slot that cannot connect. As long as another one can, the
// restore goes on with fewer connections.
func (w *work) retire(ctx context.Context, s *slot) error {
	if ctx.Err() != nil {
		return nil
	}
	s.alive = false
	for _, other := range w.slots {
		if other.alive {
			s.retired = true
			w.emit(Event{Type: EventNotice, Text: "going on with fewer connections: " + reason(s.connectErr)})
			return nil
		}
	}
	if isAway(s.connectErr) && !s.had {
		s.had = true // it was its first time, but now no other is there: the server is away
		return nil
	}
	s.retired = true
	return s.connectErr
}

// moveTo makes another database the current one.
func (w *work) moveTo(database string) {
	w.closeAll()
	w.config = w.config.Copy()
	w.config.Database = database
}

func (w *work) closeAll() {
	for _, s := range w.slots {
		s.drop()
	}
}
