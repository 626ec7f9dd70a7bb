//go:build darwin || freebsd || netbsd || openbsd

package sig

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// No real-time signals: the Go runtime's tables end before them (runtime/signal_freebsd.go and its
// like).
const (
	rtMin = 1
	rtMax = 0
	last  = 32
)

// kept says for what a signal is kept back.
func kept(sig syscall.Signal) string {
	switch unix.SignalName(sig) {
	case "":
		return "this platform has no such signal"
	case "SIGTHR":
		return "it belongs to the C library's threads"
	}
	return ""
}

// Restore reports whether a signal has its default action after signal.Reset: the Go runtime then
// ends the program by these, and has an action of its own for others.
func Restore(sig syscall.Signal) bool {
	return sig == unix.SIGHUP || sig == unix.SIGINT || sig == unix.SIGTERM
}

// Stop stops the process, a moment later, unless nobody could have it go on: it is PID 1, or leads
// a session. It reports whether the stop is over.
func Stop() (over bool) {
	if sid, err := unix.Getsid(0); os.Getpid() == 1 || err == nil && sid == os.Getpid() {
		return true
	}
	_ = unix.Kill(os.Getpid(), unix.SIGSTOP)
	return false
}
