package onhttp

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"
	"sync"

	"golang.org/x/crypto/bcrypt"

	"github.com/evshell/ev/internal/diag"
)

// A gate knows who may: by a token, a password, the signature of the body. Of token and password
// one is enough.
type gate struct {
	tokens  *live[[][]byte] // nil: not asked for
	logins  *live[[]login]
	scheme  *scheme
	checked passwords
	slots   chan struct{} // has one for each password that is being hashed
}

func newGate(o Options, slots chan struct{}) (*gate, error) {
	g := &gate{slots: slots}
	var err error
	if g.tokens, err = liveSecrets(o, o.TokenFile, parseToken); err != nil {
		return nil, diag.Option("TokenFile", o.TokenFile, err)
	}
	if g.logins, err = liveSecrets(o, o.BasicFile, parseLogin); err != nil {
		return nil, diag.Option("BasicFile", o.BasicFile, err)
	}
	g.scheme, err = newScheme(o)
	return g, err
}

func parseToken(line []byte) ([]byte, error) {
	if len(bytes.TrimSpace(line)) < len(line) {
		return nil, errors.New("a token begins or ends with a blank, and no client can send that")
	}
	return line, nil
}

// A login is a user, with a password or its hash.
type login struct {
	user, password []byte
	hashed         bool // by bcrypt, as htpasswd -B does
}

func parseLogin(line []byte) (login, error) {
	user, password, ok := bytes.Cut(line, []byte(":"))
	if !ok || len(user) == 0 {
		return login{}, errors.New("a line is USER:PASSWORD")
	}
	l := login{user: user, password: password}
	if _, err := bcrypt.Cost(password); err == nil {
		l.hashed = true
		return l, nil
	}
	for _, other := range []string{"$2", "$apr1$", "$1$", "$5$", "$6$", "{SHA}"} {
		if bytes.HasPrefix(password, []byte(other)) {
			return login{}, errors.New("the password is hashed in a way that is not known here: make it with htpasswd -B, which is bcrypt")
		}
	}
	return l, nil
}

// same reports whether a is one of list. How long that takes says nothing about list but its
// length.
func same(list [][]byte, a []byte) bool {
	found := 0
	for _, b := range list {
		found |= equal(a, b)
	}
	return found == 1
}

// equal is 1 if a is b. How long it takes says nothing of either but the length.
func equal(a, b []byte) int {
	x, y := sha256.Sum256(a), sha256.Sum256(b)
	return subtle.ConstantTimeCompare(x[:], y[:])
}

func unauthorized(format string, args ...any) *refusal {
	return refuse(http.StatusUnauthorized, format, args...)
}

// errUnreadable is for a client while a file of secrets can't be read: why is told to the user
// alone.
var errUnreadable = unauthorized("nobody may, now")

// asks reports whether any proof is asked for.
func (g *gate) asks() bool { return g.tokens != nil || g.logins != nil || g.scheme != nil }

// asksSecret reports whether each request must have something in it that a browser does not send by
// itself.
func (g *gate) asksSecret() bool { return g.scheme != nil || g.tokens != nil && g.logins == nil }

// admits asks who the client is, before its body is read.
func (g *gate) admits(r *http.Request) (user string, err error) {
	if g.tokens == nil && g.logins == nil {
		return "", nil
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	unreadable := false
	if g.tokens != nil && strings.EqualFold(scheme, "Bearer") {
		tokens, err := g.tokens.get()
		unreadable = err != nil
		if err == nil && same(tokens, []byte(strings.TrimLeft(token, " "))) {
			return "", nil
		}
	}
	if user, password, ok := r.BasicAuth(); g.logins != nil && ok {
		logins, err := g.logins.get()
		unreadable = unreadable || err != nil
		if err == nil && g.knows(logins, user, password) {
			return user, nil
		}
	}
	switch {
	case unreadable:
		return "", errUnreadable
	case r.Header.Get("Authorization") == "":
		return "", unauthorized("no Authorization")
	}
	return "", unauthorized("the Authorization is not right")
}

// knows reports whether the password is the user's. To hash it takes long, on purpose: of that at
// most one a processor is under way, and what was right is remembered.
func (g *gate) knows(logins []login, user, password string) bool {
	found := 0
	for _, l := range logins {
		right := equal(l.user, []byte(user))
		if !l.hashed {
			found |= right & equal(l.password, []byte(password))
			continue
		}
		if right == 1 && g.hashes(l.password, password) {
			found = 1
		}
	}
	return found == 1
}

func (g *gate) hashes(hash []byte, password string) bool {
	key := sha256.Sum256(append(append([]byte{}, hash...), password...))
	if g.checked.has(key) {
		return true
	}
	g.slots <- struct{}{}
	err := bcrypt.CompareHashAndPassword(hash, []byte(password))
	<-g.slots
	if err == nil {
		g.checked.add(key)
	}
	return err == nil
}

// passwords are those that were right, each with its hash, as one sum.
type passwords struct {
	mu   sync.Mutex
	sums map[[sha256.Size]byte]bool
}

func (p *passwords) has(sum [sha256.Size]byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sums[sum]
}

func (p *passwords) add(sum [sha256.Size]byte) {
	const most = 1000
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sums == nil || len(p.sums) >= most {
		p.sums = map[[sha256.Size]byte]bool{}
	}
	p.sums[sum] = true
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
		g.scheme != nil && g.scheme.kind == plainSecret && strings.EqualFold(header, g.scheme.header)
}
