package onhttp

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/evshell/ev/event"
)

func secretFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func sign(secret, text string) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = mac.Write([]byte(text))
	return mac.Sum(nil)
}

// Who may, and who may not: 401, and no event.
func TestHTTP_whoMay(t *testing.T) {
	const push = `{"ref":"refs/heads/main"}`
	now := fmt.Sprint(time.Now().Unix())
	old := fmt.Sprint(time.Now().Add(-5*time.Minute - 30*time.Second).Unix())
	late := fmt.Sprint(time.Now().Add(-4 * time.Minute).Unix())
	early := fmt.Sprint(time.Now().Add(5*time.Minute + 30*time.Second).Unix())
	hexOf := func(secret, text string) string { return hex.EncodeToString(sign(secret, text)) }
	basic := func(s string) string { return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(s)) }
	for _, tt := range []struct {
		name      string
		token     string
		login     string
		secret    string
		format    string
		at        string // the signature's header
		good, bad []string
	}{
		{
			name: "token", token: "one\ntwo\r\n",
			good: []string{"Authorization: Bearer one", "authorization: bearer two"},
			bad:  []string{"", "Authorization: Bearer", "Authorization: Bearer on", "Authorization: Bearer one,", "Authorization: one", basic("one:"), "Authorization: Bearer one\r\n two"},
		},
		{
			name: "login", login: "ann:se:cret\nbob:x\n",
			good: []string{basic("ann:se:cret"), basic("bob:x")},
			bad:  []string{"", basic("ann:"), basic("ann:x"), basic("ann"), "Authorization: Basic ann:se:cret", "Authorization: Bearer ann:se:cret"},
		},
		{
			name: "token or login", token: "one", login: "ann:x",
			good: []string{"Authorization: Bearer one", basic("ann:x")},
			bad:  []string{"", "Authorization: Bearer x"},
		},
		{
			name: "GitHub's signature", secret: "new\nold\n", format: "github",
			good: []string{"X-Hub-Signature-256: sha256=" + hexOf("new", push), "X-Hub-Signature-256: sha256=" + hexOf("old", push)},
			bad: []string{
				"", "X-Hub-Signature-256:", "X-Hub-Signature-256: sha256=", "X-Hub-Signature-256: " + hexOf("new", push),
				"X-Hub-Signature-256: sha256=" + hexOf("new", push+" "), "X-Hub-Signature-256: sha256=" + hexOf("other", push),
				"X-Hub-Signature-256: sha256=" + hexOf("new", push)[:62], "X-Hub-Signature: sha256=" + hexOf("new", push),
			},
		},
		{
			name: "GitLab's token", secret: "s3", format: "gitlab",
			good: []string{"X-Gitlab-Token: s3"}, bad: []string{"", "X-Gitlab-Token: s", "Authorization: Bearer s3"},
		},
		{
			name: "Stripe's signature", secret: "s3", format: "stripe",
			good: []string{
				"Stripe-Signature: t=" + now + ",v1=" + hexOf("s3", now+"."+push),
				"Stripe-Signature: t=" + late + ",v1=" + hexOf("s3", late+"."+push),
				"Stripe-Signature: t=" + now + ", v1=" + hexOf("x", now+"."+push) + ",v0=x,v1=" + hexOf("s3", now+"."+push),
			},
			bad: []string{
				"", "Stripe-Signature: t=" + now, "Stripe-Signature: v1=" + hexOf("s3", "."+push),
				"Stripe-Signature: t=" + old + ",v1=" + hexOf("s3", old+"."+push),
				"Stripe-Signature: t=" + early + ",v1=" + hexOf("s3", early+"."+push),
				"Stripe-Signature: t=" + now + ",v1=" + hexOf("s3", push),
				"Stripe-Signature: t=" + now + ",v0=" + hexOf("s3", now+"."+push),
			},
		},
		{
			name: "a header of one's own", secret: "s3", format: "hex", at: "x-sig",
			good: []string{"X-Sig: " + hexOf("s3", push), "X-Sig: " + strings.ToUpper(hexOf("s3", push))},
			bad:  []string{"", "X-Sig: sha256=" + hexOf("s3", push)},
		},
		{
			name: "base64", secret: "s3", format: "base64", at: "X-Sig",
			good: []string{"X-Sig: " + base64.StdEncoding.EncodeToString(sign("s3", push))}, bad: []string{"X-Sig: " + hexOf("s3", push)},
		},
		{
			name: "token and signature", token: "one", secret: "s3", format: "github",
			good: []string{"Authorization: Bearer one\r\nX-Hub-Signature-256: sha256=" + hexOf("s3", push)},
			bad:  []string{"Authorization: Bearer one", "X-Hub-Signature-256: sha256=" + hexOf("s3", push)},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, func(o *Options) {
				if tt.token != "" {
					o.TokenFile = secretFile(t, tt.token)
				}
				if tt.login != "" {
					o.BasicFile = secretFile(t, tt.login)
				}
				if tt.secret != "" {
					o.Signature = Signature{SecretFile: secretFile(t, tt.secret), Format: tt.format, Header: tt.at, Tolerance: 5 * time.Minute}
				}
			})
			for _, header := range tt.good {
				c := r.send(request("POST /", header+"\r\n", push))
				call := r.call()
				for _, v := range (event.Event{Detail: call.HTTP}).Environ() {
					if tt.format != "" && tt.format != "gitlab" {
						break // a signature is no secret
					}
					for secret := range strings.FieldsSeq(tt.token + " " + tt.login + " " + tt.secret) {
						if _, value, _ := strings.Cut(v, "="); strings.Contains(value, secret) {
							t.Errorf("the command is told %q", v)
						}
					}
				}
				call.end(0)
				read(c, "POST")
			}
			for _, header := range tt.bad {
				if header != "" {
					header += "\r\n"
				}
				got := read(r.send(request("POST /", header, push)), "POST")
				if got.status != http.StatusUnauthorized && got.status != http.StatusBadRequest || got.status == 401 && got.header.Get("WWW-Authenticate") == "" {
					t.Errorf("%q: %+v", header, got)
				}
			}
			if len(r.calls) > 0 {
				t.Errorf("%d events of who may not", len(r.calls))
			}
			for secret := range strings.FieldsSeq(tt.token + " " + tt.login + " " + tt.secret) {
				if len(secret) > 3 && strings.Contains(r.said.String(), secret) {
					t.Errorf("%q is told: %s", secret, r.said.String())
				}
			}
		})
	}
}

// Who has no token need not be listened to.
func TestHTTP_tokenIsAskedForBeforeTheBody(t *testing.T) {
	r := newRig(t, func(o *Options) { o.TokenFile = secretFile(t, "one") })
	c := r.send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n")
	if got := read(c, "POST"); got.status != 401 {
		t.Errorf("%+v", got)
	}
}

func TestNewHTTP_refusesWithReason(t *testing.T) {
	empty, open := secretFile(t, "\n"), secretFile(t, "x")
	for _, tt := range []struct {
		change func(*Options)
		want   string
	}{
		{func(o *Options) { o.Addr = "8080" }, "is not HOST:PORT"},
		{func(o *Options) { o.Addr = "example.org:80" }, "not looked up"},
		{func(o *Options) { o.Addr = "unix:" }, "needs a path"},
		{func(o *Options) { o.Addr = "fd:" }, "needs a number"},
		{func(o *Options) { o.Paths = []string{"x"} }, "begins with /"},
		{func(o *Options) { o.Paths = []string{"/x*"} }, "/hooks/*"},
		{func(o *Options) { o.Paths = []string{"/*/x"} }, "/hooks/*"},
		{func(o *Options) { o.Paths = []string{"/x?y"} }, "without its query"},
		{func(o *Options) { o.Hosts = []string{"http://a"} }, "without http://"},
		{func(o *Options) { o.Hosts = []string{"a:80"} }, "without http://"},
		{func(o *Options) { o.TokenFile = empty }, "is empty"},
		{func(o *Options) { o.TokenFile = "/nonexistent" }, "no such file"},
		{func(o *Options) { o.BasicFile = open }, "USER:PASSWORD"},
		{func(o *Options) { o.Signature = Signature{SecretFile: open, Format: "md5"} }, "there are github"},
		{func(o *Options) { o.Signature = Signature{SecretFile: open, Format: "hex"} }, "add --hmac-header NAME"},
		{func(o *Options) { o.Signature = Signature{SecretFile: open, Format: "hex", Header: "a b"} }, "is not a header"},
		{func(o *Options) { o.CertFile, o.KeyFile = open, open }, "TLS, " + open},
	} {
		o := defaults()
		tt.change(&o)
		if _, err := New(nil, o, nil); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, want %q", err, tt.want)
		}
	}
}

func hashOfSesame(t *testing.T) string {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte("sesame"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return string(hash)
}
