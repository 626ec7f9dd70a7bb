package onhttp

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/evshell/ev/internal/diag"
)

// A guard says who may ask at all, by where a request comes from and under which name: before a
// token or a signature is looked at.
type guard struct {
	hosts   []string
	origins []string
	allow   []netip.Prefix
	gate    *gate
	mutual  bool // clients have certificates
	public  bool // other hosts can connect
	cross   *http.CrossOriginProtection
}

func newGuard(o Options, g *gate) (*guard, error) {
	a := &guard{
		hosts: o.Hosts, origins: o.Origins, allow: o.Allow, gate: g, mutual: o.ClientCA != "",
		cross: http.NewCrossOriginProtection(),
	}
	if at, err := parseAddress(o.Addr); err == nil {
		a.public = at.tcp.IsValid() && !at.tcp.Addr().IsLoopback()
	}
	for _, origin := range o.Origins {
		if origin == "*" {
			if g.asks() && !g.asksSecret() || a.mutual {
				return nil, diag.Option("Origins", origin,
					errors.New("--origin '*' beside a password or a certificate, which a browser sends by itself, would let every page in: name the origins"))
			}
			continue
		}
		if err := a.cross.AddTrustedOrigin(origin); err != nil {
			return nil, diag.Option("Origins", origin, fmt.Errorf("--origin %s: write SCHEME://HOST[:PORT], as in https://app.example: %w", origin, err))
		}
	}
	return a, nil
}

// open reports whether nothing is asked for: neither a proof, nor a name.
func (g *guard) open() bool {
	return !g.gate.asks() && !g.mutual && g.public && g.hosts == nil && g.allow == nil
}

// asksFor reports whether a name is one of those that are asked for.
func (g *guard) asksFor(host string) bool {
	return slices.ContainsFunc(g.hosts, func(h string) bool { return strings.EqualFold(h, host) })
}

// takesAny reports whether a name may be one that nobody has asked for. A page on the web can have
// its own name stand for this host's address, and be of the same origin then as what listens here:
// nothing but a proof that a browser does not have keeps it out. To a unix socket no browser can
// connect; and this host alone is not asked under any other name.
func (g *guard) takesAny(r *http.Request) bool {
	if g.hosts != nil {
		return false
	}
	local, tcp := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return !tcp || !local.IP.IsLoopback() && g.gate.asks()
}

// admits asks where a request comes from.
func (g *guard) admits(r *http.Request, client netip.Addr) error {
	if g.allow != nil && !contains(g.allow, client) {
		return refuse(http.StatusForbidden, "it comes from elsewhere").by("--allow")
	}
	return g.sameOrigin(r)
}

// sameOrigin refuses what a browser sends on behalf of another site's page. A GET that runs a
// command is no safe method. What must have a token or a signature in it is not sent by a page that
// does not know one.
func (g *guard) sameOrigin(r *http.Request) error {
	if g.gate.asksSecret() || slices.Contains(g.origins, "*") {
		return nil
	}
	asPost := *r
	asPost.Method = http.MethodPost
	if err := g.cross.Check(&asPost); err != nil {
		return refuse(http.StatusForbidden, "%v", err).by("--origin")
	}
	return nil
}

// trusts reports whether pages of an origin may read the answers.
func (g *guard) trusts(origin string) bool {
	return origin != "" && (slices.Contains(g.origins, "*") || slices.Contains(g.origins, origin))
}

// allowOrigin adds to an answer that the page that has asked may read it.
func (g *guard) allowOrigin(h http.Header, r *http.Request) {
	if g.origins == nil {
		return
	}
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if !g.trusts(origin) {
		return
	}
	h.Set("Access-Control-Allow-Origin", origin)
	if g.gate.logins != nil || g.mutual {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
}

// preflight answers a browser that asks whether a page may ask. It is no event.
func (w *Watcher) preflight(a *reply, r *http.Request) {
	h := a.Header()
	if w.guard.trusts(r.Header.Get("Origin")) {
		h.Set("Access-Control-Allow-Methods", strings.Join(w.opts.Methods, ", "))
		if names := r.Header.Get("Access-Control-Request-Headers"); names != "" {
			h.Set("Access-Control-Allow-Headers", names)
		}
		h.Set("Access-Control-Max-Age", "600")
	}
	h.Add("Vary", "Access-Control-Request-Method, Access-Control-Request-Headers")
	a.end(http.StatusNoContent, "")
}

// isPreflight reports whether a browser asks for a page of another origin.
func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != "" && r.Header.Get("Access-Control-Request-Method") != ""
}
