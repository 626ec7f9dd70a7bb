package link

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// A work is a message that this ev has: the server is told each third of its ack wait that it goes
// on.
type work struct {
	consumer *natsConsumer
	delivery *Delivery
	stream   string
	reply    string
	tries    int // deliveries
	seq      uint64
	spare    int // deliveries that do not count
	end      func()

	mu   sync.Mutex
	sent time.Time // what was confirmed last
}

// begin looks which tries do not count, delivers the message, and keeps it.
func (w *work) begin() {
	c := w.consumer
	if w.tries > 1 {
		w.spare = w.loadSpare()
		w.delivery.Attempt = max(w.tries-w.spare, 1)
	}
	ctx, cancel := context.WithCancel(c.link.ctx)
	w.end = cancel
	c.link.o.Post(func() {
		if c.ctx.Err() != nil {
			w.retry(0, false)
			return
		}
		c.got(w.delivery)
	})
	w.keep(ctx)
}

// keep tells the server that the work goes on. An answer proves that the server was reached, not
// that the message is still ours: so the time is kept here, and what could not be confirmed for
// three quarters of the wait is lost.
func (w *work) keep(ctx context.Context) {
	all := w.consumer.o.AckWait
	pause := all / 3
	for {
		wait(ctx, pause)
		if ctx.Err() != nil {
			return
		}
		w.mu.Lock()
		gone := time.Since(w.sent)
		w.mu.Unlock()
		switch {
		case gone >= all*3/4:
			w.consumer.link.post(func() {
				if w.delivery.Lost != nil {
					w.delivery.Lost(max(all-gone, 0))
				}
			})
			return
		case w.say("+WPI"):
			pause = all / 3
		default:
			pause = min(retryIn, all/16)
		}
	}
}

// say sends the server a word about the message, and reports whether it was heard.
func (w *work) say(word string) bool {
	sent := time.Now()
	_, err := w.consumer.link.request(context.Background(), &nats.Msg{Subject: w.reply, Data: []byte(word)})
	if err != nil {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent = sent
	return true
}

// insist says it until it is heard, as long as the message is ours.
func (w *work) insist(word string) {
	for {
		w.mu.Lock()
		left := w.consumer.o.AckWait - time.Since(w.sent)
		w.mu.Unlock()
		if left <= 0 || w.say(word) {
			return
		}
		wait(context.Background(), min(retryIn, left))
	}
}

// settle does something about the message, and ends the work on it.
func (w *work) settle(fn func()) {
	w.consumer.link.goes(func() {
		fn()
		w.end()
		if w.spare > 0 {
			w.forgetSpare()
		}
	})
}

func (w *work) ack() { w.settle(func() { w.insist("+ACK") }) }

func (w *work) retry(after time.Duration, counts bool) {
	w.consumer.link.goes(func() {
		if !counts {
			w.storeSpare(w.spare + 1)
		}
		delay, _ := json.Marshal(map[string]time.Duration{"delay": after})
		if after <= 0 {
			delay = nil
		}
		w.insist("-NAK " + string(delay))
		w.end()
	})
}

func (w *work) dead(why DeadLetter) {
	c := w.consumer
	m := deadLetter(w.delivery, c.group, why)
	w.settle(func() {
		ctx, cancel := context.WithTimeout(context.Background(), c.o.AckWait)
		defer cancel()
		err := c.link.until(ctx, func() error {
			return c.link.send(ctx, m.Subject, m.key(), m.Encode())
		})
		if err != nil {
			c.link.o.Report.Errorf("%s: message %d can't be moved to the dead letters, and comes again: %v", w.delivery.Subject, w.seq, err)
			return
		}
		w.insist("+TERM")
	})
}

// The tries that do not count are written down where any of the group finds them.

func (w *work) spareSubject() string {
	return spareSubjects + w.consumer.group + "." + w.stream + "." + strconv.FormatUint(w.seq, 10)
}

func (w *work) loadSpare() int {
	l := w.consumer.link
	var a struct {
		Message struct {
			Data []byte `json:"data"`
		} `json:"message"`
	}
	if l.api(l.ctx, "STREAM.MSG.GET."+locksStream, map[string]string{"last_by_subj": w.spareSubject()}, &a) != nil {
		return 0
	}
	n, _ := strconv.Atoi(string(a.Message.Data))
	return n
}

func (w *work) storeSpare(n int) {
	l := w.consumer.link
	ctx, cancel := context.WithTimeout(context.Background(), answerIn)
	defer cancel()
	if l.ensure(ctx, locksStream) == nil {
		_, _ = l.request(ctx, &nats.Msg{Subject: w.spareSubject(), Data: fmt.Appendf(nil, "%d", n)})
	}
}

func (w *work) forgetSpare() {
	l := w.consumer.link
	_ = l.api(context.Background(), "STREAM.PURGE."+locksStream, map[string]string{"filter": w.spareSubject()}, nil)
}
