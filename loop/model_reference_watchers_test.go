package loop_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evshell/ev/loop"
)

// What a reference can be told to do.

func (r *reference) start(w int) {
	a := r.all[w]
	if a.active {
		return
	}
	switch a.kind {
	case timerKind:
		r.freshen()
		r.set(a, sum(r.mono, a.rest))
	case periodicKind:
		r.freshen()
		at, ok := r.ask(a)
		if !ok {
			return
		}
		r.set(a, at)
	case ioKind:
		r.onFD = append(r.onFD, a)
		r.touch(a.fd)
		r.renew[a.fd] = r.renew[a.fd] || a.set
		a.set = false
	case asyncKind:
		a.sent = false
	default:
		r.hooks = append(r.hooks, a)
	}
	a.active = true
}

func (r *reference) stop(w int) {
	a := r.all[w]
	r.unqueue(a)
	a.got = 0
	if !a.active {
		return
	}
	a.active = false
	same := func(b *actor) bool { return a == b }
	switch a.kind {
	case timerKind:
		r.freshen()
		a.rest = a.at - r.mono
	case ioKind:
		r.onFD = slices.DeleteFunc(r.onFD, same)
		r.touch(a.fd)
	default:
		r.hooks = slices.DeleteFunc(r.hooks, same)
	}
}

func (r *reference) again(w int) {
	a := r.all[w]
	r.unqueue(a)
	switch {
	case a.kind == periodicKind:
		r.stop(w)
		r.start(w)
	case a.active && a.repeat > 0:
		r.freshen()
		r.set(a, sum(r.mono, a.repeat))
	case a.active:
		r.stop(w)
	case a.repeat > 0:
		a.rest = a.repeat
		r.start(w)
	}
}

func (r *reference) clear(w int) bool {
	was := r.all[w].pending
	r.unqueue(r.all[w])
	r.all[w].got = 0
	return was
}

func (r *reference) setPriority(w int, p loop.Priority) {
	a := r.all[w]
	was := a.pending
	r.unqueue(a)
	a.priority = min(max(p, -2), 2)
	if was {
		r.push(a)
	}
}

func (r *reference) send(w int) {
	a := r.all[w]
	if a.sent {
		return
	}
	a.sent = true
	r.posted = append(r.posted, func() {
		if a.sent && a.active {
			r.push(a)
		}
		a.sent = false
	})
}

func (r *reference) suspend() {
	if !r.suspended {
		r.update()
		r.suspended = true
	}
}

func (r *reference) resume() {
	if r.suspended {
		r.suspended = false
		r.lost = int64(r.time.mono) - r.mono
		r.update()
	}
}

func (r *reference) breakOff()                  { r.broken = true }
func (r *reference) feed(w int)                 { r.push(r.all[w]) }
func (r *reference) keepAlive(w int, keep bool) { r.all[w].loose = !keep }
func (r *reference) setTimer(w int, after, repeat time.Duration) {
	r.all[w].rest, r.all[w].repeat = int64(after), int64(repeat)
}

func (r *reference) setIO(w, fd int, want loop.Ops) {
	r.all[w].fd, r.all[w].want, r.all[w].set = fd, want, true
}

func (r *reference) post(n int) {
	r.posted = append(r.posted, func() { r.called(-1, fmt.Sprint("posted ", n)) })
}
func (r *reference) updateNow()                    { r.update() }
func (r *reference) setReady(fd int, ops loop.Ops) { r.ready[fd] = ops }
func (r *reference) closeFD(fd int)                { r.shut[fd] = true }
func (r *reference) openFD(fd int)                 { r.shut[fd], r.ready[fd] = false, 0 }
func (r *reference) clock() *fakeTime              { return r.time }
func (r *reference) active(w int) bool             { return r.all[w].active }

func (r *reference) state() string {
	var b strings.Builder
	nTimers, nPeriodics, nFDs := 0, 0, 0
	for _, a := range r.all {
		if a.active && a.kind == timerKind {
			nTimers++
		}
		if a.active && a.kind == periodicKind {
			nPeriodics++
		}
	}
	for _, ops := range r.told {
		if ops != 0 {
			nFDs++
		}
	}
	fmt.Fprint(&b, r.turns, r.calls, r.coalesced, r.jumps, len(r.queue), nTimers, nPeriodics, nFDs, " |")
	for _, a := range r.all {
		writeState(&b, a.active, a.pending, a.priority)
	}
	for _, a := range r.all[:timers] {
		if a.active {
			fmt.Fprint(&b, " ", a.at-r.mono)
		} else {
			fmt.Fprint(&b, " ", a.rest)
		}
	}
	for _, a := range r.all[timers : timers+periodics] {
		if a.active {
			fmt.Fprint(&b, " ", a.at)
		} else {
			fmt.Fprint(&b, " ", 0)
		}
	}
	return b.String()
}
