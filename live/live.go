// Package live is what a terminal shows of a running ev: a table of its watchers, and a
// countdown. It sees a session by its methods, and is told as any Observer.
package live

import (
	"errors"
	"io"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/action"
	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/internal/term"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/session"
)

// A Table shows on the terminal how the watchers are, in a table that is drawn anew in
// its place, and takes keys. What else is written to the terminal comes above it.
//
// It draws and reads in the foreground only, and leaves the terminal to a command
// that has it (--foreground). For that it looks once a second: no signal tells.
//
// However ev ends, the terminal is as it was before: by Close, by release before a
// signal stops or kills, and by the keyboard's guard after a SIGKILL.
type Table struct {
	session.Unobserved
	options  Options
	loop     *loop.Loop
	session  *session.Session
	screen   *screen
	keyboard *term.Keyboard
	keys     *loop.IO
	tick     *loop.Timer
	resized  chan os.Signal
	messages *messages // nil: standard error is elsewhere
	drawn    time.Time
	selected *session.Watcher // it may have gone since it was drawn
	place    int              // of that, when it was drawn
	recent   []event.Event
}

const (
	stdoutFD = 1
	stderrFD = 2
)

// frameRate is how often the table is drawn at most.
const frameRate = 20

// Options are what a Table has to know of the process.
type Options struct {
	Stderr *os.File
	Getenv func(string) string
	Report *report.Reporter
	Color  string // auto, always or never
}

// Show begins. It is for a session that has not started anything yet.
func Show(on *loop.Loop, s *session.Session, o Options) (*Table, error) {
	screen, err := openScreen(on)
	if err != nil {
		return nil, err
	}
	l := &Table{options: o, loop: on, session: s, screen: screen, keyboard: term.NewKeyboard(screen.fd), resized: make(chan os.Signal, 1)}
	if err := l.keyboard.Guard(); err != nil {
		o.Report.Verbosef("the terminal is not given back if ev is killed (SIGKILL): %v", err)
	}
	l.tick = loop.NewTimer(on, 0, 0, l.update)
	l.tick.KeepAlive(false)
	l.keys = loop.NewIO(on, screen.fd, loop.Read, func(loop.Ops) { l.read() })
	l.keys.KeepAlive(false)
	var before [stderrFD + 1]func()
	if term.IsTerminal(stdoutFD) {
		before[stdoutFD] = l.makeRoom
	}
	if term.IsTerminal(stderrFD) {
		before[stderrFD] = l.makeRoom
		l.messages = &messages{loop: on, out: o.Stderr, before: l.makeRoom}
		o.Report.Redirect(l.messages)
	}
	s.BeforeOutput(before[stdoutFD], before[stderrFD])
	s.Observe(l)
	signal.Notify(l.resized, unix.SIGWINCH)
	go func() {
		for range l.resized {
			on.Post(l.redraw)
		}
	}()
	l.redraw()
	return l, nil
}

// Close gives the terminal back as it was.
func (l *Table) Close() {
	signal.Stop(l.resized)
	close(l.resized)
	l.tick.Stop()
	l.release()
	l.keyboard.Close()
	l.screen.close()
	if l.messages != nil {
		l.options.Report.Redirect(l.messages.out)
		l.messages.close()
	}
}

// release removes the table and no longer reads keys.
func (l *Table) release() {
	l.keys.Stop()
	if term.Foreground(l.screen.fd) {
		l.screen.erase()
		l.keyboard.Release()
	}
}

// makeRoom removes the table for what is about to be written.
func (l *Table) makeRoom() {
	l.screen.erase()
	l.redraw()
}

// Stopping implements Observer.
func (l *Table) Stopping() { l.release() }

// Changed implements Observer.
func (l *Table) Changed() { l.redraw() }

// Ran implements Observer.
func (l *Table) Ran(*session.Watcher, action.Outcome) { l.redraw() }

// Happened takes in an event.
func (l *Table) Happened(e event.Event) {
	l.recent = append(l.recent[max(len(l.recent)-mostRecent+1, 0):], e)
	l.redraw()
}

// redraw has the table drawn soon.
func (l *Table) redraw() {
	wait := max(time.Second/frameRate-l.loop.Now().Sub(l.drawn), 0)
	if l.session.Paused() {
		wait = 0 // a span would not pass
	}
	l.tick.Stop()
	l.tick.Set(wait, 0)
	l.tick.Start()
}

// update draws the table, and sees to it that spans and due times stay true.
func (l *Table) update() {
	switch ours := term.Foreground(l.screen.fd); {
	case !ours:
		l.keys.Stop()
	case l.session.Foreground():
		l.release()
	default:
		if !l.keys.Active() && l.keyboard.Grab() {
			l.keys.Start()
		}
		l.screen.draw(l.picture().lines())
	}
	l.drawn = l.loop.Now()
	l.tick.Set(time.Second, 0)
	l.tick.Start()
}

func (l *Table) picture() frame {
	columns, rows := l.screen.size()
	watchers := l.session.Watchers()
	l.selectOne(watchers)
	f := frame{
		total: len(watchers), first: max(l.place-rows, 0), selected: l.place, recent: l.recent, now: l.loop.Now(),
		paused: l.session.Paused(), ending: l.session.Ending(), columns: columns, rows: rows,
		colour: term.Colour(l.options.Color, l.screen.fd, l.options.Getenv),
	}
	for _, w := range watchers[f.first:min(l.place+rows, f.total)] {
		f.watchers = append(f.watchers, w.State())
	}
	return f
}

// read takes the keys that were pressed.
func (l *Table) read() {
	var b [64]byte
	n, err := unix.Read(l.screen.fd, b[:])
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		return
	case n <= 0:
		l.keys.Stop()
		return
	}
	for i := 0; i < n; i++ {
		key := b[i]
		if key == '\x1b' && i+2 < n && (b[i+1] == '[' || b[i+1] == 'O') {
			i += 2
			key = arrow(b[i])
		}
		if l.keyboard.IsSuspend(key) {
			l.release()
			_ = unix.Kill(0, syscall.SIGTSTP)
			return
		}
		l.press(key)
	}
	l.redraw()
}

// selectOne sees to it that one of the watchers is selected: the one that was, or what
// stands in its place after a reload.
func (l *Table) selectOne(watchers []*session.Watcher) {
	if i := slices.Index(watchers, l.selected); i >= 0 {
		l.place = i
	} else if l.place = max(min(l.place, len(watchers)-1), 0); len(watchers) > 0 {
		l.selected = watchers[l.place]
	}
}

func (l *Table) press(key byte) {
	switch key {
	case 'p':
		l.session.Pause(!l.session.Paused())
	case 'q':
		l.session.End()
	default:
		watchers := l.session.Watchers()
		// Nothing is done to the selected one's successor before it has been seen.
		if i := slices.Index(watchers, l.selected); i >= 0 {
			l.pressFor(key, watchers, i)
		}
	}
}

// pressFor does what a key asks for of the selected watcher.
func (l *Table) pressFor(key byte, watchers []*session.Watcher, selected int) {
	w := watchers[selected]
	var err error
	switch key {
	case ' ':
		err = w.Fire()
	case 's':
		if w.Active() {
			w.Stop()
		} else {
			err = w.Start()
		}
	case 'r':
		w.Restart()
	case 'j':
		l.selected = watchers[min(selected+1, len(watchers)-1)]
	case 'k':
		l.selected = watchers[max(selected-1, 0)]
	}
	if err != nil {
		w.Report.Noticef("%v", err)
	}
}

// arrow is the key that does what an arrow does (ECMA-48, CUU and CUD).
func arrow(final byte) byte {
	switch final {
	case 'A':
		return 'k'
	case 'B':
		return 'j'
	}
	return 0
}

// messages write to the terminal above the table. They come from any goroutine, and
// go out on the loop's.
type messages struct {
	loop   *loop.Loop
	out    io.Writer
	before func()

	mu      sync.Mutex
	waiting []byte
	closed  bool
}

func (m *messages) Write(b []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return m.out.Write(b)
	}
	if m.waiting == nil {
		m.loop.Post(m.flush)
	}
	m.waiting = append(m.waiting, b...)
	return len(b), nil
}

func (m *messages) flush() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.waiting != nil {
		m.before()
		_, _ = m.out.Write(m.waiting)
		m.waiting = nil
	}
}

// close writes what waits. The table has gone by then.
func (m *messages) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, _ = m.out.Write(m.waiting)
	m.waiting, m.closed = nil, true
}
