//go:build darwin || freebsd || netbsd || openbsd

package socket

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// accept returns a blocking descriptor that is closed on exec.
func accept(fd int) (int, unix.Sockaddr, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	conn, from, err := unix.Accept(fd)
	if err != nil {
		return -1, nil, err
	}
	unix.CloseOnExec(conn)
	return conn, from, unix.SetNonblock(conn, false)
}
