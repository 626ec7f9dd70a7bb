package control

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"

	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/internal/socket"
	"github.com/evshell/ev/loop"
)

// maxHead is how long the head of a request for the page may be.
const maxHead = 8 << 10

// A Page answers HTTP requests for one path with one text, which is made anew for each. It knows as
// much of HTTP as that takes: GET and HEAD, one request a connection (RFC 9112). net/http, which
// knows all, answers on goroutines of its own, where the loop's watchers may not be looked at.
type Page struct {
	listener *listener
	path     string
	text     func() []byte
}

// ServePage serves text at a path, as text/plain.
func ServePage(l *loop.Loop, at netip.AddrPort, path string, text func() []byte, r *report.Reporter) (*Page, error) {
	ln, err := socket.Listen(socket.TCP(at))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", at, err)
	}
	if at.Port() == 0 {
		at, _ = socket.Address(ln.FD)
	}
	ln.Name, ln.Report = "the page at "+at.String(), r
	p := &Page{path: path, text: text}
	p.listener = newListener(l, ln, p.connected)
	return p, nil
}

// Address returns where it listens, with the port that the kernel has chosen if none was given.
func (p *Page) Address() (netip.AddrPort, error) { return socket.Address(p.listener.FD) }

// Close ends it.
func (p *Page) Close() { p.listener.close() }

func (p *Page) connected(c *stream) {
	c.take = func() {
		if c.last {
			c.unread = nil // there is nothing more to be said
			return
		}
		head, _, whole := bytes.Cut(c.unread, []byte("\r\n\r\n"))
		switch {
		case whole:
			p.answer(c, string(head))
		case len(c.unread) > maxHead:
			p.send(c, "431 Request Header Fields Too Large", "", nil)
		default:
			return
		}
		c.unread = nil
		c.finish()
	}
}

func (p *Page) answer(c *stream, head string) {
	line, fields, _ := strings.Cut(head, "\r\n")
	words := strings.Split(line, " ")
	if len(words) != 3 || !strings.HasPrefix(words[2], "HTTP/1.") {
		p.send(c, "400 Bad Request", "", nil)
		return
	}
	path, _, _ := strings.Cut(words[1], "?")
	name, own := socket.HostName(hostOf(fields))
	switch {
	case p.private() && !own:
		p.send(c, "421 Misdirected Request", "", fmt.Appendf(nil, "%q is not a name of this host\n", name))
	case words[0] != "GET" && words[0] != "HEAD":
		p.send(c, "405 Method Not Allowed", "Allow: GET, HEAD\r\n", nil)
	case path != p.path:
		p.send(c, "404 Not Found", "", []byte("there is "+p.path+"\n"))
	default:
		text := p.text()
		p.head(c, "200 OK", "", len(text))
		if words[0] == "GET" {
			c.send(text)
		}
	}
}

// private reports whether only this host can connect: nobody asks it under any other name then, but
// a page on the web that has its own name stand for this host.
func (p *Page) private() bool {
	at, err := p.Address()
	return err == nil && at.Addr().IsLoopback()
}

// hostOf returns the Host of a request.
func hostOf(fields string) string {
	for field := range strings.SplitSeq(fields, "\r\n") {
		if name, value, ok := strings.Cut(field, ":"); ok && strings.EqualFold(name, "Host") {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func (p *Page) send(c *stream, status, fields string, body []byte) {
	p.head(c, status, fields, len(body))
	c.send(body)
}

// head sends the head of an answer. The type's version is the one of Prometheus' text.
func (p *Page) head(c *stream, status, fields string, length int) {
	c.send(fmt.Appendf(nil, "HTTP/1.1 %s\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: %d\r\n%sConnection: close\r\n\r\n",
		status, length, fields))
}
