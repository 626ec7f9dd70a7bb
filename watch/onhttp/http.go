// Package onhttp tells that an HTTP request has arrived, and gives the answer: ev on-http.
package onhttp

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/diag"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/internal/socket"
	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/watch"
)

// Options say what requests are waited for, from whom, and what they get.
type Options struct {
	Listening

	Methods []string       // that there are
	Paths   []string       // that there are: whole ones, or /prefix/*; none: all
	Hosts   []string       // names of this host that are asked for
	Origins []string       // of other sites whose pages may ask
	Allow   []netip.Prefix // whom clients are among; none: all
	Health  bool           // GET /-/healthy is answered, and no event
	Place   int            // of several watchers with one address the lowest comes first

	TokenFile string // bearer tokens, one a line
	BasicFile string // USER:PASSWORD, one a line
	Signature Signature

	MaxBody     int // bytes
	MaxForm     int // bytes of a form, which is held in memory
	MaxJSON     int // bytes of a body that JSONBody is about
	MaxParallel int // commands at once: other requests are refused
	MaxQueue    int // requests that wait for a command besides; 0: none does
	MinRate     int // bytes a second, from a client and to it, beyond what ReadTimeout allows

	JSONBody bool     // the body is JSON: its fields can be looked up, those of an object are parameters
	Wanted   []string // variables of its fields that the command wants
	Query    bool     // what is in the query is a parameter, though it is not signed, and the body is

	// Handed: each event brings its exchange to a command. Without it each request is answered 204
	// as soon as it is emitted.
	Handed      bool
	Async       bool        // the answer is 202, and the command's output is not the client's
	KeepRunning bool        // a command is not stopped when its client goes
	HalfClose   bool        // a client that ends its sending still waits
	CGI         bool        // the command is a CGI script (RFC 3875)
	ElseStatus  int         // of a request that is no event (event.Passed); 0: 204
	Status      map[int]int // which HTTP status an exit status is; then output waits for that

	AccessLog  string // a line for each request; - is standard output; empty: none
	AccessJSON bool   // it is an object of JSON

	Hub    *Hub // whose listeners it shares; nil: one of its own
	Report *report.Reporter
}

// Listening is what belongs to the listener. It must be the same for all watchers that share it.
type Listening struct {
	// Addr is HOST:PORT, :PORT, which is the loopback's, unix:PATH, fd:NAME or fd:N.
	Addr  string
	Named map[string]int // which descriptor fd:NAME is

	CertFile, KeyFile string // of TLS, in PEM; empty: none
	ClientCA          string // who signs the certificates that clients must have; empty: they need none

	Access socket.Access // to the file of unix:PATH

	TrustProxy []netip.Prefix // whose word on the client's address is taken
	TrustUnix  bool           // and so is that of who is at the other end of a unix socket

	MaxHeader      int           // bytes
	MaxConnections int           // at once
	MaxPerClient   int           // of one address
	MaxBodies      int           // bytes of all bodies under way
	ReadTimeout    time.Duration // for a request to come, and for a client to take a piece of the answer
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
// The protocol is net/http's, each request on a goroutine of its own. That reads the body to its
// end, then enters the loop, and waits for an answer; so the client's number of requests is bounded
// by the answers. Whether the client has gone is what the loop sees of its connection meanwhile:
// net/http does not notice in all cases, and takes a client that has only ended its sending for
// gone.
type Watcher struct {
	loop   *loop.Loop
	opts   Options
	emit   watch.Emit
	gate   *gate
	guard  *guard
	access *accessLog

	arrived   *loop.Fed // fed while there is something to emit
	arrivals  []*exchange
	fedEvents int // events of no request
	onHold    bool

	atWork  atomic.Int64 // requests that have been let in, and whose end has not come
	stopped atomic.Bool  // another watcher may take its place
	refused refusals
	traffic traffic

	server *server // nil: not active
	failed bool    // the listener has come to an end by itself
}

var (
	_ watch.Watcher   = (*Watcher)(nil)
	_ watch.Describer = (*Watcher)(nil)
	_ watch.Holder    = (*Watcher)(nil)
)

// New makes a watcher of requests. The files that the options name are read now, the address is
// listened on from Start to Stop.
func New(l *loop.Loop, o Options, emit watch.Emit) (*Watcher, error) {
	if o.Hub == nil {
		o.Hub = NewHub()
	}
	w := &Watcher{loop: l, opts: o, emit: emit}
	w.arrived = loop.NewFed(l, w.deliver)
	w.refused.report = o.Report
	if _, err := parseAddress(o.Addr); err != nil {
		return nil, diag.Option("Addr", o.Addr, err)
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	var err error
	if w.gate, err = newGate(o, o.Hub.processors); err != nil {
		return nil, err
	}
	if w.guard, err = newGuard(o, w.gate); err != nil {
		return nil, err
	}
	if o.CertFile != "" {
		if _, err = newTLS(o); err != nil {
			return nil, err
		}
	}
	if o.AccessLog != "" {
		w.access, err = newAccessLog(o)
	}
	return w, diag.Option("AccessLog", o.AccessLog, err)
}

// check refuses what no request could have.
func (o *Options) check() error {
	for _, p := range o.Paths {
		if err := checkPath(p); err != nil {
			return diag.Option("Paths", p, err)
		}
	}
	for _, h := range o.Hosts {
		if _, err := netip.ParseAddr(h); err != nil && (h == "" || strings.ContainsAny(h, ":/ ")) {
			return diag.Option("Hosts", h, fmt.Errorf("%q is not a name of a host: write it without http:// and port", h))
		}
	}
	return nil
}

func checkPath(p string) error {
	if !strings.HasPrefix(p, "/") {
		return fmt.Errorf("%q is not a path: it begins with /", p)
	}
	if i := strings.IndexByte(p, '*'); i >= 0 && (i != len(p)-1 || p[i-1] != '/') {
		return diag.At(i, fmt.Errorf("%q: a * stands for all below a path, as in /hooks/*", p))
	}
	if i := strings.IndexAny(p, "?#%"); i >= 0 {
		return diag.At(i, fmt.Errorf("%q: a path is compared without its query, and with every %%XX decoded: leave out %c", p, p[i]))
	}
	return nil
}

// Start listens, unless another watcher does already.
func (w *Watcher) Start() error {
	if w.Active() {
		return nil
	}
	server, err := w.opts.Hub.join(w)
	if err != nil {
		return diag.OrOption("Addr", w.opts.Addr, err)
	}
	w.server, w.failed = server, false
	w.stopped.Store(false)
	w.arrived.Start()
	return nil
}

// Describe says where it listens.
func (w *Watcher) Describe() string { return w.server.describe() }

// Stop takes no more requests. What has been emitted goes on and is answered; the loop stays alive
// for that. What waits is for the watcher that takes the place of this one within the same turn of
// the loop, and is refused if there is none.
func (w *Watcher) Stop() {
	if !w.Active() {
		return
	}
	w.arrived.Stop()
	w.stopped.Store(true)
	w.fedEvents = 0
	for _, x := range w.arrivals {
		x.turnAway()
	}
	w.arrivals = nil
	w.server.leave(w)
	w.server = nil
}

// Addr returns the address that is listened on, which may have got its port only then.
func (w *Watcher) Addr() net.Addr { return w.server.listener.Addr() }

// arrive takes a request from its goroutine.
func (w *Watcher) arrive(x *exchange) {
	switch {
	case !w.Active():
		x.turnAway()
		return
	case w.opts.Handed && !x.count():
		x.refuse()
		return
	case w.opts.Handed:
		x.watchClient()
	}
	w.arrivals = append(w.arrivals, x)
	w.arrived.Feed()
}

// room is how many requests may be at work: those whose commands run, and those that wait.
func (w *Watcher) room() int64 { return int64(w.opts.MaxParallel) + int64(w.opts.MaxQueue) }

func (w *Watcher) deliver() {
	for w.fedEvents > 0 {
		w.fedEvents--
		w.emit(event.HTTP{Addr: w.opts.Addr})
	}
	for len(w.arrivals) > 0 && (!w.onHold || w.opts.Async) && w.Active() {
		x := w.arrivals[0]
		w.arrivals = slices.Delete(w.arrivals, 0, 1)
		x.look()
		w.emit(x.detail)
		switch {
		case !w.opts.Handed:
			x.end(answer{status: http.StatusNoContent})
		case w.opts.Async:
			x.accept()
		}
	}
}

// Hold has requests wait, with their clients. What is answered at once does not: it waits where it
// is not lost.
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

// SetPlace says where the watcher stands among those with its address.
func (w *Watcher) SetPlace(n int) {
	w.opts.Place = n
	if w.server != nil {
		w.server.order()
	}
}

// Failed reports whether the listener has come to an end by itself.
func (w *Watcher) Failed() bool { return w.failed }
