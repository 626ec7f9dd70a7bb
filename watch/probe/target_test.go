package probe

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/evshell/ev/internal/looptest"
)

// ask looks once at a target.
func ask(t *testing.T, o Options) answer {
	t.Helper()
	l := looptest.NewLoop(t)
	a, err := o.Target.asker(l, &o)
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan answer, 1)
	a.ask(func(a answer) {
		l.Unref()
		got <- a
	})
	l.Ref()
	looptest.Run(t, l)
	return <-got
}

func target(t *testing.T, s string) Target {
	t.Helper()
	to, err := ParseTarget(s)
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// A host's name may have an address of each kind of which only one answers.
func TestDial_triesEachAddress(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	o := Options{Target: target(t, "tcp:localhost:"+port), Timeout: looptest.Patience}
	if a := ask(t, o); a.fault != "" {
		t.Error(a.fault)
	}
	_ = l.Close()
	if a := ask(t, o); a.fault != "connection refused" {
		t.Error(a.fault)
	}
}

// A server that accepts and says nothing is down once the look has taken too long.
func TestHTTP_saysNothing(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if a := ask(t, Options{Target: target(t, "http://"+l.Addr().String()), Timeout: time.Millisecond}); a.fault != noAnswer {
		t.Error(a.fault)
	}
}

func TestHTTP(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/nowhere", http.StatusFound)
		case "/cut":
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "half")
		case "/endless":
			_, _ = io.WriteString(w, "more")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		case "/large":
			_, _ = w.Write(make([]byte, 2*maxBody))
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer s.Close()
	tests := []struct {
		path   string
		status int
		output int // bytes
		fault  string
	}{
		{"/moved", 302, len("<a href=\"/nowhere\">Found</a>.\n\n"), ""},
		{"/cut", 200, 4, "the answer was cut off: unexpected EOF"},
		{"/endless", 200, 4, ""},
		{"/large", 200, maxOutput, ""},
		{"/none", 404, 0, "status 404"},
	}
	for _, tt := range tests {
		timeout := looptest.Patience
		if tt.path == "/endless" {
			timeout = time.Second
		}
		a := ask(t, Options{Target: target(t, s.URL+tt.path), Timeout: timeout})
		if a.status == nil || *a.status != tt.status || len(a.output) != tt.output || a.fault != tt.fault {
			t.Errorf("%s: %+v", tt.path, a)
		}
	}
}

func TestReason(t *testing.T) {
	for want, err := range map[string]error{
		"db: no such host":          &net.OpError{Op: "dial", Err: &net.DNSError{Name: "db", Err: "no such host"}},
		"the connection was closed": &url.Error{Op: "Get", URL: "http://x", Err: io.EOF},
		"context canceled":          fmt.Errorf("dial: %w", context.Canceled),
	} {
		if got := reason(err); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestParseStatuses(t *testing.T) {
	got, err := ParseStatuses("200,3xx,400-404")
	if want := []Statuses{{200, 200}, {300, 399}, {400, 404}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"", "x", "xx", "2xxx", "404-400", "-1", "200,", "1000", "2x"} {
		if got, err := ParseStatuses(bad); err == nil {
			t.Errorf("%q is %v", bad, got)
		}
	}
}

func FuzzParseTarget(f *testing.F) {
	for _, s := range []string{"tcp:[::1]:80", "tcp:x", "unix:/s", "http://u:p@h/", "https://[::1]:1/?q", "localhost:80", "/x", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		to, err := ParseTarget(s)
		if err == nil && to.HTTP() == (to.network != "") {
			t.Errorf("%q is %+v", s, to)
		}
		_, _ = ParseStatuses(s)
	})
}
