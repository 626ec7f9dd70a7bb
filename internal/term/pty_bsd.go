//go:build darwin || freebsd || openbsd || netbsd || dragonfly

package term

import (
	"os"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// open makes a pair.
func open() (fd int, terminal *os.File, err error) {
	master, terminal, err := pty.Open()
	if err != nil {
		return -1, nil, err
	}
	defer master.Close()
	err = unix.SetNonblock(int(terminal.Fd()), false) // which os.OpenFile may have changed
	if err == nil {
		fd, err = unix.FcntlInt(master.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	}
	if err == nil {
		if err = unix.SetNonblock(fd, true); err == nil {
			return fd, terminal, nil
		}
		_ = unix.Close(fd)
	}
	_ = terminal.Close()
	return -1, nil, os.NewSyscallError("pseudo-terminal", err)
}
