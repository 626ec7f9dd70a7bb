package watch

import "github.com/evshell/ev/loop"

// A feed emits what a watcher is fed: an event for each time, those of one turn too.
type feed struct {
	async *loop.Async // never started
	owed  int         // events
}

// newFeed makes a feed; each call of emit is an event.
func newFeed(l *loop.Loop, emit func()) *feed {
	f := &feed{}
	f.async = loop.NewAsync(l, func() {
		for f.owed > 0 { // emit may stop the watcher
			f.owed--
			emit()
		}
	})
	return f
}

func (f *feed) add() {
	f.owed++
	f.async.Feed()
}

// forget drops what is owed.
func (f *feed) forget() {
	f.owed = 0
	f.async.ClearPending()
}

func (f *feed) pending() bool { return f.async.Pending() }
