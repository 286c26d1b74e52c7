package archive

import (
	"errors"
	"io"
	"sync"
)

// Read-ahead is counted in segments of a fixed size, for all entries together.
const (
	segmentSize = 64 << 10
	readAhead   = 32 << 20
)

// A queue holds what was read of one entry's block and not yet consumed. The
// pump fills it, one goroutine empties it.
type queue struct {
	s     *stream
	found found

	filling []byte        // the pump's segment
	passed  chan struct{} // closed when the stream is past the block

	// Guarded by s.mu.
	parts  []part
	done   bool  // the pump is past the block
	err    error // why it could not read all of it
	closed bool  // nobody wants it any more

	front part // the consumer's
}

// A part is a segment of bytes or, in tar format, the beginning of a member.
type part struct {
	b      []byte // len(b) bytes of a segment
	pos    int    // what was consumed of them
	member *tarMember
}

var segments = sync.Pool{New: func() any { b := make([]byte, segmentSize); return &b }}

// free gives a part's segment back, under the lock.
func (s *stream) free(p part) {
	if p.b != nil {
		b := p.b[:segmentSize]
		segments.Put(&b)
		s.used -= segmentSize
		s.changed.Broadcast()
	}
}

// space returns where the pump may put bytes of the block; added says how many
// it put. It waits until there is memory, and returns nil if nobody wants the
// bytes.
func (q *queue) space() []byte {
	if q == nil {
		return nil
	}
	if len(q.filling) == cap(q.filling) {
		q.flush()
		q.s.mu.Lock()
		defer q.s.mu.Unlock()
		for q.s.used+segmentSize > readAhead && !q.closed && !q.s.closed {
			q.s.changed.Wait()
		}
		if q.closed || q.s.closed {
			return nil
		}
		q.s.used += segmentSize
		q.filling = (*segments.Get().(*[]byte))[:0]
	}
	return q.filling[len(q.filling):cap(q.filling)]
}

func (q *queue) added(n int) { q.filling = q.filling[:len(q.filling)+n] }

// write copies b into the queue. It reports whether somebody wants it.
func (q *queue) write(b []byte) bool {
	for len(b) > 0 {
		space := q.space()
		if space == nil {
			return false
		}
		n := copy(space, b)
		q.added(n)
		b = b[n:]
	}
	return q != nil
}

// flush hands the pump's segment to the consumer.
func (q *queue) flush() {
	if q.filling != nil {
		q.push(part{b: q.filling})
		q.filling = nil
	}
}

// begin says that a member begins.
func (q *queue) begin(m *tarMember) {
	if q != nil {
		q.flush()
		q.push(part{member: m})
	}
}

func (q *queue) push(p part) {
	q.s.mu.Lock()
	defer q.s.mu.Unlock()
	if q.closed {
		q.s.free(p)
		return
	}
	q.parts = append(q.parts, p)
	q.s.changed.Broadcast()
}

// finish says that the pump is past the block, or could not read it for err. An
// error in what was read, the consumer will meet itself.
func (q *queue) finish(err error) {
	if q == nil {
		return
	}
	q.flush()
	q.s.mu.Lock()
	defer q.s.mu.Unlock()
	var f *FormatError
	if errors.As(err, &f) && f.Kind == nil {
		q.err = f.Err
	}
	q.done = true
	close(q.passed)
	q.s.changed.Broadcast()
}

// Read reads what is in the queue, up to the next member or the end.
func (q *queue) Read(p []byte) (int, error) {
	for q.front.pos == len(q.front.b) {
		if ok, err := q.advance(false); !ok {
			return 0, err
		}
	}
	n := copy(p, q.front.b[q.front.pos:])
	q.front.pos += n
	return n, nil
}

// next goes to the next member. After the last it returns io.EOF.
func (q *queue) next() (*tarMember, error) {
	for {
		if ok, err := q.advance(true); !ok {
			return nil, err
		}
		if m := q.front.member; m != nil {
			q.front = part{}
			return m, nil
		}
	}
}

// advance waits for the next part and makes it the front. It does not go over
// the beginning of a member unless told to. At an end the error is io.EOF.
func (q *queue) advance(overMember bool) (bool, error) {
	q.s.mu.Lock()
	defer q.s.mu.Unlock()
	q.s.free(q.front)
	q.front = part{}
	for len(q.parts) == 0 && !q.done && !q.closed && !q.s.closed {
		q.s.changed.Wait()
	}
	switch {
	case q.closed || q.s.closed:
		return false, errClosed
	case len(q.parts) == 0 && q.err != nil:
		return false, q.err
	case len(q.parts) == 0, q.parts[0].member != nil && !overMember:
		return false, io.EOF
	}
	q.front = q.parts[0]
	q.parts = q.parts[1:]
	return true, nil
}

// Close discards what is in the queue and what will come.
func (q *queue) Close() error {
	q.s.mu.Lock()
	defer q.s.mu.Unlock()
	q.closed = true
	for _, p := range append(q.parts, q.front) {
		q.s.free(p)
	}
	q.parts, q.front = nil, part{}
	q.s.changed.Broadcast()
	return nil
}
