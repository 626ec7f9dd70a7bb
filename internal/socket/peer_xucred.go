//go:build darwin || freebsd

package socket

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// PeerUser returns the user at the other end of a unix socket's connection (LOCAL_PEERCRED of
// unix(4)).
func PeerUser(fd int) (uid int, err error) {
	const solLocal = 0
	c, err := unix.GetsockoptXucred(fd, solLocal, unix.LOCAL_PEERCRED)
	if err != nil {
		return 0, err
	}
	return int(c.Uid), nil
}

// Peer tells who is at the other end of a unix socket's connection, or "unix" if that can't be
// known.
func Peer(fd int) string {
	uid, err := PeerUser(fd)
	if err != nil {
		return "unix"
	}
	return fmt.Sprintf("uid=%d", uid)
}
