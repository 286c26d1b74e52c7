package restore

import (
	"context"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/toc"
)

// A feeder walks over an archive that is read as a stream, and tells the loop
// whose data it has come to. It goes on when it is told that these were opened
// or are not wanted, and then as soon as what was opened is read or in memory
// (archive.NewStream says how much of it may be).
type feeder struct {
	arrived chan *toc.Entry // nil: there are no more
	goOn    chan struct{}
	at      *toc.Entry // the entry the loop has not answered for; belongs to the loop
}

// feed starts the walk. It ends with the stream, or with ctx.
func feed(ctx context.Context, a *archive.Reader) *feeder {
	f := &feeder{arrived: make(chan *toc.Entry), goOn: make(chan struct{}, 1)}
	go func() {
		for {
			e, err := a.Next(ctx)
			if err != nil {
				// What is wrong with the stream is told to each step
				// whose data it did not bring, when they are opened.
				e = nil
			}
			select {
			case f.arrived <- e:
			case <-ctx.Done():
				return
			}
			if e == nil {
				return
			}
			select {
			case <-f.goOn:
			case <-ctx.Done():
				return
			}
		}
	}()
	return f
}

// streamed marks the steps whose data come from the stream.
func (p *Plan) streamed() {
	for _, s := range p.Steps {
		s.FromStream = s.Action.IsData() && s.Phase == PhaseMain
		s.Quick = s.Quick && !s.FromStream
	}
}

// arrive takes what the feeder brings.
func (w *work) arrive(e *toc.Entry) {
	if e == nil {
		w.streamEnded = true
		for _, s := range w.plan.Steps { // they will find that there is nothing
			w.sched.Arrived(s.ID)
		}
		return
	}
	w.feeder.at = e
	for _, s := range w.plan.Steps {
		if s.FromStream && s.Entry.ID == e.ID && w.sched.ahead[s.ID] {
			w.sched.Arrived(s.ID)
			return
		}
	}
	w.answer(e) // not wanted
}

// arriveAgain tells a new scheduler where the stream stands.
func (w *work) arriveAgain() {
	switch {
	case w.streamEnded:
		w.arrive(nil)
	case w.feeder != nil && w.feeder.at != nil:
		w.arrive(w.feeder.at)
	}
}

// answer lets the feeder go on, if it stands at the entry.
func (w *work) answer(e *toc.Entry) {
	if w.feeder != nil && w.feeder.at == e {
		w.feeder.at = nil
		w.feeder.goOn <- struct{}{}
	}
}
