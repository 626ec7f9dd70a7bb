// Package waits ends the program in good order where the Go runtime would abort it, with the stacks
// of all goroutines: it can't have what it waits by. A program is to import it for that alone, and
// nothing that is initialised later may be needed for it: packages are in the order of their paths
// as far as they don't import others, and some that ev needs set timers.
package waits

import (
	"os"
	"syscall"
	"unsafe"
)

const statusFailed = 125

func init() { //nolint:gochecknoinits // it must come before others'
	if call, errno := try(); errno != 0 {
		_, _ = syscall.Write(2, []byte("ev: "+call+": "+errno.Error()+": without epoll(7) and eventfd(2) no Go program can wait: allow them, or raise what is too low (ulimit -n, fs.epoll.max_user_watches, memory)\n"))
		os.Exit(statusFailed) //nolint:forbidigo // there is no main yet that could return it
	}
}

// try does what the runtime will (runtime.netpollinit), and undoes it.
func try() (call string, errno syscall.Errno) {
	set, _, errno := syscall.RawSyscall(syscall.SYS_EPOLL_CREATE1, syscall.EPOLL_CLOEXEC, 0, 0)
	if errno != 0 {
		return "epoll_create1", errno
	}
	defer func() { _ = syscall.Close(int(set)) }()
	event, _, errno := syscall.RawSyscall(syscall.SYS_EVENTFD2, 0, syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
	if errno != 0 {
		return "eventfd", errno
	}
	defer func() { _ = syscall.Close(int(event)) }()
	e := syscall.EpollEvent{Events: syscall.EPOLLIN}
	_, _, errno = syscall.RawSyscall6(syscall.SYS_EPOLL_CTL, set, syscall.EPOLL_CTL_ADD, event, uintptr(unsafe.Pointer(&e)), 0, 0)
	return "epoll_ctl", errno
}
