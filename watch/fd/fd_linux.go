package fd

import (
	"errors"

	"golang.org/x/sys/unix"
)

// readNoWait is read(2) that does not wait, whatever the descriptor's flags say.
// Anonymous pipes know it, FIFOs and terminals do not (Linux 6.18).
func readNoWait(fd int, p []byte) (int, error) {
	n, err := unix.Preadv2(fd, [][]byte{p}, -1, unix.RWF_NOWAIT)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ESPIPE) {
		return n, errors.ErrUnsupported
	}
	return n, err
}
