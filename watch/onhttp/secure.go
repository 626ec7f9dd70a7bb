package onhttp

import (
	"context"
	"crypto/tls"
	"net"
	"time"
)

// A wire is what TLS is spoken over. When a connection was parked it is another net.Conn than
// before: the tls.Conn stays, with its keys and the bytes that it has not made sense of yet.
type wire struct{ net.Conn }

// A secureConn is a connection that HTTP/1 is spoken over by TLS.
type secureConn struct {
	*tls.Conn
	conn *conn
}

// Read notes whether the connection can be parked.
func (c *secureConn) Read(p []byte) (int, error) { return c.conn.read(c.Conn, p) }

// Close ends TLS, unless that goes on when the connection is parked no more.
func (c *secureConn) Close() error {
	if !c.conn.isParked() {
		_ = c.Conn.Close()
	}
	return c.conn.Close()
}

// shake begins TLS. Here it is known what will be spoken; what has failed net/http tells the client.
func (l *listener) shake(c *conn) {
	below := &wire{c.Conn}
	secure := tls.Server(below, l.tls)
	_ = c.SetDeadline(time.Now().Add(min(l.ReadTimeout, headerTimeout)))
	err := secure.HandshakeContext(context.Background())
	_ = c.SetDeadline(time.Time{})
	if c.http2 = secure.ConnectionState().NegotiatedProtocol == "h2"; c.http2 || err != nil {
		below.Conn = c
		l.hand(secure)
		return
	}
	c.tls = secure
	l.rests(c)
	l.hand(&secureConn{secure, c})
}

// resume goes on with TLS over a connection that was parked.
func (l *listener) resume(c *conn) {
	c.tls.NetConn().(*wire).Conn = c.Conn
	l.hand(&secureConn{c.tls, c})
}

// under returns the connection that net/http has, or TLS is spoken over.
func under(c net.Conn) *conn {
	switch c := c.(type) {
	case *secureConn:
		return c.conn
	case *tls.Conn:
		return c.NetConn().(*wire).Conn.(*conn)
	}
	return c.(*conn)
}
