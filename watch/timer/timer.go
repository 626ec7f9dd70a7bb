// Package timer tells that a span of time has passed: ev timer.
package timer

import (
	"slices"
	"time"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/watch"
)

// Options say when a Watcher fires.
type Options struct {
	After  time.Duration
	Repeat time.Duration // 0: once

	// AgainOn make what has the timer begin again with After.
	AgainOn []NewActivity
}

// An Activity puts a Timer off, by an event each time. Any [Watcher] can; once it is not active any
// more it has come to its end.
type Activity interface {
	Start() error
	Stop()
	Active() bool
}

// NewActivity makes an Activity that emits to again.
type NewActivity func(l *loop.Loop, again watch.Emit) (Activity, error)

// A Watcher emits event.Timer once a span of monotonic time has passed, and then after each repeat.
//
// One with activities is what libev uses ev_timer_again for: each activity has the span begin anew,
// also after the timer has fired, so that there is one event for each time of silence, or, with a
// repeat, several. It ends when all of its activities have.
type Watcher struct {
	loop       *loop.Loop
	timer      *loop.Timer
	fed        *watch.Feed // nil: not yet
	after      time.Duration
	repeat     time.Duration // 0: once
	emit       watch.Emit
	activities []Activity
	span       time.Duration
	paused     bool
}

var _ watch.Watcher = (*Watcher)(nil)

// New makes a timer.
func New(l *loop.Loop, o Options, emit watch.Emit) (*Watcher, error) {
	t := &Watcher{loop: l, after: o.After, repeat: o.Repeat, emit: emit, span: o.After}
	t.timer = loop.NewTimer(l, o.After, o.Repeat, t.fire)
	for _, make := range o.AgainOn {
		a, err := make(l, t.again)
		if err != nil {
			return nil, err
		}
		t.activities = append(t.activities, a)
	}
	return t, nil
}

// Start begins the span, or, after a Stop, what was left of it.
func (t *Watcher) Start() error {
	if t.Active() {
		return nil
	}
	for _, a := range t.activities {
		if err := a.Start(); err != nil {
			t.Stop()
			return err
		}
	}
	if t.timer.Remaining() <= 0 {
		t.reset()
	}
	t.timer.Start()
	return nil
}

// Stop ends the timer and its activities.
func (t *Watcher) Stop() {
	t.Resume()
	t.timer.Stop()
	t.fed.Forget()
	for _, a := range t.activities {
		a.Stop()
	}
}

// Feed emits an event that is due now and changes nothing of the span.
func (t *Watcher) Feed() { watch.AddTo(&t.fed, t.loop, t.timer.Priority(), t.fireNow) }

// Active reports whether the timer runs, is paused, or may be started by an activity.
func (t *Watcher) Active() bool { return t.timer.Active() || t.paused || t.listens() }

// listens reports whether there may be activity yet.
func (t *Watcher) listens() bool { return slices.ContainsFunc(t.activities, Activity.Active) }

// Pending reports whether an event waits to be emitted.
func (t *Watcher) Pending() bool { return t.timer.Pending() || t.fed.Pending() }

// Failed reports whether an error has ended an activity.
func (t *Watcher) Failed() bool {
	return slices.ContainsFunc(t.activities, func(a Activity) bool {
		f, ok := a.(watch.Failer)
		return ok && f.Failed()
	})
}

// SetPriority sets the timer's priority.
func (t *Watcher) SetPriority(p loop.Priority) {
	t.timer.SetPriority(p)
	t.fed.SetPriority(p)
}

// Remaining returns how long it is until the timer fires.
func (t *Watcher) Remaining() time.Duration { return t.timer.Remaining() }

// At returns when the next event is due, and false if nothing but activity or a key decides that.
func (t *Watcher) At() (time.Time, bool) {
	if t.paused || t.Active() && !t.timer.Active() {
		return time.Time{}, false
	}
	left := t.timer.Remaining()
	if !t.timer.Active() && left <= 0 {
		left = t.after
	}
	return t.loop.Now().Add(left), true
}

// fire emits a tick. A one-shot has stopped by then, and with it, unless there may be activity, all
// that belongs to it.
func (t *Watcher) fire() {
	if t.repeat > 0 {
		t.span = t.repeat
	}
	d := t.detail(t.timer.Due())
	d.Late, d.Missed = t.loop.Now().Sub(d.Due), t.timer.Missed()
	t.emit(d)
}

func (t *Watcher) fireNow() { t.emit(t.detail(t.loop.Now())) }

func (t *Watcher) detail(due time.Time) event.Timer {
	return event.Timer{After: t.after, Repeat: t.repeat, Due: due}
}

// again begins the span anew, unless this was the end of the last activity.
func (t *Watcher) again(event.Detail) {
	if !t.listens() {
		t.Stop()
		return
	}
	t.timer.Stop()
	t.reset()
	if !t.paused {
		t.timer.Start()
	}
}

// reset has the next Start begin with the whole span.
func (t *Watcher) reset() {
	t.span = t.after
	t.timer.Set(t.after, t.repeat)
}

// Span returns what the time that is left began with.
func (t *Watcher) Span() time.Duration { return t.span }

// Counting reports whether the time runs: it is neither paused, nor waits for activity.
func (t *Watcher) Counting() bool { return t.timer.Active() }

// Paused reports whether the time stands still because of Pause.
func (t *Watcher) Paused() bool { return t.paused }

// Pause stops the clock of a timer that runs, but keeps the loop alive for it.
func (t *Watcher) Pause() {
	if t.timer.Active() && !t.paused {
		t.paused = true
		t.loop.Ref()
		t.timer.Stop()
	}
}

// Resume goes on with what was left.
func (t *Watcher) Resume() {
	if t.paused {
		t.paused = false
		t.timer.Start()
		t.loop.Unref()
	}
}
