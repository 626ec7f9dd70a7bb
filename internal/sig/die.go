package sig

import (
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Die ends the process by a signal's default action, so that its parent sees what ended it, but
// without a core: none is of use. It returns only if that can't be: the signal is ignored or
// blocked, or its default action can't be had here.
//
// The kernel does not let PID 1 of a PID namespace die of a signal that comes from within
// (pid_namespaces(7)). It exits with the status that a shell tells of such an end, 128+n.
func Die(by syscall.Signal) {
	if signal.Ignored(by) {
		return
	}
	if os.Getpid() == 1 {
		os.Exit(128 + int(by)) //nolint:forbidigo // no signal kills PID 1: this is its death
	}
	signal.Reset(by)
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	if Restore(by) && syscall.Kill(os.Getpid(), by) == nil {
		// The signal may go to another thread, which takes a moment to act.
		time.Sleep(time.Second)
	}
}
