//go:build darwin || freebsd || netbsd || openbsd

package onsignal

import "github.com/evshell/ev/internal/sigmask"

// info does not exist here.
type info struct{}

func newSignalInfo(w *Watcher) (*info, error) {
	_, err := sigmask.FD(w.options.Signals)
	return nil, err
}

func (*info) close() {}
