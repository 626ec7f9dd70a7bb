package term

import (
	"os"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// Open makes a pseudo-terminal for what a process writes, as pipe(2) makes a pipe: terminal is for
// the process, and fd, which is non-blocking, for who reads that: byte for byte, without the
// carriage return that a terminal adds to each line (OPOST of termios(3)). It is nobody's
// controlling terminal. Once the last who has it has closed it, read(2) fails with EIO or returns
// 0.
func Open() (fd int, terminal *os.File, err error) {
	master, terminal, err := pty.Open()
	if err != nil {
		return -1, nil, err
	}
	defer master.Close()
	slave := int(terminal.Fd())
	t, err := Settings(slave)
	if err == nil {
		t.Oflag &^= unix.OPOST
		err = unix.IoctlSetTermios(slave, setTermios, t)
	}
	if err == nil {
		err = unix.SetNonblock(slave, false) // which os.OpenFile may have changed
	}
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

// SetSize says how large a terminal is. It can be either end of a pseudo-terminal.
func SetSize(fd, columns, rows int) error {
	return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Col: uint16(columns), Row: uint16(rows)})
}
