//go:build darwin || freebsd || netbsd || openbsd

package socket

import (
	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/fdio"
)

// Left reports whether nobody is at the other end of a connection any more. One who has only
// ended the sending is still there if half says so, and is not else; if something is left to be
// read that can't be known here.
func Left(fd int, half bool) bool {
	if half {
		return fdio.Poll(fd, 0) != 0
	}
	var b [1]byte
	n, _, err := unix.Recvfrom(fd, b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
	return n == 0 && err == nil || fdio.Poll(fd, 0) != 0
}
