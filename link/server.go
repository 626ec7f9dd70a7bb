package link

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/evshell/ev/internal/diag"
)

// ServerOptions are where a link is, and how to get in.
type ServerOptions struct {
	Dir string // of file:; empty: it is NATS

	URL      string `json:"url"`
	User     string `json:"user"`
	Password string `json:"password"`
	Token    string `json:"token"`
	Creds    string `json:"creds"`
	NKey     string `json:"nkey"`
	Cert     string `json:"cert"`
	Key      string `json:"key"`
	CA       string `json:"ca"`
	TLSFirst bool   `json:"tls_first"`
	Inbox    string `json:"inbox_prefix"`
	Domain   string `json:"jetstream_domain"`
	API      string `json:"jetstream_api_prefix"`
}

// ParseServer reads a URL: file:DIR, nats://HOST[:PORT][,HOST…], tls://…, or nats:NAME, a context
// of nats(1).
func ParseServer(text string, getenv func(string) string) (ServerOptions, error) {
	scheme, rest, ok := strings.Cut(text, ":")
	switch {
	case ok && scheme == "file":
		dir := strings.TrimPrefix(rest, "//")
		if dir == "" {
			dir = StateDir(getenv)
		}
		abs, err := filepath.Abs(dir)
		return ServerOptions{Dir: abs}, err
	case ok && (scheme == "nats" || scheme == "tls") && strings.HasPrefix(rest, "//"):
		for host := range strings.SplitSeq(rest[2:], ",") {
			host = host[strings.Index(host, "://")+1:]
			if u, err := url.Parse("nats://" + strings.TrimPrefix(host, "//")); err != nil || u.Hostname() == "" {
				return ServerOptions{}, fmt.Errorf("%q names no host: write it as in nats://HOST, or nats://HOST:4222,HOST:4222", text)
			}
		}
		return ServerOptions{URL: withScheme(scheme, rest[2:])}, nil
	case ok && scheme == "nats":
		return readContext(rest, getenv)
	}
	return ServerOptions{}, fmt.Errorf("%q is no server: write nats://HOST, tls://HOST, nats:CONTEXT or file:DIR", text)
}

// withScheme gives each host of a list the scheme that was given once.
func withScheme(scheme, hosts string) string {
	list := strings.Split(hosts, ",")
	for i, h := range list {
		if !strings.Contains(h, "://") {
			list[i] = scheme + "://" + h
		}
	}
	return strings.Join(list, ",")
}

// StateDir is where what this machine must not forget is, if nothing else is said.
func StateDir(getenv func(string) string) string {
	switch {
	case getenv("XDG_STATE_HOME") != "":
		return filepath.Join(getenv("XDG_STATE_HOME"), "ev")
	case os.Geteuid() == 0:
		return "/var/lib/ev"
	}
	return filepath.Join(getenv("HOME"), ".local/state/ev")
}

func contextDir(getenv func(string) string) string {
	config := getenv("XDG_CONFIG_HOME")
	if config == "" {
		config = filepath.Join(getenv("HOME"), ".config")
	}
	return filepath.Join(config, "nats")
}

// Contexts are the names of the contexts of nats(1) that there are.
func Contexts(getenv func(string) string) []string {
	files, _ := filepath.Glob(filepath.Join(contextDir(getenv), "context", "*.json"))
	names := make([]string, 0, len(files))
	for _, f := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(f), ".json"))
	}
	return names
}

// readContext reads a context of nats(1); the selected one if name is empty.
func readContext(name string, getenv func(string) string) (ServerOptions, error) {
	dir := contextDir(getenv)
	if name == "" {
		selected, err := os.ReadFile(filepath.Join(dir, "context.txt"))
		if name = strings.TrimSpace(string(selected)); err != nil || name == "" {
			return ServerOptions{}, errors.New("no context of nats(1) is selected: name one, as in nats:NAME, or select it by: nats context select NAME")
		}
	}
	if strings.ContainsAny(name, "/\x00") {
		return ServerOptions{}, fmt.Errorf("%q is not a name of a context", name)
	}
	text, err := os.ReadFile(filepath.Join(dir, "context", name+".json"))
	if errors.Is(err, fs.ErrNotExist) {
		known := "there is none"
		if names := Contexts(getenv); len(names) > 0 {
			known = "there are " + strings.Join(names, ", ")
		}
		return ServerOptions{}, fmt.Errorf("there is no context %s of nats(1): %s", name, known)
	}
	var s ServerOptions
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		return s, fmt.Errorf("the context %s of nats(1) can't be read: %w", name, err)
	}
	if s.URL == "" {
		s.URL = "nats://localhost:4222"
	}
	for _, file := range []*string{&s.Creds, &s.NKey, &s.Cert, &s.Key, &s.CA} {
		if rest, ok := strings.CutPrefix(*file, "~/"); ok {
			*file = filepath.Join(getenv("HOME"), rest)
		}
	}
	return s, nil
}

// checkFiles refuses secrets that others can read, and files that are not there.
func (s *ServerOptions) checkFiles() error {
	for _, file := range []string{s.Creds, s.NKey, s.Key, s.Cert, s.CA} {
		if file == "" {
			continue
		}
		info, err := os.Stat(file)
		if err != nil {
			return err
		}
		if secret := file != s.Cert && file != s.CA; secret && info.Mode().Perm()&0o077 != 0 {
			return fmt.Errorf("%s holds a secret, and others may read it: chmod 600 %[1]s", file)
		}
	}
	return nil
}

// FileName makes a name of a file of a label or a lock: each byte that is no letter, digit, - or _
// is %XX.
func FileName(name string) string {
	var b strings.Builder
	for i := range len(name) {
		if c := name[i]; plain(rune(c)) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func plain(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '_'
}

// CheckSubject says what is wrong with a subject: words with dots between them. Of a filter *
// stands for one word, and > at the end for all that follow. An error knows its place in the
// subject ([diag.Offset]).
func CheckSubject(subject string, filter bool) error {
	words := strings.Split(subject, ".")
	at := 0
	for i, word := range words {
		switch {
		case word == "":
			return diag.At(at, fmt.Errorf("%q is not a subject: it is words with a dot between them, as in ev.jobs.invoice", subject))
		case filter && (word == "*" || word == ">" && i == len(words)-1):
		case strings.ContainsAny(word, "*>"):
			if filter {
				return diag.At(at, fmt.Errorf("%q: * stands for a whole word, and > for all words at the end", subject))
			}
			return diag.At(at, fmt.Errorf("%q: an event is stored under one subject, without * and >", subject))
		case strings.ContainsFunc(word, func(r rune) bool { return r <= ' ' || r == 0x7f }):
			return diag.At(at, fmt.Errorf("%q: there is no space in a subject", subject))
		}
		at += len(word + ".")
	}
	if words[0] == "_EV" || strings.HasPrefix(words[0], "$") {
		return fmt.Errorf("%q: what begins with %s is the server's and ev's own", subject, words[0])
	}
	return nil
}

// matches reports whether a subject is one of those that the filters mean. Dead letters are meant
// only by a filter that names them.
func matches(filters []string, subject string) bool {
	return slices.ContainsFunc(filters, func(f string) bool {
		return subjectMatches(f, subject) && (!IsDead(subject) || IsDead(f))
	})
}

const deadPrefix = "ev.dead."

// IsDead reports whether a subject is that of a dead letter.
func IsDead(subject string) bool { return strings.HasPrefix(subject, deadPrefix) }

func subjectMatches(filter, subject string) bool {
	for {
		f, moreF, dotF := strings.Cut(filter, ".")
		s, moreS, dotS := strings.Cut(subject, ".")
		switch {
		case f == ">":
			return true
		case f != "*" && f != s || dotF != dotS:
			return false
		case !dotF:
			return true
		}
		filter, subject = moreF, moreS
	}
}
