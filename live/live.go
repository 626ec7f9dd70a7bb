// Package live is what a terminal shows of a running ev: a table of its watchers, and a countdown.
// It sees a session by its methods, and is told as any Observer.
package live

import (
	"io"
	"os"
	"os/signal"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/action"
	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/internal/term"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/session"
)

// A Table shows on the terminal how the watchers are, and takes keys. What else is written to the
// terminal comes above it.
//
// However ev ends, the terminal is as it was before: by Close, by Stopping before a signal stops or
// kills, and by the keyboard's guard after a SIGKILL.
type Table struct {
	session.Unobserved
	options  Options
	session  *session.Session
	loop     *loop.Loop
	screen   *screen
	signals  chan os.Signal
	messages *messages        // nil: standard error is elsewhere
	selected *session.Watcher // it may have gone since it was drawn
	place    int              // of that, when it was drawn
	recent   []event.Event
}

const (
	stdoutFD = 1
	stderrFD = 2
)

// Options are what a Table has to know of the process.
type Options struct {
	Stderr *os.File
	Getenv func(string) string
	Report *report.Reporter
	Color  string // auto, always or never
}

// Show begins. It is for a session that has not started anything yet.
func Show(l *loop.Loop, s *session.Session, o Options) (*Table, error) {
	t := &Table{options: o, session: s, loop: l, signals: make(chan os.Signal, 1)}
	var err error
	if t.screen, err = openScreen(l, t); err != nil {
		return nil, err
	}
	if err := t.screen.keyboard.Guard(); err != nil {
		o.Report.Verbosef("the terminal is not given back if ev is killed (SIGKILL): %v", err)
	}
	var before [stderrFD + 1]func()
	if term.IsTerminal(stdoutFD) {
		before[stdoutFD] = t.makeRoom
	}
	if term.IsTerminal(stderrFD) {
		before[stderrFD] = t.makeRoom
		t.messages = &messages{loop: l, out: o.Stderr, before: t.makeRoom}
		o.Report.Redirect(t.messages)
	}
	s.BeforeOutput(before[stdoutFD], before[stderrFD])
	s.Observe(t)
	signal.Notify(t.signals, unix.SIGWINCH, unix.SIGCONT)
	go func() {
		for range t.signals {
			l.Post(t.redraw)
		}
	}()
	t.redraw()
	return t, nil
}

// Close gives the terminal back as it was.
func (t *Table) Close() {
	signal.Stop(t.signals)
	close(t.signals)
	t.screen.close()
	if t.messages != nil {
		t.options.Report.Redirect(t.messages.out)
		t.messages.close()
	}
}

// makeRoom removes the table for what is about to be written.
func (t *Table) makeRoom() {
	t.screen.erase()
	t.redraw()
}

// Stopping implements Observer.
func (t *Table) Stopping() { t.screen.release() }

// Changed implements Observer.
func (t *Table) Changed() { t.redraw() }

// Ran implements Observer.
func (t *Table) Ran(*session.Watcher, action.Outcome) { t.redraw() }

// Happened takes in an event.
func (t *Table) Happened(e event.Event) {
	t.recent = append(t.recent[max(len(t.recent)-mostRecent+1, 0):], e)
	t.redraw()
}

// redraw has the table drawn soon.
func (t *Table) redraw() {
	if t.session.Paused() {
		t.screen.redraw(0) // a span would not pass
		return
	}
	t.screen.soon()
}

func (t *Table) picture(columns, rows int) ([]string, time.Duration) {
	if t.session.Foreground() {
		return nil, 0
	}
	watchers := t.session.Watchers()
	t.selectOne(watchers)
	f := frame{
		total: len(watchers), first: max(t.place-rows, 0), selected: t.place, recent: t.recent, now: t.loop.Now(),
		paused: t.session.Paused(), ending: t.session.Ending(), columns: columns, rows: rows,
		colour: term.Colour(t.options.Color, t.screen.fd, t.options.Getenv),
	}
	for _, w := range watchers[f.first:min(t.place+rows, f.total)] {
		f.watchers = append(f.watchers, w.State())
	}
	return f.lines(), lookEvery
}

// selectOne sees to it that one of the watchers is selected: the one that was, or what stands in
// its place after a reload.
func (t *Table) selectOne(watchers []*session.Watcher) {
	if i := slices.Index(watchers, t.selected); i >= 0 {
		t.place = i
	} else if t.place = max(min(t.place, len(watchers)-1), 0); len(watchers) > 0 {
		t.selected = watchers[t.place]
	}
}

func (t *Table) press(key byte) {
	defer t.redraw()
	switch key {
	case 'p':
		t.session.Pause(!t.session.Paused())
	case 'q':
		t.session.End()
	default:
		watchers := t.session.Watchers()
		// Nothing is done to the selected one's successor before it has been seen.
		if i := slices.Index(watchers, t.selected); i >= 0 {
			t.pressFor(key, watchers, i)
		}
	}
}

// pressFor does what a key asks for of the selected watcher.
func (t *Table) pressFor(key byte, watchers []*session.Watcher, selected int) {
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
		err = w.Restart()
	case 'j':
		t.selected = watchers[min(selected+1, len(watchers)-1)]
	case 'k':
		t.selected = watchers[max(selected-1, 0)]
	}
	if err != nil {
		w.Report.Noticef("%v", err)
	}
}

// messages write to the terminal above the table. They come from any goroutine, and go out on the
// loop's.
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
