// Package watch says what a watcher is. The watchers themselves are the packages below it, one for
// each command. Each is a composite: it is made of the loop's public primitives alone, turns what
// the kernel tells into words, and emits them as the details of events.
package watch

import (
	"time"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/loop"
)

// Emit takes one event's detail. It is called on the loop's goroutine.
type Emit func(event.Detail)

// A Watcher is started and stopped on the loop's goroutine and emits there.
type Watcher interface {
	// Start begins to watch; on a watcher that is active it does nothing.
	Start() error
	// Stop ends it, and what was pending is forgotten.
	Stop()
	// Feed emits an event though nothing has happened: what the watcher has to say of now. The
	// event comes in the turn under way or the next one, and none if the watcher has been stopped
	// by then.
	Feed()
	Active() bool
	Pending() bool
	// SetPriority takes effect at the next Start.
	SetPriority(loop.Priority)
}

// A Dated is a Watcher that knows when its next event is due. Of one that is not active it is when
// it would be if it were started now.
type Dated interface {
	At() (time.Time, bool)
}

// A Describer is a Watcher that can say in a few words what it does, once it has been started:
// "watching 3 files in 2 directories".
type Describer interface {
	Describe() string
}

// A Holder is a Watcher whose source can wait: while it is held, nothing more is taken from the
// source, and the loop stays alive for it.
type Holder interface {
	Hold(held bool)
}

// A Discarder is a Watcher that can be told that what has happened up to now is to be forgotten.
type Discarder interface {
	Holder
	Discard()
}

// A Failer is a Watcher that an error can end, which it has reported then.
type Failer interface {
	Failed() bool
}

// A Sighted is a Watcher that may be partly blind.
type Sighted interface {
	// Unseen returns at how many places nobody knows what happens, because they can't be looked at.
	// That is tried again and again.
	Unseen() int
}

// An Unreader is a Watcher whose event may be about what the one before was about.
type Unreader interface {
	// Unread reports whether the last event is: nothing has come, and nothing was taken.
	Unread() bool
}

// A Sparing is a Watcher that reads ahead, and can leave to the next reader what nobody will be
// told of.
type Sparing interface {
	// Spare says how many more events will be taken, before the first and after each; 0: all.
	Spare(events int)
}

// A Placed is a Watcher that shares with others what happens: the one with the lowest place that
// takes it has it.
type Placed interface {
	SetPlace(n int)
}

// A Looker is a Watcher that may take longer than a turn of the loop to find out what has happened.
type Looker interface {
	// Looking reports whether it is at that now. The loop is woken when it has.
	Looking() bool
}

// A Joiner is a Watcher that does not watch yet when Start returns.
type Joiner interface {
	// Joined has then called once it does, or has told what it waits for, or is stopped: at once, if
	// that is so already.
	Joined(then func())
}

// An Interrupter is a Watcher that may take long to start.
type Interrupter interface {
	// Interrupt has Start fail soon, now and in future. Any goroutine may call it.
	Interrupt()
}

// A Parent is a Watcher that has a command run: its child. Who has made the watcher runs that, as
// any command, and tells it.
type Parent interface {
	// SetRunner says by whom it is run. It comes before the first Start.
	SetRunner(Runner)
	// Began tells that it lives, as a process.
	Began(pid int)
	// Ended tells how it has ended. Of one that was stopped nothing is told.
	Ended(event.Exit)
}

// A Follower is a Watcher whose events are the ends of what others run.
type Follower interface {
	// Follows returns the names of those that it follows.
	Follows() []string
	// Followed tells how a run of one of them has ended.
	Followed(event.Exit)
}

// A Runner runs the child of a Parent.
type Runner interface {
	// Run starts it. If the last one is still being stopped that comes first.
	Run()
	// Stop tells it to end.
	Stop()
}

// A Queued is a Watcher whose events wait elsewhere.
type Queued interface {
	// Waiting is how many, if that is known.
	Waiting() (n int64, known bool)
}

// A Meter is a Watcher that counts what is its own, for a page of metrics.
type Meter interface {
	Measure() []Measure
}

// A Measure is a value of a metric. Those of one Name have one Kind and one Help; where several
// watchers have the same one, they are added up.
type Measure struct {
	Name, Kind, Help  string
	Suffix            string // of a histogram's name: _bucket, _sum, _count
	Label, LabelValue string // besides those of the watcher; may be empty
	Value             float64
}

// Kinds of metrics, as Prometheus has them.
const (
	Counter   = "counter"
	Gauge     = "gauge"
	Histogram = "histogram"
)
