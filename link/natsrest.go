package link

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
)

// What a link that rests does now and then is done by the loop's timers. One of Go's that is minutes
// away comes late by a thousandth, since the kernel may round it so, and the runtime looks for it all
// that time: fifty switches of context and more.

// pulse returns what is sent to again and again until ctx ends, unless the last time is not yet taken.
func (l *natsLink) pulse(ctx context.Context, every time.Duration) <-chan struct{} {
	beats := make(chan struct{}, 1)
	var beat func()
	beat = func() {
		if ctx.Err() != nil {
			return
		}
		select {
		case beats <- struct{}{}:
		default:
		}
		l.o.After(every, beat)
	}
	l.post(func() { l.o.After(every, beat) })
	return beats
}

const pingEvery = 2 * time.Minute

// ping asks the server whether it is there, unless it was heard of since it was last asked. The
// connection to one that does not answer is given up.
func (l *natsLink) ping() {
	var heard uint64
	for beats := l.pulse(l.ctx, pingEvery); ; {
		select {
		case <-beats:
		case <-l.ctx.Done():
			return
		}
		before := heard
		if heard = l.nc.Stats().InMsgs; heard == before && l.nc.IsConnected() && errors.Is(l.nc.FlushTimeout(soonIn), nats.ErrTimeout) {
			_ = l.nc.ForceReconnect()
		}
	}
}
