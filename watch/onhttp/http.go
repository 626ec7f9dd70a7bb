// Package onhttp tells that an HTTP request has arrived, and gives the answer: ev on-http.
package onhttp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"time"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/watch"
)

// Options say what requests are waited for, from whom, and what they get.
type Options struct {
	// Addr is HOST:PORT, :PORT, which is the loopback's, unix:PATH or fd:NAME.
	Addr  string
	Named map[string]int // which descriptor fd:NAME is

	Methods []string // that there are
	Paths   []string // that there are: whole ones, or /prefix/*; none: all
	Hosts   []string // further names of this host
	Health  bool     // GET /-/healthy is answered, and no event

	TokenFile string // bearer tokens, one a line
	BasicFile string // USER:PASSWORD, one a line
	Signature Signature

	MaxHeader      int           // bytes
	MaxBody        int           // bytes
	MaxParallel    int           // requests at work: others are refused
	MaxConnections int           // others wait to be accepted
	ReadTimeout    time.Duration // for a request to come, and for a client to take a piece of the answer

	CertFile, KeyFile string // of TLS, in PEM; empty: none

	JSONBody bool // the fields of a JSON object are parameters, too

	// Handed: each event brings its exchange to a command. Without it each request is
	// answered 204 as soon as it is emitted.
	Handed      bool
	Async       bool        // the answer is 202, and the command's output is not the client's
	KeepRunning bool        // a command is not stopped when its client goes
	HalfClose   bool        // a client that ends its sending still waits
	CGI         bool        // the command's output begins with headers (RFC 3875)
	Status      map[int]int // which HTTP status an exit status is; then output waits for that

	Report *report.Reporter
}

const (
	headerTimeout = 10 * time.Second // for a request's header, at most
	idleTimeout   = time.Minute      // for the next request on a connection
	healthPath    = "/-/healthy"
)

// Methods returns the methods that can be waited for.
func Methods() []string {
	return []string{
		http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
	}
}

// A Watcher emits event.HTTP for each request.
//
// The protocol is net/http's, each request on a goroutine of its own. That reads the
// body to its end, then enters the loop, and waits for an answer; so the client's
// number of requests is bounded by the answers. Whether the client has gone is what
// the loop sees of its connection meanwhile: net/http does not notice in all cases,
// and takes a client that has only ended its sending for gone.
type Watcher struct {
	loop    *loop.Loop
	opts    Options
	emit    watch.Emit
	address address
	gate    *gate
	tls     *tls.Config

	arrived   *loop.Fed   // fed while there is something to emit
	arrivals  []*exchange // to be emitted
	fedEvents int         // events of no request
	onHold    bool
	atWork    int // requests that have been let in, and whose end has not come

	parsers  chan struct{} // has one for each request that is taken apart: at most one a processor
	server   *http.Server  // nil: not active
	listener *listener
	failed   bool // nothing can be accepted any more
}

var (
	_ watch.Watcher = (*Watcher)(nil)
	_ watch.Holder  = (*Watcher)(nil)
	_ watch.Failer  = (*Watcher)(nil)
)

// New makes a watcher of requests. The files that the options name are read now,
// the address is listened on from Start to Stop.
func New(l *loop.Loop, o Options, emit watch.Emit) (*Watcher, error) {
	w := &Watcher{loop: l, opts: o, emit: emit, parsers: make(chan struct{}, runtime.GOMAXPROCS(0))}
	w.arrived = loop.NewFed(l, w.deliver)
	var err error
	if w.address, err = parseHTTPAddress(o.Addr); err != nil {
		return nil, err
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	if w.gate, err = newGate(o); err != nil {
		return nil, err
	}
	if o.CertFile != "" {
		cert, err := tls.LoadX509KeyPair(o.CertFile, o.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("TLS, %s and %s: %w", o.CertFile, o.KeyFile, err)
		}
		o.tellOpen(o.KeyFile)
		w.tls = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	}
	return w, nil
}

// check refuses what no request could have.
func (o *Options) check() error {
	for _, p := range o.Paths {
		if !strings.HasPrefix(p, "/") {
			return fmt.Errorf("%q is no path: it begins with /", p)
		}
		if i := strings.IndexByte(p, '*'); i >= 0 && (i != len(p)-1 || p[i-1] != '/') {
			return fmt.Errorf("%q: a * stands for all below a path, as in /hooks/*", p)
		}
		if i := strings.IndexAny(p, "?#%"); i >= 0 {
			return fmt.Errorf("%q: a path is compared without its query, and with every %%XX decoded: leave out %c", p, p[i])
		}
	}
	for _, h := range o.Hosts {
		if _, err := netip.ParseAddr(h); err != nil && (h == "" || strings.ContainsAny(h, ":/ ")) {
			return fmt.Errorf("%q is no name of a host: write it without http:// and port", h)
		}
	}
	return nil
}

// Start listens.
func (w *Watcher) Start() error {
	if w.Active() {
		return nil
	}
	listener, err := w.listen()
	if err != nil {
		return err
	}
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	w.listener, w.failed = listener, false
	w.server = &http.Server{
		Handler:           http.HandlerFunc(w.serve),
		ReadHeaderTimeout: min(w.opts.ReadTimeout, headerTimeout),
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    w.opts.MaxHeader,
		ConnContext:       withConn,
		ConnState:         connState,
		ErrorLog:          log.New(serverLog{w.opts.Report}, "", 0),
		Protocols:         &protocols,

		DisableGeneralOptionsHandler: true,
	}
	var accept net.Listener = listener
	if w.tls != nil {
		accept = tls.NewListener(listener, w.tls)
	}
	w.tellAddress()
	w.arrived.Start()
	server := w.server
	go func() {
		err := server.Serve(accept)
		w.loop.Post(func() { w.served(server, err) })
	}()
	return nil
}

// served tells that a server accepts no more.
func (w *Watcher) served(server *http.Server, err error) {
	if w.server == server && !errors.Is(err, http.ErrServerClosed) {
		w.opts.Report.Errorf("%s: %v", w.opts.Addr, err)
		w.Stop()
		w.failed = true
	}
}

// Stop listens no more. What has been emitted goes on and is answered; the loop stays
// alive for that. What waits is refused.
func (w *Watcher) Stop() {
	if !w.Active() {
		return
	}
	w.arrived.Stop()
	server := w.server
	w.server, w.fedEvents = nil, 0
	for _, x := range w.arrivals {
		x.refuse()
	}
	w.arrivals = nil
	// It closes what is idle and returns: the rest is closed after its answer.
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	w.listener.socket.Remove()
	_ = server.Shutdown(ended)
}

// Failed reports whether an error has ended it.
func (w *Watcher) Failed() bool { return w.failed }

// Addr returns the address that is listened on, which may have got its port only then.
func (w *Watcher) Addr() net.Addr { return w.listener.Addr() }

// arrive takes a request from its goroutine.
func (w *Watcher) arrive(x *exchange) {
	w.loop.Ref()
	switch {
	case !w.Active():
		x.refuse()
		return
	case w.atWork >= w.opts.MaxParallel:
		w.opts.Report.Verbosef("%s: refused, %d requests are at work: --max-parallel", x.detail.Subject(), w.atWork)
		x.refuse()
		return
	}
	w.atWork++
	x.counted = true
	x.watchClient()
	// One turn later the loop has had a look at the connection.
	w.loop.Post(func() {
		if !w.Active() {
			x.refuse()
			return
		}
		w.arrivals = append(w.arrivals, x)
		w.arrived.Feed()
	})
}

func (w *Watcher) deliver() {
	for w.fedEvents > 0 {
		w.fedEvents--
		w.emit(event.HTTP{Addr: w.opts.Addr})
	}
	for len(w.arrivals) > 0 && !w.onHold && w.Active() {
		x := w.arrivals[0]
		w.arrivals = w.arrivals[1:]
		w.emit(x.detail)
		switch {
		case !w.opts.Handed:
			x.end(answer{status: http.StatusNoContent})
		case w.opts.Async:
			x.accept()
		}
	}
}

// Hold has requests wait, with their clients.
func (w *Watcher) Hold(held bool) {
	w.onHold = held
	if !held && len(w.arrivals) > 0 {
		w.arrived.Feed()
	}
}

// Feed emits an event of no request.
func (w *Watcher) Feed() {
	w.fedEvents++
	w.arrived.Feed()
}

// Active reports whether requests are waited for.
func (w *Watcher) Active() bool { return w.arrived.Active() }

// Pending reports whether a request has come that is not emitted yet.
func (w *Watcher) Pending() bool { return w.arrived.Pending() }

// SetPriority takes effect at the next Start.
func (w *Watcher) SetPriority(p loop.Priority) { w.arrived.SetPriority(p) }

// serverLog takes the lines that net/http writes.
type serverLog struct{ report *report.Reporter }

func (l serverLog) Write(p []byte) (int, error) {
	line := strings.TrimSpace(string(p))
	line, _, _ = strings.Cut(line, "\n") // a panic's stack
	switch {
	case strings.Contains(line, "panic serving"):
		l.report.Errorf("%s", line)
	default:
		l.report.Verbosef("%s", line)
	}
	return len(p), nil
}

// deadline is until when a client is to do what it has to do now.
func (w *Watcher) deadline() time.Time { return time.Now().Add(w.opts.ReadTimeout) }
