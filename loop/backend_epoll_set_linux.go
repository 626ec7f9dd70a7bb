package loop

import (
	"errors"
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// epollSet is an epoll descriptor, and how to park on it.
type epollSet struct {
	fd     int
	events []unix.EpollEvent
	n      int // of events, as looked last
	err    error

	parker *os.File                 // a duplicate that the poller knows; nil while there is no need
	parked *atomic.Pointer[os.File] // the parker, while it is waited for
	conn   syscall.RawConn
	again  func(fd uintptr) bool // made once, since each wait needs it
	looks  int                   // in this wait
	busy   int                   // waits in a row that found something at once
}

// unparked is after how many of those waits a loop counts as busy.
const unparked = 64

// newEpollSet makes one that tells in parked whether a deadline of the past would wake it.
func newEpollSet(parked *atomic.Pointer[os.File]) (*epollSet, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	// Non-blocking is what makes os.NewFile hand it to the poller.
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	s := &epollSet{fd: fd, parked: parked, events: make([]unix.EpollEvent, 64)}
	s.again = func(uintptr) bool {
		s.looks++
		s.take()
		return s.n != 0 || s.err != nil
	}
	return s, nil
}

// look returns what there is to tell, without waiting.
func (s *epollSet) look() ([]unix.EpollEvent, error) {
	s.take()
	return s.events[:s.n], s.err
}

// park waits until there is something to tell.
func (s *epollSet) park() ([]unix.EpollEvent, error) {
	if s.parker == nil && s.open() != nil {
		return s.block() // there is no descriptor left
	}
	s.looks = 0
	s.parked.Store(s.parker)
	err := s.conn.Read(s.again)
	s.parked.Store(nil)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded): // it was woken
		s.n, s.busy = 0, 0
		return nil, s.parker.SetReadDeadline(time.Time{})
	case err != nil:
		s.leave()
		return s.block() // the poller has no room
	}
	s.busy++
	if s.looks > 1 {
		s.busy = 0
	} else if s.busy == unparked {
		s.leave()
	}
	return s.events[:s.n], s.err
}

// block waits until there is something to tell, and has a thread wait.
func (s *epollSet) block() ([]unix.EpollEvent, error) {
	n, err := unix.EpollWait(s.fd, s.events, -1)
	if errors.Is(err, unix.EINTR) {
		return nil, nil
	}
	return s.events[:max(n, 0)], os.NewSyscallError("epoll_wait", err)
}

// take is epoll_wait(2) without waiting. It is made without telling the scheduler, since it can't
// block. Linux does not interrupt that, others do (gVisor): the poller tells an edge once, so what
// it was called for has to be looked for again.
func (s *epollSet) take() {
	if s.n == len(s.events) {
		s.events = make([]unix.EpollEvent, 2*s.n)
	}
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(s.fd),
			uintptr(unsafe.Pointer(&s.events[0])), uintptr(len(s.events)), 0, 0, 0)
		switch s.n, s.err = int(n), nil; errno {
		case 0:
		case unix.EINTR:
			continue
		default:
			s.n, s.err = 0, os.NewSyscallError("epoll_pwait", errno)
		}
		return
	}
}

// open has the poller know the set.
func (s *epollSet) open() error {
	fd, err := unix.FcntlInt(uintptr(s.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return err
	}
	s.parker = os.NewFile(uintptr(fd), "epoll")
	if s.conn, err = s.parker.SyscallConn(); err != nil {
		s.leave()
	}
	return err
}

// leave has the poller forget it.
func (s *epollSet) leave() {
	_ = s.parker.Close()
	s.parker, s.conn, s.busy = nil, nil, 0
}

func (s *epollSet) close() error {
	if s.parker != nil {
		s.leave()
	}
	err := unix.Close(s.fd)
	s.fd = -1
	return os.NewSyscallError("close", err)
}
