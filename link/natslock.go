package link

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// A keeper is what this ev knows of one lock.
//
// No clock but its own monotonic one says when a lease is over: a record that has not changed for
// as long as its lease, since this ev has first seen it, is one whose holder is silent. The holder,
// which renews it, counts from the moment at which it sent its last renewal that was confirmed, and
// so is always the first to know.
type keeper struct {
	link    *natsLink
	lock    string
	subject string

	mu     sync.Mutex
	rev    uint64
	rec    record
	since  time.Time // when rev was first seen
	asked  time.Time // when the record was, last
	glance glance
	told   chan struct{} // closed at the next notice
	spread time.Duration // a claim waits a random time up to this
	sub    *nats.Subscription
}

// A notice is what the winner of a lock tells the others, so that they need not try.
type notice struct {
	Rev    uint64 `json:"rev"`
	Record record `json:"record"`
}

const (
	firstSpread = 4 * time.Millisecond
	maxSpread   = 4 * time.Second
	lateNotice  = 50 * time.Millisecond // after the instant
)

func (l *natsLink) keeper(lock string) *keeper {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := l.locks[lock]
	if k == nil {
		name := FileName(lock)
		k = &keeper{link: l, lock: lock, subject: lockSubjects + name, told: make(chan struct{})}
		l.locks[lock] = k
	}
	return k
}

// listen subscribes to the notices, once.
func (k *keeper) listen() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.sub == nil {
		k.sub, _ = k.link.nc.Subscribe(k.notices(), func(m *nats.Msg) {
			var n notice
			if json.Unmarshal(m.Data, &n) == nil {
				k.see(n.Rev, n.Record)
			}
		})
	}
}

func (k *keeper) notices() string { return noticePrefix + k.subject[len(lockSubjects):] }

// see takes what the record is, or was.
func (k *keeper) see(rev uint64, r record) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if rev <= k.rev {
		return
	}
	k.rev, k.rec, k.since = rev, r, time.Now()
	close(k.told)
	k.told = make(chan struct{})
}

// tell tells the others.
func (k *keeper) tell(rev uint64, r record) {
	k.see(rev, r)
	text, _ := json.Marshal(notice{rev, r})
	_ = k.link.nc.Publish(k.notices(), text)
}

// load asks for the record; revision 0 is that there is none.
func (k *keeper) load(ctx context.Context) (uint64, record, error) {
	var a struct {
		Message struct {
			Seq  uint64 `json:"seq"`
			Data []byte `json:"data"`
		} `json:"message"`
	}
	k.mu.Lock()
	before := k.rev
	k.mu.Unlock()
	err := k.link.api(ctx, "STREAM.MSG.GET."+locksStream, map[string]string{"last_by_subj": k.subject}, &a)
	switch {
	case isAPI(err, errNoMessage):
		k.learn(before, 0, record{})
		return 0, record{}, nil
	case err != nil:
		return 0, record{}, k.link.notYet(locksStream, err)
	}
	r, err := parseRecord(a.Message.Data)
	if err != nil {
		return 0, r, faultf("the record of the lock %s is damaged: remove it: nats stream purge %s --subject '%s'", k.lock, locksStream, k.subject)
	}
	k.learn(before, a.Message.Seq, r)
	return a.Message.Seq, r, nil
}

// learn takes what the server has said that the record is, asked when before was the last revision
// that this ev knew of. A server that says less has lost what it had.
func (k *keeper) learn(before, rev uint64, r record) {
	k.mu.Lock()
	k.asked = time.Now()
	if rev < before && k.rev == before {
		k.rev, k.rec = 0, record{}
	}
	k.mu.Unlock()
	k.see(rev, r)
}

var errConflict = errors.New("another ev was faster")

// store replaces the record that has a revision.
func (k *keeper) store(ctx context.Context, r record, rev uint64) (uint64, error) {
	m := nats.NewMsg(k.subject)
	m.Data = r.encode()
	m.Header.Set("Nats-Expected-Last-Subject-Sequence", strconv.FormatUint(rev, 10))
	reply, err := k.link.request(ctx, m)
	if err != nil {
		return 0, err
	}
	var a struct {
		Seq uint64 `json:"seq"`
	}
	err = readAnswer(reply.Data, &a)
	if isAPI(err, errWrongSequence, errWrongSequence2) {
		return 0, errConflict
	}
	return a.Seq, err
}

// Claim tries until the claim is won, or lost.
func (l *natsLink) Claim(c Claim, then func(*Grant)) (cancel func()) {
	ctx, stop := context.WithCancel(l.ctx)
	checked := l.checks()
	l.goes(func() {
		await(ctx, checked)
		l.deliver(ctx, c, l.keeper(c.Lock).claim(ctx, c), func(g *Grant) {
			stop()
			then(g)
		})
	})
	return stop
}

// deliver tells of a grant, on the loop. One that has become old meanwhile, since the loop or this
// machine stood still, is renewed first: others may have the lock by now. Then it is claimed anew.
func (l *natsLink) deliver(ctx context.Context, c Claim, g *Grant, then func(*Grant)) {
	l.o.Post(func() {
		switch {
		case ctx.Err() != nil:
			if g.undo != nil {
				g.undo()
			}
		case g.fresh == nil || g.fresh():
			then(g)
		default:
			g.renew(func(still bool) {
				if !still {
					g.undo()
					g = l.keeper(c.Lock).claim(ctx, c)
				}
				l.deliver(ctx, c, g, then)
			})
		}
	})
}

func (k *keeper) claim(ctx context.Context, c Claim) *Grant {
	fail := func(err error) *Grant { return &Grant{Outcome: Failed, Err: err} }
	l := k.link
	token := rand.Text()
	var sent time.Time // the first try
	var before record  // that the last one was to replace
	for {
		if err := l.ready(ctx); err != nil {
			if !sent.IsZero() {
				return k.abandoned(c, token, before, sent)
			}
			return fail(err)
		}
		k.listen()
		if k.pause(ctx, c) {
			return &Grant{Outcome: Elsewhere}
		}
		err := l.ensure(ctx, locksStream)
		if err == nil && !c.Due.IsZero() {
			err = l.tooFarAhead(ctx)
		}
		var rev uint64
		var r record
		if err == nil {
			rev, r, err = k.load(ctx)
		}
		if err != nil {
			if !passes(err) {
				return fail(err)
			}
			wait(ctx, retryIn)
			continue
		}
		if r.Token == token && r.Running { // a try that had no answer
			return k.won(c, before, r, rev, sent)
		}
		switch left := k.left(rev, r); {
		case !r.cutOff(c) && (r.dealtWith(c) || c.Rescue):
			return &Grant{Outcome: Elsewhere}
		case left > 0 && c.Skip:
			return &Grant{Outcome: Busy, Holder: r.Holder}
		case left > 0:
			k.await(ctx, rev, left)
			continue
		case r.Running:
			l.o.Report.Noticef("the lock %s: %s has not been heard of for %v: its run is over", k.lock, r.Holder, r.Lease)
		}
		n := r.taken(c, l.holder())
		n.Token = token
		if before = r; sent.IsZero() {
			sent = time.Now()
		}
		switch rev, err = k.store(l.ctx, n, rev); {
		case err == nil:
			k.tell(rev, n)
			return k.won(c, before, n, rev, sent)
		case errors.Is(err, errConflict):
			k.lose()
		case !passes(err):
			return fail(err)
		default: // lost, or not: the next look tells
			wait(ctx, retryIn)
		}
	}
}

// abandoned is for a claim that is cancelled while a try of it has no answer: what it has won is to
// be given back.
func (k *keeper) abandoned(c Claim, token string, before record, sent time.Time) *Grant {
	rev, r, err := k.load(k.link.ctx)
	if err == nil && r.Token == token && r.Running {
		return k.won(c, before, r, rev, sent)
	}
	return &Grant{Outcome: Failed, Err: errors.Join(err, context.Canceled)}
}

func (l *natsLink) holder() string { return fmt.Sprintf("%s/%d", l.o.Host, os.Getpid()) }

// pause lets a random time pass before a try, and reports whether none is needed any more: the more
// hosts there are, the longer it is, so that a few of them try.
func (k *keeper) pause(ctx context.Context, c Claim) bool {
	k.mu.Lock()
	spread := k.spread
	k.mu.Unlock()
	var over <-chan time.Time
	if spread > 0 {
		t := time.NewTimer(mathrand.N(spread))
		defer t.Stop()
		over = t.C
	}
	for {
		k.mu.Lock()
		told, done := k.told, k.rec.dealtWith(c) && !k.rec.cutOff(c)
		if done && time.Since(c.Due) > lateNotice {
			k.spread /= 2
		}
		k.mu.Unlock()
		if done || over == nil || ctx.Err() != nil {
			return done
		}
		select {
		case <-told:
		case <-over:
			over = nil
		case <-ctx.Done():
		}
	}
}

// lose notes that there are others.
func (k *keeper) lose() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.spread = min(max(2*k.spread, firstSpread), maxSpread)
}

// left is how long the holder of a record has still to be waited for.
func (k *keeper) left(rev uint64, r record) time.Duration {
	if !r.Running {
		return 0
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if rev != k.rev {
		return r.Lease // it has changed meanwhile
	}
	return r.Lease - time.Since(k.since)
}

// await waits for the end of a lease, or for news.
func (k *keeper) await(ctx context.Context, rev uint64, left time.Duration) {
	k.mu.Lock()
	told, news := k.told, k.rev != rev
	k.mu.Unlock()
	if news {
		return
	}
	t := time.NewTimer(left)
	defer t.Stop()
	select {
	case <-told:
	case <-t.C:
	case <-ctx.Done():
	}
}

// Settled asks for the record until there is an answer.
func (l *natsLink) Settled(lock, label string, then func(time.Time, error)) {
	checked := l.checks()
	l.goes(func() {
		await(l.ctx, checked)
		var r record
		err := l.onStream(l.ctx, locksStream, func() (err error) {
			_, r, err = l.keeper(lock).load(l.ctx)
			return err
		})
		l.post(func() { then(r.Due[label], err) })
	})
}

// LockState is what this ev has heard of a lock. A record that has not changed for as long as its
// lease is one whose holder is no more; renewals are heard of only if one asks.
func (l *natsLink) LockState(lock string) LockState {
	k := l.keeper(lock)
	if l.State().Connected {
		k.glance.look(l.goes, func() {
			k.listen()
			_, _, _ = k.load(l.ctx)
		})
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	s := LockState{Known: !k.asked.IsZero()}
	if k.rec.Running && k.asked.Sub(k.since) < k.rec.Lease {
		s.Holder, s.Since = k.rec.Holder, k.rec.Since
	}
	return s
}
