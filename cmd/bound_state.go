package cmd

import (
	"errors"
	"time"

	"github.com/evshell/ev/control"
	"github.com/evshell/ev/watch"
)

// halt stops the watcher until restart. What runs goes on.
func (v *bound) halt() {
	if v.watcher.Active() {
		v.watcher.Stop()
		v.halted = true
		v.session.loop.Ref()
	}
}

// restart starts the watcher after halt, or after its own end; it counts anew.
func (v *bound) restart() error {
	if v.watcher.Active() {
		return nil
	}
	if err := v.watcher.Start(); err != nil {
		return err
	}
	v.from = v.seq
	v.release()
	return nil
}

// release undoes what halt has done to the loop.
func (v *bound) release() {
	if v.halted {
		v.halted = false
		v.session.loop.Unref()
	}
}

// fire has the watcher emit an event though nothing has happened.
func (v *bound) fire() error {
	if !v.watcher.Active() {
		return errors.New("it is not active: start it first")
	}
	v.watcher.Feed()
	return nil
}

// state is how the binding is.
func (v *bound) state() control.Watcher {
	w := control.Watcher{Name: v.Name, Watcher: string(v.Kind), Priority: int(v.Priority), Fires: v.seq}
	switch {
	case v.watcher.Pending():
		w.State = "pending"
	case v.watcher.Active():
		w.State = "active"
	case !v.started:
		w.State = "initialised"
	default:
		w.State = "stopped"
	}
	if v.exec != nil {
		n, since := v.exec.Running()
		w.Running, w.Since, w.Waiting = n, known(since), v.exec.Waiting()
	}
	if v.outcome != nil {
		w.Status = &v.outcome.Status
	}
	w.Last = known(v.last)
	if d, ok := v.watcher.(watch.Dated); ok && w.State != "stopped" {
		if at, ok := d.At(); ok {
			w.Due = &at
		}
	}
	return w
}

func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
