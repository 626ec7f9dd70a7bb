package loop_test

import (
	"slices"
	"testing"
	"time"

	"github.com/evshell/ev/internal/looptest"
	"github.com/evshell/ev/loop"
)

// every is the rule of a grid: each multiple of d.
func every(d time.Duration) func(time.Time) (time.Time, bool) {
	return func(after time.Time) (time.Time, bool) { return after.Truncate(d).Add(d), true }
}

// instants notes what a periodic was due for, from the start of the bubble.
type instants struct {
	start time.Time
	due   []time.Duration
}

func (i *instants) expect(tb testing.TB, want ...time.Duration) {
	tb.Helper()
	if !slices.Equal(i.due, want) {
		tb.Errorf("due at %v, want %v", i.due, want)
	}
}

// note returns a periodic that notes what it is due for, n times.
func (i *instants) note(l *loop.Loop, n int, next func(time.Time) (time.Time, bool)) *loop.Periodic {
	i.start = l.Now()
	var p *loop.Periodic
	p = loop.NewPeriodic(l, next, func() {
		i.due = append(i.due, p.Due().Sub(i.start))
		if len(i.due) == n {
			p.Stop()
		}
	})
	return p
}

// The bubble's time begins at a full second.

func TestPeriodicKeepsItsGrid(t *testing.T) {
	bubble(t, func(t scene, l *loop.Loop, _ *looptest.Backend) {
		k := newTicks()
		var p *loop.Periodic
		p = loop.NewPeriodic(l, every(100*ms), func() {
			k.tick()
			switch len(k.at) {
			case 1:
				pass(350 * ms) // those of 200 to 400 become one
			case 4:
				p.Stop()
			}
		})
		pass(50 * ms)
		p.Start()
		run(t, l)
		k.expect(t, 100, 450, 500, 600)
	})
}

func TestPeriodicAt(t *testing.T) {
	bubble(t, func(t scene, l *loop.Loop, _ *looptest.Backend) {
		p := loop.NewPeriodic(l, every(time.Minute), func() {})
		if at, ok := p.At(); ok {
			t.Errorf("an inactive one is set for %v", at)
		}
		p.Start()
		if at, ok := p.At(); !ok || !at.Equal(l.Now().Add(time.Minute)) {
			t.Errorf("it is set for %v, %v", at, ok)
		}
		p.Stop()
		run(t, l)
	})
}

func TestPeriodicIsAskedBeforeItsCall(t *testing.T) {
	bubble(t, func(t scene, l *loop.Loop, _ *looptest.Backend) {
		var d diary
		start := l.Now()
		var p *loop.Periodic
		p = loop.NewPeriodic(l, func(after time.Time) (time.Time, bool) {
			d.write("asked-at-" + after.Sub(start).String())()
			return after.Add(time.Second), true
		}, func() {
			d.write("called")()
			at, _ := p.At()
			if got := at.Sub(l.Now()); got != time.Second {
				t.Errorf("the next one is in %v", got)
			}
			l.Break()
		})
		p.Start()
		run(t, l)
		d.expect(t, "asked-at-0s asked-at-1s called")
	})
}

func TestRuleThatEndsStopsThePeriodic(t *testing.T) {
	bubble(t, func(t scene, l *loop.Loop, _ *looptest.Backend) {
		end := l.Now().Add(2500 * ms)
		var seen instants
		p := seen.note(l, -1, func(after time.Time) (time.Time, bool) {
			at := after.Add(time.Second)
			return at, at.Before(end)
		})
		p.Start()
		run(t, l)
		seen.expect(t, time.Second, 2*time.Second)
		if p.Active() {
			t.Error("it is active")
		}
		pass(time.Hour)
		p.Start()
		if p.Active() {
			t.Error("a rule without an instant started it")
		}
	})
}

func TestPastInstantFiresAtOnce(t *testing.T) {
	for _, at := range []time.Time{
		{},
		time.Date(1500, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC),
	} {
		bubble(t, func(t scene, l *loop.Loop, _ *looptest.Backend) {
			k := newTicks()
			var p *loop.Periodic
			p = loop.NewPeriodic(l, func(time.Time) (time.Time, bool) { return at, true }, func() {
				k.tick()
				if len(k.at) == 3 {
					p.Stop()
				}
			})
			p.Start()
			run(t, l)
			k.expect(t, 0, 0, 0)
			if got := l.Stats().Turns; got != 3 {
				t.Errorf("%d turns", got)
			}
		})
	}
}

func TestPeriodicAgainAsksAnew(t *testing.T) {
	bubble(t, func(t scene, l *loop.Loop, _ *looptest.Backend) {
		span := time.Hour
		var seen instants
		p := seen.note(l, 1, func(after time.Time) (time.Time, bool) { return after.Add(span), true })
		p.Start()
		p.Feed()
		span = time.Minute
		p.Again()
		if p.Pending() || !p.Active() {
			t.Errorf("pending %v, active %v", p.Pending(), p.Active())
		}
		run(t, l)
		seen.expect(t, time.Minute)
		p.Again()
		if !p.Active() {
			t.Error("Again did not start it")
		}
	})
}

func TestStepsOfTheClock(t *testing.T) {
	const (
		second = time.Second
		minute = time.Minute
		hour   = time.Hour
	)
	absolute := func(at time.Duration) func(start time.Time) func(time.Time) (time.Time, bool) {
		return func(start time.Time) func(time.Time) (time.Time, bool) {
			return func(time.Time) (time.Time, bool) { return start.Add(at), true }
		}
	}
	grid := func(d time.Duration) func(time.Time) func(time.Time) (time.Time, bool) {
		return func(time.Time) func(time.Time) (time.Time, bool) { return every(d) }
	}
	tests := []struct {
		name string
		rule func(start time.Time) func(time.Time) (time.Time, bool)
		step time.Duration // 90 s after the start
		n    int
		want []time.Duration // on the wall clock
		took time.Duration
	}{
		{"none", grid(minute), 0, 3, []time.Duration{minute, 2 * minute, 3 * minute}, 3 * minute},
		{"forward drops the grid's", grid(minute), hour, 2, []time.Duration{minute, 62 * minute}, 2 * minute},
		{"forward by a little", grid(minute), 20 * second, 2, []time.Duration{minute, 2 * minute}, 100 * second},
		{"back repeats the grid's", grid(minute), -minute, 2, []time.Duration{minute, minute}, 2 * minute},
		{"back by days", grid(hour), -48 * hour, 1, []time.Duration{-47 * hour}, hour},
		{"forward over an absolute time", absolute(10 * minute), hour, 1, []time.Duration{10 * minute}, 90 * second},
		{"back before an absolute time", absolute(10 * minute), -hour, 1, []time.Duration{10 * minute}, 70 * minute},
		{"less than counts, forward", absolute(2 * minute), 800 * ms, 1, []time.Duration{2 * minute}, 2*minute - 800*ms},
		{"less than counts, back", absolute(2 * minute), -800 * ms, 1, []time.Duration{2 * minute}, 2*minute + 800*ms},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t scene, l *loop.Loop, b *looptest.Backend) {
				var seen instants
				seen.note(l, tt.n, tt.rule(l.Now())).Start()
				stepper := time.AfterFunc(90*second, func() { b.StepClock(tt.step) })
				defer stepper.Stop()
				start := time.Now()
				run(t, l)
				seen.expect(t, tt.want...)
				if took := time.Since(start); took != tt.took {
					t.Errorf("it took %v, not %v", took, tt.took)
				}
				jumps := uint64(0)
				if tt.step.Abs() >= time.Second {
					jumps = 1
				}
				if got := l.Stats().Jumps; got != jumps {
					t.Errorf("%d jumps seen", got)
				}
			})
		})
	}
}

func TestWhatWasDueBeforeTheStepStaysDue(t *testing.T) {
	bubble(t, func(t scene, l *loop.Loop, b *looptest.Backend) {
		var seen instants
		// A tick at one minute; the loop comes to it 10 s late, and finds the clock set by an hour
		// too.
		seen.note(l, 2, every(time.Minute)).Start()
		loop.NewTimer(l, 59*time.Second, 0, func() {
			pass(11 * time.Second)
			b.StepClock(time.Hour)
		}).Start()
		run(t, l)
		seen.expect(t, time.Minute, 62*time.Minute)
	})
}

func TestStepKeepsTheLastEventOfARuleThatEnds(t *testing.T) {
	bubble(t, func(t scene, l *loop.Loop, b *looptest.Backend) {
		asked := 0
		var seen instants
		p := seen.note(l, -1, func(after time.Time) (time.Time, bool) {
			asked++
			return after.Add(time.Minute), asked < 3
		})
		p.Start()
		pass(time.Minute)
		b.StepClock(time.Hour)
		run(t, l)
		seen.expect(t, time.Minute)
		if asked != 3 || p.Active() {
			t.Errorf("asked %d times, active %v", asked, p.Active())
		}
	})
}

// mute does not tell of the clock.
type mute struct{ loop.Backend }

func TestWithoutBeingToldTheClockIsLookedAtEachMinute(t *testing.T) {
	bubble(t, func(t scene, _ *loop.Loop, b *looptest.Backend) {
		l := verified(t, mute{b}, loop.WithClock(b.Clock))
		start := time.Now()
		loop.NewPeriodic(l, every(24*time.Hour), l.Break).Start()
		day := l.Now().Truncate(24 * time.Hour).Add(24 * time.Hour)
		time.AfterFunc(90*time.Second, func() {
			now, _ := b.Clock()
			b.StepClock(day.Sub(now) - 40*time.Second)
		})
		run(t, l)
		if took := time.Since(start); took != 130*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}
