package session

import (
	"errors"
	"time"

	"github.com/evshell/ev/control"
	"github.com/evshell/ev/watch"
)

// Active reports whether it watches.
func (w *Watcher) Active() bool { return w.watcher.Active() }

// HasCommand reports whether its events run a command.
func (w *Watcher) HasCommand() bool { return w.exec != nil }

// Stop stops the watcher until Start; the loop goes on, though nothing else may be
// watched. What runs goes on.
func (w *Watcher) Stop() {
	if w.watcher.Active() {
		w.watcher.Stop()
		w.halted = true
		w.session.loop.Ref()
	}
}

// Start starts the watcher after Stop, or after its own end, and counts anew; or, if that
// was not possible before, for the first time.
func (w *Watcher) Start() error {
	switch {
	case w.closed:
		return errors.New("it has been stopped for good")
	case w.watcher.Active():
		return nil
	case !w.started:
		return w.begin()
	}
	before := w.from
	w.from = w.seq
	w.spare()
	if w.gate != nil {
		w.gate.failed = false // it may be had now
	}
	if err := w.watcher.Start(); err != nil {
		w.from = before
		return err
	}
	w.release()
	return nil
}

// release undoes what Stop has done to the loop.
func (w *Watcher) release() {
	if w.halted {
		w.halted = false
		w.session.loop.Unref()
	}
}

// Fire has the watcher emit an event though nothing has happened.
func (w *Watcher) Fire() error {
	if !w.watcher.Active() {
		return errors.New("it is not active: start it first")
	}
	w.watcher.Feed()
	return nil
}

// SetPlace says where the watcher's line stands, for those that share what happens
// (watch.Placed).
func (w *Watcher) SetPlace(n int) {
	if p, ok := w.watcher.(watch.Placed); ok {
		p.SetPlace(n)
	}
}

// Restart stops the commands that run, and runs them once more for the same events.
func (w *Watcher) Restart() {
	for c := range w.commands() {
		c.Restart()
	}
}

// State is how the watcher is.
func (w *Watcher) State() control.Watcher {
	c := control.Watcher{Name: w.Name, Watcher: string(w.Kind), Priority: int(w.Priority), Fires: w.seq}
	switch {
	case w.watcher.Pending():
		c.State = "pending"
	case w.watcher.Active():
		c.State = "active"
	case !w.started:
		c.State = "initialised"
	case w.failed():
		c.State = "failed"
	default:
		c.State = "stopped"
	}
	n, since, waiting := w.runs()
	c.Running, c.Since, c.Waiting = n, known(since), waiting
	if w.outcome != nil {
		c.Status = &w.outcome.Status
	}
	c.Last = known(w.last)
	if d, ok := w.watcher.(watch.Dated); ok && c.State != "stopped" && c.State != "failed" {
		if at, ok := d.At(); ok {
			c.Due = &at
		}
	}
	return c
}

func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
