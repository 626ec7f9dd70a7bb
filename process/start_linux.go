package process

import (
	"bytes"
	"math"
	"os"
	"strconv"
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

// onlyZombies reports whether all that is left of a process group has ended and
// waits to be reaped by its parent. Where PID 1 does not reap (a container without an
// init), what has lost its parent waits for ever.
func onlyZombies(pgid int) bool {
	proc, err := os.Open("/proc")
	if err != nil {
		return false
	}
	defer proc.Close()
	names, err := proc.Readdirnames(-1)
	if err != nil {
		return false
	}
	group := strconv.Itoa(pgid)
	for _, name := range names {
		if name[0] < '1' || name[0] > '9' {
			continue
		}
		// pid (comm) state ppid pgrp …, and comm may hold anything: proc_pid_stat(5).
		stat, _ := os.ReadFile("/proc/" + name + "/stat")
		fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
		if len(fields) > 2 && string(fields[2]) == group && fields[0][0] != 'Z' && fields[0][0] != 'X' {
			return false
		}
	}
	return true
}
