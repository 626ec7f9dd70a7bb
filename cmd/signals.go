package cmd

import (
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"

	"github.com/evshell/ev/internal/sig"
	"github.com/evshell/ev/internal/sigmask"
	"github.com/evshell/ev/watch"
)

// watchSignals has ev end gracefully at the signals that end programs, and its loop
// stand still while it is stopped from the terminal. What was ignored at the start
// stays so (nohup, a background job of sh), and so does what was blocked: a watcher
// may read it from a signalfd.
//
// Each signal takes the runtime a hand-over to another thread and back. So they are
// asked for while ev does other things, up to the call of watched, which one that has
// nothing to wait for never comes to; and they are never given back: the process ends
// with its session.
func (s *session) watchSignals() (watched func()) {
	asked := make(chan struct{})
	list := slices.Clone(s.bound)
	go func() {
		got := make(chan os.Signal, 8)
		for _, sig := range []syscall.Signal{
			syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGTSTP, syscall.SIGCONT,
			// Of these the Go runtime would take no notice.
			syscall.SIGALRM, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGVTALRM, syscall.SIGXCPU,
		} {
			if !signal.Ignored(sig) && !sigmask.Blocked(sig) {
				signal.Notify(got, sig)
			}
		}
		close(asked)
		for sig := range got {
			if s.cutShort(list, sig.(syscall.Signal)) {
				continue
			}
			s.loop.Post(func() { s.received(sig.(syscall.Signal)) })
		}
	}()
	return func() { <-asked }
}

// A startup is the time until everything is watched. The loop does not turn yet, so a
// signal cuts it short from outside.
type startup struct {
	mu   sync.Mutex
	over bool
	by   syscall.Signal // cut short
}

// cutShort has what is being started give up, if the signal ends ev. A second one kills
// ev at once.
func (s *session) cutShort(list []*bound, got syscall.Signal) bool {
	claimed := func(v *bound) bool { return slices.Contains(v.Claims.Signals, got) }
	ends := got == syscall.SIGINT || got == syscall.SIGTERM || got == syscall.SIGQUIT || got == syscall.SIGHUP && s.reload == nil
	if !ends || slices.ContainsFunc(list, claimed) {
		return false
	}
	s.startup.mu.Lock()
	defer s.startup.mu.Unlock()
	switch {
	case s.startup.over:
		return false
	case s.startup.by != 0:
		sig.Die(got)
	}
	s.startup.by = got
	for _, v := range list {
		if i, ok := v.watcher.(watch.Interrupter); ok {
			i.Interrupt()
		}
	}
	return true
}

// end returns the signal that has cut the startup short, if one has.
func (u *startup) end() syscall.Signal {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.over = true
	return u.by
}

// received does what a signal asks for, unless that is a watcher's business.
func (s *session) received(got syscall.Signal) {
	claimed := func(v *bound) bool { return slices.Contains(v.Claims.Signals, got) }
	if !s.ending && slices.ContainsFunc(s.bound, claimed) {
		return
	}
	switch {
	case got == syscall.SIGTSTP:
		s.suspend()
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	case got == syscall.SIGCONT:
		s.resume()
	case s.foreground() && (got == syscall.SIGINT || got == syscall.SIGQUIT):
		// Typed on the terminal, and meant for the command that has it.
	case s.ending:
		for v := range s.all() {
			if v.exec != nil {
				v.exec.Kill()
			}
			if k, ok := v.watcher.(watch.Killer); ok {
				k.Kill()
			}
		}
		for _, fn := range s.onStop {
			fn()
		}
		sig.Die(got)
	case got == syscall.SIGHUP && s.reload != nil:
		s.reload()
	default:
		s.endBy(got)
	}
}

// suspend has the loop stand still, and the commands that have the terminal.
func (s *session) suspend() {
	s.loop.Suspend()
	for v := range s.all() {
		if v.exec != nil {
			v.exec.Suspend()
		}
	}
	for _, fn := range s.onStop {
		fn()
	}
}

func (s *session) resume() {
	if !s.paused {
		s.loop.Resume()
	}
	for v := range s.all() {
		if v.exec != nil {
			v.exec.Resume()
		}
	}
}

// pause has the loop's time stand still until the user says otherwise, or go on.
func (s *session) pause(stand bool) {
	s.paused = stand
	if stand {
		s.loop.Suspend()
	} else {
		s.loop.Resume()
	}
}

// blockSignals has signals blocked in all of ev. For that ev is executed anew, unless
// they are: nothing may have been done before that can't be done twice.
func blockSignals(signals []syscall.Signal) error {
	if len(signals) == 0 {
		return nil
	}
	if err := sigmask.Block(signals); err != nil {
		return usagef("--siginfo: %v", err)
	}
	return nil
}

// foreground reports whether a command has the terminal.
func (s *session) foreground() bool {
	for v := range s.all() {
		if v.exec != nil && v.exec.Foreground() {
			return true
		}
	}
	return false
}
