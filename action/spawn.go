package action

import (
	"os"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/sigmask"
	"github.com/evshell/ev/internal/term"
	"github.com/evshell/ev/loop"
)

// A Spawner starts the commands of all Execs of one loop, in the order in which they
// are asked for, on one thread that does nothing else: the loop goes on while a
// command starts, and what is bound to the thread that made a process (its signal
// mask, the signal that it gets when ev dies) is the same for all of them.
//
// The thread ends with Close, and the kernel takes that for the death of the parent,
// as prctl(2) has it: only once no command is left should a Spawner be closed.
type Spawner struct {
	loop    *loop.Loop
	running bool
	wake    chan struct{}
	mu      sync.Mutex
	waiting []*run
}

// NewSpawner makes a Spawner. From now on commands inherit no descriptor of ev's but
// their own standard ones, not even of those that ev was started with.
func NewSpawner(l *loop.Loop) *Spawner {
	closeOnExec()
	return &Spawner{loop: l, wake: make(chan struct{}, 1)}
}

// Close ends the thread.
func (s *Spawner) Close() { close(s.wake) }

// start starts the process of r, which is told how it went, and how it ended.
func (s *Spawner) start(r *run) {
	if !s.running {
		s.running = true
		go s.serve()
	}
	s.mu.Lock()
	s.waiting = append(s.waiting, r)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default: // the thread has not yet taken what was before
	}
}

func (s *Spawner) serve() {
	runtime.LockOSThread() // for good: it ends with the goroutine
	sigmask.Open()
	for range s.wake {
		s.mu.Lock()
		runs := s.waiting
		s.waiting = nil
		s.mu.Unlock()
		for _, r := range runs {
			s.serveOne(r)
		}
	}
}

func (s *Spawner) serveOne(r *run) {
	if r.cancelled.Load() {
		s.loop.Post(func() { r.started(nil, errCancelled) })
		return
	}
	p, err := r.exec.command.spawn(r.event, r.payload)
	s.loop.Post(func() {
		if err != nil {
			r.started(nil, err)
			return
		}
		r.started(p, nil)
		p.copyOutput(s.loop)
		p.await(s.loop, r.ended)
	})
}

// spawn starts the process for e. It is to be called on a Spawner's thread.
func (c *command) spawn(e event.Event, payload event.Payload) (*process, error) {
	file, err := Lookup(c.name, c.Dir, c.Env)
	if err != nil {
		return nil, err
	}
	argv, err := c.argv(e)
	if err != nil {
		return nil, err
	}
	stdin, ours, err := c.input(payload)
	if err != nil {
		return nil, err
	}
	if ours {
		defer stdin.Close()
	}
	p := &process{pidfd: -1, alone: c.Foreground}
	stdout, stderr := c.Stdout.file, c.Stderr.file
	if c.Prefix != "" {
		if stdout, err = p.pipeTo(c.Stdout, c); err != nil {
			return nil, err
		}
		defer stdout.Close()
		if stderr, err = p.pipeTo(c.Stderr, c); err != nil {
			p.release()
			return nil, err
		}
		defer stderr.Close()
	}
	if payload.Out != nil {
		stdout = payload.Out
	}
	sys := c.attributes(&p.pidfd)
	if c.Cgroup != nil {
		dir, err := p.enter(c.Cgroup, sys)
		if err != nil {
			p.release()
			return nil, err
		}
		defer dir.Close()
	}
	program, words := sigmask.Wrap(file, argv)
	p.pid, err = syscall.ForkExec(program, words, &syscall.ProcAttr{
		Dir:   c.Dir,
		Env:   c.environ(e),
		Files: []uintptr{stdin.Fd(), stdout.Fd(), stderr.Fd()},
		Sys:   sys,
	})
	runtime.KeepAlive(payload)
	if err != nil {
		p.release()
		return nil, explain(file, err)
	}
	return p, nil
}

// input opens what a command reads as its standard input, and says whether to close it
// once it has it. A descriptor is given as it is. One in the foreground has the
// terminal. Bytes come as a file in memory, or one without a name: no pipe that
// somebody has to feed, and that hangs when the command does not read it.
func (c *command) input(p event.Payload) (f *os.File, ours bool, err error) {
	if p.File != nil {
		return p.File, false, nil
	}
	if c.Foreground {
		if term.IsTerminal(0) {
			return os.Stdin, false, nil
		}
		if f, err = os.OpenFile("/dev/tty", os.O_RDWR, 0); err == nil {
			return f, true, nil
		}
	}
	switch {
	case p.Path != "":
		f, err = os.Open(p.Path)
		return f, true, err
	case len(p.Data) == 0:
		f, err = os.Open(os.DevNull)
		return f, true, err
	}
	f, err = memoryFile()
	if err != nil {
		if f, err = os.CreateTemp("", "ev-"); err != nil {
			return nil, false, err
		}
		_ = os.Remove(f.Name())
	}
	if _, err = f.WriteAt(p.Data, 0); err != nil { // which leaves it at its beginning
		_ = f.Close()
	}
	return f, true, err
}

// closeInherited marks the descriptors that ev may have been started with as
// close-on-exec, one by one.
func closeInherited() {
	for fd := 3; fd < 1024; fd++ {
		unix.CloseOnExec(fd)
	}
}
