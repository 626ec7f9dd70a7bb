//go:build linux || freebsd || netbsd || openbsd

package cloexec

import "golang.org/x/sys/unix"

// pipe does not wait for a process that is just being started, as it would with syscall.ForkLock.
func pipe(fds *[2]int) error { return unix.Pipe2(fds[:], unix.O_CLOEXEC) }
