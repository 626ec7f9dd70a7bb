package process

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// pidfsMagic is what statfs(2) calls the file system of pidfds that have inodes of their own
// (PID_FS_MAGIC of linux/magic.h, Linux 6.9).
const pidfsMagic = 0x50494446

// OpenPIDFD opens a pidfd (pidfd_open(2)). Where there are none, the error is ErrUnsupported.
func OpenPIDFD(ref Ref) (int, error) {
	fd, err := unix.PidfdOpen(ref.PID, 0)
	switch {
	case err == nil:
	case errors.Is(err, unix.ESRCH), errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOENT):
		if tgid := threadOf(ref.PID); tgid != 0 {
			return -1, fmt.Errorf("%d is a thread of process %d: name the process", ref.PID, tgid)
		}
		return -1, fmt.Errorf("process %d: %w", ref.PID, ErrNoProcess)
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return -1, errors.ErrUnsupported // before Linux 5.3, or in a sandbox
	case errors.Is(err, unix.ENFILE), errors.Is(err, unix.ENOMEM), errors.Is(err, unix.ENODEV):
		return -1, fmt.Errorf("%w now: %w", errors.ErrUnsupported, os.NewSyscallError("pidfd_open", err))
	case errors.Is(err, unix.EMFILE):
		return -1, fmt.Errorf("process %d: %w: each process that is watched takes a descriptor: raise the limit (ulimit -n)", ref.PID, err)
	default:
		return -1, fmt.Errorf("process %d: %w", ref.PID, os.NewSyscallError("pidfd_open", err))
	}
	if ref.Inode == 0 {
		return fd, nil
	}
	var st unix.Stat_t
	var fs unix.Statfs_t
	err = unix.Fstat(fd, &st)
	switch {
	case err != nil:
	case unix.Fstatfs(fd, &fs) != nil || fs.Type != pidfsMagic:
		err = fmt.Errorf("process %d:%d: this kernel gives pidfds no inodes (Linux 6.9 does): name the PID alone", ref.PID, ref.Inode)
	case st.Ino != ref.Inode:
		err = fmt.Errorf("process %d:%d: %w; %[1]d is another process, with the inode %[4]d", ref.PID, ref.Inode, ErrNoProcess, st.Ino)
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// Reaped reports whether the process's parent has waited for it, so that its PID may be another's.
func Reaped(pidfd int) bool {
	return errors.Is(unix.PidfdSendSignal(pidfd, 0, nil, 0), unix.ESRCH)
}

// KeepsStatus reports whether the kernel keeps the status of a process for its pidfds. It answers
// for PIDFD_INFO_COREDUMP (Linux 6.16), which a living process has as well, instead of for
// PIDFD_INFO_EXIT, which came one version before it.
func KeepsStatus(pidfd int) bool {
	info := unix.PidfdInfo{Mask: unix.PIDFD_INFO_COREDUMP}
	return unix.IoctlPidfdInfo(pidfd, &info) == nil && info.Mask&unix.PIDFD_INFO_COREDUMP != 0
}

// StatusOf returns how a process ended that has been waited for.
func StatusOf(pidfd int) (syscall.WaitStatus, bool) {
	info := unix.PidfdInfo{Mask: unix.PIDFD_INFO_EXIT}
	if unix.IoctlPidfdInfo(pidfd, &info) != nil || info.Mask&unix.PIDFD_INFO_EXIT == 0 {
		return 0, false
	}
	return syscall.WaitStatus(info.Exit_code), true
}

// ZombieStatus returns how a process ended that has not been waited for, if we may know: whom the
// kernel does not trust, it shows a status of 0. One that is not 0 is proof by itself; for the
// others the same right (PTRACE_MODE_READ_FSCREDS) reads the link /proc/PID/ns/user, also of a
// zombie (proc_pid_ns(5)).
func ZombieStatus(pid, pidfd int) (syscall.WaitStatus, bool) {
	text, err := readProc(pid, "stat")
	if err != nil {
		return 0, false
	}
	st, err := parseStat(text)
	if err != nil || st.state != 'Z' {
		return 0, false
	}
	if st.exitCode == 0 {
		if _, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/user", pid)); err != nil {
			return 0, false
		}
	}
	return syscall.WaitStatus(st.exitCode), !Reaped(pidfd)
}
