package process

import (
	"os"
	"syscall"
)

// attributes are those of a new process: a group of its own, a signal for the case that ev dies,
// and a pidfd, which stays -1 where the kernel has none.
func (sp *Spec) attributes(pidfd *int) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: !sp.Foreground, Pdeathsig: sp.StopSignal, PidFD: pidfd}
}

func useCgroup(sys *syscall.SysProcAttr, dir *os.File) {
	sys.UseCgroupFD, sys.CgroupFD = true, int(dir.Fd())
}

// clearDeathSignal has the death of ev mean nothing, and reports whether it did.
func clearDeathSignal(sys *syscall.SysProcAttr) bool {
	did := sys.Pdeathsig != 0
	sys.Pdeathsig = 0
	return did
}
