package session

import (
	"errors"
	"syscall"
	"time"

	"github.com/evshell/ev/action"
	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/sig"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/watch"
)

// A prop is a watcher that emits when it is fed, at once. It keeps the loop alive.
type prop struct {
	*stage
	name     string
	emit     watch.Emit
	detail   event.Detail // of what it emits; nil: a timer's
	place    int
	priority loop.Priority
	active   bool
	pending  bool
	failed   bool
	looking  bool
	err      error      // of Start
	starting chan error // Start takes until something comes; nil: it does not
	deaf     bool       // to Interrupt
	due      time.Time
}

func (p *prop) Start() error {
	if p.starting != nil {
		if err := <-p.starting; err != nil {
			return err
		}
	}
	if p.err != nil || p.active {
		return p.err
	}
	p.active = true
	p.loop.Ref()
	p.logf("start %s", p.name)
	return nil
}

func (p *prop) Stop() {
	if p.active {
		p.active = false
		p.loop.Unref()
		p.logf("stop %s", p.name)
	}
}

func (p *prop) Feed() {
	if p.detail == nil {
		p.detail = event.Timer{}
	}
	p.emit(p.detail)
}

func (p *prop) Active() bool                 { return p.active }
func (p *prop) Pending() bool                { return p.pending }
func (p *prop) SetPriority(to loop.Priority) { p.priority = to }

type richProp struct{ *prop }

func (p richProp) Hold(held bool)        { p.logf("hold %s %t", p.name, held) }
func (p richProp) SetPlace(n int)        { p.place = n }
func (p richProp) Discard()              { p.logf("discard %s", p.name) }
func (p richProp) Failed() bool          { return p.failed }
func (p richProp) Looking() bool         { return p.looking }
func (p richProp) Unread() bool          { return true }
func (p richProp) At() (time.Time, bool) { return p.due, !p.due.IsZero() }

func (p richProp) Interrupt() {
	p.logf("interrupt %s", p.name)
	if p.starting != nil && !p.deaf {
		p.starting <- errors.New("interrupted")
	}
}

// A joiningProp is a prop that watches only once the test says so.
type joiningProp struct {
	*prop
	joined func()
}

func (p *joiningProp) Joined(then func()) { p.joined = then }

// A parentProp is a prop with a child.
type parentProp struct {
	*prop
	runner watch.Runner
}

func (p *parentProp) Start() error {
	err := p.prop.Start()
	p.runner.Run()
	return err
}

func (p *parentProp) Stop() {
	p.prop.Stop()
	p.runner.Stop()
}

func (p *parentProp) SetRunner(r watch.Runner) { p.runner = r }
func (p *parentProp) Began(int)                {}
func (p *parentProp) Ended(d event.Exit)       { p.emit(d) }

// An actor runs for each event, beside those before it, until the test ends it.
type actor struct {
	*stage
	action.Setting
	name       string
	foreground bool
	events     []event.Event // of those that run
	gone       func()        // Close has been called
}

func (a *actor) Do(e event.Event) {
	a.logf("run %s %d", a.name, e.Seq)
	a.events = append(a.events, e)
	a.loop.Ref()
}

func (a *actor) finish(o action.Outcome) {
	e := a.events[0]
	a.events = a.events[1:]
	a.loop.Unref()
	if a.Done != nil {
		a.Done(e, o)
	}
	if a.gone != nil && len(a.events) == 0 {
		a.gone()
	}
}

func (a *actor) Close(gone func()) {
	if a.gone = gone; len(a.events) == 0 {
		gone()
		return
	}
	a.logf("close %s", a.name)
}

func (a *actor) Stop() {
	if len(a.events) > 0 {
		a.logf("stop what runs of %s", a.name)
	}
}

func (a *actor) Running() (int, time.Time) { return len(a.events), time.Time{} }
func (a *actor) Waiting() int              { return 2 * len(a.events) }
func (a *actor) Foreground() bool          { return a.foreground && len(a.events) > 0 }
func (a *actor) Suspend()                  { a.logf("suspend %s", a.name) }
func (a *actor) Resume()                   { a.logf("resume %s", a.name) }
func (a *actor) Resize() {
	if a.Terminal {
		a.logf("resize %s", a.name)
	}
}
func (a *actor) Bar(barred bool) { a.logf("bar %s %t", a.name, barred) }
func (a *actor) Keep(bytes int) {
	if bytes > 0 {
		a.logf("keep %d of %s", bytes, a.name)
	}
}

func (a *actor) Signal(by syscall.Signal) bool {
	a.logf("signal %s %s", a.name, sig.Name(by))
	return len(a.events) > 0
}
func (a *actor) Restart()                   { a.logf("restart %s", a.name) }
func (a *actor) Kill()                      { a.logf("kill %s", a.name) }
func (a *actor) Abandon(left time.Duration) { a.logf("abandon %s, %v left", a.name, left) }

// A listener logs what an Observer is told.
type listener struct{ *stage }

func (l listener) Happened(e event.Event)           { l.logf("event %s %d", e.Name, e.Seq) }
func (l listener) Ran(w *Watcher, o action.Outcome) { l.logf("ran %s: %v", w.Name, o) }
func (l listener) Skipped(w *Watcher)               { l.logf("skipped %s", w.Name) }
func (l listener) Changed()                         { l.logf("changed") }
func (l listener) Stopping()                        { l.logf("stopping") }

// A followerProp is a prop whose events are the ends of what another runs.
type followerProp struct {
	*prop
	follows string
}

func (p followerProp) Follows() []string { return []string{p.follows} }

func (p followerProp) Followed(d event.Exit) {
	p.detail = d
	p.emit(d)
}
