package loop

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Ops is a set of what a descriptor can be ready for.
type Ops uint8

const (
	// Read: read(2) or accept(2) won't wait; at the end of file it returns 0.
	Read Ops = 1 << iota
	// Write: write(2) won't wait.
	Write
	// Hangup: the other end has gone. A pidfd is in this state once its process has been reaped.
	Hangup
	// Shut: the other end of a stream socket will send no more, which is all that a TCP connection
	// knows of one that has gone. Linux alone tells it; elsewhere it is Read, and end of file.
	Shut
	// Urgent: something out of band has come, POLLPRI of poll(2), to a TCP connection or the master
	// of a terminal. It is not for files of the kernel's that tell of a change but once, as
	// /proc/self/mountinfo: whoever looks first takes that, and epoll looks more than once.
	Urgent
	// Error: the descriptor can't be watched, since it is not open, or not any more. It need not be
	// asked for. The watcher has been stopped.
	Error
)

func (o Ops) String() string {
	var s []string
	for i, name := range [...]string{"read", "write", "hup", "shut", "urgent", "error"} {
		if o&(1<<i) != 0 {
			s = append(s, name)
		}
	}
	return strings.Join(s, "|")
}

// Ready says what a descriptor is ready for.
type Ready struct {
	FD  int
	Ops Ops
}

// A Backend is a way to wait. A loop calls it from one goroutine, but for Wake, and closes it in
// the end.
//
// Readiness is level-triggered: it is told at each Wait for as long as it lasts. It may be
// spurious, and Hangup comes with all others, since they would fail at once. Descriptors that can't
// be waited for, such as regular files, are always ready for what was asked.
type Backend interface {
	// Name is what the backend is chosen by.
	Name() string
	// Modify says what is wanted of fd from now on. old is what was wanted before: 0 makes it
	// known, whatever is known of that number; new 0 forgets it, and can't fail. Modify(fd, o, o)
	// confirms that fd is still the file that was made known, as far as the backend has to be asked
	// for that. What is refused is not known any more; what is not open may instead be told as
	// Error by Wait.
	Modify(fd int, old, new Ops) error
	// Wait appends what is ready. It waits for d, never less and with no limit if d is negative,
	// until something is, or until a Wake that came since the last Wait returned. It may return
	// early with nothing.
	Wait(ready []Ready, d time.Duration) ([]Ready, error)
	// Wake ends the Wait that is under way, or the next one. Any goroutine may call it.
	Wake() error
	Close() error
}

// A ClockWatcher is a Backend that notices steps of the wall clock.
type ClockWatcher interface {
	// WatchClock has Wait return early, from now on, when the clock is set or the machine resumes
	// from sleep.
	WatchClock() error
}

// A Troubled is a Backend that goes on in a worse way when the kernel refuses what it needs.
type Troubled interface {
	// OnTrouble has fn told of that, and with nil that it is over, on the goroutine of the loop. It
	// is to be called before the backend is used.
	OnTrouble(fn func(error))
}

// A maker is a backend that the platform has.
type maker struct {
	name string
	make func() (Backend, error)
}

// Backends returns the names of the platform's backends, the best first.
func Backends() []string {
	var names []string
	for _, m := range makers() {
		names = append(names, m.name)
	}
	return names
}

// NewBackend makes the named backend; "auto" or "" is the best that works. The error for a name
// that the platform lacks wraps [errors.ErrUnsupported] and names those that it has.
func NewBackend(name string) (Backend, error) {
	var failed error
	for _, m := range makers() {
		switch name {
		case m.name:
			return m.make()
		case "auto", "":
			b, err := m.make()
			if err == nil {
				return b, nil
			}
			err = fmt.Errorf("backend %s: %w", m.name, err)
			if failed != nil {
				err = fmt.Errorf("%w; %w", failed, err)
			}
			failed = err
		}
	}
	if failed != nil {
		return nil, failed
	}
	return nil, &backendError{name}
}

// backendError says that the platform has no backend of that name.
type backendError struct{ name string }

func (e *backendError) Error() string {
	return fmt.Sprintf("no backend %q here: there is auto, %s", e.name, strings.Join(Backends(), ", "))
}

func (e *backendError) Unwrap() error { return errors.ErrUnsupported }
