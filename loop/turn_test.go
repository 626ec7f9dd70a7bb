package loop_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/evshell/ev/internal/looptest"
	"github.com/evshell/ev/loop"
)

func TestOrderOfATurn(t *testing.T) {
	bubble(t, func(t scene, l *loop.Loop, b *looptest.Backend) {
		var d diary
		io := func(fd int, name string) *loop.IO {
			return loop.NewIO(l, fd, loop.Read, func(loop.Ops) { d.write(name)() })
		}
		once := func(at time.Time) func(time.Time) (time.Time, bool) {
			return func(now time.Time) (time.Time, bool) { return at, now.Before(at) }
		}
		start := l.Now()
		first := io(9, "io9-prio1")
		first.SetPriority(1)
		// The reverse of the order to be seen.
		loop.NewIdle(l, d.write("idle")).Start()
		io(5, "io5a").Start()
		io(5, "io5b").Start()
		io(4, "io4").Start()
		first.Start()
		loop.NewTimer(l, 20*ms, 0, d.write("timer20a")).Start()
		loop.NewTimer(l, 20*ms, 0, d.write("timer20b")).Start()
		loop.NewTimer(l, 10*ms, 0, d.write("timer10")).Start()
		loop.NewPeriodic(l, once(start.Add(30*ms)), d.write("periodic30")).Start()
		loop.NewPeriodic(l, once(start.Add(15*ms)), d.write("periodic15")).Start()
		loop.NewCheck(l, d.write("check1")).Start()
		loop.NewCheck(l, d.write("check2")).Start()
		loop.NewPrepare(l, d.write("prepare1")).Start()
		loop.NewPrepare(l, d.write("prepare2")).Start()
		l.Post(d.write("post"))
		for _, fd := range []int{4, 5, 9} {
			b.SetReady(fd, loop.Read)
		}
		pass(time.Second)

		runMode(t, l, loop.RunOnce)
		d.expect(t, `prepare1 prepare2 post io9-prio1 check1 check2 periodic15 periodic30
			timer10 timer20a timer20b io4 io5a io5b`)
		for _, fd := range []int{4, 5, 9} {
			b.SetReady(fd, 0)
		}
		runMode(t, l, loop.RunOnce)
		d.expect(t, "prepare1 prepare2 check1 check2")
	})
}

func TestTimeStandsStillInATurn(t *testing.T) {
	bubble(t, func(t scene, l *loop.Loop, _ *looptest.Backend) {
		start := l.Now()
		loop.NewTimer(l, 10*ms, 0, func() {
			pass(5 * ms)
			if got := l.Now().Sub(start); got != 10*ms {
				t.Errorf("it is %v after the start, not 10ms", got)
			}
			// Started without UpdateNow: the 5 ms count.
			loop.NewTimer(l, 5*ms, 0, func() {
				if got := l.Now().Sub(start); got != 15*ms {
					t.Errorf("it is %v after the start, not 15ms", got)
				}
			}).Start()
			l.UpdateNow()
			if got := l.Now().Sub(start); got != 15*ms {
				t.Errorf("after UpdateNow it is %v after the start, not 15ms", got)
			}
		}).Start()
		run(t, l)
	})
}

func TestRunModes(t *testing.T) {
	tests := []struct {
		name string
		mode loop.Mode
		want string
		took time.Duration
	}{
		{"default runs until nothing is active", loop.RunDefault, "check one check two", 20 * ms},
		{"once waits for the first", loop.RunOnce, "check one", 10 * ms},
		{"nowait does not wait", loop.RunNoWait, "check", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t scene, l *loop.Loop, _ *looptest.Backend) {
				var d diary
				c := loop.NewCheck(l, d.write("check"))
				c.KeepAlive(false)
				c.Start()
				loop.NewTimer(l, 10*ms, 0, d.write("one")).Start()
				loop.NewTimer(l, 20*ms, 0, d.write("two")).Start()
				start := time.Now()
				runMode(t, l, tt.mode)
				if took := time.Since(start); took != tt.took {
					t.Errorf("it took %v, not %v", took, tt.took)
				}
				d.expect(t, tt.want)
			})
		})
	}
}

func TestRunOncePassesOverEmptyWakeUps(t *testing.T) {
	bubble(t, func(t scene, l *loop.Loop, b *looptest.Backend) {
		var d diary
		loop.NewPrepare(l, func() {}).Start()
		loop.NewTimer(l, time.Second, 0, d.write("timer")).Start()
		go func() { _ = b.Wake() }()
		runMode(t, l, loop.RunOnce)
		d.expect(t, "timer")
	})
}

func TestRunWithNothingActiveLooksOnce(t *testing.T) {
	bubble(t, func(t scene, l *loop.Loop, _ *looptest.Backend) {
		for _, m := range []loop.Mode{loop.RunDefault, loop.RunOnce, loop.RunNoWait} {
			before := l.Stats().Turns
			runMode(t, l, m)
			if got := l.Stats().Turns - before; got != 1 {
				t.Errorf("mode %d: %d turns", m, got)
			}
		}
	})
}

func TestRunCallsWhatIsPendingFirst(t *testing.T) {
	bubble(t, func(t scene, l *loop.Loop, _ *looptest.Backend) {
		var d diary
		loop.NewPrepare(l, func() { d.write("prepare")(); l.Break() }).Start()
		loop.NewTimer(l, time.Hour, 0, d.write("fed")).Feed()
		run(t, l)
		d.expect(t, "fed prepare")
	})
}

func TestBreakWaitsForThePending(t *testing.T) {
	bubble(t, func(t scene, l *loop.Loop, _ *looptest.Backend) {
		var d diary
		last := loop.NewIdle(l, d.write("fed"))
		last.SetPriority(loop.MinPriority)
		for _, name := range []string{"one", "two"} {
			loop.NewTimer(l, 10*ms, 10*ms, func() { d.write(name)(); l.Break(); last.Feed() }).Start()
		}
		run(t, l)
		d.expect(t, "one two fed")
		run(t, l)
		d.expect(t, "one two fed")
	})
}

func TestBreakInPrepareEndsBeforeTheWait(t *testing.T) {
	bubble(t, func(t scene, l *loop.Loop, _ *looptest.Backend) {
		loop.NewPrepare(l, l.Break).Start()
		run(t, l)
		if got := l.Stats().Turns; got != 0 {
			t.Errorf("%d waits", got)
		}
	})
}

func TestBreakOutsideRunIsForgotten(t *testing.T) {
	bubble(t, func(t scene, l *loop.Loop, _ *looptest.Backend) {
		var d diary
		loop.NewTimer(l, 10*ms, 0, d.write("timer")).Start()
		l.Break()
		run(t, l)
		d.expect(t, "timer")
	})
}

func TestRunWithinRun(t *testing.T) {
	bubble(t, func(t scene, l *loop.Loop, _ *looptest.Backend) {
		var inner error
		loop.NewTimer(l, 0, 0, func() { inner = l.Run(t.Context(), loop.RunDefault) }).Start()
		run(t, l)
		if !errors.Is(inner, loop.ErrRunning) {
			t.Errorf("the inner Run returned %v", inner)
		}
		runMode(t, l, loop.RunNoWait)
	})
}

func TestCancelledContextEndsRunWithItsCause(t *testing.T) {
	cause := errors.New("enough")
	tests := map[string]func(l *loop.Loop, cancel func()){
		"before Run":               func(_ *loop.Loop, cancel func()) { cancel() },
		"while it waits":           func(_ *loop.Loop, cancel func()) { go cancel() },
		"while it waits for later": func(_ *loop.Loop, cancel func()) { time.AfterFunc(time.Minute, cancel) },
		"in a call":                func(l *loop.Loop, cancel func()) { loop.NewTimer(l, 0, 0, cancel).Start() },
		"while it never waits": func(l *loop.Loop, cancel func()) {
			n := 0
			loop.NewIdle(l, func() {
				if n++; n == 100 {
					cancel()
				}
			}).Start()
		},
	}
	for name, arrange := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t scene, l *loop.Loop, _ *looptest.Backend) {
				ctx, cancel := context.WithCancelCause(t.Context())
				loop.NewTimer(l, time.Hour, time.Hour, func() {}).Start()
				arrange(l, func() { cancel(cause) })
				if err := l.Run(ctx, loop.RunDefault); !errors.Is(err, cause) {
					t.Errorf("Run returned %v", err)
				}
				// And the loop is as good as before.
				runMode(t, l, loop.RunOnce)
			})
		})
	}
}

func TestFailingWaitEndsRun(t *testing.T) {
	l := verified(t, brokenBackend{looptest.New()})
	loop.NewTimer(l, time.Hour, 0, func() {}).Start()
	if err := l.Run(t.Context(), loop.RunDefault); !errors.Is(err, errBroken) {
		t.Errorf("Run returned %v", err)
	}
}

var errBroken = errors.New("broken")

// brokenBackend can't wait.
type brokenBackend struct{ *looptest.Backend }

func (brokenBackend) Wait([]loop.Ready, time.Duration) ([]loop.Ready, error) { return nil, errBroken }

func TestIdleLoopNeverWakesUp(t *testing.T) {
	bubble(t, func(t scene, l *loop.Loop, b *looptest.Backend) {
		loop.NewIO(l, 3, loop.Read, func(loop.Ops) { l.Break() }).Start()
		loop.NewTimer(l, 1<<63-1, 1<<63-1, func() { t.Error("the end of time has come") }).Start()
		loop.NewPeriodic(l, func(time.Time) (time.Time, bool) {
			return time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), true
		}, func() { t.Error("the year 9999 has come") }).Start()
		loop.NewAsync(l, func() {}).Start()
		time.AfterFunc(1000*time.Hour, func() { b.SetReady(3, loop.Read) })
		run(t, l)
		if got := l.Stats().Turns; got != 1 {
			t.Errorf("%d waits", got)
		}
	})
}

func TestClockBefore1970(t *testing.T) {
	bubble(t, func(t scene, _ *loop.Loop, b *looptest.Backend) {
		l := verified(t, b, loop.WithClock(func() (time.Time, time.Duration) {
			wall, mono := b.Clock()
			return wall.AddDate(-100, 0, 0), mono
		}))
		loop.NewPeriodic(l, func(time.Time) (time.Time, bool) {
			return time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), true
		}, func() { t.Error("the year 9999 has come") }).Start()
		l.After(time.Hour, l.Break)
		run(t, l)
		if got := l.Stats().Turns; got != 1 {
			t.Errorf("%d waits", got)
		}
	})
}

func TestStats(t *testing.T) {
	bubble(t, func(t scene, l *loop.Loop, _ *looptest.Backend) {
		loop.NewIO(l, 3, loop.Read, func(loop.Ops) {}).Start()
		loop.NewTimer(l, time.Hour, 0, func() {}).Start()
		loop.NewPeriodic(l, every(time.Hour), func() {}).Start()
		two := loop.NewTimer(l, time.Hour, 0, func() {})
		two.Feed()
		two.Feed()
		l.Post(func() { loop.NewIdle(l, func() {}).Feed() })
		runMode(t, l, loop.RunNoWait)
		two.Feed()
		want := loop.Stats{
			Backend: "fake", Turns: 1, Events: 3, Coalesced: 1,
			Pending: 1, Timers: 1, Periodics: 1, FDs: 1,
		}
		if got := l.Stats(); got != want {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	})
}
