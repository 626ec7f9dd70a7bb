package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/looptest"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/internal/socket"
	"github.com/evshell/ev/loop"
)

// A rig is a server on a loop that runs until the test ends.
type rig struct {
	*testing.T
	loop   *loop.Loop
	server *Server
	path   string
	asked  []Request // on the loop's goroutine
}

func serve(t *testing.T) *rig {
	t.Helper()
	l, err := loop.New()
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{T: t, loop: l, path: filepath.Join(t.TempDir(), "s")}
	if r.server, err = Listen(l, r.path, r.serve, report.New(t.Output(), "ev", report.Plain, report.Debug)); err != nil {
		t.Fatal(err)
	}
	l.Ref() // connections don't keep it alive
	over := make(chan error)
	go func() { over <- l.Run(context.Background(), loop.RunDefault) }()
	t.Cleanup(func() {
		l.Post(l.Break)
		if err := <-over; err != nil {
			t.Error(err)
		}
		r.server.Close()
		if _, err := os.Stat(r.path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the socket is left behind: %v", err)
		}
		_ = l.Close()
	})
	return r
}

func (r *rig) serve(q Request) Reply {
	r.asked = append(r.asked, q)
	switch q.Command {
	case List:
		return Reply{OK: true, Watchers: []Watcher{{Name: strings.Repeat("x", 100_000)}}}
	case Stop:
		return Reply{OK: true}
	}
	return Reply{Error: "there is no command " + q.Command}
}

// on calls fn on the loop's goroutine, and waits for it.
func (r *rig) on(fn func()) {
	done := make(chan struct{})
	r.loop.Post(func() { fn(); close(done) })
	<-done
}

func (r *rig) dial() *Client {
	r.Helper()
	c, err := Dial(r.path)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(c.Close)
	return c
}

// raw connects without the protocol.
func (r *rig) raw() net.Conn {
	r.Helper()
	c, err := new(net.Dialer).DialContext(r.Context(), "unix", r.path)
	if err != nil {
		r.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	r.Cleanup(func() { _ = c.Close() })
	return c
}

func (r *rig) write(c net.Conn, s string) {
	r.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		r.Fatal(err)
	}
}

func TestServer_answersInOrder(t *testing.T) {
	r := serve(t)
	c := r.raw()
	r.write(c, `{"command":"stop","names":["a","b"]}`+"\n"+`{"command":"sotp"}`+"\n"+`oops`+"\n"+`{"names":"a"}`+"\n"+`[]`+"\n"+`{"command":`)
	r.write(c, `"stop"}`+"\n")
	lines := bufio.NewScanner(c)
	for _, want := range []string{
		`{"ok":true}`, `"there is no command sotp"`, `"a request is a JSON object in one line`, `got string for names"`, `got array"`, `{"ok":true}`,
	} {
		if !lines.Scan() || !strings.Contains(lines.Text(), want) {
			t.Errorf("got %s, %v; want %s", lines.Text(), lines.Err(), want)
		}
	}
	r.on(func() {
		if len(r.asked) != 3 || len(r.asked[0].Names) != 2 {
			t.Errorf("it was asked for %v", r.asked)
		}
	})
}

func TestClient(t *testing.T) {
	r := serve(t)
	c := r.dial()
	if reply, line, err := c.Do(Request{Command: List}); err != nil || len(reply.Watchers[0].Name) != 100_000 || !json.Valid(line) {
		t.Errorf("%.50s, %v", line, err)
	}
	if _, _, err := c.Do(Request{Command: "sotp"}); err == nil || err.Error() != "there is no command sotp" {
		t.Error(err)
	}
	if _, err := Dial(r.path + "x"); err == nil || !strings.Contains(err.Error(), "no ev run listens there") {
		t.Error(err)
	}
}

func TestServer_sendsEvents(t *testing.T) {
	r := serve(t)
	c, idle := r.dial(), r.dial()
	if _, _, err := c.Do(Request{Command: Events}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := idle.Do(Request{Command: Stop}); err != nil {
		t.Fatal(err)
	}
	e := event.Event{Seq: 1, Name: "t", Time: time.Unix(0, 0).UTC(), Detail: event.Timer{After: time.Second}}
	r.on(func() { r.server.Publish(e) })
	line, err := c.Next()
	if err != nil || !bytes.Equal(line, append(e.AppendJSON(nil), '\n')) {
		t.Errorf("%s, %v", line, err)
	}
	r.on(func() { r.server.listener.close() })
	if line, err := c.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("%s, %v", line, err)
	}
	if line, err := idle.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("an idle client got %s, %v", line, err)
	}
}

// A client that reads no events is sent so many of them, and then told what it has lost; nobody
// waits for it.
func TestServer_tellsASlowReader(t *testing.T) {
	r := serve(t)
	c := r.dial()
	if _, _, err := c.Do(Request{Command: Events}); err != nil {
		t.Fatal(err)
	}
	const events = 50_000
	e := event.Event{Name: strings.Repeat("n", 1000), Detail: event.Timer{}}
	r.on(func() {
		for range events {
			r.server.Publish(e)
		}
	})
	r.on(func() {
		for s := range r.server.readers {
			if len(s.unsent) > maxEvents {
				t.Errorf("%d bytes wait for the client", len(s.unsent))
			}
		}
	})
	got := 0
	for {
		line, err := c.Next()
		if err != nil {
			t.Fatal(err)
		}
		var last Reply
		if _ = json.Unmarshal(line, &last); last.Error == "" {
			got++
			continue
		}
		var lost int
		if _, err := fmt.Sscanf(last.Error, "too slow: %d events are lost", &lost); err != nil || lost+got != events || lost == 0 {
			t.Errorf("%d came: %s", got, last.Error)
		}
		break
	}
	if line, err := c.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("it goes on: %s, %v", line, err)
	}
}

// A client that asks and asks but does not read gets no further: what is kept for it is one answer.
func TestServer_doesNotListenToOneWhoDoesNotRead(t *testing.T) {
	r := serve(t)
	c := r.raw()
	_ = c.SetWriteDeadline(time.Now().Add(10 * time.Second))
	request := strings.Repeat(`{"command":"list"}`+"\n", 1000)
	wrote := make(chan struct{})
	go func() {
		defer close(wrote)
		for range 100 {
			if _, err := io.WriteString(c, request); err != nil {
				return
			}
		}
	}()
	other := r.dial()
	for range 100 {
		if _, _, err := other.Do(Request{Command: Stop}); err != nil {
			t.Fatal(err)
		}
	}
	r.on(func() {
		for _, s := range r.server.listener.streams {
			if len(s.unsent) > 200_000 || len(s.unread) > 200_000 {
				t.Errorf("%d bytes unsent, %d unread", len(s.unsent), len(s.unread))
			}
		}
	})
	_ = c.Close()
	<-wrote
}

func TestServer_refusesAnEndlessRequest(t *testing.T) {
	r := serve(t)
	c := r.raw()
	go func() { _, _ = io.Copy(c, endless{}) }()
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil || !strings.Contains(line, "a request has 1048576 bytes at most") {
		t.Errorf("%q, %v", line, err)
	}
}

type endless struct{}

func (endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 'x'
	}
	return len(b), nil
}

// However many connect and say nothing, the next one is served.
func TestServer_oldestMakesRoom(t *testing.T) {
	r := serve(t)
	first := r.raw()
	for range mostStreams {
		r.raw()
	}
	if _, _, err := r.dial().Do(Request{Command: Stop}); err != nil {
		t.Error(err)
	}
	last, err := io.ReadAll(first)
	if err != nil || !strings.Contains(string(last), `"error":"there are more than 64 connections`) {
		t.Errorf("the oldest is told %q, %v", last, err)
	}
}

func TestListen_leavesALiveSocketAlone(t *testing.T) {
	r := serve(t)
	if s, err := Listen(r.loop, r.path, r.serve, nil); err == nil || !strings.Contains(err.Error(), "another process listens there") {
		t.Errorf("%v, %v", s, err)
	}
	if _, _, err := r.dial().Do(Request{Command: Stop}); err != nil {
		t.Error(err)
	}
}

// TestServer_itsFileIsMadeAnew after somebody has removed it.
func TestServer_itsFileIsMadeAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		backend := looptest.New()
		l, err := loop.New(loop.WithBackend(backend))
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "s")
		s, err := Listen(l, path, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		l.Ref()
		for range 2 {
			old := s.listener.FD
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			l.After(3*socket.LookEvery/2, l.Break)
			if err := l.Run(t.Context(), loop.RunDefault); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(path); err != nil || backend.Wanted(old) != 0 || backend.Wanted(s.listener.FD) != loop.Read {
				t.Errorf("%v; the loop wants %v of the old socket, %v of the new one", err, backend.Wanted(old), backend.Wanted(s.listener.FD))
			}
		}
	})
}
