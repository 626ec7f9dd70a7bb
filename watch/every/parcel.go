package every

import (
	"slices"
	"strings"
	"time"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/process"
	"github.com/evshell/ev/watch"
)

// A parcel goes with an event of a Watcher that has a state, and sees that what becomes of it is
// written down: that a run for its instants has begun, and that it has ended.
type parcel struct {
	*watch.Parcel
	watcher *Watcher
	entries []*entry // none of an event that takes no instant's place
	attempt int      // which the run is, or will be
	skipped []*entry // of instants that came while its run went on
}

// newParcel makes the parcel of an event that stands for entries.
func (e *Watcher) newParcel(entries ...*entry) *parcel {
	p := &parcel{watcher: e, entries: e.ledger.fold(nil, entries...), attempt: 1}
	for _, x := range p.entries {
		p.attempt = max(p.attempt, x.attempt+1)
	}
	p.Parcel = watch.NewParcel(e.loop, p.settled)
	e.open++
	return p
}

// Begin writes down that a run is about to begin.
func (p *parcel) Begin(func()) bool {
	e := p.watcher
	if p.Answered() || slices.Contains(e.runs, p) {
		return true // it is run again, by hand
	}
	e.runs = append(e.runs, p)
	for _, x := range p.entries {
		x.attempt, x.trace = p.attempt, ""
	}
	e.save()
	return true
}

// Recorded implements event.Recorder.
func (p *parcel) Recorded(then func()) { p.watcher.record.Wait(then) }

// Began writes down which process the run is.
func (p *parcel) Began(pid int) {
	if p.Answered() || len(p.entries) == 0 {
		return
	}
	trace := process.Trace(pid)
	for _, x := range p.entries {
		x.trace = trace
		p.watcher.record.Append(p.watcher.ledger.note(x))
	}
}

// Absorb has the instants of an older event be this one's.
func (p *parcel) Absorb(older event.Parcel) {
	p.Parcel.Absorb(older)
	if o := older.(*parcel); !o.Answered() {
		p.attempt = max(p.attempt, o.attempt)
		p.entries = p.watcher.ledger.fold(o.entries, p.entries...)
		o.entries = nil
	}
}

// settled writes down what has become of it. Of what was cut off nothing is said: it is in the file
// as it has to be. What was skipped while a run went on has the fate of that one.
func (p *parcel) settled(a event.Answer) {
	e := p.watcher
	e.open--
	e.runs = slices.DeleteFunc(e.runs, func(r *parcel) bool { return r == p })
	switch a.Verdict {
	case event.Stopped, event.Refused:
	case event.Skipped:
		if n := len(e.runs); n > 0 {
			e.runs[n-1].skipped = e.ledger.fold(e.runs[n-1].skipped, p.entries...)
			break
		}
		end(p.entries)
	case event.Ran, event.Late, event.Failed, event.Merged, event.Passed, event.Superseded:
		end(p.entries)
		end(p.skipped)
	}
	e.save()
	e.release()
}

func end(entries []*entry) {
	for _, x := range entries {
		x.ended = true
	}
}

// The books of a Watcher are its State, and what is to be written there.
type books struct {
	ledger *ledger       // nil: it was given up
	record *watch.Record // writes it, once it is open
	open   int           // parcels that have no answer yet
	runs   []*parcel     // of those, the ones whose run goes on
	again  []*entry      // cut off, and still to be made up for

	leftover []*entry                // cut off, and something of the run may be left
	isLeft   func(trace string) bool // process.Left; a test puts another in its place
}

// remembers reports whether it is written down what was dealt with.
func (e *Watcher) remembers() bool { return e.books != nil && e.ledger != nil }

// repeats reports whether something that was cut off is still to be made up for.
func (e *Watcher) repeats() bool { return e.books != nil && len(e.again) > 0 }

// openLedger opens the state, and tells what has become of the runs that were cut off.
func (e *Watcher) openLedger(first time.Time) (err error) {
	if e.ledger, err = openLedger(e.options.State, first); err != nil {
		return err
	}
	e.again, e.leftover = nil, nil
	report := e.options.Report
	for _, x := range e.ledger.cutOff() {
		due := x.due.Format(time.RFC3339)
		if x.trace != "" {
			e.leftover = append(e.leftover, x)
		}
		switch {
		case x.attempt > 1:
			report.Errorf("the run for %s was cut off again: it is given up, and counts as dealt with", due)
		case e.options.CatchUp == CatchUpNone:
			report.Noticef("the run for %s was cut off: add --catch-up once or all to make up for it", due)
		default:
			report.Noticef("the run for %s was cut off: it is repeated once", due)
			e.again = append(e.again, x)
			continue
		}
		x.ended = true
	}
	e.record = watch.NewRecord(e.loop, e.ledger.file, e.saved)
	if err := e.ledger.save(e.ledger.reached); err != nil {
		e.close()
		return err
	}
	return nil
}

// awaitLeftovers has then called once nothing of the runs that were cut off is left, lest an instant
// is run twice at once; unless the watcher is stopped before.
func (e *Watcher) awaitLeftovers(then func()) {
	e.lookAtLeftovers(firstPause, then)
	if e.loading != nil {
		x := e.leftover[0]
		e.options.Report.Noticef("the run for %s was cut off, and its process %s is still there: waiting for that to end",
			x.due.Format(time.RFC3339), strings.SplitN(x.trace, ":", 2)[0])
	}
}

func (e *Watcher) lookAtLeftovers(pause time.Duration, then func()) {
	e.loading = nil
	e.leftover = slices.DeleteFunc(e.leftover, func(x *entry) bool { return !e.isLeft(x.trace) })
	if len(e.leftover) == 0 {
		then()
		return
	}
	again := loop.NewTimer(e.loop, pause, 0, func() { e.lookAtLeftovers(min(2*pause, longestPause), then) })
	again.Start() // and so the loop lives
	e.loading = &loading{cancel: again.Stop}
}

const (
	firstPause   = 10 * time.Millisecond
	longestPause = time.Second
)

// release gives the state up to whoever wants it, once nothing is to be written any more.
func (e *Watcher) release() {
	if e.remembers() && e.open == 0 && !e.Active() {
		e.close()
	}
}

func (e *Watcher) close() {
	e.record.Close()
	e.ledger, e.again = nil, nil
}

// save writes down what was dealt with. A state that can't be saved does not keep the schedule from
// going on.
func (e *Watcher) save() {
	if !e.remembers() {
		return
	}
	if text, news := e.ledger.update(e.settled); news {
		e.record.Write(text)
	}
}

func (e *Watcher) saved(err error) {
	if err != nil {
		e.ledger.text = "" // the next time all is written
		e.options.Report.Errorf("the state can't be saved: %v: what has run may run again after a restart", err)
	}
}
