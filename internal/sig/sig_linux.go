package sig

import (
	"runtime"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The real-time signals as glibc numbers them, and the last signal of all
// (signal(7)).
const (
	rtMin = 34
	rtMax = 64
	last  = rtMax
)

// kept says for what a signal is kept back, from the runtime's table
// (runtime/sigtab_linux_generic.go): for 32 and 34 it installs no handler
// whatever os/signal asks for, so that they end the process; 33 it takes for
// itself.
func kept(sig syscall.Signal) string {
	switch sig {
	case 32, 33:
		return "it belongs to the C library's threads"
	case rtMin:
		return "the Go runtime leaves it to musl's threads; take RTMIN+1 or a later one"
	}
	return ""
}

// Restore gives a signal its default action, as the kernel has it, and reports
// whether it could. signal.Reset gives it that of the Go runtime, which dumps its
// goroutines at QUIT and takes no notice of PIPE or USR1.
func Restore(sig syscall.Signal) bool {
	// struct kernel_sigaction, of which all is 0: SIG_DFL is. Only its mask differs
	// in size: MIPS has 128 signals.
	var action [8]uint64
	size := uintptr(8)
	if strings.HasPrefix(runtime.GOARCH, "mips") {
		size = 16
	}
	_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(&action)), 0, size, 0, 0)
	return errno == 0
}
