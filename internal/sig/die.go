package sig

import (
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Die ends the process by a signal's default action, so that its parent sees what
// ended it, but without a core: none is of use. It returns only if that can't be: the
// signal is ignored or blocked, or its default action can't be had here.
func Die(by syscall.Signal) {
	if signal.Ignored(by) {
		return
	}
	signal.Reset(by)
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	if Restore(by) && syscall.Kill(os.Getpid(), by) == nil {
		// The signal may go to another thread, which takes a moment to act.
		time.Sleep(time.Second)
	}
}
