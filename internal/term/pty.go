package term

import (
	"os"

	"golang.org/x/sys/unix"
)

// Open makes a pseudo-terminal for what a process writes, as pipe(2) makes a pipe: terminal is for
// the process, and fd, which is non-blocking, for who reads that: byte for byte, without the
// carriage return that a terminal adds to each line (OPOST of termios(3)). It is nobody's
// controlling terminal. Once the last who has it has closed it, read(2) fails with EIO or returns
// 0.
func Open() (fd int, terminal *os.File, err error) {
	fd, terminal, err = open()
	if err != nil {
		return -1, nil, err
	}
	t, err := Settings(int(terminal.Fd()))
	if err == nil {
		t.Oflag &^= unix.OPOST
		err = unix.IoctlSetTermios(int(terminal.Fd()), setTermios, t)
	}
	if err != nil {
		_ = unix.Close(fd)
		_ = terminal.Close()
		return -1, nil, os.NewSyscallError("pseudo-terminal", err)
	}
	return fd, terminal, nil
}

// SetSize says how large a terminal is. It can be either end of a pseudo-terminal.
func SetSize(fd, columns, rows int) error {
	return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Col: uint16(columns), Row: uint16(rows)})
}
