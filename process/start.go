// Package process starts, names, signals, stops, reaps and looks up processes: for commands, for
// the child of on-exit, for whoever needs one. Nothing else in ev does.
package process

import (
	"cmp"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/cloexec"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/internal/sigmask"
	"github.com/evshell/ev/loop"
)

// A Spec says what is started, and how.
type Spec struct {
	Argv  []string    // the name of a command, as Lookup has it, and its arguments
	Env   []string    // its whole environment
	Dir   string      // where it runs; empty: where ev does
	Files [3]*os.File // its standard input, output and error; nil: /dev/null, but an input needs none
	User  *User       // who it runs as; nil: who ev does
	Lock  *os.File    // its descriptor 3: a lock that it has as long as it has that; nil: none

	Foreground bool           // it stays in ev's process group, and leads none of its own
	Whole      bool           // its end is that of its group: what it leaves behind there is stopped
	Cgroup     *Cgroup        // it gets one of its own in this, if not nil
	StopSignal syscall.Signal // it is told to end by this, also when ev dies (on Linux and FreeBSD); 0: TERM
	KillAfter  time.Duration  // from the stop signal to KILL; span.Inf: never
	Report     *report.Reporter

	// Prepare, if not nil, completes the Spec on the Starter's thread, just before the start: it
	// may take its time. Its error is that of the start.
	Prepare func(*Spec) error
	// Stopped, if not nil, is called on the loop's goroutine each time the terminal has stopped the
	// process, which is in the background there and wants it (SIGTTIN, SIGTTOU).
	Stopped func()
	// Owned are closed once the process has them, or has not been started.
	Owned []*os.File
}

// A Starter starts the processes of one loop, in the order in which they are asked for, on one
// thread that does nothing else: the loop goes on while a process starts, and what is bound to the
// thread that made a process (its signal mask, the signal that it gets when ev dies) is the same
// for all of them. They inherit no descriptor of ev's but those of their Spec, not even of those
// that ev was started with. The zero Starter is ready for use.
//
// The thread ends with Close, and the kernel takes that for the death of the parent, as prctl(2)
// has it: only once no process is left should a Starter be closed.
type Starter struct {
	// Guarded has a process see to it that nothing of what was started lives on if ev is killed
	// (Linux). It is the program once more, which must call Guarding first of all.
	Guarded bool
	Report  *report.Reporter

	bell    bell // what is asked for
	mu      sync.Mutex
	serves  bool // there is a thread
	waiting []start
	closed  bool
	without without // the thread's
	guard   guard
}

// A start is a process that is asked for.
type start struct {
	spec  Spec
	done  func(*Process, error) // called on the Starter's thread
	guard bool                  // the guard is to be told of processes
}

// Start starts a process. Started is called with it, or with why there is none; and then, if there
// is one, ended with how it ended. Both are called later, on the loop's goroutine. Until the last
// of them has been, the loop is held.
//
// Ended is called when the process has; after Stop or Kill, when nothing is left of its group
// either.
func (s *Starter) Start(l *loop.Loop, sp Spec, started func(*Process, error), ended func(Wait)) {
	l.Ref()
	sp.tellOn(l)
	s.ask(start{spec: sp, done: func(p *Process, err error) {
		l.Post(func() {
			if err != nil {
				started(nil, err)
				l.Unref()
				return
			}
			p.follow(l, func(w Wait) {
				ended(w)
				l.Unref()
			})
			started(p, nil)
		})
	}})
}

// StartNow is Start for who can't go on before the process is there: it waits for that.
func (s *Starter) StartNow(l *loop.Loop, sp Spec, ended func(Wait)) (p *Process, err error) {
	done := make(chan struct{})
	sp.tellOn(l)
	s.ask(start{spec: sp, done: func(started *Process, why error) {
		p, err = started, why
		close(done)
	}})
	if <-done; err == nil {
		l.Ref()
		p.follow(l, func(w Wait) {
			ended(w)
			l.Unref()
		})
	}
	return p, err
}

// tellOn has it told on the loop's goroutine that the process is stopped.
func (sp *Spec) tellOn(l *loop.Loop) {
	if told := sp.Stopped; told != nil {
		sp.Stopped = func() { l.Post(told) }
	}
}

// ask has the thread do what is asked for.
func (s *Starter) ask(st start) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	if !s.serves {
		s.serves = true
		go s.serve()
	}
	s.waiting = append(s.waiting, st)
	s.bell.ring()
}

// Close ends the thread that starts processes.
func (s *Starter) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.bell.ring()
}

func (s *Starter) serve() {
	runtime.LockOSThread() // for good: it ends with the goroutine
	sigmask.Open()
	cloexec.Mark()
	spare := false
	for {
		s.bell.wait()
		s.mu.Lock()
		waiting, closed := s.waiting, s.closed
		s.waiting = nil
		s.mu.Unlock()
		for _, st := range waiting {
			if st.guard {
				s.guard.tell(s.Report)
				continue
			}
			st.done(s.start(&st.spec))
		}
		if !spare {
			spare = true
			haveThreads()
		}
		if closed {
			return
		}
	}
}

// start starts a process. It is to be called on the Starter's thread.
func (s *Starter) start(sp *Spec) (*Process, error) {
	defer func() {
		for _, f := range sp.Owned {
			_ = f.Close()
		}
	}()
	sp.StopSignal = cmp.Or(sp.StopSignal, unix.SIGTERM)
	if sp.Prepare != nil {
		if err := sp.Prepare(sp); err != nil {
			return nil, err
		}
	}
	file, err := Lookup(sp.Argv[0], sp.Dir, sp.Env)
	if err != nil {
		return nil, err
	}
	fds := make([]uintptr, len(sp.Files), len(sp.Files)+1)
	for i, f := range sp.Files {
		if f != nil {
			fds[i] = f.Fd()
			continue
		}
		fd, err := nothing(i)
		if err != nil {
			return nil, err
		}
		defer unix.Close(fd)
		fds[i] = uintptr(fd)
	}
	if sp.Lock != nil {
		fds = append(fds, sp.Lock.Fd())
	}
	g := &group{pidfd: -1, foreground: sp.Foreground}
	sys := sp.attributes(&g.pidfd)
	if sp.User != nil {
		sys.Credential = sp.User.credential
	}
	if sp.Cgroup != nil {
		dir, err := g.enter(sp.Cgroup, sys)
		if err != nil {
			return nil, err
		}
		defer dir.Close()
	}
	var m *masked
	if sigmask.Blocked() {
		if m, fds, err = mask(fds); err != nil {
			g.release()
			return nil, err
		}
	}
	program, words := sigmask.Wrap(file, sp.Argv, len(fds)-1)
	began, since := time.Now(), ticks()
	g.pid, err = s.without.fork(sp, program, words, &syscall.ProcAttr{Dir: sp.Dir, Env: sp.Env, Files: fds, Sys: sys})
	runtime.KeepAlive(sp.Files)
	runtime.KeepAlive(sp.Lock)
	switch {
	case m == nil:
	case err != nil:
		m.close()
	default:
		if err = m.await(g.pid); err != nil && g.pidfd >= 0 {
			_ = unix.Close(g.pidfd)
		}
	}
	if err != nil {
		g.release()
		return nil, sp.User.explain(file, sp.Dir, err)
	}
	g.foreground = g.foreground || !sys.Setpgid
	if s.Guarded && !g.foreground && os.Getpid() != 1 { // with PID 1 all others end
		g.guard = &s.guard
		s.guard.add(g.pid, record(g, sp, since), func() { s.ask(start{guard: true}) })
	}
	return newProcess(sp, g.pid, g, began), nil
}

// nothing opens what a process has as its descriptor fd if it is to have nothing there. Where there
// is no /dev/null, as in a chroot with ev alone, a pipe that nobody writes to is as empty. Go's poller
// need not know of it, as os.Open would have it.
func nothing(fd int) (int, error) {
	mode := unix.O_WRONLY
	if fd == unix.Stdin {
		mode = unix.O_RDONLY
	}
	null, err := unix.Open(os.DevNull, mode|unix.O_CLOEXEC, 0)
	switch {
	case err == nil:
		return null, nil
	case fd != unix.Stdin:
		return -1, &os.PathError{Op: "open", Path: os.DevNull, Err: err}
	}
	r, w, err := cloexec.Pipe()
	if err != nil {
		return -1, err
	}
	return r, w.Close()
}
