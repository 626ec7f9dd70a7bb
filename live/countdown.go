package live

import (
	"slices"
	"time"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/watch"
	"github.com/evshell/ev/watch/timer"
)

// A Countdown is a timer that shows on the terminal what it has to go, in one line. p pauses it,
// and has it go on.
type Countdown struct {
	*timer.Watcher
	loop   *loop.Loop
	utf8   bool
	screen *screen // nil: it is not shown
}

var _ watch.Watcher = (*Countdown)(nil)

// NewCountdown makes a timer that is shown while it is active. If utf8 is not set, the terminal
// shows ASCII only.
func NewCountdown(l *loop.Loop, o timer.Options, utf8 bool, emit watch.Emit) (*Countdown, error) {
	c := &Countdown{loop: l, utf8: utf8}
	o.AgainOn = slices.Clone(o.AgainOn)
	for i, build := range o.AgainOn {
		o.AgainOn[i] = func(l *loop.Loop, again watch.Emit) (timer.Activity, error) {
			return build(l, func(d event.Detail) {
				again(d)
				if !c.Active() { // that was the end of the last one
					c.hide()
				}
			})
		}
	}
	var err error
	c.Watcher, err = timer.New(l, o, func(d event.Detail) {
		c.makeRoom()
		emit(d)
	})
	return c, err
}

// Start starts the timer, and shows it if there is a terminal.
func (c *Countdown) Start() error {
	if err := c.Watcher.Start(); err != nil || c.screen != nil {
		return err
	}
	if s, err := openScreen(c.loop, c); err == nil {
		c.screen = s
		s.redraw(0)
	}
	return nil
}

// Stop stops the timer, and gives the terminal back as it was.
func (c *Countdown) Stop() {
	c.Watcher.Stop()
	c.hide()
}

func (c *Countdown) hide() {
	if c.screen != nil {
		c.screen.close()
		c.screen = nil
	}
}

// makeRoom makes room for what an event will print.
func (c *Countdown) makeRoom() {
	switch {
	case c.screen == nil:
	case c.Active():
		c.screen.erase()
		c.screen.redraw(0)
	default:
		c.hide()
	}
}

func (c *Countdown) press(key byte) {
	if key != 'p' {
		return
	}
	if c.Paused() {
		c.Resume()
	} else {
		c.Pause()
	}
	c.screen.redraw(0)
}

// picture is one line. It may be another when the seconds left change.
func (c *Countdown) picture(columns, _ int) ([]string, time.Duration) {
	f := countdownFrame{left: c.Remaining(), span: c.Span(), utf8: c.utf8, columns: columns}
	f.due = c.loop.Now().Add(f.left)
	next := lookEvery
	switch {
	case c.Paused():
		f.state = framePaused
	case !c.Counting():
		f.state = frameWaiting
	default:
		if part := f.left % time.Second; part > 0 {
			next = part
		}
	}
	return []string{f.String()}, next
}
