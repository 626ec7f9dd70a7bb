package session

import (
	"errors"
	"slices"
	"time"

	"github.com/evshell/ev/action"
	"github.com/evshell/ev/event"
	"github.com/evshell/ev/link"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/watch"
)

// A Lock is what an event needs before it happens: of all ev with this lock, one at a time has it.
type Lock struct {
	// Open returns the link, which tells what it has to by way of the loop.
	Open  func(*loop.Loop) (link.Link, error)
	Name  string
	Label string // of a schedule, whose instants are each claimed once
	Lease time.Duration
	Rerun bool
	Busy  action.Policy // what an event gets while the lock is another's
	// Instant returns the instant that an event is for, if it is for one.
	Instant func(event.Detail) (time.Time, bool)
	// Since returns the event of an instant without what other ev had dealt with up to a time. Nil: no
	// event is for an instant.
	Since func(d event.Detail, settled time.Time) event.Detail
	// Again makes the event of an instant whose run was cut off elsewhere, which told missed.
	Again func(due time.Time, missed int64) event.Detail
}

// A gate holds the events of a watcher back until it has the lock for them: the first that waits
// has a claim under way.
type gate struct {
	*Lock
	watcher *Watcher
	link    link.Link
	waiting []event.Event // which have no number yet
	skipped *event.Event  // merged out of those that came while the command ran
	claimed func()        // cancels the claim under way; nil: there is none
	rescues bool          // that claim is for what may be cut off elsewhere
	grant   *link.Grant   // while what it was given for goes on
	settled time.Time     // the last instant that was skipped meanwhile
	held    bool          // a Ref
	failed  bool
	counts  [4]uint64 // of claims, by outcome
}

func (w *Watcher) newGate(l *Lock) (*gate, error) {
	shared, err := l.Open(w.session.loop)
	return &gate{Lock: l, watcher: w, link: shared}, err
}

// offer takes an event of the watcher's.
func (g *gate) offer(e event.Event) {
	policy := g.Busy
	at, dated := g.Instant(e.Detail)
	switch {
	case g.failed:
		action.Drop(e, event.Refused)
		return
	case g.grant != nil && policy == action.Restart && dated:
		g.wait(e) // since each instant is claimed before it is run
		g.watcher.exec.Stop()
	case g.grant != nil && (policy == action.Restart || policy == action.Signal):
		g.settled = at
		g.happen(e, g.grant) // under the lock that it has
		return
	case g.grant != nil && policy == action.Skip:
		g.settled = at // no other ev is to run it, either
		if g.skipped != nil {
			e = action.Combine(*g.skipped, e)
		}
		g.skipped = &e
		g.watcher.skipped()
	default:
		g.wait(e)
	}
	g.next()
}

func (g *gate) wait(e event.Event) {
	if len(g.waiting) == 0 || g.Busy == action.Queue {
		g.waiting = append(g.waiting, e)
		return
	}
	g.waiting[0] = action.Combine(g.waiting[0], e)
	g.watcher.skipped()
	g.cancel() // it was for the older one
}

// next claims the lock for the first event that waits.
func (g *gate) next() {
	if g.watcher.over() {
		g.drop() // rather than claim what no run comes of
	}
	if len(g.waiting) > 0 && g.rescues {
		g.cancel()
	}
	if len(g.waiting) > 0 && g.idle() {
		c := link.Claim{Lock: g.Name, Label: g.Label, Lease: g.Lease, Rerun: g.Rerun}
		var ok bool
		if c.Due, ok = g.Instant(g.waiting[0].Detail); !ok {
			c.Skip = g.Busy == action.Skip
		}
		c.Missed = g.missed(g.waiting[0].Detail)
		g.claim(c)
	}
	g.balance()
}

// rescue claims what may be cut off, or will be, if the ev that runs it dies.
func (g *gate) rescue() {
	if g.Rerun && len(g.waiting) == 0 && g.idle() && !g.watcher.over() {
		g.claim(link.Claim{Lock: g.Name, Label: g.Label, Lease: g.Lease, Rerun: true, Rescue: true})
	}
}

// idle reports whether there is neither a claim nor a grant.
func (g *gate) idle() bool { return g.grant == nil && g.claimed == nil && !g.failed }

func (g *gate) claim(c link.Claim) {
	g.rescues = c.Rescue
	var grant *link.Grant
	c.Lost = func(left time.Duration) {
		if g.grant != nil && g.grant == grant {
			g.watcher.Report.Errorf("the lock %s can't be kept: its command is stopped", g.Name)
			if g.watcher.work != nil && g.watcher.exec != nil {
				g.watcher.exec.Abandon(left)
			}
		}
	}
	g.claimed = g.link.Claim(c, func(got *link.Grant) {
		grant, g.claimed, g.rescues = got, nil, false
		g.counts[got.Outcome]++
		g.decide(c, got)
		g.next()
	})
}

// decide does what has become of a claim.
func (g *gate) decide(c link.Claim, got *link.Grant) {
	w := g.watcher
	switch got.Outcome {
	case link.Won:
		if got.Again {
			w.Report.Noticef("the lock %s: the run for %s was cut off in another ev, and is repeated here", g.Name, got.Due.Format(time.RFC3339))
			g.begin(event.Event{Name: w.Name, Detail: g.Again(got.Due, got.Missed)}, got)
			return
		}
		g.begin(g.take(got.Settled), got)
	case link.Elsewhere:
		if c.Rescue {
			return
		}
		w.Report.Verbosef("the lock %s: another ev has dealt with %s", g.Name, c.Due.Format(time.RFC3339))
		action.Drop(g.pop(), event.Skipped)
		g.rescue() // in case that one dies
	case link.Busy:
		w.Report.Verbosef("the lock %s: %s has it, an event is skipped", g.Name, got.Holder)
		action.Drop(g.take(time.Time{}), event.Skipped)
		w.skipped()
	case link.Failed:
		w.Report.Errorf("the lock %s: %v", g.Name, got.Err)
		if errors.Is(got.Err, link.ErrClock) {
			if !c.Rescue {
				action.Drop(g.pop(), event.Refused)
			}
			return
		}
		w.watcher.Stop()
		g.close()
	}
}

// take takes the first event that waits, for itself and for those that were skipped before it.
func (g *gate) take(settled time.Time) event.Event {
	e := g.pop()
	e.Detail = g.since(e.Detail, settled)
	if g.skipped != nil {
		e = action.Combine(*g.skipped, e)
		g.skipped = nil
	}
	return e
}

func (g *gate) since(d event.Detail, settled time.Time) event.Detail {
	if g.Since == nil || settled.IsZero() {
		return d
	}
	return g.Since(d, settled)
}

// missed returns how many missed instants an event will tell, once it is taken.
func (g *gate) missed(d event.Detail) func(settled time.Time) int64 {
	if g.Since == nil {
		return nil
	}
	var skipped int64
	if g.skipped != nil {
		skipped = missedOf(g.skipped.Detail) + 1
	}
	return func(settled time.Time) int64 { return missedOf(g.since(d, settled)) + skipped }
}

func missedOf(d event.Detail) int64 { return d.(event.Tallied).Tally().Missed }

func (g *gate) pop() event.Event {
	e := g.waiting[0]
	g.waiting = slices.Delete(g.waiting, 0, 1)
	return e
}

func (g *gate) begin(e event.Event, grant *link.Grant) {
	g.grant, g.settled = grant, time.Time{}
	g.happen(e, grant)
	g.done()
}

func (g *gate) happen(e event.Event, grant *link.Grant) {
	e.Lock = &event.Lock{Fence: grant.Fence, Holder: grant.Holder, File: grant.File}
	g.watcher.happen(e)
}

// done gives the lock back, if nothing runs under it any more.
func (g *gate) done() {
	if g.grant == nil || g.watcher.busy() {
		return
	}
	grant := g.grant
	g.grant = nil
	grant.Release(g.settled)
}

// cancel gives up the claim under way.
func (g *gate) cancel() {
	if g.claimed != nil {
		g.claimed()
		g.claimed, g.rescues = nil, false
	}
}

// close drops what waits, and what comes from now on.
func (g *gate) close() {
	g.giveUp()
	g.failed = true
	g.done()
}

// giveUp drops what waits, and says so.
func (g *gate) giveUp() {
	if n := len(g.waiting); n > 0 {
		g.watcher.Report.Noticef("the lock %s: nothing is run for %d events that waited for it", g.Name, n)
	}
	g.drop()
	g.balance()
}

// drop gives up what waits.
func (g *gate) drop() {
	g.cancel()
	for _, e := range g.waiting {
		action.Drop(e, event.Refused)
	}
	if g.skipped != nil {
		action.Drop(*g.skipped, event.Refused)
	}
	g.waiting, g.skipped = nil, nil
}

// balance holds the loop while an event waits. What may have to be rescued does not.
func (g *gate) balance() {
	if busy := len(g.waiting) > 0; busy != g.held {
		g.held = busy
		if busy {
			g.watcher.session.loop.Ref()
		} else {
			g.watcher.session.loop.Unref()
		}
	}
}

// state is who has the lock, and since when: held is here.
func (g *gate) state() (string, *time.Time) {
	if g.grant != nil {
		return "held", nil
	}
	if !g.link.State().Connected {
		return "no server", nil
	}
	switch s := g.link.LockState(g.Name); {
	case !s.Known:
		return "", nil
	case s.Holder == "":
		return "free", nil
	default:
		return s.Holder, known(s.Since)
	}
}

// measure tells whether the lock is held here, and what has become of claims.
func (g *gate) measure() []watch.Measure {
	held := watch.Measure{Name: "ev_lock_held", Kind: watch.Gauge, Help: "Whether the lock is held here."}
	if g.grant != nil {
		held.Value = 1
	}
	all := []watch.Measure{held}
	for outcome, n := range g.counts {
		all = append(all, watch.Measure{
			Name: "ev_lock_claims_total", Kind: watch.Counter, Help: "Claims of the lock, by what has become of them.",
			Label: "result", LabelValue: link.Outcome(outcome).String(), Value: float64(n),
		})
	}
	return all
}
