package action

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/loop"
)

// A child is a command's process, as its run sees it.
type child interface {
	// signal sends a signal to the command's whole group.
	signal(s syscall.Signal)
	// kill kills it, and whatever else can be found of what it started.
	kill()
	// gone reports whether nothing is left of that, once the process has ended.
	gone() bool
	// name is what a person can tell it by.
	name() string
}

// A process is a child that is real. It is the leader of a process group of its own,
// unless it is alone, in ev's.
type process struct {
	pid     int
	pidfd   int // -1: there is none
	alone   bool
	ended   bool // and reaped: the number may be another's by now
	cgroup  *Cgroup
	subdir  string // its own, below cgroup
	outputs []*pump
}

func (p *process) name() string { return fmt.Sprintf("process %d", p.pid) }

func (p *process) signal(s syscall.Signal) {
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

func (p *process) kill() {
	if p.subdir != "" {
		p.cgroup.kill(p.subdir)
	}
	p.signal(unix.SIGKILL)
}

func (p *process) gone() bool {
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
func (p *process) await(l *loop.Loop, ended func(Outcome)) {
	end := func(o Outcome) {
		p.ended = true
		for _, out := range p.outputs {
			out.drain()
		}
		if p.subdir != "" {
			p.cgroup.remove(p.subdir)
		}
		ended(o)
	}
	elsewhere := func() {
		go func() {
			o := reap(p.pid)
			l.Post(func() { end(o) })
		}()
	}
	if p.pidfd < 0 {
		elsewhere()
		return
	}
	var w *loop.IO
	w = loop.NewIO(l, p.pidfd, loop.Read, func(got loop.Ops) {
		_ = w.Close()
		if got&loop.Error != 0 {
			elsewhere()
			return
		}
		end(reap(p.pid))
	})
	w.Start()
}

// reap waits for the end of one child, and for no other's.
func reap(pid int) Outcome {
	var ws unix.WaitStatus
	for {
		_, err := unix.Wait4(pid, &ws, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return Outcome{Status: statusFailed, Err: fmt.Errorf("how process %d ended can't be known: %w", pid, err)}
		case ws.Signaled():
			return Outcome{Status: 128 + int(ws.Signal()), Signal: ws.Signal()}
		}
		return Outcome{Status: ws.ExitStatus()}
	}
}

// pipeTo makes a pipe whose lines go to out, and returns its writing end.
func (p *process) pipeTo(out *Output, c *command) (*os.File, error) {
	var fds [2]int
	syscall.ForkLock.RLock()
	err := unix.Pipe(fds[:])
	if err == nil {
		unix.CloseOnExec(fds[0])
		unix.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, err
	}
	_ = unix.SetNonblock(fds[0], true)
	p.outputs = append(p.outputs, &pump{command: c, fd: fds[0], out: out})
	return os.NewFile(uintptr(fds[1]), "pipe"), nil
}

// enter makes a cgroup for the process to start in, and returns its directory.
func (p *process) enter(g *Cgroup, sys *syscall.SysProcAttr) (*os.File, error) {
	dir, err := g.sub()
	if err != nil {
		return nil, err
	}
	p.cgroup, p.subdir = g, dir.Name()
	useCgroup(sys, dir)
	return dir, nil
}

// copyOutput begins to copy what comes through the pipes.
func (p *process) copyOutput(l *loop.Loop) {
	for _, out := range p.outputs {
		out.start(l)
	}
}

// release gives back what was made for a process that did not start.
func (p *process) release() {
	for _, out := range p.outputs {
		_ = unix.Close(out.fd)
	}
	if p.subdir != "" {
		_ = os.Remove(p.subdir)
	}
}
