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
	"time"

	"golang.org/x/sys/unix"

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
	l := &listener{room: make(chan struct{}, w.opts.MaxConnections), closed: make(chan struct{})}
	var err error
	switch a := w.address; {
	case a.unix != "":
		l.socket, err = socket.ListenAt(a.unix, 0o600)
	case a.name != "":
		fd, ok := w.opts.Named[a.name]
		if !ok {
			return nil, fmt.Errorf("fd:%s: ev was passed no descriptor of that name: $LISTEN_FDNAMES is %q", a.name, os.Getenv("LISTEN_FDNAMES"))
		}
		own, e := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		if e != nil {
			return nil, fmt.Errorf("fd:%s: %w", a.name, os.NewSyscallError("fcntl", e))
		}
		l.socket = &socket.Listener{FD: own}
	default:
		if l.socket, err = socket.Listen(socket.TCP(a.tcp)); err != nil {
			err = fmt.Errorf("%s: %w", a.tcp, err)
		}
	}
	if err != nil {
		return nil, err
	}
	l.socket.Name, l.socket.Report = w.opts.Addr, w.opts.Report
	f := os.NewFile(uintptr(l.socket.FD), w.opts.Addr)
	defer f.Close()
	if l.Listener, err = net.FileListener(f); err != nil {
		l.socket.Remove()
		if fd, passed := w.opts.Named[w.address.name]; passed {
			err = fmt.Errorf("descriptor %d is no socket that listens: %w", fd, err)
		}
		return nil, fmt.Errorf("%s: %w", w.opts.Addr, err)
	}
	return l, nil
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
	socket *socket.Listener // whose descriptor is the net.Listener's
	room   chan struct{}    // has one for each connection
	closed chan struct{}
	once   sync.Once
}

// Accept waits for room, then for a connection.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case l.room <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.accept()
	if err != nil {
		<-l.room
		return nil, err
	}
	conn := &conn{Conn: c, left: sync.OnceFunc(func() { <-l.room }), fd: -1, remote: c.RemoteAddr().String()}
	control(c, func(fd int) { conn.fd = fd })
	if c.RemoteAddr().Network() == "unix" {
		conn.remote = socket.Peer(conn.fd)
	}
	return conn, nil
}

// accept waits for a connection, however often accept(2) fails.
func (l *listener) accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err == nil {
			control(l.Listener, l.socket.Accepted)
			return c, nil
		}
		pause, passes := l.socket.Rest(err)
		if !passes {
			return nil, err
		}
		select {
		case <-time.After(pause):
		case <-l.closed:
			return nil, net.ErrClosed
		}
	}
}

// control calls fn with the descriptor of a connection or a listener, if it is open.
func control(of any, fn func(fd int)) {
	if raw, err := of.(syscall.Conn).SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { fn(int(fd)) })
	}
}

// Close ends waiting, too.
func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
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
