package fd

import (
	"errors"

	"golang.org/x/sys/unix"
)

// readNoWait is read(2) that does not wait, whatever the descriptor's flags say. Anonymous pipes
// know it, FIFOs and terminals do not (Linux 6.18).
func readNoWait(fd int, p []byte) (int, error) {
	n, err := unix.Preadv2(fd, [][]byte{p}, -1, unix.RWF_NOWAIT)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ESPIPE) {
		return n, errors.ErrUnsupported
	}
	return n, err
}

// peekPipe copies what is in a pipe by way of another one: tee(2) takes nothing out.
func peekPipe(fd int, p []byte) (int, error) {
	var copied [2]int
	if err := unix.Pipe2(copied[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return 0, err
	}
	defer func() { _, _ = unix.Close(copied[0]), unix.Close(copied[1]) }()
	if _, err := unix.Tee(fd, copied[1], len(p), unix.SPLICE_F_NONBLOCK); err != nil {
		return 0, err
	}
	return unix.Read(copied[0], p)
}
