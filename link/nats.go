package link

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// A natsLink is the engine of many machines. It speaks to JetStream by its API of requests, each
// with a limit of its own: one that is lost with a server must not hold up what comes after.
type natsLink struct {
	server ServerOptions
	o      Options
	ctx    context.Context //nolint:containedctx // it is the link's life
	cancel func()
	work   sync.WaitGroup
	outbox inOrder

	mu      sync.Mutex
	nc      *nats.Conn    // nil: nothing has been asked for yet
	up      chan struct{} // closed while the server is there, or never will be
	down    chan struct{} // closed while it is not
	fault   error         // that no waiting mends
	away    bool          // it has been told
	checked chan struct{} // closed once the last check is told
	streams map[string]bool
	anew    map[string]time.Time // streams that were created again, as was told
	locks   map[string]*keeper
	clock   clock

	spooling sync.Mutex // guards what follows
	spool    *spool     // nil: not opened
	draining bool
}

var _ Link = (*natsLink)(nil)

const (
	answerIn = time.Second            // a request
	soonIn   = 3 * time.Second        // what a person waits for
	tellAway = 2 * time.Second        // after so long without a server
	retryIn  = 250 * time.Millisecond // what had no answer

	oldest = "2.10" // server: a cluster of older ones lets several win a lock
)

// closed is a channel that is.
func closed() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

func newNATSLink(s ServerOptions, o Options) (*natsLink, error) {
	l := &natsLink{
		server: s, o: o, up: make(chan struct{}), down: closed(), checked: closed(),
		streams: map[string]bool{}, anew: map[string]time.Time{}, locks: map[string]*keeper{},
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	// What an ev that is no more has left in the spool.
	if l.spooled() > 0 {
		l.drain()
	}
	return l, nil
}

func (l *natsLink) post(fn func()) {
	l.o.Post(func() {
		if l.ctx.Err() == nil {
			fn()
		}
	})
}

// goes runs fn on a goroutine that Close waits for, if it has not begun to.
func (l *natsLink) goes(fn func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ctx.Err() == nil {
		l.work.Go(fn)
		return
	}
	go fn()
}

// options are how to connect. What nats.go would write to standard error goes to the report.
func (l *natsLink) options() ([]nats.Option, error) {
	s := l.server
	options := []nats.Option{
		nats.Name("ev on " + l.o.Host),
		nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1),
		nats.ReconnectWait(retryIn), nats.ReconnectJitter(retryIn, retryIn),
		nats.Timeout(2 * time.Second), nats.ReconnectBufSize(-1), // what can't be sent is spooled here
		nats.PingInterval(-1), // ping does that
		nats.ConnectHandler(func(nc *nats.Conn) { l.connected(nc) }),
		nats.ReconnectHandler(func(nc *nats.Conn) { l.connected(nc) }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { l.disconnected(err) }),
		nats.ClosedHandler(func(nc *nats.Conn) { l.ended(nc.LastError()) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			l.o.Report.Verbosef("%s: %v", l.name(), err)
		}),
	}
	if s.User != "" {
		options = append(options, nats.UserInfo(s.User, s.Password))
	}
	if s.Token != "" {
		options = append(options, nats.Token(s.Token))
	}
	if s.Creds != "" {
		options = append(options, nats.UserCredentials(s.Creds))
	}
	if s.NKey != "" {
		key, err := nats.NkeyOptionFromSeed(s.NKey)
		if err != nil {
			return nil, err
		}
		options = append(options, key)
	}
	if s.Cert != "" {
		options = append(options, nats.ClientCert(s.Cert, s.Key))
	}
	if s.CA != "" {
		options = append(options, nats.RootCAs(s.CA))
	}
	if s.TLSFirst {
		options = append(options, nats.TLSHandshakeFirst())
	}
	if s.Inbox != "" {
		options = append(options, nats.CustomInboxPrefix(s.Inbox))
	}
	return options, nil
}

// name is the server as a message has it, without a password.
func (l *natsLink) name() string {
	first, _, more := strings.Cut(l.server.URL, ",")
	if at := strings.LastIndex(first, "@"); at >= 0 {
		scheme, _, _ := strings.Cut(first, "://")
		first = scheme + "://" + first[at+1:]
	}
	if more {
		first += ",…"
	}
	return first
}

// dial begins to connect, once.
func (l *natsLink) dial() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.nc != nil || l.fault != nil {
		return
	}
	options, err := l.options()
	if err == nil {
		l.nc, err = nats.Connect(l.server.URL, options...)
	}
	if err != nil {
		l.fail(faultf("%s: %v", l.name(), err))
		return
	}
	go l.ping()
	time.AfterFunc(tellAway, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if !l.isUp() {
			l.tellAwayOnce(nil)
		}
	})
}

// fail notes what no waiting mends. It is called under mu.
func (l *natsLink) fail(err error) {
	if l.fault == nil {
		l.fault = err
		if !l.isUp() {
			close(l.up)
		}
	}
}

func (l *natsLink) isUp() bool {
	select {
	case <-l.up:
		return true
	default:
		return false
	}
}

func (l *natsLink) connected(nc *nats.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if v := nc.ConnectedServerVersion(); older(v, oldest) {
		l.fail(faultf("%s: nats-server %s is too old: in a cluster it lets several hosts win one lock; install %s or later",
			l.name(), v, oldest))
		go nc.Close()
		return
	}
	if l.away {
		l.away = false
		l.o.Report.Noticef("%s: the server is back", l.name())
	}
	l.down = make(chan struct{})
	if !l.isUp() {
		close(l.up)
	}
}

func (l *natsLink) disconnected(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fault != nil || l.ctx.Err() != nil {
		return
	}
	if l.isUp() {
		l.up = make(chan struct{})
		close(l.down)
	}
	l.tellAwayOnce(err)
}

// tellAwayOnce is called under mu.
func (l *natsLink) tellAwayOnce(err error) {
	if l.away || l.fault != nil || l.ctx.Err() != nil {
		return
	}
	l.away = true
	why := ""
	if err != nil {
		why = ": " + err.Error()
	}
	l.o.Report.Noticef("%s: the server is away%s: waiting for it", l.name(), why)
}

// ended is told of a connection that nats.go has given up: the server does not let it in.
func (l *natsLink) ended(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ctx.Err() == nil {
		l.fail(faultf("%s: the server lets nobody in with these credentials: %v", l.name(), cmp.Or(err, errors.New("closed"))))
	}
}

// older reports whether version v is below another, by its first two numbers.
func older(v, than string) bool {
	var major, minor, wantMajor, wantMinor int
	_, _ = fmt.Sscanf(than, "%d.%d", &wantMajor, &wantMinor)
	if _, err := fmt.Sscanf(v, "%d.%d", &major, &minor); err != nil {
		return true
	}
	return major < wantMajor || major == wantMajor && minor < wantMinor
}

// ready waits for the server. The error is the fault, or ctx's.
func (l *natsLink) ready(ctx context.Context) error {
	l.dial()
	l.mu.Lock()
	up := l.up
	l.mu.Unlock()
	select {
	case <-up:
	case <-ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fault != nil {
		return l.fault
	}
	return ctx.Err()
}

// lost is closed once the connection that there is now is lost.
func (l *natsLink) lost() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.down
}

// State is how the link is.
func (l *natsLink) State() State {
	l.mu.Lock()
	up := l.isUp() && l.fault == nil && l.nc != nil
	l.mu.Unlock()
	return State{Server: l.name(), Connected: up, Spooled: l.spooled()}
}

// Close gives back what is held, for no longer than a second.
func (l *natsLink) Close(done func()) {
	l.mu.Lock()
	l.cancel()
	l.mu.Unlock()
	go func() {
		ended := make(chan struct{})
		go func() {
			l.work.Wait()
			close(ended)
		}()
		t := time.NewTimer(answerIn)
		defer t.Stop()
		select {
		case <-ended:
		case <-t.C:
		}
		l.mu.Lock()
		nc := l.nc
		l.mu.Unlock()
		if nc != nil {
			nc.Close()
		}
		done()
	}()
}

// stateFile is where this machine remembers something about this server.
func (l *natsLink) stateFile(kind, name string) string {
	sum := sha256.Sum256([]byte(l.server.URL))
	return filepath.Join(l.o.StateDir, kind, hex.EncodeToString(sum[:4]), name)
}

func makeDirOf(path string) error { return os.MkdirAll(filepath.Dir(path), 0o700) }
