package link_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/evshell/ev/internal/natstest"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/link"
)

// An engine is a server to share.
type engine struct {
	name string
	url  func(*testing.T) string
}

// engines are file:, a fake of NATS, and, of each nats-server that EV_NATS_SERVER names, one and
// three of them.
func engines() []engine {
	list := []engine{
		{"file", func(t *testing.T) string { t.Helper(); return "file:" + t.TempDir() }},
		{"fake", func(t *testing.T) string { t.Helper(); return fake(t).URL() }},
	}
	for _, binary := range servers() {
		list = append(list,
			engine{filepath.Base(binary) + "-1", func(t *testing.T) string { t.Helper(); return natsServers(t, binary, 1) }},
			engine{filepath.Base(binary) + "-3", func(t *testing.T) string { t.Helper(); return natsServers(t, binary, 3) }})
	}
	return list
}

func servers() []string {
	return strings.FieldsFunc(os.Getenv("EV_NATS_SERVER"), func(r rune) bool { return r == ':' })
}

// oldServer is a nats-server below 2.10, which is to be refused.
func oldServer() string { return os.Getenv("EV_NATS_SERVER_OLD") }

// everywhere runs a test with every engine.
func everywhere(t *testing.T, test func(*testing.T, string)) {
	t.Helper()
	for _, e := range engines() {
		t.Run(e.name, func(t *testing.T) { test(t, e.url(t)) })
	}
	if len(servers()) == 0 {
		t.Run("nats-server", func(t *testing.T) { t.Skip("EV_NATS_SERVER names no nats-server: .ci/run does") })
	}
}

func fake(t *testing.T, changes ...func(*natstest.Server)) *natstest.Server {
	t.Helper()
	s, err := natstest.New(changes...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// natsServers starts one nats-server, or a cluster, and returns its URL. A cluster of 2.10 whose
// servers start together may never choose a leader: then it is started anew.
func natsServers(t *testing.T, binary string, n int) string {
	t.Helper()
	for range 5 {
		url, stop := startServers(t, binary, n)
		if binary == oldServer() {
			return url
		}
		ready := make(chan error, 1)
		newHost(t, "first", url).Settled("x", "x", func(_ time.Time, err error) { ready <- err })
		select {
		case err := <-ready:
			if err != nil {
				t.Fatal(err)
			}
			return url
		case <-time.After(8 * time.Second):
			stop()
		}
	}
	t.Fatal("the cluster chooses no leader")
	return ""
}

func startServers(t *testing.T, binary string, n int) (url string, stop func()) {
	t.Helper()
	ports, err := natstest.FreePorts(2 * n)
	if err != nil {
		t.Fatal(err)
	}
	var routes, urls []string
	for i := range n {
		routes = append(routes, fmt.Sprintf("nats://127.0.0.1:%d", ports[n+i]))
		urls = append(urls, fmt.Sprintf("127.0.0.1:%d", ports[i]))
	}
	ctx, stop := context.WithCancel(t.Context())
	for i := range n {
		conf := filepath.Join(t.TempDir(), "nats.conf")
		text := fmt.Sprintf("server_name: s%d\nlisten: \"127.0.0.1:%d\"\njetstream { store_dir: %q }\n", i, ports[i], t.TempDir())
		if n > 1 {
			text += fmt.Sprintf("cluster { name: c, listen: \"127.0.0.1:%d\", routes: [%s] }\n", ports[n+i], strings.Join(routes, ", "))
		}
		if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c := exec.CommandContext(ctx, binary, "-c", conf)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { stop(); _ = c.Wait() })
	}
	return "nats://" + strings.Join(urls, ","), stop
}

// A host is one ev: a link, and a goroutine in place of a loop.
type host struct {
	link.Link
	t     *testing.T
	posts chan func()
	said  *said
	state string
}

type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func newHost(t *testing.T, name, url string) *host {
	t.Helper()
	return newHostIn(t, name, url, t.TempDir())
}

// hurry has what a link does now and then be done a thousand times as often.
func hurry(o *link.Options) {
	o.After = func(d time.Duration, fn func()) (stop func()) {
		timer := time.AfterFunc(d/1000, func() { o.Post(fn) })
		return func() { timer.Stop() }
	}
}

func newHostIn(t *testing.T, name, url, state string, changes ...func(*link.Options)) *host {
	t.Helper()
	h := &host{t: t, posts: make(chan func(), 1<<16), said: &said{}, state: state}
	ended := make(chan struct{})
	go func() {
		for {
			select {
			case fn := <-h.posts:
				fn()
			case <-ended:
				return
			}
		}
	}()
	o := link.Options{
		Server: url, Host: name, StateDir: state, Getenv: func(string) string { return "" },
		Post:   func(fn func()) { h.posts <- fn },
		Report: report.New(io.MultiWriter(h.said, t.Output()), name, report.Plain, report.Verbose),
	}
	for _, change := range changes {
		change(&o)
	}
	l, err := link.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	h.Link = l
	t.Cleanup(func() { h.close(); close(ended) })
	return h
}

func (h *host) close() {
	if h.Link == nil {
		return
	}
	done := make(chan struct{})
	h.Close(func() { close(done) })
	<-done
	h.Link = nil
}

// claim waits for what becomes of a claim.
func (h *host) claim(c link.Claim) *link.Grant {
	h.t.Helper()
	if c.Lease == 0 {
		c.Lease = 10 * time.Second
	}
	got := make(chan *link.Grant, 1)
	h.Claim(c, func(g *link.Grant) { got <- g })
	return receive(h.t, got)
}

func (h *host) publish(m link.Message) link.Stored {
	h.t.Helper()
	type result struct {
		where link.Stored
		err   error
	}
	got := make(chan result, 1)
	h.Publish(m, func(where link.Stored, err error) { got <- result{where, err} })
	r := receive(h.t, got)
	if r.err != nil {
		h.t.Fatal(r.err)
	}
	return r.where
}

func (h *host) check(need link.Need) error {
	got := make(chan error, 1)
	h.Check(need, func(err error) { got <- err })
	return receive(h.t, got)
}

// receive waits for a value. A test that hangs says where.
func receive[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(30 * time.Second):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

func message(subject, id string) link.Message {
	return link.Message{Subject: subject, ID: id, Source: "/a/b", Type: "ev.test", Data: []byte(`{"n":"` + id + `"}`)}
}
