package watch

import "github.com/evshell/ev/loop"

// A Feed emits what a watcher is fed: an event for each time, those of one turn too. A nil Feed is
// one that has been fed nothing: most watchers never are, and make one when they are (AddTo).
type Feed struct {
	fed  *loop.Fed // never started: the watcher itself keeps the loop alive
	owed int       // events
}

// NewFeed makes a feed; each call of emit is an event.
func NewFeed(l *loop.Loop, emit func()) *Feed {
	f := &Feed{}
	f.fed = loop.NewFed(l, func() {
		for f.owed > 0 { // emit may stop the watcher
			f.owed--
			emit()
		}
	})
	return f
}

// Add has one more event emitted.
func (f *Feed) Add() {
	f.owed++
	f.fed.Feed()
}

// AddTo has a feed emit one more event. If it is nil it is made, with a priority.
func AddTo(f **Feed, l *loop.Loop, p loop.Priority, emit func()) {
	if *f == nil {
		*f = NewFeed(l, emit)
		(*f).SetPriority(p)
	}
	(*f).Add()
}

// Forget drops the events that have not been emitted.
func (f *Feed) Forget() {
	if f != nil {
		f.owed = 0
		f.fed.ClearPending()
	}
}

// Pending reports whether an event waits to be emitted.
func (f *Feed) Pending() bool { return f != nil && f.fed.Pending() }

// SetPriority sets the priority of the events.
func (f *Feed) SetPriority(p loop.Priority) {
	if f != nil {
		f.fed.SetPriority(p)
	}
}
