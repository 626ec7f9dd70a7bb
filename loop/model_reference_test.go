package loop_test

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/evshell/ev/loop"
)

// reference is a loop written plainly: lists that are searched, and sorted where an order is
// wanted.
type reference struct {
	time   *fakeTime
	called func(w int, what string)
	all    []*actor
	queue  []*actor // the pending, in the order in which they became so
	posted []func()
	seq    int
	onFD   []*actor // active IOs, in start order
	hooks  []*actor // active idles, prepares and checks, in start order

	now       time.Time
	mono      int64 // of the timers
	elapsed   int64
	lost      int64
	offset    int64
	suspended bool
	running   bool
	broken    bool

	ready   [fds]loop.Ops
	shut    [fds]bool
	told    [fds]loop.Ops
	renew   [fds]bool
	touched []int

	confirmed   int
	confirmedAt int64

	turns, calls, coalesced, jumps int
}

type kind int

const (
	timerKind kind = iota
	periodicKind
	ioKind
	asyncKind
	idleKind
	prepareKind
	checkKind
)

// actor is a watcher of any kind.
type actor struct {
	number, index                 int
	kind                          kind
	active, pending, loose, sent  bool
	priority                      loop.Priority
	at, rest, repeat, due, missed int64
	seq                           int
	rule                          func(time.Time) (time.Time, bool)
	fd                            int
	want, got                     loop.Ops
	set                           bool
}

func (r *reference) init(called func(int, string)) {
	r.called = called
	for k, n := range []int{timers, periodics, ios, asyncs, idles, prepares, checks} {
		for i := range n {
			a := &actor{number: len(r.all), index: i, kind: kind(k)}
			switch a.kind {
			case timerKind:
				a.rest = int64(10 * ms)
			case periodicKind:
				a.rule = rules()[i]
			case ioKind:
				a.fd, a.want, a.set = i%fds, loop.Read, true
			default:
			}
			r.all = append(r.all, a)
		}
	}
	r.now, r.offset = r.time.wall, r.time.wall.UnixNano()
}

// run is Run.
func (r *reference) run(m loop.Mode) {
	r.running, r.broken = true, false
	r.update()
	r.invoke()
	for {
		r.feedHooks(prepareKind)
		r.invoke()
		if r.broken {
			break
		}
		before := r.calls
		r.tellKernel()
		r.confirm()
		ready := r.sleep(r.wait(m))
		r.turns++
		r.update()
		r.feedHooks(checkKind)
		r.feedPeriodics(r.now.UnixNano())
		r.feedTimers()
		for fd, ops := range ready {
			r.feedFD(fd, ops)
		}
		posted := r.posted
		r.posted = nil
		for _, fn := range posted {
			r.calls++
			fn()
		}
		r.feedIdles()
		r.invoke()
		if r.broken || !r.alive() || m == loop.RunNoWait || m == loop.RunOnce && r.calls > before {
			break
		}
	}
	r.running = false
}

func (r *reference) alive() bool {
	return slices.ContainsFunc(r.all, func(a *actor) bool { return a.active && !a.loose })
}

// invoke calls the pending: the highest priority, then the first.
func (r *reference) invoke() {
	for len(r.queue) > 0 {
		next := slices.MaxFunc(r.queue, func(a, b *actor) int { return int(a.priority) - int(b.priority) })
		r.unqueue(next)
		r.calls++
		what := ""
		switch next.kind {
		case timerKind:
			what = fmt.Sprintf("due %d missed %d", r.now.UnixNano()+next.due-r.mono, next.missed)
		case periodicKind:
			what = fmt.Sprintf("due %d", next.due)
		case ioKind:
			what = next.got.String()
			next.got = 0
		default:
		}
		r.called(next.number, what)
	}
}

func (r *reference) unqueue(a *actor) {
	r.queue = slices.DeleteFunc(r.queue, func(b *actor) bool { return a == b })
	a.pending = false
}

func (r *reference) push(a *actor) {
	if a.pending {
		r.coalesced++
		return
	}
	a.pending = true
	r.queue = append(r.queue, a)
}

// wait is how long it may sleep, for ever if negative.
func (r *reference) wait(m loop.Mode) int64 {
	if m == loop.RunNoWait || len(r.queue) > 0 || !r.alive() ||
		slices.ContainsFunc(r.hooks, func(a *actor) bool { return a.kind == idleKind }) {
		return 0
	}
	r.update()
	if len(r.queue) > 0 || len(r.posted) > 0 {
		return 0
	}
	d := int64(-1)
	shorten := func(to int64) {
		if to = max(to, 0); d < 0 || to < d {
			d = to
		}
	}
	for _, a := range r.all {
		switch {
		case !a.active:
		case a.kind == timerKind && (!r.suspended || a.at <= r.mono):
			shorten(a.at - r.mono)
		case a.kind == periodicKind:
			shorten(a.at - r.now.UnixNano())
		}
	}
	if r.unconfirmed() {
		shorten(r.confirmedAt + int64(time.Second) - r.elapsed)
	}
	return d
}

// sleep is the backend's Wait.
func (r *reference) sleep(d int64) (ready [fds]loop.Ops) {
	some := false
	for fd := range ready {
		ready[fd] = r.ready[fd] & r.told[fd]
		if r.shut[fd] && r.told[fd] != 0 {
			ready[fd] = loop.Error
		}
		some = some || ready[fd] != 0
	}
	switch {
	case some:
	case d < 0, d > int64(forever):
		r.broken = true
	default:
		r.time.advance(time.Duration(d))
	}
	return ready
}

func (r *reference) update() {
	wall := r.time.wall.UnixNano()
	r.now, r.elapsed = r.time.wall, int64(r.time.mono)
	if !r.suspended {
		r.mono = r.elapsed - r.lost
	}
	step := wall - r.elapsed - r.offset
	r.offset += step
	if step < int64(time.Second) && step > -int64(time.Second) {
		return
	}
	r.jumps++
	r.feedPeriodics(wall - step)
	for _, a := range r.all {
		if a.kind == periodicKind && a.active {
			a.at, a.active = r.ask(a)
		}
	}
}

func (r *reference) ask(a *actor) (int64, bool) {
	at, ok := a.rule(r.now)
	return at.UnixNano(), ok
}

func (r *reference) feedHooks(k kind) {
	for _, a := range r.hooks {
		if a.kind == k {
			r.push(a)
		}
	}
}

func (r *reference) feedIdles() {
	top, some := loop.MinPriority, false
	for _, a := range r.hooks {
		if a.kind == idleKind {
			top, some = max(top, a.priority), true
		}
	}
	if !some || slices.ContainsFunc(r.queue, func(a *actor) bool { return a.priority >= top }) {
		return
	}
	for _, a := range r.hooks {
		if a.kind == idleKind && a.priority == top {
			r.push(a)
		}
	}
}

// due returns the active of a kind whose time has come, the earliest first.
func (r *reference) due(k kind, now int64) []*actor {
	var due []*actor
	for _, a := range r.all {
		if a.kind == k && a.active && a.at <= now {
			due = append(due, a)
		}
	}
	slices.SortFunc(due, func(a, b *actor) int {
		if a.at != b.at {
			if a.at < b.at {
				return -1
			}
			return 1
		}
		return a.seq - b.seq
	})
	return due
}

func (r *reference) set(a *actor, at int64) {
	r.seq++
	a.seq, a.at = r.seq, at
}

func (r *reference) feedPeriodics(wall int64) {
	for _, a := range r.due(periodicKind, wall) {
		a.due = a.at
		at, ok := r.ask(a)
		a.active = ok
		r.set(a, at)
		r.push(a)
	}
}

func (r *reference) feedTimers() {
	for _, a := range r.due(timerKind, r.mono) {
		a.due, a.missed = a.at, 0
		if a.repeat == 0 {
			a.active, a.rest = false, 0
		} else {
			for a.due <= r.mono-a.repeat {
				a.due += a.repeat
				a.missed++
				if left := (r.mono - a.due) / a.repeat; left > 1000 {
					a.due += left * a.repeat
					a.missed += left
				}
			}
			r.set(a, sum(a.due, a.repeat))
		}
		r.push(a)
	}
}

func sum(at, span int64) int64 {
	if span > 0 && at > math.MaxInt64-span {
		return math.MaxInt64
	}
	return at + span
}

// touch notes that what is wanted of fd may have changed.
func (r *reference) touch(fd int) {
	if !slices.Contains(r.touched, fd) {
		r.touched = append(r.touched, fd)
	}
}

func (r *reference) tellKernel() {
	for len(r.touched) > 0 {
		fd := r.touched[0]
		r.touched = r.touched[1:]
		var want loop.Ops
		for _, a := range r.onFD {
			if a.fd == fd {
				want |= a.want
			}
		}
		tell := want != 0 && (r.renew[fd] || want != r.told[fd])
		r.renew[fd], r.told[fd] = false, want
		if tell && r.shut[fd] {
			r.kill(fd)
		}
	}
}

func (r *reference) kill(fd int) {
	r.told[fd] = 0
	for _, a := range slices.Clone(r.onFD) {
		if a.fd == fd {
			r.stop(a.number)
			a.got = loop.Error
			r.push(a)
		}
	}
}

func (r *reference) feedFD(fd int, ops loop.Ops) {
	if ops == loop.Error {
		r.kill(fd)
		return
	}
	for _, a := range r.onFD {
		if a.fd == fd && a.want&ops != 0 {
			a.got |= a.want & ops
			r.push(a)
		}
	}
}

func (r *reference) unconfirmed() bool {
	return r.told != [fds]loop.Ops{} && r.confirmed != r.calls
}

func (r *reference) confirm() {
	if !r.unconfirmed() || r.elapsed-r.confirmedAt < int64(time.Second) {
		return
	}
	r.confirmed, r.confirmedAt = r.calls, r.elapsed
	for fd := range fds {
		if r.told[fd] != 0 && r.shut[fd] {
			r.kill(fd)
		}
	}
}

func (r *reference) freshen() {
	if !r.running {
		r.update()
	}
}
