package term

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// open makes a pair (pts(4)). creack/pty keeps the number that TIOCGPTN writes on a stack that may
// have moved meanwhile: once in some thousand times it opened /dev/pts/0, which is somebody else's.
func open() (fd int, terminal *os.File, err error) {
	fd, err = unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, nil, os.NewSyscallError("open /dev/ptmx", err)
	}
	n, err := unix.IoctlGetUint32(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	path := "/dev/pts/" + strconv.FormatUint(uint64(n), 10)
	slave := -1
	if err == nil {
		slave, err = unix.Open(path, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, nil, os.NewSyscallError("pseudo-terminal", err)
	}
	return fd, os.NewFile(uintptr(slave), path), nil
}
