package loop_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/evshell/ev/internal/looptest"
	"github.com/evshell/ev/loop"
)

// watcher is what all types have.
type watcher interface {
	Start()
	Stop()
	Active() bool
	Pending() bool
	Priority() loop.Priority
	SetPriority(loop.Priority)
	Feed()
	ClearPending() bool
	KeepAlive(bool)
}

// eachType runs f for a new watcher of each type, which calls fn.
func eachType(t *testing.T, f func(t scene, l *loop.Loop, make func(fn func()) watcher)) {
	t.Helper()
	types := map[string]func(l *loop.Loop, fn func()) watcher{
		"IO":       func(l *loop.Loop, fn func()) watcher { return loop.NewIO(l, 3, loop.Read, func(loop.Ops) { fn() }) },
		"Timer":    func(l *loop.Loop, fn func()) watcher { return loop.NewTimer(l, time.Hour, time.Hour, fn) },
		"Periodic": func(l *loop.Loop, fn func()) watcher { return loop.NewPeriodic(l, every(time.Hour), fn) },
		"Async":    func(l *loop.Loop, fn func()) watcher { return loop.NewAsync(l, fn) },
		"Idle":     func(l *loop.Loop, fn func()) watcher { return loop.NewIdle(l, fn) },
		"Prepare":  func(l *loop.Loop, fn func()) watcher { return loop.NewPrepare(l, fn) },
		"Check":    func(l *loop.Loop, fn func()) watcher { return loop.NewCheck(l, fn) },
	}
	for name, newWatcher := range types {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t scene, l *loop.Loop, _ *looptest.Backend) {
				f(t, l, func(fn func()) watcher { return newWatcher(l, fn) })
			})
		})
	}
}

func TestStates(t *testing.T) {
	type step struct {
		do              string
		active, pending bool
	}
	tests := []struct {
		name  string
		steps []step
	}{
		{"made", []step{{"", false, false}}},
		{"start and stop", []step{{"start", true, false}, {"stop", false, false}}},
		{"start twice, stop once", []step{{"start", true, false}, {"start", true, false}, {"stop", false, false}}},
		{"stop without start", []step{{"stop", false, false}}},
		{"feed an inactive", []step{{"feed", false, true}, {"clear", false, false}}},
		{"start a pending", []step{{"feed", false, true}, {"start", true, true}}},
		{"stop clears", []step{{"start", true, false}, {"feed", true, true}, {"stop", false, false}}},
		{"stop clears an inactive", []step{{"feed", false, true}, {"stop", false, false}}},
		{"clear leaves active", []step{{"start", true, false}, {"feed", true, true}, {"clear", true, false}}},
		{"feed twice, clear once", []step{{"feed", false, true}, {"feed", false, true}, {"clear", false, false}}},
		{"priority leaves both", []step{{"start", true, false}, {"feed", true, true}, {"priority", true, true}}},
		{"loose", []step{{"loose", false, false}, {"start", true, false}, {"stop", false, false}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			eachType(t, func(t scene, l *loop.Loop, make func(fn func()) watcher) {
				w := make(func() {})
				for _, s := range tt.steps {
					switch s.do {
					case "start":
						w.Start()
					case "stop":
						w.Stop()
					case "feed":
						w.Feed()
					case "clear":
						if !w.ClearPending() {
							t.Error("ClearPending says that it was not pending")
						}
					case "priority":
						w.SetPriority(2)
					case "loose":
						w.KeepAlive(false)
					}
					if w.Active() != s.active || w.Pending() != s.pending {
						t.Errorf("after %q: active %v, pending %v", s.do, w.Active(), w.Pending())
					}
				}
				if w.ClearPending(); w.ClearPending() {
					t.Error("ClearPending says that it was pending")
				}
				w.Stop()
				if err := l.Verify(); err != nil {
					t.Error(err)
				}
				run(t, l) // nothing keeps it alive
			})
		})
	}
}

func TestFedIsCalledOnceAndNotPendingThen(t *testing.T) {
	eachType(t, func(t scene, l *loop.Loop, make func(fn func()) watcher) {
		calls := 0
		var w watcher
		w = make(func() {
			calls++
			if w.Pending() {
				t.Error("it is pending while it is called")
			}
		})
		w.Feed()
		w.Feed()
		run(t, l)
		if calls != 1 || w.Pending() || w.Active() {
			t.Errorf("called %d times, pending %v, active %v", calls, w.Pending(), w.Active())
		}
	})
}

func TestClearedAndStoppedAreNotCalled(t *testing.T) {
	eachType(t, func(t scene, l *loop.Loop, make func(fn func()) watcher) {
		cleared := make(func() { t.Error("the cleared one is called") })
		stopped := make(func() { t.Error("the stopped one is called") })
		killer := make(func() {
			cleared.ClearPending()
			stopped.Stop()
		})
		killer.SetPriority(1)
		cleared.Feed()
		stopped.Feed()
		killer.Feed()
		run(t, l)
	})
}

func TestPriorities(t *testing.T) {
	eachType(t, func(t scene, l *loop.Loop, make func(fn func()) watcher) {
		var d diary
		for _, p := range []loop.Priority{0, -2, 2, -1, 1, 99, -99} {
			w := make(d.write(fmt.Sprint(p)))
			w.SetPriority(p)
			if got, want := w.Priority(), min(max(p, loop.MinPriority), loop.MaxPriority); got != want {
				t.Errorf("priority %d became %d, not %d", p, got, want)
			}
			w.Feed()
		}
		run(t, l)
		d.expect(t, "2 99 1 0 -1 -2 -99")
	})
}

func TestChangingThePriorityMovesThePending(t *testing.T) {
	eachType(t, func(t scene, l *loop.Loop, make func(fn func()) watcher) {
		var d diary
		a, b, c := make(d.write("a")), make(d.write("b")), make(d.write("c"))
		a.Feed()
		b.Feed()
		c.Feed()
		c.SetPriority(1)
		a.SetPriority(0) // to the end of the same queue
		run(t, l)
		d.expect(t, "c b a")
	})
}

func TestFedInACallIsCalledInTheSameTurn(t *testing.T) {
	eachType(t, func(t scene, l *loop.Loop, make func(fn func()) watcher) {
		var d diary
		high, low := make(d.write("high")), make(d.write("low"))
		high.SetPriority(2)
		low.SetPriority(-2)
		low.Feed()
		first := make(func() {
			d.write("first")()
			high.Feed()
		})
		second := make(d.write("second"))
		first.Feed()
		second.Feed()
		run(t, l)
		d.expect(t, "first high second low")
		if got := l.Stats().Turns; got != 1 {
			t.Errorf("%d turns", got)
		}
	})
}

func TestKeepAlive(t *testing.T) {
	eachType(t, func(t scene, l *loop.Loop, make func(fn func()) watcher) {
		w := make(func() {})
		kept := func() bool {
			alive := true
			l.Post(func() {})
			end := l.After(time.Minute, func() {
				alive = l.Stats().Turns > 0
				l.Break()
			})
			start := time.Now()
			// An idle watcher keeps the loop from waiting.
			if _, idle := w.(*loop.Idle); idle {
				end()
				n := 0
				p := loop.NewPrepare(l, func() {
					if n++; n > 3 {
						l.Break()
					}
				})
				p.KeepAlive(false)
				p.Start()
				run(t, l)
				p.Stop()
				return n > 3
			}
			run(t, l)
			end()
			return alive && time.Since(start) == time.Minute
		}
		steps := []struct {
			what string
			do   func()
			want bool
		}{
			{"made", func() {}, false},
			{"started", w.Start, true},
			{"let loose while active", func() { w.KeepAlive(false) }, false},
			{"let loose twice", func() { w.KeepAlive(false) }, false},
			{"kept again", func() { w.KeepAlive(true) }, true},
			{"stopped", w.Stop, false},
			{"let loose while inactive", func() { w.KeepAlive(false) }, false},
			{"started loose", w.Start, false},
			{"stopped loose", w.Stop, false},
			{"kept while inactive", func() { w.KeepAlive(true) }, false},
			{"started again", w.Start, true},
			{"stopped again", w.Stop, false},
		}
		for _, s := range steps {
			if s.do(); kept() != s.want {
				t.Fatalf("%s: it keeps the loop alive: %v", s.what, !s.want)
			}
		}
	})
}

func TestRefKeepsTheLoopAlive(t *testing.T) {
	bubble(t, func(t scene, l *loop.Loop, _ *looptest.Backend) {
		l.Ref()
		start := time.Now()
		time.AfterFunc(time.Hour, func() { l.Post(l.Unref) })
		run(t, l)
		if took := time.Since(start); took != time.Hour {
			t.Errorf("Run took %v", took)
		}
	})
}

func TestManyClearedLeaveTheOrder(t *testing.T) {
	bubble(t, func(t scene, l *loop.Loop, _ *looptest.Backend) {
		var d diary
		var ws []*loop.Idle
		for i := range 10 {
			w := loop.NewIdle(l, d.write(fmt.Sprint(i)))
			w.Feed()
			ws = append(ws, w)
		}
		for _, i := range []int{0, 9, 4, 5} {
			ws[i].ClearPending()
		}
		ws[4].Feed()
		if err := l.Verify(); err != nil {
			t.Error(err)
		}
		run(t, l)
		d.expect(t, "1 2 3 6 7 8 4")
	})
}
