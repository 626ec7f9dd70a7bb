package session

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/action"
	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/span"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/watch"
)

func failed(status int) action.Outcome { return action.Outcome{Status: status} }

func timeout(d time.Duration) func(*Binding) { return func(b *Binding) { b.Timeout = d } }

func limited(d time.Duration) func(*Binding) { return func(b *Binding) { b.For = d } }

func until(b *Binding) { b.Until = true }

// TestEnd: why a session ends, and when.
func TestEnd(t *testing.T) {
	a := func(changes ...func(*Binding)) func(*stage) []Line {
		return func(s *stage) []Line { return []Line{s.line("a", changes...)} }
	}
	two := func(changes ...func(*Binding)) func(*stage) []Line {
		return func(s *stage) []Line { return []Line{s.line("a", changes...), s.line("b")} }
	}
	tests := []struct {
		name   string
		config Config
		lines  func(*stage) []Line
		play   func(*stage)
		want   End
		saw    string // from the start on
	}{
		{"nothing is watched any more", Config{}, two(), func(s *stage) {
			s.on(s.props["a"].Stop)
			s.lives()
			s.on(s.props["b"].Stop)
		}, End{}, "start a, start b, stop a, stop b"},
		{"asked to", Config{}, two(runs), func(s *stage) {
			s.emit("a")
			s.on(s.End)
			s.emit("b")
			s.lives()
			s.end("a", failed(3))
		}, End{}, "start a, start b, event a 1, run a 1, stop b, stop a, close a, ran a: exited 3"},
		{"break without a command", Config{}, two(breaks), func(s *stage) { s.emit("a") }, End{}, "start a, start b, event a 1, stop b, stop a"},
		{"break with a command", Config{}, two(breaks, runs), func(s *stage) {
			s.emit("a")
			s.lives()
			s.end("a", failed(3))
		}, End{}, "start a, start b, event a 1, run a 1, ran a: exited 3, stop b, stop a"},
		{"once", Config{}, a(once), func(s *stage) { s.emit("a") }, End{}, "start a, stop a, event a 1"},
		{"once with a command", Config{}, a(once, runs), func(s *stage) {
			s.emit("a")
			s.lives()
			s.end("a", failed(3))
		}, End{Why: CommandEnded, Status: 3}, "start a, stop a, event a 1, run a 1, ran a: exited 3"},
		{"once with a command that succeeds", Config{}, a(once, runs), func(s *stage) {
			s.emit("a")
			s.end("a", failed(0))
		}, End{Why: CommandEnded}, "start a, stop a, event a 1, run a 1, ran a: exited 0"},
		{"once beside another, whose status it could be", Config{}, two(once, runs), func(s *stage) {
			s.emit("a")
			s.end("a", failed(3))
			s.on(s.props["b"].Stop)
		}, End{}, "start a, start b, stop a, event a 1, run a 1, ran a: exited 3, stop b"},
		{"once beside another, but with break", Config{}, two(once, breaks, runs), func(s *stage) {
			s.emit("a")
			s.end("a", failed(3))
		}, End{Why: CommandEnded, Status: 3}, "start a, start b, stop a, event a 1, run a 1, ran a: exited 3, stop b"},
		{"twice has no status", Config{}, a(func(b *Binding) { b.Count = 2 }, runs), func(s *stage) {
			s.emit("a", "a", "a")
			s.end("a", failed(3))
			s.end("a", failed(4))
		}, End{}, "start a, event a 1, run a 1, stop a, event a 2, run a 2, ran a: exited 3, ran a: exited 4"},
		{
			"exit on error",
			Config{},
			two(exitOnError, runs), func(s *stage) {
				s.emit("a", "a", "a")
				s.end("a", failed(0))
				s.end("a", failed(7))
				s.lives()
				s.end("a", failed(8))
			},
			End{Why: CommandEnded, Status: 7},
			"start a, start b, event a 1, run a 1, event a 2, run a 2, event a 3, run a 3, ran a: exited 0, ran a: exited 7, stop b, stop a, close a, ran a: exited 8",
		},
		{"a command that was stopped is no error", Config{}, a(exitOnError, runs), func(s *stage) {
			s.emit("a")
			s.end("a", action.Outcome{Status: 143, Stopped: true})
			s.lives()
			s.on(s.props["a"].Stop)
		}, End{}, "start a, event a 1, run a 1, ran a: exited 143, stop a"},
		{"an error without exit on error", Config{}, a(runs), func(s *stage) {
			s.emit("a")
			s.end("a", failed(7))
			s.on(s.props["a"].Stop)
		}, End{}, "start a, event a 1, run a 1, ran a: exited 7, stop a"},
		{"interrupted in the foreground", Config{}, two(runs, func(b *Binding) { b.Exec.Foreground = true }), func(s *stage) {
			s.emit("a")
			s.end("a", action.Outcome{Status: 130, Signal: syscall.SIGINT})
		}, End{Why: Signalled, Signal: syscall.SIGINT}, "start a, start b, event a 1, run a 1, ran a: killed by INT, stop b, stop a"},
		{"interrupted elsewhere", Config{}, a(runs), func(s *stage) {
			s.emit("a")
			s.end("a", action.Outcome{Status: 130, Signal: syscall.SIGINT})
			s.on(s.props["a"].Stop)
		}, End{}, "start a, event a 1, run a 1, ran a: killed by INT, stop a"},
		{"another signal in the foreground", Config{}, a(runs, func(b *Binding) { b.Exec.Foreground = true }), func(s *stage) {
			s.emit("a")
			s.end("a", action.Outcome{Status: 143, Signal: syscall.SIGTERM})
			s.on(s.props["a"].Stop)
		}, End{}, "start a, event a 1, run a 1, ran a: killed by TERM, stop a"},
		{"the status of a child", Config{}, a(once, child), func(s *stage) {
			s.end("child of a", failed(3))
		}, End{Why: CommandEnded, Status: 3}, "start a, run child of a 1, ran a: exited 3, stop a, event a 1"},
		{"a child that a signal has killed", Config{}, two(once, breaks, child), func(s *stage) {
			s.end("child of a", action.Outcome{Status: 143, Signal: syscall.SIGTERM})
		}, End{Why: CommandEnded, Status: 143}, "start a, run child of a 1, start b, ran a: killed by TERM, stop a, event a 1, stop b"},
		{"a child beside another, whose status it could be", Config{}, two(once, child), func(s *stage) {
			s.end("child of a", failed(3))
			s.on(s.props["b"].Stop)
		}, End{}, "start a, run child of a 1, start b, ran a: exited 3, stop a, event a 1, stop b"},
		{"a child that fails, with exit on error", Config{}, two(exitOnError, child), func(s *stage) {
			s.end("child of a", failed(3))
		}, End{Why: CommandEnded, Status: 3}, "start a, run child of a 1, start b, ran a: exited 3, event a 1, stop b, stop a"},
		{"a child that fails, but there is a command", Config{}, a(exitOnError, child, runs), func(s *stage) {
			s.end("child of a", failed(3))
			s.lives()
			s.end("a", failed(4))
		}, End{Why: CommandEnded, Status: 4}, "start a, run child of a 1, ran a: exited 3, event a 1, run a 1, ran a: exited 4, stop a"},
		{"a child that was asked to end is no event", Config{}, a(child), func(s *stage) {
			s.on(s.Watchers()[0].Stop)
			s.end("child of a", action.Outcome{Status: 143, Stopped: true})
			s.lives()
			s.on(s.End)
		}, End{}, "start a, run child of a 1, stop a, stop what runs of child of a, ran a: exited 143"},
		{"a process that is no child", Config{}, a(once), func(s *stage) {
			s.props["a"].detail = event.Exit{Status: 3}
			s.emit("a")
		}, End{}, "start a, stop a, event a 1"},
		{"a command that fails, which another line tells", Config{}, func(s *stage) []Line {
			return []Line{s.line("a", exitOnError, runs), s.line("b", follower, runs)}
		}, func(s *stage) {
			s.emit("a")
			s.end("a", failed(3))
			s.lives()
			s.end("b", failed(0))
		}, End{Why: CommandEnded, Status: 3}, "start a, start b, event a 1, keep 65536 of a, run a 1, ran a: exited 3, event b 1, run b 1, " +
			"stop a, bar a true, stop b, close b, bar a false, ran b: exited 0"},
		{"no event in time", Config{}, two(timeout(time.Minute)), func(s *stage) {
			s.pass(time.Minute - 1)
			s.emit("b")
			s.lives()
			s.pass(1)
		}, End{Why: TimedOut}, "start a, start b, event b 1, stop b, stop a"},
		{"an event in time", Config{}, a(timeout(time.Minute)), func(s *stage) {
			s.emit("a")
			s.pass(time.Hour)
			s.lives()
			s.on(s.props["a"].Stop)
		}, End{}, "start a, event a 1, stop a"},
		{"what is waited for takes more than an event, and is late", Config{}, a(timeout(time.Minute), until), func(s *stage) {
			s.emit("a")
			s.pass(time.Minute - 1)
			s.lives()
			s.pass(1)
		}, End{Why: TimedOut}, "start a, event a 1, stop a"},
		{"what is waited for is there in time", Config{}, a(timeout(time.Minute), until, runs), func(s *stage) {
			s.emit("a")
			s.on(s.props["a"].Stop)
			s.pass(time.Hour)
			s.end("a", failed(0))
		}, End{}, "start a, event a 1, run a 1, stop a, ran a: exited 0"},
		{"for a while", Config{}, two(limited(time.Minute)), func(s *stage) {
			s.pass(time.Minute - 1)
			s.emit("a")
			s.lives()
			s.pass(1)
		}, End{}, "start a, start b, event a 1, stop b, stop a"},
		{"for ever", Config{Timeout: span.Inf, For: span.Inf}, a(limited(span.Inf), timeout(span.Inf)), func(s *stage) {
			s.on(func() {
				if n := s.loop.Stats().Timers; n > 0 {
					t.Errorf("%d timers for what never ends", n)
				}
			})
			s.on(s.props["a"].Stop)
		}, End{}, "start a, stop a"},
		{"no event of any in time", Config{Timeout: time.Minute}, two(), func(s *stage) {
			s.pass(time.Minute)
		}, End{Why: TimedOut}, "start a, start b, stop b, stop a"},
		{"an event of any in time", Config{Timeout: time.Minute, For: time.Hour}, two(), func(s *stage) {
			s.emit("b")
			s.pass(time.Hour - 1)
			s.lives()
			s.pass(1)
		}, End{}, "start a, start b, event b 1, stop b, stop a"},
		{"the first reason counts", Config{}, two(runs, limited(time.Minute)), func(s *stage) {
			s.emit("a")
			s.signal(syscall.SIGTERM)
			s.pass(time.Hour)
			s.on(s.End)
			s.lives()
			s.end("a", failed(0))
		}, End{Why: Signalled, Signal: syscall.SIGTERM}, "start a, start b, event a 1, run a 1, stop b, stop a, close a, ran a: exited 0"},
		{"the reader of the output has gone", Config{}, two(), func(s *stage) {
			s.on(func() { s.outputFailed(os.NewSyscallError("write", unix.EPIPE)) })
		}, End{Why: Signalled, Signal: syscall.SIGPIPE}, "start a, start b, stop b, stop a"},
		{"the output can't be written", Config{}, two(), func(s *stage) {
			s.on(func() { s.outputFailed(unix.ENOSPC) })
		}, End{Why: Failed, Err: unix.ENOSPC}, "start a, start b, stop b, stop a"},
		{"an error has ended a watcher", Config{}, two(rich), func(s *stage) {
			s.on(func() {
				s.props["a"].failed = true
				s.props["a"].Stop()
			})
			s.lives()
			s.on(s.props["b"].Stop)
		}, End{Why: Failed}, "start a, start b, stop a, stop b"},
		{"an error of the loop", Config{}, a(), func(s *stage) { s.stop() }, End{Why: Failed, Err: context.Canceled}, "start a"},
		{"look and see nothing", Config{NoWait: true}, two(), func(*stage) {}, End{Why: NothingHappened}, "start a, start b, stop a, stop b"},
		{"look and see something", Config{NoWait: true}, two(runs, func(b *Binding) { b.Now = true }), func(s *stage) {
			s.lives()
			s.end("a", failed(3))
		}, End{}, "start a, event a 1, run a 1, start b, stop a, stop b, ran a: exited 3"},
		{"wait for the first turn with an event", Config{Once: true}, two(runs), func(s *stage) {
			s.on(func() {}) // a turn without
			s.lives()
			s.emit("a", "b")
			s.lives()
			s.end("a", failed(0))
		}, End{}, "start a, start b, event a 1, run a 1, event b 1, stop a, stop b, ran a: exited 0"},
		{"wait for an event that never comes", Config{Once: true}, two(), func(s *stage) {
			s.on(s.props["a"].Stop)
			s.lives()
			s.on(s.props["b"].Stop)
		}, End{}, "start a, start b, stop a, stop b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			perform(t, tt.config, func(s *stage) {
				s.run(tt.lines(s)...)
				tt.play(s)
				s.ended(tt.want)
				s.saw("changed, " + tt.saw)
			})
		})
	}
}

// What can't be started is all told, with its place, unless it is the same for very many.
func TestRun_notStarted(t *testing.T) {
	full, empty := errors.New("full"), errors.New("empty")
	perform(t, Config{Ready: func() error { panic("not everything is watched") }}, func(s *stage) {
		s.run(s.line("a", failing(full)), s.line("b"), s.line("c", failing(empty)))
		e := <-s.over
		if e.Why != NotStarted || e.Err.Error() != "at a: full\nat c: empty" || !errors.Is(e.Err, empty) {
			t.Errorf("it ended with %+v", e)
		}
		s.saw("changed, start b, stop b")
		if c := s.Watchers()[0].State(); c.State != "initialised" {
			t.Errorf("what could not be started is %s", c.State)
		}
	})
	perform(t, Config{}, func(s *stage) {
		var lines []Line
		for i := range 100 {
			lines = append(lines, s.line(fmt.Sprint(i), failing(full)))
		}
		s.run(lines...)
		e := <-s.over
		if faults, _ := errors.AsType[Faults](e.Err); len(faults) != 20 {
			t.Errorf("%d lines tell the same", len(faults))
		}
	})
}

func TestRun_tellsThatEverythingIsWatched(t *testing.T) {
	var s *stage
	ready := func() error { s.logf("ready"); return nil }
	perform(t, Config{Ready: func() error { return ready() }}, func(made *stage) {
		s = made
		s.run(s.line("a"))
		s.saw("changed, start a, ready")
	})
	ready = func() error { return unix.EBADF }
	perform(t, Config{Ready: func() error { return ready() }}, func(s *stage) {
		s.run(s.line("a"))
		s.ended(End{Why: NotStarted, Err: unix.EBADF})
	})
}

// Who does not watch yet once it is started is waited for, unless it all ends before.
func TestRun_tellsOnceAllHaveJoined(t *testing.T) {
	for _, ends := range []bool{false, true} {
		var s *stage
		perform(t, Config{Ready: func() error { s.logf("ready"); return unix.EBADF }}, func(made *stage) {
			s = made
			var joining []*joiningProp
			joins := func(b *Binding) {
				build := b.Watch
				b.Watch = func(l *loop.Loop, emit watch.Emit) (watch.Watcher, error) {
					w, err := build(l, emit)
					joining = append(joining, &joiningProp{prop: w.(*prop)})
					return joining[len(joining)-1], err
				}
			}
			s.run(s.line("a", joins), s.line("b"), s.line("c", joins))
			s.on(joining[0].joined)
			s.saw("changed, start a, start b, start c")
			if ends {
				s.on(s.End)
				s.on(joining[1].joined)
				s.ended(End{})
				s.saw("stop c, stop b, stop a")
				return
			}
			s.on(joining[1].joined)
			s.ended(End{Why: NotStarted, Err: unix.EBADF})
			s.saw("ready, stop c, stop b, stop a")
		})
	}
}

// One look is not over before all have looked.
func TestRun_onceWaitsForWhoLooks(t *testing.T) {
	looking := func(b *Binding) {
		rich(b)
		build := b.Watch
		b.Watch = func(l *loop.Loop, emit watch.Emit) (watch.Watcher, error) {
			w, err := build(l, emit)
			w.(richProp).looking = true
			return w, err
		}
	}
	for found, end := range map[bool]End{true: {}, false: {Why: NothingHappened}} {
		perform(t, Config{NoWait: true}, func(s *stage) {
			s.run(s.line("a", looking))
			s.lives()
			s.on(func() {
				s.props["a"].looking = false
				if found {
					s.props["a"].Feed()
				}
			})
			s.ended(end)
		})
	}
}

// TestRun_asksForSignalsInTime: before anybody is told that ev is there, and at the latest before
// the loop waits; but what is over at once does not wait for that.
func TestRun_asksForSignalsInTime(t *testing.T) {
	held := func(s *stage) (release func()) {
		hold, notify := make(chan struct{}), s.host.notify
		s.host.notify = func(to chan<- os.Signal, sigs ...os.Signal) {
			<-hold
			notify(to, sigs...)
		}
		return func() { close(hold) }
	}
	perform(t, Config{}, func(s *stage) {
		release := held(s)
		s.observers = nil
		s.run(s.line("a", once, func(b *Binding) { b.Now = true }))
		s.ended(End{})
		release()
	})
	perform(t, Config{}, func(s *stage) {
		release := held(s)
		s.observers = nil
		s.run(s.line("a"))
		turns := 0
		for range 2 { // the first is for what has happened already
			s.on(func() { turns++ })
		}
		if turns > 1 {
			t.Error("the loop has waited before signals were asked for")
		}
		release()
		s.emit("a")
		if c := s.Watchers()[0].State(); c.Fires != 1 {
			t.Errorf("%d events", c.Fires)
		}
	})
	perform(t, Config{}, func(s *stage) {
		release := held(s)
		s.host.first = true
		s.run(s.line("a"))
		s.saw("changed")
		release()
		s.on(s.End)
		s.saw("start a, stop a")
	})
	for what, c := range map[string]Config{
		"who is told when all is watched": {Ready: func() error { return nil }},
		"what HUP has read again":         {Reload: func(*Session) error { return nil }},
		"the service manager":             {Getenv: func(string) string { return "/nowhere" }},
		"an observer":                     {},
		"a command":                       {},
		"the terminal":                    {},
	} {
		t.Run(what, func(t *testing.T) {
			perform(t, c, func(s *stage) {
				release := held(s)
				if what != "an observer" {
					s.observers = nil
				}
				turned := false
				s.loop.Post(func() { turned = true })
				s.run(s.line("a", func(b *Binding) {
					b.Claim().Terminal = what == "the terminal"
					if what == "a command" {
						runs(b)
					}
				}))
				if turned {
					t.Error("the loop turns already")
				}
				release()
				s.on(s.End)
				s.ended(End{})
			})
		})
	}
}

// The end of whoever reads it is ev's, but not that of its sending alone.
func TestWatchStdout(t *testing.T) {
	prints := func(b *Binding) { b.Render = action.Text('\n') }
	for _, tt := range []struct {
		name string
		told loop.Ops
		line func(*Binding)
		ends bool
	}{
		{"gone", loop.Hangup, prints, true},
		{"only commands write", loop.Hangup, runs, false},
		{"what is written is no event", loop.Hangup, func(b *Binding) { b.Claim().Writes = true }, true},
		{"a watcher looks after it", loop.Hangup, func(b *Binding) { b.Claim().Stdout = true }, false},
		{"sends no more, but reads", loop.Shut, prints, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			perform(t, Config{}, func(s *stage) {
				s.run(s.line("a", tt.line))
				s.backend.SetReady(int(s.config.Stdout.Fd()), tt.told)
				if tt.ends {
					s.ended(End{Why: Signalled, Signal: syscall.SIGPIPE})
				} else {
					s.lives()
				}
			})
		})
	}
}

// What is printed is what Render makes of an event, and BeforeOutput's function comes first.
func TestRun_prints(t *testing.T) {
	perform(t, Config{}, func(s *stage) {
		s.BeforeOutput(func() { s.logf("before") }, nil)
		s.run(s.line("a", func(b *Binding) {
			b.Render = func(text []byte, e event.Event) []byte {
				return fmt.Appendf(text, "%s %d %s\n", e.Name, e.Seq, e.Time.UTC().Format(time.TimeOnly))
			}
		}))
		s.pass(time.Second)
		s.emit("a", "a")
		s.saw("changed, start a, event a 1, before, event a 2, before")
		text, err := os.ReadFile(s.config.Stdout.Name())
		if err != nil || string(text) != "a 1 00:00:01\na 2 00:00:01\n" {
			t.Errorf("%q, %v", text, err)
		}
	})
}
