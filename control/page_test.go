package control

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/evshell/ev/loop"
)

func servePage(t *testing.T, text string) (address string) {
	t.Helper()
	l, err := loop.New()
	if err != nil {
		t.Fatal(err)
	}
	p, err := ServePage(l, netip.MustParseAddrPort("127.0.0.1:0"), "/metrics", func() []byte { return []byte(text) }, nil)
	if err != nil {
		t.Fatal(err)
	}
	l.Ref()
	over := make(chan error)
	go func() { over <- l.Run(context.Background(), loop.RunDefault) }()
	t.Cleanup(func() {
		l.Post(l.Break)
		if err := <-over; err != nil {
			t.Error(err)
		}
		p.Close()
		_ = l.Close()
	})
	at, err := p.Address()
	if err != nil {
		t.Fatal(err)
	}
	return at.String()
}

func TestPage(t *testing.T) {
	text := strings.Repeat("a line of the page\n", 100_000) // more than a socket takes at once
	address := servePage(t, text)
	for _, tt := range []struct {
		method, path string
		status       int
		body         string
	}{
		{"GET", "/metrics", 200, text},
		{"GET", "/metrics?name=x", 200, text},
		{"HEAD", "/metrics", 200, ""},
		{"GET", "/", 404, "there is /metrics\n"},
		{"POST", "/metrics", 405, ""},
	} {
		q, err := http.NewRequestWithContext(t.Context(), tt.method, "http://"+address+tt.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r.Body)
		_ = r.Body.Close()
		if err != nil || r.StatusCode != tt.status || string(body) != tt.body || !strings.HasPrefix(r.Header.Get("Content-Type"), "text/plain") {
			t.Errorf("%s %s: %s, %d bytes, %v", tt.method, tt.path, r.Status, len(body), err)
		}
	}
}

func TestPage_refuses(t *testing.T) {
	address := servePage(t, "page")
	for request, want := range map[string]string{
		"GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n":             "HTTP/1.1 421 Misdirected Request\r\n",
		"GET /metrics HTTP/1.1\r\nhost:localhost.evil.example:80\r\n\r\n": "HTTP/1.1 421 Misdirected Request\r\n",
		"hello\r\n\r\n":                         "HTTP/1.1 400 Bad Request\r\n",
		"GET /metrics\r\n\r\n":                  "HTTP/1.1 400 Bad Request\r\n",
		"GET /" + strings.Repeat("x", 10_000):   "HTTP/1.1 431 Request Header Fields Too Large\r\n",
		"GET /metrics HTTP/1.0\r\nX: y\r\n\r\n": "HTTP/1.1 200 OK\r\n",
	} {
		c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(time.Minute))
		if _, err := io.WriteString(c, request); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(c).ReadString('\n'); line != want {
			t.Errorf("%.30q: %q, %v; want %q", request, line, err, want)
		}
		_ = c.Close()
	}
}

func TestServePage_addressInUse(t *testing.T) {
	at := netip.MustParseAddrPort(servePage(t, ""))
	l, err := loop.New()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := ServePage(l, at, "/", nil, nil); err == nil || !strings.Contains(err.Error(), at.String()+": bind: address already in use") {
		t.Error(err)
	}
}
