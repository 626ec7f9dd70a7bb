package onexit

import (
	"time"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/span"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/watch"
)

// A child is a command that others run for the Watcher (watch.Runner).
type child struct {
	w     *Watcher
	pid   int           // 0: none yet, or it was not to be started
	delay time.Duration // before the next start
	again *loop.Timer
}

func (w *Watcher) startChild() {
	c := &child{w: w, delay: w.options.Delay}
	c.again = loop.NewTimer(w.loop, 0, 0, w.runner.Run)
	c.again.SetPriority(w.active.Priority())
	w.child, w.targets[c] = c, true
	w.runner.Run()
}

// SetRunner says who runs the child.
func (w *Watcher) SetRunner(r watch.Runner) { w.runner = r }

// Began takes the child's process.
func (w *Watcher) Began(pid int) {
	c := w.child
	if c == nil {
		return
	}
	delete(w.watched, c.pid)
	c.pid = pid
	w.watching(c, pid)
	if w.feeds {
		w.feeds = false
		w.Feed()
	}
}

// Ended takes how the child has ended, and all of its process group with it.
func (w *Watcher) Ended(d event.Exit) {
	c := w.child
	if c == nil {
		return
	}
	failed := !d.Known || d.Signal != "" || d.Status != 0
	if r := w.options.Respawn; r == RespawnNever || r == RespawnOnFailure && !failed {
		w.ended(c, d)
		return
	}
	delete(w.watched, c.pid)
	c.pause(d.Elapsed)
	w.emit(d)
}

// pause waits before the next start, each time twice as long as before, unless the child has lived
// longer than the longest pause.
func (c *child) pause(lived time.Duration) {
	if lived > c.w.options.MaxDelay {
		c.delay = c.w.options.Delay
	}
	c.w.options.Report.Verbosef("the child is started again in %s", span.Format(c.delay))
	c.again.Set(c.delay, 0)
	c.again.Start()
	c.delay = min(2*c.delay, c.w.options.MaxDelay)
}

// stop tells the child to end.
func (c *child) stop() {
	c.again.Stop()
	c.w.runner.Stop()
}
