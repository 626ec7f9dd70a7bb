package onmessage

import (
	"fmt"
	"time"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/span"
	"github.com/evshell/ev/link"
	"github.com/evshell/ev/watch"
)

// A parcel is a message on its way to be done.
type parcel struct {
	*watch.Parcel
	watcher  *Watcher
	delivery *link.Delivery
	gone     bool   // it may be another consumer's by now
	stop     func() // ends its command; nil: it has none
}

func newParcel(w *Watcher, d *link.Delivery) *parcel {
	p := &parcel{watcher: w, delivery: d}
	p.Parcel = watch.NewParcel(w.loop, p.settled)
	d.Lost = p.lost
	return p
}

// Begin takes how to stop the command.
func (p *parcel) Begin(stop func()) bool {
	if p.gone {
		return false
	}
	p.stop = stop
	return true
}

// lost is told when the server was not reached for so long that it may give the message to another
// consumer: the command is stopped.
func (p *parcel) lost(left time.Duration) {
	if p.Answered() {
		return
	}
	p.gone = true
	p.watcher.opts.Report.Noticef("%s: message %d could not be kept: the server is not heard of, and gives it to another one in %s",
		p.delivery.Subject, p.delivery.Seq, span.Format(left.Round(time.Millisecond)))
	if p.stop != nil {
		p.stop()
	}
}

// settled does what has become of it.
func (p *parcel) settled(a event.Answer) {
	w := p.watcher
	p.stop = nil
	w.working--
	w.room()
	if p.gone {
		return
	}
	switch a.Verdict {
	case event.Ran:
		if a.Status == 0 {
			p.done()
		} else {
			p.fail(a.Status, fmt.Sprintf("exited %d", a.Status))
		}
	case event.Passed, event.Merged, event.Superseded, event.Skipped:
		p.done()
	case event.Late:
		p.fail(124, "it took too long")
	case event.Failed:
		p.fail(126, "its command could not be started")
	case event.Stopped, event.Refused:
		w.results[back]++
		p.delivery.Retry(0, false)
	}
}

func (p *parcel) done() {
	p.watcher.results[done]++
	p.delivery.Ack()
}

// fail has it come again, or be dead.
func (p *parcel) fail(status int, reason string) {
	o, d := p.watcher.opts, p.delivery
	pause := grow(o.RetryDelay, d.Attempt-1, o.RetryMax)
	switch {
	case status == statusTempFail:
		o.Report.Noticef("%s: message %d: %s: it comes again in %s", d.Subject, d.Seq, reason, span.Format(pause))
		p.watcher.results[again]++
		d.Retry(pause, false)
	case status == statusData || d.Attempt > o.Retry:
		if link.IsDead(d.Subject) {
			o.Report.Errorf("%s: message %d: %s: a dead letter is not moved again, and is dropped", d.Subject, d.Seq, reason)
			p.done()
			return
		}
		o.Report.Errorf("%s: message %d: %s (%d of %d): it is dead, and kept: ev ctl dead list %s", d.Subject, d.Seq, reason, d.Attempt, o.Retry+1, o.Consume.Group)
		p.watcher.results[dead]++
		d.Dead(link.DeadLetter{Status: status, Attempt: d.Attempt, Reason: reason})
	default:
		o.Report.Noticef("%s: message %d: %s: it comes again in %s (%d of %d)", d.Subject, d.Seq, reason, span.Format(pause), d.Attempt, o.Retry)
		p.watcher.results[again]++
		d.Retry(pause, true)
	}
}

// grow doubles a pause n times.
func grow(first time.Duration, n int, most time.Duration) time.Duration {
	for range n {
		if first *= 2; first >= most {
			break
		}
	}
	return min(first, most)
}
