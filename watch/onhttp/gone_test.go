package onhttp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/looptest"
)

// certificate makes one for localhost, and returns its files and what trusts it.
func certificate(t *testing.T) (cert, key string, trusts *tls.Config) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	bits, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	file := func(kind string, b []byte) string {
		name := filepath.Join(t.TempDir(), kind)
		if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	pool := x509.NewCertPool()
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(parsed)
	return file("CERTIFICATE", der), file("PRIVATE KEY", bits), &tls.Config{RootCAs: pool, ServerName: "localhost", NextProtos: []string{"http/1.1"}}
}

// overAll runs a test over all that HTTP is spoken over.
func overAll(t *testing.T, change func(*Options), test func(*rig)) {
	t.Helper()
	t.Run("tcp", func(t *testing.T) { test(newRig(t, change)) })
	t.Run("unix", func(t *testing.T) {
		test(newRig(t, func(o *Options) {
			change(o)
			o.Addr = "unix:" + filepath.Join(t.TempDir(), "s")
		}))
	})
	t.Run("tls", func(t *testing.T) {
		cert, key, trusts := certificate(t)
		r := newRig(t, func(o *Options) {
			change(o)
			o.CertFile, o.KeyFile = cert, key
		})
		r.secure = trusts
		test(r)
	})
}

func plain(*Options) {}

// reset closes a connection the hard way.
func reset(c net.Conn) {
	if s, ok := c.(*tls.Conn); ok {
		c = s.NetConn()
	}
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

func shut(c net.Conn) { _ = c.Close() }

func endSending(c net.Conn) { _ = c.(interface{ CloseWrite() error }).CloseWrite() }

// However a client goes, its command is stopped.
func TestHTTP_clientThatGoesIsNoticed(t *testing.T) {
	long := request("POST /x", "", strings.Repeat("x", bodyInMemory+1))
	for _, tt := range []struct {
		name  string
		send  string
		later string // once the request is an event
		leave func(net.Conn)
	}{
		{"GET, FIN", get, "", shut},
		{"GET, RST", get, "", reset},
		{"POST, FIN", post, "", shut},
		{"POST, RST", post, "", reset},
		{"long POST, FIN", long, "", shut},
		{"long POST, RST", long, "", reset},
		{"half-closed", get, "", endSending},
		{"two GET in one segment, FIN", get + get, "", shut},
		{"two GET in one segment, RST", get + get, "", reset},
		{"another GET later, FIN", get, get, shut},
		{"another GET later, RST", get, get, reset},
		{"POST with more than its length, FIN", post + "more", "", shut},
	} {
		t.Run(tt.name, func(t *testing.T) {
			overAll(t, plain, func(r *rig) {
				c := r.send(tt.send)
				call := r.call()
				_, _ = io.WriteString(c, tt.later)
				if call.Exchange.Gone() {
					r.Error("it has gone before it has")
				}
				tt.leave(c)
				call.isStopped()
				if v, _ := (event.Event{Detail: call.HTTP}).Lookup("gone"); v.String() != "true" || call.What() != "from "+call.Remote+", gone" {
					r.Errorf("gone is %v, what %q", v, call.What())
				}
				call.answer(event.Answer{Verdict: event.Stopped})
			})
		})
	}
}

// A client that has only ended its sending is there, if that is what the user says.
func TestHTTP_halfClosedClientMayWait(t *testing.T) {
	overAll(t, func(o *Options) { o.HalfClose = true }, func(r *rig) {
		if r.secure != nil {
			r.Skip("in TLS to end one's sending is to go")
		}
		c := r.send(post)
		call := r.call()
		_ = c.(interface{ CloseWrite() error }).CloseWrite()
		r.settle()
		call.write("hi")
		call.end(0)
		if got := read(c, "POST"); got.body != "hi" || got.err != nil {
			r.Errorf("%+v", got)
		}
		if call.Exchange.Gone() {
			r.Error("it was taken for gone")
		}
	})
}

// One that then goes is noticed as soon as something is written to it.
func TestHTTP_halfClosedClientThatGoesIsNoticed(t *testing.T) {
	r := newRig(t, func(o *Options) { o.HalfClose = true })
	c := r.send(get)
	call := r.call()
	_ = c.(*net.TCPConn).CloseWrite()
	r.settle()
	reset(c)
	r.until(func() bool {
		call.write("x")
		return call.Exchange.Gone()
	}, "the client has gone")
	call.isStopped()
	call.answer(event.Answer{Verdict: event.Stopped})
}

func TestHTTP_resetIsNoHalfClose(t *testing.T) {
	r := newRig(t, func(o *Options) { o.HalfClose = true })
	c := r.send(get)
	call := r.call()
	reset(c)
	call.isStopped()
	call.answer(event.Answer{Verdict: event.Stopped})
}

// The time that a request may take to come says nothing of how long its answer may.
func TestHTTP_readTimeoutIsNotTheCommands(t *testing.T) {
	overAll(t, func(o *Options) { o.ReadTimeout = 300 * time.Millisecond }, func(r *rig) {
		for method, request := range map[string]string{"GET": get, "POST": post} {
			c := r.send(request)
			call := r.call()
			passed := make(chan struct{})
			r.on(func() { r.loop.After(700*time.Millisecond, func() { close(passed) }) })
			looptest.Receive(r.T, passed, "the time does not pass")
			call.write("hi")
			call.end(0)
			if got := read(c, method); got.body != "hi" || got.err != nil || call.Exchange.Gone() {
				r.Errorf("%s: %+v, gone %v", method, got, call.Exchange.Gone())
			}
		}
	})
}

// The command goes on, and what it writes is read, so that nothing stops it.
func TestHTTP_keepRunning(t *testing.T) {
	r := newRig(t, func(o *Options) { o.KeepRunning = true })
	c := r.send(get)
	call := r.call()
	reset(c)
	r.until(call.Exchange.Gone, "the client has gone")
	call.write(strings.Repeat("x", 1<<20))
	select {
	case <-call.stopped:
		t.Error("the command is stopped")
	default:
	}
	call.end(0)
}

func TestHTTP_whoHasGoneBeforeItsTurnGetsNoCommand(t *testing.T) {
	for _, keep := range []bool{false, true} {
		r := newRig(t, func(o *Options) { o.KeepRunning = keep })
		r.on(func() { r.http.Hold(true) })
		c := r.send(get)
		r.until(func() (waits bool) {
			r.on(func() { waits = len(r.http.arrivals) > 0 })
			return waits
		}, "a request waits")
		shut(c)
		r.settle()
		r.on(func() { r.http.Hold(false) })
		if call := r.call(); call.wanted != keep || !call.Exchange.Gone() {
			t.Errorf("keep running: %v; a command is wanted: %v; gone: %v", keep, call.wanted, call.Exchange.Gone())
		} else {
			call.answer(event.Answer{Verdict: event.Stopped})
		}
	}
}

// An event whose client has gone says so, also when there is no command that the client could wait for.
func TestHTTP_goneBeforeItIsTold(t *testing.T) {
	printed := func(o *Options) { o.Handed = false }
	long := request("POST /x", "", strings.Repeat("x", bodyInMemory+1))
	for _, tt := range []struct {
		name   string
		change func(*Options)
		send   string
		leave  func(net.Conn)
		gone   bool
	}{
		{"printed, FIN", printed, get, shut, true},
		{"printed, RST", printed, post, reset, true},
		{"printed, long, FIN", printed, long, shut, true},
		{"printed, two in one segment, FIN", printed, get + get, shut, true},
		{"printed, half-closed", printed, get, endSending, true},
		{"printed, it stays", printed, get, func(net.Conn) {}, false},
		{"async, FIN", func(o *Options) { o.Async = true }, get, shut, true},
		{"async, it stays", func(o *Options) { o.Async = true }, get, func(net.Conn) {}, false},
		{"half-closed, and may be", func(o *Options) { o.HalfClose = true }, get, endSending, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			overAll(t, tt.change, func(r *rig) {
				o := r.http.opts
				if r.secure != nil && o.HalfClose {
					r.Skip("in TLS to end one's sending is to go")
				}
				c := r.dial()
				r.on(func() {
					r.http.Hold(true)
					_, _ = io.WriteString(c, tt.send)
					if o.Async { // that is never held: it goes before the loop's next turn
						tt.leave(c)
					}
				})
				if !o.Async {
					r.until(func() (waits bool) {
						r.on(func() { waits = len(r.http.arrivals) > 0 })
						return waits
					}, "a request waits")
					tt.leave(c)
					if tt.gone { // of TLS the kernel does not know that the sending has ended: net/http reads it
						r.until(func() (left bool) {
							r.on(func() { left = r.http.arrivals[0].left() })
							return left
						}, "it is seen that the client has gone")
					}
					r.on(func() { r.http.Hold(false) })
				}
				call := r.call()
				if gone, _ := (event.Event{Detail: call.HTTP}).Lookup("gone"); gone.String() != strconv.FormatBool(tt.gone) {
					r.Errorf("gone is %v, want %v", gone, tt.gone)
				}
				if o.Async && !call.wanted {
					r.Error("what is to be answered 202 is not dealt with")
				}
				if o.Handed {
					call.answer(event.Answer{Verdict: event.Stopped})
				}
			})
		})
	}
}

func TestHTTP_stoppedForTheClientThereIsNoAnswer(t *testing.T) {
	r := newRig(t, nil)
	c := r.send(get)
	call := r.call()
	_ = c.(*net.TCPConn).CloseWrite()
	call.isStopped()
	call.answer(event.Answer{Verdict: event.Stopped})
	if got := read(c, "GET"); got.status != 0 {
		t.Errorf("%+v", got)
	}
	r.settle()
	if !strings.Contains(r.said.String(), "GET /x 499 0 bytes in ") || !strings.Contains(r.said.String(), ": the client has gone") {
		t.Error(r.said.String())
	}
}
