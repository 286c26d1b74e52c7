package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"
	"sync/atomic"

	"github.com/pgarc/pgarc/toc"
)

// stream is the store of an archive that is read forward. One goroutine, the
// pump, reads it: from block to block, and what is in the blocks of entries
// that were opened into their queues.
type stream struct {
	in      *source
	src     blocks // of the pump alone
	entries *toc.TOC
	total   int // entries with data

	mu      sync.Mutex // guards what follows, and the queues
	changed *sync.Cond // anything below
	running bool       // the pump was started
	at      *found     // the block before which the pump waits to be told what to do; nil while it works
	shown   bool       // next returned it
	claimed *queue     // where the block's bytes are to go
	wanted  map[toc.DumpID]int
	passed  map[toc.DumpID]bool // entries that cannot be opened any more
	used    int                 // bytes of segments in use
	end     error               // why there are no more blocks
	closed  bool
}

// blocks is the data part of an archive that is read forward, one for each
// format. find and pass are called by the pump in turn.
type blocks interface {
	// find goes to the next block.
	find() (found, error)

	// pass reads over the block that was found. Its bytes go to q, until
	// nobody wants them.
	pass(q *queue) error

	// data and objects open what is in a queue. They do not read from it.
	data(q *queue) (*Data, error)
	objects(q *queue, yield func(LargeObject, error) bool)
}

// source is the stream itself. It counts what is read of it.
type source struct {
	r      io.Reader
	n      int64
	closed atomic.Bool
}

func (s *source) Read(p []byte) (int, error) {
	if s.closed.Load() {
		return 0, errClosed
	}
	n, err := s.r.Read(p)
	s.n += int64(n)
	return n, err
}

// found is a block before which the stream stands.
type found struct {
	entry  *toc.Entry // nil: nobody's
	kind   byte       // custom format: the type of the block
	start  int64      // custom format: its offset
	body   int64      // custom format: the offset behind its header
	member *tarMember // tar format: its file, the first if there are several
}

func newStreamStore(in *source, src blocks, entries *toc.TOC) *stream {
	s := &stream{in: in, src: src, entries: entries, wanted: make(map[toc.DumpID]int), passed: make(map[toc.DumpID]bool)}
	s.changed = sync.NewCond(&s.mu)
	for _, e := range entries.Entries {
		if e.Data != toc.DataNone {
			s.total++
		}
	}
	return s
}

// newEndedStream returns the store of a stream in which nobody knows where the
// data begin.
func newEndedStream(entries *toc.TOC, why error) *stream {
	s := newStreamStore(new(source), nil, entries)
	s.running, s.end = true, why // there is nothing to pump
	return s
}

// pump reads the stream until it ends, fails or is closed.
func (s *stream) pump() {
	for {
		s.mu.Lock()
		if len(s.passed) == s.total {
			s.end = io.EOF
		}
		done := s.closed || s.end != nil
		s.changed.Broadcast()
		s.mu.Unlock()
		if done {
			return
		}
		f, err := s.src.find()
		if err == nil {
			q := s.offer(&f)
			err = s.src.pass(q)
			q.finish(err)
		}
		if err != nil {
			s.mu.Lock()
			s.end = err
			s.mu.Unlock()
		}
	}
}

// offer waits until it is decided what happens with a block. It returns the
// queue to fill, or nil to skip the block.
func (s *stream) offer(f *found) *queue {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := f.entry
	if e == nil || e.Data == toc.DataNone || s.passed[e.ID] {
		return nil
	}
	s.at, s.shown, s.claimed = f, false, nil
	s.changed.Broadcast()
	for s.at != nil && !s.closed {
		s.changed.Wait()
	}
	return s.claimed
}

// leave lets the pump go on from where it waits, under the lock.
func (s *stream) leave(q *queue) {
	s.passed[s.at.entry.ID] = true
	s.at, s.claimed = nil, q
	s.changed.Broadcast()
}

// start starts the pump, under the lock.
func (s *stream) start() {
	if !s.running {
		s.running = true
		go s.pump()
	}
}

// next implements Reader.Next.
func (s *stream) next(ctx context.Context) (*toc.Entry, error) {
	defer context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.changed.Broadcast()
	})()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.start()
	for first := true; ; first = false {
		switch {
		case s.closed:
			return nil, errClosed
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case s.at != nil && first && s.shown:
			s.leave(nil)
		case s.at != nil:
			s.shown = true
			return s.at.entry, nil
		case s.end == io.EOF:
			return nil, io.EOF
		case s.end != nil:
			return nil, s.missing(nil)
		}
		s.changed.Wait()
	}
}

// claim goes forward to an entry's block and returns the queue of its bytes.
func (s *stream) claim(e *toc.Entry) (*queue, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.start()
	s.wanted[e.ID]++
	defer func() {
		if s.wanted[e.ID]--; s.wanted[e.ID] == 0 {
			delete(s.wanted, e.ID)
		}
	}()
	for {
		switch {
		case s.closed:
			return nil, errClosed
		case s.passed[e.ID]:
			return nil, passedError(e)
		case s.at != nil && s.at.entry == e:
			q := &queue{s: s, found: *s.at, passed: make(chan struct{})}
			s.leave(q)
			return q, nil
		case s.at != nil && s.wanted[s.at.entry.ID] == 0:
			s.leave(nil)
		case s.end != nil:
			return nil, s.missing(e)
		}
		s.changed.Wait()
	}
}

func passedError(e *toc.Entry) error {
	return &FormatError{Kind: ErrPassed, Offset: -1, ID: e.ID, What: "the stream is already past them; it is read once, from front to back"}
}

// missing makes the error of an entry that the stream did not come to before it
// ended, under the lock; e nil stands for the first of them.
func (s *stream) missing(e *toc.Entry) error {
	others := ""
	if e == nil {
		for _, m := range s.entries.Entries {
			if m.Data != toc.DataNone && !s.passed[m.ID] {
				e = m
				break
			}
		}
		others = fmt.Sprintf(" (and of %d others)", s.total-len(s.passed)-1)
	}
	var f *FormatError
	if e == nil || !errors.As(s.end, &f) {
		return s.end // of all entries the stream was at, the last is damaged
	}
	in := ""
	if f.ID > 0 {
		in = fmt.Sprintf(" in the data of entry %d,", f.ID)
	}
	return &FormatError{Kind: f.Kind, File: f.File, Offset: f.Offset, ID: e.ID, Err: f.Err,
		What: f.What + in + " before the data of this entry" + others}
}

// close ends the pump and everybody who waits.
func (s *stream) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.in.closed.Store(true)
	s.changed.Broadcast()
}

// locate has nothing to do: data come when they come.
func (s *stream) locate(context.Context) error { return nil }

func (s *stream) data(e *toc.Entry) (*Data, error) {
	q, err := s.claim(e)
	if err != nil {
		return nil, err
	}
	d, err := s.src.data(q)
	if err != nil {
		q.Close()
		return nil, err
	}
	d.passed = q.passed
	return d, nil
}

// largeObjects opens the entry at once: it must not be passed before somebody
// begins to walk.
func (s *stream) largeObjects(e *toc.Entry) iter.Seq2[LargeObject, error] {
	q, err := s.claim(e)
	return func(yield func(LargeObject, error) bool) {
		if err != nil {
			yield(LargeObject{}, err)
			return
		}
		err = passedError(e)
		defer q.Close()
		s.src.objects(q, yield)
	}
}
