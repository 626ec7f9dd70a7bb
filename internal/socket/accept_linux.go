package socket

import "golang.org/x/sys/unix"

// accept returns a blocking descriptor that is closed on exec.
func accept(fd int) (int, unix.Sockaddr, error) {
	return unix.Accept4(fd, unix.SOCK_CLOEXEC)
}
