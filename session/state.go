package session

import (
	"errors"
	"syscall"
	"time"

	"github.com/evshell/ev/control"
	"github.com/evshell/ev/event"
	"github.com/evshell/ev/watch"
)

// Active reports whether it watches.
func (w *Watcher) Active() bool { return w.watcher.Active() }

// HasCommand reports whether its events run a command.
func (w *Watcher) HasCommand() bool { return w.Exec != nil }

// Stop stops the watcher until Start; the loop goes on, though nothing else may be watched. What
// runs goes on. What waits for a lock is given up.
func (w *Watcher) Stop() {
	if !w.watcher.Active() && (w.gate == nil || len(w.gate.waiting) == 0) {
		return
	}
	w.watcher.Stop()
	if !w.halted {
		w.halted = true
		w.session.loop.Ref()
	}
	if w.gate != nil {
		w.gate.giveUp()
	}
}

// Start starts the watcher after Stop, or after its own end, and counts anew; or, if that was not
// possible before, for the first time.
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
	if w.gate != nil {
		w.gate.rescue()
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

// SetPlace says where the watcher's line stands, for those that share what happens (watch.Placed).
func (w *Watcher) SetPlace(n int) {
	if p, ok := w.watcher.(watch.Placed); ok {
		p.SetPlace(n)
	}
}

// Key is that of its Line.
func (w *Watcher) Key() string { return w.key }

// Restart stops the child, or the commands that run, and runs them once more for the same events.
// Where nothing runs it starts the child, or runs the command for the last event.
func (w *Watcher) Restart() error {
	switch {
	case w.closed:
		return errors.New("it has been stopped for good")
	case w.Child != nil:
		if n, _ := w.child.Running(); n > 0 {
			w.child.Restart()
			return nil
		}
		w.watcher.Stop() // it may wait to start it again
		return w.Start()
	case w.Exec == nil:
		return errors.New("it runs no command")
	}
	if w.work != nil && w.exec != nil {
		if n, _ := w.exec.Running(); n > 0 {
			w.exec.Restart()
			return nil
		}
	}
	if err := w.repeatable(); err != nil {
		return err
	}
	w.exec.Do(*w.repeat)
	return nil
}

// repeatable is why the last event can't have another run.
func (w *Watcher) repeatable() error {
	if w.work == nil || w.repeat == nil {
		return errors.New("there is no event yet to run again: fire it")
	}
	request, asks := w.repeat.Detail.(event.HTTP)
	var p event.Payload
	if c, ok := w.repeat.Detail.(event.Carrier); ok {
		p = c.Payload(w.Exec.Sep)
	}
	if asks && request.Exchange != nil || p.File != nil || p.Out != nil || w.repeat.Lock != nil {
		return errors.New("its last event can't be run again: its request, descriptor or lock is gone")
	}
	return nil
}

// Signal sends a signal to what runs.
func (w *Watcher) Signal(by syscall.Signal) error {
	some := false
	for c := range w.commands() {
		some = c.Signal(by) || some
	}
	if !some {
		return errors.New("no command of it is running")
	}
	return nil
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
	if s, ok := w.watcher.(watch.Sighted); ok {
		c.Unseen = s.Unseen()
	}
	n, since, waiting := w.runs()
	c.Running, c.Since, c.Waiting = n, known(since), waiting
	if w.work != nil {
		c.Last = known(w.last)
	}
	if w.work != nil && w.outcome != nil {
		c.Status = &w.outcome.Status
		if took := w.outcome.Elapsed.Seconds(); took > 0 {
			c.Took = &took
		}
	}
	if w.gate != nil {
		c.Lock, c.LockSince = w.gate.state()
	}
	if q, ok := w.watcher.(watch.Queued); ok {
		if n, ok := q.Waiting(); ok {
			c.Pending = &n
		}
	}
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
