package watch

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// fionread asks how many bytes can be read.
const fionread = unix.TIOCINQ

// readNoWait is read(2) that does not wait, whatever the descriptor's flags say.
// Anonymous pipes know it, FIFOs and terminals do not (Linux 6.18).
func readNoWait(fd int, p []byte) (int, error) {
	n, err := unix.Preadv2(fd, [][]byte{p}, -1, unix.RWF_NOWAIT)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ESPIPE) {
		return n, errors.ErrUnsupported
	}
	return n, err
}

// accept returns a blocking descriptor that is closed on exec.
func accept(fd int) (int, unix.Sockaddr, error) {
	return unix.Accept4(fd, unix.SOCK_CLOEXEC)
}

// credentials tells who is at the other end of a unix socket.
func credentials(fd int) string {
	c, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return "unix"
	}
	return fmt.Sprintf("uid=%d,pid=%d", c.Uid, c.Pid)
}
