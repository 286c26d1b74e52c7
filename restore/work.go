package restore

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/toc"
)

// work is a restore under way. All of it belongs to the goroutine of loop;
// workers only run the task that they were given and send it back.
type work struct {
	plan   *Plan
	opts   Options
	single bool            // one connection
	config *pgconn.Config  // of the database that is current
	damage error           // of the archive, as far as it is known before reading it
	stream *archive.Reader // the archive, if its data come in their own order; else nil
	exec   executor

	sched       *Scheduler
	slots       []*slot
	ended       chan *slot
	opened      chan *toc.Entry // whose data a worker has taken from the stream
	feeder      *feeder         // nil: not a stream
	streamEnded bool            // it brings no more
	notices     chan string

	result       Result
	begun        time.Time
	times        []StepTime
	phases       [lastPhase + 1]struct{ first, last time.Time }
	counted      [lastPhase + 1]int
	stored       int64 // bytes of the archive read by tasks that have ended
	total        int64
	ends         int       // steps ended, in whatever way
	settings     []Setting // of all sessions
	savesWorkers bool      // index builds go without parallel workers: see worksAlone
	archive      *archive.Reader
	losses       map[StepID]int  // how often a step has lost its connection
	doubts       map[StepID]bool // steps of which a lost connection may have done something
	booked       []booked        // steps that have done something, in the order of their ends; only ever appended to
	earlier      map[StepID]bool // steps that an earlier run had done
	unsure       bool            // a connection was lost: the server may have lost commits
	rewinds      bool            // it has: once nothing runs, go on as the journal says

	journalOpened bool  // or found to be not wanted
	batch         batch // belongs to the one task that runs, and between tasks to the loop
	keeper        *keeper
	endWatch      func()        // ends the watching; nil: it has not begun
	usurper       atomic.Uint32 // a process of another restore that has taken the lock
	waits         chan map[uint32]Wait
	lastWaits     map[uint32]Wait // by process
	left          atomic.Int64    // time.Duration that the rest is estimated to take; 0: nothing to go by
	estimated     time.Time       // when it was
	rates         rates
	made          map[toc.DumpID]bool // tables made here
	roots         map[StepID]*Step    // failed and skipped steps, and the failure at the root
	ignored       map[StepID]bool     // failed steps whose failure does not count
	full          int                 // steps that failed for want of disk space, since one that needs some went well
	refused       []RowCount          // tables of which not every row was taken
	tablesCounted int                 // whose rows were counted
}

func (w *work) init() {
	n := max(w.opts.Jobs, 1)
	if w.single {
		n = 1
	}
	for i := range n {
		w.slots = append(w.slots, &slot{number: i})
	}
	w.ended = make(chan *slot)
	w.opened = make(chan *toc.Entry)
	w.waits = make(chan map[uint32]Wait)
	w.losses = make(map[StepID]int)
	w.doubts = make(map[StepID]bool)
	w.earlier = make(map[StepID]bool)
	w.made = make(map[toc.DumpID]bool)
	w.roots = make(map[StepID]*Step)
	w.ignored = make(map[StepID]bool)
	w.result.Steps = len(w.plan.Steps)
	for _, s := range w.plan.Steps {
		if s.Action.IsData() {
			w.total += max(s.Entry.DataSize, 0)
		}
	}
}

// loop hands out steps until all have ended, or the restore has to stop. The
// error is of the latter kind: the server is lost.
func (w *work) loop(ctx context.Context) error {
	whole := ctx
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := func() { // what runs on the server, and what reads a pipe that may give nothing more
		cancel()
		if w.stream != nil {
			w.stream.Close()
		}
	}
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	var arrived chan *toc.Entry
	if w.stream != nil {
		w.feeder = feed(ctx, w.stream)
		arrived = w.feeder.arrived
	}
	done := ctx.Done()
	var fatal error
	for running := 0; ; {
		if running == 0 && fatal == nil && ctx.Err() == nil {
			fatal = w.betweenTasks(ctx)
		}
		if w.journalOpened && w.endWatch == nil {
			w.endWatch = w.watch(whole)
		}
		for fatal == nil && ctx.Err() == nil && !w.rewinds && w.launch(ctx) {
			running++
		}
		if running == 0 && (fatal != nil || ctx.Err() != nil || !w.sched.Waits()) {
			if fatal == nil && ctx.Err() == nil {
				fatal = w.makeSure(ctx)
			}
			w.drainNotices()
			if w.rewinds && fatal == nil && ctx.Err() == nil {
				continue
			}
			return fatal
		}
		select {
		case s := <-w.ended:
			running--
			w.drainNotices()
			if err := w.collect(ctx, s); err != nil && fatal == nil {
				fatal = err
				stop()
			}
			if w.result.Stopped {
				stop()
			}
		case e := <-arrived:
			w.arrive(e)
		case e := <-w.opened:
			w.answer(e)
		case <-done:
			done = nil
		case text := <-w.notices:
			w.emit(Event{Type: EventNotice, Text: text})
		case w.lastWaits = <-w.waits:
		case now := <-tick.C:
			if pid := w.usurper.Load(); pid != 0 && fatal == nil {
				fatal = &Unfinished{Name: w.opts.Name, Running: pid}
				stop()
			}
			w.estimate(now)
			w.emit(Event{Type: EventProgress, Time: now, Progress: w.progress()})
		}
	}
}

// launch gives the next step to an idle slot, if there are both, and with a
// quick step more of them.
func (w *work) launch(ctx context.Context) bool {
	i := slices.IndexFunc(w.slots, func(s *slot) bool { return len(s.tasks) == 0 && !s.retired })
	if i < 0 {
		return false
	}
	step, ok := w.sched.Next()
	if !ok {
		return false
	}
	s := w.slots[i]
	s.since, s.connectErr, s.known, s.lacks = time.Now(), nil, w.booked, false
	w.give(s, step)
	if step.Quick {
		for most := w.aheadMost(); len(s.tasks) < most; {
			step, ok := w.sched.Follow()
			if !ok {
				break
			}
			w.give(s, step)
		}
	}
	for n := w.splits(step) - 1; n > 0; n-- {
		if i := slices.IndexFunc(w.slots, func(s *slot) bool { return len(s.tasks) == 0 && !s.retired }); i >= 0 {
			w.slots[i].tasks, w.slots[i].known = s.tasks, w.booked
			s.sharing = append(s.sharing, w.slots[i])
		}
	}
	go func() {
		w.work(ctx, s)
		w.ended <- s
	}()
	return true
}

// aheadMost returns how many quick steps go to one connection at once, so that
// the others get some too.
func (w *work) aheadMost() int {
	if w.sched.inOrder() {
		return aheadMost
	}
	return min(aheadMost, 1+w.sched.Ready()/len(w.slots))
}

// give adds a step to what a slot works on.
func (w *work) give(s *slot, step *Step) {
	t := &task{step: step, fresh: step.Freeze && w.made[w.tableOf(step)], doubt: w.doubts[step.ID], batched: w.batched(step), alone: w.worksAlone(step)}
	t.knows(w.exec.journal.before(step))
	s.tasks = append(s.tasks, t)
	if w.stream != nil && step.FromStream {
		t.opened = func() { w.opened <- step.Entry }
	}
	if p := &w.phases[step.Phase]; p.first.IsZero() {
		p.first = s.since
	}
	w.emit(Event{Type: EventStarted, Step: step, Worker: s.number})
}

// tableOf returns the table whose data a step loads.
func (w *work) tableOf(step *Step) toc.DumpID {
	for _, id := range step.Entry.Deps {
		if e := w.exec.toc.Lookup(id); e != nil && isTable(e) {
			return id
		}
	}
	return 0
}

// work runs a slot's tasks, connecting first if need be. It is the only part
// that runs outside the loop's goroutine.
func (w *work) work(ctx context.Context, s *slot) {
	if s.session == nil {
		if s.connectErr = w.connectSlot(ctx, s); s.connectErr != nil || s.lacks {
			return
		}
	}
	s.session.at = &s.at
	defer s.at.Store(nil)
	for _, other := range s.sharing {
		if w.share(ctx, other) {
			s.tasks[0].sharing = append(s.tasks[0].sharing, other.session)
		}
	}
	if len(s.tasks) > 1 {
		w.runMany(ctx, s.session, s.tasks)
		return
	}
	if w.beginBatch(ctx, s.session, s.tasks[0]) {
		w.runOne(ctx, s.session, s.tasks[0])
	}
}
