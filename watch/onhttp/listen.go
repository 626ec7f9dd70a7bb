package onhttp

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/internal/socket"
	"github.com/evshell/ev/loop"
)

// An address is where requests come in: at one of its four.
type address struct {
	tcp  netip.AddrPort
	unix string
	name string // of a descriptor
	fd   int    // a descriptor; -1: it is none
}

func parseAddress(s string) (a address, err error) {
	a.fd = -1
	if path, ok := strings.CutPrefix(s, "unix:"); ok {
		if a.unix = path; path == "" {
			err = errors.New("unix: needs a path, as in unix:/run/hook.sock")
		}
		return a, err
	}
	if name, ok := strings.CutPrefix(s, "fd:"); ok {
		if n, e := strconv.ParseUint(name, 10, 31); e == nil {
			a.fd = int(n)
		} else if a.name = name; name == "" {
			err = errors.New("fd: needs a number, or a name out of $LISTEN_FDNAMES, as in fd:web")
		}
		return a, err
	}
	if a.tcp, err = socket.ParseTCP(s); err != nil {
		err = fmt.Errorf("%w; or unix:PATH, fd:NAME, fd:N", err)
	}
	return a, err
}

// MostConnections is how many connections there can be at once, by the limit of descriptors.
func MostConnections() int {
	const most, others = 65536, 100
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil || limit.Cur > math.MaxInt32 {
		return most
	}
	return min(most, max(int(limit.Cur)-others, int(limit.Cur)/2, 1))
}

// A listener accepts connections on the loop. One that says nothing is a descriptor there, and no
// more; it is given to net/http with its first byte (park.go).
type listener struct {
	Listening

	address  address
	tls      *tls.Config // nil: it is not spoken
	loop     *loop.Loop
	report   *report.Reporter
	socket   *socket.Listener
	accept4  func() (fd int, peer string, err error) // the socket's
	incoming *loop.IO
	renewal  func() // stops the timer to the next look at the socket's file
	local    net.Addr

	full     bool // no more can be accepted for now
	toldFull bool
	toldMany bool
	parked   parkedList
	end      func() // stops the timer of the parked

	mu     sync.Mutex
	ready  []net.Conn // to be taken by net/http
	given  sync.Cond
	closed bool
	active int                // connections that net/http has
	idle   idleList           // of connections that can be parked
	http2  idleList           // of those that can't
	each   map[netip.Addr]int // how many there are of each client
}

// listen opens the socket.
func listen(l *loop.Loop, o Listening, r *report.Reporter) (*listener, error) {
	s := &listener{Listening: o, loop: l, report: r, end: func() {}, renewal: func() {}, each: map[netip.Addr]int{}}
	s.given.L = &s.mu
	var err error
	if s.address, err = parseAddress(o.Addr); err != nil {
		return nil, err
	}
	if s.socket, err = s.open(); err != nil {
		return nil, err
	}
	s.socket.Name, s.socket.Report = o.Addr, r
	s.socket.Spare()
	s.accept4 = s.socket.Accept
	if s.local, err = localAddress(s.socket.FD); err != nil {
		s.socket.Remove()
		_ = unix.Close(s.socket.FD)
		if n := s.address.fd; n >= 0 || s.address.name != "" {
			if n < 0 {
				n = o.Named[s.address.name]
			}
			err = fmt.Errorf("descriptor %d is not a listening socket: %w", n, err)
		}
		return nil, fmt.Errorf("%s: %w", o.Addr, err)
	}
	s.watch()
	s.incoming.Start()
	if s.socket.HasFile() {
		s.renewal = l.After(socket.LookEvery, s.look)
	}
	return s, nil
}

func (l *listener) watch() {
	l.incoming = loop.NewIO(l.loop, l.socket.FD, loop.Read, func(loop.Ops) { l.accept() })
	l.incoming.KeepAlive(false)
}

// look has a socket whose file has gone be made anew, time and again.
func (l *listener) look() {
	if l.socket.Renew() {
		accepting := l.incoming.Active()
		_ = l.incoming.Close()
		if l.watch(); accepting {
			l.incoming.Start()
		}
	}
	l.renewal = l.loop.After(socket.LookEvery, l.look)
}

// localAddress returns where a socket listens, or why it does not.
func localAddress(fd int) (net.Addr, error) {
	if n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err != nil || n == 0 {
		return nil, cmp.Or(err, error(unix.EINVAL))
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return nil, os.NewSyscallError("getsockname", err)
	}
	if u, ok := sa.(*unix.SockaddrUnix); ok {
		return &net.UnixAddr{Name: u.Name, Net: "unix"}, nil
	}
	return net.TCPAddrFromAddrPort(socket.AddrPort(sa)), nil
}

func (l *listener) open() (*socket.Listener, error) {
	switch a := l.address; {
	case a.unix != "":
		return socket.ListenAt(a.unix, l.Access)
	case a.name != "":
		fd, ok := l.Named[a.name]
		if !ok {
			return nil, fmt.Errorf("fd:%s: ev was passed no descriptor of that name: $LISTEN_FDNAMES is %q", a.name, os.Getenv("LISTEN_FDNAMES"))
		}
		return openFD(l.Listening.Addr, fd)
	case a.fd >= 0:
		return openFD(l.Listening.Addr, a.fd)
	}
	s, err := socket.Listen(socket.TCP(l.address.tcp))
	if err != nil {
		err = fmt.Errorf("%s: %w", l.address.tcp, err)
	}
	return s, err
}

func openFD(name string, fd int) (*socket.Listener, error) {
	own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, os.NewSyscallError("fcntl", err))
	}
	return &socket.Listener{FD: own, Passed: true}, nil
}

// Addr returns where it listens.
func (l *listener) Addr() net.Addr { return l.local }

// accept takes what waits, a few in a turn.
func (l *listener) accept() {
	for range 64 {
		if !l.makeRoom() {
			l.full = true
			l.incoming.Stop()
			return
		}
		fd, peer, err := l.accept4()
		switch {
		case err == nil:
			l.accepted(fd, peer)
		case errors.Is(err, unix.EAGAIN):
			return
		default:
			l.rest(err)
			return
		}
	}
}

func (l *listener) rest(err error) {
	pause, passes := l.socket.Rest(err)
	l.incoming.Stop()
	if !passes {
		l.report.Errorf("%s: accept: %v", l.Listening.Addr, err)
		_ = l.Close()
		return
	}
	l.loop.After(pause, func() {
		if !l.isClosed() && !l.full {
			l.incoming.Start()
		}
	})
}

// accepted takes a connection: it is net/http's at once if there is something to be read.
func (l *listener) accepted(fd int, peer string) {
	c := &connection{fd: fd, peer: peer}
	if at, err := netip.ParseAddrPort(peer); err == nil {
		c.client = at.Addr().Unmap()
	}
	if !l.count(c.client, 1) {
		if !l.toldMany {
			l.toldMany = true
			l.report.Noticef("%s: %s has %d connections, and gets no more: --max-per-client sets the limit", l.Listening.Addr, c.client, l.MaxPerClient)
		}
		_ = unix.Close(fd)
		return
	}
	var b [1]byte
	if n, _, err := unix.Recvfrom(fd, b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT); n > 0 || err == nil {
		l.give(c)
		return
	}
	l.park(c)
}

// connections returns how many there are, also of those that say nothing.
func (l *listener) connections() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.active + l.parked.Len()
}

// count adds to the connections of a client, if it may have so many. Who is trusted to speak for
// others may, and so may this host's own.
func (l *listener) count(client netip.Addr, n int) bool {
	if !client.IsValid() || client.IsLoopback() || contains(l.TrustProxy, client) {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if n > 0 && l.each[client] >= l.MaxPerClient {
		return false
	}
	if l.each[client] += n; l.each[client] == 0 {
		delete(l.each, client)
	}
	return true
}

func contains(list []netip.Prefix, a netip.Addr) bool {
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// Accept is net/http's.
func (l *listener) Accept() (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.ready) == 0 && !l.closed {
		l.given.Wait()
	}
	if l.closed {
		return nil, net.ErrClosed
	}
	c := l.ready[0]
	l.ready[0] = nil
	l.ready = l.ready[1:]
	return c, nil
}

func (l *listener) isClosed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

// Close ends Accept.
func (l *listener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for _, c := range l.ready {
		go c.Close() // which counts, under this lock
	}
	l.ready = nil
	l.given.Broadcast()
	return nil
}

// shut closes the socket, and all connections that say nothing.
func (l *listener) shut() {
	_ = l.Close()
	l.incoming.Stop()
	l.end()
	l.renewal()
	for c := l.parked.oldest(); c != nil; c = l.parked.oldest() {
		l.unpark(c)
	}
	l.socket.Remove()
	_ = l.incoming.Close()
}

// control calls fn with the descriptor of a connection, if it is open.
func control(of any, fn func(fd int)) {
	if raw, err := of.(syscall.Conn).SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { fn(int(fd)) })
	}
}

type connKey struct{}

// withConn is http.Server.ConnContext.
func withConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, under(c))
}

// connState is http.Server.ConnState. An answer is out when its handler has returned and net/http
// has written what it had left: then the connection rests, or is closed. Of HTTP/2 it rests before
// that has been written.
func (l *listener) connState(c net.Conn, s http.ConnState) {
	if s != http.StateIdle && s != http.StateClosed {
		return
	}
	conn := under(c)
	if s == http.StateIdle && conn.http2 {
		conn.settleFlushed()
	} else {
		conn.settleReplies()
	}
	if s == http.StateIdle {
		l.rests(conn)
	}
}

func connOf(ctx context.Context) *conn { return ctx.Value(connKey{}).(*conn) }
