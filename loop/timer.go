package loop

import (
	"math"
	"time"
	"unsafe"
)

// A Timer fires once a span of monotonic time has passed, and then, if it repeats, each time
// another has. Time for which the loop was suspended, or the machine asleep, does not count. It is
// never early.
type Timer struct {
	Watcher
	node   node // while inactive, its at is the span after which it is to fire
	repeat int64
	due    int64
	missed int64
}

// NewTimer makes a timer that fires after a span, at once if it is not positive, and then every
// repeat; without one (0 or less) it is a one-shot, which stops before fn is called.
func NewTimer(l *Loop, after, repeat time.Duration, fn func()) *Timer {
	t := &Timer{Watcher: Watcher{loop: l, call: fn}}
	t.Set(after, repeat)
	return t
}

// timerOf returns the timer that a node is part of.
//
// Safety: the heap of timers has nodes of Timers alone, each the field of one that the heap's
// pointer keeps alive.
func timerOf(n *node) *Timer {
	return (*Timer)(unsafe.Add(unsafe.Pointer(n), -int(unsafe.Offsetof(Timer{}.node))))
}

// Set gives a timer new spans. A timer that is active keeps its due time, and repeat counts from
// its next tick on.
func (t *Timer) Set(after, repeat time.Duration) {
	if !t.active {
		t.node.at = max(int64(after), 0)
	}
	t.repeat = max(int64(repeat), 0)
}

// Start starts the timer, counting from the loop's time: in a call, from the turn's beginning
// ([Loop.UpdateNow] brings it up to date); outside Run, from now. A timer that was stopped goes on
// with what was left of its span; a one-shot that has fired has nothing left, and is to be Set
// first.
func (t *Timer) Start() {
	if t.start() {
		t.loop.noticeStops(t.node.at)
		t.loop.freshen()
		t.loop.timers.push(&t.node, plus(t.loop.mono, t.node.at))
	}
}

// Stop stops the timer and keeps what is left of its span.
func (t *Timer) Stop() {
	if t.stop() {
		t.loop.freshen()
		t.loop.timers.remove(&t.node)
		t.node.at -= t.loop.mono
	}
}

// Again is for timeouts that activity puts off. It clears what is pending, then: a timer that is
// active and repeats starts its span anew; one that is active and does not repeat is stopped; one
// that is inactive and repeats is started with its repeat as the span; and one that is inactive and
// does not repeat is left alone.
func (t *Timer) Again() {
	t.ClearPending()
	switch {
	case t.active && t.repeat > 0:
		t.loop.freshen()
		t.loop.timers.move(&t.node, plus(t.loop.mono, t.repeat))
	case t.active:
		t.Stop()
	case t.repeat > 0:
		t.node.at = t.repeat
		t.Start()
	}
}

// Remaining returns how long it is until the timer fires, or, if it is not active, what it would be
// at Start.
func (t *Timer) Remaining() time.Duration {
	if !t.active {
		return time.Duration(t.node.at)
	}
	return time.Duration(t.node.at - t.loop.mono)
}

// Due returns when the tick that the function is called for was due, as a time of the wall clock as
// it is now.
func (t *Timer) Due() time.Time {
	return t.loop.now.Add(time.Duration(t.due - t.loop.mono))
}

// Missed returns how many ticks went by between the last one that the function was called for and
// this one.
func (t *Timer) Missed() int64 { return t.missed }

// plus returns at+span, or the end of time where that does not fit.
func plus(at, span int64) int64 {
	if sum := at + span; span <= 0 || sum > at {
		return sum
	}
	return math.MaxInt64
}

// feedTimers makes the timers pending whose time has come.
func (l *Loop) feedTimers() {
	l.timers.take(l.mono, func(n *node) {
		t := timerOf(n)
		t.due, t.missed = n.at, 0
		if t.repeat > 0 {
			t.missed = (l.mono - t.due) / t.repeat
			t.due += t.missed * t.repeat
			l.timers.push(n, plus(t.due, t.repeat))
		} else {
			n.at = 0
			t.expire()
		}
		t.Feed()
	})
}
