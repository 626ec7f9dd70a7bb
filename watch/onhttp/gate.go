package onhttp

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Signature says how a client proves that it knows a secret.
type Signature struct {
	SecretFile string // secrets, one a line; empty: none is asked for
	Header     string // that the proof is in; empty: the format's
	Format     string // one of SignatureFormats
}

// signatureAge is how old a signature may be that says how old it is, as Stripe has it.
const signatureAge = 5 * time.Minute

// signatureHeaders are the formats, each with the header that it usually comes in.
func signatureHeaders() map[string]string {
	return map[string]string{
		"github": "X-Hub-Signature-256", // sha256=HEX
		"gitlab": "X-Gitlab-Token",      // the secret itself
		"stripe": "Stripe-Signature",    // t=SECONDS,v1=HEX of "SECONDS.BODY"
		"hex":    "",
		"base64": "",
	}
}

// SignatureFormats returns the names of the formats.
func SignatureFormats() []string { return []string{"github", "gitlab", "stripe", "hex", "base64"} }

// A gate knows who may.
type gate struct {
	tokens  [][]byte
	logins  [][]byte // USER:PASSWORD
	secrets [][]byte
	format  string
	header  string // of the signature
}

func newGate(o Options) (*gate, error) {
	g := &gate{format: o.Signature.Format, header: o.Signature.Header}
	for _, f := range []struct {
		name string
		to   *[][]byte
	}{{o.TokenFile, &g.tokens}, {o.BasicFile, &g.logins}, {o.Signature.SecretFile, &g.secrets}} {
		if f.name == "" {
			continue
		}
		var err error
		if *f.to, err = readSecrets(o, f.name); err != nil {
			return nil, err
		}
	}
	for _, token := range g.tokens {
		if len(bytes.TrimSpace(token)) < len(token) {
			return nil, fmt.Errorf("%s: a token begins or ends with a blank, and no client can send that", o.TokenFile)
		}
	}
	for _, login := range g.logins {
		if user, _, ok := bytes.Cut(login, []byte(":")); !ok || len(user) == 0 {
			return nil, fmt.Errorf("%s: a line is USER:PASSWORD", o.BasicFile)
		}
	}
	if g.secrets == nil {
		return g, nil
	}
	usual, ok := signatureHeaders()[g.format]
	switch {
	case !ok:
		return nil, fmt.Errorf("%q is no format of a signature: there are %s", g.format, strings.Join(SignatureFormats(), ", "))
	case g.header == "" && usual == "":
		return nil, fmt.Errorf("a signature of the format %s comes in no header of its own: say in which", g.format)
	case g.header == "":
		g.header = usual
	case !isToken(g.header):
		return nil, fmt.Errorf("%q is no header", g.header)
	}
	return g, nil
}

// readSecrets reads the lines of a file that are not empty.
func readSecrets(o Options, name string) (secrets [][]byte, err error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	for line := range bytes.Lines(text) {
		if line = bytes.TrimRight(line, "\r\n"); len(line) > 0 {
			secrets = append(secrets, line)
		}
	}
	if secrets == nil {
		return nil, fmt.Errorf("%s is empty: write a secret to it, one a line", name)
	}
	o.tellOpen(name)
	return secrets, nil
}

// tellOpen tells that a file of secrets is open to all.
func (o *Options) tellOpen(name string) {
	if info, err := os.Stat(name); err == nil && info.Mode().Perm()&0o007 != 0 {
		o.Report.Noticef("%s may be read by others: chmod o= %[1]s", name)
	}
}

// same reports whether a is one of list. How long that takes says nothing about list
// but its length.
func same(list [][]byte, a []byte) bool {
	found := 0
	sum := sha256.Sum256(a)
	for _, b := range list {
		other := sha256.Sum256(b)
		found |= subtle.ConstantTimeCompare(sum[:], other[:])
	}
	return found == 1
}

func unauthorized(format string, args ...any) error {
	return refuse(http.StatusUnauthorized, format, args...)
}

// admits asks who the client is, before its body is read. Of several ways one is
// enough.
func (g *gate) admits(r *http.Request) error {
	if g.tokens == nil && g.logins == nil {
		return nil
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if g.tokens != nil && strings.EqualFold(scheme, "Bearer") && same(g.tokens, []byte(strings.TrimLeft(token, " "))) {
		return nil
	}
	user, password, ok := r.BasicAuth()
	if g.logins != nil && ok && same(g.logins, []byte(user+":"+password)) {
		return nil
	}
	if r.Header.Get("Authorization") == "" {
		return unauthorized("no Authorization")
	}
	return unauthorized("the Authorization is not right")
}

// challenge says what a client that is not known should do.
func (g *gate) challenge() string {
	if g.tokens == nil && g.logins != nil {
		return `Basic realm="ev", charset="UTF-8"`
	}
	return "Bearer"
}

// secret reports whether a header holds what only the client and ev should know.
func (g *gate) secret(header string) bool {
	return (g.tokens != nil || g.logins != nil) && header == "Authorization" ||
		g.secrets != nil && g.format == "gitlab" && strings.EqualFold(header, g.header)
}

// A seal is what a body should be signed with. That of a request that needs no
// signature is nil, and holds.
type seal struct {
	claimed [][]byte // one of them should be right
	macs    []hash.Hash
}

// Write takes a piece of the body.
func (s *seal) Write(p []byte) (int, error) {
	if s != nil {
		for _, mac := range s.macs {
			_, _ = mac.Write(p)
		}
	}
	return len(p), nil
}

// holds reports whether the body that was written is the one that was signed.
func (s *seal) holds() bool {
	if s == nil {
		return true
	}
	return slices.ContainsFunc(s.macs, func(mac hash.Hash) bool { return same(s.claimed, mac.Sum(nil)) })
}

// seal returns what the request says that its body is signed with, nil if none is
// needed, or why it is not right in any case.
func (g *gate) seal(r *http.Request) (*seal, error) {
	if g.secrets == nil {
		return nil, nil //nolint:nilnil // as its type says
	}
	value := r.Header.Get(g.header)
	if value == "" {
		return nil, unauthorized("no signature in %s", g.header)
	}
	if g.format == "gitlab" {
		if !same(g.secrets, []byte(value)) {
			return nil, unauthorized("the token in %s is not right", g.header)
		}
		return nil, nil //nolint:nilnil // as its type says
	}
	claimed, before, err := g.claims(value)
	if err != nil {
		return nil, unauthorized("%s: %v", g.header, err)
	}
	s := &seal{claimed: claimed}
	for _, secret := range g.secrets {
		s.macs = append(s.macs, hmac.New(sha256.New, secret))
	}
	_, _ = s.Write([]byte(before))
	return s, nil
}

// claims reads a signature: the sums of which one should be right, and what stands
// before the body where they were made.
func (g *gate) claims(value string) (sums [][]byte, before string, err error) {
	decode := hex.DecodeString
	texts := []string{value}
	switch g.format {
	case "base64":
		decode = base64.StdEncoding.DecodeString
	case "github":
		text, ok := strings.CutPrefix(value, "sha256=")
		if !ok {
			return nil, "", fmt.Errorf("it does not begin with sha256=")
		}
		texts = []string{text}
	case "stripe":
		texts = nil
		for part := range strings.SplitSeq(value, ",") {
			switch name, text, _ := strings.Cut(strings.TrimSpace(part), "="); name {
			case "t":
				before = text
			case "v1":
				texts = append(texts, text)
			}
		}
		seconds, err := strconv.ParseInt(before, 10, 64)
		if age := time.Since(time.Unix(seconds, 0)).Abs(); err != nil || age > signatureAge {
			return nil, "", fmt.Errorf("its time, %.30q, is not now", before)
		}
		before += "."
	}
	for _, text := range texts {
		sum, err := decode(text)
		if err != nil || len(sum) != sha256.Size {
			return nil, "", fmt.Errorf("it is no SHA-256")
		}
		sums = append(sums, sum)
	}
	return sums, before, nil
}
