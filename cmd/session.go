package cmd

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/action"
	"github.com/evshell/ev/event"
	"github.com/evshell/ev/evfile"
	"github.com/evshell/ev/internal/sdnotify"
	"github.com/evshell/ev/internal/span"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/process"
)

// stdoutFD is where events are printed. os.Stdout.Fd would make it blocking for
// everyone who shares it.
const stdoutFD = 1

// A session is one loop at work, with what is bound to it, and how it ends.
type session struct {
	app     *app
	loop    *loop.Loop
	starter *process.Starter
	cgroup  *process.Cgroup
	stdout  *action.Output
	stderr  *action.Output
	notify  *sdnotify.Conn
	mode    loop.Mode
	reload  func() // what HUP asks for; nil: it ends the loop
	onEvent []func(event.Event)
	onRun   []func(*bound, action.Outcome)
	onSkip  []func(*bound) // an event got no run of its own
	onStop  []func()       // ev is about to be stopped, or killed
	onClose []func()

	bound   []*bound
	leaving []*bound // bound no more, but their commands are still being stopped
	events  uint64   // of all that was ever bound

	startup startup

	paused bool // by the user: the loop's time stands still
	ending bool
	status int
	signal syscall.Signal // of which ev is to die
	err    error          // why it failed
}

// run is the Sink of the command line: a loop with one binding.
func (a *app) run(ctx context.Context, b Binding) error {
	if err := blockSignals(b.Claims.Blocked); err != nil {
		return err
	}
	s, err := a.newSession()
	if err != nil {
		return err
	}
	defer s.close()
	v, err := s.bind(&b, a.report)
	if err != nil {
		return err
	}
	s.bound = []*bound{v}
	if b.NoWait {
		s.mode = loop.RunNoWait
	}
	return s.run(ctx)
}

func (a *app) newSession() (*session, error) {
	backend, err := a.newBackend()
	if err != nil {
		return nil, err
	}
	l, err := loop.New(loop.WithBackend(backend), loop.WithOwnDescriptors())
	if err != nil {
		return nil, err
	}
	a.report.Verbosef("the backend is %s", backend.Name())
	s := &session{app: a, loop: l, notify: sdnotify.New(a.getenv)}
	s.stdout = action.NewOutput(l, a.stdout, s.outputFailed)
	s.stderr = action.NewOutput(l, a.stderr, nil)
	return s, nil
}

func (s *session) close() {
	for _, fn := range s.onClose {
		fn()
	}
	s.stdout.Close()
	s.stderr.Close()
	_ = s.loop.Close()
}

// run starts everything, runs the loop to its end, and says how it ended.
func (s *session) run(ctx context.Context) error {
	watched := s.watchSignals()
	started := s.start()
	if s.matters() {
		watched()
	} else {
		s.beforeWaiting(watched)
	}
	if sig := s.startup.end(); sig != 0 {
		s.endBy(sig)
	} else if started != nil {
		return started
	} else if err := s.ready(); err != nil {
		return err
	}
	s.watchStdout()
	if s.mode != loop.RunDefault {
		if err := s.look(ctx); err != nil {
			return err
		}
	}
	if err := s.loop.Run(ctx, loop.RunDefault); err != nil {
		return err
	}
	if !s.ending {
		_ = s.notify.Stopping()
		if slices.ContainsFunc(s.bound, (*bound).failed) {
			s.status = s.failure()
		}
	}
	if s.status != exitOK || s.err != nil {
		return &exitError{status: s.status, err: s.err, signal: s.signal}
	}
	return nil
}

// matters reports whether a signal can matter before the loop waits: somebody is told
// that ev is there, or there is something to undo at the end.
func (s *session) matters() bool {
	return s.app.readyFD >= 0 || s.notify != nil || s.reload != nil || s.starter != nil || len(s.onStop) > 0
}

// beforeWaiting has fn called before the loop waits, if it gets there: its first turn is
// for what has happened already.
func (s *session) beforeWaiting(fn func()) {
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
func (s *session) start() error {
	const most = 20 // the reason may be the same for all
	var faults evfile.Errors
	for _, v := range s.bound {
		err := v.start()
		if err != nil && v.line == nil {
			return err
		}
		if err != nil && len(faults) < most {
			faults = append(faults, v.line.fault(err))
		}
	}
	if faults != nil {
		return &exitError{status: exitFailure, err: faults}
	}
	return nil
}

// look runs the loop for one turn: the present one, or the first that brings an
// event. What was started in it runs to its end after that.
func (s *session) look(ctx context.Context) error {
	mode := s.mode
	if mode == loop.RunOnce {
		mode = loop.RunDefault // emit breaks it; a turn may bring something that is no event
	}
	if err := s.loop.Run(ctx, mode); err != nil {
		return err
	}
	for _, v := range s.bound {
		v.watcher.Stop()
	}
	if s.events == 0 && s.mode == loop.RunNoWait {
		s.end(exitFailure)
	}
	return nil
}

// ready tells whoever waits for it that everything is watched.
func (s *session) ready() error {
	s.tellService()
	fd := s.app.readyFD
	if fd < 0 {
		return nil
	}
	if _, err := unix.Write(fd, []byte("\n")); err != nil {
		return fmt.Errorf("--ready-fd %d: %w", fd, err)
	}
	if fd > 2 {
		return unix.Close(fd)
	}
	return nil
}

// all yields what is bound, and what is leaving.
func (s *session) all() iter.Seq[*bound] {
	return func(yield func(*bound) bool) {
		for _, list := range [][]*bound{s.bound, s.leaving} {
			for _, v := range list {
				if !yield(v) {
					return
				}
			}
		}
	}
}

// after calls fn after a limit, if there is one.
func (s *session) after(d time.Duration, fn func()) (stop func()) {
	if d == 0 || d == span.Inf {
		return func() {}
	}
	return s.loop.After(d, fn)
}

// watchStdout ends ev as soon as the reader of its output has gone, not at the next
// event.
func (s *session) watchStdout() {
	var gone *loop.IO
	gone = loop.NewIO(s.loop, stdoutFD, loop.Hangup, func(loop.Ops) {
		gone.Stop()
		if slices.ContainsFunc(s.bound, func(v *bound) bool { return v.Claims.Stdout }) {
			return
		}
		s.endBy(syscall.SIGPIPE) // a peer that has only ended its own sending still reads
	})
	gone.KeepAlive(false)
	gone.Start()
}

func (s *session) outputFailed(err error) {
	if errors.Is(err, unix.EPIPE) {
		s.endBy(syscall.SIGPIPE)
		return
	}
	s.fail(fmt.Errorf("standard output: %w", err))
}

// end ends the loop with a status: watchers are stopped, and what they have started
// is, too. The first word counts.
func (s *session) end(status int) {
	if s.ending {
		return
	}
	s.ending, s.status = true, status
	_ = s.notify.Stopping()
	s.stdout.Hurry()
	s.stderr.Hurry()
	for _, v := range s.bound {
		v.close(func() {})
	}
}

// leave stops what is bound no more.
func (s *session) leave(v *bound) {
	s.leaving = append(s.leaving, v)
	v.close(func() {
		s.leaving = slices.DeleteFunc(s.leaving, func(other *bound) bool { return other == v })
	})
}

// endBy ends the loop as end does, for ev to die of a signal then.
func (s *session) endBy(sig syscall.Signal) {
	if !s.ending {
		s.signal = sig
		s.end(exitSignal + int(sig))
	}
}

// fail ends the loop because of an error.
func (s *session) fail(err error) {
	if s.ending {
		return
	}
	s.err = err
	s.end(s.failure())
}

// failure is the status of an error while running.
func (s *session) failure() int {
	if slices.ContainsFunc(s.bound, func(v *bound) bool { return v.exec != nil }) {
		return exitInternal
	}
	return exitFailure
}

// ownCgroup is the control group in which each command gets one: one for all, since
// the names in it are numbers.
func (s *session) ownCgroup() (g *process.Cgroup, err error) {
	if s.cgroup == nil {
		s.cgroup, err = process.NewCgroup()
	}
	return s.cgroup, err
}
