package session

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/evshell/ev/action"
	"github.com/evshell/ev/event"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/watch"
)

func TestReplace_whatStaysTheSameStays(t *testing.T) {
	perform(t, Config{}, func(s *stage) {
		s.run(s.line("a", runs), s.line("b", runs), s.line("c"))
		s.emit("a", "b")
		a, c := s.Watchers()[0], s.Watchers()[2]
		s.log = nil
		undescribed := s.line("a")
		undescribed.Describe = func() (*Binding, error) { panic("it is at work already") }
		s.on(func() {
			if faults := s.bind(s.line("c"), s.line("d"), undescribed); faults != nil {
				t.Error(faults)
			}
		})
		s.saw("stop b, close b, start d, changed")
		s.heard("ev: reloaded: 1 started, 1 stopped, 2 as before\n")
		if w := s.Watchers(); len(w) != 3 || w[0] != c || w[1].Name != "d" || w[2] != a {
			t.Errorf("the watchers are %v", w)
		}
		s.end("a", failed(0))
		s.emit("a")
		s.saw("ran a: exited 0, event a 2, run a 2")
	})
}

// Several lines may say the same: as many as before go on.
func TestReplace_linesThatSayTheSame(t *testing.T) {
	perform(t, Config{}, func(s *stage) {
		s.run(s.line("a"), s.line("a"), s.line("b"))
		first, second := s.Watchers()[0], s.Watchers()[1]
		s.on(func() { _ = s.bind(s.line("a"), s.line("a"), s.line("a")) })
		if w := s.Watchers(); w[0] != first || w[1] != second || w[2] == first || w[2] == second {
			t.Error("two are as before, the third is new")
		}
		s.heard("ev: reloaded: 1 started, 1 stopped, 2 as before\n")
		s.on(func() { _ = s.bind(s.line("a")) })
		if w := s.Watchers(); w[0] != first || second.Active() {
			t.Error("the first is as before, the second is stopped")
		}
		s.heard("ev: reloaded: 0 started, 2 stopped, 1 as before\n")
	})
}

// What could not be started is tried again, and was not stopped.
func TestReplace_notStarted(t *testing.T) {
	full := errors.New("full")
	perform(t, Config{}, func(s *stage) {
		s.run(s.line("a"))
		for range 2 {
			s.on(func() {
				if faults := s.bind(s.line("b", failing(full)), s.line("a"), s.line("c", failing(full))); faults.Error() != "at b: full\nat c: full" {
					t.Errorf("the faults are %q", faults)
				}
			})
			s.heard("ev: reloaded: 0 started, 0 stopped, 1 as before\n")
		}
		s.on(func() { _ = s.bind(s.line("b"), s.line("a")) })
		s.heard("ev: reloaded: 1 started, 0 stopped, 1 as before\n")
		s.on(s.End)
		s.ended(End{})
	})
}

// Before anything runs, nothing is stopped or started, and nothing is said.
func TestReplace_beforeRun(t *testing.T) {
	perform(t, Config{}, func(s *stage) {
		_ = s.bind(s.line("a"))
		s.run(s.line("b"))
		s.saw("changed, changed, start b")
		s.heard("")
	})
}

// What is taken out is stopped, and decides nothing any more.
func TestReplace_whatHasGoneEndsNothing(t *testing.T) {
	perform(t, Config{}, func(s *stage) {
		s.run(s.line("a", runs, breaks), s.line("b", runs, once, exitOnError), s.line("c"))
		s.emit("a", "b")
		s.on(func() { _ = s.bind(s.line("c")) })
		s.end("b", failed(3))
		s.end("a", failed(4))
		s.lives()
		s.saw("changed, start a, start b, start c, event a 1, run a 1, stop b, event b 1, run b 1, " +
			"stop a, close a, close b, changed, ran b: exited 3, ran a: exited 4")
		s.on(s.props["c"].Stop)
		s.ended(End{})
	})
}

// A session ends when what was taken out has ended, too.
func TestReplace_whatHasGoneIsWaitedFor(t *testing.T) {
	perform(t, Config{}, func(s *stage) {
		s.run(s.line("a", runs), s.line("b"))
		s.emit("a")
		s.on(func() { _ = s.bind(s.line("b")) })
		s.on(s.End)
		s.lives()
		s.end("a", failed(0))
		s.ended(End{})
		if len(s.leaving) > 0 {
			t.Error("it is still leaving")
		}
	})
}

func TestReload(t *testing.T) {
	faulty := errors.New("faulty")
	perform(t, Config{Reload: func(*Session) error { return faulty }}, func(s *stage) {
		s.run(s.line("a", runs))
		if err := s.Reload(); !errors.Is(err, faulty) {
			t.Error(err)
		}
		s.emit("a")
		s.on(s.End)
		if err := s.Reload(); err == nil || errors.Is(err, faulty) {
			t.Errorf("ending: %v", err)
		}
	})
	perform(t, Config{}, func(s *stage) {
		if s.Reload() == nil {
			t.Error("there is something to read again")
		}
	})
}

// What takes another's place runs nothing before what the other ran has ended.
func TestReplace_neverTwo(t *testing.T) {
	perform(t, Config{}, func(s *stage) {
		at := func(place, name string, changes ...func(*Binding)) Line {
			l := s.line(name, changes...)
			l.Place = place
			return l
		}
		s.run(at("x", "a", runs), at("y", "b", runs))
		s.emit("a", "b")
		s.log = nil
		s.on(func() { _ = s.bind(at("x", "c", child), at("z", "d", runs)) })
		s.saw("stop a, close a, stop b, close b, bar child of c true, start c, run child of c 1, start d, changed")
		s.on(func() {
			_ = s.bind(at("x", "e", runs), at("y", "f", runs, func(b *Binding) { b.Exec.Busy.Policy = action.Parallel }))
		})
		s.emit("e", "f")
		s.saw("stop c, close child of c, stop d, start e, start f, changed, event e 1, bar e true, run e 1, event f 1, run f 1")
		s.end("b", failed(143))
		s.saw("ran b: exited 143")
		s.end("child of c", failed(143)) // an actor runs though it is barred
		s.saw("ran c: exited 143")
		s.end("a", failed(143))
		s.saw("ran a: exited 143, bar e false")
	})
}

// follower is a change that has a line follow a.
func follower(b *Binding) {
	build := b.Watch
	b.Watch = func(l *loop.Loop, emit watch.Emit) (watch.Watcher, error) {
		w, err := build(l, emit)
		return followerProp{w.(*prop), "a"}, err
	}
}

// Who follows a watcher is told of its runs, and what they write is kept as long as somebody does.
func TestReplace_follows(t *testing.T) {
	perform(t, Config{}, func(s *stage) {
		after := func(b *Binding) {
			b.OnFailure, b.OnSuccess = &action.Options{Argv: []string{"failure"}}, &action.Options{Argv: []string{"success"}}
		}
		s.run(s.line("a", runs), s.line("b", follower), s.line("c", runs, after))
		s.emit("a", "c")
		s.saw("changed, start a, start b, start c, event a 1, keep 65536 of a, run a 1, event c 1, keep 65536 of c, run c 1")
		s.emit("a", "c")
		s.log = nil
		s.end("a", action.Outcome{Status: 3, Output: "text"})
		s.saw("ran a: exited 3, event b 1")
		if d := s.props["b"].detail.(event.Exit); d.Run != 1 || d.Output != "text" || d.Command != "a" || d.Status != 3 {
			t.Errorf("%+v", d)
		}
		s.end("a", action.Outcome{Status: 143, Stopped: true})
		s.saw("ran a: exited 143")
		s.end("c", failed(0))
		s.end("c", failed(7))
		s.saw("ran c: exited 0, run success 1, ran c: exited 7, run failure 2")
		s.end("success", failed(0))
		s.end("failure", failed(0))
		s.on(func() { _ = s.bind(s.line("a", runs)) })
		s.saw("stop b, stop c, changed")
	})
}

// A run that has the time to end by itself, after a reload or at the end, is followed as any other.
func TestReplace_followsWhatIsDrained(t *testing.T) {
	perform(t, Config{}, func(s *stage) {
		failure := func(b *Binding) { b.OnFailure = &action.Options{Argv: []string{"failure"}} }
		s.run(s.line("a", runs, failure), s.line("b", follower))
		s.emit("a")
		s.on(func() { _ = s.bind(s.line("c", runs, failure), s.line("b", follower)) })
		s.log = nil
		s.end("a", failed(3))
		s.saw("ran a: exited 3, run failure 1, event b 1, close failure")
		s.end("failure", failed(0))
		s.emit("c")
		s.on(s.End)
		s.log = nil
		s.end("c", failed(3))
		s.saw("ran c: exited 3, run failure 1, close failure")
		s.end("failure", failed(0))
		s.ended(End{})
	})
}

// What has the state of another is started once what that ran has ended.
func TestReplace_stateIsAwaited(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	with := func(b *Binding) { b.Claim().State = state }
	perform(t, Config{}, func(s *stage) {
		s.run(s.line("a", runs, with))
		s.emit("a")
		s.log = nil
		s.on(func() { _ = s.bind(s.line("b", runs, with), s.line("c", with, failing(errors.New("full")))) })
		s.saw("stop a, close a, changed")
		s.heard("ev: reloaded: 2 started, 1 stopped, 0 as before\n")
		s.end("a", failed(143))
		s.saw("ran a: exited 143, start b, changed, changed")
		s.heard("ev: c: at c: full\n")
	})
	perform(t, Config{}, func(s *stage) { // nor twice, when it is replaced itself meanwhile, nor at the end
		s.run(s.line("a", runs, with))
		s.emit("a")
		s.log = nil
		s.on(func() { _ = s.bind(s.line("b", runs, with)) })
		s.on(func() { _ = s.bind(s.line("c", runs, with)) })
		s.on(s.End)
		s.end("a", failed(143))
		s.saw("stop a, close a, changed, changed, ran a: exited 143")
		s.ended(End{})
	})
}
