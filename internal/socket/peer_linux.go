package socket

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// PeerUser returns the user at the other end of a unix socket's connection (SO_PEERCRED of
// unix(7)).
func PeerUser(fd int) (uid int, err error) {
	c, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return 0, err
	}
	return int(c.Uid), nil
}

// Peer tells who is at the other end of a unix socket's connection, or "unix" if that can't be
// known.
func Peer(fd int) string {
	c, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return "unix"
	}
	return fmt.Sprintf("uid=%d,pid=%d", c.Uid, c.Pid)
}
