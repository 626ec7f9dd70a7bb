//go:build darwin || freebsd || netbsd || openbsd

package watch

import "github.com/evshell/ev/internal/sigmask"

// signalInfo does not exist here.
type signalInfo struct{}

func newSignalInfo(w *Signal) (*signalInfo, error) {
	_, err := sigmask.FD(w.options.Signals)
	return nil, err
}

func (*signalInfo) close() {}
