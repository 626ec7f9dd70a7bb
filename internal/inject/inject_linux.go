//go:build amd64 || arm64

package inject

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// superviseWord is the first argument of the process that decides what becomes of calls.
const superviseWord = "--supervise"

// Available reports whether calls can be made to fail here (seccomp(2), Linux 5.5).
func Available() bool {
	action := uint32(unix.SECCOMP_RET_USER_NOTIF)
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_GET_ACTION_AVAIL, 0, uintptr(unsafe.Pointer(&action)))
	return errno == 0
}

// Main is the program, with os.Args. It must be what /proc/self/exe starts when that is called by
// the same name.
func Main() {
	err := run(os.Args[1:])
	fmt.Fprintln(os.Stderr, "inject:", err)
	os.Exit(125) //nolint:forbidigo // it is a program of its own
}

func run(args []string) error {
	if len(args) > 0 && args[0] == superviseWord {
		specs, _, err := split(args[1:])
		if err == nil {
			err = supervise(specs)
		}
		return err
	}
	specs, command, err := split(args)
	if err != nil {
		return err
	}
	program, err := exec.LookPath(command[0])
	if err != nil {
		return err
	}
	// The thread that has the filter is the one that executes the program.
	runtime.LockOSThread()
	to, err := startSupervisor(args)
	if err != nil {
		return err
	}
	// A supervisor that is no parent may look into the program, for names of files.
	_ = unix.Prctl(unix.PR_SET_PTRACER, ^uintptr(0), 0, 0, 0)
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl", err)
	}
	notify, err := install(specs)
	if err != nil {
		return err
	}
	if err := unix.Sendmsg(to, []byte{0}, unix.UnixRights(notify), nil, 0); err != nil {
		return os.NewSyscallError("sendmsg", err)
	}
	return &os.PathError{Op: "exec", Path: program, Err: unix.Exec(program, command, os.Environ())}
}

// split takes the arguments apart.
func split(args []string) (specs []*spec, command []string, err error) {
	for i, arg := range args {
		if arg == "--" {
			args = args[i+1:]
			break
		}
		if !strings.Contains(arg, ":") {
			args = args[i:]
			break
		}
		s, err := parse(arg)
		if err != nil {
			return nil, nil, err
		}
		if _, known := numbers()[s.name]; !known {
			return nil, nil, fmt.Errorf("%s is not known here: add it to numbers()", s.name)
		}
		specs = append(specs, s)
	}
	if len(specs) == 0 || len(args) == 0 || strings.Contains(args[0], ":error=") {
		return nil, nil, fmt.Errorf("usage: inject SPEC... [--] PROGRAM [ARG...]")
	}
	return specs, args, nil
}

// startSupervisor starts a process that gets the listener of the filter over the descriptor that is
// returned. It ends with the last process that has the filter.
func startSupervisor(args []string) (to int, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socketpair", err)
	}
	defer unix.Close(pair[1])
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return -1, err
	}
	defer null.Close()
	argv := append([]string{os.Args[0], superviseWord}, args...)
	_, err = syscall.ForkExec("/proc/self/exe", argv, &syscall.ProcAttr{
		Env:   os.Environ(),
		Files: []uintptr{null.Fd(), null.Fd(), null.Fd(), uintptr(pair[1])},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	return pair[0], err
}

// install has the calls of this thread, and of what it executes, be asked for. execve is always:
// with the first one the program begins.
func install(specs []*spec) (notify int, err error) {
	asked := map[uint32]bool{uint32(unix.SYS_EXECVE): true}
	for _, s := range specs {
		asked[numbers()[s.name]] = true
	}
	const number = 0 // the offset in struct seccomp_data
	code := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: number}}
	for nr := range asked {
		code = append(code,
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: nr, Jf: 1},
			unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_USER_NOTIF})
	}
	code = append(code, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW})
	program := unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
	// A call that the supervisor has been asked for is not begun anew by a signal: Linux 5.19.
	for _, flags := range []uintptr{unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, 0} {
		fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER,
			unix.SECCOMP_FILTER_FLAG_NEW_LISTENER|flags, uintptr(unsafe.Pointer(&program)))
		if errno == 0 {
			return int(fd), nil
		}
		err = os.NewSyscallError("seccomp", errno)
	}
	return -1, err
}
