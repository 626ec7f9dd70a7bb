package link

import (
	"context"
	"fmt"
	"time"

	"github.com/evshell/ev/internal/span"
)

// A clock is what is known of the server's.
type clock struct {
	ahead  time.Duration // this machine's, of it
	at     time.Time
	warned bool
}

// ErrClock is why nothing is claimed by a clock that is wrong.
var ErrClock error = &FaultError{"this machine's clock is ahead of the server's"}

const (
	clockKnown   = 10 * time.Minute
	clockNotice  = 30 * time.Second
	clockRefuses = 5 * time.Minute
)

// heard takes the time in an answer of the server's to what was asked at a time.
func (l *natsLink) heard(asked, server time.Time) {
	if server.IsZero() {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clock.at = time.Now()
	// In the middle of it, as nearly as can be known.
	l.clock.ahead = asked.Round(0).Add(time.Since(asked) / 2).Sub(server)
	if l.clock.ahead > clockNotice && !l.clock.warned {
		l.clock.warned = true
		l.o.Report.Noticef("this machine's clock is %s ahead of the server's: set it; beyond %s no lock is claimed",
			span.Format(l.clock.ahead.Round(time.Second)), span.Format(clockRefuses))
	}
}

// tooFarAhead reports why no instant is to be claimed: by a clock that is ahead it would be run too
// early, for all.
func (l *natsLink) tooFarAhead(ctx context.Context) error {
	now := time.Now()
	l.mu.Lock()
	passed := now.Sub(l.clock.at)
	stepped := now.Round(0).Sub(l.clock.at.Round(0)) - passed // since then the clock was set
	l.mu.Unlock()
	if passed > clockKnown || stepped.Abs() > time.Second {
		if _, err := l.streamState(ctx, locksStream); err != nil {
			return l.notYet(locksStream, err)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.clock.ahead > clockRefuses {
		return fmt.Errorf("%w by %s: nothing is run under a lock until it is set", ErrClock,
			span.Format(l.clock.ahead.Round(time.Second)))
	}
	return nil
}
