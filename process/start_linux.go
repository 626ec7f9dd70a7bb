package process

import (
	"math"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// attributes are those of a new process: a group of its own, a signal for the case
// that ev dies, and a pidfd, which stays -1 where the kernel has none.
func (sp *Spec) attributes(pidfd *int) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: !sp.Foreground, Pdeathsig: sp.StopSignal, PidFD: pidfd}
}

func useCgroup(sys *syscall.SysProcAttr, dir *os.File) {
	sys.UseCgroupFD, sys.CgroupFD = true, int(dir.Fd())
}

func closeOnExec() {
	if unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC) != nil { // before Linux 5.11
		closeInherited()
	}
}
