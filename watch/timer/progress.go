package timer

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/term"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/watch/fd"
)

// ProgressOptions say on which terminal the time left is shown.
type ProgressOptions struct {
	Terminal int  // a descriptor that is one
	UTF8     bool // it shows more than ASCII
}

// A countdown shows on a terminal what a Watcher has to go, in one line that it draws once a second at most. p pauses the
// timer, and has it go on.
//
// It draws and reads in the foreground only, so that what follows in the shell is left alone. For that it looks once a
// second: no signal tells.
type countdown struct {
	timer    *Watcher
	options  ProgressOptions
	tick     *loop.Timer
	keys     *loop.IO
	in       fd.Input
	keyboard *term.Keyboard
	drawn    bool
}

func newCountdown(t *Watcher, o ProgressOptions) *countdown {
	c := &countdown{timer: t, options: o, in: fd.NewInput(o.Terminal), keyboard: term.NewKeyboard(o.Terminal)}
	c.tick = loop.NewTimer(t.loop, 0, 0, c.update)
	c.tick.KeepAlive(false)
	c.keys = loop.NewIO(t.loop, o.Terminal, loop.Read, func(loop.Ops) { c.read() })
	c.keys.KeepAlive(false)
	return c
}

func (c *countdown) start() { c.redraw(0) }

// redraw has the line drawn after this time, and not before.
func (c *countdown) redraw(after time.Duration) {
	c.tick.Stop()
	c.tick.Set(after, 0)
	c.tick.Start()
}

// stop gives the terminal back as it was.
func (c *countdown) stop() {
	c.tick.Stop()
	c.release()
	c.in.Close()
}

// release removes the line and no longer reads keys.
func (c *countdown) release() {
	c.keys.Stop()
	if !term.Foreground(c.options.Terminal) {
		return // the shell has the terminal, and has set it up
	}
	c.erase()
	c.keyboard.Release()
}

// fired makes room for what the event will print.
func (c *countdown) fired() {
	if c.timer.Active() {
		c.erase()
		c.redraw(0)
	} else {
		c.stop()
	}
}

// update draws the line, and sees to it that the next time is when the seconds left change.
func (c *countdown) update() {
	next := time.Second
	if term.Foreground(c.options.Terminal) {
		c.listen()
		c.draw()
		if left := c.timer.timer.Remaining() % time.Second; c.timer.timer.Active() && left > 0 {
			next = left
		}
	} else {
		c.keys.Stop()
	}
	c.redraw(next)
}

// listen has keys come at once, and unseen.
func (c *countdown) listen() {
	if c.keys.Active() {
		return
	}
	if mode, err := unix.FcntlInt(uintptr(c.options.Terminal), unix.F_GETFL, 0); err != nil || mode&unix.O_ACCMODE != unix.O_RDWR {
		return
	}
	if c.keyboard.Grab() {
		c.keys.Start()
	}
}

// read takes the keys that were pressed. Ctrl-Z comes as one, for the terminal to be given back first.
func (c *countdown) read() {
	var b [64]byte
	n, err := c.in.Read(b[:])
	if n == 0 && err == nil {
		c.keys.Stop()
		return
	}
	for _, key := range b[:n] {
		switch {
		case c.keyboard.IsSuspend(key):
			c.release()
			c.redraw(time.Second)
			_ = unix.Kill(0, unix.SIGTSTP)
			return
		case key != 'p':
		case c.timer.paused:
			c.timer.resume()
			c.redraw(0)
		default:
			c.timer.pause()
			c.redraw(0)
		}
	}
}

func (c *countdown) draw() {
	t := c.timer
	f := frame{left: t.timer.Remaining(), span: t.span, utf8: c.options.UTF8, columns: 80}
	if columns, _, ok := term.Size(c.options.Terminal); ok {
		f.columns = columns
	}
	f.due = t.loop.Now().Add(f.left)
	switch {
	case t.paused:
		f.state = framePaused
	case !t.timer.Active():
		f.state = frameWaiting
	}
	c.write("\r" + f.String() + eraseRest)
	c.drawn = true
}

// eraseRest is "erase in line" (ECMA-48, 8.3.41).
const eraseRest = "\x1b[K"

func (c *countdown) erase() {
	if c.drawn {
		c.write("\r" + eraseRest)
		c.drawn = false
	}
}

// write leaves out what the terminal would not take at once: it may be stopped, and the loop must not be.
func (c *countdown) write(s string) {
	if c.in.Poll(unix.POLLOUT)&unix.POLLOUT != 0 {
		_, _ = unix.Write(c.options.Terminal, []byte(s))
	}
}
