package restore

import (
	"cmp"
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

	sched   *Scheduler
	slots   []*slot
	ended   chan *slot
	opened  chan *toc.Entry // whose data a worker has taken from the stream
	feeder  *feeder         // nil: not a stream, or at its end
	notices chan string

	result   Result
	begun    time.Time
	times    []StepTime
	phases   [lastPhase + 1]struct{ first, last time.Time }
	counted  [lastPhase + 1]int
	stored   int64 // bytes of the archive read by tasks that have ended
	total    int64
	ends     int       // steps ended, in whatever way
	settings []Setting // of all sessions
	archive  *archive.Reader
	losses   map[StepID]int  // how often a step has lost its connection
	doubts   map[StepID]bool // steps of which a lost connection may have done something
	booked   []booked        // steps that ended well, in that order; only ever appended to
	earlier  map[StepID]bool // steps that an earlier run had done
	unsure   bool            // a connection was lost: the server may have lost commits
	rewinds  bool            // it has: once nothing runs, go on as the journal says

	journalOpened bool  // or found to be not wanted
	batch         batch // belongs to the one task that runs, and between tasks to the loop
	keeper        *keeper
	usurper       atomic.Uint32 // a process of another restore that has taken the lock
	waits         chan map[uint32]Wait
	lastWaits     map[uint32]Wait // by process
	rates         rates
	made          map[toc.DumpID]bool // tables made here
	roots         map[StepID]*Step    // failed and skipped steps, and the failure at the root
	ignored       map[StepID]bool     // failed steps whose failure does not count
	refused       []RowCount          // tables of which not every row was taken
	tablesCounted int                 // whose rows were counted
}

// A slot is a place for one connection and the task that it works on.
type slot struct {
	number  int
	tasks   []*task // none: idle; several: sent ahead together
	sharing []*slot // that work on the same task: see splits
	since   time.Time
	had     bool // it was connected once
	pid     atomic.Uint32
	at      atomic.Pointer[Step] // what the server works on, of several that were sent
	retired bool                 // the server would not take this connection
	alive   bool                 // connected when its last task ended

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

// progressEvery is the time between progress events.
const progressEvery = 500 * time.Millisecond

// slowestKept is how many of the slowest steps the result names.
const slowestKept = 10

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
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	watching := false
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
		if w.journalOpened && !watching {
			watching = true
			defer w.watch(ctx)()
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
	t := &task{step: step, fresh: step.Freeze && w.made[w.tableOf(step)], doubt: w.doubts[step.ID], batched: w.batched(step)}
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
		if !lost || ctx.Err() != nil || n == attempts-1 {
			return err
		}
		s.had = true
		pause(ctx, backoff(n))
	}
}

// collect takes back a slot whose tasks have ended.
func (w *work) collect(ctx context.Context, s *slot) error {
	tasks := s.tasks
	s.tasks = nil
	for _, other := range s.sharing {
		other.tasks = nil
		if other.session != nil && other.session.lost() {
			other.drop()
			w.unsure = true
		}
		other.alive = other.session != nil
	}
	s.sharing = nil
	if s.connectErr != nil || s.lacks {
		for _, t := range slices.Backward(tasks) {
			w.sched.Requeue(t.step.ID)
		}
		if s.connectErr != nil {
			return w.retire(ctx, s)
		}
		s.alive, w.rewinds = true, true
		return nil
	}
	s.alive = !s.session.lost()
	if !s.alive {
		s.drop()
		w.unsure = true
		w.batch = batch{} // rolled back; the journal does not have it
	}
	for _, t := range tasks {
		switch {
		case t.fatal != nil && ctx.Err() == nil:
			return t.fatal
		case t.fatal != nil: // interrupted: it is one of those left
			continue
		case !s.alive && w.requeue(ctx, t):
			continue
		}
		w.record(ctx, s, t)
		if err := w.endOfBatch(ctx, s, t); err != nil {
			return err
		}
		if t.step.Reconnect != "" {
			w.moveTo(t.step.Reconnect)
		}
	}
	return nil
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

// record books how a task ended and tells of it.
func (w *work) record(ctx context.Context, s *slot, t *task) {
	now := time.Now()
	took := t.took
	if took == 0 {
		took = now.Sub(s.since)
	}
	w.phases[t.step.Phase].last = now
	w.answer(t.step.Entry) // if it failed before it opened its data
	w.counted[t.step.Phase]++
	w.ends++
	if t.step.Action.IsData() {
		w.stored += max(t.step.Entry.DataSize, 0)
	}
	if t.err != nil && isInterrupt(ctx, t.err.Err) {
		w.sched.Done(t.step.ID, OutcomeDone) // nothing more is launched; it counts as left
		return
	}
	w.result.Rows += t.rows
	w.result.Bytes += t.bytes.Load()
	w.times = append(w.times, StepTime{t.step, took, t.rows, t.bytes.Load()})
	if len(w.times) > 1000 {
		w.keepSlowest()
	}
	if t.err == nil {
		w.result.Restored++
		if t.counted {
			w.tablesCounted++
		}
		if t.counted && t.archived != t.rows {
			w.refused = append(w.refused, RowCount{Entry: t.step.Entry, Loaded: t.rows, Archive: t.archived})
		}
		w.booked = append(w.booked, booked{t.step, t.rows, t.bytes.Load()})
		w.learn(t.step, took)
		if t.step.Entry.Kind == toc.Table {
			w.made[t.step.Entry.ID] = true
		}
		w.sched.Done(t.step.ID, OutcomeDone)
		w.emit(Event{Type: EventDone, Step: t.step, Worker: s.number, Duration: took, Rows: t.rows, Bytes: t.bytes.Load()})
		return
	}
	if root := w.rootOf(t.step); root != nil { // it was sent before that had failed
		w.skip(t.step, root, w.sched.Done(t.step.ID, OutcomeFailed))
		return
	}
	outcome := EventFailed
	t.err = w.opts.foremost(t.err)
	if w.opts.ignores(t.err) {
		outcome = EventIgnored
		w.ignored[t.step.ID] = true
		w.result.Ignored = append(w.result.Ignored, t.err)
	} else {
		w.result.Failed = append(w.result.Failed, t.err)
		w.result.Stopped = w.opts.ExitOnError || w.opts.SingleTransaction
	}
	w.emit(Event{Type: outcome, Step: t.step, Worker: s.number, Duration: took, Err: t.err})
	w.failed(t)
}

// rootOf returns the failure because of which a step makes no sense; nil if
// there is none.
func (w *work) rootOf(step *Step) *Step {
	for _, id := range step.Requires {
		if root := w.roots[id]; root != nil {
			return root
		}
	}
	return nil
}

// failed ends a failed task. An object that is there, though its owner could not
// be set or it was there before, keeps nothing from being restored.
func (w *work) failed(t *task) {
	var skipped []*Step
	switch {
	case !t.err.isThere():
		w.roots[t.step.ID] = t.step
		skipped = w.sched.Done(t.step.ID, OutcomeFailed)
	default:
		w.sched.Done(t.step.ID, OutcomeDone)
		if w.opts.NoDataForFailedTables && isTable(t.step.Entry) {
			skipped = w.sched.SkipData(t.step.ID)
		}
	}
	w.skip(nil, t.step, skipped)
}

// skip tells of the steps that will not run because of a failure: one that was
// tried already, if there is such, and those that the scheduler gave up.
func (w *work) skip(tried, cause *Step, skipped []*Step) {
	if tried != nil {
		skipped = append([]*Step{tried}, skipped...)
	}
	if w.result.Stopped {
		return // all that is left is left
	}
	for _, step := range skipped {
		w.roots[step.ID] = cause
		if step != tried {
			w.answer(step.Entry)
			w.ends++
		}
		if step.Entry == cause.Entry && step.Action != ActionDrop && !step.Action.IsData() {
			w.result.Steps-- // it would have gone on with what failed
			continue
		}
		if w.ignored[cause.ID] && isAttachment(step.Entry) {
			w.result.IgnoredSkips = append(w.result.IgnoredSkips, Skip{Step: step, Cause: cause})
			continue
		}
		w.result.Skipped = append(w.result.Skipped, Skip{Step: step, Cause: cause})
		w.emit(Event{Type: EventSkipped, Step: step, Cause: cause})
	}
}

func (w *work) keepSlowest() {
	slices.SortStableFunc(w.times, func(a, b StepTime) int { return cmp.Compare(b.Duration, a.Duration) })
	w.times = w.times[:min(len(w.times), slowestKept)]
}

// finish completes the result.
func (w *work) finish(ctx context.Context) *Result {
	w.keepSlowest()
	r := &w.result
	r.Interrupted = ctx.Err() != nil
	r.Begun, r.Duration = w.begun, time.Since(w.begun)
	r.Database = w.config.Database
	r.Slowest = w.times
	r.Left = r.Steps - r.Earlier - r.Restored - len(r.Failed) - len(r.Skipped) - len(r.Ignored) - len(r.IgnoredSkips)
	for p, t := range w.phases {
		if !t.first.IsZero() {
			r.Phases = append(r.Phases, PhaseTime{Phase(p), w.counted[p], t.last.Sub(t.first)})
		}
	}
	return r
}

func (w *work) progress() Progress {
	p := Progress{
		Phase: w.sched.Phase(),
		Steps: len(w.plan.Steps), Done: w.ends, Failed: len(w.result.Failed),
		Stored: w.stored, StoredTotal: w.total,
		Rows: w.result.Rows, Bytes: w.result.Bytes,
	}
	for _, s := range w.slots {
		if len(s.tasks) == 0 {
			continue
		}
		t := s.tasks[0]
		at := s.at.Load()
		for _, other := range s.tasks {
			if other.step == at {
				t = other
			}
		}
		r := Running{Step: t.step, Worker: s.number, Since: s.since, Bytes: t.bytes.Load(), Portion: -1}
		r.Wait, r.Watched = w.lastWaits[s.pid.Load()]
		stored := t.stored()
		if size := t.step.Entry.DataSize; size > 0 && t.step.Action.IsData() {
			stored = min(stored, size)
			r.Portion = float64(stored) / float64(size)
		}
		p.Stored += stored
		p.Bytes += r.Bytes
		p.Running = append(p.Running, r)
	}
	return p
}

func (w *work) drainNotices() {
	for {
		select {
		case text := <-w.notices:
			w.emit(Event{Type: EventNotice, Text: text})
		default:
			return
		}
	}
}

func (w *work) emit(e Event) {
	if w.opts.OnEvent == nil {
		return
	}
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	w.opts.OnEvent(e)
}
