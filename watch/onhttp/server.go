package onhttp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/evshell/ev/internal/diag"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/loop"
)

// A Hub has the servers, each of which several watchers may share. It belongs to one loop.
type Hub struct {
	servers    map[string]*server // by the address as given
	processors chan struct{}      // has one for each goroutine that computes: at most one a processor
}

// NewHub makes a Hub that has none.
func NewHub() *Hub {
	return &Hub{servers: map[string]*server{}, processors: make(chan struct{}, runtime.GOMAXPROCS(0))}
}

// A server listens at one address, and gives each request to the first of its watchers that takes
// such a one. It begins with its first watcher, and ends a turn of the loop after its last one: so
// one that takes another's place in the same turn, as at a reload, has the same listener, and no
// client sees a difference.
type server struct {
	Listening

	hub      *Hub
	loop     *loop.Loop
	report   *report.Reporter
	http     *http.Server
	listener *listener
	bodies   atomic.Int64 // bytes of all bodies under way
	routes   atomic.Pointer[[]*Watcher]

	// The loop's.
	members  []*Watcher
	settling bool // a turn from now the members that have stopped are left out
	replies  replies
}

// replies counts those that are not out yet, so that the loop does not end before that.
type replies struct {
	mu     sync.Mutex
	unsent int
	wanted func() // called when the last one is out; nil: nobody waits for it
}

func (r *replies) begin() {
	r.mu.Lock()
	r.unsent++
	r.mu.Unlock()
}

func (r *replies) sent() {
	r.mu.Lock()
	r.unsent--
	if r.unsent == 0 && r.wanted != nil {
		r.wanted()
		r.wanted = nil
	}
	r.mu.Unlock()
}

// wait has fn called once all are out, unless they are.
func (r *replies) wait(begun, fn func()) {
	r.mu.Lock()
	if r.unsent > 0 && r.wanted == nil {
		begun()
		r.wanted = fn
	}
	r.mu.Unlock()
}

// join makes a watcher one of those that are asked at its address.
func (h *Hub) join(w *Watcher) (*server, error) {
	s := h.servers[w.opts.Addr]
	if s != nil {
		differs := s.differs(&w.opts.Listening)
		if differs != "" && slices.ContainsFunc(s.members, (*Watcher).Active) {
			return nil, differently(differs, w.opts.Addr)
		}
		if differs != "" {
			s.close()
			s = nil
		}
	}
	if s == nil {
		var err error
		if s, err = h.listen(w); err != nil {
			return nil, err
		}
	}
	s.members = append(s.members, w)
	s.order()
	return s, nil
}

// order puts the members into the order of their places.
func (s *server) order() {
	slices.SortStableFunc(s.members, func(a, b *Watcher) int { return a.opts.Place - b.opts.Place })
	s.publish()
}

// differs names the flag of the first thing that two listeners don't have in common.
func (l *Listening) differs(other *Listening) string {
	for _, f := range []struct {
		flag string
		a, b any
	}{
		{"--tls-cert", l.CertFile, other.CertFile},
		{"--tls-key", l.KeyFile, other.KeyFile},
		{"--client-ca", l.ClientCA, other.ClientCA},
		{"--socket-mode", l.Access.Mode, other.Access.Mode},
		{"--socket-group", l.Access.Group, other.Access.Group},
		{"--trust-proxy", l.TrustProxy, other.TrustProxy},
		{"--trust-proxy", l.TrustUnix, other.TrustUnix},
		{"--max-header", l.MaxHeader, other.MaxHeader},
		{"--max-connections", l.MaxConnections, other.MaxConnections},
		{"--max-per-client", l.MaxPerClient, other.MaxPerClient},
		{"--max-bodies", l.MaxBodies, other.MaxBodies},
		{"--read-timeout", l.ReadTimeout, other.ReadTimeout},
	} {
		if !reflect.DeepEqual(f.a, f.b) {
			return f.flag
		}
	}
	return ""
}

// Beside is for whoever checks what is to be started: it says why a watcher can't be started, or
// would get no request, after another one.
func (o *Options) Beside(first *Options) error {
	if o.Addr != first.Addr {
		return nil
	}
	if flag := first.differs(&o.Listening); flag != "" {
		return differently(flag, o.Addr)
	}
	if first.takesAllOf(o) {
		return diag.Option("Addr", o.Addr,
			errors.New("another watcher before this one takes all its requests: give one of them a --path, --host or --method"))
	}
	return nil
}

// differently is the error for a flag that another listener at an address has otherwise.
func differently(flag, addr string) error {
	return diag.Option(flag, "", fmt.Errorf("%s: another watcher listens at %s with another %[1]s: give both the same", flag, addr))
}

// listen opens an address.
func (h *Hub) listen(w *Watcher) (*server, error) {
	s := &server{Listening: w.opts.Listening, hub: h, loop: w.loop, report: w.opts.Report}
	var err error
	if s.listener, err = listen(s.loop, s.Listening, s.report); err != nil {
		return nil, err
	}
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	s.http = &http.Server{
		Handler:           http.HandlerFunc(s.serve),
		ReadHeaderTimeout: min(s.ReadTimeout, headerTimeout),
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    s.MaxHeader,
		ConnContext:       withConn,
		ConnState:         s.listener.connState,
		ErrorLog:          log.New(serverLog{s.report}, "", 0),
		Protocols:         &protocols,

		DisableGeneralOptionsHandler: true,
	}
	if s.CertFile != "" {
		protocols.SetHTTP2(true)
		if s.listener.tls, err = newTLS(w.opts); err != nil {
			s.listener.shut()
			return nil, err
		}
	}
	s.tellAddress()
	if w.guard.open() {
		s.report.Noticef("%s: anyone who can reach this address can send requests: add --token-file, --hmac-secret-file, --basic-file, --client-ca or --host", s.Addr)
	}
	h.servers[s.Addr] = s
	go func() {
		err := s.http.Serve(s.listener)
		s.loop.Post(func() { s.served(err) })
	}()
	return s, nil
}

// newTLS has the certificate, as it is in its file at the time of each handshake.
func newTLS(o Options) (*tls.Config, error) {
	cert, err := liveCertificate(o)
	if err != nil {
		return nil, diag.Option("CertFile", o.CertFile, err)
	}
	c := &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			cert, _ := cert.get() // the one before is better than none
			return cert, nil
		},
	}
	if o.ClientCA == "" {
		return c, nil
	}
	authorities, err := newLive(o.Report, func() (*x509.CertPool, error) {
		text, err := os.ReadFile(o.ClientCA)
		pool := x509.NewCertPool()
		if err == nil && !pool.AppendCertsFromPEM(text) {
			err = fmt.Errorf("%s: there is no certificate in it", o.ClientCA)
		}
		return pool, err
	}, o.ClientCA)
	if err != nil {
		return nil, diag.Option("ClientCA", o.ClientCA, err)
	}
	c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
	base := c.Clone()
	c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		pool, err := authorities.get()
		if err != nil {
			return nil, err // of whom nobody knows who signs for them, nobody gets in
		}
		own := base.Clone()
		own.ClientCAs = pool
		return own, nil
	}
	return c, nil
}

// served tells that a server accepts no more.
func (s *server) served(err error) {
	if s.hub.servers[s.Addr] != s || errors.Is(err, http.ErrServerClosed) {
		return
	}
	s.report.Errorf("%s: %v", s.Addr, err)
	for _, w := range slices.Clone(s.members) {
		w.failed = w.Active()
		w.Stop()
	}
}

// leave is told by a watcher that has stopped.
func (s *server) leave(*Watcher) {
	if s.settling {
		return
	}
	s.settling = true
	s.loop.Ref()
	s.loop.Post(func() {
		s.settling = false
		s.members = slices.DeleteFunc(s.members, func(w *Watcher) bool { return w.server != s })
		s.publish()
		if len(s.members) == 0 {
			s.close()
		}
		s.loop.Unref()
	})
}

func (s *server) publish() {
	routes := slices.Clone(s.members)
	s.routes.Store(&routes)
}

// close listens no more. What is under way goes on, and the loop with it.
func (s *server) close() {
	if s.hub.servers[s.Addr] == s {
		delete(s.hub.servers, s.Addr)
	}
	s.replies.wait(s.loop.Ref, func() { s.loop.Post(s.loop.Unref) })
	// It closes what is idle and returns: the rest is closed after its answer.
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	_ = s.http.Shutdown(ended)
	s.listener.shut()
}

// awaitTurn waits until the loop has done what it has to do now.
func (s *server) awaitTurn() {
	done := make(chan struct{})
	s.loop.Post(func() { close(done) })
	<-done
}

// tellAddress says where to send requests to: to everyone, if nobody knows the port yet.
func (s *server) tellAddress() {
	say := s.report.Verbosef
	if a := s.listener.address; a.unix == "" && a.name == "" && a.fd < 0 && a.tcp.Port() == 0 {
		say = s.report.Noticef
	}
	say("%s", s.describe())
}

// describe says where it listens.
func (s *server) describe() string {
	at := s.listener.Addr()
	switch {
	case at.Network() == "unix":
		return fmt.Sprintf("listening on unix:%s", at)
	case s.CertFile != "":
		return fmt.Sprintf("listening on https://%s", at)
	}
	return fmt.Sprintf("listening on http://%s", at)
}

// serverLog takes the lines that net/http writes. That nothing can be accepted is told by the
// listener, once.
type serverLog struct{ report *report.Reporter }

func (l serverLog) Write(p []byte) (int, error) {
	line, stack, _ := strings.Cut(strings.TrimSpace(string(p)), "\n")
	switch {
	case strings.Contains(line, "panic serving"):
		l.report.Errorf("%s", line)
		for line := range strings.Lines(stack) {
			l.report.Verbosef("%s", strings.TrimSpace(line))
		}
	case strings.Contains(line, "Accept error"):
		l.report.Debugf("%s", line)
	default:
		l.report.Verbosef("%s", line)
	}
	return len(p), nil
}
