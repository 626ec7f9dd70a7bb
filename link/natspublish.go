package link

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go"
)

// ErrAway is told of a message that was not to be spooled.
var ErrAway = errors.New("the server is away")

// Publish stores a message, one after the other. While the server is away, or older ones still wait
// in the spool, it goes there.
func (l *natsLink) Publish(m Message, then func(Stored, error)) {
	l.dial()
	checked := l.checks()
	l.outbox.do(l.goes, func() {
		await(l.ctx, checked)
		where, err := Server, error(nil)
		if l.spooled() > 0 {
			where = Spool
		} else {
			ctx, cancel := context.WithTimeout(context.Background(), answerIn)
			err = l.ready(ctx) // the first one waits for the connection
			if err == nil {
				err = l.send(ctx, m.Subject, m.key(), m.Encode())
			}
			cancel()
			if err != nil && (passes(err) || errors.Is(err, context.DeadlineExceeded)) {
				where, err = Spool, nil
			}
		}
		if where == Spool && m.NoSpool {
			err = ErrAway
		} else if where == Spool {
			err = l.keep(m)
		}
		l.post(func() { then(where, err) })
	})
}

// send stores a message at the server.
func (l *natsLink) send(ctx context.Context, subject, id string, body []byte) error {
	m := nats.NewMsg(subject)
	m.Data = body
	m.Header.Set(nats.MsgIdHdr, id)
	for {
		reply, err := l.request(ctx, m)
		if errors.Is(err, nats.ErrNoResponders) { // no stream, or no leader of it
			l.forget(eventsStream)
			if _, err := l.streamsOf(ctx, subject); err != nil {
				return err
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			wait(ctx, retryIn)
			continue
		}
		if err != nil {
			return err
		}
		err = readAnswer(reply.Data, nil)
		if isAPI(err, errInProcess) {
			wait(ctx, retryIn)
			if ctx.Err() == nil {
				continue
			}
		}
		if e, ok := errors.AsType[*apiError](err); ok && !passes(err) && e.ErrCode != errInProcess {
			return faultf("%s: the server does not store it: %v", subject, e)
		}
		return err
	}
}

// opened opens the spool. It is called under spooling.
func (l *natsLink) opened() (*spool, error) {
	if l.spool == nil {
		s, err := openSpool(filepath.Dir(l.stateFile("spool", "x")), l.o.SpoolMax)
		if err != nil {
			return nil, err
		}
		s.count()
		l.spool = s
	}
	return l.spool, nil
}

// spooled is how many events wait in the spool. Another ev of this machine may have added some, or
// sent them.
func (l *natsLink) spooled() int {
	l.spooling.Lock()
	defer l.spooling.Unlock()
	if l.spool == nil {
		if _, err := os.Stat(filepath.Dir(l.stateFile("spool", "x"))); err != nil {
			return 0
		}
		if _, err := l.opened(); err != nil {
			return 0
		}
	}
	if l.spool.events > 0 && !l.draining {
		l.spool.count()
	}
	return l.spool.events
}

// keep adds a message to the spool.
func (l *natsLink) keep(m Message) error {
	l.spooling.Lock()
	defer l.spooling.Unlock()
	s, err := l.opened()
	if err != nil {
		return err
	}
	_, err = s.add(entry{Subject: m.Subject, ID: m.key(), Time: time.Now(), Body: m.Encode()})
	if err == nil {
		l.drainLocked()
	}
	return err
}

func (l *natsLink) drain() {
	l.spooling.Lock()
	defer l.spooling.Unlock()
	l.drainLocked()
}

func (l *natsLink) drainLocked() {
	if !l.draining {
		l.draining = true
		go l.empty() // not of work: it may wait for another ev that does it
	}
}

// empty sends what is in the spool, in order. One ev of a machine does so at a time.
func (l *natsLink) empty() {
	lock, err := lockFile(filepath.Join(l.spool.dir, "sending"), true)
	if err != nil {
		l.o.Report.Errorf("the spool: %v", err)
		return
	}
	defer lock.Close()
	var last uint64
	for l.ctx.Err() == nil {
		l.spooling.Lock()
		seq, e, ok := l.spool.after(last)
		if !ok {
			l.spool.count()
			if ok = l.spool.events > 0; !ok {
				l.draining = false
			}
			l.spooling.Unlock()
			if !ok {
				return
			}
			last = 0
			continue
		}
		l.spooling.Unlock()
		err := l.until(l.ctx, func() error {
			ctx, cancel := context.WithTimeout(l.ctx, answerIn)
			defer cancel()
			return l.send(ctx, e.Subject, e.ID, e.Body)
		})
		if l.ctx.Err() != nil {
			return
		}
		if err != nil {
			if l.server.URL != "" && l.faulted() {
				return // it stays for an ev that is let in
			}
			l.o.Report.Errorf("the spool: event %s is dropped: %v", e.ID, err)
		}
		l.spooling.Lock()
		if err := l.spool.remove(seq); err != nil {
			l.o.Report.Errorf("the spool: %v", err)
			last = seq
		}
		l.spooling.Unlock()
	}
}

func (l *natsLink) faulted() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fault != nil
}
