// Package probe looks at something again and again, and tells when it is up and when it is down: ev
// probe.
package probe

import (
	"cmp"
	"regexp"
	"time"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/process"
	"github.com/evshell/ev/watch"
)

// A Change says what has to change for an event.
type Change uint8

// What may have to change. A state that changes is always an event.
const (
	OfState  Change = iota
	OfStatus        // the status of an answer, or of a command
	OfOutput        // what is answered, or printed
)

// Options say what is looked at, how often, and what counts.
type Options struct {
	Target Target

	Env     []string         // NAME=value, over ev's own, of a command
	Starter *process.Starter // starts it

	Every   time.Duration // from the beginning of a look to that of the next
	Timeout time.Duration // a look that takes longer has failed
	Backoff time.Duration // while the target is down the pause doubles up to this; 0: it does not

	Rise, Fall int    // so many looks alike before the target is up, or down; from 1
	Change     Change // what is an event
	Until      string // a state that alone is an event; "": both are

	Expect []Statuses     // which statuses are good; nil: 2xx and 3xx of HTTP, 0 of a command
	Match  *regexp.Regexp // what a good output matches; nil: any is good

	CACert   []byte // certificates in PEM that a server's is checked by; nil: the system's
	Insecure bool   // a server's certificate is not checked
	Proxy    bool   // by the proxy that the environment names

	Report *report.Reporter
}

// A Watcher looks at a target. A look never holds up the loop: it is at work on a goroutine or as a
// process, and only its result comes back. No two overlap.
type Watcher struct {
	loop    *loop.Loop
	options Options
	emit    watch.Emit
	asker   asker
	next    *loop.Timer
	fed     *watch.Feed

	active bool
	held   bool
	due    bool   // a look, once it is not held any more
	cancel func() // ends the look that is under way; nil: none is

	unmade string // why the last look could not be; "": it was

	began time.Time     // the last look
	pause time.Duration // after it, if it finds the target down
	alike string        // what the last looks have found, all of them
	looks int           // so many
	first time.Time     // when the first of them began
	now   event.Probe   // what is known
	told  *event.Probe  // the last event; nil: there was none
}

var (
	_ watch.Watcher = (*Watcher)(nil)
	_ watch.Holder  = (*Watcher)(nil)
)

// New makes a watcher of a target.
func New(l *loop.Loop, o Options, emit watch.Emit) (*Watcher, error) {
	a, err := o.Target.asker(l, &o)
	if err != nil {
		return nil, err
	}
	return newWatcher(l, o, a, emit), nil
}

func newWatcher(l *loop.Loop, o Options, a asker, emit watch.Emit) *Watcher {
	w := &Watcher{loop: l, options: o, emit: emit, asker: a, now: event.Probe{Target: o.Target.String()}}
	w.next = loop.NewTimer(l, 0, 0, w.look)
	w.fed = watch.NewFeed(l, w.tell)
	return w
}

// Start looks for the first time.
func (w *Watcher) Start() error {
	if w.active {
		return nil
	}
	if w.options.Insecure {
		w.options.Report.Noticef("%s: its certificate is not checked, and anyone on the way can answer in its place: --cacert FILE is safer", w.now.Target)
	}
	w.active = true
	w.loop.Ref()
	w.pause = w.options.Every
	w.look()
	return nil
}

// Stop ends the look that is under way. What is known is kept for the next Start.
func (w *Watcher) Stop() {
	w.fed.Forget()
	w.next.Stop()
	w.due = false
	if w.cancel != nil {
		w.cancel()
		w.cancel = nil
	}
	if w.active {
		w.active = false
		w.loop.Unref()
	}
}

// Feed emits an event of what is known.
func (w *Watcher) Feed() { w.fed.Add() }

// Active reports whether the target is looked at.
func (w *Watcher) Active() bool { return w.active }

// Pending reports whether an event waits to be emitted.
func (w *Watcher) Pending() bool { return w.fed.Pending() }

// SetPriority sets the priority of the looks.
func (w *Watcher) SetPriority(p loop.Priority) {
	w.next.SetPriority(p)
	w.fed.SetPriority(p)
}

// Hold puts off the next look: what happens meanwhile is seen then.
func (w *Watcher) Hold(held bool) {
	w.held = held
	if !held && w.due {
		w.look()
	}
}

func (w *Watcher) look() {
	if w.due = w.held; w.held {
		return
	}
	w.began = time.Now()
	w.cancel = w.asker.ask(w.looked)
}

// looked takes what a look has found, and waits for the next one.
func (w *Watcher) looked(a answer) {
	w.cancel = nil
	if a.unmade != "" {
		if w.unmade == "" {
			w.options.Report.Errorf("%s: it can't be checked now: %s; trying again", w.now.Target, a.unmade)
		}
		w.unmade = a.unmade
		w.next.Set(w.options.Every-time.Since(w.began), 0)
		w.next.Start()
		return
	}
	if w.unmade != "" {
		w.unmade = ""
		w.options.Report.Noticef("%s: it can be checked again", w.now.Target)
	}
	state := event.Up
	if a.fault != "" {
		state = event.Down
	}
	if state != w.alike {
		w.alike, w.looks, w.first = state, 0, w.began
	}
	w.looks++
	if state != w.now.State && w.looks >= w.needed(state) {
		w.now.State, w.now.Since = state, w.first
	}
	w.now.Status, w.now.Output, w.now.Error, w.now.Latency = a.status, a.output, a.fault, time.Since(w.began)
	w.next.Set(w.wait(state)-time.Since(w.began), 0)
	w.next.Start()
	w.options.Report.Debugf("%s: %s after %s", w.now.Target, cmp.Or(a.fault, event.Up), w.now.Latency)
	if w.counts() {
		w.tell()
	}
}

// needed is how many looks alike it takes.
func (w *Watcher) needed(state string) int {
	if state == event.Up {
		return w.options.Rise
	}
	return w.options.Fall
}

// wait is how long it is from the beginning of this look to that of the next.
func (w *Watcher) wait(state string) time.Duration {
	pause := w.pause
	w.pause = w.options.Every
	if state == event.Down && w.options.Backoff > 0 {
		w.pause = min(2*pause, w.options.Backoff)
		return pause
	}
	return w.options.Every
}

// counts reports whether what is known now is an event.
func (w *Watcher) counts() bool {
	switch was := w.told; {
	case w.now.State == "", w.options.Until != "" && w.options.Until != w.now.State:
		return false
	case was == nil, was.State != w.now.State:
		return true
	case w.options.Change == OfStatus:
		return !equal(was.Status, w.now.Status)
	case w.options.Change == OfOutput:
		return was.Output != w.now.Output
	}
	return false
}

func equal(a, b *int) bool { return a == b || a != nil && b != nil && *a == *b }

func (w *Watcher) tell() {
	d := w.now
	if w.told != nil {
		d.PrevState = w.told.State
	}
	w.told = &d
	w.emit(d)
}
