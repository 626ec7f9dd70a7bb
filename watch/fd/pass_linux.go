package fd

import "golang.org/x/sys/unix"

// splice moves what is in one pipe to another without copying it; EAGAIN if there is nothing, or no
// room.
func splice(in, out int) (int, error) {
	n, err := unix.Splice(in, nil, out, nil, chunkSize, unix.SPLICE_F_MOVE|unix.SPLICE_F_NONBLOCK)
	return int(n), err
}
