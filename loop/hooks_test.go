package loop_test

import (
	"strings"
	"testing"
	"time"

	"github.com/evshell/ev/internal/looptest"
	"github.com/evshell/ev/loop"
)

func TestPrepareAndCheckFrameTheWait(t *testing.T) {
	bubble(t, func(t scene, l *loop.Loop, _ *looptest.Backend) {
		var d diary
		start := time.Now()
		loop.NewPrepare(l, func() {
			d.write("prepare-" + time.Since(start).String())()
		}).Start()
		loop.NewCheck(l, func() {
			d.write("check-" + time.Since(start).String())()
			if time.Since(start) >= 2*time.Second {
				l.Break()
			}
		}).Start()
		loop.NewTimer(l, time.Second, time.Second, func() {}).Start()
		run(t, l)
		d.expect(t, "prepare-0s check-1s prepare-1s check-2s")
	})
}

func TestWhatAPrepareStartsCountsForTheWait(t *testing.T) {
	bubble(t, func(t scene, l *loop.Loop, b *looptest.Backend) {
		var d diary
		b.SetReady(3, loop.Read)
		loop.NewPrepare(l, func() {
			loop.NewIO(l, 3, loop.Read, func(loop.Ops) { d.write("io")(); l.Break() }).Start()
			loop.NewTimer(l, 0, 0, d.write("timer")).Start()
		}).Start()
		run(t, l)
		d.expect(t, "timer io")
	})
}

func TestFedByAPrepareIsCalledBeforeTheWait(t *testing.T) {
	bubble(t, func(t scene, l *loop.Loop, _ *looptest.Backend) {
		var d diary
		fed := loop.NewAsync(l, d.write("fed"))
		loop.NewPrepare(l, fed.Feed).Start()
		loop.NewTimer(l, time.Hour, 0, func() { d.write("timer")(); l.Break() }).Start()
		run(t, l)
		d.expect(t, "fed timer")
	})
}

func TestHookStoppedByAnother(t *testing.T) {
	bubble(t, func(t scene, l *loop.Loop, _ *looptest.Backend) {
		var d diary
		var second *loop.Check
		loop.NewCheck(l, func() { d.write("first")(); second.Stop() }).Start()
		second = loop.NewCheck(l, d.write("second"))
		second.Start()
		third := loop.NewCheck(l, d.write("third"))
		third.Start()
		runMode(t, l, loop.RunNoWait)
		d.expect(t, "first third")
		second.Start()
		runMode(t, l, loop.RunNoWait)
		d.expect(t, "first third")
	})
}

func TestIdleKeepsTheLoopFromWaiting(t *testing.T) {
	bubble(t, func(t scene, l *loop.Loop, _ *looptest.Backend) {
		start, n := time.Now(), 0
		var i *loop.Idle
		i = loop.NewIdle(l, func() {
			if n++; n == 5 {
				i.Stop()
			}
		})
		i.Start()
		loop.NewTimer(l, time.Hour, 0, func() { t.Error("it waits") })
		run(t, l)
		if n != 5 || time.Since(start) != 0 {
			t.Errorf("%d calls in %v", n, time.Since(start))
		}
	})
}

func TestIdleGivesWayToWhatIsPendingAtItsPriority(t *testing.T) {
	tests := []struct {
		name     string
		idle, io loop.Priority
		want     string
	}{
		{"same", 0, 0, strings.Repeat("io ", 3)},
		{"below", -1, 0, strings.Repeat("io ", 3)},
		{"above", 1, 0, strings.Repeat("idle io ", 3)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t scene, l *loop.Loop, b *looptest.Backend) {
				var d diary
				idle := loop.NewIdle(l, d.write("idle"))
				idle.SetPriority(tt.idle)
				idle.Start()
				io := loop.NewIO(l, 3, loop.Read, func(loop.Ops) { d.write("io")() })
				io.SetPriority(tt.io)
				io.Start()
				b.SetReady(3, loop.Read)
				for range 3 {
					runMode(t, l, loop.RunNoWait)
				}
				d.expect(t, tt.want)
				b.SetReady(3, 0)
				runMode(t, l, loop.RunNoWait)
				d.expect(t, "idle")
			})
		})
	}
}

func TestIdlesOfTheHighestPriorityFireAlone(t *testing.T) {
	bubble(t, func(t scene, l *loop.Loop, _ *looptest.Backend) {
		var d diary
		idle := func(p loop.Priority, name string) *loop.Idle {
			i := loop.NewIdle(l, d.write(name))
			i.SetPriority(p)
			i.Start()
			return i
		}
		idle(-1, "low")
		high := idle(1, "high")
		idle(1, "high2")
		runMode(t, l, loop.RunNoWait)
		d.expect(t, "high high2")
		high.Stop()
		runMode(t, l, loop.RunNoWait)
		d.expect(t, "high2")
	})
}
