package onhttp

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	// heldOutputMost is how much output waits for the exit status that says what the answer is;
	// more than that is 200.
	heldOutputMost = 1 << 20
	// cgiMost is how long the headers are that a command may write.
	cgiMost = 64 << 10
)

// A reply writes one answer.
type reply struct {
	http.ResponseWriter
	control *http.ResponseController
	watcher *Watcher
	budget  budget

	status        int   // 0: none is out
	bytes         int64 // of the body that are out
	headersSent   bool
	heldOutput    []byte // output that waits: for the status, or the end of the headers
	outputDropped bool   // nothing more is written, though there may be output
	cgiFault      error  // of the headers that the command wrote
}

// takeOutput sends what the command has written, or holds it until the status is known.
func (a *reply) takeOutput(x *exchange, p []byte) {
	if len(p) == 0 || a.outputDropped {
		return
	}
	opts := a.watcher.opts
	if !a.headersSent && (opts.CGI || len(opts.Status) > 0) {
		a.heldOutput = append(a.heldOutput, p...)
		switch {
		case opts.CGI:
			a.takeHeaders(x)
		case len(a.heldOutput) > heldOutputMost:
			a.begin(http.StatusOK)
			a.sendHeldOutput(x)
		}
		return
	}
	if !a.headersSent {
		a.begin(http.StatusOK)
	}
	a.send(x, p)
}

// begin decides the status.
func (a *reply) begin(status int) {
	h := a.Header()
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", "text/plain; charset=utf-8")
	}
	h.Set("X-Content-Type-Options", "nosniff")
	a.allow()
	a.headersSent, a.status = true, status
	a.WriteHeader(status)
}

// A budget is how long a client may take to take the answer: all, and what the lowest rate allows
// for the bytes that it has taken. What the command takes to write them does not count.
type budget struct{ all, spent time.Duration }

// allow sets until when the client is to take the next piece.
func (a *reply) allow() (now time.Time) {
	now = time.Now()
	left := a.budget.all
	if rate := a.watcher.opts.MinRate; rate > 0 {
		left += spanOf(a.bytes, rate) - a.budget.spent
	}
	_ = a.control.SetWriteDeadline(now.Add(left))
	return now
}

// send writes a piece of the body.
func (a *reply) send(x *exchange, p []byte) {
	a.passOn(x, func() error {
		n, err := a.Write(p)
		a.bytes += int64(n)
		return err
	})
}

// flush has what has been written go out.
func (a *reply) flush(x *exchange) {
	if a.headersSent && !a.outputDropped {
		a.passOn(x, a.control.Flush)
	}
}

// passOn has the client take something, in the time that it has. If it does not, nothing more is sent.
func (a *reply) passOn(x *exchange, pass func() error) {
	began := a.allow()
	err := pass()
	a.budget.spent += time.Since(began)
	if err == nil {
		return
	}
	a.outputDropped = true
	switch {
	case errors.Is(err, http.ErrBodyNotAllowed):
	case errors.Is(err, http.ErrContentLength):
		a.watcher.opts.Report.Errorf("%s: --cgi: the command writes more than its Content-Length: the answer is cut off", x.detail.Subject())
	default:
		a.watcher.loop.Post(x.clientLeft)
	}
}

func (a *reply) sendHeldOutput(x *exchange) {
	held := a.heldOutput
	a.heldOutput = nil
	if len(held) > 0 {
		a.send(x, held)
	}
}

// finish ends an answer whose body is what the command has written.
func (a *reply) finish(x *exchange, status int) {
	switch {
	case a.headersSent:
	case a.watcher.opts.CGI:
		if a.cgiFault == nil {
			a.cgiFault = errors.New("there is no empty line after the headers")
		}
		a.watcher.opts.Report.Errorf("%s: --cgi: the output of the command is not an answer: %v", x.detail.Subject(), a.cgiFault)
		a.end(http.StatusInternalServerError, "")
	default:
		a.begin(status)
		a.sendHeldOutput(x)
	}
	a.allow()
}

// end answers with a status and a line that says it, and why, if there is a reason to be told.
func (a *reply) end(status int, why string) {
	if status == http.StatusServiceUnavailable {
		a.Header().Set("Retry-After", "1")
	}
	if status == http.StatusUnauthorized {
		a.Header().Set("WWW-Authenticate", a.watcher.gate.challenge())
	}
	if status == http.StatusNoContent {
		a.begin(status)
		return
	}
	text := fmt.Sprint(status, " ", http.StatusText(status))
	if why != "" {
		text += ": " + why
	}
	a.Header().Set("Content-Length", strconv.Itoa(len(text)+1))
	a.begin(status)
	n, _ := fmt.Fprintln(a.ResponseWriter, text)
	a.bytes += int64(n)
}

// refuse answers at once, whether or not a body comes that nobody reads: net/http would wait for it
// before the answer, and does after it.
func (a *reply) refuse(r *http.Request, why *refusal) {
	const rest = 500 * time.Millisecond // for a client that sends to read the answer
	if why.header[0] != "" {
		a.Header().Set(why.header[0], why.header[1])
	}
	switch why.status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusMisdirectedRequest:
		a.Header().Set("Connection", "close") // it may not keep others out
	}
	if r.Body == http.NoBody {
		a.end(why.status, why.why)
		return
	}
	a.Header().Set("Connection", "close")
	a.end(why.status, why.why)
	_ = a.control.Flush()
	_ = a.control.SetReadDeadline(time.Now().Add(rest))
}

// takeHeaders begins the answer when the command has written all of its headers.
func (a *reply) takeHeaders(x *exchange) {
	head, body, found := cutHeaders(a.heldOutput)
	if !found {
		if len(a.heldOutput) > cgiMost {
			a.fail(fmt.Errorf("more than %d bytes of headers", cgiMost))
		}
		return
	}
	headers := http.Header{}
	status, err := readHeaders(headers, head)
	if err != nil {
		a.fail(err) // and none of them goes out
		return
	}
	maps.Copy(a.Header(), headers)
	a.begin(status)
	a.heldOutput = body
	a.sendHeldOutput(x)
}

func (a *reply) fail(err error) { a.cgiFault, a.outputDropped, a.heldOutput = err, true, nil }

// cutHeaders finds the empty line that ends the headers.
func cutHeaders(b []byte) (head, body []byte, found bool) {
	for at := 0; at < len(b); {
		n := bytes.IndexByte(b[at:], '\n')
		if n < 0 {
			break
		}
		if line := b[at : at+n]; len(line) == 0 || len(line) == 1 && line[0] == '\r' {
			return b[:at], b[at+n+1:], true
		}
		at += n + 1
	}
	return nil, nil, false
}

// readHeaders reads what a CGI script writes (RFC 3875, section 6): headers, of which Status is the
// status, and Location is a redirect if there is none. Those that are the server's business are
// left out.
func readHeaders(h http.Header, head []byte) (status int, err error) {
	for line := range strings.Lines(string(head)) {
		line = strings.TrimRight(line, "\r\n")
		name, value, ok := strings.Cut(line, ":")
		value = strings.Trim(value, " \t")
		if !ok || !isToken(name) || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			return 0, fmt.Errorf("%.60q is not a header", line)
		}
		switch name = http.CanonicalHeaderKey(name); name {
		case "Status":
			code, _, _ := strings.Cut(value, " ")
			if status, err = strconv.Atoi(code); err != nil || status < 200 || status > 599 {
				return 0, fmt.Errorf("%.60q is no status from 200 to 599", value)
			}
		case "Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade":
		default:
			h.Add(name, value)
		}
	}
	switch {
	case status != 0:
	case h.Get("Location") != "":
		status = http.StatusFound
	default:
		status = http.StatusOK
	}
	return status, nil
}

// isToken reports whether s can be a header's name (RFC 9110, section 5.6.2).
func isToken(s string) bool {
	return s != "" && strings.Trim(s, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}
