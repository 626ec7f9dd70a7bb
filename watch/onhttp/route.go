package onhttp

import (
	"net/http"
	"slices"
	"strings"

	"github.com/evshell/ev/internal/socket"
)

// route returns the watcher that a request goes to: the first whose names, paths and methods it
// has. If there is none the refusal says which of the three was the last that any knew; then the
// watcher is one to answer for it, nil if there is none at all.
func (s *server) route(r *http.Request) (*Watcher, *refusal) {
	if why := malformed(r); why != nil {
		return s.anyone(), why
	}
	for {
		w, why := choose(*s.routes.Load(), r)
		if why == nil && w.stopped.Load() || why != nil && slices.ContainsFunc(*s.routes.Load(), func(w *Watcher) bool { return w.stopped.Load() }) {
			s.awaitTurn() // one may take the place of those that have stopped
			continue
		}
		return w, why
	}
}

func (s *server) anyone() *Watcher {
	if routes := *s.routes.Load(); len(routes) > 0 {
		return routes[0]
	}
	return nil
}

// malformed refuses what net/http takes, and nobody should.
func malformed(r *http.Request) *refusal {
	path, whole := r.URL.Path, r.URL.Scheme == "http" || r.URL.Scheme == "https"
	switch {
	case r.Method == http.MethodConnect || (r.RequestURI != "*" || r.Method != http.MethodOptions) && !strings.HasPrefix(r.RequestURI, "/") && (!whole || r.URL.Host == ""):
		return refuse(http.StatusBadRequest, "what is asked for is not a path")
	case strings.IndexByte(path, 0) >= 0 || slices.ContainsFunc(strings.Split(path, "/"), func(s string) bool { return s == "." || s == ".." }):
		return refuse(http.StatusBadRequest, "a path with a NUL, . or .. in it")
	}
	return nil
}

// choose returns the first watcher that a request is for.
func choose(all []*Watcher, r *http.Request) (*Watcher, *refusal) {
	if len(all) == 0 {
		return nil, refuse(http.StatusServiceUnavailable, "try again later")
	}
	host, own := socket.HostName(r.Host)
	named := func(w *Watcher) bool { return w.guard.hosts != nil }
	some := make([]*Watcher, 0, len(all))
	for _, w := range all {
		if own && !named(w) || !own && (w.guard.asksFor(host) || w.guard.takesAny(r)) {
			some = append(some, w)
		}
	}
	if own && len(some) == 0 {
		some = all // all ask for names, and an address is none that anyone could have forged
	}
	if len(some) == 0 {
		return all[0], refuse(http.StatusMisdirectedRequest, "%q is not a name of this host", host).by("--host")
	}
	there := slices.DeleteFunc(slices.Clone(some), func(w *Watcher) bool { return !w.takesPath(r.URL.Path) })
	if len(there) == 0 {
		return some[0], refuse(http.StatusNotFound, "there is no such path").by("--path")
	}
	method := r.Method
	if isPreflight(r) {
		method = r.Header.Get("Access-Control-Request-Method")
	}
	var allowed []string
	for _, w := range there {
		if w.isHealth(r) || w.takesMethod(method) && (!isPreflight(r) || w.guard.origins != nil || w.takesMethod(r.Method)) {
			return w, nil
		}
		for _, m := range w.opts.Methods {
			if !slices.Contains(allowed, m) {
				allowed = append(allowed, m)
			}
		}
	}
	why := refuse(http.StatusMethodNotAllowed, "%s is not allowed: use %s", r.Method, strings.Join(allowed, ", ")).by("--method")
	why.header = [2]string{"Allow", strings.Join(allowed, ", ")}
	return there[0], why
}

func (w *Watcher) takesPath(path string) bool {
	if w.opts.Health && path == healthPath {
		return true
	}
	return len(w.opts.Paths) == 0 || slices.ContainsFunc(w.opts.Paths, func(p string) bool { return covers(p, path) })
}

// isHealth reports whether it is asked whether this host is there.
func (w *Watcher) isHealth(r *http.Request) bool {
	return w.opts.Health && r.URL.Path == healthPath && (r.Method == http.MethodGet || r.Method == http.MethodHead)
}

// takesMethod reports whether there is such a method. What GET gives HEAD asks about.
func (w *Watcher) takesMethod(method string) bool {
	return slices.Contains(w.opts.Methods, method) || method == http.MethodHead && slices.Contains(w.opts.Methods, http.MethodGet)
}

// covers reports whether a path is one of those that pattern stands for.
func covers(pattern, path string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(path, prefix)
	}
	return path == pattern
}

// takesAllOf reports whether each request that another watcher would take is taken by this one, if
// it is asked first.
func (o *Options) takesAllOf(other *Options) bool {
	within := func(list, of []string, same func(a, b string) bool) bool {
		for _, a := range list {
			if !slices.ContainsFunc(of, func(b string) bool { return same(a, b) }) {
				return false
			}
		}
		return true
	}
	if (o.Hosts == nil) != (other.Hosts == nil) || !within(other.Hosts, o.Hosts, strings.EqualFold) {
		return false
	}
	if len(o.Paths) > 0 && (len(other.Paths) == 0 || !within(other.Paths, o.Paths, func(a, b string) bool {
		return covers(b, strings.TrimSuffix(a, "*")) && (a == b || !strings.HasSuffix(a, "*") || strings.HasSuffix(b, "*"))
	})) {
		return false
	}
	return within(other.Methods, o.Methods, func(a, b string) bool { return a == b })
}
