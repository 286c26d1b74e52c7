package archive

import (
	"bufio"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"time"
)

// A transfer reads a remote file forward from some place, one request after the
// other. It resumes what breaks off. It is used by one goroutine.
type transfer struct {
	f      *remoteFile
	pos    int64 // offset of the next byte
	end    int64 // where the request under way, or the next one, ends
	window int64 // bytes to ask for behind end

	body   io.ReadCloser // nil between requests
	ctx    context.Context
	cancel context.CancelCauseFunc
	stall  *time.Timer // cancels the request while one waits for it

	failures int // one after the other
}

// transfer returns a reader from offset on, the first n bytes of which come
// with one request.
func (f *remoteFile) transfer(offset, n int64) *transfer {
	return &transfer{f: f, pos: offset, end: offset + n, window: min(max(2*n, firstFollow), lastFollow)}
}

// Read reads what has come, waiting for at least a byte.
func (t *transfer) Read(p []byte) (int, error) {
	for len(p) > 0 {
		if t.f.size >= 0 && t.pos >= t.f.size {
			return 0, io.EOF
		}
		n, err := t.read(p)
		if n > 0 {
			t.failures = 0
			return n, nil
		}
		if err != nil {
			if err = t.retry(err); err != nil {
				return 0, err
			}
		}
	}
	return 0, nil
}

// read reads from the body, which it opens if there is none. It may return
// neither bytes nor an error.
func (t *transfer) read(p []byte) (int, error) {
	if t.body == nil {
		if err := t.open(); err != nil {
			return 0, err
		}
		if t.pos >= t.end { // an empty file
			t.Close()
			return 0, nil
		}
	}
	t.stall.Reset(t.f.policy.Stall)
	n, err := t.body.Read(p[:min(int64(len(p)), t.end-t.pos)])
	t.stall.Stop()
	t.pos += int64(n)
	switch {
	case t.pos == t.end:
		t.Close()
		err = nil
	case err == io.EOF:
		err = errBroken
	}
	return n, err
}

// open sends the request for what is left up to end.
func (t *transfer) open() error {
	if t.pos >= t.end {
		t.end = t.pos + t.window
		t.window = min(2*t.window, lastFollow)
	}
	if t.f.size >= 0 {
		t.end = min(t.end, t.f.size)
	}
	ctx, cancel := context.WithCancelCause(t.f.ctx)
	t.ctx, t.cancel = ctx, cancel
	t.stall = time.AfterFunc(t.f.policy.Stall, func() { cancel(errStalled) })
	body, size, err := t.f.src.OpenRange(ctx, t.pos, t.end-t.pos)
	t.stall.Stop()
	if err != nil {
		return err
	}
	t.body = body
	switch {
	case t.f.size < 0:
		t.f.size = size
		t.end = min(t.end, size)
	case size != t.f.size:
		return ErrChanged
	}
	return nil
}

// retry waits before the next attempt. It returns err if there is to be none.
func (t *transfer) retry(err error) error {
	if t.ctx != nil && context.Cause(t.ctx) == errStalled {
		err = errStalled
	}
	t.Close()
	if t.f.ctx.Err() != nil {
		return context.Cause(t.f.ctx)
	}
	if t.failures >= t.f.policy.MaxRetries || hopeless(err, t.f.size >= 0) {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = errBroken // it is not the file that ends
		}
		return err
	}
	pause := min(t.f.policy.Backoff<<min(t.failures, 20), maxBackoff)
	pause = pause/2 + rand.N(pause/2+1)
	var refused *RemoteError
	if errors.As(err, &refused) {
		pause = max(pause, min(refused.RetryAfter, maxRetryAfter))
	}
	t.failures++
	select {
	case <-time.After(pause):
		return nil
	case <-t.f.ctx.Done():
		return context.Cause(t.f.ctx)
	}
}

const (
	maxBackoff    = 15 * time.Second
	maxRetryAfter = time.Minute // whatever the server says
)

// goTo goes forward to an offset.
func (t *transfer) goTo(offset int64) {
	gap := offset - t.pos
	if t.body != nil && gap <= skipLimit && offset < t.end {
		if _, err := io.CopyN(io.Discard, t, gap); err == nil {
			return
		}
	}
	if gap > 0 {
		t.Close()
		t.pos = offset
	}
}

// Close ends the request, if one is under way.
func (t *transfer) Close() error {
	if t.cancel == nil {
		return nil
	}
	if t.body != nil {
		t.body.Close()
		t.body = nil
	}
	t.stall.Stop()
	t.cancel(nil)
	t.cancel = nil
	return nil
}

// A section is a part of a source that is read forward, and then closed.
type section interface {
	io.ReadCloser

	// ReadAt reads at an offset of the source that is not before the last.
	// It may return fewer bytes than asked for without an error.
	io.ReaderAt
}

// newSection returns n bytes of a source from offset on, all of which will
// probably be read; more can be. It returns nil if the source does not care to
// know.
func newSection(src io.ReaderAt, offset, n int64) section {
	f, ok := src.(*remoteFile)
	if !ok || n < pageSize || offset+n <= int64(len(f.head)) || offset >= f.size {
		return nil
	}
	return &remoteSection{f.transfer(offset, n)}
}

type remoteSection struct{ *transfer }

func (s *remoteSection) ReadAt(p []byte, off int64) (int, error) {
	if off < s.pos {
		return s.f.ReadAt(p, off)
	}
	s.goTo(off)
	return s.Read(p)
}

// openSection returns n bytes of a source from offset on, which end there.
func openSection(src io.ReaderAt, offset, n int64) io.ReadCloser {
	s := newSection(src, offset, n)
	if s == nil {
		return io.NopCloser(io.NewSectionReader(src, offset, n))
	}
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(s, n), s}
}

// sequential returns n bytes of a source from offset on, of which perhaps only
// the first are read: a table of contents.
func sequential(src io.ReaderAt, offset, n int64) io.Reader {
	f, ok := src.(*remoteFile)
	if !ok {
		return io.NewSectionReader(src, offset, n)
	}
	return bufio.NewReaderSize(&windows{f: f, start: offset, pos: offset, end: offset + n}, minWindow)
}

// windows reads a remote file forward in windows that grow with what was read,
// so that few bytes are fetched in vain.
type windows struct {
	f               *remoteFile
	start, pos, end int64
}

func (w *windows) Read(p []byte) (n int, err error) {
	window := min(max((w.pos-w.start)/4, minWindow), maxWindow)
	p = p[:min(int64(len(p)), window, w.end-w.pos)]
	switch {
	case w.pos >= w.end:
		return 0, io.EOF
	case w.pos < int64(len(w.f.head)):
		n = copy(p, w.f.head[w.pos:])
	default:
		n, err = w.f.fetch(p, w.pos)
	}
	w.pos += int64(n)
	return n, err
}
