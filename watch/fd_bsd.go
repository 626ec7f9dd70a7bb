//go:build darwin || freebsd || netbsd || openbsd

package watch

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// fionread asks how many bytes can be read (sys/filio.h).
const fionread = 0x4004667f

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

// credentials: who is at the other end of a unix socket is not asked here.
func credentials(int) string { return "unix" }
