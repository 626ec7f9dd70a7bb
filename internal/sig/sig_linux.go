package sig

import (
	"os"
	"runtime"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The real-time signals as glibc numbers them, and the last signal of all (signal(7)).
const (
	rtMin = 34
	rtMax = 64
	last  = rtMax
)

// kept says for what a signal is kept back, from the runtime's table
// (runtime/sigtab_linux_generic.go): for 32 and 34 it installs no handler whatever os/signal asks
// for, so that they end the process; 33 it takes for itself.
func kept(sig syscall.Signal) string {
	switch sig {
	case 32, 33:
		return "it belongs to the C library's threads"
	case rtMin:
		return "the Go runtime leaves it to musl's threads; take RTMIN+1 or a later one"
	}
	return ""
}

// An action is a struct kernel_sigaction, of whatever layout: one of which all is 0 is SIG_DFL.
type action [8]uint64

// act sets the action of a signal, and returns what it was; nil leaves it.
func act(sig syscall.Signal, to *action) (was action, err error) {
	size := uintptr(8) // of the mask: MIPS has 128 signals
	if strings.HasPrefix(runtime.GOARCH, "mips") {
		size = 16
	}
	_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(to)), uintptr(unsafe.Pointer(&was)), size, 0, 0)
	if errno != 0 {
		return was, os.NewSyscallError("rt_sigaction", errno)
	}
	return was, nil
}

// Restore gives a signal its default action, as the kernel has it, and reports whether it could.
// signal.Reset gives it that of the Go runtime, which dumps its goroutines at QUIT and takes no
// notice of PIPE or USR1.
func Restore(sig syscall.Signal) bool {
	_, err := act(sig, &action{})
	return err == nil
}

// Stop stops the process as Ctrl-Z does a program that knows nothing of it, and returns once it
// goes on: at once where nobody could have it go on, as the kernel decides (setpgid(2), orphaned
// process group; PID 1). The signal is for this very thread, which so has stopped before the call
// returns. It reports whether the stop is over.
func Stop() (over bool) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	was, err := act(unix.SIGTSTP, &action{})
	if err != nil {
		return true
	}
	_ = unix.Tgkill(os.Getpid(), unix.Gettid(), unix.SIGTSTP)
	_, _ = act(unix.SIGTSTP, &was)
	return true
}
