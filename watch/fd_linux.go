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

// reopen opens the pipe or FIFO that fd is once more, non-blocking, with flags of
// its own; or returns -1.
func reopen(fd int) int {
	fd, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", fd), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1
	}
	return fd
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
