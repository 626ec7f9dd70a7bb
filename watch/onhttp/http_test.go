package onhttp

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/looptest"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/loop"
)

// A rig has a loop of its own, on which requests arrive. The test is the client and, by the calls
// that it takes, the command.
type rig struct {
	*testing.T
	loop    *loop.Loop
	http    *Watcher
	calls   chan *call
	all     []*call // the loop's
	network string
	address string
	secure  *tls.Config // of clients; nil: plain
	said    lockedBuffer
}

// A call is an event that got a command.
type call struct {
	event.HTTP
	rig     *rig
	stopped chan struct{}
	wanted  bool
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// defaults are options as the command line has them.
func defaults() Options {
	return Options{
		Listening: Listening{
			Addr: "127.0.0.1:0", MaxHeader: 64 << 10, MaxConnections: 100, MaxPerClient: 100, MaxBodies: 256 << 20, ReadTimeout: time.Minute,
		},
		Methods: []string{"GET", "POST"}, MaxBody: 1 << 20, MaxForm: 1 << 20, MaxJSON: 10 << 20, MaxParallel: 16, MinRate: 1 << 10, Handed: true,
		Signature: Signature{Tolerance: 5 * time.Minute},
	}
}

func newRig(t *testing.T, change func(*Options)) *rig {
	t.Helper()
	l := looptest.NewLoop(t)
	r := &rig{T: t, loop: l, calls: make(chan *call, 1000), network: "tcp"}
	o := defaults()
	o.Report = report.New(&r.said, "ev", report.Plain, report.Debug)
	if change != nil {
		change(&o)
	}
	var err error
	if r.http, err = New(l, o, r.emitted); err != nil {
		t.Fatal(err)
	}
	if err := r.http.Start(); err != nil {
		t.Fatal(err)
	}
	r.network, r.address = r.http.Addr().Network(), r.http.Addr().String()
	l.Ref() // as long as the test goes on
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(r.said.String())
		}
	})
	looptest.Go(t, l, func() {
		r.http.Stop()
		for _, c := range r.all {
			c.Answer(event.Answer{Verdict: event.Stopped})
		}
		l.Unref()
	})
	return r
}

// emitted is the watcher's emit.
func (r *rig) emitted(d event.Detail) {
	c := &call{HTTP: d.(event.HTTP), rig: r, stopped: make(chan struct{})}
	c.wanted = c.Begin(func() { close(c.stopped) })
	r.all = append(r.all, c)
	r.calls <- c
}

// on has fn called on the loop, and waits for that.
func (r *rig) on(fn func()) {
	r.Helper()
	looptest.On(r.T, r.loop, fn)
}

// settle waits until the loop has seen what the kernel has to tell now.
func (r *rig) settle() {
	for range 3 {
		r.on(func() {})
	}
}

func (r *rig) call() *call {
	r.Helper()
	return looptest.Receive(r.T, r.calls, "no request has come")
}

// until waits until that is so.
func (r *rig) until(so func() bool, what string) {
	r.Helper()
	for deadline := time.Now().Add(looptest.Patience); !so(); r.settle() {
		if time.Now().After(deadline) {
			r.Fatal("it is never so: ", what)
		}
	}
}

// isStopped waits until the command is told to stop.
func (c *call) isStopped() {
	c.rig.Helper()
	looptest.Receive(c.rig.T, c.stopped, "the command is not stopped")
}

// write is output of the command's.
func (c *call) write(text string) {
	c.rig.Helper()
	if _, err := io.WriteString(c.Payload(0).Out, text); err != nil {
		c.rig.Error(err)
	}
}

// end is the end of the command.
func (c *call) end(status int) { c.answer(event.Answer{Verdict: event.Ran, Status: status}) }

func (c *call) answer(a event.Answer) { c.rig.on(func() { c.Answer(a) }) }

func (r *rig) dial() net.Conn {
	r.Helper()
	c := dial(r.T, r.network, r.address)
	if r.secure == nil {
		return c
	}
	s := tls.Client(c, r.secure)
	if err := s.HandshakeContext(r.Context()); err != nil {
		r.Fatal(err)
	}
	return s
}

// send sends bytes on a new connection.
func (r *rig) send(text string) net.Conn {
	r.Helper()
	c := r.dial()
	if _, err := io.WriteString(c, text); err != nil {
		r.Fatal(err)
	}
	return c
}

// A got is what a client gets: the status is 0 if there was none.
type got struct {
	status int
	header http.Header
	body   string
	err    error // of the body: it is not whole
}

// read reads an answer.
func read(c net.Conn, method string) got {
	resp, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		return got{err: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return got{resp.StatusCode, resp.Header, string(body), err}
}

const (
	get  = "GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n"
	post = "POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nbody"
)

func request(line, headers, body string) string {
	return fmt.Sprintf("%s HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: %d\r\n\r\n%s", line, headers, len(body), body)
}

func TestHTTP_requestIsAnEventThatIsAnswered(t *testing.T) {
	r := newRig(t, nil)
	c := r.send("POST /a%20b?x=1 HTTP/1.1\r\nHost: localhost:1\r\nX-One: 1\r\nContent-Length: 4\r\n\r\nbody")
	call := r.call()
	fields := string(event.Event{Detail: call.HTTP}.AppendJSON(nil))
	want := fmt.Sprintf(`"method":"POST","path":"/a b","host":"localhost:1","remote":"%s","user":null,"client_subject":null,"query":"x=1","gone":false,"files":[],`+
		`"param.x":"1","header.content-length":"4","header.x-one":"1"}`, c.LocalAddr())
	if !strings.HasSuffix(fields, want) {
		t.Errorf("got  %s\nwant …%s", fields, want)
	}
	if p := call.Payload(0); string(p.Data) != "body" {
		t.Errorf("the command reads %q", p.Data)
	}
	call.write("hello")
	call.end(0)
	if got := read(c, "POST"); got.status != 200 || got.body != "hello" || got.err != nil || got.header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("%+v", got)
	}
}

func TestHTTP_outputGoesOutAsItComes(t *testing.T) {
	r := newRig(t, nil)
	c := r.send(get)
	call := r.call()
	resp := make(chan *http.Response, 1)
	go func() {
		got, err := http.ReadResponse(bufio.NewReader(c), nil) //nolint:bodyclose // whoever gets it closes it
		if err != nil {
			t.Error(err)
		}
		resp <- got
	}()
	call.write("1")
	got := looptest.Receive(t, resp, "no answer before the command has ended")
	defer got.Body.Close()
	b := make([]byte, 1)
	for _, want := range []string{"1", "2", "3"} {
		if want != "1" {
			call.write(want)
		}
		if _, err := io.ReadFull(got.Body, b); err != nil || string(b) != want {
			t.Errorf("%q, %v", b, err)
		}
	}
	call.end(0)
	if rest, err := io.ReadAll(got.Body); len(rest) > 0 || err != nil {
		t.Errorf("%q, %v", rest, err)
	}
}

// What the command has started, and left, may hold its output open for ever.
func TestHTTP_answerEndsWithTheCommand(t *testing.T) {
	r := newRig(t, nil)
	c := r.send(get)
	call := r.call()
	large := strings.Repeat("x", 60<<10) // what a pipe holds
	fd, err := unix.FcntlInt(call.Payload(0).Out.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	call.write(large)
	call.end(0)
	if got := read(c, "GET"); got.body != large || got.err != nil {
		t.Errorf("%d, %d bytes, %v", got.status, len(got.body), got.err)
	}
}

// What the answer is, by what the command writes and how it ends.
func TestHTTP_answers(t *testing.T) {
	mapped := func(o *Options) { o.Status = map[int]int{3: 404, 4: 204, 0: 201} }
	cgi := func(o *Options) { o.CGI = true }
	for _, tt := range []struct {
		name   string
		change func(*Options)
		output string
		answer event.Answer
		want   string
	}{
		{"nothing", nil, "", event.Answer{}, "200"},
		{"output", nil, "hi", event.Answer{}, "200 hi"},
		{"a failure", nil, "", event.Answer{Status: 1}, "500 500 Internal Server Error"},
		{"a failure after output is cut off", nil, "hi", event.Answer{Status: 1}, "200 hi unexpected EOF"},
		{"too long", nil, "", event.Answer{Verdict: event.Late}, "504 504 Gateway Timeout: it took too long"},
		{"stopped", nil, "", event.Answer{Verdict: event.Stopped}, "503 503 Service Unavailable: try again later"},
		{"not started", nil, "", event.Answer{Verdict: event.Failed}, "500 500 Internal Server Error"},
		{"merged", nil, "", event.Answer{Verdict: event.Merged}, "202 202 Accepted"},
		{"refused", nil, "", event.Answer{Verdict: event.Refused}, "503 503 Service Unavailable: try again later"},

		{"a status with output", mapped, "no such", event.Answer{Status: 3}, "404 no such"},
		{"a status without", mapped, "", event.Answer{Status: 3}, "404"},
		{"a status that has no body", mapped, "hi", event.Answer{Status: 4}, "204"},
		{"a status for success", mapped, "hi", event.Answer{}, "201 hi"},
		{"another failure leaks nothing", mapped, "secret", event.Answer{Status: 1}, "500 500 Internal Server Error"},
		{"too much to be held", mapped, strings.Repeat("x", heldOutputMost+1), event.Answer{}, "200 " + strings.Repeat("x", heldOutputMost+1)},

		{"headers", cgi, "Content-Type: text/html\r\nX-A: 1\r\n\r\n<p>", event.Answer{}, "200 [text/html] [1] <p>"},
		{"headers that end in LF", cgi, "X-A: 1\n\nhi\n\n", event.Answer{}, "200 [1] hi\n\n"},
		{"no headers", cgi, "\nhi", event.Answer{}, "200 hi"},
		{"a status header", cgi, "Status: 418 I'm a teapot\n\nhi", event.Answer{}, "418 hi"},
		{"a redirect", cgi, "Location: /y\n\n", event.Answer{}, "302"},
		{"headers of the server's", cgi, "Transfer-Encoding: x\nConnection: x\nX-A: 1\n\nhi", event.Answer{}, "200 [1] hi"},
		{"no empty line", cgi, "X-A: 1\n", event.Answer{}, "500 500 Internal Server Error"},
		{"nothing for cgi", cgi, "", event.Answer{}, "500 500 Internal Server Error"},
		{"no header", cgi, "hello\n\n", event.Answer{}, "500 500 Internal Server Error"},
		{"a bad name", cgi, "a b: c\n\n", event.Answer{}, "500 500 Internal Server Error"},
		{"nothing of bad headers", cgi, "Content-Type: text/html\nX-A: 1\n folded\n\nhi", event.Answer{}, "500 500 Internal Server Error"},
		{"a bad status", cgi, "Status: 99\n\n", event.Answer{}, "500 500 Internal Server Error"},
		{"endless headers", cgi, strings.Repeat("A: b\n", cgiMost/5+1), event.Answer{}, "500 500 Internal Server Error"},
		{"a failure before the headers are over", cgi, "Content-Type: a/b\n", event.Answer{Status: 1}, "500 500 Internal Server Error"},
		{"a failure after them is cut off", cgi, "X-A: 1\n\nhi", event.Answer{Status: 1}, "200 [1] hi unexpected EOF"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, tt.change)
			c := r.send(get)
			call := r.call()
			written := make(chan struct{})
			go func() {
				defer close(written)
				call.write(tt.output)
			}()
			done := make(chan got)
			go func() { done <- read(c, "GET") }()
			looptest.Receive(t, written, "the output is not taken")
			call.answer(tt.answer)
			g := looptest.Receive(t, done, "there is no answer")
			got := fmt.Sprint(g.status)
			for _, name := range []string{"Content-Type", "X-A"} {
				if v := g.header.Get(name); v != "" && v != "text/plain; charset=utf-8" {
					got += " [" + v + "]"
				}
			}
			if body := strings.TrimSuffix(g.body, "\n"); g.status >= 500 {
				got += " " + body
			} else if g.body != "" {
				got += " " + g.body
			}
			if g.err != nil {
				got += " " + g.err.Error()
			}
			if strings.TrimSpace(got) != strings.TrimSpace(tt.want) {
				t.Errorf("got  %.200q\nwant %.200q", got, tt.want)
			}
			if retry := g.header.Get("Retry-After"); (retry != "") != (g.status == 503) {
				t.Errorf("Retry-After %q with %d", retry, g.status)
			}
		})
	}
}

// Before HTTP/1.1 the end of the connection is that of the answer.
func TestHTTP_oldClientsSeeThatAnAnswerIsCutOff(t *testing.T) {
	r := newRig(t, nil)
	c := r.send("GET /x HTTP/1.0\r\n\r\n")
	call := r.call()
	call.write("hi")
	answer := bufio.NewReader(c)
	if head, err := answer.ReadString('h'); err != nil {
		t.Fatalf("%q, %v", head, err)
	}
	call.end(1)
	if rest, err := io.ReadAll(answer); !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("%q, %v", rest, err)
	}
}

// Who is refused, or has not sent all, holds no connection for it.
func TestHTTP_unsentBodyIsNotAwaitedForEver(t *testing.T) {
	const head = "POST /x HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: 1000\r\n\r\n"
	for header, want := range map[string]int{"": 401, "Authorization: Bearer one\r\n": 408} {
		r := newRig(t, func(o *Options) {
			o.TokenFile, o.ReadTimeout = secretFile(t, "one"), time.Hour
			if want == 408 {
				o.ReadTimeout = 50 * time.Millisecond
			}
		})
		c := r.send(fmt.Sprintf(head, header))
		if got := read(c, "POST"); got.status != want {
			t.Errorf("%q: %+v", header, got)
		}
		if _, err := io.Copy(io.Discard, c); err != nil && !errors.Is(err, unix.ECONNRESET) {
			t.Error(err)
		}
	}
}

func TestHTTP_printedTheAnswerIsEmpty(t *testing.T) {
	r := newRig(t, func(o *Options) { o.Handed = false })
	if got := read(r.send(post), "POST"); got.status != 204 || got.body != "" {
		t.Errorf("%+v", got)
	}
	if call := r.call(); call.Payload(0).Out != nil {
		t.Error("there is a pipe that nobody uses")
	}
}

func TestHTTP_asyncIsAnsweredAtOnce(t *testing.T) {
	r := newRig(t, func(o *Options) { o.Async, o.MaxParallel = true, 1 })
	if got := read(r.send(post), "POST"); got.status != 202 {
		t.Errorf("%+v", got)
	}
	call := r.call()
	if call.Payload(0).Out != nil {
		t.Error("the output is the client's")
	}
	if got := read(r.send(post), "POST"); got.status != 503 {
		t.Errorf("while the command runs: %+v", got)
	}
	call.end(0)
	if got := read(r.send(post), "POST"); got.status != 202 {
		t.Errorf("once it has ended: %+v", got)
	}
}

func TestHTTP_onUnixSocketsItTellsWho(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	r := newRig(t, func(o *Options) { o.Addr = "unix:" + path })
	r.send(get)
	if call := r.call(); !strings.HasPrefix(call.Remote, "u") {
		t.Errorf("remote is %q", call.Remote)
	}
}

func dial(t *testing.T, network, addr string) net.Conn {
	t.Helper()
	c, err := (&net.Dialer{}).DialContext(t.Context(), network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(looptest.Patience)); err != nil {
		t.Fatal(err)
	}
	return c
}
