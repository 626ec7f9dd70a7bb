package loop_test

import (
	"testing"
	"time"
	"unsafe"

	"github.com/evshell/ev/internal/looptest"
	"github.com/evshell/ev/loop"
)

// ticks notes when a function was called, in milliseconds from now on.
type ticks struct {
	start time.Time
	at    []int
}

func newTicks() *ticks { return &ticks{start: time.Now()} }

func (k *ticks) tick() { k.at = append(k.at, int(time.Since(k.start)/ms)) }

func (k *ticks) expect(tb testing.TB, want ...int) {
	tb.Helper()
	same := len(k.at) == len(want)
	for i := 0; same && i < len(want); i++ {
		same = k.at[i] == want[i]
	}
	if !same {
		tb.Errorf("ticks at %v ms, want %v", k.at, want)
	}
	k.at = nil
}

func TestOneShotStopsBeforeItsCall(t *testing.T) {
	bubble(t, func(t scene, l *loop.Loop, _ *looptest.Backend) {
		k := newTicks()
		var w *loop.Timer
		w = loop.NewTimer(l, 10*ms, 0, func() {
			k.tick()
			if w.Active() || w.Pending() {
				t.Errorf("active %v, pending %v", w.Active(), w.Pending())
			}
		})
		w.Start()
		run(t, l)
		k.expect(t, 10)
	})
}

func TestTimerWithoutASpanFiresAtOnce(t *testing.T) {
	for _, after := range []time.Duration{0, -1, -time.Hour, -1 << 63} {
		bubble(t, func(t scene, l *loop.Loop, _ *looptest.Backend) {
			k := newTicks()
			var w *loop.Timer
			w = loop.NewTimer(l, after, 10*ms, func() {
				k.tick()
				if w.Missed() != 0 {
					t.Errorf("%d ticks missed before the timer was started", w.Missed())
				}
				if len(k.at) == 2 {
					w.Stop()
				}
			})
			w.Start()
			run(t, l)
			k.expect(t, 0, 10)
		})
	}
}

func TestEndlessTimerDoesNotFire(t *testing.T) {
	bubble(t, func(t scene, l *loop.Loop, _ *looptest.Backend) {
		pass(time.Second)
		for _, repeat := range []time.Duration{0, 1<<63 - 1} {
			loop.NewTimer(l, 1<<63-1, repeat, func() { t.Error("it fires") }).Start()
		}
		again := loop.NewTimer(l, 0, 1<<63-1, nil)
		again.Again()
		again.Again()
		l.After(100*365*24*time.Hour, l.Break)
		run(t, l)
	})
}

func TestTimersFireByDueTimeThenStartOrder(t *testing.T) {
	bubble(t, func(t scene, l *loop.Loop, _ *looptest.Backend) {
		var d diary
		start := func(after time.Duration, name string) *loop.Timer {
			w := loop.NewTimer(l, after, 0, d.write(name))
			w.Start()
			return w
		}
		start(20*ms, "20a")
		moved := start(10*ms, "10-restarted")
		start(10*ms, "10a")
		start(20*ms, "20b")
		start(10*ms, "10b")
		moved.Stop()
		moved.Start()
		again := loop.NewTimer(l, 30*ms, 30*ms, d.write("30-again"))
		again.Start()
		start(30*ms, "30")
		again.Again()
		pass(time.Second)
		runMode(t, l, loop.RunNoWait)
		d.expect(t, "10a 10b 10-restarted 20a 20b 30 30-again")
	})
}

func TestLateTicksBecomeOneAndTheGridStays(t *testing.T) {
	bubble(t, func(t scene, l *loop.Loop, _ *looptest.Backend) {
		k := newTicks()
		var missed []int64
		var due []int
		var w *loop.Timer
		w = loop.NewTimer(l, 100*ms, 100*ms, func() {
			k.tick()
			missed = append(missed, w.Missed())
			due = append(due, int(w.Due().Sub(k.start)/ms))
			switch len(k.at) {
			case 1:
				pass(550 * ms) // the ticks of 200 to 600 pass
			case 3:
				pass(100 * ms) // none is missed: that of 800 is late by nothing
			case 5:
				w.Stop()
			}
		})
		w.Start()
		run(t, l)
		k.expect(t, 100, 650, 700, 800, 900)
		for i, want := range []int64{0, 4, 0, 0, 0} {
			if missed[i] != want {
				t.Errorf("tick %d: %d missed, want %d", i, missed[i], want)
			}
		}
		for i, want := range []int{100, 600, 700, 800, 900} {
			if due[i] != want {
				t.Errorf("tick %d was due at %d ms, not %d", i, due[i], want)
			}
		}
	})
}

func TestAgain(t *testing.T) {
	tests := []struct {
		name          string
		after, repeat time.Duration
		start         bool
		want          []int // ticks in a second, Again being at 50 ms
	}{
		{"active and not repeating is stopped", 100 * ms, 0, true, nil},
		{"active and repeating starts its span anew", 100 * ms, 400 * ms, true, []int{450, 850}},
		{"inactive and repeating is started with its repeat", 100 * ms, 400 * ms, false, []int{450, 850}},
		{"inactive and not repeating stays so", 100 * ms, 0, false, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t scene, l *loop.Loop, _ *looptest.Backend) {
				k := newTicks()
				w := loop.NewTimer(l, tt.after, tt.repeat, k.tick)
				if tt.start {
					w.Start()
				}
				l.After(50*ms, func() {
					w.Feed()
					w.Again()
					if w.Pending() {
						t.Error("Again leaves it pending")
					}
				})
				loop.NewTimer(l, time.Second, 0, l.Break).Start()
				run(t, l)
				k.expect(t, tt.want...)
			})
		})
	}
}

func TestRemaining(t *testing.T) {
	bubble(t, func(t scene, l *loop.Loop, _ *looptest.Backend) {
		w := loop.NewTimer(l, 5*time.Second, 0, func() {})
		expect := func(want time.Duration) {
			t.Helper()
			if got := w.Remaining(); got != want {
				t.Errorf("%v remain, want %v", got, want)
			}
		}
		expect(5 * time.Second)
		w.Start()
		expect(5 * time.Second)
		pass(300 * ms)
		l.UpdateNow()
		expect(4700 * ms)
		w.Stop()
		pass(time.Hour)
		expect(4700 * ms)
		start := time.Now()
		w.Start()
		run(t, l)
		if took := time.Since(start); took != 4700*ms {
			t.Errorf("it went on for %v", took)
		}
		expect(0)
		w.Set(time.Minute, 0)
		expect(time.Minute)
	})
}

func TestSetWhileActiveChangesTheRepeat(t *testing.T) {
	bubble(t, func(t scene, l *loop.Loop, _ *looptest.Backend) {
		k := newTicks()
		var w *loop.Timer
		w = loop.NewTimer(l, 10*ms, 10*ms, func() {
			k.tick()
			if len(k.at) == 3 {
				w.Stop()
			}
		})
		w.Start()
		w.Set(time.Hour, 50*ms)
		run(t, l)
		k.expect(t, 10, 60, 110)
	})
}

func TestAfter(t *testing.T) {
	bubble(t, func(t scene, l *loop.Loop, _ *looptest.Backend) {
		k := newTicks()
		l.After(10*ms, k.tick)
		stop := l.After(20*ms, func() { t.Error("a stopped one is called") })
		l.After(time.Hour, func() { t.Error("it keeps the loop alive") })
		loop.NewTimer(l, time.Second, 0, func() {}).Start()
		stop()
		stop()
		run(t, l)
		k.expect(t, 10)
	})
}

func TestSuspendedTimersDoNotAge(t *testing.T) {
	bubble(t, func(t scene, l *loop.Loop, _ *looptest.Backend) {
		k := newTicks()
		loop.NewTimer(l, 300*ms, 0, k.tick).Start()
		pass(100 * ms)
		l.Suspend()
		l.Suspend()
		pass(500 * ms)
		l.Resume()
		l.Resume()
		run(t, l)
		k.expect(t, 800)
	})
}

func TestSuspendInARun(t *testing.T) {
	bubble(t, func(t scene, l *loop.Loop, b *looptest.Backend) {
		k := newTicks()
		var w *loop.Timer
		w = loop.NewTimer(l, 100*ms, 100*ms, func() {
			k.tick()
			switch len(k.at) {
			case 2:
				l.Suspend()
				time.AfterFunc(1050*ms, func() { l.Post(l.Resume) })
				time.AfterFunc(500*ms, func() { b.SetReady(3, loop.Read) })
			case 4:
				w.Stop()
				l.Break()
			}
		})
		w.Start()
		// While the time stands still, descriptors are told, and what is due at once.
		loop.NewIO(l, 3, loop.Read, func(loop.Ops) {
			b.SetReady(3, 0)
			loop.NewTimer(l, 0, 0, k.tick).Start()
		}).Start()
		run(t, l)
		k.expect(t, 100, 200, 700, 1350)
		if got := l.Stats().Turns; got > 10 {
			t.Errorf("%d turns: it does not sleep while suspended", got)
		}
	})
}

func TestStepOfTheClockLeavesTimersAlone(t *testing.T) {
	bubble(t, func(t scene, l *loop.Loop, b *looptest.Backend) {
		k := newTicks()
		loop.NewTimer(l, 100*ms, 0, k.tick).Start()
		loop.NewTimer(l, 10*ms, 0, func() { b.StepClock(time.Hour) }).Start()
		loop.NewTimer(l, 20*ms, 0, func() { b.StepClock(-2 * time.Hour) }).Start()
		run(t, l)
		k.expect(t, 100)
	})
}

func TestSizes(t *testing.T) {
	for name, size := range map[string]uintptr{
		"Timer":    unsafe.Sizeof(loop.Timer{}),
		"Periodic": unsafe.Sizeof(loop.Periodic{}),
		"IO":       unsafe.Sizeof(loop.IO{}),
		"Async":    unsafe.Sizeof(loop.Async{}),
	} {
		if size > 64 {
			t.Errorf("a %s takes %d bytes", name, size)
		}
	}
}
