package action

import (
	"slices"
	"time"

	"github.com/evshell/ev/event"
)

// Running returns how many commands run, and since when the oldest of them has; that is zero while
// it starts, or pauses before it is tried again.
func (x *Exec) Running() (n int, since time.Time) {
	for _, r := range x.runs {
		if r.child != nil && (since.IsZero() || r.since.Before(since)) {
			since = r.since
		}
	}
	return len(x.runs), since
}

// Waiting returns how many events wait for a command.
func (x *Exec) Waiting() int { return len(x.queue) }

// Restart stops what runs, and runs it once more for the same events, before what waits. A command
// that has a descriptor as its input is only stopped: nobody can give it that twice.
func (x *Exec) Restart() {
	runs := slices.Clone(x.runs)
	var again []event.Event
	for _, r := range runs {
		if r.payload.File == nil && r.payload.Out == nil && !r.unwanted && !x.closed {
			r.again = true
			again = append(again, r.event)
		}
	}
	x.queue = slices.Concat(again, x.queue)
	for _, r := range runs {
		r.stop()
	}
	x.balance()
}
