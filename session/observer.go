package session

import (
	"github.com/evshell/ev/action"
	"github.com/evshell/ev/event"
)

// An Observer is told what happens in a session, on the loop's goroutine and before anything else
// is done about it.
type Observer interface {
	// Happened tells of an event.
	Happened(event.Event)
	// Ran tells how a command has ended, after all its tries.
	Ran(*Watcher, action.Outcome)
	// Skipped tells of an event that got no run of its own.
	Skipped(*Watcher)
	// Changed tells that the watchers are others, or their order is another.
	Changed()
	// Stopping tells that ev is about to be stopped by a signal, or killed by one: what is not
	// undone now may never be.
	Stopping()
}

// Observe has an observer told from now on.
func (s *Session) Observe(o Observer) { s.observers = append(s.observers, o) }

// Unobserved is an Observer who takes no notice: what one embeds who wants to be told of a few
// things only.
type Unobserved struct{}

// Happened implements Observer.
func (Unobserved) Happened(event.Event) {}

// Ran implements Observer.
func (Unobserved) Ran(*Watcher, action.Outcome) {}

// Skipped implements Observer.
func (Unobserved) Skipped(*Watcher) {}

// Changed implements Observer.
func (Unobserved) Changed() {}

// Stopping implements Observer.
func (Unobserved) Stopping() {}
