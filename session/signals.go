package session

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

// watchSignals has ev end gracefully at the signals that end programs, and its loop stand still
// while it is stopped from the terminal. What was ignored at the start stays so (nohup, a
// background job of sh), and so does what was blocked: a watcher may read it from a signalfd.
//
// signal.Notify costs a switch of threads for each signal, so it is called on a goroutine of its
// own while the session starts. Call watched to wait for it; a run that ends in its first turn
// never has to. The handlers stay until the process exits.
func (s *Session) watchSignals() (watched func()) {
	all := make(chan struct{})
	list := slices.Clone(s.watchers)
	if signal.Ignored(syscall.SIGINT) {
		// A job that sh runs in the background starts with both ignored, and of QUIT the Go runtime
		// does not tell.
		signal.Ignore(syscall.SIGQUIT)
	}
	go func() {
		got := make(chan os.Signal, 8)
		for _, sig := range append(s.alsoAsked(), asked()...) {
			if !signal.Ignored(sig) && !sigmask.Blocked(sig) {
				s.host.notify(got, sig)
			}
		}
		close(all)
		for sig := range got {
			if s.cutShort(list, sig.(syscall.Signal)) {
				continue
			}
			s.loop.Post(func() { s.receive(sig.(syscall.Signal)) })
		}
	}()
	return func() { <-all }
}

// A startup is the time until everything is watched. The loop does not turn yet, so a signal cuts
// it short from outside.
type startup struct {
	mu   sync.Mutex
	over bool
	by   syscall.Signal // cut short
}

// cutShort has what is being started give up, if the signal ends ev. A second one kills ev at once.
func (s *Session) cutShort(list []*Watcher, got syscall.Signal) bool {
	claimed := func(w *Watcher) bool { return slices.Contains(w.Claims().Signals, got) }
	ends := got == syscall.SIGINT || got == syscall.SIGTERM || got == syscall.SIGQUIT || got == syscall.SIGHUP && s.config.Reload == nil
	if !ends || slices.ContainsFunc(list, claimed) {
		return false
	}
	s.startup.mu.Lock()
	defer s.startup.mu.Unlock()
	switch {
	case s.startup.over:
		return false
	case s.startup.by != 0:
		s.host.die(got)
	}
	s.startup.by = got
	for _, w := range list {
		if i, ok := w.watcher.(watch.Interrupter); ok {
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

// claimed reports whether a signal that has come is a watcher's business: of one that watches it,
// or that has stopped with an event of this very signal, and not of an earlier one. Once ev ends
// nobody watches, but a signal that is watched still asks for nothing else, unless it is one that
// everybody ends programs with.
func (s *Session) claimed(got syscall.Signal) bool {
	if s.ending && (got == syscall.SIGINT || got == syscall.SIGTERM || got == syscall.SIGQUIT) {
		return false
	}
	return slices.ContainsFunc(s.watchers, func(w *Watcher) bool {
		return slices.Contains(w.Claims().Signals, got) &&
			(s.ending || w.watcher.Active() || w.work != nil && w.taken[got] >= s.received[got])
	})
}

// receive does what a signal asks for, unless that is a watcher's business.
func (s *Session) receive(got syscall.Signal) {
	s.received[got]++
	if got == syscall.SIGWINCH {
		s.resize()
	}
	if s.claimed(got) {
		return
	}
	switch {
	case got == syscall.SIGTSTP:
		s.suspend()
		if s.host.stop() {
			s.resume()
		}
	case got == syscall.SIGCONT:
		s.resume()
		s.passOn(got)
	case s.Foreground() && (got == syscall.SIGINT || got == syscall.SIGQUIT):
		// Typed on the terminal, and meant for the command that has it.
	case s.passOn(got):
	case got == syscall.SIGHUP && s.config.Reload != nil:
		_ = s.Reload() // which does nothing while ev ends: what runs is given its time
	case s.ending:
		for w := range s.all() {
			for c := range w.commands() {
				c.Kill()
			}
		}
		s.stopping()
		s.host.die(got)
	default:
		s.endBy(got)
	}
}

// asked are the signals that ev asks for wherever it runs.
func asked() []syscall.Signal {
	return []syscall.Signal{
		syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGTSTP, syscall.SIGCONT,
		// Of these the Go runtime would take no notice.
		syscall.SIGALRM, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGVTALRM, syscall.SIGXCPU,
	}
}

// alsoAsked are those that it asks for as PID 1 besides, to pass them on; and WINCH where its
// commands have terminals.
func (s *Session) alsoAsked() (also []syscall.Signal) {
	for _, got := range sig.All() {
		if s.host.first && passable(got) || s.terminals && got == syscall.SIGWINCH {
			also = append(also, got)
		}
	}
	return also
}

// passable reports whether ev passes a signal on as PID 1: what would reach the child if that were
// the first process of the container. Ev keeps what asks for the end, stops a job or tells of one,
// and what is about a process itself: a fault, a limit, a pipe that nobody reads.
func passable(got syscall.Signal) bool {
	switch got {
	case syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGABRT,
		syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU, syscall.SIGCHLD,
		syscall.SIGILL, syscall.SIGTRAP, syscall.SIGBUS, syscall.SIGFPE, syscall.SIGSEGV, syscall.SIGSYS,
		syscall.SIGXCPU, syscall.SIGXFSZ, syscall.SIGPIPE:
		return false
	}
	return sig.Watchable(got) == nil
}

// passOn passes a signal on as PID 1, if there is just one child, and reports whether nothing more
// is to be done about it: nor is there about one that nobody gets, and that ends no program there.
func (s *Session) passOn(got syscall.Signal) bool {
	var children []command
	for _, w := range s.watchers {
		if w.Child != nil {
			children = append(children, w.child)
		}
	}
	passed := s.host.first && passable(got) && len(children) == 1
	if passed {
		children[0].Signal(got)
	}
	return passed || !slices.Contains(asked(), got)
}

// resize has the terminals of all commands be as large as ev's.
func (s *Session) resize() {
	for w := range s.all() {
		for c := range w.commands() {
			c.Resize()
		}
	}
}

// suspend has the loop stand still, and the commands that have the terminal.
func (s *Session) suspend() {
	s.loop.Suspend()
	for w := range s.all() {
		for c := range w.commands() {
			c.Suspend()
		}
	}
	s.stopping()
}

// stopping tells those who have something to undo before a signal acts.
func (s *Session) stopping() {
	s.stdout.Flush()
	for _, o := range s.observers {
		o.Stopping()
	}
}

func (s *Session) resume() {
	if !s.paused {
		s.loop.Resume()
	}
	for w := range s.all() {
		for c := range w.commands() {
			c.Resume()
		}
	}
}

// Pause has the loop's time stand still until the user says otherwise, or go on.
func (s *Session) Pause(stand bool) {
	s.paused = stand
	if stand {
		s.loop.Suspend()
	} else {
		s.loop.Resume()
	}
}

// Paused reports whether it stands still because of Pause.
func (s *Session) Paused() bool { return s.paused }

// Foreground reports whether a command has the terminal.
func (s *Session) Foreground() bool {
	for w := range s.all() {
		for c := range w.commands() {
			if c.Foreground() {
				return true
			}
		}
	}
	return false
}
