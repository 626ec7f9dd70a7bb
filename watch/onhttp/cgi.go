package onhttp

import (
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
)

// cgiVariables are those that RFC 3875 gives a script, less what proves who the client is.
func (x *exchange) cgiVariables(r *http.Request) []string {
	d := &x.detail
	script, info := x.watcher.script(r.URL.Path)
	host, port := r.Host, ""
	if h, p, err := net.SplitHostPort(r.Host); err == nil {
		host, port = h, p
	}
	secure := ""
	if r.TLS != nil {
		secure = "on"
	}
	if port == "" {
		port = "80"
		if secure != "" {
			port = "443"
		}
	}
	addr := d.Remote
	if at, err := netip.ParseAddrPort(addr); err == nil {
		addr = at.Addr().Unmap().String()
	}
	v := []string{
		"GATEWAY_INTERFACE=CGI/1.1", "SERVER_SOFTWARE=ev", "SERVER_PROTOCOL=" + r.Proto, "SERVER_NAME=" + host, "SERVER_PORT=" + port,
		"REQUEST_METHOD=" + r.Method, "REQUEST_URI=" + r.RequestURI, "SCRIPT_NAME=" + script, "PATH_INFO=" + info, "QUERY_STRING=" + r.URL.RawQuery,
		"REMOTE_ADDR=" + addr, "REMOTE_HOST=" + addr,
	}
	add := func(name, value string) {
		if value != "" {
			v = append(v, name+"="+value)
		}
	}
	add("HTTPS", secure)
	if d.User != "" {
		kind := "Basic"
		if _, _, basic := r.BasicAuth(); !basic {
			kind = "Certificate"
		}
		v = append(v, "AUTH_TYPE="+kind, "REMOTE_USER="+d.User)
	}
	add("CONTENT_TYPE", r.Header.Get("Content-Type"))
	if r.Body != http.NoBody {
		v = append(v, "CONTENT_LENGTH="+strconv.FormatInt(x.body.size, 10))
	}
	for _, h := range d.Headers {
		switch h.Name {
		case "authorization", "proxy", "proxy-authorization", "content-type", "content-length", "connection":
			continue // Proxy would be HTTP_PROXY, which programs take for their own
		}
		if strings.Contains(h.Name, "_") {
			continue // it would be another's variable
		}
		v = append(v, "HTTP_"+strings.ToUpper(strings.ReplaceAll(h.Name, "-", "_"))+"="+strings.Join(h.Values, ", "))
	}
	return v
}

// script parts a path into that of the script and the rest: of /git/* the script is /git.
func (w *Watcher) script(path string) (script, info string) {
	for _, p := range w.opts.Paths {
		if covers(p, path) {
			script = strings.TrimSuffix(p, "/*")
			return script, strings.TrimPrefix(path, script)
		}
	}
	return "", path
}
