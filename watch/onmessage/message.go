// Package onmessage tells that an event which was stored has arrived, and what has become of it: ev
// on-message.
package onmessage

import (
	"strings"
	"time"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/link"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/watch"
)

// Options say what is waited for, and how often it is tried.
type Options struct {
	Link    link.Link
	Consume link.ConsumeOptions

	// Limit is how many messages are at work at once.
	Limit int

	Retry      int           // how often one that fails comes again
	RetryDelay time.Duration // before the first time, doubled each time
	RetryMax   time.Duration // at most

	Report *report.Reporter
}

// The statuses of a command that say more than that it has failed (sysexits.h).
const (
	statusData     = 65 // EX_DATAERR: it will never be otherwise
	statusTempFail = 75 // EX_TEMPFAIL: no fault of the message's
)

// A Watcher emits event.Message for each message.
type Watcher struct {
	loop    *loop.Loop
	opts    Options
	emit    watch.Emit
	arrived *loop.Fed // fed while there is something to emit

	consumer link.Consumer // nil: not active
	waiting  []*parcel
	fed      int // events of no message
	working  int // messages that were emitted and have no answer yet
	held     bool
	failed   bool
	joined   bool
	joining  []func()                 // to be called then
	results  [len(resultNames)]uint64 // how many messages
}

// What has become of a message here.
const (
	done = iota
	again
	dead
	back
)

// resultNames are these as the label of a count has them.
var resultNames = [...]string{done: "done", again: "again", dead: "dead", back: "back"} //nolint:gochecknoglobals // a constant

var (
	_ watch.Watcher = (*Watcher)(nil)
	_ watch.Holder  = (*Watcher)(nil)
	_ watch.Failer  = (*Watcher)(nil)
	_ watch.Joiner  = (*Watcher)(nil)
	_ watch.Queued  = (*Watcher)(nil)
	_ watch.Meter   = (*Watcher)(nil)
)

// New makes a watcher of messages.
func New(l *loop.Loop, o Options, emit watch.Emit) *Watcher {
	w := &Watcher{loop: l, opts: o, emit: emit}
	w.arrived = loop.NewFed(l, w.deliver)
	return w
}

// Start joins the group.
func (w *Watcher) Start() error {
	if w.Active() {
		return nil
	}
	w.failed, w.joined = false, false
	w.arrived.Start()
	o := w.opts.Consume
	o.Joined = w.join
	w.consumer = w.opts.Link.Consume(o, w.arrive, w.fail)
	w.room()
	return nil
}

// Stop leaves the group. What waits is handed back, what is at work goes on.
func (w *Watcher) Stop() {
	if !w.Active() {
		return
	}
	w.arrived.Stop()
	w.consumer.Close()
	w.consumer, w.fed = nil, 0
	for _, p := range w.waiting {
		p.delivery.Retry(0, false)
	}
	w.waiting = nil
	w.join()
}

// join tells those who wait for it that there is nothing to wait for any more.
func (w *Watcher) join() {
	w.joined = true
	for _, then := range w.joining {
		then()
	}
	w.joining = nil
}

// Joined has then called once the server knows the group, or ev has told that it waits for the server.
func (w *Watcher) Joined(then func()) {
	w.joining = append(w.joining, then)
	if w.joined || !w.Active() {
		w.join()
	}
}

// fail ends it because of an error.
func (w *Watcher) fail(err error) {
	if w.Active() {
		w.opts.Report.Errorf("%v", err)
		w.failed = true
		w.Stop()
	}
}

// Failed reports whether an error has ended it.
func (w *Watcher) Failed() bool { return w.failed }

// arrive takes a delivery.
func (w *Watcher) arrive(d *link.Delivery) {
	if !w.Active() {
		d.Retry(0, false)
		return
	}
	w.waiting = append(w.waiting, newParcel(w, d))
	w.arrived.Feed()
}

func (w *Watcher) deliver() {
	for w.fed > 0 {
		w.fed--
		w.emit(event.Message{Filter: w.filter()})
	}
	for len(w.waiting) > 0 && !w.held && w.Active() {
		p := w.waiting[0]
		w.waiting = w.waiting[1:]
		w.working++
		d := p.delivery
		w.emit(event.Message{
			Filter: w.filter(), Topic: d.Subject, ID: d.ID, Source: d.Source, Type: d.Type, Published: d.Time,
			Attempt: d.Attempt, StreamSeq: d.Seq, Data: event.DataFields(d.Data), Content: d.Payload, Parcel: p,
		})
	}
	w.room()
}

func (w *Watcher) filter() string { return strings.Join(w.opts.Consume.Subjects, " ") }

// room tells how much more may come.
func (w *Watcher) room() {
	switch {
	case w.consumer == nil:
	case w.held:
		w.consumer.Room(0)
	default:
		w.consumer.Room(max(w.opts.Limit-w.working-len(w.waiting), 0))
	}
}

// Hold has messages wait at the server.
func (w *Watcher) Hold(held bool) {
	w.held = held
	if !held && len(w.waiting) > 0 {
		w.arrived.Feed()
	}
	w.room()
}

// Feed emits an event of no message.
func (w *Watcher) Feed() {
	w.fed++
	w.arrived.Feed()
}

// Active reports whether messages are waited for.
func (w *Watcher) Active() bool { return w.arrived.Active() }

// Pending reports whether a message has come that is not emitted yet.
func (w *Watcher) Pending() bool { return w.arrived.Pending() }

// SetPriority takes effect at the next Start.
func (w *Watcher) SetPriority(p loop.Priority) { w.arrived.SetPriority(p) }

// Waiting is how many messages wait in the group.
func (w *Watcher) Waiting() (n int64, known bool) {
	if w.consumer == nil {
		return 0, false
	}
	return w.consumer.Pending()
}

// Measure tells what has become of messages here, and how many wait.
func (w *Watcher) Measure() (all []watch.Measure) {
	for result, n := range w.results {
		all = append(all, watch.Measure{
			Name: "ev_messages_total", Kind: watch.Counter, Help: "Messages, by what has become of them.",
			Label: "result", LabelValue: resultNames[result], Value: float64(n),
		})
	}
	if n, known := w.Waiting(); known {
		all = append(all, watch.Measure{
			Name: "ev_messages_pending", Kind: watch.Gauge, Help: "Messages that wait in the group.", Value: float64(n),
		})
	}
	return all
}
