package loop

import (
	"context"
	"errors"
	"math"
	"time"
)

// ErrRunning is returned by Run within Run.
var ErrRunning = errors.New("the loop is running")

// A Mode says how long Run runs.
type Mode uint8

const (
	// RunDefault runs until no active watcher is left that keeps the loop alive.
	RunDefault Mode = iota
	// RunOnce waits until something happens, calls for it, and returns.
	RunOnce
	// RunNoWait calls for what has happened already, and returns.
	RunNoWait
)

// A Loop is one event loop. New makes it.
type Loop struct {
	backend Backend
	clock   Clock

	now       time.Time // this turn's
	elapsed   int64     // this turn's, on the monotonic clock
	mono      int64     // the same less lost: the timers' time
	lost      int64     // in suspension
	offset    int64     // of the wall clock from the monotonic one
	suspended bool
	running   bool
	broken    bool
	done      <-chan struct{} // of Run's context
	refs      int

	pending               pending
	timers                heap
	periodics             heap
	fds                   fdTable
	prepares              hooks
	checks                hooks
	idles                 hooks
	inbox                 inbox
	ready                 []Ready
	clockAsked, clockTold bool // of ClockWatcher

	stopTime bool       // is known, from when it matters on
	stops    *stopClock // nil: not yet

	owned       bool   // no descriptor is closed while it is watched: none is to be confirmed
	confirmed   uint64 // calls made when the descriptors were last confirmed
	confirmedAt int64  // and when that was

	turns uint64
	jumps uint64
	check func() // after each turn, in tests
}

// An Option is given to New.
type Option func(*Loop)

// WithBackend makes the loop wait by b, and close it in the end.
func WithBackend(b Backend) Option { return func(l *Loop) { l.backend = b } }

// WithClock makes the loop take the time from c.
func WithClock(c Clock) Option { return func(l *Loop) { l.clock = c } }

// WithOwnDescriptors promises that no descriptor is closed while it is watched. The loop then does
// not look for such, and has no reason to wake a second after activity.
func WithOwnDescriptors() Option { return func(l *Loop) { l.owned = true } }

// WithStopTime has timers not age while the process is stopped, by SIGSTOP or a debugger, as they
// don't while the loop is suspended. It can be had on Linux, and costs a thread that does nothing.
func WithStopTime() Option { return func(l *Loop) { l.stopTime = true } }

// New makes a loop, with the platform's best backend if none is given.
func New(opts ...Option) (*Loop, error) {
	l := &Loop{}
	for _, o := range opts {
		o(l)
	}
	if l.clock == nil {
		l.clock = systemClock()
	}
	if l.backend == nil {
		b, err := NewBackend("auto")
		if err != nil {
			return nil, err
		}
		l.backend = b
	}
	wall, mono := l.clock()
	l.now, l.elapsed, l.mono = wall, int64(mono), int64(mono)
	l.offset = wall.UnixNano() - int64(mono)
	return l, nil
}

// Close closes the backend. Watchers must not be used after it.
func (l *Loop) Close() error {
	// A Post may just be about to wake a loop that it saw waiting.
	l.inbox.mu.Lock()
	defer l.inbox.mu.Unlock()
	return l.backend.Close()
}

// Run runs the loop on the caller's goroutine. It returns nil when the mode's end is reached or
// after Break, the context's cause when that is done, and another error only if the backend can't
// wait any more.
func (l *Loop) Run(ctx context.Context, mode Mode) error {
	if l.running {
		return ErrRunning
	}
	l.running, l.broken = true, false
	defer func() { l.running = false }()
	l.done = ctx.Done()
	defer context.AfterFunc(ctx, func() { l.Post(func() {}) })()

	l.update()
	l.pending.invoke()
	for {
		called, err := l.turn(mode)
		if err != nil {
			return err
		}
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case l.broken, l.refs <= 0, mode == RunNoWait, mode == RunOnce && called:
			return nil
		}
	}
}

// turn is one turn, as the package comment numbers it. It reports whether anything but a prepare
// was called.
func (l *Loop) turn(mode Mode) (called bool, err error) {
	l.prepares.feed()
	l.pending.invoke()
	if l.ended() {
		return false, nil
	}
	before := l.calls()
	l.fds.reify(l.backend)
	l.confirm()
	l.inbox.waiting.Store(true)
	ready, err := l.backend.Wait(l.ready[:0], l.wait(mode))
	l.inbox.waiting.Store(false)
	l.ready = ready
	l.turns++
	if err != nil {
		return false, err
	}
	l.update()
	l.checks.feed()
	l.feedPeriodics(l.now.UnixNano())
	l.feedTimers()
	for _, r := range ready {
		l.fds.feed(l.backend, r)
	}
	l.inbox.run()
	l.feedIdles()
	l.pending.invoke()
	if l.check != nil {
		l.check()
	}
	return l.calls() > before, nil
}

// calls returns how many functions have been called.
func (l *Loop) calls() uint64 { return l.pending.called + l.inbox.called }

// ended reports whether Run is to return without waiting again.
func (l *Loop) ended() bool {
	select {
	case <-l.done:
		return true
	default:
		return l.broken
	}
}

const (
	// blind is how long a loop with periodics waits at most when nothing tells it of steps of the
	// clock.
	blind = time.Minute
	// confirmEvery is how often descriptors are confirmed while there is activity, and how long
	// after it.
	confirmEvery = time.Second
)

// wait returns how long this turn may wait; less than 0 is without a limit.
func (l *Loop) wait(mode Mode) time.Duration {
	if mode == RunNoWait || l.pending.count > 0 || len(l.idles) > 0 || l.refs <= 0 {
		return 0
	}
	d := time.Duration(-1)
	shorten := func(to time.Duration) {
		if d < 0 || to < d {
			d = to
		}
	}
	if l.timers.len() > 0 || l.periodics.len() > 0 || l.unconfirmed() {
		l.update()
	}
	if l.timers.len() > 0 {
		// While the time stands still, what it has reached already is due all the same.
		if at := l.timers.first(); !l.suspended || at <= l.mono {
			shorten(until(at, l.mono))
		}
	}
	if l.periodics.len() > 0 {
		shorten(until(l.periodics.first(), l.now.UnixNano()))
		if !l.clockTold {
			shorten(blind)
		}
	}
	if l.unconfirmed() {
		shorten(until(l.confirmedAt+int64(confirmEvery), l.elapsed))
	}
	if l.pending.count > 0 || !l.inbox.empty() {
		return 0
	}
	return d
}

// until returns how long it is from now until at: nothing if that has passed, and as long as can be
// where it does not fit.
func until(at, now int64) time.Duration {
	switch d := at - now; {
	case at <= now:
		return 0
	case d < 0:
		return math.MaxInt64
	default:
		return time.Duration(d)
	}
}

// unconfirmed reports whether a call may have closed a watched descriptor, of which not every
// kernel interface tells.
func (l *Loop) unconfirmed() bool {
	return !l.owned && l.fds.known > 0 && l.confirmed != l.calls()
}

// confirm looks for descriptors that were closed under their watchers, if that is due.
func (l *Loop) confirm() {
	if l.unconfirmed() && l.elapsed-l.confirmedAt >= int64(confirmEvery) {
		l.confirmed, l.confirmedAt = l.calls(), l.elapsed
		l.fds.confirm(l.backend)
	}
}

// Break makes Run return once all that is pending has been called.
func (l *Loop) Break() { l.broken = true }

// Ref keeps Run from returning, as an active watcher does: for work under way that no watcher
// stands for.
func (l *Loop) Ref() { l.refs++ }

// Unref undoes a Ref.
func (l *Loop) Unref() { l.refs-- }

// After calls fn once d has passed, unless stop is called before. It does not keep Run from
// returning.
func (l *Loop) After(d time.Duration, fn func()) (stop func()) {
	t := NewTimer(l, d, 0, fn)
	t.KeepAlive(false)
	t.Start()
	return t.Stop
}

// Stats are counts of a loop's life, and what it holds now.
type Stats struct {
	Backend   string
	Turns     uint64 // waits done
	Events    uint64 // calls made
	Coalesced uint64 // events of watchers that were pending already
	Jumps     uint64 // steps of the wall clock
	Pending   int
	Timers    int
	Periodics int
	FDs       int
}

// Stats returns the counts so far.
func (l *Loop) Stats() Stats {
	return Stats{
		Backend:   l.backend.Name(),
		Turns:     l.turns,
		Events:    l.calls(),
		Coalesced: l.pending.coalesced,
		Jumps:     l.jumps,
		Pending:   l.pending.count,
		Timers:    l.timers.len(),
		Periodics: l.periodics.len(),
		FDs:       l.fds.known,
	}
}
