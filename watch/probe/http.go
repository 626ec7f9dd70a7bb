package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/evshell/ev/internal/diag"
)

// What is read of a body, and what of it is kept: an event is also in the environment, where a
// variable has at most 128 KiB.
const (
	maxBody   = 1 << 20
	maxOutput = 64 << 10
)

// newHTTP makes what asks by HTTP. Each time it makes a new connection, by a name that is looked up
// anew, and follows no redirection.
func newHTTP(u *url.URL, o *Options) (func(context.Context) answer, error) {
	t := &http.Transport{DisableKeepAlives: true, DisableCompression: true}
	t.TLSClientConfig = &tls.Config{InsecureSkipVerify: o.Insecure} //nolint:gosec // only if asked for, and told
	if o.CACert != nil {
		t.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !t.TLSClientConfig.RootCAs.AppendCertsFromPEM(o.CACert) {
			return nil, diag.Option("CACert", "", errors.New("--cacert: there is no certificate in it: it is to be in PEM"))
		}
	}
	if o.Proxy {
		t.Proxy = http.ProxyFromEnvironment
	}
	return func(ctx context.Context) answer {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
		if err != nil {
			return answer{fault: err.Error()}
		}
		req.Header.Set("User-Agent", "ev")
		// RoundTrip, for a client would follow redirections.
		resp, err := t.RoundTrip(req)
		if err != nil {
			return failed(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
		if ctx.Err() != nil {
			err = nil // one that goes on and on is judged by what has come
		}
		a := o.judge(resp.StatusCode, body, resp.StatusCode/100 == 2 || resp.StatusCode/100 == 3)
		if err != nil && a.fault == "" {
			a.fault = "the answer was cut off: " + reason(err)
		}
		return a
	}, nil
}

// judge says what a status and an output come to; good is whether the status is if none is
// expected.
func (o *Options) judge(status int, output []byte, good bool) answer {
	a := answer{status: &status, output: kept(output)}
	if o.Expect != nil {
		good = false
		for _, s := range o.Expect {
			good = good || s.From <= status && status <= s.To
		}
	}
	switch {
	case !good:
		a.fault = "status " + strconv.Itoa(status)
	case o.Match != nil && !o.Match.Match(output):
		a.fault = fmt.Sprintf("nothing in the output matches %s", o.Match)
	}
	return a
}

// kept is what of an output an event has.
func kept(output []byte) string { return string(output[:min(len(output), maxOutput)]) }

// Statuses is a range of statuses.
type Statuses struct{ From, To int }

// ParseStatuses reads 200, 2xx and 200-299, and lists of these with commas. An error knows its
// place in s ([diag.Offset]).
func ParseStatuses(s string) ([]Statuses, error) {
	var list []Statuses
	at := 0
	for part := range strings.SplitSeq(s, ",") {
		from, to, isRange := strings.Cut(part, "-")
		if class, ok := strings.CutSuffix(part, "xx"); ok && len(class) == 1 {
			from, to, isRange = class+"00", class+"99", true
		}
		if !isRange {
			to = from
		}
		low, err := strconv.ParseUint(from, 10, 16)
		high, err2 := strconv.ParseUint(to, 10, 16)
		if err != nil || err2 != nil || low > high || high > 999 {
			return nil, diag.At(at, fmt.Errorf("%q: write a status, as in 200, 2xx, 200-299 or 200,404", part))
		}
		at += len(part + ",")
		list = append(list, Statuses{int(low), int(high)})
	}
	return list, nil
}
