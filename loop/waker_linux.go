package loop

import (
	"encoding/binary"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// pollRDHUP: poll(2) tells of a stream socket's half-close.
const pollRDHUP = unix.POLLRDHUP

// waker is a descriptor that becomes readable when told to: an eventfd.
type waker struct{ read int }

func newWaker() (waker, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	return waker{fd}, os.NewSyscallError("eventfd", err)
}

// wake makes it readable. A counter at its limit (EAGAIN) is readable already.
func (w waker) wake() error {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	_, err := unix.Write(w.read, one[:])
	if errors.Is(err, unix.EAGAIN) {
		return nil
	}
	return os.NewSyscallError("write", err)
}

func (w waker) drain() {
	var n [8]byte
	_, _ = unix.Read(w.read, n[:])
}

func (w waker) close() error { return unix.Close(w.read) }
