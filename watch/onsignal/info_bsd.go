//go:build darwin || freebsd || netbsd || openbsd

package onsignal

import "github.com/evshell/ev/internal/sigmask"

// signalInfo does not exist here.
type signalInfo struct{}

func newSignalInfo(w *Watcher) (*signalInfo, error) {
	_, err := sigmask.FD(w.options.Signals)
	return nil, err
}

func (*signalInfo) close() {}
