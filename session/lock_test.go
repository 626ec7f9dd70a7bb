package session

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/evshell/ev/action"
	"github.com/evshell/ev/event"
	"github.com/evshell/ev/link"
	"github.com/evshell/ev/loop"
)

// A desk is a Link whose claims the test decides.
type desk struct {
	link.Link
	*stage
	open []*request // claims that are neither decided nor cancelled
	made link.Claim // the last one
}

type request struct {
	link.Claim
	then func(*link.Grant)
}

func (d *desk) Claim(c link.Claim, then func(*link.Grant)) (cancel func()) {
	r := &request{c, then}
	d.open, d.made = append(d.open, r), c
	d.logf("claim%s", claimed(c))
	return func() {
		d.logf("cancel%s", claimed(c))
		for i, other := range d.open {
			if other == r {
				d.open = append(d.open[:i:i], d.open[i+1:]...)
			}
		}
	}
}

// claimed says in words what a claim is for.
func claimed(c link.Claim) string {
	var words strings.Builder
	if !c.Due.IsZero() {
		fmt.Fprintf(&words, " %d", c.Due.Unix())
	}
	for _, flag := range []struct {
		name string
		set  bool
	}{{"skip", c.Skip}, {"rerun", c.Rerun}, {"rescue", c.Rescue}} {
		if flag.set {
			words.WriteString(" " + flag.name)
		}
	}
	return words.String()
}

// decide answers the oldest claim.
func (d *desk) decide(g link.Grant) {
	d.t.Helper()
	if len(d.open) == 0 {
		d.t.Fatalf("nothing is claimed: %q", d.log)
	}
	r := d.open[0]
	d.open = d.open[1:]
	g.Released = func(settled time.Time) {
		text := "release"
		if !settled.IsZero() {
			text = fmt.Sprintf("release, %d is settled", settled.Unix())
		}
		d.logf("%s", text)
	}
	d.on(func() { r.then(&g) })
}

func (d *desk) win() { d.t.Helper(); d.decide(link.Grant{Fence: 7, Holder: "here"}) }

// due has the watcher emit events for instants.
func (d *desk) due(seconds ...int64) {
	d.on(func() {
		for _, at := range seconds {
			d.props["a"].emit(event.Every{Due: time.Unix(at, 0)})
		}
	})
}

// A letter is an event without an instant, of which somebody wants to know what becomes of it.
type letter struct {
	event.Timer
	*stage
}

func (letter) Begin(func()) bool { return true }

func (l letter) Answer(a event.Answer) {
	switch a.Verdict {
	case event.Refused:
		l.logf("refused")
	case event.Skipped:
		l.logf("left out")
	case event.Ran:
		l.logf("dealt with")
	default:
	}
}

// performLocked runs play with a watcher a that has a lock and a command.
func performLocked(t *testing.T, lock Lock, play func(*desk), changes ...func(*Binding)) {
	t.Helper()
	perform(t, Config{}, func(s *stage) {
		d := &desk{stage: s}
		lock.Name = "the-lock"
		lock.Open = func(*loop.Loop) (link.Link, error) { return d, nil }
		lock.Instant = func(detail event.Detail) (time.Time, bool) {
			e, ok := detail.(event.Every)
			return e.Due, ok
		}
		lock.Again = func(due time.Time, missed int64) event.Detail {
			return event.Every{Due: due, Missed: missed, Schedule: "again"}
		}
		s.run(s.line("a", append(changes, runs, func(b *Binding) { b.Lock = &lock })...))
		if lock.Rerun { // what was cut off before it began
			s.saw("changed, start a, claim rerun rescue")
			d.decide(link.Grant{Outcome: link.Elsewhere})
		} else {
			s.saw("changed, start a")
		}
		play(d)
	})
}

func TestLock_isClaimedBeforeAnEventHappens(t *testing.T) {
	performLocked(t, Lock{Label: "job", Lease: time.Minute, Busy: action.Queue}, func(d *desk) {
		d.due(1)
		d.saw("claim 1")
		if c := d.made; c.Lock != "the-lock" || c.Label != "job" || c.Lease != time.Minute {
			t.Errorf("%+v is claimed", c)
		}
		d.win()
		d.saw("event a 1, run a 1")
		if l := d.actors["a"].events[0].Lock; l == nil || l.Fence != 7 || l.Holder != "here" {
			t.Errorf("the command has the lock %+v", l)
		}
		d.end("a", action.Outcome{})
		d.saw("ran a: exited 0, release")
	})
}

func TestLock_eventsQueue(t *testing.T) {
	performLocked(t, Lock{Busy: action.Queue}, func(d *desk) {
		d.due(1, 2, 3)
		d.saw("claim 1")
		for i := range 3 {
			d.win()
			d.saw(fmt.Sprintf("event a %d, run a %[1]d", i+1))
			d.end("a", action.Outcome{})
			d.saw("ran a: exited 0, release" + []string{", claim 2", ", claim 3", ""}[i])
		}
	})
}

func TestLock_eventsThatWaitAreMerged(t *testing.T) {
	performLocked(t, Lock{Busy: action.Merge}, func(d *desk) {
		d.due(1, 2)
		d.saw("claim 1, skipped a, cancel 1, claim 2")
		d.win()
		if e := d.actors["a"].events[0].Detail.(event.Every); e.Due.Unix() != 2 || e.Missed != 1 {
			t.Errorf("the event is %+v", e)
		}
	})
}

func TestLock_whatIsSkippedIsSettledAndCounted(t *testing.T) {
	performLocked(t, Lock{Busy: action.Skip}, func(d *desk) {
		d.due(1)
		d.win()
		d.saw("claim 1, event a 1, run a 1")
		d.due(2, 3)
		d.saw("skipped a, skipped a")
		d.end("a", action.Outcome{})
		d.saw("ran a: exited 0, release, 3 is settled")
		d.due(4)
		d.win()
		if e := d.actors["a"].events[0].Detail.(event.Every); e.Due.Unix() != 4 || e.Missed != 2 {
			t.Errorf("the next event is %+v", e)
		}
	})
}

// What others have run while an event waited was not missed, what was skipped here before was.
func TestLock_whatOthersRanWasNotMissed(t *testing.T) {
	since := func(d event.Detail, settled time.Time) event.Detail {
		e := d.(event.Every)
		e.Missed = e.Due.Unix() - settled.Unix() - 1
		return e
	}
	performLocked(t, Lock{Busy: action.Skip, Since: since}, func(d *desk) {
		d.due(1)
		d.win()
		d.due(2, 3)
		d.end("a", action.Outcome{})
		d.due(4, 5, 6, 7)
		if n := d.made.Missed(time.Unix(5, 0)); n != 3 {
			t.Errorf("the event will tell %d missed", n)
		}
		d.decide(link.Grant{Settled: time.Unix(5, 0)})
		if e := d.actors["a"].events[0].Detail.(event.Every); e.Due.Unix() != 7 || e.Missed != 3 {
			t.Errorf("the event is %+v, want 2, 3 and 6 missed", e)
		}
	})
}

func TestLock_restartIsUnderTheLockThatItHas(t *testing.T) {
	for _, policy := range []action.Policy{action.Restart, action.Signal} {
		performLocked(t, Lock{Busy: policy}, func(d *desk) {
			d.emit("a")
			d.win()
			d.saw("claim, event a 1, run a 1")
			d.emit("a")
			d.saw("event a 2, run a 2")
			if l := d.actors["a"].events[1].Lock; l == nil || l.Fence != 7 {
				t.Errorf("the second command has the lock %+v", l)
			}
			d.end("a", action.Outcome{})
			d.saw("ran a: exited 0")
			d.end("a", action.Outcome{})
			d.saw("ran a: exited 0, release")
		})
	}
}

// An instant that has the command restarted is claimed as any other: it may be another's.
func TestLock_instantThatRestartsIsClaimed(t *testing.T) {
	performLocked(t, Lock{Busy: action.Restart}, func(d *desk) {
		d.due(1)
		d.win()
		d.saw("claim 1, event a 1, run a 1")
		d.due(2, 3)
		d.saw("stop what runs of a, skipped a, stop what runs of a")
		d.end("a", action.Outcome{Stopped: true})
		d.saw("ran a: exited 0, release, claim 3")
		d.decide(link.Grant{Outcome: link.Elsewhere})
		d.saw("")
	})
}

func TestLock_instantThatSignalsIsSettled(t *testing.T) {
	performLocked(t, Lock{Busy: action.Signal}, func(d *desk) {
		d.due(1)
		d.win()
		d.due(2)
		d.saw("claim 1, event a 1, run a 1, event a 2, run a 2")
		d.end("a", action.Outcome{})
		d.end("a", action.Outcome{})
		d.saw("ran a: exited 0, ran a: exited 0, release, 2 is settled")
	})
}

func TestLock_dealtWithElsewhere(t *testing.T) {
	performLocked(t, Lock{Busy: action.Queue}, func(d *desk) {
		d.due(1, 2)
		d.decide(link.Grant{Outcome: link.Elsewhere})
		d.saw("claim 1, claim 2")
		d.decide(link.Grant{Outcome: link.Elsewhere})
		d.saw("")
	})
}

func TestLock_whatIsCutOffElsewhereIsRunAgain(t *testing.T) {
	performLocked(t, Lock{Busy: action.Queue, Rerun: true}, func(d *desk) {
		d.due(1)
		d.decide(link.Grant{Outcome: link.Elsewhere})
		d.saw("claim 1 rerun, claim rerun rescue")
		d.due(2) // goes before
		d.saw("cancel rerun rescue, claim 2 rerun")
		d.decide(link.Grant{Outcome: link.Elsewhere})
		d.saw("claim rerun rescue")
		d.decide(link.Grant{Again: true, Due: time.Unix(2, 0).UTC(), Missed: 3})
		d.saw("event a 1, run a 1")
		if e := d.actors["a"].events[0].Detail.(event.Every); e.Due.Unix() != 2 || e.Missed != 3 || e.Schedule != "again" {
			t.Errorf("the event is %+v", e)
		}
		d.heard("ev: a: the lock the-lock: the run for 1970-01-01T00:00:02Z was cut off in another ev, and is repeated here\n")
		d.end("a", action.Outcome{})
		d.saw("ran a: exited 0, release")
	})
}

func TestLock_nothingToRescue(t *testing.T) {
	performLocked(t, Lock{Busy: action.Queue, Rerun: true}, func(d *desk) {
		d.due(1)
		d.decide(link.Grant{Outcome: link.Elsewhere})
		d.decide(link.Grant{Outcome: link.Elsewhere})
		d.saw("claim 1 rerun, claim rerun rescue")
		d.on(d.props["a"].Stop)
		d.saw("stop a")
		d.ended(End{})
	})
}

// Nothing is rescued by what is stopped, and once it is started again it may be.
func TestLock_noRescueWhileStopped(t *testing.T) {
	performLocked(t, Lock{Busy: action.Queue, Rerun: true}, func(d *desk) {
		d.due(1)
		d.decide(link.Grant{Outcome: link.Elsewhere})
		d.saw("claim 1 rerun, claim rerun rescue")
		w := d.Watchers()[0]
		d.on(w.Stop)
		d.saw("stop a, cancel rerun rescue")
		d.on(func() {
			if err := w.Start(); err != nil {
				t.Error(err)
			}
		})
		d.saw("start a, claim rerun rescue")
	})
}

// What waits does not happen after a stop, and what comes after a start does.
func TestLock_whatWaitsIsGivenUpByAStop(t *testing.T) {
	performLocked(t, Lock{Busy: action.Queue}, func(d *desk) {
		d.props["a"].detail = letter{stage: d.stage}
		d.emit("a", "a")
		w := d.Watchers()[0]
		d.on(w.Stop)
		d.saw("claim, stop a, cancel, refused, refused")
		d.heard("ev: a: the lock the-lock: nothing is run for 2 events that waited for it\n")
		d.lives()
		d.on(func() {
			if err := w.Start(); err != nil {
				t.Error(err)
			}
		})
		d.emit("a")
		d.win()
		d.saw("start a, claim, event a 1, run a 1")
		d.end("a", action.Outcome{})
		d.on(d.props["a"].Stop) // by itself: its last event waits
	})
}

// A watcher that has come to its end by itself has not, as long as its event waits.
func TestLock_theLastEventIsGivenUpByAStop(t *testing.T) {
	performLocked(t, Lock{Busy: action.Queue}, func(d *desk) {
		d.emit("a")
		d.on(d.props["a"].Stop)
		w := d.Watchers()[0]
		d.on(w.Stop)
		d.on(w.Stop)
		d.saw("claim, stop a, cancel")
		d.lives() // it may be started again
		d.on(w.release)
		d.ended(End{})
	})
}

// Once --count is reached no instant is claimed, since no run would come of it.
func TestLock_nothingIsClaimedInVain(t *testing.T) {
	performLocked(t, Lock{Busy: action.Queue}, func(d *desk) {
		d.props["a"].detail = letter{stage: d.stage}
		d.emit("a", "a")
		d.win()
		d.saw("claim, stop a, event a 1, run a 1, refused")
		d.end("a", action.Outcome{})
		d.ended(End{Why: CommandEnded})
	}, func(b *Binding) { b.Count = 1 })
}

func TestLock_anothersIsSkipped(t *testing.T) {
	performLocked(t, Lock{Busy: action.Skip}, func(d *desk) {
		d.props["a"].detail = letter{stage: d.stage}
		d.emit("a")
		d.saw("claim skip")
		d.decide(link.Grant{Outcome: link.Busy, Holder: "there"})
		d.saw("left out, skipped a")
	})
}

func TestLock_fails(t *testing.T) {
	broken := errors.New("no such server")
	performLocked(t, Lock{Busy: action.Queue}, func(d *desk) {
		d.props["a"].detail = letter{stage: d.stage}
		d.emit("a", "a")
		d.decide(link.Grant{Outcome: link.Failed, Err: broken})
		d.saw("claim, stop a, refused, refused")
		d.heard("ev: a: the lock the-lock: no such server\n" +
			"ev: a: the lock the-lock: nothing is run for 2 events that waited for it\n")
		d.ended(End{Why: Failed})
	})
}

func TestLock_isClaimedAnewAfterAFailure(t *testing.T) {
	performLocked(t, Lock{Busy: action.Queue}, func(d *desk) {
		d.loop.Ref() // another watcher's
		d.due(1)
		d.decide(link.Grant{Outcome: link.Failed, Err: errors.New("refused")})
		d.due(2)
		d.saw("claim 1, stop a")
		d.on(func() {
			if err := d.Watchers()[0].Start(); err != nil {
				t.Error(err)
			}
		})
		d.due(3)
		d.saw("start a, claim 3")
		d.loop.Unref()
	})
}

func TestLock_aClockThatIsAheadIsNoEnd(t *testing.T) {
	performLocked(t, Lock{Busy: action.Queue, Rerun: true}, func(d *desk) {
		d.due(1)
		d.decide(link.Grant{Outcome: link.Failed, Err: link.ErrClock})
		d.saw("claim 1 rerun")
		d.due(2)
		d.decide(link.Grant{Outcome: link.Elsewhere})
		d.decide(link.Grant{Outcome: link.Failed, Err: link.ErrClock}) // of the rescue
		d.saw("claim 2 rerun, claim rerun rescue")
		d.due(3)
		d.win()
		d.saw("claim 3 rerun, event a 1, run a 1")
	})
}

func TestLock_lost(t *testing.T) {
	performLocked(t, Lock{Busy: action.Queue}, func(d *desk) {
		d.due(1, 2)
		first := d.open[0].Lost
		d.win()
		d.saw("claim 1, event a 1, run a 1")
		d.on(func() { first(time.Second) })
		d.saw("abandon a, 1s left")
		d.heard("ev: a: the lock the-lock can't be kept: its command is stopped\n")
		d.end("a", action.Outcome{Stopped: true})
		d.win()
		d.log = nil
		d.on(func() { first(time.Second) }) // the second run has a lock of its own
		d.saw("")
	})
}

// What waits for the lock keeps ev alive, and is dropped when ev is told to end.
func TestLock_waitingHoldsTheLoop(t *testing.T) {
	performLocked(t, Lock{Busy: action.Queue}, func(d *desk) {
		d.due(1)
		d.on(d.props["a"].Stop)
		d.lives()
		d.win()
		d.end("a", action.Outcome{})
		d.ended(End{})
	})
}

func TestLock_theEnd(t *testing.T) {
	performLocked(t, Lock{Busy: action.Queue}, func(d *desk) {
		d.props["a"].detail = letter{stage: d.stage}
		d.emit("a", "a")
		d.win()
		d.saw("claim, event a 1, run a 1")
		d.signal(syscall.SIGTERM)
		d.saw("stop a, refused, close a")
		d.end("a", action.Outcome{Stopped: true})
		d.saw("ran a: exited 0, release")
		d.ended(End{Why: Signalled, Signal: syscall.SIGTERM})
	})
}
