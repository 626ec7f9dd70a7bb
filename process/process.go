package process

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/loop"
)

// A Process is one that a Starter has started. It is the leader of a process group of its
// own, unless it is alone, in ev's.
type Process struct {
	pid    int
	pidfd  int // -1: there is none
	alone  bool
	ended  bool // and reaped: the number may be another's by now
	cgroup *Cgroup
	subdir string // its own, below cgroup
}

// A Wait is how a process ended, as wait(2) tells it.
type Wait struct {
	Status unix.WaitStatus
	Err    error // that can't be known
}

// String is what a person can tell it by.
func (p *Process) String() string { return fmt.Sprintf("process %d", p.pid) }

// Signal sends a signal to the process and its whole group.
func (p *Process) Signal(s syscall.Signal) {
	switch {
	case !p.alone:
		_ = unix.Kill(-p.pid, s)
	case p.subdir == "" && !p.ended:
		_ = unix.Kill(p.pid, s)
	}
	if p.subdir != "" {
		p.cgroup.signal(p.subdir, p.pid, s)
	}
}

// Kill kills it, and whatever else can be found of what it started.
func (p *Process) Kill() {
	if p.subdir != "" {
		p.cgroup.kill(p.subdir)
	}
	p.Signal(unix.SIGKILL)
}

// Gone reports whether nothing is left of that, once the process has ended.
func (p *Process) Gone() bool {
	if p.subdir != "" {
		return p.cgroup.remove(p.subdir)
	}
	if p.alone {
		return true
	}
	// What lost its parent is ev's own child if ev is PID 1 of a container, and stays
	// in the group as a zombie unless it is reaped. Nobody else's children are here.
	for {
		if pid, err := unix.Wait4(-p.pid, nil, unix.WNOHANG, nil); pid <= 0 || err != nil {
			break
		}
	}
	return errors.Is(unix.Kill(-p.pid, 0), unix.ESRCH) || onlyZombies(p.pid)
}

// await has ended called on the loop's goroutine once the process has.
func (p *Process) await(l *loop.Loop, ended func(Wait)) {
	end := func(w Wait) {
		p.ended = true
		if p.subdir != "" {
			p.cgroup.remove(p.subdir)
		}
		ended(w)
	}
	elsewhere := func() {
		go func() {
			w := reap(p.pid)
			l.Post(func() { end(w) })
		}()
	}
	if p.pidfd < 0 {
		elsewhere()
		return
	}
	var io *loop.IO
	io = loop.NewIO(l, p.pidfd, loop.Read, func(got loop.Ops) {
		_ = io.Close()
		if got&loop.Error != 0 {
			elsewhere()
			return
		}
		end(reap(p.pid))
	})
	io.Start()
}

// reap waits for the end of one child, and for no other's.
func reap(pid int) (w Wait) {
	for {
		_, err := unix.Wait4(pid, &w.Status, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			w.Err = fmt.Errorf("how process %d ended can't be known: %w", pid, err)
		}
		return w
	}
}

// enter makes a cgroup for the process to start in, and returns its directory.
func (p *Process) enter(g *Cgroup, sys *syscall.SysProcAttr) (*os.File, error) {
	dir, err := g.sub()
	if err != nil {
		return nil, err
	}
	p.cgroup, p.subdir = g, dir.Name()
	useCgroup(sys, dir)
	return dir, nil
}

// release gives back what was made for a process that did not start.
func (p *Process) release() {
	if p.subdir != "" {
		_ = os.Remove(p.subdir)
	}
}
