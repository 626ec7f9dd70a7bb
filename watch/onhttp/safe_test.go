package onhttp

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/looptest"
)

func printed(o *Options) { o.Handed = false }

// ask sends a request on a connection, and reads its answer.
func ask(t *testing.T, c net.Conn, text string) got {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		return got{err: err}
	}
	return read(c, "POST")
}

// closed reports whether nothing more comes.
func closed(c net.Conn) bool {
	n, err := c.Read(make([]byte, 1))
	return n == 0 && err != nil && !os.IsTimeout(err)
}

// What is in a file of secrets counts, whenever it is asked for.
func TestHTTP_secretsAreThoseOfTheFileNow(t *testing.T) {
	name := secretFile(t, "one\n")
	r := newRig(t, func(o *Options) {
		printed(o)
		o.TokenFile = name
	})
	try := func(token string, want int) {
		t.Helper()
		if got := read(r.send(request("POST /", "Authorization: Bearer "+token+"\r\n", "")), "POST"); got.status != want {
			t.Errorf("%q is %d, want %d", token, got.status, want)
		}
	}
	replace := func(text string) {
		t.Helper()
		if err := os.WriteFile(name+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(name+".new", name); err != nil {
			t.Fatal(err)
		}
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	try("one", 204)
	replace("two\n") // of the same length
	try("one", 401)
	try("two", 204)
	write("six\n") // in place, at once
	try("two", 401)
	try("six", 204)
	write("")
	try("six", 401)
	try("", 401)
	write("six\n\n")
	try("six", 401)
	write("# six\nsix\n")
	try("six", 401)
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	try("six", 401)
	replace("one\n")
	try("one", 204)
	said := r.said.String()
	for _, want := range []string{"is empty: write a secret", ":2: there is no secret in this line", ":1: each line is a secret, and there are no comments", "no such file", "it can be used again"} {
		if strings.Count(said, want) != 1 {
			t.Errorf("%q is not told once: %s", want, said)
		}
	}
}

// A certificate that can't be read leaves the one that there was.
func TestHTTP_certificateIsThatOfTheFileNow(t *testing.T) {
	cert, key, trusts := certificate(t)
	cert2, key2, trusts2 := certificate(t)
	r := newRig(t, func(o *Options) {
		printed(o)
		o.CertFile, o.KeyFile = cert, key
	})
	r.secure = trusts
	r.dial()
	if err := os.WriteFile(cert, []byte("none"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.dial()
	if !strings.Contains(r.said.String(), "TLS, "+cert) {
		t.Error("it is not told: ", r.said.String())
	}
	for from, to := range map[string]string{cert2: cert, key2: key} {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	r.secure = trusts2
	if got := read(r.send(post), "POST"); got.status != 204 {
		t.Errorf("%+v", got)
	}
}

// htpasswd -B makes such lines.
func TestHTTP_passwordsMayBeHashed(t *testing.T) {
	hash := hashOfSesame(t)
	r := newRig(t, func(o *Options) { o.BasicFile = secretFile(t, "ann:"+hash+"\nbob:plain\n") })
	for login, want := range map[string]int{"ann:sesame": 200, "bob:plain": 200, "ann:plain": 401, "bob:sesame": 401, "eve:sesame": 401, "ann:" + hash: 401} {
		for range 2 { // the second is remembered
			c := r.send(request("POST /", "Authorization: Basic "+base64.StdEncoding.EncodeToString([]byte(login))+"\r\n", ""))
			if want == 200 {
				call := r.call()
				if user, _, _ := strings.Cut(login, ":"); call.User != user {
					t.Errorf("the user is %q", call.User)
				}
				call.end(0)
			}
			if got := read(c, "POST"); got.status != want {
				t.Errorf("%s is %d", login, got.status)
			}
		}
	}
	o := defaults()
	o.BasicFile = secretFile(t, "ann:$apr1$x$y\n")
	if _, err := New(nil, o, nil); err == nil || !strings.Contains(err.Error(), "htpasswd -B") {
		t.Error(err)
	}
}

// Who is not let in keeps no connection, nor does who might hide a request behind another.
func TestHTTP_connectionsThatAreClosed(t *testing.T) {
	r := newRig(t, func(o *Options) {
		printed(o)
		o.BasicFile = secretFile(t, "ann:x")
		o.Origins = []string{"https://good.example"}
	})
	ann := "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("ann:x")) + "\r\n"
	for _, tt := range []struct {
		text   string
		status int
		close  bool
	}{
		{request("POST /", ann, ""), 204, false},
		{request("POST /", "", ""), 401, true},
		{request("POST /", ann+"Origin: https://evil.example\r\n", ""), 403, true},
		{strings.Replace(request("POST /", ann, ""), "localhost", "evil.example", 1), 421, true},
		{request("PUT /", ann, ""), 405, false},
		{"POST / HTTP/1.1\r\nHost: localhost\r\n" + ann + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 204, true},
		{"POST localhost:80 HTTP/1.1\r\nHost: localhost\r\n" + ann + "\r\n", 400, false},
		{"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n" + ann + "\r\n", 400, false},
		{"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n" + ann + "\r\n", 405, false},
		{"POST http://localhost/x HTTP/1.1\r\nHost: localhost\r\n" + ann + "\r\n", 204, false},
	} {
		c := r.send(tt.text)
		got := read(c, "POST")
		if got.status != tt.status {
			t.Errorf("%q: %+v", tt.text, got)
		}
		if tt.close && !closed(c) {
			t.Errorf("%q: it is not closed", tt.text)
		} else if again := strings.Replace(tt.text, "CONNECT", "POST", 1); !tt.close && ask(t, c, again).status == 0 {
			t.Errorf("%q: it is closed", tt.text)
		}
	}
}

// What is taken apart in memory has limits of its own, and all bodies have one.
func TestHTTP_limitsOfBodies(t *testing.T) {
	r := newRig(t, func(o *Options) {
		o.MaxBody, o.MaxForm, o.MaxJSON, o.MaxBodies = 100<<10, 10<<10, 20<<10, 150<<10
	})
	x := func(n int) string { return strings.Repeat("x", n<<10) }
	for _, tt := range []struct {
		request string
		want    int
	}{
		{request("POST /", "", x(99)), 200},
		{request("POST /", "", x(101)), 413},
		{request("POST /", typeForm, "a="+x(9)), 200},
		{request("POST /", typeForm, "a="+x(11)), 413},
		{request("POST /", typeMulti, form("a="+x(5), "b="+x(6))), 413},
		{request("POST /", typeMulti, form("a="+x(5), "b@f="+x(80))), 200},
		{"POST / HTTP/1.1\r\nHost: localhost\r\n" + typeForm + "Transfer-Encoding: chunked\r\n\r\n3000\r\n" + strings.Repeat("x", 0x3000) + "\r\n0\r\n\r\n", 413},
	} {
		c := r.send(tt.request)
		if tt.want == 200 {
			r.call().end(0)
		}
		if got := read(c, "POST"); got.status != tt.want {
			t.Errorf("%.100q: %d, want %d", tt.request, got.status, tt.want)
		}
	}
	first := r.send(request("POST /", "", x(90)))
	call := r.call()
	if got := read(r.send(request("POST /", "", x(90))), "POST"); got.status != 503 || got.header.Get("Retry-After") == "" {
		t.Errorf("beyond what all may have: %+v", got)
	}
	call.end(0)
	read(first, "POST")
	again := r.send(request("POST /", "", x(90)))
	r.call().end(0)
	if got := read(again, "POST"); got.status != 200 {
		t.Errorf("when there is room again: %+v", got)
	}
}

// What no command can be given is refused. Printed it can be.
func TestHTTP_whatDoesNotFitACommand(t *testing.T) {
	long := request("POST /", typeForm, "a="+strings.Repeat("x", 200<<10))
	if got := read(newRig(t, nil).send(long), "POST"); got.status != 413 || !strings.Contains(got.body, "$EV_PARAM_A would have 204811 bytes") {
		t.Errorf("%+v", got)
	}
	if got := read(newRig(t, printed).send(long), "POST"); got.status != 204 {
		t.Errorf("printed: %+v", got)
	}
	var many strings.Builder
	for i := range 900 {
		fmt.Fprintf(&many, "&p%d=%s", i, strings.Repeat("x", 10<<10))
	}
	r := newRig(t, func(o *Options) { o.MaxForm = 100 << 20 })
	if got := read(r.send(request("POST /", typeForm, many.String()[1:])), "POST"); got.status != 413 {
		t.Errorf("all together: %+v", got)
	}
}

// Nobody vouches for a query beside a body that is signed.
func TestHTTP_unsignedQueryIsNoParameter(t *testing.T) {
	for _, query := range []bool{false, true} {
		r := newRig(t, func(o *Options) {
			o.Signature = Signature{SecretFile: secretFile(t, "s"), Format: "hex", Header: "X-Sum"}
			o.Query = query
		})
		r.send(request("POST /?a=1", typeForm+fmt.Sprintf("X-Sum: %x\r\n", sign("s", "b=2")), "b=2"))
		call := r.call()
		a, _ := call.Lookup("param.a")
		b, _ := call.Lookup("param.b")
		if a.Known() != query || b.String() != "2" || call.Query != "a=1" {
			t.Errorf("with --query %v a is %v, b %v", query, a, b)
		}
	}
}

// A body that has to be signed takes one of the places for commands from its first byte.
func TestHTTP_unprovedBodiesAreNotMany(t *testing.T) {
	r := newRig(t, func(o *Options) {
		o.MaxParallel = 1
		o.Signature = Signature{SecretFile: secretFile(t, "s"), Format: "hex", Header: "X-Sum"}
	})
	head := "POST / HTTP/1.1\r\nHost: localhost\r\n" + fmt.Sprintf("X-Sum: %x\r\n", sign("s", "x")) + "Content-Length: 10\r\n\r\n"
	first := r.send(head)
	r.until(func() bool { return r.http.atWork.Load() == 1 }, "the first is at work")
	if got := read(r.send(head), "POST"); got.status != 503 {
		t.Errorf("%+v", got)
	}
	_ = first.Close()
	r.until(func() bool { return r.http.atWork.Load() == 0 }, "it makes room")
}

// What a client sends slowly is taken as long as it comes at the rate.
func TestHTTP_slowClients(t *testing.T) {
	r := newRig(t, func(o *Options) { o.ReadTimeout, o.MinRate = 100*time.Millisecond, 10 })
	c := r.send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20\r\n\r\n")
	for range 4 {
		if _, err := io.WriteString(c, "12345"); err != nil {
			t.Fatal(err)
		}
		passed := make(chan struct{})
		r.on(func() { r.loop.After(90*time.Millisecond, func() { close(passed) }) })
		looptest.Receive(t, passed, "the time does not pass")
	}
	r.call().end(0)
	if got := read(c, "POST"); got.status != 200 {
		t.Errorf("%+v", got)
	}
}

// A slowReader takes each piece of an answer in its own time, if it may.
type slowReader struct {
	http.ResponseWriter
	takes time.Duration
	until time.Time
}

func (s *slowReader) SetWriteDeadline(t time.Time) error { s.until = t; return nil }

func (s *slowReader) FlushError() error { return nil }

func (s *slowReader) Write(p []byte) (int, error) {
	if time.Now().Add(s.takes).After(s.until) {
		return 0, os.ErrDeadlineExceeded
	}
	<-time.After(s.takes)
	return len(p), nil
}

// What is taken more slowly than at the rate uses up the time that there is for all, though each
// piece is taken soon.
func TestReply_rate(t *testing.T) {
	for takes, want := range map[time.Duration]int64{90 * time.Millisecond: 100, 100 * time.Millisecond: 100, 300 * time.Millisecond: 4} {
		synctest.Test(t, func(t *testing.T) {
			reader := &slowReader{takes: takes}
			w := &Watcher{loop: looptest.NewLoop(t), opts: Options{MinRate: 1 << 10}}
			a := &reply{
				ResponseWriter: reader, control: http.NewResponseController(reader), watcher: w, headersSent: true,
				budget: budget{all: time.Second},
			}
			const piece = 1 << 10 / 10
			for range 100 {
				a.takeOutput(&exchange{watcher: w}, make([]byte, piece))
			}
			if got := a.bytes / piece; got != want || a.outputDropped != (want < 100) {
				t.Errorf("of 100 pieces that are due each 100ms, %d went out at %v each, want %d", got, takes, want)
			}
		})
	}
}

// A client that takes its answer more slowly than at the rate is cut off, and its command is
// stopped.
func TestHTTP_answerThatIsTakenTooSlowly(t *testing.T) {
	r := newRig(t, func(o *Options) { o.ReadTimeout, o.MinRate = 100*time.Millisecond, math.MaxInt })
	c := r.send(get)
	call := r.call()
	go func() {
		piece := make([]byte, 64<<10)
		for err := error(nil); err == nil; {
			_, err = call.Payload(0).Out.Write(piece)
		}
	}()
	taken := make(chan got, 1)
	go func() { taken <- read(c, "GET") }()
	call.isStopped()
	call.answer(event.Answer{Verdict: event.Stopped})
	if got := looptest.Receive(t, taken, "the connection is open"); got.status != 200 || got.err == nil {
		t.Errorf("status %d, %v: a part is taken for the whole", got.status, got.err)
	}
}

// At the limit the connection that has said nothing for longest goes; one that is at work stays.
func TestListener_longestIdleGoes(t *testing.T) {
	r := newRig(t, func(o *Options) { o.MaxConnections, o.MaxPerClient = 4, 4 })
	busy := r.send(get)
	call := r.call()
	idle := []net.Conn{r.dial(), r.dial(), r.dial()}
	r.settle()
	next := r.send(get)
	second := r.call()
	if !closed(idle[0]) {
		t.Error("the longest idle one is there")
	}
	call.end(0)
	second.end(0)
	for _, c := range []net.Conn{busy, next} {
		if got := read(c, "GET"); got.status != 200 {
			t.Errorf("%+v", got)
		}
	}
	// Between two requests it is idle, too.
	last := []net.Conn{r.send(get), nil, nil}
	r.call().end(0)
	if got := read(last[0], "GET"); got.status != 200 {
		t.Errorf("%+v", got)
	}
	if strings.Count(r.said.String(), "--max-connections") != 1 {
		t.Error(r.said.String())
	}
}

// Those that rest beyond the first few are descriptors again, and no client sees that.
func TestListener_restingConnectionsAreParked(t *testing.T) {
	const n = idleMost + 40
	overAll(t, func(o *Options) {
		printed(o)
		o.MaxConnections, o.MaxPerClient = 2*n, 2*n
	}, func(r *rig) {
		all := make([]net.Conn, n)
		for i := range all {
			all[i] = r.dial()
			if got := ask(r.T, all[i], get); got.status != 204 {
				r.Fatalf("%d: %+v", i, got)
			}
		}
		r.parks(n - idleMost)
		for i, c := range all {
			if got := ask(r.T, c, post+"POST /y HTTP/1.1\r\n"); got.status != 204 { // and a part of the next
				r.Fatalf("%d, again: %+v", i, got)
			}
			if got := ask(r.T, c, "Host: localhost\r\n\r\n"); got.status != 204 {
				r.Fatalf("%d, once more: %+v", i, got)
			}
		}
		for range n {
			r.call()
		}
	})
}

// Those that TLS has begun on, and no request has come by, rest as well.
func TestListener_secureConnectionsThatAskNothingAreParked(t *testing.T) {
	const n = idleMost + 40
	cert, key, trusts := certificate(t)
	r := newRig(t, func(o *Options) {
		printed(o)
		o.CertFile, o.KeyFile, o.MaxConnections, o.MaxPerClient = cert, key, 2*n, 2*n
	})
	r.secure = trusts
	all := make([]net.Conn, n)
	for i := range all {
		all[i] = r.dial()
	}
	r.parks(n - idleMost)
	for i, c := range all {
		if got := ask(t, c, get); got.status != 204 {
			t.Fatalf("%d: %+v", i, got)
		}
	}
}

// parks waits until so many connections are parked, and net/http has no more than it may.
func (r *rig) parks(n int) {
	r.Helper()
	r.until(func() (so bool) {
		r.on(func() {
			l := r.http.server.listener
			l.mu.Lock()
			so = l.parked.Len() >= n && l.active <= idleMost
			l.mu.Unlock()
		})
		return so
	}, "they are parked")
}

// A client has its share.
func TestListener_oneAddressHasItsShare(t *testing.T) {
	l := &listener{Listening: Listening{MaxPerClient: 2}, each: map[netip.Addr]int{}}
	far, near := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("127.0.0.1")
	l.TrustProxy = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}
	for i, want := range []bool{true, true, false} {
		if l.count(far, 1) != want || !l.count(near, 1) || !l.count(netip.MustParseAddr("198.51.100.7"), 1) || !l.count(netip.Addr{}, 1) {
			t.Errorf("the number %d", i+1)
		}
	}
	l.count(far, -1)
	if !l.count(far, 1) {
		t.Error("there is room again")
	}
}

// A HEAD goes where GET goes, and has no body.
func TestHTTP_headIsAboutGet(t *testing.T) {
	r := newRig(t, func(o *Options) { o.Methods = []string{"GET"} })
	c := r.send(strings.Replace(get, "GET", "HEAD", 1))
	call := r.call()
	call.write("hello")
	call.end(0)
	if got := read(c, "HEAD"); got.status != 200 || got.body != "" || call.Method != "HEAD" {
		t.Errorf("%+v", got)
	}
}

// HTTP/2 over TLS: several requests on one connection at once, each with a client that may go.
func TestHTTP_2(t *testing.T) {
	cert, key, trusts := certificate(t)
	r := newRig(t, func(o *Options) { o.CertFile, o.KeyFile = cert, key })
	transport := &http.Transport{TLSClientConfig: trusts, ForceAttemptHTTP2: true}
	trusts.NextProtos = nil
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	status := make(chan string, 2)
	for range 2 {
		go func() {
			url := "https://" + strings.Replace(r.address, "127.0.0.1", "localhost", 1) + "/x?a=1"
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader("body"))
			if err != nil {
				status <- err.Error()
				return
			}
			req.Header.Set("Content-Type", "text/plain")
			resp, err := client.Do(req)
			if err != nil {
				status <- err.Error()
				return
			}
			defer resp.Body.Close()
			body, _ := bufio.NewReader(resp.Body).ReadString(0)
			status <- fmt.Sprint(resp.Proto, " ", resp.StatusCode, " ", body)
		}()
	}
	first, second := r.call(), r.call()
	second.write("hello")
	second.end(0)
	if got := looptest.Receive(t, status, "no answer"); got != "HTTP/2.0 200 hello" {
		t.Error(got)
	}
	first.end(1)
	if got := looptest.Receive(t, status, "no answer"); !strings.HasPrefix(got, "HTTP/2.0 500") {
		t.Error(got)
	}
	if v, _ := (event.Event{Detail: first.HTTP}).Lookup("param.a"); v.String() != "1" {
		t.Error(v)
	}
}

// Who is printed is always taken; who waits for a command is bounded.
func TestHTTP_parallelIsOfCommands(t *testing.T) {
	r := newRig(t, func(o *Options) {
		printed(o)
		o.MaxParallel = 1
	})
	r.on(func() { r.http.Hold(true) })
	all := []net.Conn{r.send(get), r.send(get), r.send(get)}
	r.settle()
	r.on(func() { r.http.Hold(false) })
	for _, c := range all {
		if got := read(c, "GET"); got.status != 204 {
			t.Errorf("%+v", got)
		}
	}
	r = newRig(t, func(o *Options) { o.MaxParallel, o.MaxQueue = 1, 1 })
	one, two := r.send(get), r.send(get)
	calls := []*call{r.call(), r.call()}
	if got := read(r.send(get), "GET"); got.status != 503 {
		t.Errorf("%+v", got)
	}
	for _, c := range calls {
		c.end(0)
	}
	read(one, "GET")
	read(two, "GET")
}

// The words of proxies that are trusted say who the client is.
// TestHTTP_theLastStops: a request that waits for a watcher which stops, with none to take its place,
// is refused.
func TestHTTP_theLastStops(t *testing.T) {
	for _, handed := range []bool{true, false} {
		r := newRig(t, func(o *Options) { o.Handed = handed })
		r.on(func() { r.http.Hold(true) })
		c := r.send(get)
		r.until(func() (waits bool) {
			r.on(func() { waits = len(r.http.arrivals) > 0 })
			return waits
		}, "it waits")
		r.on(r.http.Stop)
		if got := read(c, "GET"); got.status != 503 {
			t.Errorf("%+v", got)
		}
		if said := r.said.String(); !strings.Contains(said, "GET /x 503 ") {
			t.Errorf("said %q", said)
		}
	}
}

// TestHTTP_panicIsToldWithItsPlace, which is what somebody who reads of it needs to know.
func TestHTTP_panicIsToldWithItsPlace(t *testing.T) {
	r := newRig(t, nil)
	r.on(func() {
		r.http.server.http.Handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("oh") })
	})
	if got := read(r.send(get), "GET"); got.err == nil {
		t.Errorf("%+v", got)
	}
	for _, want := range []string{": oh\n", "TestHTTP_panicIsToldWithItsPlace", "safe_test.go:"} {
		if said := r.said.String(); !strings.Contains(said, want) {
			t.Errorf("%q is not in %s", want, said)
		}
	}
}

func TestServer_client(t *testing.T) {
	s := &server{Listening: Listening{TrustProxy: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}}
	for _, tt := range []struct{ from, header, value, want string }{
		{"192.0.2.1:5", "X-Forwarded-For", "198.51.100.1", "192.0.2.1:5"},
		{"10.0.0.1:5", "", "", "10.0.0.1:5"},
		{"10.0.0.1:5", "X-Forwarded-For", "203.0.113.9, 198.51.100.1", "198.51.100.1"},
		{"10.0.0.1:5", "X-Forwarded-For", "198.51.100.1, 10.1.1.1", "198.51.100.1"},
		{"10.0.0.1:5", "X-Forwarded-For", "198.51.100.1, nonsense", "10.0.0.1:5"},
		{"10.0.0.1:5", "Forwarded", `for=203.0.113.9, for="[2001:db8::1]:80";proto=https`, "2001:db8::1"},
	} {
		r := &http.Request{Header: http.Header{}}
		if tt.header != "" {
			r.Header.Set(tt.header, tt.value)
		}
		host, _, _ := net.SplitHostPort(tt.from)
		if got, _ := s.client(&conn{remote: tt.from, client: netip.MustParseAddr(host)}, r); got != tt.want {
			t.Errorf("%+v: %s", tt, got)
		}
	}
}

// Pages of origins that are named may ask, and read the answer.
func TestHTTP_origins(t *testing.T) {
	r := newRig(t, func(o *Options) {
		printed(o)
		o.Origins = []string{"https://app.example"}
		o.TokenFile = secretFile(t, "one")
	})
	got := read(r.send("OPTIONS / HTTP/1.1\r\nHost: localhost\r\nOrigin: https://app.example\r\nAccess-Control-Request-Method: POST\r\n"+
		"Access-Control-Request-Headers: authorization\r\n\r\n"), "OPTIONS")
	if got.status != 204 || got.header.Get("Access-Control-Allow-Origin") != "https://app.example" ||
		got.header.Get("Access-Control-Allow-Methods") != "GET, POST" || got.header.Get("Access-Control-Allow-Headers") != "authorization" {
		t.Errorf("%+v", got)
	}
	got = read(r.send("OPTIONS / HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\r\nAccess-Control-Request-Method: POST\r\n\r\n"), "OPTIONS")
	if got.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("%+v", got)
	}
	got = read(r.send(request("POST /", "Origin: https://app.example\r\nAuthorization: Bearer one\r\n", "")), "POST")
	if got.status != 204 || got.header.Get("Access-Control-Allow-Origin") != "https://app.example" || got.header.Get("Vary") != "Origin" {
		t.Errorf("%+v", got)
	}
	o := defaults()
	o.Origins, o.BasicFile = []string{"*"}, secretFile(t, "a:b")
	if _, err := New(nil, o, nil); err == nil || !strings.Contains(err.Error(), "would let every page in") {
		t.Error(err)
	}
}

// A socket's file is never what the umask makes of it.
func TestListener_modeOfTheSocket(t *testing.T) {
	old := unix.Umask(0)
	defer unix.Umask(old)
	for mode, want := range map[os.FileMode]os.FileMode{0: 0o600, 0o660: 0o660} {
		path := t.TempDir() + "/s"
		newRig(t, func(o *Options) { o.Addr, o.Access.Mode, o.Access.Group = "unix:"+path, mode, fmt.Sprint(os.Getgid()) })
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%v, %v", info.Mode(), err)
		}
	}
}
