//go:build darwin || freebsd || netbsd || openbsd

package sigmask

import (
	"errors"
	"syscall"
)

var errNoSignalFD = errors.New("this platform has no signalfd: where a signal comes from is known on Linux only")

// Blockable returns an error.
func Blockable(syscall.Signal) error { return errNoSignalFD }

// Block fails: there is no use for it without a signalfd.
func Block([]syscall.Signal) error { return errNoSignalFD }

// FD fails.
func FD([]syscall.Signal) (int, error) { return -1, errNoSignalFD }

// Open does nothing: nothing is blocked.
func Open() {}

// Wrap returns file and argv.
func Wrap(file string, argv []string, _ int) (string, []string) { return file, argv }

// Failure is not called: nothing is wrapped.
func Failure([]byte) error { return errNoSignalFD }

// Unwrap does nothing.
func Unwrap() (status int, ok bool) { return 0, false }

// Blocked returns false: Block blocks nothing.
func Blocked(...syscall.Signal) bool { return false }
