package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/pgarc/pgarc/restore"
	"github.com/pgarc/pgarc/toc"
)

// stepTimes are how long the steps of an earlier restore took.
type stepTimes map[stepID][]float64 // seconds, in the order in which they ended

type stepID struct {
	id     toc.DumpID
	kind   toc.Kind
	action string
}

// readStepTimes reads what pgarc restore --json printed.
func readStepTimes(name string) (stepTimes, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, &fileError{name, err}
	}
	defer f.Close()
	times, err := parseStepTimes(f)
	if err != nil {
		return nil, &fileError{name, err}
	}
	return times, nil
}

func parseStepTimes(r io.Reader) (stepTimes, error) {
	times := make(stepTimes)
	dec := json.NewDecoder(r)
	for line := 1; ; line++ {
		var s struct {
			Type    string
			ID      toc.DumpID `json:"dump_id"`
			Kind    toc.Kind
			Action  string
			Seconds *float64
		}
		err := dec.Decode(&s)
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("line %d is not what pgarc restore --json prints: %w", line, err)
		}
		if s.Type != "step" {
			continue
		}
		if s.Seconds == nil || *s.Seconds < 0 || *s.Seconds > 1e9 {
			return nil, fmt.Errorf("line %d: a step without its time in seconds: is this the output of pgarc restore --json?", line)
		}
		key := stepID{s.ID, s.Kind, s.Action}
		times[key] = append(times[key], *s.Seconds)
	}
	if len(times) == 0 {
		return nil, errors.New("no step in it: it should be the output of pgarc restore --json")
	}
	return times, nil
}

// secondsOf returns how long each step of a plan takes: as long as before, or
// where it was not run before as long as estimated, in proportion to what the
// others took. It also returns how many steps were run before.
func (times stepTimes) secondsOf(plan *restore.Plan) (seconds func(*restore.Step) float64, measured int) {
	known := make(map[restore.StepID]float64)
	var took, estimated float64
	steps := make(map[stepID][]*restore.Step)
	for _, s := range plan.Steps {
		key := stepID{s.Entry.ID, s.Entry.Kind, s.Action.String()}
		steps[key] = append(steps[key], s)
	}
	for key, list := range steps {
		before := times[key]
		if n := len(before) - len(list); n > 0 {
			before = before[n:] // several runs in one file: the last counts
		}
		for i, t := range before {
			known[list[i].ID] = t
			took += t
			estimated += restore.Seconds(list[i])
		}
	}
	scale := 1.0
	if took > 0 && estimated > 0 {
		scale = took / estimated
	}
	return func(s *restore.Step) float64 {
		if t, ok := known[s.ID]; ok {
			return t
		}
		return scale * restore.Seconds(s)
	}, len(known)
}
