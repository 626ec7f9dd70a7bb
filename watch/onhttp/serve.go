package onhttp

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/span"
)

// A refusal is why a request is no event: the status that its client gets, with the reason, which
// says nothing but what the client knows or may know.
type refusal struct {
	status int
	why    string
	flag   string    // that the user may change it by, told to nobody else; may be empty
	header [2]string // one more, if not empty
}

func (r *refusal) Error() string {
	if r.flag == "" {
		return r.why
	}
	return r.why + ": " + r.flag
}

func refuse(status int, format string, args ...any) *refusal {
	return &refusal{status: status, why: fmt.Sprintf(format, args...)}
}

// by names the flag.
func (r *refusal) by(flag string) *refusal {
	r.flag = flag
	return r
}

// serve answers one request, on its goroutine.
func (s *server) serve(rw http.ResponseWriter, r *http.Request) {
	conn := connOf(r.Context())
	seen := seen{began: time.Now()}
	a := &reply{ResponseWriter: rw, control: http.NewResponseController(rw), budget: budget{all: s.ReadTimeout}}
	var x *exchange
	var client netip.Addr
	seen.remote, client = s.client(conn, r)
	w, why := s.route(r)
	defer func() {
		if w == nil {
			return
		}
		seen.took = time.Since(seen.began)
		if x != nil {
			if seen.user = x.detail.User; x.clientGone.Load() {
				seen.note = "the client has gone"
			}
		}
		w.tell(r, a, seen)
	}()
	if w == nil {
		a.watcher = &Watcher{gate: &gate{}, guard: &guard{}}
		a.refuse(r, why)
		return
	}
	a.watcher = w
	if r.ProtoMajor == 1 && len(r.TransferEncoding) > 0 {
		// There may have been a Content-Length besides, which net/http has dropped: what comes next
		// may be no request for whoever has passed this one on (RFC 9112, section 6.1).
		a.Header().Set("Connection", "close")
	}
	for why == nil {
		if r.Body != http.NoBody {
			_ = a.control.SetReadDeadline(time.Now().Add(s.ReadTimeout)) // net/http may read the body, too
		}
		w.guard.allowOrigin(a.Header(), r)
		switch {
		case w.isHealth(r):
			a.end(http.StatusOK, "")
			return
		case isPreflight(r) && w.guard.origins != nil:
			w.preflight(a, r)
			return
		}
		x = &exchange{watcher: w, server: s, conn: conn, shared: r.ProtoMajor > 1, leaves: r.Context().Done(), done: make(chan struct{}), body: x.takeBody(s)}
		x.detail = event.HTTP{Remote: seen.remote}
		if err := x.admit(a, r, client); err != nil {
			x.discard()
			why = x.refusal(r, err)
			break
		}
		if x.serve(a, r) {
			return
		}
		// This one has stopped meanwhile. If it was the last it is the one to answer.
		next, refusal := s.route(r)
		if why = refusal; next != nil {
			w, a.watcher = next, next
		}
	}
	if x != nil {
		x.discard()
	}
	seen.note = why.Error()
	w.refused.tell(r, why, seen.remote)
	a.refuse(r, why)
}

// refusal is what a client is told of an error.
func (x *exchange) refusal(r *http.Request, err error) *refusal {
	if why, ok := errors.AsType[*refusal](err); ok {
		return why
	}
	x.watcher.opts.Report.Errorf("%s %s: %v", r.Method, r.URL.Path, err)
	return refuse(http.StatusServiceUnavailable, "try again later")
}

// admit lets the request in, or says why not. It reads the body.
func (x *exchange) admit(a *reply, r *http.Request, client netip.Addr) error {
	w := x.watcher
	if err := w.guard.admits(r, client); err != nil {
		return err
	}
	user, err := w.gate.admits(r)
	if err != nil {
		return err
	}
	subject := ""
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		subject = r.TLS.PeerCertificates[0].Subject.String()
	}
	seal, err := w.gate.scheme.seal(r)
	if err != nil {
		return err
	}
	if seal != nil && w.opts.Handed && !x.count() {
		return errBusy() // a body that nobody has proved to be right is not even read
	}
	if err := x.readBody(a, r); err != nil {
		return err
	}
	if right, err := seal.holds(r, &x.body); err != nil || !right {
		if err == nil {
			err = unauthorized("the signature is not the body's")
		}
		return err
	}
	x.detail = event.HTTP{
		Addr: w.opts.Addr, Method: r.Method, Path: r.URL.Path, Host: r.Host, Remote: x.detail.Remote, User: cmp.Or(user, subject), ClientSubject: subject, Query: r.URL.RawQuery,
		Headers: w.headers(r.Header), Exchange: x, Accepted: w.opts.Async,
	}
	if err := x.parse(r, seal != nil && !w.gate.scheme.signsURL() && !w.opts.Query); err != nil {
		return err
	}
	if w.opts.CGI {
		x.detail.CGI = x.cgiVariables(r)
	}
	if w.opts.Handed {
		if err := x.fits(); err != nil {
			return err
		}
	}
	if w.opts.Handed && !w.opts.Async {
		x.output, err = newOutput()
	}
	return err
}

func errBusy() *refusal {
	return refuse(http.StatusServiceUnavailable, "try again later").by("--max-parallel, --max-queue")
}

// readBody reads all of the body, as long as the client sends fast enough.
func (x *exchange) readBody(a *reply, r *http.Request) error {
	switch {
	case r.Body == http.NoBody:
		return nil
	case x.body.whole:
		// net/http reads on, to see whether the client goes, and would take the time's end for that.
		_ = a.control.SetReadDeadline(time.Time{})
		return nil
	}
	w := x.watcher
	most, flag := w.bodyLimit(r)
	if r.ContentLength > int64(most) {
		return tooLarge(most, flag)
	}
	src := &bodyReader{
		exchange: x, src: http.MaxBytesReader(a.ResponseWriter, r.Body, int64(most)), control: a.control,
		began: time.Now(), expected: r.ContentLength,
	}
	if err := x.body.read(src); err != nil {
		return w.unread(err, most, flag)
	}
	_ = a.control.SetReadDeadline(time.Time{})
	return nil
}

func tooLarge(most int, flag string) *refusal {
	return refuse(http.StatusRequestEntityTooLarge, "the body has more than %d bytes", most).by(flag)
}

// unread says why a body could not be read.
func (w *Watcher) unread(err error, most int, flag string) error {
	var over *http.MaxBytesError
	var disk *os.PathError
	var why *refusal
	switch {
	case errors.As(err, &why):
		return why
	case errors.As(err, &over):
		return tooLarge(most, flag)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return refuse(http.StatusRequestTimeout, "the body did not come within %s", span.Format(w.opts.ReadTimeout)).by("--read-timeout")
	case errors.As(err, &disk):
		return err
	}
	return refuse(http.StatusBadRequest, "the body did not come: %v", err)
}

// headers are those that an event has: all, but what proves who the client is.
func (w *Watcher) headers(h http.Header) []event.Param {
	list := make([]event.Param, 0, len(h))
	for _, name := range slices.Sorted(maps.Keys(h)) {
		if !w.gate.secret(name) {
			list = append(list, event.Param{Name: strings.ToLower(name), Values: h[name]})
		}
	}
	return list
}

// fits refuses what no command can be given: a variable that would have to be left out.
func (x *exchange) fits() error {
	const (
		most = 128 << 10 // MAX_ARG_STRLEN of execve(2), with the NUL
		args = 64 << 10  // for the command's own words
	)
	sum := args
	for _, v := range os.Environ() {
		sum += len(v) + 9
	}
	for _, v := range (event.Event{Detail: x.detail}).Environ() {
		if name, _, _ := strings.Cut(v, "="); len(v) >= most {
			return refuse(http.StatusRequestEntityTooLarge, "$%.60s would have %d bytes, and a command can be given %d", name, len(v), most-1)
		}
		sum += len(v) + 9
	}
	if limit := argMax(); sum > limit {
		return refuse(http.StatusRequestEntityTooLarge, "all parameters and headers have %d bytes, and a command can be given %d", sum, limit)
	}
	return nil
}
