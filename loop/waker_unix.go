//go:build unix && !linux

package loop

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// pollRDHUP is Linux's alone: elsewhere a half-close is Read, and end of file.
const pollRDHUP = 0

// waker is a descriptor that becomes readable when told to: a pipe.
type waker struct{ read, write int }

func newWaker() (waker, error) {
	var p [2]int
	if err := unix.Pipe(p[:]); err != nil {
		return waker{}, os.NewSyscallError("pipe", err)
	}
	for _, fd := range p {
		unix.CloseOnExec(fd)
		if err := unix.SetNonblock(fd, true); err != nil {
			return waker{}, os.NewSyscallError("fcntl", err)
		}
	}
	return waker{p[0], p[1]}, nil
}

// wake makes it readable. A full pipe (EAGAIN) is readable already.
func (w waker) wake() error {
	_, err := unix.Write(w.write, []byte{0})
	if errors.Is(err, unix.EAGAIN) {
		return nil
	}
	return os.NewSyscallError("write", err)
}

func (w waker) drain() {
	var b [512]byte
	for n := len(b); n == len(b); {
		n, _ = unix.Read(w.read, b[:])
	}
}

func (w waker) close() error { return errors.Join(unix.Close(w.read), unix.Close(w.write)) }
