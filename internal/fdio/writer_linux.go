package fdio

import (
	"errors"

	"golang.org/x/sys/unix"
)

// IsBeingWritten reports whether somebody has a regular file open for writing, as far as that can
// be known: by whoever owns the file, or has CAP_LEASE.
//
// It asks for a lease, which the kernel refuses while there is a writer (F_SETLEASE in fcntl(2)),
// and gives it back at once: one who opens the file in between waits for that.
func IsBeingWritten(path string) bool {
	var fd int
	err := Retry(func() (err error) {
		fd, err = unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	if _, err = unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_RDLCK); err != nil {
		return errors.Is(err, unix.EAGAIN)
	}
	_, _ = unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_UNLCK)
	return false
}
