package socket

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// OwnDir makes a directory for sockets, or looks at the one that there is. Whoever could write to
// it could put a socket of their own in place of another: it must be the user's, and nobody else's.
// One that is not there is an error if it isn't to be made.
func OwnDir(dir string, create bool) error {
	if create {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	var st unix.Stat_t
	if err := unix.Lstat(dir, &st); err != nil {
		return &os.PathError{Op: "lstat", Path: dir, Err: err}
	}
	switch mode := uint32(st.Mode); { //nolint:unconvert // uint16 on some platforms
	case mode&unix.S_IFMT != unix.S_IFDIR:
		return fmt.Errorf("%s is not a directory, and sockets are made in it: remove it", dir)
	case int(st.Uid) != os.Geteuid():
		return fmt.Errorf("%s: the directory of your sockets belongs to user %d: give the socket's path, as in --control ./ev.sock", dir, st.Uid)
	case mode&0o077 != 0:
		return fmt.Errorf("%s: the directory of your sockets is open to others (mode %#o): chmod 700 %[1]s", dir, mode&0o7777)
	}
	return nil
}

// CheckPeer returns an error if at the other end of a unix socket's connection there is neither the
// user nor root.
func CheckPeer(fd int) error {
	uid, err := PeerUser(fd)
	switch {
	case err != nil:
		return os.NewSyscallError("getsockopt", err)
	case uid != os.Geteuid() && uid != 0:
		return fmt.Errorf("at the other end is user %d, neither you nor root", uid)
	}
	return nil
}
