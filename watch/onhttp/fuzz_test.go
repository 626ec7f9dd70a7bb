package onhttp

import (
	"bytes"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/evshell/ev/event"
)

// Whatever comes, each event is one of a request that may be, and gets one answer.
func FuzzHTTP_bytes(f *testing.F) {
	for _, text := range []string{
		get, post, get + post, post + "more", "GET /x HTTP/1.0\r\n\r\n", "\x16\x03\x01\x00\xa5", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"GET /%2e%2e/x HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET http://evil/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: y\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + get,
		"POST / HTTP/1.1\r\nHost: \"\r\n HTTP/1.1 204 No Content\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
		request("POST /?a=%zz", typeForm, "a=1"), request("POST /", typeMulti, form("a=1", "b@c=2")), request("POST /", typeJSON, `{"a":[1]}`),
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 2<<10 {
			return // more requests than the rig takes
		}
		r := newRig(t, func(o *Options) {
			o.Addr = "unix:" + filepath.Join(t.TempDir(), "s")
			o.HalfClose, o.Handed, o.JSONBody = true, false, true
		})
		c := r.dial().(*net.UnixConn)
		go func() {
			_, _ = c.Write(text)
			_ = c.CloseWrite()
		}()
		answers, _ := io.ReadAll(c)
		r.settle()
		if got := bytes.Count(answers, []byte(" 204 No Content\r\n")); got != len(r.calls) {
			t.Errorf("%d answers to %d events: %q", got, len(r.calls), answers)
		}
		for len(r.calls) > 0 {
			d := (<-r.calls).HTTP
			if d.Method != "GET" && d.Method != "POST" || strings.Contains(d.Path+"/", "/../") || strings.Contains(d.Path, "\x00") {
				t.Errorf("an event of %q", d.Subject())
			}
			if line := (event.Event{Detail: d}).AppendText(nil); bytes.ContainsAny(bytes.TrimSuffix(line, []byte("\n")), "\n\x1b") {
				t.Errorf("printed as %q", line)
			}
		}
	})
}

// However a body is written, its parameters have names, they are not too many, and what is a file
// is in the request's own directory.
func FuzzHTTP_params(f *testing.F) {
	for _, kind := range []string{typeForm, typeMulti, typeJSON} {
		for _, body := range []string{"a=1&b=%ff", form("a=1", "../x@../y=2", "@=3"), `{"a":[1,null,{"b":[]}],"":{},"a":"\ud800"}`} {
			f.Add(strings.TrimSpace(strings.TrimPrefix(kind, "Content-Type: ")), "x=%00&a=2", body, kind == typeJSON)
		}
	}
	f.Fuzz(func(t *testing.T, kind, query, text string, json bool) {
		b := body{data: []byte(text)}
		defer b.remove()
		o := defaults()
		o.JSONBody = json
		found, params, err := b.params(kind, query, &o)
		if err != nil {
			return
		}
		n := 0
		for _, p := range params {
			if n++; !json {
				n += max(len(p.Values)-1, 0)
			}
			if !utf8.ValidString(p.Name) {
				t.Errorf("a parameter %q", p.Name)
			}
		}
		if n > paramsMost {
			t.Errorf("%d parameters", n)
		}
		for _, name := range found.files {
			if info, err := os.Lstat(name); err != nil || !info.Mode().IsRegular() || filepath.Dir(name) != b.dir {
				t.Errorf("a file %q: %v", name, err)
			}
		}
	})
}
