package onhttp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/internal/socket"
)

// An address is where requests come in: at one of its three.
type address struct {
	tcp  netip.AddrPort
	unix string
	name string // of a descriptor
}

func parseHTTPAddress(s string) (a address, err error) {
	if path, ok := strings.CutPrefix(s, "unix:"); ok {
		if a.unix = path; path == "" {
			err = errors.New("unix: needs a path, as in unix:/run/hook.sock")
		}
		return a, err
	}
	if name, ok := strings.CutPrefix(s, "fd:"); ok {
		if a.name = name; name == "" {
			err = errors.New("fd: needs a name out of $LISTEN_FDNAMES, as in fd:web")
		}
		return a, err
	}
	if a.tcp, err = socket.ParseTCP(s); err != nil {
		err = fmt.Errorf("%w; or unix:PATH, fd:NAME", err)
	}
	return a, err
}

// listen opens the socket.
func (w *Watcher) listen() (*listener, error) {
	l := &listener{report: w.opts.Report, room: make(chan struct{}, w.opts.MaxConnections), closed: make(chan struct{})}
	var err error
	switch a := w.address; {
	case a.unix != "":
		var fd int
		if fd, err = socket.ListenAt(a.unix); err != nil {
			return nil, err
		}
		l.path = a.unix
		l.file, _ = os.Lstat(a.unix)
		l.Listener, err = listenerOf(fd, a.unix)
		_ = unix.Close(fd)
	case a.name != "":
		fd, ok := w.opts.Named[a.name]
		if !ok {
			return nil, fmt.Errorf("fd:%s: ev was passed no descriptor of that name: $LISTEN_FDNAMES is %q", a.name, os.Getenv("LISTEN_FDNAMES"))
		}
		if l.Listener, err = listenerOf(fd, a.name); err != nil {
			err = fmt.Errorf("fd:%s, descriptor %d, is no socket that listens: %w", a.name, fd, err)
		}
	default:
		network := "tcp"
		if a.tcp.Addr().Is4() {
			network = "tcp4"
		}
		l.Listener, err = net.ListenTCP(network, net.TCPAddrFromAddrPort(a.tcp))
	}
	if err != nil {
		return nil, err
	}
	return l, nil
}

// listenerOf makes a listener of a descriptor, which stays open.
func listenerOf(fd int, name string) (net.Listener, error) {
	own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	f := os.NewFile(uintptr(own), name)
	defer f.Close()
	return net.FileListener(f)
}

// tellAddress says where to send requests to: to everyone, if nobody knows the port yet.
func (w *Watcher) tellAddress() {
	scheme, say := "http", w.opts.Report.Verbosef
	if w.tls != nil {
		scheme = "https"
	}
	at := w.listener.Addr()
	if at.Network() == "unix" {
		say("listening on unix:%s", at)
		return
	}
	if w.address.name == "" && w.address.tcp.Port() == 0 {
		say = w.opts.Report.Noticef
	}
	say("listening on %s://%s", scheme, at)
}

// A listener accepts connections as long as there is room for them.
type listener struct {
	net.Listener
	report *report.Reporter
	rested bool          // nothing was accepted since that has been told
	room   chan struct{} // has one for each connection
	closed chan struct{}
	once   sync.Once
	path   string // of the socket's file, which is removed in the end
	file   os.FileInfo
}

// Accept waits for room, then for a connection.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case l.room <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.room
		l.refused(err)
		return nil, err
	}
	l.rested = false
	conn := &conn{Conn: c, left: sync.OnceFunc(func() { <-l.room }), fd: -1, remote: c.RemoteAddr().String()}
	if raw, err := c.(syscall.Conn).SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { conn.fd = int(fd) })
	}
	if c.RemoteAddr().Network() == "unix" {
		conn.remote = socket.Peer(conn.fd)
	}
	return conn, nil
}

// refused tells that there is no descriptor left, or the like: net/http tries again,
// each time a little later, at most a second.
func (l *listener) refused(err error) {
	if !l.rested && !errors.Is(err, net.ErrClosed) {
		l.rested = true
		l.report.Errorf("%v; new connections wait: raise the limit (ulimit -n) or lower --max-connections", err)
	}
}

// Close ends waiting, too.
func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// shut closes the listener, and removes its file.
func (l *listener) shut() {
	_ = l.Close()
	if l.file == nil {
		return
	}
	if now, err := os.Lstat(l.path); err == nil && os.SameFile(now, l.file) {
		_ = os.Remove(l.path)
	}
}

// A conn is a connection whose descriptor is known.
type conn struct {
	net.Conn
	fd     int
	remote string
	left   func()
	sent   func() // called once the answer is out, or lost; nil: nobody waits for that
}

// Close makes room for another.
func (c *conn) Close() error {
	err := c.Conn.Close()
	c.left()
	return err
}

// reset has Close cut the connection off, so that nobody takes that for an end; of a
// unix socket it can't.
func (c *conn) reset() {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
}

type connKey struct{}

// withConn is http.Server.ConnContext.
func withConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, plainConn(c))
}

// connState is http.Server.ConnState. An answer is out when its handler has returned
// and net/http has written what it had left: then the connection rests, or is closed.
func connState(c net.Conn, s http.ConnState) {
	if s != http.StateIdle && s != http.StateClosed {
		return
	}
	conn := plainConn(c)
	if sent := conn.sent; sent != nil {
		conn.sent = nil
		sent()
	}
}

// plainConn is what TLS is spoken over, if it is.
func plainConn(c net.Conn) *conn {
	if secure, ok := c.(*tls.Conn); ok {
		c = secure.NetConn()
	}
	return c.(*conn)
}

func connOf(ctx context.Context) *conn { return ctx.Value(connKey{}).(*conn) }
