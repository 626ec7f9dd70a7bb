package session

import (
	"errors"
	"os"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/evshell/ev/action"
	"github.com/evshell/ev/control"
	"github.com/evshell/ev/event"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/process"
	"github.com/evshell/ev/watch"
)

func TestWatcher_stopKeepsTheLoop(t *testing.T) {
	perform(t, Config{}, func(s *stage) {
		s.run(s.line("a"))
		a := s.Watchers()[0]
		s.on(a.Stop)
		s.on(a.Stop)
		s.lives()
		s.on(func() {
			if a.Active() || a.Fire() == nil {
				t.Error("it is stopped, and fires")
			}
			if err := errors.Join(a.Start(), a.Start(), a.Fire()); err != nil || !a.Active() {
				t.Errorf("started again: %v", err)
			}
		})
		s.on(a.Stop)
		s.lives()
		s.on(func() { _ = a.Start() })
		s.saw("changed, start a, stop a, start a, event a 1, stop a, start a")
		s.on(s.props["a"].Stop) // its own end
		s.ended(End{})
	})
}

func TestWatcher_stoppedIsNotWaitedForInTheEnd(t *testing.T) {
	perform(t, Config{}, func(s *stage) {
		s.run(s.line("a"), s.line("b"))
		s.on(s.Watchers()[0].Stop)
		s.on(func() { _ = s.bind(s.line("b")) })
		s.lives()
		s.on(s.Watchers()[0].Stop)
		s.on(s.End)
		s.ended(End{})
	})
}

// Whoever waits for an event that is one too many is told so.
func TestWatcher_whatDoesNotCountIsAnswered(t *testing.T) {
	perform(t, Config{}, func(s *stage) {
		s.run(s.line("a", once), s.line("b"))
		s.props["a"].detail, s.props["b"].detail = letter{stage: s}, letter{stage: s}
		s.emit("a", "a")
		s.on(func() {
			s.End()
			s.props["b"].Feed()
		})
		s.saw("changed, start a, start b, stop a, event a 1, dealt with, refused, stop b, refused")
	})
}

// An event without a command is dealt with once it is printed, one with a command when that has ended.
func TestWatcher_whatIsPrintedIsAnswered(t *testing.T) {
	prints := func(b *Binding) { b.Render = action.Text('\n') }
	perform(t, Config{}, func(s *stage) {
		s.run(s.line("a", prints), s.line("b", prints, runs))
		s.props["a"].detail, s.props["b"].detail = letter{stage: s}, letter{stage: s}
		s.emit("a", "b")
		s.saw("changed, start a, start b, event a 1, dealt with, event b 1, run b 1")
	})
}

// One that has come to its own end does not hold the loop when it is stopped.
func TestWatcher_stopOfWhatHasEnded(t *testing.T) {
	perform(t, Config{}, func(s *stage) {
		s.run(s.line("a", once), s.line("b"))
		s.emit("a")
		s.on(s.Watchers()[0].Stop)
		s.on(s.props["b"].Stop)
		s.ended(End{})
	})
}

func TestWatcher_startCountsAnew(t *testing.T) {
	perform(t, Config{}, func(s *stage) {
		s.run(s.line("a", func(b *Binding) { b.Count = 2 }), s.line("b"))
		s.emit("a", "a", "a")
		s.on(func() { _ = s.Watchers()[0].Start() })
		s.emit("a", "a", "a")
		s.saw("changed, start a, start b, event a 1, stop a, event a 2, start a, event a 3, stop a, event a 4")
	})
}

// What can't be started stays stopped, and the loop with it.
func TestWatcher_startFails(t *testing.T) {
	full := errors.New("full")
	perform(t, Config{}, func(s *stage) {
		s.run(s.line("a"))
		s.on(s.Watchers()[0].Stop)
		s.props["a"].err = full
		s.on(func() {
			if err := s.Watchers()[0].Start(); !errors.Is(err, full) {
				t.Error(err)
			}
		})
		s.lives()
	})
}

// What could not be started at first is at work once it is, and stays so over a reload.
func TestWatcher_startedLate(t *testing.T) {
	full := errors.New("full")
	perform(t, Config{}, func(s *stage) {
		s.run(s.line("a"))
		s.on(func() { _ = s.bind(s.line("a"), s.line("b", failing(full), limited(time.Minute))) })
		b := s.Watchers()[1]
		s.on(func() {
			if err := b.Start(); !errors.Is(err, full) || err.Error() != "full" {
				t.Error(err)
			}
			s.props["b"].err = nil
			if err := b.Start(); err != nil {
				t.Error(err)
			}
		})
		s.on(func() { _ = s.bind(s.line("a"), s.line("b")) })
		if s.Watchers()[1] != b {
			t.Error("b is another")
		}
		s.pass(time.Minute) // b's limit
		s.ended(End{})
	})
}

// While ev is ending nothing begins that would have to end first.
func TestWatcher_startWhileEnding(t *testing.T) {
	perform(t, Config{}, func(s *stage) {
		s.run(s.line("a"), s.line("b", runs))
		s.emit("b")
		s.on(s.End)
		if !s.Ending() {
			t.Error("it is not ending")
		}
		s.on(func() {
			if err := s.Watchers()[0].Start(); err == nil {
				t.Error("it is started")
			}
		})
		s.end("b", failed(0))
		s.ended(End{})
	})
}

func TestWatcher_firesAtTheStartIfAsked(t *testing.T) {
	perform(t, Config{}, func(s *stage) {
		s.run(s.line("a", func(b *Binding) { b.Now = true }), s.line("b"))
		s.saw("changed, start a, event a 1, start b")
	})
}

// Clocks of what is taken out end nothing.
func TestWatcher_clocksStop(t *testing.T) {
	perform(t, Config{}, func(s *stage) {
		s.run(s.line("a", timeout(time.Minute), limited(time.Hour)), s.line("b"))
		s.on(func() { _ = s.bind(s.line("b")) })
		s.pass(2 * time.Hour)
		s.lives()
	})
}

// A source is held as long as one of what prints and what runs is full.
func TestWatcher_hold(t *testing.T) {
	perform(t, Config{}, func(s *stage) {
		s.run(s.line("a", runs, rich), s.line("b", runs))
		s.emit("a", "b")
		s.log = nil
		full := s.actors["a"].Full
		s.on(func() {
			full(true)
			full(true)
			full(false)
			full(false)
			s.actors["b"].Full(true) // can't wait
		})
		s.saw("hold a true, hold a true, hold a true, hold a false")
	})
}

func skips(b *Binding) {
	runs(b)
	b.Exec.Busy.Policy = action.Skip
}

// What a command changes itself is not skipped but forgotten.
func TestWatcher_overlooksWhatItsCommandDoes(t *testing.T) {
	perform(t, Config{}, func(s *stage) {
		s.run(s.line("a", skips, rich), s.line("b", runs, rich), s.line("c", skips))
		s.log = nil
		s.emit("a")
		s.saw("event a 1, run a 1, hold a true")
		s.emit("a")
		s.saw("event a 2, run a 2")
		s.end("a", failed(0))
		s.saw("ran a: exited 0, discard a, hold a false")
		s.end("a", failed(0))
		s.saw("ran a: exited 0")
		s.emit("b", "c")
		s.end("b", failed(0))
		s.end("c", failed(0))
		s.saw("event b 1, run b 1, event c 1, run c 1, ran b: exited 0, ran c: exited 0")
	})
}

func TestWatcher_stormy(t *testing.T) {
	perform(t, Config{}, func(s *stage) {
		s.run(s.line("a", runs, func(b *Binding) { b.Exec.Guard = &action.Guard{Advice: "don't"} }))
		s.emit("a")
		s.on(s.actors["a"].Stormy)
		s.heard("ev: a: don't; until then it gets one run a second\n")
	})
}

func TestWatcher_skipped(t *testing.T) {
	perform(t, Config{}, func(s *stage) {
		s.run(s.line("a", runs))
		s.emit("a")
		s.on(s.actors["a"].Skipped)
		s.saw("changed, start a, event a 1, run a 1, skipped a")
	})
}

// bind hands the command what it takes of the session and of the watcher.
func TestBind_command(t *testing.T) {
	group := &process.Cgroup{}
	made := 0
	perform(t, Config{Cgroup: func() (*process.Cgroup, error) { made++; return group, nil }}, func(s *stage) {
		inGroup := func(b *Binding) { b.Cgroup = true }
		s.run(s.line("a", runs, inGroup, rich, func(b *Binding) { b.Priority = 2 }), s.line("b", runs, inGroup), s.line("c", runs))
		w := s.Watchers()[0]
		if !w.HasCommand() {
			t.Error("it has a command")
		}
		s.on(func() {
			if err := w.Restart(); err == nil || !strings.Contains(err.Error(), "no event yet") {
				t.Errorf("%v", err)
			}
			if err := w.Signal(syscall.SIGHUP); err == nil {
				t.Error("nothing runs, and no error")
			}
		})
		s.emit("a", "b", "c")
		a, b, c := s.actors["a"].Setting, s.actors["b"].Setting, s.actors["c"].Setting
		if a.Cgroup != group || b.Cgroup != group || c.Cgroup != nil || made != 1 {
			t.Errorf("the groups are %p, %p and %p; %d were made", a.Cgroup, b.Cgroup, c.Cgroup, made)
		}
		if a.Same == nil || !a.Same() || b.Same != nil {
			t.Error("a knows whether it was the same before, b does not")
		}
		if a.Stdout != s.stdout || a.Stderr != s.stderr || a.Report.Name() != "ev: a" {
			t.Errorf("its output is another: %+v", a)
		}
		if s.props["a"].priority != 2 || w.Watch != nil {
			t.Error("its priority is lost, or what it was made from is kept")
		}
		s.log = nil
		s.on(func() {
			if err := w.Signal(syscall.SIGHUP); err != nil {
				t.Error(err)
			}
			if err := w.Restart(); err != nil {
				t.Error(err)
			}
		})
		s.saw("signal a HUP, restart a")
		s.end("a", failed(3))
		s.on(func() {
			if err := w.Restart(); err != nil {
				t.Error(err)
			}
		})
		s.saw("ran a: exited 3, run a 1")
	})
}

func TestWatcher_place(t *testing.T) {
	perform(t, Config{}, func(s *stage) {
		s.run(s.line("a", rich), s.line("b"))
		for _, w := range s.Watchers() {
			w.SetPlace(7)
		}
		if s.props["a"].place != 7 || s.props["b"].place != 0 {
			t.Errorf("the places are %d and %d", s.props["a"].place, s.props["b"].place)
		}
	})
}

func TestBind_faults(t *testing.T) {
	wrong, missing, full := errors.New("wrong"), errors.New("missing"), errors.New("full")
	perform(t, Config{Cgroup: func() (*process.Cgroup, error) { return nil, full }}, func(s *stage) {
		described := s.line("b")
		described.Describe = func() (*Binding, error) { return nil, missing }
		bare := Line{Describe: described.Describe}
		watchers, faults := s.Bind([]Line{
			s.line("a"), described,
			s.line("c", func(b *Binding) {
				b.Watch = func(*loop.Loop, watch.Emit) (watch.Watcher, error) { return nil, wrong }
			}),
			bare, s.line("d", runs, func(b *Binding) { b.Cgroup = true }),
		})
		if want := "at b: missing\nat c: wrong\nmissing\nat d: full"; faults.Error() != want || !errors.Is(faults, full) {
			t.Errorf("got %q, want %q", faults, want)
		}
		for i, w := range watchers {
			if (w != nil) != (i == 0) {
				t.Errorf("line %d: %v", i, w)
			}
		}
		if s.Watchers() != nil {
			t.Error("they are at work")
		}
	})
}

func TestWatcher_state(t *testing.T) {
	perform(t, Config{}, func(s *stage) {
		_ = s.bind(s.line("a", runs, rich, func(b *Binding) { b.Priority = -1 }))
		w := s.Watchers()[0]
		p := s.props["a"]
		at := time.Now().Add(time.Hour)
		p.due = at
		want := control.Watcher{Name: "a", Watcher: string(event.KindTimer), State: "initialised", Priority: -1, Due: &at}
		check := func(when string) {
			t.Helper()
			if got := w.State(); !reflect.DeepEqual(got, want) {
				t.Errorf("%s:\n got %+v\nwant %+v", when, got, want)
			}
		}
		check("bound")
		s.run(s.line("a", runs, rich, func(b *Binding) { b.Priority = -1 }), s.line("b"))
		w, p = s.Watchers()[0], s.props["a"]
		p.due = at
		want.State = "active"
		check("started")
		p.pending = true
		want.State = "pending"
		check("pending")
		p.pending = false
		s.pass(time.Second)
		s.emit("a")
		now := time.Now()
		want.State, want.Fires, want.Running, want.Waiting, want.Last = "active", 1, 1, 2, &now
		check("running")
		s.end("a", failed(3))
		status := 3
		want.Running, want.Waiting, want.Status = 0, 0, &status
		check("run")
		s.on(w.Stop)
		want.State, want.Due = "stopped", nil
		check("stopped")
		p.failed = true
		want.State = "failed"
		check("ended by an error")
	})
}

// What does not pass is no event: it counts for nothing, and needs no lock.
func TestWatcher_if(t *testing.T) {
	perform(t, Config{}, func(s *stage) {
		test, err := event.ParseTest("missed>1")
		if err != nil {
			t.Fatal(err)
		}
		s.run(s.line("a", once, runs, func(b *Binding) { b.If = []event.Test{test}; b.Timeout = time.Minute }))
		s.log = nil
		for missed := range int64(4) {
			s.props["a"].detail = event.Timer{Missed: missed}
			s.emit("a")
		}
		s.saw("stop a, event a 1, run a 1")
	})
}

// An event can have another run unless what it brought has gone: that somebody waits for what becomes of it does not matter.
func TestWatcher_repeatable(t *testing.T) {
	line := "x"
	for _, tt := range []struct {
		detail event.Detail
		can    bool
	}{
		{event.Timer{}, true},
		{event.Stat{}, true},
		{event.FD{Line: &line}, true},
		{event.FD{File: os.Stdin}, false},
	} {
		w := &Watcher{Binding: &Binding{Exec: &action.Options{}}, work: &work{repeat: &event.Event{Detail: tt.detail}}}
		if err := w.repeatable(); (err == nil) != tt.can {
			t.Errorf("%#v: %v", tt.detail, err)
		}
	}
}
