package watch

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/span"
)

// A refusal is why a request is no event: the status that its client gets, and what
// the user is told.
type refusal struct {
	status int
	why    string
	header [2]string // one more, if not empty
}

func (r *refusal) Error() string { return r.why }

func refuse(status int, format string, args ...any) error {
	return &refusal{status: status, why: fmt.Sprintf(format, args...)}
}

// serve answers one request, on its goroutine.
func (w *HTTP) serve(rw http.ResponseWriter, r *http.Request) {
	began := time.Now()
	a := &httpReply{ResponseWriter: rw, control: http.NewResponseController(rw), watcher: w}
	remote := connOf(r.Context()).remote
	note := ""
	defer func() {
		w.opts.Report.Verbosef("%s %s %d %d bytes in %s from %s%s", r.Method, r.URL.Path, a.status, a.bytes,
			span.Format(time.Since(began).Round(time.Microsecond)), remote, note)
	}()
	if w.opts.Health && r.URL.Path == healthPath && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
		a.end(http.StatusOK)
		return
	}
	x, err := w.exchange(a, r)
	if err != nil {
		note = ": " + err.Error()
		why, ok := errors.AsType[*refusal](err)
		if !ok {
			why = &refusal{status: http.StatusServiceUnavailable}
			w.opts.Report.Errorf("%s %s: %v", r.Method, r.URL.Path, err)
		}
		if why.header[0] != "" {
			a.Header().Set(why.header[0], why.header[1])
		}
		a.end(why.status)
		return
	}
	defer func() {
		if x.gone.Load() {
			note = ": the client has gone"
		}
	}()
	x.serve(a, r)
}

// exchange lets the request in, or says why not. It reads the body.
func (w *HTTP) exchange(a *httpReply, r *http.Request) (*httpExchange, error) {
	if err := w.permits(r); err != nil {
		return nil, err
	}
	if err := w.gate.admits(r); err != nil {
		return nil, err
	}
	seal, err := w.gate.seal(r)
	if err != nil {
		return nil, err
	}
	x := &httpExchange{watcher: w, conn: connOf(r.Context()), done: make(chan struct{})}
	if err = x.read(a, r, seal); err != nil {
		x.body.remove()
		return nil, err
	}
	return x, nil
}

// read takes the request apart.
func (x *httpExchange) read(a *httpReply, r *http.Request, seal *httpSeal) error {
	w := x.watcher
	if r.ContentLength > int64(w.opts.MaxBody) {
		return refuse(http.StatusRequestEntityTooLarge, "a body of %d bytes: --max-body", r.ContentLength)
	}
	_ = a.control.SetReadDeadline(w.deadline())
	src := http.MaxBytesReader(a.ResponseWriter, r.Body, int64(w.opts.MaxBody))
	err := x.body.read(io.TeeReader(src, seal))
	_ = a.control.SetReadDeadline(time.Time{})
	if err != nil {
		return unread(err)
	}
	if !seal.holds() {
		return refuse(http.StatusUnauthorized, "the signature is not the body's")
	}
	params, files, err := x.body.params(r, w.opts.JSONBody)
	if err != nil {
		return err
	}
	x.detail = event.HTTP{
		Addr: w.opts.Addr, Method: r.Method, Path: r.URL.Path, Host: r.Host, Remote: x.conn.remote, Query: r.URL.RawQuery,
		Params: params, Headers: w.headers(r.Header), Files: files, Exchange: x,
	}
	if w.opts.Handed && !w.opts.Async {
		x.output, x.input, err = os.Pipe()
	}
	return err
}

// unread says why a body could not be read.
func unread(err error) error {
	var tooLarge *http.MaxBytesError
	var disk *os.PathError
	switch {
	case errors.As(err, &tooLarge):
		return refuse(http.StatusRequestEntityTooLarge, "a body of more than %d bytes: --max-body", tooLarge.Limit)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return refuse(http.StatusRequestTimeout, "the body did not come: --read-timeout")
	case errors.As(err, &disk):
		return err
	}
	return refuse(http.StatusBadRequest, "the body did not come: %v", err)
}

// headers are those that an event has: all, but what proves who the client is.
func (w *HTTP) headers(h http.Header) []event.Param {
	list := make([]event.Param, 0, len(h))
	for _, name := range slices.Sorted(maps.Keys(h)) {
		if !w.gate.secret(name) {
			list = append(list, event.Param{Name: strings.ToLower(name), Values: h[name]})
		}
	}
	return list
}

// permits says whether there is such a thing here as is asked for, in such a way.
func (w *HTTP) permits(r *http.Request) error {
	if err := w.ownHost(r); err != nil {
		return err
	}
	if err := sameOrigin(r); err != nil {
		return refuse(http.StatusForbidden, "%v", err)
	}
	path := r.URL.Path
	if strings.IndexByte(path, 0) >= 0 || slices.ContainsFunc(strings.Split(path, "/"), func(s string) bool { return s == "." || s == ".." }) {
		return refuse(http.StatusBadRequest, "a path with a NUL, . or .. in it")
	}
	if len(w.opts.Paths) > 0 && !slices.ContainsFunc(w.opts.Paths, func(p string) bool { return covers(p, path) }) {
		return refuse(http.StatusNotFound, "no such path: --path")
	}
	if !slices.Contains(w.opts.Methods, r.Method) {
		return &refusal{
			status: http.StatusMethodNotAllowed, why: "no such method: --method",
			header: [2]string{"Allow", strings.Join(w.opts.Methods, ", ")},
		}
	}
	return nil
}

// covers reports whether a path is one of those that pattern stands for.
func covers(pattern, path string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(path, prefix)
	}
	return path == pattern
}

// ownHost refuses a name that is not this host's. A page on the web can have its own
// name stand for 127.0.0.1, and be of the same origin then as what listens there; but
// neither an address nor localhost can be made to stand for anything else.
func (w *HTTP) ownHost(r *http.Request) error {
	local, tcp := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	loopback := tcp && local.IP.IsLoopback()
	if len(w.opts.Hosts) == 0 && !loopback || r.Host == "" {
		return nil
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(r.Host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.ToLower(strings.Trim(host, "[]")), ".")
	if _, err := netip.ParseAddr(host); err == nil || host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return nil
	}
	if slices.ContainsFunc(w.opts.Hosts, func(h string) bool { return strings.EqualFold(h, host) }) {
		return nil
	}
	return refuse(http.StatusMisdirectedRequest, "%q is no name of this host: --host", host)
}

// sameOrigin refuses what a browser sends on behalf of another site's page. A GET that
// runs a command is no safe method.
func sameOrigin(r *http.Request) error {
	unsafe := *r
	unsafe.Method = http.MethodPost
	return http.NewCrossOriginProtection().Check(&unsafe)
}
