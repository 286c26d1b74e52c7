package archive

import (
	"cmp"
	"context"
	"io"
	"os"
	"sync"
	"time"
)

// A Remote is a file elsewhere that can be read from any place in it, with a
// request for each stretch. [OpenRemote] reads an archive from one. OpenURL
// and package s3 have one each; other stores take but this method.
type Remote interface {
	// OpenRange asks for n bytes from offset on, fewer if the file ends
	// before, and returns them with the size of the whole file. ctx holds
	// until body is closed. It is called by several goroutines.
	//
	// An error is taken for temporary, and the call repeated, unless it is
	// a [*RemoteError] that says otherwise, or matches ErrChanged. A body may
	// break off, with an error or without; the rest is then asked for.
	OpenRange(ctx context.Context, offset, n int64) (body io.ReadCloser, size int64, err error)
}

// RetryPolicy says how patient one is with a remote file. The zero value is a
// sensible policy. What counts is failures one after the other, with not a
// byte between them.
type RetryPolicy struct {
	MaxRetries int           // 0 means 8; negative, none
	Backoff    time.Duration // before the first retry, then doubled, up to 15 s; 0 means 250 ms
	Stall      time.Duration // for so long no byte may come; 0 means 60 s
}

func (p RetryPolicy) withDefaults() RetryPolicy {
	p.MaxRetries = cmp.Or(p.MaxRetries, 8)
	p.Backoff = cmp.Or(p.Backoff, 250*time.Millisecond)
	p.Stall = cmp.Or(p.Stall, time.Minute)
	return p
}

// OpenRemote opens an archive in custom or tar format that is read by ranges:
// the table of contents in a few requests, the data of each entry with one that
// is as long as its block. A transfer that breaks off is resumed where it
// stopped. All that is read later, too, fails when ctx ends. Closing the Reader
// ends all requests.
func OpenRemote(ctx context.Context, src Remote, p RetryPolicy) (*Reader, error) {
	f, err := newRemoteFile(ctx, src, p)
	if err != nil {
		return nil, err
	}
	r, err := NewReader(f, f.size)
	if got := intact(r, err); got != nil {
		got.closer = f
	} else {
		f.Close()
	}
	return r, err
}

// How much of a remote file is asked for, by what it is read for.
const (
	headSize    = 256 << 10 // at once, with the first request
	pageSize    = 32 << 10  // for a small read; doubled while they follow each other
	maxPage     = 512 << 10
	maxPages    = 8
	minWindow   = 256 << 10 // for a table of contents, whose end nobody knows
	maxWindow   = 960 << 10
	firstFollow = 2 << 20 // when large reads follow each other
	lastFollow  = 64 << 20
	skipLimit   = 256 << 10        // rather read on over so much than ask again
	followIdle  = 20 * time.Second // then its connection is given back
)

// A remoteFile reads a Remote at any offset. There are three ways to it: ReadAt,
// for what is small or unforeseen; section, for a stretch of which the end is
// known; and sequential, for one of which it is not.
type remoteFile struct {
	src    Remote
	ctx    context.Context
	cancel context.CancelCauseFunc
	policy RetryPolicy
	size   int64 // -1 before the first answer
	head   []byte

	mu    sync.Mutex
	pages []page // read last, newest last

	following sync.Mutex // guards what is below
	follow    *transfer  // of large reads that follow each other; nil if there are none
	last      int64      // where the last one ended
	idle      *time.Timer
}

// A page is a stretch of a remote file in memory.
type page struct {
	at int64
	b  []byte
}

func (p page) end() int64 { return p.at + int64(len(p.b)) }

// newRemoteFile reads the first bytes of a remote file, by which its size gets
// known.
func newRemoteFile(ctx context.Context, src Remote, p RetryPolicy) (*remoteFile, error) {
	f := &remoteFile{src: src, policy: p.withDefaults(), size: -1, last: -1}
	f.ctx, f.cancel = context.WithCancelCause(ctx)
	t := f.transfer(0, headSize)
	defer t.Close()
	head := make([]byte, headSize)
	n, err := io.ReadFull(t, head)
	if f.size < 0 || int64(n) < min(f.size, headSize) {
		f.cancel(os.ErrClosed)
		return nil, err
	}
	f.head = head[:n]
	return f, nil
}

// Close ends all requests.
func (f *remoteFile) Close() error {
	f.cancel(os.ErrClosed)
	f.following.Lock()
	defer f.following.Unlock()
	f.unfollow()
	if c, ok := f.src.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// ReadAt implements io.ReaderAt.
func (f *remoteFile) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 || off >= f.size {
		return 0, io.EOF
	}
	want := p[:min(int64(len(p)), f.size-off)]
	if off < int64(len(f.head)) {
		n = copy(want, f.head[off:])
	}
	if rest, at := want[n:], off+int64(n); len(rest) > 0 {
		var m int
		if len(rest) < pageSize {
			m, err = f.readSmall(rest, at)
		} else {
			m, err = f.readLarge(rest, at)
		}
		n += m
	}
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

// readSmall reads from a page, which is fetched if it is not there. Pages begin
// at multiples of their smallest size, since small tables are read in the order
// of their sizes, not of their places.
func (f *remoteFile) readSmall(p []byte, off int64) (int, error) {
	size := pageSize
	f.mu.Lock()
	for _, g := range f.pages {
		if off >= g.at && off+int64(len(p)) <= g.end() {
			f.mu.Unlock()
			return copy(p, g.b[off-g.at:]), nil
		}
		if gap := off - g.end(); gap <= int64(len(g.b)) && off >= g.at {
			size = min(2*len(g.b), maxPage)
		}
	}
	f.mu.Unlock()
	at := off - off%pageSize
	b := make([]byte, min(max(int64(size), off+int64(len(p))-at), f.size-at))
	if n, err := f.fetch(b, at); err != nil {
		return copy(p, b[min(off-at, int64(n)):n]), err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pages = append(f.pages, page{at, b})
	if len(f.pages) > maxPages {
		f.pages = append(f.pages[:0], f.pages[1:]...)
	}
	return copy(p, b[off-at:]), nil
}

// readLarge reads straight into p. If it goes on where the last one ended, it
// does so with a request that does not end with p.
func (f *remoteFile) readLarge(p []byte, off int64) (int, error) {
	if !f.following.TryLock() {
		return f.fetch(p, off)
	}
	defer f.following.Unlock()
	gap := off - f.last
	goesOn := f.last >= 0 && gap >= 0 && gap <= skipLimit
	f.last = off + int64(len(p))
	if !goesOn {
		f.unfollow()
		return f.fetch(p, off)
	}
	if f.follow == nil {
		f.follow = f.transfer(off, max(firstFollow, int64(len(p))))
		f.idle = time.AfterFunc(followIdle, f.giveUp)
	}
	f.idle.Reset(followIdle)
	f.follow.goTo(off)
	return io.ReadFull(f.follow, p)
}

// giveUp ends a request that nobody has read from for a while.
func (f *remoteFile) giveUp() {
	if f.following.TryLock() { // else it is in use
		defer f.following.Unlock()
		f.unfollow()
	}
}

func (f *remoteFile) unfollow() {
	if f.follow != nil {
		f.idle.Stop()
		f.follow.Close()
		f.follow = nil
	}
}

// fetch reads len(p) bytes with a request of its own.
func (f *remoteFile) fetch(p []byte, off int64) (int, error) {
	t := f.transfer(off, int64(len(p)))
	defer t.Close()
	n, err := io.ReadFull(t, p)
	return n, err
}
