// Package session is the run-time of ev: it binds watchers and what is done about their events on
// one loop, puts others in their place when their lines are read again, tells what happens to those
// who observe it, and ends for a reason. It knows no flag, no Evfile and no exit status.
//
// The keys of a terminal, the control socket and the page of metrics see a session by its methods
// alone, and are told by an [Observer].
package session

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/action"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/internal/sdnotify"
	"github.com/evshell/ev/internal/sig"
	"github.com/evshell/ev/internal/span"
	"github.com/evshell/ev/internal/term"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/process"
	"github.com/evshell/ev/watch"
)

// Config is what a Session is told of the process that it runs in, and what is asked of its loop as
// a whole.
type Config struct {
	Stdout, Stderr *os.File
	Getenv         func(string) string
	Report         *report.Reporter

	Once    bool          // the first turn that brings an event is the last
	NoWait  bool          // the first turn is the last
	Timeout time.Duration // the session ends if no event has come by then; 0: it does not; AtOnce
	For     time.Duration // it ends after this; 0: it does not; AtOnce

	// Ready, if not nil, is called once everything is watched. Its error ends the session.
	Ready func() error
	// Reload reads the lines again, and has them take the place of those at work (Bind, Replace).
	// If it is nil there is nothing to be read again, and HUP ends the session.
	Reload func(*Session) error
	// Tell says which runs are told of.
	Tell Tell
	// Greet has a person at a terminal told, once everything is watched, what that is, if there is a
	// command; what succeeds is told as a person would say it.
	Greet bool
	// Log has the last runs of each watcher remembered.
	Log bool
	// Terminals has each command whose output has a prefix write to a terminal of its own, where
	// both of ev's outputs are one terminal.
	Terminals bool
	// Starter starts the commands.
	Starter *process.Starter
	// Cgroup makes the control group for the commands of bindings that ask for one.
	Cgroup func() (*process.Cgroup, error)
}

// AtOnce is a limit that has passed when the loop begins: its first turn, which is for what has
// happened already, is the last one.
const AtOnce time.Duration = -1

// A Session is one loop at work, with what is bound to it. All of its methods are for the loop's
// goroutine.
type Session struct {
	config    Config
	loop      *loop.Loop
	cgroup    *process.Cgroup
	stdout    *action.Output
	stderr    *action.Output
	terminals bool // are made for commands (Config.Terminals)
	notify    *sdnotify.Conn
	observers []Observer
	host      host
	exec      func(*action.Options, action.Setting) command

	watchers []*Watcher
	leaving  []*Watcher // watchers no more, but their commands are still being stopped
	events   uint64     // of all that there ever were

	received map[syscall.Signal]int64 // how many came

	startup startup
	started bool // what is there from the start
	running bool
	paused  bool // by the user: the loop's time stands still
	ending  bool
	end     End
}

// A host is what a session does to the process that it runs in; a test puts another in its place.
type host struct {
	notify func(chan<- os.Signal, ...os.Signal)
	die    func(syscall.Signal)
	stop   func() (over bool)
	first  bool // it is PID 1
}

// New makes a session on a loop. It starts nothing.
func New(l *loop.Loop, c Config) *Session {
	s := &Session{config: c, loop: l, notify: sdnotify.New(c.Getenv), received: map[syscall.Signal]int64{}}
	s.stdout = action.NewOutput(l, c.Stdout, s.outputFailed)
	s.stderr = action.NewOutput(l, c.Stderr, nil)
	s.stdout.AtOnce = isSame(c.Stdout, c.Stderr)
	s.terminals = c.Terminals && s.stdout.AtOnce && term.IsTerminal(int(c.Stdout.Fd()))
	s.host = host{
		notify: signal.Notify,
		die:    sig.Die,
		stop:   sig.Stop,
		first:  os.Getpid() == 1,
	}
	s.exec = func(o *action.Options, in action.Setting) command { return action.NewExec(l, c.Starter, o, in) }
	return s
}

// isSame reports whether two descriptors are of one file, as after 2>&1.
func isSame(a, b *os.File) bool {
	of, err := a.Stat()
	if err != nil {
		return false
	}
	other, err := b.Stat()
	return err == nil && os.SameFile(of, other)
}

// Close gives back what New has taken. The loop is the caller's to close.
func (s *Session) Close() {
	s.stdout.Close()
	s.stderr.Close()
}

// Run starts everything, runs the loop to its end, and says why that came.
func (s *Session) Run(ctx context.Context) End {
	s.running = true
	s.after(s.config.Timeout, func() {
		if s.events == 0 {
			s.finish(End{Why: TimedOut})
		}
	})
	s.after(s.config.For, s.End)
	watched := s.watchSignals()
	if s.host.first {
		watched() // a child can send at once what is passed on to it
	}
	faults := s.start()
	s.started = true
	if s.matters() {
		watched()
	} else {
		s.beforeWaiting(watched)
	}
	if by := s.startup.end(); by != 0 {
		s.endBy(by)
	} else if faults != nil {
		s.finish(End{Why: NotStarted, Err: faults})
	} else {
		s.whenWatched(func() {
			if err := s.ready(); err != nil {
				s.finish(End{Why: NotStarted, Err: err})
			}
		})
	}
	s.watchStdout()
	if err := s.turn(ctx); err != nil {
		return End{Why: Failed, Err: err}
	}
	if !s.ending {
		_ = s.notify.Stopping()
		if slices.ContainsFunc(s.watchers, (*Watcher).failed) {
			return End{Why: Failed}
		}
	}
	return s.end
}

// turn runs the loop: to its end, or for the one turn that is asked for and what was started in it.
func (s *Session) turn(ctx context.Context) error {
	if s.config.Once || s.config.NoWait || s.config.Timeout == AtOnce {
		if err := s.look(ctx); err != nil {
			return err
		}
	}
	return s.loop.Run(ctx, loop.RunDefault)
}

// matters reports whether a signal can matter before the loop waits: somebody is told that ev is
// there, or there is something to undo at the end.
func (s *Session) matters() bool {
	return s.config.Ready != nil || s.notify != nil || s.config.Reload != nil || len(s.observers) > 0 ||
		slices.ContainsFunc(s.watchers, func(w *Watcher) bool { return w.HasCommand() || w.Child != nil || w.Claims().Terminal })
}

// beforeWaiting has fn called before the loop waits, if it gets there: its first turn is for what
// has happened already.
func (s *Session) beforeWaiting(fn func()) {
	first := true
	var turn *loop.Prepare
	turn = loop.NewPrepare(s.loop, func() {
		if !first {
			turn.Stop()
			fn()
		}
		first = false
	})
	turn.KeepAlive(false)
	turn.Start()
}

// start starts everything, or says all that can't be.
func (s *Session) start() Faults {
	const most = 20 // the reason may be the same for all
	var faults Faults
	for _, w := range s.watchers {
		if err := w.begin(); err != nil && len(faults) < most {
			faults = append(faults, w.where(err))
		}
	}
	return faults
}

// look runs the loop for one turn: the present one, or the first that brings an event. Who has begun
// to look in it is waited for. What was started in it runs to its end after that.
func (s *Session) look(ctx context.Context) error {
	mode := loop.RunNoWait
	if s.config.Once && s.config.Timeout != AtOnce {
		mode = loop.RunDefault // emit breaks it; a turn may bring something that is no event
	}
	if err := s.loop.Run(ctx, mode); err != nil {
		return err
	}
	for s.events == 0 && slices.ContainsFunc(s.watchers, (*Watcher).looking) {
		if err := s.loop.Run(ctx, loop.RunOnce); err != nil {
			return err
		}
	}
	unmet := slices.ContainsFunc(s.watchers, (*Watcher).unmet)
	for _, w := range s.watchers {
		w.watcher.Stop()
	}
	switch {
	case s.config.Timeout == AtOnce && (s.events == 0 || unmet):
		s.finish(End{Why: TimedOut})
	case s.config.NoWait && s.events == 0:
		s.finish(End{Why: NothingHappened})
	}
	return nil
}

// whenWatched calls fn once everything is watched: at once, if nobody has to be waited for.
func (s *Session) whenWatched(fn func()) {
	open := 1
	watched := func() {
		if open--; open == 0 && !s.ending {
			fn()
		}
	}
	for _, w := range s.watchers {
		if j, ok := w.watcher.(watch.Joiner); ok {
			open++
			j.Joined(watched)
		}
	}
	watched()
}

// ready tells whoever waits for it that everything is watched.
func (s *Session) ready() error {
	s.tellService()
	if s.config.Ready == nil {
		return nil
	}
	return s.config.Ready()
}

// all yields the watchers, and those that are leaving.
func (s *Session) all() iter.Seq[*Watcher] {
	return func(yield func(*Watcher) bool) {
		for _, list := range [][]*Watcher{s.watchers, s.leaving} {
			for _, w := range list {
				if !yield(w) {
					return
				}
			}
		}
	}
}

// after calls fn after a limit, if there is one.
func (s *Session) after(d time.Duration, fn func()) (stop func()) {
	if d == AtOnce {
		return s.afterFirst(fn)
	}
	if d == 0 || d == span.Inf {
		return func() {}
	}
	return s.loop.After(d, fn)
}

// afterFirst calls fn once the loop's first turn is over, which does not wait then.
func (s *Session) afterFirst(fn func()) (stop func()) {
	stopped := false
	timer := s.loop.After(0, func() {
		s.loop.Post(func() { // before the events of the second turn
			if !stopped {
				fn()
			}
		})
	})
	return func() { stopped = true; timer() }
}

// watchStdout ends ev as soon as the reader of its output has gone, not at the next event. Where
// only commands write, ev has none: the next command finds out.
func (s *Session) watchStdout() {
	fd := int(s.config.Stdout.Fd())
	var gone *loop.IO
	gone = loop.NewIO(s.loop, fd, loop.Hangup, func(loop.Ops) {
		gone.Stop()
		if slices.ContainsFunc(s.watchers, func(w *Watcher) bool { return w.Claims().Stdout }) ||
			!slices.ContainsFunc(s.watchers, func(w *Watcher) bool { return w.Render != nil || w.Claims().Writes }) {
			return
		}
		s.endBy(syscall.SIGPIPE) // a peer that has only ended its own sending still reads
	})
	gone.KeepAlive(false)
	gone.Start()
}

func (s *Session) outputFailed(err error) {
	if errors.Is(err, unix.EPIPE) {
		s.endBy(syscall.SIGPIPE)
		return
	}
	s.finish(End{Why: Failed, Err: fmt.Errorf("standard output: %w", err)})
}

// BeforeOutput has functions called before anything is written to standard output or standard
// error, by ev or by a command through it: for who draws on the same terminal. Nil is none.
func (s *Session) BeforeOutput(stdout, stderr func()) {
	s.stdout.Before, s.stderr.Before = stdout, stderr
}

// ownCgroup is the control group in which each command gets one: one for all, since the names in it
// are numbers.
func (s *Session) ownCgroup() (g *process.Cgroup, err error) {
	if s.cgroup == nil {
		s.cgroup, err = s.config.Cgroup()
	}
	return s.cgroup, err
}
