package socket

import (
	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/fdio"
)

// Left reports whether nobody is at the other end of a connection any more. One who has only
// ended the sending is still there if half says so, and is not else.
func Left(fd int, half bool) bool {
	if half {
		return fdio.Poll(fd, 0) != 0
	}
	return fdio.Poll(fd, unix.POLLRDHUP) != 0
}
