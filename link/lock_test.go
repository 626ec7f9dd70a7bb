package link_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/evshell/ev/internal/natstest"
	"github.com/evshell/ev/link"
)

func epoch() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

func instant(i int) time.Time { return epoch().Add(time.Duration(i) * time.Minute) }

// Of many hosts one runs each instant, and no two run at once.
func TestLock_eachInstantOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, url string) {
		t.Helper()
		const hosts = 20
		ticks := 300
		if !strings.HasPrefix(url, "file:") {
			ticks = 60
		}
		ran := make([]atomic.Int32, ticks+1)
		var running, overlaps, fence atomic.Int64
		var all sync.WaitGroup
		for i := range hosts {
			h := newHost(t, fmt.Sprintf("host%d", i), url)
			all.Go(func() {
				for tick := 1; tick <= ticks; tick++ {
					g := h.claim(link.Claim{Lock: "job", Label: "job", Due: instant(tick)})
					switch g.Outcome {
					case link.Won:
						ran[tick].Add(1)
						if running.Add(1) > 1 {
							overlaps.Add(1)
						}
						if last := fence.Swap(int64(g.Fence)); last >= int64(g.Fence) {
							t.Errorf("fence %d after %d", g.Fence, last)
						}
						running.Add(-1)
						g.Release(time.Time{})
					case link.Elsewhere:
					default:
						t.Errorf("tick %d: %v, %v", tick, g.Outcome, g.Err)
						return
					}
				}
			})
		}
		all.Wait()
		for tick := 1; tick <= ticks; tick++ {
			// One that is behind others finds the instants after its own dealt with.
			if n := ran[tick].Load(); n > 1 {
				t.Errorf("instant %d ran %d times", tick, n)
			}
		}
		if n := ran[ticks].Load(); n != 1 {
			t.Errorf("the last instant ran %d times", n)
		}
		if n := overlaps.Load(); n > 0 {
			t.Errorf("%d overlaps", n)
		}
	})
}

func TestLock_waitsSkipsAndRemembers(t *testing.T) {
	everywhere(t, func(t *testing.T, url string) {
		t.Helper()
		a, b := newHost(t, "a", url), newHost(t, "b", url)
		first := a.claim(link.Claim{Lock: "docs"})
		if first.Outcome != link.Won || !strings.HasPrefix(first.Holder, "a/") {
			t.Fatalf("%+v", first)
		}
		if g := b.claim(link.Claim{Lock: "docs", Skip: true}); g.Outcome != link.Busy || g.Holder != first.Holder {
			t.Errorf("of a lock that is held: %+v", g)
		}
		if g := b.claim(link.Claim{Lock: "other"}); g.Outcome != link.Won {
			t.Errorf("of another lock: %+v", g)
		}
		got := make(chan *link.Grant, 1)
		b.Claim(link.Claim{Lock: "docs", Lease: 10 * time.Second}, func(g *link.Grant) { got <- g })
		first.Release(time.Time{})
		second := receive(t, got)
		if second.Outcome != link.Won || second.Fence <= first.Fence {
			t.Errorf("after the release: %+v, the fence was %d", second, first.Fence)
		}
		second.Release(time.Time{})

		g := a.claim(link.Claim{Lock: "docs", Label: "x", Due: instant(5)})
		g.Release(instant(7)) // two more were skipped meanwhile
		if g := b.claim(link.Claim{Lock: "docs", Label: "x", Due: instant(7)}); g.Outcome != link.Elsewhere {
			t.Errorf("of an instant that was dealt with: %+v", g)
		}
		settled := make(chan time.Time, 1)
		b.Settled("docs", "x", func(at time.Time, err error) {
			if err != nil {
				t.Error(err)
			}
			settled <- at
		})
		if at := receive(t, settled); !at.Equal(instant(7)) {
			t.Errorf("settled up to %v", at)
		}
		if g := b.claim(link.Claim{Lock: "docs", Label: "y", Due: instant(7)}); g.Outcome != link.Won {
			t.Errorf("of the same instant of another label: %+v", g)
		}
	})
}

// What was cut off is run again only if that is asked for.
func TestLock_cutOff(t *testing.T) {
	everywhere(t, func(t *testing.T, url string) {
		t.Helper()
		for _, rerun := range []bool{false, true} {
			lock := fmt.Sprint("cut-", rerun)
			claim := link.Claim{Lock: lock, Label: "job", Due: instant(1), Lease: 400 * time.Millisecond, Rerun: rerun}
			claim.Missed = func(settled time.Time) int64 {
				if !settled.IsZero() {
					t.Errorf("settled up to %v before the first run", settled)
				}
				return 3
			}
			a, b := newHost(t, "a", url), newHost(t, "b", url)
			g := a.claim(claim)
			if g.Outcome != link.Won || g.Again {
				t.Fatalf("%+v", g)
			}
			a.die(g)
			claim.Missed = func(settled time.Time) int64 {
				if !settled.Equal(instant(1)) {
					t.Errorf("settled up to %v after it", settled)
				}
				return 5
			}
			if rerun {
				rescue := claim
				rescue.Due, rescue.Rescue = time.Time{}, true
				g = b.claim(rescue)
				if g.Outcome != link.Won || !g.Again || !g.Due.Equal(instant(1)) || g.Missed != 3 {
					t.Errorf("the rescue: %+v", g)
				}
				g.Release(time.Time{})
				if g = b.claim(rescue); g.Outcome != link.Elsewhere {
					t.Errorf("a rescue of nothing: %+v", g)
				}
			} else if g = b.claim(claim); g.Outcome != link.Elsewhere {
				t.Errorf("the same instant: %+v", g)
			}
			claim.Due = instant(2)
			if g = b.claim(claim); g.Outcome != link.Won || g.Again || !g.Due.Equal(instant(2)) || g.Missed != 5 {
				t.Errorf("the next instant: %+v", g)
			}
		}
	})
}

// die is what a kill of the host does: nothing is given back.
func (h *host) die(g *link.Grant) {
	if g.File != nil {
		_ = g.File.Close()
	}
	h.close()
}

// A claim that is cancelled gives back what it may get.
func TestLock_cancelled(t *testing.T) {
	everywhere(t, func(t *testing.T, url string) {
		t.Helper()
		a, b := newHost(t, "a", url), newHost(t, "b", url)
		g := a.claim(link.Claim{Lock: "docs"})
		cancel := b.Claim(link.Claim{Lock: "docs", Lease: time.Second}, func(g *link.Grant) { t.Errorf("told: %+v", g) })
		cancel()
		g.Release(time.Time{})
		if g := a.claim(link.Claim{Lock: "docs"}); g.Outcome != link.Won {
			t.Errorf("%+v", g)
		}
	})
}

// A claim that is cancelled just when it is won has dealt with nothing: neither with its instant nor
// with what was cut off before.
func TestLock_cancelledWhenItIsWon(t *testing.T) {
	everywhere(t, func(t *testing.T, url string) {
		t.Helper()
		a, b, c := newHost(t, "a", url), newHost(t, "b", url), newHost(t, "c", url)
		claim := link.Claim{Lock: "job", Label: "job", Due: instant(1), Lease: time.Second, Rerun: true}
		if err := c.check(link.Need{Locks: []string{"job"}}); err != nil {
			t.Fatal(err)
		}
		cancelled := func(what link.Claim) {
			t.Helper()
			var goOn sync.WaitGroup
			goOn.Add(1)
			b.posts <- goOn.Wait
			cancel := b.Claim(what, func(g *link.Grant) { t.Errorf("told: %+v", g) })
			for !strings.HasPrefix(c.LockState("job").Holder, "b/") {
				runtime.Gosched()
			}
			cancel()
			goOn.Done()
		}
		cancelled(claim)
		g := a.claim(claim)
		if g.Outcome != link.Won || !g.Due.Equal(instant(1)) || g.Again {
			t.Errorf("the instant: %+v", g)
		}
		a.die(g)
		claim.Due, claim.Rescue = time.Time{}, true
		cancelled(claim)
		if g = c.claim(claim); g.Outcome != link.Won || !g.Due.Equal(instant(1)) || !g.Again {
			t.Errorf("what was cut off: %+v", g)
		}
	})
}

// A claim whose answer is lost is resolved by looking at the record.
func TestLock_unanswered(t *testing.T) {
	var lost atomic.Int32
	s := fake(t, func(s *natstest.Server) {
		s.Mute = func(subject string) bool { return strings.HasPrefix(subject, "_EV.lock.") && lost.Add(1) <= 2 }
	})
	h := newHost(t, "a", s.URL())
	g := h.claim(link.Claim{Lock: "job", Label: "job", Due: instant(1), Lease: time.Minute})
	if g.Outcome != link.Won || lost.Load() < 1 {
		t.Errorf("%+v after %d lost answers", g, lost.Load())
	}
}

// So is one of what was cut off: it is known to be a repetition.
func TestLock_unansweredRepetition(t *testing.T) {
	var mute atomic.Bool
	s := fake(t, func(s *natstest.Server) {
		s.Mute = func(subject string) bool {
			return strings.HasPrefix(subject, "_EV.lock.") && mute.CompareAndSwap(true, false)
		}
	})
	a, b := newHost(t, "a", s.URL()), newHost(t, "b", s.URL())
	claim := link.Claim{Lock: "job", Label: "job", Due: instant(1), Lease: time.Second, Rerun: true}
	a.die(a.claim(claim))
	mute.Store(true)
	claim.Lease = time.Minute
	claim.Due, claim.Rescue = time.Time{}, true
	if g := b.claim(claim); g.Outcome != link.Won || !g.Again || !g.Due.Equal(instant(1)) || mute.Load() {
		t.Errorf("%+v", g)
	}
}

// A holder that can't renew its lease is told before another one gets the lock.
func TestLock_lostBeforeItIsTaken(t *testing.T) {
	s := fake(t)
	a, b := newHost(t, "a", s.URL()), newHost(t, "b", s.URL())
	lost := make(chan time.Duration, 1)
	claim := link.Claim{Lock: "job", Lease: time.Second}
	mine := claim
	mine.Lost = func(left time.Duration) { lost <- left }
	if g := a.claim(mine); g.Outcome != link.Won {
		t.Fatalf("%+v", g)
	}
	taken := make(chan *link.Grant, 1)
	b.Claim(claim, func(g *link.Grant) { taken <- g })
	s.Stop()
	if left := receive(t, lost); left <= 0 || left > claim.Lease/4 {
		t.Errorf("told with %v left", left)
	}
	select {
	case g := <-taken:
		t.Errorf("taken before it was lost: %+v", g)
	default:
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	if g := receive(t, taken); g.Outcome != link.Won {
		t.Errorf("%+v", g)
	}
}

// The holder that a server has, once it has lost all that it had stored, is waited for as any other.
func TestLock_serverWiped(t *testing.T) {
	s := fake(t)
	a, b := newHost(t, "a", s.URL()), newHost(t, "b", s.URL())
	for range 3 {
		b.claim(link.Claim{Lock: "job"}).Release(time.Time{})
	}
	s.Stop()
	s.Wipe()
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	claim := link.Claim{Lock: "job", Lease: time.Second}
	a.die(a.claim(claim))
	if g := b.claim(claim); g.Outcome != link.Won {
		t.Errorf("%+v", g)
	}
}

func TestLock_serverTooOld(t *testing.T) {
	refused := func(t *testing.T, url string) {
		t.Helper()
		g := newHost(t, "a", url).claim(link.Claim{Lock: "job"})
		if g.Outcome != link.Failed || !strings.Contains(g.Err.Error(), "is too old") {
			t.Errorf("%v, %v", g.Outcome, g.Err)
		}
	}
	t.Run("fake", func(t *testing.T) {
		refused(t, fake(t, func(s *natstest.Server) { s.Version, s.Cluster = "2.9.10", "c" }).URL())
	})
	t.Run("nats-server", func(t *testing.T) {
		if oldServer() == "" {
			t.Skip("EV_NATS_SERVER_OLD names no nats-server 2.9: .ci/run --long does")
		}
		refused(t, natsServers(t, oldServer(), 3))
	})
}

func TestLock_clockAhead(t *testing.T) {
	for _, tt := range []struct {
		ahead   time.Duration
		outcome link.Outcome
		says    string
	}{
		{0, link.Won, ""},
		{time.Minute, link.Won, "clock is 1m ahead"},
		{time.Hour, link.Failed, "ahead of the server's by 1h"},
	} {
		s := fake(t, func(s *natstest.Server) { s.Ahead = -tt.ahead })
		h := newHost(t, "a", s.URL())
		g := h.claim(link.Claim{Lock: "job", Label: "job", Due: time.Now()})
		said := h.said.String()
		if g.Err != nil {
			said = g.Err.Error()
		}
		if g.Outcome != tt.outcome || !strings.Contains(said, tt.says) || tt.says == "" && strings.Contains(said, "clock") {
			t.Errorf("%v ahead: %v, it says %q", tt.ahead, g.Outcome, said)
		}
	}
}

// Who has a lock is known to the others, also when that one has died and says nothing.
func TestLockState(t *testing.T) {
	everywhere(t, func(t *testing.T, url string) {
		t.Helper()
		a, b := newHost(t, "a", url), newHost(t, "b", url)
		if err := errors.Join(a.check(link.Need{Locks: []string{"job"}}), b.check(link.Need{Locks: []string{"job"}})); err != nil {
			t.Fatal(err)
		}
		await := func(holder string) {
			t.Helper()
			for {
				s := b.LockState("job")
				if s.Known && strings.HasPrefix(s.Holder, holder) && (holder == "") == (s.Holder == "") {
					if s.Since.IsZero() != (holder == "") {
						t.Errorf("%+v", s)
					}
					return
				}
			}
		}
		await("")
		g := a.claim(link.Claim{Lock: "job", Lease: time.Second})
		await("a/")
		g.Release(time.Time{})
		await("")
		g = a.claim(link.Claim{Lock: "job", Lease: time.Second})
		await("a/")
		if g.File != nil {
			_ = g.File.Close() // the kernel has the lock go with the process
		}
		a.close()
		await("")
	})
}
