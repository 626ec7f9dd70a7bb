//go:build darwin || freebsd

package socket

import "golang.org/x/sys/unix"

// PeerUser returns the user at the other end of a unix socket's connection
// (LOCAL_PEERCRED of unix(4)).
func PeerUser(fd int) (uid int, err error) {
	const solLocal = 0
	c, err := unix.GetsockoptXucred(fd, solLocal, unix.LOCAL_PEERCRED)
	if err != nil {
		return 0, err
	}
	return int(c.Uid), nil
}
