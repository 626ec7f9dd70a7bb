package link

import (
	"context"
	"encoding/json"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/evshell/ev/internal/durable"
)

// A cursor is what a host has dealt with of a stream, in a file of its own: the server knows
// nothing of it, however many hosts there are.
type cursor struct {
	Seq     uint64 `json:"seq"`
	Attempt int    `json:"attempt,omitempty"` // of the message after it
	// Created is when the stream was: one that was made anew has other messages.
	Created time.Time `json:"created,omitzero"`
}

// When it is looked once more whether there is something new, after the server has come: a cluster
// may take so long to tell all its servers who subscribes to what.
const (
	firstLook = 250 * time.Millisecond
	lastLook  = 4 * time.Second // four times as long each time
)

type storedMessage struct {
	Message struct {
		Subject string    `json:"subject"`
		Seq     uint64    `json:"seq"`
		Data    []byte    `json:"data"`
		Time    time.Time `json:"time"`
	} `json:"message"`
}

// follow delivers what is stored after the cursor, one after the other. That something new is there
// it learns as any subscriber does. What it was not told, since the server was away or did not yet
// know that of the sender, it finds when it looks: whenever the server is there again, a few times
// soon after that, and now and then.
func (c *natsConsumer) follow(stream string, filters []string, joined func()) error {
	l := c.link
	path := l.stateFile("cursor", c.group+"."+FileName(stream))
	at, err := c.openCursor(path, stream)
	if err != nil {
		return err
	}
	joined()
	news := make(chan struct{}, 1)
	for _, f := range filters {
		sub, err := l.nc.Subscribe(f, func(*nats.Msg) {
			select {
			case news <- struct{}{}:
			default:
			}
		})
		if err != nil {
			return err
		}
		defer func() { _ = sub.Unsubscribe() }()
	}
	pulse := l.pulse(c.ctx, heartbeat)
	lost, soon := l.lost(), firstLook
	for anew := false; c.ctx.Err() == nil; {
		if anew {
			if at, err = c.sameStream(path, stream, at); err != nil {
				return err
			}
			anew = false
		}
		var m *storedMessage
		if err := l.onStream(c.ctx, stream, func() (err error) { m, err = c.next(stream, filters, at.Seq+1); return err }); err != nil {
			return err
		}
		if m == nil {
			var again <-chan time.Time
			if soon <= lastLook {
				again = time.After(soon)
			}
			select {
			case <-news:
			case <-again:
				soon *= 4
			case <-pulse:
				anew = true
			case <-lost:
				lost, soon, anew = l.lost(), firstLook, true
			case <-c.ctx.Done():
			}
			continue
		}
		if err := c.single(path, &at, m); err != nil {
			return err
		}
	}
	return nil
}

// openCursor reads the cursor, or makes it where a new group begins.
func (c *natsConsumer) openCursor(path, stream string) (at cursor, err error) {
	text, err := readFile(path)
	if err == nil && text != nil {
		err = json.Unmarshal(text, &at)
	}
	if err != nil {
		return at, faultf("%s can't be read: %v: remove it to begin anew with what comes", path, err)
	}
	if text != nil {
		return c.sameStream(path, stream, at)
	}
	s, err := c.streamState(stream)
	if err != nil {
		return at, err
	}
	at.Created = s.Created
	switch {
	case c.o.From.All:
	case !c.o.From.Time.IsZero():
		if at.Seq, err = c.before(stream, s, c.o.From.Time); err != nil {
			return at, err
		}
	default:
		at.Seq = s.State.Last
	}
	return at, at.save(path)
}

// sameStream has the cursor begin anew if the stream is not the one that it is of.
func (c *natsConsumer) sameStream(path, stream string, at cursor) (cursor, error) {
	s, err := c.streamState(stream)
	if err != nil {
		return at, err
	}
	other := !at.Created.IsZero() && !at.Created.Equal(s.Created)
	if at.Created = s.Created; !other && at.Seq <= s.State.Last {
		return at, nil
	}
	c.link.tellAnew(stream, s.Created)
	at = cursor{Created: s.Created}
	return at, at.save(path)
}

func (c *natsConsumer) streamState(stream string) (s streamAnswer, err error) {
	err = c.link.onStream(c.ctx, stream, func() (err error) { s, err = c.link.streamState(c.ctx, stream); return err })
	return s, err
}

func (l *natsLink) tellAnew(stream string, created time.Time) {
	l.mu.Lock()
	told := l.anew[stream].Equal(created)
	l.anew[stream] = created
	l.mu.Unlock()
	if !told {
		l.o.Report.Noticef("the stream %s was created again: beginning with its first event", stream)
	}
}

func (at cursor) save(path string) error {
	text, _ := json.Marshal(at)
	err := makeDirOf(path)
	if err == nil {
		err = durable.WriteFile(path, text)
	}
	if err != nil {
		return faultf("what was dealt with can't be saved: %v", err)
	}
	return nil
}

// before finds, by halving, the last number that was stored before a time.
func (c *natsConsumer) before(stream string, s streamAnswer, t time.Time) (uint64, error) {
	low, high := max(s.State.First, 1), s.State.Last+1 // the first at or after t is in [low, high]
	for low < high {
		middle := low + (high-low)/2
		var m *storedMessage
		if err := c.link.onStream(c.ctx, stream, func() (err error) { m, err = c.next(stream, []string{">"}, middle); return err }); err != nil {
			return 0, err
		}
		if m == nil || !m.Message.Time.Before(t) {
			high = middle
		} else {
			low = m.Message.Seq + 1
		}
	}
	return low - 1, nil
}

// next asks for the first message from a number on that one of the filters means; nil if there is
// none.
func (c *natsConsumer) next(stream string, filters []string, seq uint64) (*storedMessage, error) {
	var first *storedMessage
	for _, f := range filters {
		for from := seq; ; {
			var m storedMessage
			err := c.link.api(c.ctx, "STREAM.MSG.GET."+stream, map[string]any{"seq": from, "next_by_subj": f}, &m)
			if isAPI(err, errNoMessage) {
				break
			}
			if err != nil {
				return nil, err
			}
			stored := Decode(m.Message.Subject, m.Message.Data)
			if IsDead(m.Message.Subject) && !IsDead(f) || !stored.isFor(c.group) {
				from = m.Message.Seq + 1
				continue
			}
			if first == nil || m.Message.Seq < first.Message.Seq {
				first = &m
			}
			break
		}
	}
	return first, nil
}

// single delivers one message until it is done, or dead.
func (c *natsConsumer) single(path string, at *cursor, m *storedMessage) error {
	for {
		at.Attempt++ // it is one more even if this ev dies meanwhile
		if err := at.save(path); err != nil {
			return err
		}
		if err := c.awaitRoom(); err != nil {
			return err
		}
		type end struct {
			done  bool
			after time.Duration
			count bool
			dead  *DeadLetter
		}
		ended := make(chan end, 1)
		d := &Delivery{Message: Decode(m.Message.Subject, m.Message.Data), Seq: m.Message.Seq, Attempt: at.Attempt}
		if d.Time.IsZero() {
			d.Time = m.Message.Time
		}
		d.ack = func() { ended <- end{done: true} }
		d.retry = func(after time.Duration, counts bool) { ended <- end{after: after, count: counts} }
		d.dead = func(why DeadLetter) { ended <- end{done: true, dead: &why} }
		c.link.post(func() {
			if c.ctx.Err() == nil {
				c.got(d)
			}
		})
		var e end
		select {
		case e = <-ended:
		case <-c.link.ctx.Done():
			select {
			case e = <-ended: // said before the end
			default:
				return context.Canceled
			}
		}
		if e.dead != nil {
			letter := deadLetter(d, c.group, *e.dead)
			err := c.link.until(c.ctx, func() error {
				return c.link.send(c.ctx, letter.Subject, letter.key(), letter.Encode())
			})
			if err != nil {
				return err
			}
		}
		if e.done {
			*at = cursor{Seq: m.Message.Seq, Created: at.Created}
			return at.save(path)
		}
		if !e.count {
			at.Attempt--
		}
		if err := at.save(path); err != nil {
			return err
		}
		wait(c.ctx, e.after)
		if err := c.ctx.Err(); err != nil {
			return err
		}
	}
}

// awaitRoom waits until a delivery may be made, and takes its room.
func (c *natsConsumer) awaitRoom() error {
	for {
		c.mu.Lock()
		free, changed := c.room > 0, c.changed
		if free {
			c.room--
		}
		c.mu.Unlock()
		if free {
			return nil
		}
		select {
		case <-changed:
		case <-c.ctx.Done():
			return c.ctx.Err()
		}
	}
}
