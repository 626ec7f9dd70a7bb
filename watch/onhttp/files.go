package onhttp

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/evshell/ev/internal/report"
)

// A live is what has been read out of files. It is read again as soon as one of them is another
// file, or has changed: that is looked at whenever it is used, by name, so that a file that takes
// another's place (rename(2), the links of a mounted secret) is seen as surely as one that is
// written to. Its methods may be called on any goroutine.
type live[T any] struct {
	names  []string
	parse  func() (T, error)
	report *report.Reporter

	mu     sync.Mutex
	infos  []os.FileInfo // nil: it can't be looked at
	readAt time.Time
	value  T
	err    error
}

// settled is for how long after its last change a file may change once more in a way that its time
// does not show: file systems keep time by the clock's ticks, or by the second.
const settled = 2 * time.Second

// newLive reads the files for the first time.
func newLive[T any](r *report.Reporter, parse func() (T, error), names ...string) (*live[T], error) {
	l := &live[T]{names: names, parse: parse, report: r}
	l.infos = l.look()
	l.read()
	return l, l.err
}

// get returns what the files say now. If they can't be read that is told, once, and returned along
// with what they said before.
func (l *live[T]) get() (T, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := l.look(); !l.asBefore(now) {
		l.infos = now
		before := l.err
		l.read()
		switch {
		case l.err != nil && (before == nil || before.Error() != l.err.Error()):
			l.report.Errorf("%v", l.err)
		case l.err == nil && before != nil:
			l.report.Noticef("%s: it can be used again", l.names[0])
		}
	}
	return l.value, l.err
}

func (l *live[T]) read() {
	l.readAt = time.Now()
	var value T
	if value, l.err = l.parse(); l.err == nil {
		l.value = value
	}
}

func (l *live[T]) look() []os.FileInfo {
	infos := make([]os.FileInfo, len(l.names))
	for i, name := range l.names {
		infos[i], _ = os.Stat(name)
	}
	return infos
}

// asBefore reports whether the files are as they were when they were read.
func (l *live[T]) asBefore(now []os.FileInfo) bool {
	for i, a := range now {
		b := l.infos[i]
		if a == nil || b == nil {
			if a != nil || b != nil {
				return false
			}
			continue
		}
		if !os.SameFile(a, b) || a.Size() != b.Size() || a.Mode() != b.Mode() || !a.ModTime().Equal(b.ModTime()) ||
			l.readAt.Sub(a.ModTime()) < settled {
			return false
		}
	}
	return true
}

// readSecrets reads a file of secrets, one a line.
func readSecrets(name string) (secrets [][]byte, err error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	n := 0
	for line := range bytes.Lines(text) {
		n++
		line = bytes.TrimRight(line, "\r\n")
		switch {
		case len(bytes.TrimSpace(line)) == 0:
			if n == 1 && len(bytes.TrimSpace(text)) == 0 {
				continue
			}
			return nil, fmt.Errorf("%s:%d: there is no secret in this line: take it out", name, n)
		case line[0] == '#':
			return nil, fmt.Errorf("%s:%d: each line is a secret, and there are no comments: take out what begins with #", name, n)
		}
		secrets = append(secrets, line)
	}
	if secrets == nil {
		return nil, fmt.Errorf("%s is empty: write a secret to it, one a line", name)
	}
	return secrets, nil
}

// liveSecrets keeps the secrets of a file, each as parse has it.
func liveSecrets[T any](o Options, name string, parse func(line []byte) (T, error)) (*live[[]T], error) {
	if name == "" {
		return nil, nil //nolint:nilnil // no file, no secrets
	}
	o.tellOpen(name)
	return newLive(o.Report, func() ([]T, error) {
		lines, err := readSecrets(name)
		if err != nil {
			return nil, err
		}
		list := make([]T, len(lines))
		for i, line := range lines {
			if list[i], err = parse(line); err != nil {
				return nil, fmt.Errorf("%s:%d: %w", name, i+1, err)
			}
		}
		return list, nil
	}, name)
}

// tellOpen tells that a file of secrets is open to all.
func (o *Options) tellOpen(name string) {
	if info, err := os.Stat(name); err == nil && info.Mode().Perm()&0o007 != 0 {
		o.Report.Noticef("%s may be read by others: chmod o= %[1]s", name)
	}
}

// liveCertificate keeps the certificate and its key. If the files are no pair any more the one that
// they were stays.
func liveCertificate(o Options) (*live[*tls.Certificate], error) {
	o.tellOpen(o.KeyFile)
	return newLive(o.Report, func() (*tls.Certificate, error) {
		cert, err := tls.LoadX509KeyPair(o.CertFile, o.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("TLS, %s and %s: %w", o.CertFile, o.KeyFile, err)
		}
		return &cert, nil
	}, o.CertFile, o.KeyFile)
}
