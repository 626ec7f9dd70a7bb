package onhttp

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // what some services sign with
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evshell/ev/internal/diag"
)

// Signature says how a client proves that it knows a secret.
type Signature struct {
	SecretFile string // secrets, one a line; empty: none is asked for
	Format     string // one of SignatureFormats; what follows changes it, if not empty
	Header     string // that the proof is in
	Signed     string // what is signed, with {body}, {header.NAME}, {url}, {method}, {path}
	Hash       string // sha1, sha256, sha512
	Prefix     string // of each proof
	Time       string // the header that says when it was signed, in seconds
	Tolerance  time.Duration
	PublicURL  string // what clients know this host by, for {url}
}

// A kind says how a proof is compared.
type kind uint8

const (
	sum         kind = iota // HMAC
	plainSecret             // the secret itself
	publicKey               // Ed25519, with a public key for a secret
	formSum                 // HMAC of the URL and all parameters of a form, as Twilio has it
)

// A scheme is how requests are signed.
type scheme struct {
	kind     kind
	header   string
	signed   []signedPart
	hash     func() hash.Hash
	decode   func(string) ([]byte, error)
	prefix   string
	time     string // header; empty: it is not looked at
	inside   string // the time's name within the header, if it is there
	parts    string // what divides the header then
	tolerate time.Duration
	public   string
	secrets  *live[[][]byte]
}

// A signedPart is text, or what a name stands for.
type signedPart struct{ text, name string }

// A preset is the scheme that a format begins with.
type preset struct {
	Signature
	kind          kind
	base64        bool
	inside, parts string
	decodeSecret  func([]byte) ([]byte, error)
}

// presets are the formats by name.
func presets() map[string]preset {
	of := func(header, signed, hash, prefix, time string) Signature {
		return Signature{Header: header, Signed: signed, Hash: hash, Prefix: prefix, Time: time}
	}
	return map[string]preset{
		"github": {Signature: of("X-Hub-Signature-256", "{body}", "sha256", "sha256=", "")},
		"gitlab": {Signature: of("X-Gitlab-Token", "{body}", "sha256", "", ""), kind: plainSecret},
		"stripe": {Signature: of("Stripe-Signature", "{time}.{body}", "sha256", "v1=", ""), inside: "t=", parts: ","},
		"paddle": {Signature: of("Paddle-Signature", "{time}:{body}", "sha256", "h1=", ""), inside: "ts=", parts: ";"},
		"slack": {Signature: of("X-Slack-Signature", "v0:{header.X-Slack-Request-Timestamp}:{body}", "sha256", "v0=",
			"X-Slack-Request-Timestamp")},
		"zoom": {Signature: of("X-Zm-Signature", "v0:{header.X-Zm-Request-Timestamp}:{body}", "sha256", "v0=", "X-Zm-Request-Timestamp")},
		"standard": {
			Signature: of("Webhook-Signature", "{header.Webhook-Id}.{header.Webhook-Timestamp}.{body}", "sha256", "v1,", "Webhook-Timestamp"),
			base64:    true, decodeSecret: standardSecret,
		},
		"svix": {
			Signature: of("Svix-Signature", "{header.Svix-Id}.{header.Svix-Timestamp}.{body}", "sha256", "v1,", "Svix-Timestamp"),
			base64:    true, decodeSecret: standardSecret,
		},
		"twilio": {Signature: of("X-Twilio-Signature", "{url}{body}", "sha1", "", ""), kind: formSum, base64: true},
		"discord": {
			Signature: of("X-Signature-Ed25519", "{header.X-Signature-Timestamp}{body}", "", "", "X-Signature-Timestamp"),
			kind:      publicKey, decodeSecret: discordKey,
		},
		"hex":    {Signature: of("", "{body}", "sha256", "", "")},
		"base64": {Signature: of("", "{body}", "sha256", "", ""), base64: true},
	}
}

// SignatureFormats returns the names of the formats.
func SignatureFormats() []string {
	return []string{"github", "gitlab", "stripe", "slack", "standard", "svix", "zoom", "paddle", "twilio", "discord", "hex", "base64"}
}

// standardSecret is a secret as Standard Webhooks writes it.
func standardSecret(line []byte) ([]byte, error) {
	secret, err := base64.StdEncoding.DecodeString(string(bytes.TrimPrefix(line, []byte("whsec_"))))
	if err != nil || len(secret) == 0 {
		return nil, errors.New("a secret of Standard Webhooks is whsec_ and base64")
	}
	return secret, nil
}

func discordKey(line []byte) ([]byte, error) {
	key, err := hex.DecodeString(string(line))
	if err != nil || len(key) != ed25519.PublicKeySize {
		return nil, errors.New("the public key of Discord is 64 hexadecimal digits")
	}
	return key, nil
}

// newScheme makes the scheme that the options name; nil if none is asked for.
func newScheme(o Options) (*scheme, error) {
	if o.Signature.SecretFile == "" {
		return nil, nil //nolint:nilnil // no file, no scheme
	}
	p, ok := presets()[o.Signature.Format]
	if !ok {
		return nil, diag.Option("Format", o.Signature.Format, fmt.Errorf("%q is not a signature format: there are %s", o.Signature.Format, strings.Join(SignatureFormats(), ", ")))
	}
	own := o.Signature
	for to, from := range map[*string]string{&p.Header: own.Header, &p.Signed: own.Signed, &p.Hash: own.Hash, &p.Prefix: own.Prefix, &p.Time: own.Time} {
		if from != "" {
			*to = from
		}
	}
	s := &scheme{
		kind: p.kind, header: p.Header, prefix: p.Prefix, time: p.Time, inside: p.inside, parts: p.parts,
		tolerate: own.Tolerance, public: strings.TrimSuffix(own.PublicURL, "/"), decode: hex.DecodeString,
	}
	if p.base64 {
		s.decode = decodeBase64
	}
	switch {
	case s.header == "":
		return nil, diag.Option("Format", own.Format, fmt.Errorf("the signature format %s has no header of its own: add --hmac-header NAME", own.Format))
	case !isToken(s.header):
		return nil, diag.Option("Header", own.Header, fmt.Errorf("%q is not a header", s.header))
	case s.kind != sum && (own.Signed != "" || own.Hash != "" || own.Prefix != ""):
		return nil, diag.Option("Format", own.Format, fmt.Errorf("the signature format %s is fixed: leave out --hmac-signed, --hmac-hash, --hmac-prefix", own.Format))
	}
	var err error
	if s.hash, err = hashOf(p.Hash); err != nil {
		return nil, diag.Option("Hash", own.Hash, err)
	}
	if s.signed, err = parseSigned(p.Signed, p.inside != ""); err != nil {
		return nil, diag.Option("Signed", own.Signed, err)
	}
	if s.time != "" && !slices.ContainsFunc(s.signed, func(p signedPart) bool { return strings.EqualFold(p.name, "header."+s.time) }) {
		return nil, diag.Option("Time", own.Time, fmt.Errorf("the time in %s proves nothing unless it is signed: put {header.%[1]s} into --hmac-signed", s.time))
	}
	parse := p.decodeSecret
	if parse == nil {
		parse = func(line []byte) ([]byte, error) { return line, nil }
	}
	s.secrets, err = liveSecrets(o, own.SecretFile, parse)
	return s, diag.Option("SecretFile", own.SecretFile, err)
}

// decodeBase64 takes both alphabets, with and without the padding.
func decodeBase64(s string) ([]byte, error) {
	return base64.RawStdEncoding.DecodeString(strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(s, "=")))
}

func hashOf(name string) (func() hash.Hash, error) {
	switch name {
	case "sha1":
		return sha1.New, nil
	case "sha256":
		return sha256.New, nil
	case "sha512":
		return sha512.New, nil
	case "":
		return nil, nil
	}
	return nil, fmt.Errorf("%q is not a hash for signatures: there are sha1, sha256, sha512", name)
}

// parseSigned reads what is signed. What is not in it is not proved: the body must be.
func parseSigned(text string, timed bool) (parts []signedPart, err error) {
	body := false
	for rest := text; rest != ""; {
		at := len(text) - len(rest)
		before, after, found := strings.Cut(rest, "{")
		at += len(before)
		parts = append(parts, signedPart{text: before})
		if !found {
			break
		}
		name, after, closed := strings.Cut(after, "}")
		header, isHeader := strings.CutPrefix(name, "header.")
		switch {
		case !closed:
			return nil, diag.At(at, fmt.Errorf("%q: there is no } after {%s", text, name))
		case name == "body":
			body = true
		case isHeader && isToken(header), name == "url", name == "method", name == "path", name == "time" && timed:
		default:
			return nil, diag.At(at, fmt.Errorf("%q: {%s} can't be in what is signed: there are {body}, {header.NAME}, {url}, {method}, {path}", text, name))
		}
		parts = append(parts, signedPart{name: name})
		rest = after
	}
	if !body {
		return nil, fmt.Errorf("%q: the body is not in what is signed, so anyone could send another: put {body} into it", text)
	}
	return parts, nil
}

// signsURL reports whether the request's query is signed, too.
func (s *scheme) signsURL() bool {
	return slices.ContainsFunc(s.signed, func(p signedPart) bool { return p.name == "url" })
}

// A seal is what a request claims that it is signed with. That of a request that needs no signature
// is nil, and holds.
type seal struct {
	scheme  *scheme
	secrets [][]byte
	claimed [][]byte // one of them should be right
	time    string
}

// seal returns what the request claims, nil if nothing is asked for, or why it is not right in any
// case, before its body is read.
func (s *scheme) seal(r *http.Request) (*seal, error) {
	if s == nil {
		return nil, nil //nolint:nilnil // as its type says
	}
	value := r.Header.Get(s.header)
	if value == "" {
		return nil, unauthorized("no signature in %s", s.header)
	}
	secrets, err := s.secrets.get()
	if err != nil {
		return nil, errUnreadable
	}
	if s.kind == plainSecret {
		if !same(secrets, []byte(value)) {
			return nil, unauthorized("the token in %s is not right", s.header)
		}
		return nil, nil //nolint:nilnil // as its type says
	}
	e := &seal{scheme: s, secrets: secrets, time: r.Header.Get(s.time)}
	if err := e.claim(value); err != nil {
		return nil, unauthorized("%s: %v", s.header, err)
	}
	if s.time == "" && s.inside == "" {
		return e, nil
	}
	if err := s.fresh(e.time); err != nil {
		return nil, unauthorized("%s: %v", s.header, err)
	}
	return e, nil
}

// claim reads the header: one proof, or several, of which those count that have the prefix.
func (e *seal) claim(value string) error {
	s := e.scheme
	var texts []string
	switch {
	case s.parts != "":
		texts = strings.Split(value, s.parts)
	case strings.Contains(s.prefix, ","):
		texts = strings.Fields(value)
	default:
		texts = strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' })
	}
	begins := false
	for _, text := range texts {
		text = strings.TrimSpace(text)
		if at, ok := strings.CutPrefix(text, s.inside); ok && s.inside != "" {
			e.time = at
			continue
		}
		text, ok := strings.CutPrefix(text, s.prefix)
		if !ok {
			continue
		}
		begins = true
		claimed, err := s.decode(text)
		if err == nil && len(claimed) == s.size() {
			e.claimed = append(e.claimed, claimed)
		}
	}
	switch {
	case !begins:
		return fmt.Errorf("it does not begin with %s", s.prefix)
	case e.claimed == nil:
		return fmt.Errorf("it is no %s", s.proof())
	}
	return nil
}

// size is how many bytes a proof has.
func (s *scheme) size() int {
	if s.kind == publicKey {
		return ed25519.SignatureSize
	}
	return s.hash().Size()
}

// proof names what a proof is.
func (s *scheme) proof() string {
	switch s.size() {
	case sha1.Size:
		return "SHA-1"
	case sha256.Size:
		return "SHA-256"
	}
	if s.kind == publicKey {
		return "Ed25519 signature"
	}
	return "SHA-512"
}

// fresh refuses the time of a request that somebody may have kept, to send it again.
func (s *scheme) fresh(text string) error {
	seconds, err := strconv.ParseInt(text, 10, 64)
	if age := time.Since(time.Unix(seconds, 0)).Abs(); err != nil || age > s.tolerate {
		return fmt.Errorf("its time, %.30q, is not now", text)
	}
	return nil
}

// holds reports whether the request is the one that was signed.
func (e *seal) holds(r *http.Request, b *body) (bool, error) {
	if e == nil {
		return true, nil
	}
	if e.scheme.kind == publicKey {
		return e.holdsKey(r, b)
	}
	found := false
	for _, secret := range e.secrets {
		mac := hmac.New(e.scheme.hash, secret)
		if err := e.write(mac, r, b); err != nil {
			return false, err
		}
		if same(e.claimed, mac.Sum(nil)) {
			found = true
		}
	}
	return found, nil
}

func (e *seal) holdsKey(r *http.Request, b *body) (bool, error) {
	var text bytes.Buffer
	if err := e.write(&text, r, b); err != nil {
		return false, err
	}
	for _, key := range e.secrets {
		if slices.ContainsFunc(e.claimed, func(claimed []byte) bool { return ed25519.Verify(key, text.Bytes(), claimed) }) {
			return true, nil
		}
	}
	return false, nil
}

// write writes what should have been signed.
func (e *seal) write(to io.Writer, r *http.Request, b *body) error {
	for _, p := range e.scheme.signed {
		text := p.text
		switch name := p.name; name {
		case "":
		case "body":
			if err := e.writeBody(to, r, b); err != nil {
				return err
			}
		case "time":
			text = e.time
		case "url":
			text = e.scheme.url(r)
		case "method":
			text = r.Method
		case "path":
			text = r.URL.EscapedPath()
		default:
			text = r.Header.Get(strings.TrimPrefix(name, "header."))
		}
		if _, err := io.WriteString(to, text); err != nil {
			return err
		}
	}
	return nil
}

// writeBody writes the body; of a form that Twilio has signed, each name and value instead, sorted.
// Any other body's SHA-256 must be in the query then.
func (e *seal) writeBody(to io.Writer, r *http.Request, b *body) error {
	if e.scheme.kind != formSum {
		src, err := b.open()
		if err != nil {
			return err
		}
		defer src.Close()
		_, err = io.Copy(to, src)
		return err
	}
	if sum := r.URL.Query().Get("bodySHA256"); sum != "" {
		text, err := b.bytes()
		if got := sha256.Sum256(text); err == nil && !strings.EqualFold(sum, hex.EncodeToString(got[:])) {
			err = unauthorized("bodySHA256 is not the body's")
		}
		return err
	}
	text, err := b.bytes()
	if err != nil {
		return err
	}
	form, err := url.ParseQuery(string(text))
	if err != nil {
		return unauthorized("the body is no form, and there is no bodySHA256")
	}
	for _, name := range slices.Sorted(maps.Keys(form)) {
		values := slices.Clone(form[name])
		slices.Sort(values)
		for _, value := range slices.Compact(values) {
			_, _ = io.WriteString(to, name+value)
		}
	}
	return nil
}

// url is what the client knows as the request's URL.
func (s *scheme) url(r *http.Request) string {
	if s.public != "" {
		return s.public + r.URL.RequestURI()
	}
	at := "http://"
	if r.TLS != nil {
		at = "https://"
	}
	return at + r.Host + r.URL.RequestURI()
}
