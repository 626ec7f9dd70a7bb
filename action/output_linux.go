package action

import (
	"errors"

	"golang.org/x/sys/unix"
)

// writeNoWait is write(2) that does not wait, whatever the descriptor's flags say.
// Anonymous pipes know it, FIFOs and terminals do not (Linux 6.18).
func writeNoWait(fd int, b []byte) (int, error) {
	for {
		n, err := unix.Pwritev2(fd, [][]byte{b}, -1, unix.RWF_NOWAIT)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EINVAL), errors.Is(err, unix.ESPIPE), errors.Is(err, unix.ENOSYS):
			return 0, errors.ErrUnsupported
		default:
			return max(n, 0), err
		}
	}
}
