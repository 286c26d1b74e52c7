package restore

import "time"

// EventType says what an [Event] reports.
type EventType uint8

const (
	EventStarted  EventType = iota // a step began
	EventProgress                  // about twice a second while anything runs: how far all is
	EventDone                      // a step ended well
	EventFailed                    // a step failed; see Event.Err
	EventSkipped                   // a step will not run, because of Event.Cause
	EventSettings                  // the sessions' settings were chosen: Event.Text
	EventNotice                    // the server, or the restore itself, says something: Event.Text
	EventIgnored                   // a step failed, and by [Options.Policy] that does not count; see Event.Err
)

// An Event is something that happened during a restore.
type Event struct {
	Type     EventType
	Time     time.Time
	Step     *Step         // the step it is about; nil for EventProgress and some notices
	Worker   int           // the connection that runs it, from 0
	Duration time.Duration // EventDone, EventFailed: how long the step took
	Rows     int64         // EventDone of data: rows loaded
	Bytes    int64         // EventDone of data: bytes of COPY text, SQL or large objects sent
	Err      *StepError    // EventFailed, EventIgnored
	Cause    *Step         // EventSkipped: the step whose failure is the root of it
	Text     string        // EventNotice, EventSettings
	Progress Progress      // EventProgress
}

// Progress is how far a restore is.
type Progress struct {
	Phase       Phase
	Steps, Done int   // steps in the plan; those ended, in whatever way
	Failed      int   // steps that failed
	Stored      int64 // bytes of the archive's data read
	StoredTotal int64 // bytes of data that the plan will read; 0 if unknown
	Rows, Bytes int64 // loaded by finished and running steps (rows: finished ones)
	Running     []Running

	// Left is how long the rest will take, estimated every few seconds from what
	// the steps so far have taken; 0: nothing to go by yet.
	Left time.Duration
}

// Running is a step under way.
type Running struct {
	Step    *Step
	Worker  int
	Since   time.Time
	Bytes   int64   // data sent so far
	Portion float64 // of the step's stored data, 0 to 1; negative if unknown
	Wait    Wait    // what the server said of it last
	Watched bool    // the server said something
}

// progressEvery is the time between progress events.
const progressEvery = 500 * time.Millisecond

func (w *work) progress() Progress {
	p := Progress{
		Phase: w.sched.Phase(),
		Steps: len(w.plan.Steps), Done: w.ends, Failed: len(w.result.Failed),
		Stored: w.stored, StoredTotal: w.total,
		Rows: w.result.Rows, Bytes: w.result.Bytes,
		Left: time.Duration(w.left.Load()),
	}
	helping := make(map[*slot]bool) // another with its task, which is counted there
	for _, s := range w.slots {
		for _, other := range s.sharing {
			helping[other] = true
		}
	}
	for _, s := range w.slots {
		if len(s.tasks) == 0 || helping[s] {
			continue
		}
		t := s.tasks[0]
		at := s.at.Load()
		for _, other := range s.tasks {
			if at != nil && other.step == at.step {
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

func (w *work) emit(e Event) {
	if w.opts.OnEvent == nil {
		return
	}
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	w.opts.OnEvent(e)
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

// notice tells the loop what the server says. It may be called from workers.
func (w *work) notice(text string) {
	select {
	case w.notices <- text:
	default: // a flood, or nobody listens during BEGIN and COMMIT: never wait for that
	}
}
