package onexit

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/sigmask"
	"github.com/evshell/ev/internal/span"
	"github.com/evshell/ev/loop"
)

// childGrace is how long a child may take to end once it has been told to.
const childGrace = 10 * time.Second

// A child is a command that ev has started, in a process group of its own, with
// nothing on its standard input.
type child struct {
	w       *Watcher
	process *os.Process // nil: in the pause before it is started again
	began   time.Time
	delay   time.Duration // before the next start
	again   *loop.Timer
	stopped bool
	kill    func() // stops the timer to KILL
}

func (w *Watcher) startChild() error {
	c := &child{w: w, delay: w.options.Delay}
	c.again = loop.NewTimer(w.loop, 0, 0, c.restart)
	c.again.SetPriority(w.active.Priority())
	if err := c.start(); err != nil {
		return err
	}
	w.watching(c, c.process.Pid)
	w.child = c
	return nil
}

// start starts the process, and a goroutine that waits for it. The loop stays alive
// until that has been told.
func (c *child) start() error {
	argv := c.w.options.Child
	file, err := c.w.options.Find(argv[0])
	if err != nil {
		return err
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer null.Close()
	name := argv[0]
	file, argv = sigmask.Wrap(file, argv)
	c.began = time.Now()
	started := make(chan error)
	go func() {
		// For good: the kernel takes the end of the thread for the parent's death.
		runtime.LockOSThread()
		pid, err := syscall.ForkExec(file, argv, &syscall.ProcAttr{
			Env: c.w.options.Env,
			// By number: an os.File would make standard output blocking for all who share it.
			Files: []uintptr{null.Fd(), 1, 2},
			Sys:   childAttributes(),
		})
		var p *os.Process
		if err == nil {
			p, err = os.FindProcess(pid)
		}
		c.process = p
		started <- err
		if err != nil {
			return
		}
		state, err := p.Wait()
		c.w.loop.Post(func() {
			c.w.loop.Unref()
			c.ended(state, err)
		})
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	c.w.options.Report.Verbosef("%s: started, process %d", name, c.process.Pid)
	c.w.loop.Ref()
	return nil
}

func (c *child) ended(state *os.ProcessState, err error) {
	pid := c.process.Pid
	c.process = nil
	if c.stopped {
		c.kill()
		return
	}
	d := event.Exit{PID: pid, Command: c.w.options.Child[0], Elapsed: time.Since(c.began)}
	if err != nil {
		c.w.options.Report.Errorf("how process %d ended can't be known: %v", pid, err)
	} else {
		d = withStatus(d, state.Sys().(syscall.WaitStatus))
		d.Usage = usage(state)
	}
	failed := !d.Known || d.Signal != "" || d.Status != 0
	if r := c.w.options.Respawn; r == RespawnNever || r == RespawnOnFailure && !failed {
		c.w.ended(c, d)
		return
	}
	delete(c.w.watched, pid)
	c.pause(d.Elapsed)
	c.w.emit(d)
}

// usage is what the child and those that it has waited for have used.
func usage(state *os.ProcessState) *event.Usage {
	u := &event.Usage{User: state.UserTime(), System: state.SystemTime()}
	if r, ok := state.SysUsage().(*syscall.Rusage); ok {
		u.MaxRSS = int64(r.Maxrss) //nolint:unconvert // int32 on 32-bit platforms
		if runtime.GOOS != "darwin" {
			u.MaxRSS *= 1024 // getrusage(2): macOS counts bytes, all others kilobytes
		}
	}
	return u
}

// pause waits before the next start, each time twice as long as before, unless the
// child has lived longer than the longest pause.
func (c *child) pause(lived time.Duration) {
	if lived > c.w.options.MaxDelay {
		c.delay = c.w.options.Delay
	}
	c.w.options.Report.Verbosef("%s: starting it again in %s", c.w.options.Child[0], span.Format(c.delay))
	c.again.Set(c.delay, 0)
	c.again.Start()
	c.delay = min(2*c.delay, c.w.options.MaxDelay)
}

func (c *child) restart() {
	if err := c.start(); err != nil {
		c.w.options.Report.Errorf("%v", err)
		c.pause(0)
	}
}

// stop tells the child to end.
func (c *child) stop() {
	c.again.Stop()
	if c.process == nil || c.stopped {
		return
	}
	c.stopped = true
	c.signal(unix.SIGTERM)
	c.signal(unix.SIGCONT) // a stopped process gets no other signal but KILL
	c.kill = c.w.loop.After(childGrace, func() {
		c.w.options.Report.Noticef("%s: did not end within %s of TERM: killed", c.w.options.Child[0], span.Format(childGrace))
		c.signal(unix.SIGKILL)
	})
}

// signal sends a signal to all of the child's group.
func (c *child) signal(s syscall.Signal) { _ = unix.Kill(-c.process.Pid, s) }
