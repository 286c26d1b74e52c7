package restore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/pgarc/pgarc/internal/copybin"
	"github.com/pgarc/pgarc/script"
)

// splitWidth returns over how many connections the rows of a table are loaded:
// over as many as its data, of so many bytes as they are stored, are a share of
// all data, and each loads at least split bytes.
func splitWidth(size, all, split int64, jobs int) int {
	if split <= 0 || size < 2*split || all <= 0 {
		return 1
	}
	share := (size*int64(jobs) + all/2) / all
	return int(max(1, min(size/split, share, int64(jobs))))
}

// splits returns over how many connections a step is to be worked on.
func (w *work) splits(step *Step) int {
	if step.Action != ActionCopy || step.FromStream || w.exec.journal == nil || w.batched(step) || w.single {
		return 1
	}
	for _, st := range step.Statements {
		if st.Role != RoleLoad && st.Role != RoleTidy {
			return 1 // something holds for one session, or for as long as the rows are loaded
		}
	}
	if !step.Freeze || !w.made[w.tableOf(step)] {
		return 1 // it may hold rows of others, and could not be emptied should a connection fail
	}
	return splitWidth(step.Entry.DataSize, w.total, w.opts.SplitSize, len(w.slots))
}

// copySplit loads the rows of a table over several connections. What they load
// is committed only when all have come to their end, one after the other, each
// with a note in the journal and the first session last, with the note that the
// step is done. Should that end halfway, the notes show that the table has to
// be emptied.
//
// A connection that is lost is one less; the first session's own loss ends the
// step.
func (x *executor) copySplit(ctx context.Context, sessions []*session, t *task) {
	i, sql := t.copyStatement()
	first := sessions[0]
	b, binary := x.binary(ctx, first, t, sql)
	for {
		c := splitCopy{executor: x, task: t, part: i, sql: sql, sessions: sessions}
		if binary {
			c.sql, c.binary = b.statement.Binary(false), &b
		}
		c.run(ctx)
		t.rows = c.rows
		if c.err == nil || first.lost() || ctx.Err() != nil {
			t.fail(c.failed, RoleLoad, c.err)
			return
		}
		left, err := x.stillThere(ctx, sessions)
		switch {
		case err != nil:
			t.fail("", RoleLoad, err)
			return
		case c.refused:
			binary = false // a row was refused: all again, as text
		case len(left) == len(sessions):
			t.fail(c.failed, RoleLoad, c.err)
			return
		}
		sessions = left
		t.bytes.Store(0)
	}
}

// stillThere returns the sessions that are not lost, and sees to it that the
// server has given up the others: they would hold the table.
func (x *executor) stillThere(ctx context.Context, sessions []*session) (left []*session, err error) {
	for _, s := range sessions {
		if !s.lost() {
			left = append(left, s)
			continue
		}
		if err := x.journal.endSession(ctx, sessions[0], s.backend); err != nil {
			return nil, err
		}
	}
	return left, nil
}

// A splitCopy is one attempt to load a table over several connections.
type splitCopy struct {
	*executor
	task     *task
	part     int // which statement of the step
	sql      string
	binary   *binaryCopy // nil: as text
	sessions []*session

	rows    int64
	refused bool   // as binary; it may be good as text
	failed  string // the statement that failed
	err     error
}

func (c *splitCopy) run(ctx context.Context) {
	first := c.sessions[0]
	if !c.ok(c.empty(), first.exec(ctx, c.empty())) {
		return
	}
	data, err := c.task.open(c.source)
	if !c.ok("", err) {
		return
	}
	defer data.Close()
	text := &copyText{task: c.task, data: data}
	c.copyParts(ctx, text)
	if readErr := text.stop(); readErr != nil {
		c.failed, c.err, c.refused = "", readErr, false // the server only says that the client gave up
	}
	if c.err == nil {
		c.task.archived, c.task.counted = text.rowCount()
		c.commit(ctx)
	}
	if c.err == nil {
		return
	}
	c.rows = 0
	for _, s := range c.sessions {
		if !s.lost() {
			_ = s.exec(ctx, "ROLLBACK") // what failed is in err
		}
	}
	if !first.lost() && ctx.Err() == nil {
		_ = first.exec(ctx, c.empty()) // some may have been committed; as with one COPY, nothing stays
	}
}

// empty empties the table, and forgets what earlier attempts have noted; as one
// query, it is one transaction, and none is left open should it fail.
func (c *splitCopy) empty() string {
	return truncateStatement(c.task.step) + c.journal.unmarkParts(c.task.step)
}

// ok notes a failure, if it is the first.
func (c *splitCopy) ok(sql string, err error) bool {
	if err != nil && c.err == nil {
		c.failed, c.err = sql, err
	}
	return err == nil
}

// copyParts sends the rows, each session those that it gets hold of.
func (c *splitCopy) copyParts(ctx context.Context, text *copyText) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	rows := newRowSplitter(text)
	for _, s := range c.sessions {
		wg.Go(func() {
			n, refused, err := c.copyPart(ctx, s, rows.part())
			mu.Lock()
			defer mu.Unlock()
			c.rows += n
			if c.err == nil { // what fails after the first fails because of it
				c.refused = refused
			}
			if !c.ok(c.sql, err) {
				rows.stop()
			}
		})
	}
	wg.Wait()
}

func (c *splitCopy) copyPart(ctx context.Context, s *session, text *rowPart) (n int64, refused bool, err error) {
	if err := s.exec(ctx, "BEGIN"); err != nil {
		return 0, false, err
	}
	var rows io.Reader = text
	binary := &binaryRows{}
	if c.binary != nil {
		if binary.r, err = copybin.NewReader(text, c.binary.columns); err != nil {
			return 0, true, err
		}
		rows = binary
	}
	tag, err := s.conn.CopyFrom(ctx, rows, c.sql)
	if c.binary != nil {
		rowErr := binary.stop()
		refused = !s.lost() && (rowErr != nil || isRefused(err))
	}
	return tag.RowsAffected(), refused, err
}

// commit ends the transactions, the first session's last: the order in which
// the server writes them down.
func (c *splitCopy) commit(ctx context.Context) {
	for n := len(c.sessions) - 1; n >= 0; n-- {
		mark := c.journal.markPart(c.task.step, int64(-n))
		if n == 0 {
			mark = c.journal.markRows(c.task.step, int64(c.part), c.rows)
		}
		if !c.ok("COMMIT", c.sessions[n].exec(ctx, mark+"; COMMIT")) {
			return
		}
	}
}

// errStopped ends the reading of those whose fellow has failed.
var errStopped = errors.New("another connection has failed")

// A rowSplitter deals COPY text out to several readers, in pieces that end
// where a row does. It holds no more than a piece for each.
type rowSplitter struct {
	text io.Reader

	mu      sync.Mutex
	free    sync.Cond // owner has changed, or err
	owner   *rowPart  // who is in the middle of a row; nil: nobody
	carried []byte    // read, but for the next piece
	err     error     // nothing more can be had: io.EOF, or why
}

func newRowSplitter(text io.Reader) *rowSplitter {
	r := &rowSplitter{text: text}
	r.free.L = &r.mu
	return r
}

// part returns one more reader.
func (r *rowSplitter) part() *rowPart { return &rowPart{all: r} }

// stop ends the reading of all.
func (r *rowSplitter) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err, r.carried, r.owner = errStopped, nil, nil
	r.free.Broadcast()
}

// A rowPart reads a part of the rows. One goroutine uses it at a time.
type rowPart struct {
	all  *rowSplitter
	buf  []byte
	rest []byte // of buf, not handed on yet
}

// splitPiece is how much a reader takes at once.
const splitPiece = 256 << 10

// Read hands on whole rows before it gives way to others.
func (p *rowPart) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		if err := p.all.next(p); err != nil {
			return 0, err
		}
	}
	n := copy(b, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

// next gets the next piece for a reader. If the piece has no row end, the
// reader gets the one after it, too.
func (r *rowSplitter) next(p *rowPart) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.owner != nil && r.owner != p && r.err == nil {
		r.free.Wait()
	}
	if r.err != nil && (r.err != io.EOF || len(r.carried) == 0) {
		return r.err
	}
	if p.buf == nil {
		p.buf = make([]byte, 2*splitPiece)
	}
	n := copy(p.buf, r.carried)
	r.carried = r.carried[:0]
	for n < splitPiece && r.err == nil {
		var m int
		m, r.err = r.text.Read(p.buf[n:])
		n += m
	}
	if r.err != nil && r.err != io.EOF {
		r.free.Broadcast()
		return r.err
	}
	end := n
	if r.err == nil {
		end = lastRowEnd(p.buf[:n])
	}
	r.owner = nil
	if end == 0 {
		r.owner, end = p, n
	}
	r.carried = append(r.carried, p.buf[end:n]...)
	p.rest = p.buf[:end]
	r.free.Broadcast()
	if end == 0 {
		return io.EOF
	}
	return nil
}

// lastRowEnd returns where the last row in a piece of COPY text ends: after its
// line feed. One behind a backslash is part of a value, though pg_dump never
// writes it so (CopyReadLineText in src/backend/commands/copyfromparse.c). 0
// says that none is sure.
func lastRowEnd(text []byte) int {
	for i := len(text) - 1; i >= 0; i-- {
		if text[i] != '\n' {
			continue
		}
		first := i
		for first > 0 && text[first-1] == '\\' {
			first--
		}
		if first > 0 && (i-first)%2 == 0 {
			return i + 1
		}
	}
	return 0
}

// beside returns the sessions with which a task's own shares its rows, after
// making in them what has to be set. Which cannot be had are left out.
func (x *executor) beside(ctx context.Context, t *task, sessions []*session) (list []*session) {
	for _, s := range sessions {
		ok := true
		for _, sql := range s.state.Before(x.toc, t.step.Entry, x.script) {
			ok = ok && s.exec(ctx, sql) == nil
		}
		if ok && !s.lost() {
			list = append(list, s)
		}
	}
	return list
}

// unmarkParts returns the SQL that forgets the notes of a table's parts.
func (j *journal) unmarkParts(s *Step) string {
	return fmt.Sprintf("DELETE FROM %s WHERE step = %s AND part < 0", j.table(s), script.Literal(s.Key, j.std))
}
