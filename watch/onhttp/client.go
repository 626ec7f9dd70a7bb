package onhttp

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// client returns who has sent a request: whom the proxies that are trusted name, or who is at the
// other end of the connection. The address is not valid if that has none.
func (s *server) client(c *conn, r *http.Request) (remote string, at netip.Addr) {
	trusted := func(a netip.Addr) bool { return contains(s.TrustProxy, a) }
	if !trusted(c.client) && (c.client.IsValid() || !s.TrustUnix) {
		return c.remote, c.client
	}
	remote, at = c.remote, c.client
	hops := forwardedFor(r.Header)
	for _, hop := range slices.Backward(hops) {
		a, ok := parseNode(hop)
		if !ok {
			break // what is left of it nobody has vouched for
		}
		remote, at = a.String(), a
		if !trusted(a) {
			break
		}
	}
	return remote, at
}

// forwardedFor returns the clients that proxies name, the nearest last: of Forwarded (RFC 7239) or,
// if there is none, of X-Forwarded-For.
func forwardedFor(h http.Header) (nodes []string) {
	if all := h.Values("Forwarded"); len(all) > 0 {
		for element := range strings.SplitSeq(strings.Join(all, ","), ",") {
			node := ""
			for pair := range strings.SplitSeq(element, ";") {
				if name, value, _ := strings.Cut(strings.TrimSpace(pair), "="); strings.EqualFold(name, "for") {
					node = strings.Trim(value, `"`)
				}
			}
			nodes = append(nodes, node)
		}
		return nodes
	}
	if all := h.Values("X-Forwarded-For"); len(all) > 0 {
		return strings.Split(strings.Join(all, ","), ",")
	}
	return nil
}

// parseNode reads an address, with or without a port.
func parseNode(s string) (netip.Addr, bool) {
	s = strings.TrimSpace(s)
	if at, err := netip.ParseAddrPort(s); err == nil {
		return at.Addr().Unmap(), true
	}
	a, err := netip.ParseAddr(strings.Trim(s, "[]"))
	return a.Unmap(), err == nil
}
