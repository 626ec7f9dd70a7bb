package probe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/evshell/ev/internal/diag"
	"github.com/evshell/ev/loop"
)

// A Target is what is looked at.
type Target struct {
	network string   // tcp, unix; "": it is another kind
	address string   // of that network
	url     *url.URL // nil: it is another kind
	command []string // nil: it is another kind
	text    string
}

// String returns the target as it was given, without a password.
func (t Target) String() string { return t.text }

// Answers reports whether there is a status and an output: of an HTTP answer, or a command.
func (t Target) Answers() bool { return t.url != nil || t.command != nil }

// HTTP reports whether the target is asked by HTTP, and TLS whether over TLS.
func (t Target) HTTP() bool { return t.url != nil }

// TLS reports whether the target is asked over TLS.
func (t Target) TLS() bool { return t.url != nil && t.url.Scheme == "https" }

// ParseTarget reads tcp:HOST:PORT, unix:PATH, http://… and https://…. An error knows its place in s
// ([diag.Offset]).
func ParseTarget(s string) (Target, error) {
	scheme, rest, _ := strings.Cut(s, ":")
	switch scheme {
	case "tcp":
		return Target{network: "tcp", address: rest, text: s}, diag.Within(len("tcp:"), checkTCP(rest))
	case "unix":
		if rest == "" {
			return Target{}, errors.New("unix: needs a path, as in unix:/run/my.sock")
		}
		return Target{network: "unix", address: rest, text: s}, nil
	case "http", "https":
		u, err := url.Parse(s)
		switch {
		case err != nil:
			return Target{}, fmt.Errorf("%q is not a URL: %w", s, cmp.Or(errors.Unwrap(err), err))
		case u.Hostname() == "":
			return Target{}, fmt.Errorf("%q names no host: write %s://HOST/PATH", s, scheme)
		case u.Port() != "" && !isPort(u.Port()):
			return Target{}, diag.At(strings.Index(s, ":"+u.Port())+1, noPort(u.Redacted(), u.Port()))
		}
		return Target{url: u, text: u.Redacted()}, nil
	}
	const kinds = "a target is tcp:HOST:PORT, unix:PATH, http://HOST/PATH or https://HOST/PATH"
	switch _, port, err := net.SplitHostPort(s); {
	case strings.HasPrefix(s, "/"):
		return Target{}, fmt.Errorf("%q: %s: write unix:%[1]s", s, kinds)
	case err == nil && isNumber(port):
		return Target{}, fmt.Errorf("%q: %s: write tcp:%[1]s", s, kinds)
	}
	return Target{}, fmt.Errorf("%q: %s", s, kinds)
}

func checkTCP(address string) error {
	_, port, err := net.SplitHostPort(address)
	if err != nil || port == "" {
		return fmt.Errorf("tcp:%s: write tcp:HOST:PORT, as in tcp:localhost:5432", address)
	}
	if !isPort(port) {
		return diag.At(len(address)-len(port), noPort("tcp:"+address, port))
	}
	return nil
}

// isPort reports whether text is the number or the name of a port.
func isPort(text string) bool {
	port, err := net.DefaultResolver.LookupPort(context.Background(), "tcp", text)
	return err == nil && port > 0
}

func noPort(target, port string) error {
	return fmt.Errorf("%s: there is no port %s: ports go from 1 to 65535", target, port)
}

func isNumber(s string) bool {
	_, err := strconv.Atoi(s)
	return err == nil
}

// An answer is what one look has found.
type answer struct {
	status *int
	output string
	fault  string // why the target is down; "": it is up
	unmade string // why there was no look; "": there was. What this machine is short of says nothing of the target.
}

// An asker looks once at a target. Unless it is cancelled, done is called on the loop's goroutine,
// and not before ask has returned.
type asker interface {
	ask(done func(answer)) (cancel func())
}

func (t Target) asker(l *loop.Loop, o *Options) (asker, error) {
	if t.command != nil {
		return command{l, o}, nil
	}
	if t.url != nil {
		ask, err := newHTTP(t.url, o)
		return remote{l, o.Timeout, ask}, err
	}
	return remote{l, o.Timeout, t.dial}, nil
}

// dial connects, by each of the host's addresses if it must, and hangs up.
func (t Target) dial(ctx context.Context) answer {
	c, err := new(net.Dialer).DialContext(ctx, t.network, t.address)
	if err != nil {
		return failed(err)
	}
	_ = c.Close()
	return answer{}
}

// A remote asks on a goroutine of its own.
type remote struct {
	loop    *loop.Loop
	timeout time.Duration
	from    func(context.Context) answer
}

func (r remote) ask(done func(answer)) func() {
	ctx, cancel := context.WithTimeout(context.Background(), r.timeout)
	canceled := false // on the loop's goroutine
	go func() {
		defer cancel()
		a := r.from(ctx)
		if a.fault != "" && errors.Is(ctx.Err(), context.DeadlineExceeded) {
			a.fault = noAnswer
		}
		r.loop.Post(func() {
			if !canceled {
				done(a)
			}
		})
	}()
	return func() {
		canceled = true
		cancel()
	}
}

// noAnswer is the fault of a look that took too long.
const noAnswer = "no answer in time"

// failed is what an error of the network says.
func failed(err error) answer {
	for _, short := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.ENOBUFS} {
		if errors.Is(err, short) {
			return answer{unmade: short.Error()}
		}
	}
	return answer{fault: reason(err)}
}

// reason returns what an error of the network comes to, without the addresses that it names on the
// way.
func reason(err error) string {
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		return fmt.Sprintf("%s: %s", e.Name, e.Err)
	}
	if e, ok := errors.AsType[syscall.Errno](err); ok {
		return e.Error()
	}
	if errors.Is(err, io.EOF) {
		return "the connection was closed"
	}
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}
