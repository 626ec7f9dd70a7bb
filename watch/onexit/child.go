package onexit

import (
	"os"
	"runtime"
	"syscall"
	"time"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/span"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/process"
)

// childGrace is how long a child may take to end once it has been told to.
const childGrace = 10 * time.Second

// A child is a command that ev has started, with nothing on its standard input.
type child struct {
	w       *Watcher
	process *process.Process // nil: in the pause before it is started again
	delay   time.Duration    // before the next start
	again   *loop.Timer
	stopped bool
}

func (w *Watcher) startChild() error {
	c := &child{w: w, delay: w.options.Delay}
	c.again = loop.NewTimer(w.loop, 0, 0, c.restart)
	c.again.SetPriority(w.active.Priority())
	if err := c.start(); err != nil {
		return err
	}
	w.watching(c, c.process.PID)
	w.child = c
	return nil
}

// start starts the process. The loop stays alive until its end has been told.
func (c *child) start() (err error) {
	o := &c.w.options
	c.process, err = o.Starter.StartNow(c.w.loop, process.Spec{
		Argv: o.Child, Env: process.Environ(o.Env), Files: [3]*os.File{1: os.Stdout, 2: os.Stderr},
		KillAfter: childGrace, Report: o.Report,
	}, c.ended)
	if err == nil {
		o.Report.Verbosef("%s: started, %s", o.Child[0], c.process)
	}
	return err
}

func (c *child) ended(wait process.Wait) {
	pid := c.process.PID
	c.process = nil
	if c.stopped {
		return
	}
	d := event.Exit{PID: pid, Command: c.w.options.Child[0], Elapsed: wait.Elapsed}
	if wait.Err != nil {
		c.w.options.Report.Errorf("%v", wait.Err)
	} else {
		d = withStatus(d, wait.Status)
		d.Usage = usage(wait.Usage)
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

func usage(r syscall.Rusage) *event.Usage {
	u := &event.Usage{User: time.Duration(r.Utime.Nano()), System: time.Duration(r.Stime.Nano())}
	u.MaxRSS = int64(r.Maxrss) //nolint:unconvert // int32 on 32-bit platforms
	if runtime.GOOS != "darwin" {
		u.MaxRSS *= 1024 // getrusage(2): macOS counts bytes, all others kilobytes
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

// stop tells the child to end, and all of its group.
func (c *child) stop() {
	c.again.Stop()
	if c.process != nil {
		c.stopped = true
		c.process.Stop()
	}
}
