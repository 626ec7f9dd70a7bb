package onhttp

import (
	"container/list"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/loop"
)

// Most connections say nothing most of the time, and one that net/http has costs two goroutines'
// stacks and two buffers, 20 kB. So it gets a connection with its first byte; until then that is
// parked: a descriptor in the loop. When more than idleMost rest between two requests the one that
// has rested longest is parked again: its read is woken by a deadline, puts a copy of the
// descriptor into the loop, and tells net/http that the connection has come to its end, which
// closes its own. The client sees nothing of that. No byte is lost by it: the read that is woken
// has brought none, and net/http has none left in its buffer, since the read has room for all of
// that.
//
// Over TLS the tls.Conn stays (secure.go), with its keys and buffers, 7 kB, since none can be made
// anew from the keys of another. A connection of HTTP/2 has streams and tables besides, which are
// net/http's, and is never parked.
const idleMost = 256

// A connection is one that has been accepted.
type connection struct {
	fd     int
	peer   string
	client netip.Addr // not valid: it has none
	tls    *tls.Conn  // that goes on with the next byte; nil: there is none yet

	io    *loop.IO      // while it is parked
	since time.Time     // when it was
	place *list.Element // in the list of those
}

// A parkedList has the connections that are parked, the one that has been longest first.
type parkedList struct{ list.List }

func (l *parkedList) oldest() *connection {
	if e := l.Front(); e != nil {
		return e.Value.(*connection)
	}
	return nil
}

// park has the loop wait for the connection's next byte.
func (l *listener) park(c *connection) {
	c.since = l.loop.Now()
	c.io = loop.NewIO(l.loop, c.fd, loop.Read, func(loop.Ops) {
		// The copy is net/http's. This descriptor is closed by the loop, which has the kernel
		// forget it first: with a copy about epoll would go on to report it.
		own, err := unix.FcntlInt(uintptr(c.fd), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			pause, _ := l.socket.Rest(err)
			io := c.io
			io.Stop()
			l.loop.After(pause, func() {
				if c.io == io { // it has not been dropped
					io.Start()
				}
			})
			return
		}
		l.unpark(c)
		c.fd = own
		l.give(c)
	})
	c.io.KeepAlive(false)
	c.io.Start()
	c.place = l.parked.PushBack(c)
	if l.parked.Len() == 1 {
		l.arm()
	}
}

// unpark closes the descriptor of a parked connection.
func (l *listener) unpark(c *connection) {
	_ = c.io.Close()
	c.io = nil
	l.parked.Remove(c.place)
}

// arm closes the connections that have said nothing for too long.
func (l *listener) arm() {
	l.end()
	for c := l.parked.oldest(); c != nil; c = l.parked.oldest() {
		if left := c.since.Add(idleTimeout).Sub(l.loop.Now()); left > 0 {
			l.end = l.loop.After(left, l.arm)
			return
		}
		l.drop(c)
	}
}

// drop closes a parked connection.
func (l *listener) drop(c *connection) {
	l.unpark(c)
	l.count(c.client, -1)
}

// makeRoom reports whether one more connection may be accepted. If there are too many the one that
// has said nothing for longest goes.
func (l *listener) makeRoom() bool {
	l.mu.Lock()
	active, idle := l.active, l.idle.oldest()
	if idle == nil {
		idle = l.http2.oldest()
	}
	l.mu.Unlock()
	if active+l.parked.Len() < l.MaxConnections {
		return true
	}
	if !l.toldFull {
		l.toldFull = true
		l.report.Noticef("%s: the limit of %d connections is reached: each new one closes the one that has been idle longest; --max-connections sets the limit",
			l.Listening.Addr, l.MaxConnections)
	}
	if c := l.parked.oldest(); c != nil {
		l.drop(c)
		return true
	}
	if idle != nil {
		idle.wake(false) // there is room as soon as it has gone
	}
	return false
}

// give has net/http take the connection.
func (l *listener) give(c *connection) { l.giveFile(c, os.NewFile(uintptr(c.fd), "")) }

// giveFile tries again as long as there is no descriptor or memory for what net/http needs.
func (l *listener) giveFile(c *connection, f *os.File) {
	nc, err := net.FileConn(f) // a copy
	if err != nil && !l.isClosed() {
		if pause, passes := l.socket.Rest(err); passes {
			l.loop.After(pause, func() { l.giveFile(c, f) })
			return
		}
	}
	_ = f.Close()
	if err != nil {
		l.count(c.client, -1)
		l.report.Verbosef("%s: %v", l.Listening.Addr, err)
		return
	}
	conn := &conn{Conn: nc, listener: l, remote: c.peer, client: c.client, tls: c.tls, fd: -1}
	control(nc, func(fd int) { conn.fd = fd })
	l.mu.Lock()
	l.active++
	l.mu.Unlock()
	switch {
	case l.tls == nil:
		l.hand(conn)
	case c.tls == nil:
		go l.shake(conn)
	default:
		l.resume(conn)
	}
}

// hand has net/http's Accept return a connection.
func (l *listener) hand(c net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		go c.Close() // which counts, under this lock
		return
	}
	l.ready = append(l.ready, c)
	l.given.Signal()
}

// rests is told when a connection has had its answer, or TLS has begun. If there are too many such
// ones the oldest is parked.
func (l *listener) rests(c *conn) {
	c.mu.Lock()
	c.idle = true
	c.mu.Unlock()
	l.mu.Lock()
	if c.http2 {
		l.http2.add(c)
	} else {
		l.idle.add(c)
	}
	var oldest *conn
	if l.idle.Len() > idleMost {
		oldest = l.idle.oldest()
		l.idle.remove(oldest)
	}
	full := l.full
	l.mu.Unlock()
	if oldest != nil {
		oldest.wake(true)
	} else if full {
		l.loop.Post(l.accept) // this one may go for another
	}
}

// left is told when net/http has closed a connection. If that was parked it is back in the loop.
func (l *listener) left(c *conn, parked int) {
	l.mu.Lock()
	l.active--
	l.remove(c)
	closed, full := l.closed, l.full
	l.mu.Unlock()
	if parked >= 0 && !closed {
		l.loop.Post(func() {
			if l.isClosed() {
				_ = unix.Close(parked)
				return
			}
			l.park(&connection{fd: parked, peer: c.remote, client: c.client, tls: c.tls})
		})
	} else {
		if parked >= 0 {
			_ = unix.Close(parked)
		}
		l.count(c.client, -1)
	}
	if full {
		l.loop.Post(func() {
			if l.full && !l.isClosed() {
				l.full = false
				l.incoming.Start()
			}
		})
	}
}

// An idleList has the connections that rest, the one that has longest first.
type idleList struct{ list.List }

func (l *idleList) oldest() *conn {
	if e := l.Front(); e != nil {
		return e.Value.(*conn)
	}
	return nil
}

func (l *idleList) add(c *conn) {
	l.remove(c)
	c.place = l.PushBack(c)
}

func (l *idleList) remove(c *conn) {
	if c != nil && c.place != nil {
		l.Remove(c.place)
		c.place = nil
	}
}

// A conn is a connection that net/http has.
type conn struct {
	net.Conn
	listener *listener
	fd       int
	remote   string
	client   netip.Addr
	place    *list.Element // under the listener's lock
	http2    bool          // it is spoken, by TLS
	tls      *tls.Conn     // that HTTP/1 is spoken by; nil: none

	mu      sync.Mutex
	room    int  // of the first read: net/http's whole buffer
	idle    bool // between two requests
	waiting bool // in a read that has brought nothing yet, with all of the buffer free
	woken   bool // that read is to end
	again   bool // and the connection to be parked
	parked  int  // the copy that is, and 1 more
	closing bool
	unsent  []func() // called once the answers are out, or lost
	flushes bool     // with the next write they are out
}

// Read notes whether the connection can be parked.
func (c *conn) Read(p []byte) (int, error) { return c.read(c.Conn, p) }

func (c *conn) read(from io.Reader, p []byte) (int, error) {
	c.mu.Lock()
	if c.room == 0 {
		c.room = len(p)
	}
	c.waiting = c.idle && len(p) == c.room && !c.http2
	resting := c.idle
	if c.woken {
		_ = c.SetReadDeadline(time.Unix(1, 0)) // net/http may have set another since
	}
	c.mu.Unlock()
	n, err := from.Read(p)
	if !resting {
		return n, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	parkable := c.waiting
	c.waiting = false
	switch {
	case n > 0:
		if c.idle = false; c.woken {
			// It came just in time.
			c.woken = false
			_ = c.SetReadDeadline(time.Now().Add(idleTimeout))
		}
		c.listener.busy(c)
	case c.woken && c.again && parkable && errors.Is(err, os.ErrDeadlineExceeded):
		control(c.Conn, func(fd int) {
			if own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0); err == nil {
				c.parked = own + 1
			}
		})
	}
	return n, err
}

// busy takes a connection out of those that rest.
func (l *listener) busy(c *conn) {
	l.mu.Lock()
	l.remove(c)
	l.mu.Unlock()
}

// remove takes a connection out of its list.
func (l *listener) remove(c *conn) {
	if c.http2 {
		l.http2.remove(c)
	} else {
		l.idle.remove(c)
	}
}

// Write notes that the last of an answer is out.
func (c *conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.mu.Lock()
	flushes := c.flushes
	c.flushes = false
	c.mu.Unlock()
	if flushes {
		c.settleReplies()
	}
	return n, err
}

// wake ends the read of a connection that rests, which is parked then, or closed.
func (c *conn) wake(park bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.idle || park && !c.waiting {
		return
	}
	c.woken, c.again = true, park
	_ = c.SetReadDeadline(time.Unix(1, 0))
}

func (c *conn) isParked() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.parked > 0
}

// Close makes room for another.
func (c *conn) Close() error {
	err := c.Conn.Close()
	c.mu.Lock()
	parked, again := c.parked-1, c.closing
	c.closing = true
	c.mu.Unlock()
	if !again {
		c.listener.left(c, parked)
	}
	return err
}

// reset has Close cut the connection off, so that nobody takes that for an end; of a unix socket it
// can't.
func (c *conn) reset() {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
}

// awaitReply has fn called when the connection rests again, or is closed.
func (c *conn) awaitReply(fn func()) {
	c.mu.Lock()
	c.unsent = append(c.unsent, fn)
	c.mu.Unlock()
}

// flushWithin is how long HTTP/2 of net/http may take to write what it has left of an answer.
const flushWithin = 100 * time.Millisecond

// settleFlushed has the answers be out with the next write, which is under way, or, if there is
// none, in a moment.
func (c *conn) settleFlushed() {
	c.mu.Lock()
	c.flushes = len(c.unsent) > 0
	if c.flushes {
		time.AfterFunc(flushWithin, c.settleReplies)
	}
	c.mu.Unlock()
}

func (c *conn) settleReplies() {
	c.mu.Lock()
	unsent := c.unsent
	c.unsent = nil
	c.mu.Unlock()
	for _, fn := range unsent {
		fn()
	}
}
