//go:build darwin || freebsd || netbsd || openbsd

package onsignal

import (
	"syscall"

	"github.com/evshell/ev/internal/sigmask"
)

// info does not exist here.
type info struct{}

func newSignalInfo(w *Watcher) (*info, error) {
	_, err := sigmask.FD(w.options.Signals)
	return nil, err
}

func (*info) close() {}

// enqueue returns false: there are no real-time signals.
func enqueue(*Watcher, syscall.Signal) bool { return false }

func dequeue(*Watcher, syscall.Signal) {}
