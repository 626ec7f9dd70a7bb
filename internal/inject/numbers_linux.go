//go:build amd64 || arm64

package inject

import "golang.org/x/sys/unix"

// numbers are those of the system calls that can be made to fail, out of what ev and the Go runtime
// make.
func numbers() map[string]uint32 {
	return map[string]uint32{
		"accept4":           unix.SYS_ACCEPT4,
		"bind":              unix.SYS_BIND,
		"clone":             unix.SYS_CLONE,
		"clone3":            unix.SYS_CLONE3,
		"close":             unix.SYS_CLOSE,
		"connect":           unix.SYS_CONNECT,
		"dup3":              unix.SYS_DUP3,
		"epoll_create1":     unix.SYS_EPOLL_CREATE1,
		"epoll_ctl":         unix.SYS_EPOLL_CTL,
		"epoll_pwait":       unix.SYS_EPOLL_PWAIT,
		"epoll_pwait2":      unix.SYS_EPOLL_PWAIT2,
		"eventfd2":          unix.SYS_EVENTFD2,
		"execve":            unix.SYS_EXECVE,
		"faccessat":         unix.SYS_FACCESSAT,
		"fchdir":            unix.SYS_FCHDIR,
		"fchmodat":          unix.SYS_FCHMODAT,
		"fchownat":          unix.SYS_FCHOWNAT,
		"fcntl":             unix.SYS_FCNTL,
		"fdatasync":         unix.SYS_FDATASYNC,
		"flock":             unix.SYS_FLOCK,
		"fstat":             unix.SYS_FSTAT,
		"fsync":             unix.SYS_FSYNC,
		"ftruncate":         unix.SYS_FTRUNCATE,
		"getdents64":        unix.SYS_GETDENTS64,
		"getpeername":       unix.SYS_GETPEERNAME,
		"getsockname":       unix.SYS_GETSOCKNAME,
		"getsockopt":        unix.SYS_GETSOCKOPT,
		"inotify_add_watch": unix.SYS_INOTIFY_ADD_WATCH,
		"inotify_init1":     unix.SYS_INOTIFY_INIT1,
		"ioctl":             unix.SYS_IOCTL,
		"kill":              unix.SYS_KILL,
		"linkat":            unix.SYS_LINKAT,
		"listen":            unix.SYS_LISTEN,
		"lseek":             unix.SYS_LSEEK,
		"memfd_create":      unix.SYS_MEMFD_CREATE,
		"mkdirat":           unix.SYS_MKDIRAT,
		"mmap":              unix.SYS_MMAP,
		"newfstatat":        sysNewfstatat,
		"openat":            unix.SYS_OPENAT,
		"pidfd_open":        unix.SYS_PIDFD_OPEN,
		"pidfd_send_signal": unix.SYS_PIDFD_SEND_SIGNAL,
		"pipe2":             unix.SYS_PIPE2,
		"ppoll":             unix.SYS_PPOLL,
		"prctl":             unix.SYS_PRCTL,
		"pread64":           unix.SYS_PREAD64,
		"preadv2":           unix.SYS_PREADV2,
		"read":              unix.SYS_READ,
		"readlinkat":        unix.SYS_READLINKAT,
		"recvfrom":          unix.SYS_RECVFROM,
		"recvmsg":           unix.SYS_RECVMSG,
		"renameat":          unix.SYS_RENAMEAT,
		"renameat2":         unix.SYS_RENAMEAT2,
		"sendmsg":           unix.SYS_SENDMSG,
		"sendto":            unix.SYS_SENDTO,
		"setpgid":           unix.SYS_SETPGID,
		"setsockopt":        unix.SYS_SETSOCKOPT,
		"shutdown":          unix.SYS_SHUTDOWN,
		"signalfd4":         unix.SYS_SIGNALFD4,
		"socket":            unix.SYS_SOCKET,
		"socketpair":        unix.SYS_SOCKETPAIR,
		"splice":            unix.SYS_SPLICE,
		"statfs":            unix.SYS_STATFS,
		"statx":             unix.SYS_STATX,
		"tgkill":            unix.SYS_TGKILL,
		"timerfd_create":    unix.SYS_TIMERFD_CREATE,
		"timerfd_settime":   unix.SYS_TIMERFD_SETTIME,
		"unlinkat":          unix.SYS_UNLINKAT,
		"wait4":             unix.SYS_WAIT4,
		"waitid":            unix.SYS_WAITID,
		"write":             unix.SYS_WRITE,
		"writev":            unix.SYS_WRITEV,
	}
}

// pathArguments are the arguments that are a file's name.
func pathArguments() map[string]int {
	return map[string]int{
		"execve": 0, "statfs": 0,
		"faccessat": 1, "fchmodat": 1, "fchownat": 1, "inotify_add_watch": 1, "mkdirat": 1, "newfstatat": 1, "openat": 1, "readlinkat": 1, "renameat": 1, "renameat2": 1, "statx": 1, "unlinkat": 1,
	}
}
