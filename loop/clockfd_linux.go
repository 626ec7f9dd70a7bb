package loop

import (
	"errors"
	"math"
	"os"

	"golang.org/x/sys/unix"
)

// newClockFD returns a descriptor that becomes readable when the wall clock is set discontinuously,
// or the machine resumes from sleep (TFD_TIMER_CANCEL_ON_SET, timerfd_create(2)).
func newClockFD() (int, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_REALTIME, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	return fd, os.NewSyscallError("timerfd_create", err)
}

// armClockFD sets it, and takes what it has told as read.
func armClockFD(fd int) error {
	never := unix.ItimerSpec{Value: unix.NsecToTimespec(math.MaxInt64)}
	err := unix.TimerfdSettime(fd, unix.TFD_TIMER_ABSTIME|unix.TFD_TIMER_CANCEL_ON_SET, &never, nil)
	if errors.Is(err, unix.ECANCELED) {
		return nil
	}
	return os.NewSyscallError("timerfd_settime", err)
}
