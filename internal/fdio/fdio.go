// Package fdio reads and writes descriptors that are ev's to use, and not to change: others share
// the open file, so it may or may not block.
package fdio

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Poll returns for which of some events of poll(2) a descriptor is ready now, and POLLHUP, POLLERR
// or POLLNVAL whether they were asked for or not.
func Poll(fd int, events int16) int16 {
	got, _ := poll(fd, events, 0)
	return got
}

func poll(fd int, events int16, timeout int) (int16, error) {
	fds := []unix.PollFd{{Fd: int32(fd), Events: events}}
	for {
		_, err := unix.Poll(fds, timeout)
		if !errors.Is(err, unix.EINTR) {
			return fds[0].Revents, err
		}
	}
}

// Write is write(2), whatever signals come.
func Write(fd int, b []byte) (int, error) {
	for {
		n, err := unix.Write(fd, b)
		if !errors.Is(err, unix.EINTR) {
			return max(n, 0), err
		}
	}
}

// WriteAll writes all of b, and waits for that: it is not for the loop's goroutine.
func WriteAll(fd int, b []byte) error {
	for {
		n, err := Write(fd, b)
		b = b[n:]
		switch {
		case errors.Is(err, unix.EAGAIN):
			if _, err := poll(fd, unix.POLLOUT, -1); err != nil {
				return err
			}
		case err != nil:
			return err
		case len(b) == 0:
			return nil
		}
	}
}
