package onhttp

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
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/internal/span"
)

// A refusal is why a request is no event: the status that its client gets, with the
// reason, which says nothing but what the client knows or may know.
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
func (w *Watcher) serve(rw http.ResponseWriter, r *http.Request) {
	began := time.Now()
	a := &reply{ResponseWriter: rw, control: http.NewResponseController(rw), watcher: w}
	remote := connOf(r.Context()).remote
	note := ""
	defer func() { w.access(r, a, time.Since(began), remote, note) }()
	_ = a.control.SetReadDeadline(w.deadline()) // net/http may read the body, too
	if w.opts.Health && r.URL.Path == healthPath && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
		a.end(http.StatusOK, "")
		return
	}
	x, err := w.exchange(a, r)
	if err != nil {
		note = err.Error()
		why, ok := errors.AsType[*refusal](err)
		if !ok {
			why = &refusal{status: http.StatusServiceUnavailable}
			w.opts.Report.Errorf("%s %s: %v", r.Method, r.URL.Path, err)
		}
		a.refuse(r, why)
		return
	}
	defer func() {
		if x.clientGone.Load() {
			note = "the client has gone"
		}
	}()
	x.serve(a, r)
}

// access tells of a request that has got its answer. Its path stands as it came, so
// that it is one word.
func (w *Watcher) access(r *http.Request, a *reply, took time.Duration, remote, note string) {
	if !w.opts.Report.Enabled(report.Verbose) {
		return
	}
	text := fmt.Sprintf("%s %s %d %d bytes in %s from %s", r.Method, r.URL.EscapedPath(), a.status, a.bytes,
		span.Format(took.Round(time.Microsecond)), remote)
	if note != "" {
		text += ": " + note
	}
	w.opts.Report.Facts(report.Verbose, text,
		report.Fact{Name: "method", Value: r.Method}, report.Fact{Name: "path", Value: r.URL.Path}, report.Fact{Name: "host", Value: r.Host},
		report.Fact{Name: "remote", Value: remote}, report.Fact{Name: "status", Value: a.status}, report.Fact{Name: "bytes", Value: a.bytes},
		report.Fact{Name: "took", Value: took.Seconds()}, report.Fact{Name: "note", Value: note})
}

// exchange lets the request in, or says why not. It reads the body.
func (w *Watcher) exchange(a *reply, r *http.Request) (*exchange, error) {
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
	x := &exchange{watcher: w, conn: connOf(r.Context()), done: make(chan struct{})}
	if err = x.read(a, r, seal); err != nil {
		x.body.remove()
		return nil, err
	}
	return x, nil
}

// read takes the request apart.
func (x *exchange) read(a *reply, r *http.Request, seal *seal) error {
	w := x.watcher
	if r.ContentLength > int64(w.opts.MaxBody) {
		return tooLarge(w.opts.MaxBody)
	}
	src := http.MaxBytesReader(a.ResponseWriter, r.Body, int64(w.opts.MaxBody))
	err := x.body.read(io.TeeReader(src, seal))
	if err != nil {
		return w.unread(err)
	}
	_ = a.control.SetReadDeadline(time.Time{})
	if !seal.holds() {
		return refuse(http.StatusUnauthorized, "the signature is not the body's")
	}
	w.parsers <- struct{}{}
	params, files, err := x.body.params(r, w.opts.JSONBody)
	<-w.parsers
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

func tooLarge(most int) error {
	return refuse(http.StatusRequestEntityTooLarge, "the body has more than %d bytes", most).by("--max-body")
}

// unread says why a body could not be read.
func (w *Watcher) unread(err error) error {
	var over *http.MaxBytesError
	var disk *os.PathError
	switch {
	case errors.As(err, &over):
		return tooLarge(w.opts.MaxBody)
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

// permits says whether there is such a thing here as is asked for, in such a way.
func (w *Watcher) permits(r *http.Request) error {
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
		return refuse(http.StatusNotFound, "there is no such path").by("--path")
	}
	if !slices.Contains(w.opts.Methods, r.Method) {
		allowed := strings.Join(w.opts.Methods, ", ")
		why := refuse(http.StatusMethodNotAllowed, "there is no %s, but %s", r.Method, allowed).by("--method")
		why.header = [2]string{"Allow", allowed}
		return why
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
func (w *Watcher) ownHost(r *http.Request) error {
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
	return refuse(http.StatusMisdirectedRequest, "%q is no name of this host", host).by("--host")
}

// sameOrigin refuses what a browser sends on behalf of another site's page. A GET that
// runs a command is no safe method.
func sameOrigin(r *http.Request) error {
	asPost := *r
	asPost.Method = http.MethodPost
	return http.NewCrossOriginProtection().Check(&asPost)
}
