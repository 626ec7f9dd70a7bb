package process

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/loop"
)

// A group is a process and what it has started, as the kernel has them: the process group that it
// leads, unless it is in the foreground, in ev's; and its cgroup, if it has one.
type group struct {
	pid        int
	pidfd      int // -1: there is none
	foreground bool
	cgroup     *Cgroup
	subdir     string   // its own, below cgroup
	guard      *guard   // nil: none
	end        *loop.IO // nil: there is no pidfd
}

func (g *group) forget() {
	if g.guard != nil {
		g.guard.forget(g.pid)
	}
}

func (g *group) signal(s syscall.Signal) (err error) {
	switch {
	case !g.foreground:
		err = unix.Kill(-g.pid, s)
	case g.subdir == "":
		err = unix.Kill(g.pid, s)
	}
	if g.subdir != "" {
		g.cgroup.signal(g.subdir, g.pid, s)
	}
	return err
}

func (g *group) kill() error {
	if g.subdir != "" {
		g.cgroup.kill(g.subdir)
	}
	return g.signal(unix.SIGKILL)
}

func (g *group) leave() {
	if g.end != nil {
		g.end.KeepAlive(false)
	}
}

func (g *group) gone() bool {
	if g.subdir != "" {
		return g.cgroup.remove(g.subdir)
	}
	if g.foreground {
		return true
	}
	g.reapOrphans()
	if errors.Is(unix.Kill(-g.pid, 0), unix.ESRCH) {
		return true
	}
	if !onlyZombies(g.pid) {
		return false
	}
	g.reapOrphans() // what has ended meanwhile
	return true
}

// reapOrphans reaps what has ended in the group. What lost its parent is ev's own child if ev is
// PID 1 of a container, and stays in the group as a zombie until it is reaped: now, not when
// ReapOrphans comes to it. Nobody else's children are here.
func (g *group) reapOrphans() {
	for {
		if pid, err := unix.Wait4(-g.pid, nil, unix.WNOHANG, nil); pid <= 0 || err != nil {
			return
		}
	}
}

func (g *group) await(l *loop.Loop, ended func(Wait)) {
	end := func(w Wait) {
		if g.subdir != "" {
			g.cgroup.remove(g.subdir)
		}
		ended(w)
	}
	elsewhere := func() {
		go func() {
			w := reap(g.pid)
			l.Post(func() { end(w) })
		}()
	}
	if g.pidfd < 0 {
		elsewhere()
		return
	}
	g.end = loop.NewIO(l, g.pidfd, loop.Read, func(got loop.Ops) {
		_ = g.end.Close()
		if got&loop.Error != 0 {
			elsewhere()
			return
		}
		end(reap(g.pid))
	})
	g.end.Start()
}

// reap waits for the end of one child, and for no other's.
func reap(pid int) (w Wait) {
	for {
		err := wait(pid, &w)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			w.Err = fmt.Errorf("it is unknown how process %d ended: %w", pid, err)
		}
		return w
	}
}

// byTerminal reports whether what has stopped a process is that it is in the background of its
// terminal, and has read from it or set it up.
func byTerminal(by syscall.Signal) bool { return by == unix.SIGTTIN || by == unix.SIGTTOU }

// enter makes a cgroup for the process to start in, and returns its directory.
func (g *group) enter(c *Cgroup, sys *syscall.SysProcAttr) (*os.File, error) {
	dir, err := c.sub()
	if err != nil {
		return nil, err
	}
	g.cgroup, g.subdir = c, dir.Name()
	useCgroup(sys, dir)
	return dir, nil
}

// release gives back what was made for a process that did not start.
func (g *group) release() {
	if g.subdir != "" {
		_ = os.Remove(g.subdir)
	}
}
