//go:build darwin || freebsd || netbsd || openbsd

package fd

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// readNoWait: there is no such call here.
func readNoWait(int, []byte) (int, error) { return 0, errors.ErrUnsupported }

// accept returns a blocking descriptor that is closed on exec.
func accept(fd int) (int, unix.Sockaddr, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	conn, sa, err := unix.Accept(fd)
	if err != nil {
		return -1, nil, err
	}
	unix.CloseOnExec(conn)
	return conn, sa, unix.SetNonblock(conn, false)
}
