package loop_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/evshell/ev/loop"
)

// FuzzModel does the same random operations on a loop and on a plain reference of it,
// model_reference_test.go, and expects the same calls and the same states. Each call may do
// operations, too.
func FuzzModel(f *testing.F) {
	f.Add([]byte("start what is there, then run"))
	for i := range byte(40) {
		seed := make([]byte, 600)
		x := uint32(i) + 1
		for j := range seed {
			x = x*1664525 + 1013904223
			seed[j] = byte(x >> 24)
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		real := &real{time: newTime()}
		got := play(data, real, func(called func(int, string)) { real.init(t, called) })
		ref := &reference{time: newTime()}
		want := play(data, ref, ref.init)
		for i := range min(len(got), len(want)) {
			if got[i] != want[i] {
				t.Fatalf("after\n%s\ngot  %s\nwant %s", strings.Join(got[max(0, i-30):i], "\n"), got[i], want[i])
			}
		}
		if len(got) != len(want) {
			t.Fatalf("%d lines, want %d", len(got), len(want))
		}
	})
}

// The cast. The numbers of watchers go through it in this order.
const (
	timers    = 4
	periodics = 3
	ios       = 4
	asyncs    = 1
	idles     = 2
	prepares  = 1
	checks    = 2
	watchers  = timers + periodics + ios + asyncs + idles + prepares + checks
	fds       = 3
)

// spans are what timers are set to; all but the last may pass.
func spans() []time.Duration {
	return []time.Duration{0, 1, 5 * ms, 10 * ms, 999 * ms, time.Second, 1<<63 - 1}
}

// steps are those of the wall clock.
func steps() []time.Duration {
	return []time.Duration{time.Second, -time.Second, time.Hour, -time.Hour, 400 * ms, -400 * ms}
}

// rules are those of the periodics: a grid, one that ends, one that answers with the past.
func rules() []func(time.Time) (time.Time, bool) {
	return []func(time.Time) (time.Time, bool){
		every(10 * ms),
		func(after time.Time) (time.Time, bool) {
			at := after.Truncate(time.Second).Add(time.Second)
			return at, at.Minute() < 30
		},
		func(after time.Time) (time.Time, bool) { return after.Add(-time.Second), after.Second()%2 == 0 },
	}
}

// machine is what can be played on. Watchers are given by number.
type machine interface {
	run(m loop.Mode)
	breakOff()
	start(w int)
	stop(w int)
	feed(w int)
	clear(w int) bool
	setPriority(w int, p loop.Priority)
	keepAlive(w int, keep bool)
	again(w int) // a timer or periodic
	setTimer(w int, after, repeat time.Duration)
	setIO(w, fd int, want loop.Ops) // an inactive one
	send(w int)                     // an async
	post(n int)
	suspend()
	resume()
	updateNow()
	setReady(fd int, ops loop.Ops)
	closeFD(fd int)
	openFD(fd int)
	clock() *fakeTime
	active(w int) bool
	state() string
}

// fakeTime is what the clocks of one machine show.
type fakeTime struct {
	wall time.Time
	mono time.Duration
}

func newTime() *fakeTime {
	return &fakeTime{wall: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)}
}

func (t *fakeTime) advance(d time.Duration) {
	t.wall, t.mono = t.wall.Add(d), t.mono+d
}

// tape is the operations to be done, as bytes.
type tape struct {
	data []byte
	log  []string
}

func (t *tape) next(n int) int {
	if len(t.data) == 0 {
		return 0
	}
	b := t.data[0]
	t.data = t.data[1:]
	return int(b) % n
}

func (t *tape) write(format string, args ...any) {
	t.log = append(t.log, fmt.Sprintf(format, args...))
}

// play does the operations that data stands for, and returns what happened.
func play(data []byte, m machine, init func(called func(w int, what string))) []string {
	t := &tape{data: data}
	init(func(w int, what string) {
		t.write("  call %d %s", w, what)
		for range t.next(3) {
			t.do(m)
		}
	})
	for len(t.data) > 0 {
		if t.next(3) > 0 {
			t.do(m)
		} else {
			t.run(m, []loop.Mode{loop.RunNoWait, loop.RunOnce}[t.next(2)])
		}
	}
	for range 3 {
		t.run(m, loop.RunNoWait)
		m.clock().advance(20 * ms)
	}
	return t.log
}

func (t *tape) run(m machine, mode loop.Mode) {
	t.write("run %d", mode)
	m.run(mode)
	t.write("ran: %s", m.state())
}

// do does one operation.
func (t *tape) do(m machine) {
	const (
		timer    = 0
		periodic = timer + timers
		io       = periodic + periodics
		async    = io + ios
	)
	w := t.next(watchers)
	switch op := t.next(26); op {
	case 0, 1, 2, 3, 4, 5:
		t.write("start %d", w)
		m.start(w)
	case 6, 7:
		t.write("stop %d", w)
		m.stop(w)
	case 8, 9:
		t.write("feed %d", w)
		m.feed(w)
	case 10:
		t.write("clear %d: %v", w, m.clear(w))
	case 11:
		p := loop.Priority(t.next(7) - 3)
		t.write("priority %d of %d", p, w)
		m.setPriority(w, p)
	case 12:
		keep := t.next(2) == 0
		t.write("keep alive %v of %d", keep, w)
		m.keepAlive(w, keep)
	case 13, 14:
		w %= timers + periodics
		t.write("again %d", w)
		m.again(w)
	case 15, 16:
		w %= timers
		all := spans()
		after, repeat := all[t.next(len(all))], all[t.next(len(all))]
		t.write("timer %d: after %v repeat %v", w, after, repeat)
		m.setTimer(w, after, repeat)
	case 17:
		w = io + w%ios
		fd, want := t.next(fds), loop.Ops(t.next(8))
		if m.active(w) {
			return
		}
		t.write("io %d: %v of %d", w, want, fd)
		m.setIO(w, fd, want)
	case 18:
		t.write("send")
		m.send(async)
	case 19:
		t.write("post %d", len(t.log))
		m.post(len(t.log))
	case 20, 21:
		fd, ops := t.next(fds), loop.Ops(t.next(8))
		t.write("%d is ready for %v", fd, ops)
		m.setReady(fd, ops)
	case 22:
		fd := t.next(fds)
		if t.next(2) == 0 {
			t.write("close %d", fd)
			m.closeFD(fd)
		} else {
			t.write("open %d", fd)
			m.openFD(fd)
		}
	case 23:
		all := spans()
		d := all[t.next(len(all)-1)]
		t.write("advance %v", d)
		m.clock().advance(d)
	case 24:
		all := steps()
		d := all[t.next(len(all))]
		t.write("step %v", d)
		m.clock().wall = m.clock().wall.Add(d)
	case 25:
		switch t.next(4) {
		case 0:
			t.write("suspend")
			m.suspend()
		case 1:
			t.write("resume")
			m.resume()
		case 2:
			t.write("update")
			m.updateNow()
		case 3:
			t.write("break")
			m.breakOff()
		}
	}
	t.write("  %s", m.state())
}
