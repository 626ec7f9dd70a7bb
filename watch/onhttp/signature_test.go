package onhttp

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // what some services sign with
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// forEver is a tolerance by which the times in documentation are now.
const forEver = 100 * 365 * 24 * time.Hour

const slackBody = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar" +
	"&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2F" +
	"commands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"

// The signatures that services have in their documentation, and for those that have none what
// another implementation of HMAC than ours would write: hex, base64 and the prefix that is
// documented.
func TestScheme_services(t *testing.T) {
	mac := func(h func() hash.Hash, secret, text string) []byte {
		m := hmac.New(h, []byte(secret))
		_, _ = m.Write([]byte(text))
		return m.Sum(nil)
	}
	hexOf := func(h func() hash.Hash, secret, text string) string { return hex.EncodeToString(mac(h, secret, text)) }
	base64Of := func(h func() hash.Hash, secret, text string) string {
		return base64.StdEncoding.EncodeToString(mac(h, secret, text))
	}
	seed := make([]byte, ed25519.SeedSize)
	private := ed25519.NewKeyFromSeed(seed)
	public := hex.EncodeToString(private.Public().(ed25519.PublicKey))
	now := fmt.Sprint(time.Now().Unix())
	for _, tt := range []struct {
		service   string
		signature Signature
		secret    string
		url       string
		body      string
		headers   string // NAME: VALUE, divided by \n
	}{
		{
			"GitHub",
			Signature{Format: "github"},
			"It's a Secret to Everybody", "", "Hello, World!",
			"X-Hub-Signature-256: sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
		},
		{
			"Bitbucket",
			Signature{Format: "github", Header: "X-Hub-Signature"},
			"It's a Secret to Everybody", "", "Hello World!",
			"X-Hub-Signature: sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9",
		},
		{
			"Slack",
			Signature{Format: "slack", Tolerance: forEver},
			"8f742231b10e8888abcd99yyyzzz85a5", "", slackBody,
			"X-Slack-Request-Timestamp: 1531420618\nX-Slack-Signature: v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
		},
		{
			"Standard Webhooks",
			Signature{Format: "standard", Tolerance: forEver},
			"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "", `{"test": 2432232314}`,
			"Webhook-Id: msg_p5jXN8AQM9LWM0D4loKWxJek\nWebhook-Timestamp: 1614265330\n" +
				"Webhook-Signature: v1a,x v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
		},
		{
			"Svix",
			Signature{Format: "svix", Tolerance: forEver},
			"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "", `{"test": 2432232314}`,
			"Svix-Id: msg_p5jXN8AQM9LWM0D4loKWxJek\nSvix-Timestamp: 1614265330\nSvix-Signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
		},
		{
			"Twilio",
			Signature{Format: "twilio", PublicURL: "https://mycompany.com/"},
			"12345", "/myapp.php?foo=1&bar=2",
			"CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212",
			"X-Twilio-Signature: RSOYDt4T1cUTdK1PDd93/VVr8B8=",
		},
		{
			"Twilio, JSON",
			Signature{Format: "twilio", PublicURL: "https://mycompany.com"},
			"12345",
			"/myapp.php?bodySHA256=" + hex.EncodeToString(shaOf(`{"a":1}`)), `{"a":1}`,
			"X-Twilio-Signature: " + base64Of(sha1.New, "12345", "https://mycompany.com/myapp.php?bodySHA256="+hex.EncodeToString(shaOf(`{"a":1}`))),
		},
		{
			"CircleCI",
			Signature{Format: "hex", Header: "Circleci-Signature", Prefix: "v1="},
			"secret", "", "hello world",
			"Circleci-Signature: v1=734cc62f32841568f45715aeb9f4d7891324e6d948e4c6c60c0621cdac48623a",
		},
		{
			"PagerDuty",
			Signature{Format: "hex", Header: "X-PagerDuty-Signature", Prefix: "v1="},
			"new", "", "{}",
			"X-Pagerduty-Signature: v1=" + hexOf(sha256.New, "old", "{}") + ",v1=" + hexOf(sha256.New, "new", "{}"),
		},
		{"Gitea", Signature{Format: "hex", Header: "X-Gitea-Signature"}, "s", "", "{}", "X-Gitea-Signature: " + hexOf(sha256.New, "s", "{}")},
		{"GitLab", Signature{Format: "gitlab"}, "s", "", "{}", "X-Gitlab-Token: s"},
		{
			"Stripe",
			Signature{Format: "stripe", Tolerance: time.Minute},
			"whsec_x", "", "{}",
			"Stripe-Signature: t=" + now + ",v1=" + hexOf(sha256.New, "whsec_x", now+".{}") + ",v0=" + hexOf(sha256.New, "x", "{}"),
		},
		{
			"Paddle",
			Signature{Format: "paddle", Tolerance: time.Minute},
			"pdl_ntfset_x", "", "{}",
			"Paddle-Signature: ts=" + now + ";h1=" + hexOf(sha256.New, "pdl_ntfset_x", now+":{}"),
		},
		{
			"Zoom",
			Signature{Format: "zoom", Tolerance: time.Minute},
			"s", "", "{}",
			"X-Zm-Request-Timestamp: " + now + "\nX-Zm-Signature: v0=" + hexOf(sha256.New, "s", "v0:"+now+":{}"),
		},
		{
			"Typeform",
			Signature{Format: "base64", Header: "Typeform-Signature", Prefix: "sha256="},
			"s", "", "{}",
			"Typeform-Signature: sha256=" + base64Of(sha256.New, "s", "{}"),
		},
		{
			"Shopify",
			Signature{Format: "base64", Header: "X-Shopify-Hmac-Sha256"},
			"hush", "", "{}",
			"X-Shopify-Hmac-Sha256: " + base64Of(sha256.New, "hush", "{}"),
		},
		{
			"Vercel",
			Signature{Format: "hex", Header: "X-Vercel-Signature", Hash: "sha1"},
			"s", "", "{}",
			"X-Vercel-Signature: " + hexOf(sha1.New, "s", "{}"),
		},
		{
			"Intercom",
			Signature{Format: "github", Header: "X-Hub-Signature", Hash: "sha1", Prefix: "sha1="},
			"s", "", "{}",
			"X-Hub-Signature: sha1=" + hexOf(sha1.New, "s", "{}"),
		},
		{
			"Discord",
			Signature{Format: "discord", Tolerance: time.Minute},
			public, "", `{"type":1}`,
			"X-Signature-Timestamp: " + now + "\nX-Signature-Ed25519: " + hex.EncodeToString(ed25519.Sign(private, []byte(now+`{"type":1}`))),
		},
		{
			"one's own",
			Signature{
				Format: "hex", Header: "X-Sum", Signed: "{method} {path} {url}\n{header.X-Time}\n{body}", Hash: "sha512", Time: "X-Time",
				Tolerance: time.Minute, PublicURL: "http://h",
			},
			"s", "/a%20b?c", "{}",
			"X-Time: " + now + "\nX-Sum: " + hexOf(sha512.New, "s", "POST /a%20b http://h/a%20b?c\n"+now+"\n{}"),
		},
	} {
		t.Run(tt.service, func(t *testing.T) {
			o := defaults()
			o.Signature = tt.signature
			o.Signature.SecretFile = secretFile(t, tt.secret)
			s, err := newScheme(o)
			if err != nil {
				t.Fatal(err)
			}
			at, err := url.Parse("http://localhost" + tt.url)
			if err != nil {
				t.Fatal(err)
			}
			r := &http.Request{Method: "POST", URL: at, Host: "localhost", Header: http.Header{}}
			for h := range strings.SplitSeq(tt.headers, "\n") {
				name, value, _ := strings.Cut(h, ": ")
				r.Header.Set(name, value)
			}
			if !holds(t, s, r, tt.body) {
				t.Error("what is right is refused")
			}
			if s.kind != plainSecret && s.kind != formSum && holds(t, s, r, tt.body+" ") {
				t.Error("another body is taken")
			}
			if s.kind == formSum && holds(t, s, r, tt.body+"&x=1") {
				t.Error("another form is taken")
			}
			if s.time != "" || s.inside != "" {
				s.tolerate = -1
				if holds(t, s, r, tt.body) {
					t.Error("the time is not looked at")
				}
				s.tolerate = forEver
			}
			for name := range r.Header {
				value := r.Header.Get(name)
				r.Header.Del(name)
				if holds(t, s, r, tt.body) {
					t.Errorf("it is taken without %s", name)
				}
				r.Header.Set(name, value)
			}
		})
	}
}

func shaOf(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}

func holds(t *testing.T, s *scheme, r *http.Request, text string) bool {
	t.Helper()
	e, err := s.seal(r)
	if err != nil {
		return false
	}
	right, _ := e.holds(r, &body{data: []byte(text)})
	return right
}

func TestNewScheme_refusesWithReason(t *testing.T) {
	for _, tt := range []struct {
		s    Signature
		want string
	}{
		{Signature{Format: "hex", Header: "X", Signed: "{header.X}"}, "put {body} into it"},
		{Signature{Format: "hex", Header: "X", Signed: "{body}{no}"}, "{no} can't be in what is signed"},
		{Signature{Format: "hex", Header: "X", Signed: "{body"}, "there is no }"},
		{Signature{Format: "hex", Header: "X", Hash: "md5"}, "there are sha1, sha256, sha512"},
		{Signature{Format: "hex", Header: "X", Time: "X-Time"}, "put {header.X-Time} into"},
		{Signature{Format: "twilio", Hash: "sha512"}, "is fixed"},
		{Signature{Format: "discord"}, "64 hexadecimal digits"},
		{Signature{Format: "standard"}, "whsec_"},
	} {
		o := defaults()
		o.Signature = tt.s
		o.Signature.SecretFile = secretFile(t, "s$")
		if _, err := newScheme(o); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: got %v, want %q", tt.s, err, tt.want)
		}
	}
}
