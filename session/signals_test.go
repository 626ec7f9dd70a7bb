package session

import (
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/evshell/ev/event"
)

func claims(sig syscall.Signal) func(*Binding) {
	return func(b *Binding) { b.Claim().Signals = []syscall.Signal{sig} }
}

func foreground(b *Binding) {
	runs(b)
	b.Exec.Foreground = true
}

func TestSignal_endsEv(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1} {
		perform(t, Config{}, func(s *stage) {
			s.run(s.line("a", claims(syscall.SIGUSR2)), s.line("b"))
			s.signal(sig)
			s.ended(End{Why: Signalled, Signal: sig})
			s.saw("changed, start a, start b, stop b, stop a")
		})
	}
}

func TestSignal_ofAWatcherIsItsBusiness(t *testing.T) {
	perform(t, Config{}, func(s *stage) {
		s.run(s.line("a", claims(syscall.SIGTERM), runs))
		s.signal(syscall.SIGTERM)
		s.lives()
		s.emit("a")
		s.on(s.End)
		s.saw("changed, start a, event a 1, run a 1, stop a, close a")
		s.signal(syscall.SIGTERM) // until the end has begun
		s.saw("kill a, stopping, die of TERM")
	})
}

// Who is active decides: a signal that comes once its watcher has stopped ends ev, but not the one
// that the watcher has stopped with, of which the session may hear later than the watcher.
func TestSignal_afterItsWatcherHasStopped(t *testing.T) {
	for _, first := range []string{"the session", "the watcher"} {
		perform(t, Config{}, func(s *stage) {
			s.run(s.line("a", claims(syscall.SIGTERM), once), s.line("b"))
			tell := func() {
				s.on(func() { s.props["a"].emit(event.Signal{Signal: "TERM", Number: int(syscall.SIGTERM), Count: 1}) })
			}
			if first == "the watcher" {
				tell()
			}
			s.signal(syscall.SIGTERM)
			s.lives()
			if first == "the session" {
				tell()
			}
			s.signal(syscall.SIGTERM)
			s.ended(End{Why: Signalled, Signal: syscall.SIGTERM})
		})
	}
	perform(t, Config{}, func(s *stage) {
		s.run(s.line("a", claims(syscall.SIGTERM)), s.line("b"))
		s.on(s.watchers[0].Stop)
		s.signal(syscall.SIGTERM)
		s.ended(End{Why: Signalled, Signal: syscall.SIGTERM})
	})
}

// A second signal kills at once, also what a reload has taken out, and the child of a watcher.
func TestSignal_secondKills(t *testing.T) {
	perform(t, Config{}, func(s *stage) {
		s.run(s.line("old", runs), s.line("new", runs), s.line("child", child))
		s.emit("old", "new")
		s.on(func() { _ = s.bind(s.line("new"), s.line("child")) })
		s.log = nil
		s.signal(syscall.SIGTERM)
		s.saw("stop child, close child of child, stop new, close new")
		s.signal(syscall.SIGTERM)
		s.saw("kill new, kill child of child, kill old, stopping, die of TERM")
		s.end("new", failed(137))
		s.end("child of child", failed(137))
		s.end("old", failed(137))
		s.ended(End{Why: Signalled, Signal: syscall.SIGTERM})
	})
}

func TestSignal_typedOnTheTerminalIsTheForegroundsOwn(t *testing.T) {
	perform(t, Config{}, func(s *stage) {
		s.run(s.line("a"), s.line("b", foreground))
		if s.Foreground() {
			t.Error("nothing runs in the foreground")
		}
		s.emit("b")
		if !s.Foreground() {
			t.Error("b runs in the foreground")
		}
		s.signal(syscall.SIGINT)
		s.signal(syscall.SIGQUIT)
		s.lives()
		s.signal(syscall.SIGTERM)
		s.signal(syscall.SIGINT) // what is being stopped has it still
		s.saw("changed, start a, start b, event b 1, run b 1, stop b, close b, stop a")
		s.end("b", failed(0))
		s.ended(End{Why: Signalled, Signal: syscall.SIGTERM})
	})
}

func TestSignal_hangupReloads(t *testing.T) {
	var s *stage
	perform(t, Config{Reload: func(*Session) error { s.logf("reload"); return errors.New("faulty") }}, func(made *stage) {
		s = made
		s.run(s.line("a"))
		s.signal(syscall.SIGHUP)
		s.saw("changed, start a, reload")
		s.on(s.End)
		s.ended(End{})
	})
}

// What asks for something else than the end is no second signal: what runs keeps the time it has.
func TestSignal_whileEvEnds(t *testing.T) {
	perform(t, Config{Reload: func(*Session) error { return nil }}, func(s *stage) {
		s.run(s.line("a", claims(syscall.SIGUSR1), runs))
		s.emit("a")
		s.signal(syscall.SIGTERM)
		s.log = nil
		s.signal(syscall.SIGHUP)
		s.signal(syscall.SIGUSR1)
		s.saw("")
		s.signal(syscall.SIGUSR2)
		s.saw("kill a, stopping, die of USR2")
		s.end("a", failed(137))
		s.ended(End{Why: Signalled, Signal: syscall.SIGTERM})
	})
}

// While ev is stopped from the terminal the time of its loop stands still, and its commands on the
// terminal are stopped, too.
func TestSignal_stopAndContinue(t *testing.T) {
	perform(t, Config{}, func(s *stage) {
		s.run(s.line("a", foreground), s.line("b", limited(time.Minute)))
		s.emit("a")
		s.end("a", failed(0))
		s.log = nil
		s.signal(syscall.SIGTSTP)
		s.saw("suspend a, stopping, stand still")
		s.pass(time.Hour)
		s.lives()
		s.signal(syscall.SIGCONT)
		s.saw("resume a")
		s.pass(time.Minute - 1)
		s.lives()
		s.pass(1)
		s.ended(End{})
	})
}

// Where nobody could have ev go on the kernel does not stop it, and the loop's time goes on.
func TestSignal_stopIsDropped(t *testing.T) {
	perform(t, Config{}, func(s *stage) {
		s.dropped = true
		s.run(s.line("a", foreground), s.line("b", limited(time.Minute)))
		s.emit("a")
		s.end("a", failed(0))
		s.log = nil
		s.signal(syscall.SIGTSTP)
		s.saw("suspend a, stopping, stand still, resume a")
		s.pass(time.Minute)
		s.ended(End{})
	})
}

func TestPause(t *testing.T) {
	perform(t, Config{}, func(s *stage) {
		s.run(s.line("a", limited(time.Minute)))
		s.on(func() { s.Pause(true) })
		if !s.Paused() {
			t.Error("it is not paused")
		}
		s.signal(syscall.SIGTSTP)
		s.signal(syscall.SIGCONT) // of the terminal's stop, not of this one
		s.pass(time.Hour)
		s.lives()
		s.on(func() { s.Pause(false) })
		if s.Paused() {
			t.Error("it is paused")
		}
		s.pass(time.Minute)
		s.ended(End{})
	})
}

// The loop does not turn before everything is watched, which may take long. What ends ev cuts that
// short.
func TestStartup_isCutShort(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGHUP} {
		perform(t, Config{Ready: func() error { panic("not everything is watched") }}, func(s *stage) {
			s.run(s.line("a", slow(false)), s.line("b"))
			s.signal(sig)
			s.ended(End{Why: Signalled, Signal: sig})
			s.saw("changed, interrupt a, start b, stop b")
		})
	}
}

func TestStartup_secondSignalKills(t *testing.T) {
	perform(t, Config{}, func(s *stage) {
		s.run(s.line("a"), s.line("b", slow(true)))
		s.signal(syscall.SIGINT)
		s.saw("changed, start a, interrupt b")
		s.signal(syscall.SIGTERM)
		s.saw("die of TERM, interrupt b")
		s.props["b"].starting <- nil
		s.ended(End{Why: Signalled, Signal: syscall.SIGTERM})
	})
}

func TestStartup_isNotCutShortByWhatDoesNotEndEv(t *testing.T) {
	var s *stage
	perform(t, Config{Reload: func(*Session) error { s.logf("reload"); return nil }}, func(made *stage) {
		s = made
		s.run(s.line("a", slow(false), claims(syscall.SIGINT)))
		for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGHUP, syscall.SIGTSTP, syscall.SIGUSR1} {
			s.signal(sig)
		}
		s.saw("changed")
		s.props["a"].starting <- nil
		s.ended(End{Why: Signalled, Signal: syscall.SIGUSR1})
		s.saw("start a, reload, stopping, stand still, stop a")
	})
}

// As PID 1 what asks for no end is passed on to the one child.
func TestSignal_passedOnToTheOneChild(t *testing.T) {
	perform(t, Config{}, func(s *stage) {
		s.host.first = true
		s.run(s.line("a", child), s.line("b", runs), s.line("claims", claims(syscall.SIGUSR2)))
		s.log = nil
		s.signal(syscall.SIGUSR1)
		s.signal(syscall.SIGWINCH)
		s.signal(syscall.SIGALRM)
		s.signal(syscall.SIGIO)
		s.signal(syscall.SIGUSR2)
		s.saw("signal child of a USR1, signal child of a WINCH, signal child of a ALRM, signal child of a IO")
		s.signal(syscall.SIGCONT)
		s.saw("resume child of a, signal child of a CONT")
		s.on(func() { _ = s.bind(s.line("a", child), s.line("c", child)) })
		s.log = nil
		s.signal(syscall.SIGWINCH)
		s.signal(syscall.SIGIO)
		s.saw("")
		s.signal(syscall.SIGUSR1)
		s.saw("stop c, close child of c, stop a, close child of a")
		s.signal(syscall.SIGWINCH)
		s.saw("")
		s.end("child of a", failed(138))
		s.end("child of c", failed(138))
		s.ended(End{Why: Signalled, Signal: syscall.SIGUSR1})
	})
}

func TestSignal_passable(t *testing.T) {
	for _, got := range []syscall.Signal{syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH, syscall.SIGALRM, syscall.SIGCONT, syscall.SIGIO} {
		if !passable(got) {
			t.Errorf("%v is not passed on", got)
		}
	}
	for _, got := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGCHLD, syscall.SIGTSTP, syscall.SIGPIPE, syscall.SIGURG, syscall.SIGKILL} {
		if passable(got) {
			t.Errorf("%v is passed on", got)
		}
	}
}

// Where its commands have terminals, ev passes on how large its own is; that is no end, not even a
// second one.
func TestSignal_windowIsResized(t *testing.T) {
	perform(t, Config{}, func(s *stage) {
		s.terminals = true
		s.run(s.line("a", runs))
		s.log = nil
		s.signal(syscall.SIGWINCH)
		s.saw("")
		s.emit("a")
		s.signal(syscall.SIGTERM)
		s.log = nil
		s.signal(syscall.SIGWINCH)
		s.saw("resize a")
		s.end("a", failed(143))
		s.ended(End{Why: Signalled, Signal: syscall.SIGTERM})
	})
}
