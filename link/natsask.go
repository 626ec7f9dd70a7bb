package link

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/nats-io/nats.go"
)

// Ask has an inbox of its own for the answers, where hosts may publish that have no other subjects than
// ev's: not that of requests.
func (l *natsLink) Ask(subject string, data []byte, again time.Duration, got func([]byte), asked func(error)) {
	l.goes(func() {
		var sub *nats.Subscription
		inbox := replyPrefix + rand.Text()
		err := l.soon(func(context.Context) (err error) {
			sub, err = l.nc.Subscribe(inbox, func(m *nats.Msg) {
				if m.Header.Get("Status") == "" { // it is not the server, which says that nobody is there
					l.post(func() { got(m.Data) })
				}
			})
			return err
		})
		l.post(func() { asked(err) })
		if err != nil {
			return
		}
		defer func() { _ = sub.Unsubscribe() }()
		for l.ctx.Err() == nil {
			_ = l.nc.PublishRequest(subject, inbox, data) // one that is lost has no answer
			if again == 0 {
				again = forever
			}
			wait(l.ctx, again)
		}
	})
}

// Answer answers as long as the link is there.
func (l *natsLink) Answer(filter string, answer func(Question)) {
	l.goes(func() {
		err := l.until(l.ctx, func() error {
			_, err := l.nc.Subscribe(filter, func(m *nats.Msg) {
				q := Question{Subject: m.Subject, From: m.Reply, Data: m.Data}
				q.Reply = func(part []byte) {
					if err := l.nc.Publish(m.Reply, part); err != nil {
						l.o.Report.Errorf("%s: no answer to %s: %v", l.name(), m.Subject, err)
					}
				}
				l.post(func() { answer(q) })
			})
			return err
		})
		if err != nil {
			l.o.Report.Verbosef("%s: nothing is answered under %s: %v", l.name(), filter, err)
		}
	})
}
