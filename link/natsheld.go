package link

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// A held is a lock that this ev has won: its lease is renewed each quarter.
type held struct {
	keeper *keeper
	claim  Claim
	mu     sync.Mutex // held while a renewal is under way
	rec    record
	rev    uint64
	sent   time.Time // the last renewal that was confirmed
	lost   bool
	end    func() // the renewing
}

// won makes the grant, and begins to renew its lease.
func (k *keeper) won(c Claim, before, r record, rev uint64, sent time.Time) *Grant {
	ctx, cancel := context.WithCancel(k.link.ctx)
	h := &held{keeper: k, claim: c, rec: r, rev: rev, sent: sent, end: cancel}
	k.link.goes(func() { h.keep(ctx) })
	return &Grant{
		Outcome: Won, Due: r.At, Settled: before.Due[c.Label], Again: before.cutOff(c), Missed: r.Missed, Fence: rev, Holder: r.Holder,
		fresh: h.fresh,
		renew: func(then func(bool)) {
			k.link.goes(func() { then(h.renew(k.link.ctx) == nil && h.fresh()) })
		},
		Released: func(settled time.Time) { h.giveBack(h.rec.released(settled)) },
		undo:     func() { h.giveBack(h.rec.undone(before, c)) },
	}
}

// fresh reports whether there is time enough to begin something.
func (h *held) fresh() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !h.lost && time.Since(h.sent) < h.claim.Lease/2
}

// keep renews the lease until the lock is given back, or lost: others have it, or may soon.
func (h *held) keep(ctx context.Context) {
	lease := h.claim.Lease
	pause := lease / 4
	for {
		wait(ctx, pause)
		if ctx.Err() != nil {
			return
		}
		err := h.renew(ctx)
		h.mu.Lock()
		gone := time.Since(h.sent)
		h.lost = errors.Is(err, errConflict) || err != nil && gone >= lease*3/4
		lost := h.lost
		h.mu.Unlock()
		switch {
		case ctx.Err() != nil:
			return
		case lost:
			left := max(lease-gone, 0)
			if errors.Is(err, errConflict) {
				left = 0
			}
			if h.claim.Lost != nil {
				h.keeper.link.post(func() { h.claim.Lost(left) })
			}
			return
		case err != nil:
			pause = min(retryIn, lease/16)
		default:
			pause = lease / 4
		}
	}
}

// renew writes the record once more. What has no answer is looked up.
func (h *held) renew(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	// A renewal that comes too late is no use, and has to be known by then.
	ctx, cancel := context.WithDeadline(ctx, h.sent.Add(max(h.claim.Lease*3/4, time.Since(h.sent)+answerIn/4)))
	defer cancel()
	sent := time.Now()
	rev, err := h.keeper.store(ctx, h.rec, h.rev)
	if err != nil {
		var r record
		now, r, failed := h.keeper.load(ctx)
		switch {
		case failed != nil:
			return err
		case r.Token != h.rec.Token || !r.Running:
			return errConflict
		case now == h.rev: // it has not come, or not yet
			return fmt.Errorf("not renewed: %v", err) //nolint:errorlint // what looks like a conflict is none
		}
		rev = now
	}
	h.rev, h.sent = rev, sent
	h.keeper.see(rev, h.rec)
	return nil
}

// giveBack gives the lock back, for as long as it is ours, with what the record is after that.
func (h *held) giveBack(r record) {
	h.end()
	k := h.keeper
	k.link.goes(func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		ctx, cancel := context.WithDeadline(context.Background(), h.sent.Add(h.claim.Lease))
		defer cancel()
		for !h.lost && ctx.Err() == nil {
			rev, err := k.store(ctx, r, h.rev)
			if err == nil {
				k.tell(rev, r)
				return
			}
			now, seen, failed := k.load(ctx)
			if failed == nil && seen.Token == r.Token && seen.Running {
				h.rev = now
			} else if failed == nil {
				return // given back, or another's
			}
			wait(ctx, retryIn)
		}
	})
}
