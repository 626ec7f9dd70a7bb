// Package every tells that the wall clock has reached an instant of a schedule: ev every.
package every

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/diag"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/internal/span"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/process"
	"github.com/evshell/ev/schedule"
	"github.com/evshell/ev/watch"
)

// A CatchUp says what becomes of instants that were missed: passed over while the machine was off
// or asleep, ev did not run, or by a forward step of the clock.
type CatchUp uint8

// The ways to make up for what was missed.
const (
	CatchUpNone CatchUp = iota // counted, in the missed of the next event
	CatchUpOnce                // one event for the last of them, in which the others are counted
	CatchUpAll                 // one event each
)

// Options say when a Watcher fires.
type Options struct {
	Schedule *schedule.Spec // nil: Rule says when
	Rule     *Rule
	Text     string // the schedule as given

	// Localtime, if not nil, is by whose zone the Schedule or the Rule goes, and In is the Schedule in
	// another one.
	Localtime *Localtime
	In        func(*time.Location) (*schedule.Spec, error)

	Jitter  time.Duration // each event is later than its instant by a time in [0, Jitter)
	Seed    string        // what that time is a hash of; empty: it is random each time
	CatchUp CatchUp
	State   string // the file that remembers, from one ev to the next, which instants were dealt with; or empty

	// Load has then told up to when instants were dealt with, as a lock remembers it that several
	// ev share; zero: there is nothing to remember yet. nil: State says it.
	Load func(then func(time.Time))

	Report *report.Reporter
}

// A Watcher emits event.Every when the wall clock reaches the instants of a schedule. An instant
// that is reached up to a minute late, or that is the only one of its schedule, is just late; later
// than that it was missed, and CatchUp says what it gets. Of several that were passed over without
// a chance to run, the last one stands for all, unless each is to be made up for.
//
// When the clock is set back, what has run does not run again, as cron(8) has it, with two
// exceptions. If it is more than three hours ahead now, a wrong clock was put right, and the new
// time counts. And a schedule that follows elapsed time goes by the new time at once, lest it be
// silent for as long as the step.
//
// Due and next of the event are instants of the schedule, without the jitter; late counts from the
// instant with it.
//
// With a State an instant is dealt with once the command that was run for it has ended, or without
// one once it has been written. One whose run was cut off is made up for once at the next Start, as
// what was missed is.
type Watcher struct {
	loop     *loop.Loop
	options  Options
	emit     watch.Emit
	periodic *loop.Periodic
	fed      *watch.Feed    // nil: not yet
	schedule *schedule.Spec // of a Rule: its last answer
	zone     *time.Location // of both
	rule     *asking        // nil without a Rule

	settled time.Time // the instants up to here have had their events, or get none
	luck    float64   // of the next instant, in [0, 1)
	missed  int64     // that no event has told
	loading *loading  // the start that waits: for what Load tells, or for the end of what is left; nil: none
	*books            // nil: there is no State
}

// A loading is a start that waits.
type loading struct {
	cancel func() // gives up the wait
}

var _ watch.Watcher = (*Watcher)(nil)

const (
	punctual   = time.Minute   // as late as an instant may be without being missed
	correction = 3 * time.Hour // what ran this far ahead ran by a wrong clock (cron(8))
	tooMany    = 1_000_000     // missed instants are counted up to here
)

// New makes a watcher of a schedule.
func New(l *loop.Loop, o Options, emit watch.Emit) *Watcher {
	e := &Watcher{loop: l, options: o, emit: emit, schedule: o.Schedule}
	e.periodic = loop.NewPeriodic(l, e.next, e.fire)
	if o.Rule != nil {
		e.rule = &asking{rule: o.Rule}
		e.zone = o.Rule.Zone
	} else {
		e.zone = o.Schedule.Zone()
	}
	if o.State != "" {
		e.books = &books{isLeft: process.Left}
	}
	return e
}

// Start begins with what comes after the present, or after the time in the state file. The error is
// the state file's.
func (e *Watcher) Start() error {
	if e.Active() {
		return nil
	}
	e.loop.UpdateNow()
	e.settled = e.loop.Now().Round(0)
	if e.options.Seed != "" {
		e.settled = e.settled.Add(-e.delay(e.options.Jitter))
	}
	if e.single() {
		e.settled = time.Time{}
	}
	if e.books != nil {
		if e.ledger == nil { // otherwise a run goes on that began before the last Stop
			if err := e.openLedger(e.settled); err != nil {
				return diag.Option("State", e.options.State, err)
			}
		}
		e.settled = e.ledger.reached
	}
	if e.options.Localtime != nil {
		e.options.Localtime.follow(e)
	}
	switch {
	case e.options.Load != nil:
		e.load()
	case e.books != nil:
		e.awaitLeftovers(e.arm)
	default:
		e.arm()
	}
	return nil
}

// load waits for what Load tells, unless it is stopped before.
func (e *Watcher) load() {
	start := &loading{cancel: e.loop.Unref}
	e.loading = start
	e.loop.Ref()
	e.options.Load(func(settled time.Time) {
		if e.loading != start {
			return
		}
		e.loading = nil
		e.loop.Unref()
		if !settled.IsZero() {
			e.settled = settled
		}
		e.arm()
	})
}

// Stop ends the schedule.
func (e *Watcher) Stop() {
	if e.loading != nil {
		e.loading.cancel()
		e.loading = nil
	}
	if e.options.Localtime != nil {
		e.options.Localtime.unfollow(e)
	}
	e.forget()
	e.periodic.Stop()
	e.fed.Forget()
	e.release()
}

// Feed emits an event that is due now and takes no instant's place.
func (e *Watcher) Feed() { watch.AddTo(&e.fed, e.loop, e.periodic.Priority(), e.fireNow) }

// Active reports whether an instant is awaited.
func (e *Watcher) Active() bool { return e.periodic.Active() || e.asking() || e.loading != nil }

// Pending reports whether an event waits to be emitted.
func (e *Watcher) Pending() bool { return e.periodic.Pending() || e.fed.Pending() }

// SetPriority sets the priority.
func (e *Watcher) SetPriority(p loop.Priority) {
	e.periodic.SetPriority(p)
	e.fed.SetPriority(p)
}

// At returns when the next event is due, jitter included; false if that is not known, or there is
// none. Of one that is not active it is the next instant of the schedule.
func (e *Watcher) At() (time.Time, bool) {
	if !e.periodic.Active() && e.schedule != nil {
		return e.schedule.Next(e.loop.Now())
	}
	return e.periodic.At()
}

// single reports whether the schedule is one absolute instant, which fires however late it is.
func (e *Watcher) single() bool { return e.rule == nil && e.schedule.Kind() == schedule.Instant }

// arm waits for the first instant that was not dealt with.
func (e *Watcher) arm() {
	e.luck = rand.Float64()
	if e.rule != nil && !e.repeats() {
		e.periodic.Stop()
		e.ask()
		return
	}
	e.periodic.Again()
}

// next is the periodic's rule: the first instant that was not dealt with, later by the jitter.
func (e *Watcher) next(now time.Time) (time.Time, bool) {
	if back := e.settled.Sub(now); back > correction || back >= time.Second && e.schedule.Ticks() {
		e.settled = now
	}
	if e.repeats() {
		return now.Add(e.delay(e.options.Jitter)), true
	}
	instant, ok := e.schedule.Next(e.settled)
	if !ok {
		return time.Time{}, false
	}
	at := instant.Add(e.delay(e.options.Jitter))
	if backlog := e.backlog(now); backlog > 0 {
		at = now.Add(e.delay(e.options.Jitter / time.Duration(backlog)))
	}
	e.stepped(at, now)
	return at, true
}

// backlog returns how many missed instants are to be made up for, as far as that matters: they are
// spread over the jitter, so that neither they nor those of other watchers run all at once.
func (e *Watcher) backlog(now time.Time) int {
	const enough = 1000
	overdue := now.Add(-e.delay(e.options.Jitter) - punctual)
	switch {
	case e.options.Jitter == 0 || e.options.CatchUp == CatchUpNone:
		return 0
	case e.options.CatchUp == CatchUpOnce:
		return e.schedule.Count(e.settled, overdue, 1)
	}
	return e.schedule.Count(e.settled, overdue, enough)
}

// delay is a time in [0, limit) that stays the same until the instant has come.
func (e *Watcher) delay(limit time.Duration) time.Duration {
	if e.options.Seed != "" {
		return schedule.Spread(e.options.Seed, limit)
	}
	return time.Duration(e.luck * float64(limit))
}

// fireNow takes no instant's place.
func (e *Watcher) fireNow() {
	now := e.loop.Now().Round(0)
	e.tell(event.Every{Due: now, Next: e.upcoming(now)})
}

// fire deals with the instants that the clock has reached, and before them with what was cut off.
func (e *Watcher) fire() {
	now := e.loop.Now().Round(0)
	delay := e.delay(e.options.Jitter)
	entries, due, passed := e.retake()
	if len(entries) == 0 || e.options.CatchUp == CatchUpOnce && e.hasCome(now.Add(-delay)) {
		since := e.settled
		last, count := e.reached(now.Add(-delay))
		due, passed = last, passed+count
		e.settled = due
		if e.rule != nil && e.options.CatchUp != CatchUpAll && now.After(due) {
			e.settled = now // there is nothing to count: the rule is only asked for what comes
		}
		if late := now.Sub(due.Add(delay)); late > punctual && e.options.CatchUp == CatchUpNone && !e.single() {
			e.pass(passed, late)
			return
		}
		if e.remembers() {
			entries = append(entries, e.ledger.add(since, due))
		}
	}
	d := event.Every{Due: due, Late: max(now.Sub(due.Add(delay)), 0), Missed: e.missed + passed - 1}
	e.missed = 0
	e.arm()
	d.Next = e.upcoming(due)
	e.tell(d, entries...)
}

// pass passes over what was missed and is not made up for.
func (e *Watcher) pass(missed int64, late time.Duration) {
	e.missed += missed
	e.options.Report.Noticef("instants missed: %d, the last by %s: add --catch-up once or all to make up for them",
		missed, span.Format(late.Round(time.Second)))
	e.arm()
	e.save()
	e.release()
}

// tell emits an event, which may stop the watcher.
func (e *Watcher) tell(d event.Every, entries ...*entry) {
	d.Schedule, d.Attempt = e.options.Text, 1
	if e.remembers() {
		p := e.newParcel(entries...)
		d.Parcel, d.Attempt = p, p.attempt
	}
	e.emit(d)
}

// retake takes what is to be made up for of what was cut off: each alone, or all in one.
func (e *Watcher) retake() (again []*entry, due time.Time, passed int64) {
	if !e.repeats() {
		return nil, due, 0
	}
	n := len(e.again)
	if e.options.CatchUp == CatchUpAll {
		n = min(n, 1)
	}
	again, e.again = slices.Clone(e.again[:n]), e.again[n:]
	for _, x := range again {
		due = x.due
		passed++
		if e.schedule != nil {
			passed += max(int64(e.schedule.Count(x.since, due, tooMany))-1, 0)
		}
	}
	return again, due, passed
}

// hasCome reports whether there is an instant to deal with. A rule is not asked for that.
func (e *Watcher) hasCome(now time.Time) bool {
	if e.schedule == nil {
		return false
	}
	next, ok := e.schedule.Next(e.settled)
	return ok && !next.After(now)
}

// upcoming returns the instant after the given one; zero if there is none, or if that is not known.
func (e *Watcher) upcoming(after time.Time) (next time.Time) {
	if e.schedule != nil {
		next, _ = e.schedule.Next(after)
	}
	return next
}

// reached returns the instant to deal with, which is not after now unless the clock has been set
// back just as it came; and how many there are up to it.
func (e *Watcher) reached(now time.Time) (due time.Time, passed int64) {
	due, _ = e.schedule.Next(e.settled)
	if e.options.CatchUp == CatchUpAll || due.After(now) {
		return due, 1
	}
	due = latest(e.schedule, due, now)
	return due, int64(e.schedule.Count(e.settled, due, tooMany))
}

// latest returns the last instant of s up to now, given one of them.
func latest(s *schedule.Spec, instant, now time.Time) time.Time {
	if next, ok := s.Next(instant); !ok || next.After(now) {
		return instant // as nearly always
	}
	for none := now; none.After(instant); { // there is no instant after none, up to now
		middle := instant.Add(none.Sub(instant) / 2)
		if next, ok := s.Next(middle); ok && !next.After(none) {
			instant = next
		} else {
			none = middle
		}
	}
	return instant
}
