package loop

import (
	"math"
	"time"
	"unsafe"
)

// A Periodic fires when the wall clock reaches an instant, then asks its rule for the next one. It
// is for what people mean by a time of day: it follows every step of the clock.
type Periodic struct {
	Watcher
	node node
	next func(after time.Time) (time.Time, bool)
	due  int64
}

// NewPeriodic makes a periodic. next is given the present and returns the instant at which to fire,
// or false for never again, which stops the periodic. It is asked at Start, before each call of fn,
// and whenever the wall clock has been stepped by a second or more; that a step has passed an
// instant over is for it to notice. An instant that is not after the present fires at once. next
// must not touch the loop.
//
// libev's three forms are three rules: an absolute time is always the answer, and fn stops the
// periodic; an interval answers with the next point of a grid; a reschedule callback is the rule
// itself.
func NewPeriodic(l *Loop, next func(after time.Time) (time.Time, bool), fn func()) *Periodic {
	return &Periodic{Watcher: Watcher{loop: l, call: fn}, next: next}
}

// periodicOf returns the periodic that a node is part of.
//
// Safety: the heap of periodics has nodes of Periodics alone, each the field of one that the heap's
// pointer keeps alive.
func periodicOf(n *node) *Periodic {
	return (*Periodic)(unsafe.Add(unsafe.Pointer(n), -int(unsafe.Offsetof(Periodic{}.node))))
}

// Start asks for the first instant and starts the periodic, unless there is none.
func (p *Periodic) Start() {
	if p.active {
		return
	}
	p.loop.freshen()
	if at, ok := p.ask(); ok {
		p.start()
		p.loop.watchClock()
		p.loop.periodics.push(&p.node, at)
	}
}

// Stop stops the periodic.
func (p *Periodic) Stop() {
	if p.stop() {
		p.loop.periodics.remove(&p.node)
	}
}

// Again asks for the next instant anew, as if the clock had been stepped, and starts the periodic
// if it is not active.
func (p *Periodic) Again() {
	p.Stop()
	p.Start()
}

// At returns the instant for which the periodic is set, and false if it is not active.
func (p *Periodic) At() (time.Time, bool) {
	if !p.active {
		return time.Time{}, false
	}
	return time.Unix(0, p.node.at), true
}

// Due returns the instant that the function is called for.
func (p *Periodic) Due() time.Time { return time.Unix(0, p.due) }

// ask returns the rule's next instant, in nanoseconds since 1970. What lies outside the years that
// can be counted so is as far away as can be.
func (p *Periodic) ask() (int64, bool) {
	t, ok := p.next(p.loop.now.Round(0))
	switch {
	case !ok:
		return 0, false
	case t.Year() > 2261:
		return math.MaxInt64, true
	case t.Year() < 1678:
		return math.MinInt64, true
	}
	return t.UnixNano(), true
}

// feedPeriodics makes the periodics pending whose instant the wall clock has reached by the time
// given, and sets each anew. An instant that is past is not looked at before the next time.
func (l *Loop) feedPeriodics(wall int64) {
	l.periodics.take(wall, func(n *node) {
		p := periodicOf(n)
		p.due = n.at
		if at, ok := p.ask(); ok {
			l.periodics.push(n, at)
		} else {
			p.expire()
		}
		p.Feed()
	})
}

// reschedule asks every periodic anew: the wall clock has been stepped. What was due by the time
// that the clock would show without the step has nothing to do with it, and is fed as usual.
func (l *Loop) reschedule(unstepped int64) {
	l.jumps++
	l.feedPeriodics(unstepped)
	l.periodics.retime(func(n *node) (int64, bool) {
		p := periodicOf(n)
		at, ok := p.ask()
		if !ok {
			p.expire()
		}
		return at, ok
	})
}
