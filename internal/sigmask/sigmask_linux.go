package sigmask

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/sig"
)

// mask is whose the signals are that are blocked: a signalfd's, which all threads leave them to, or
// nobody's, and then a thread may let them come.
var mask struct { //nolint:gochecknoglobals // the process has one
	sync.Mutex
	left, open bool
}

// again is set in the environment of a program that Block has executed anew.
const again = "EV_SIGNALS_BLOCKED"

// Blockable returns nil if Block can block the signal, else an error that says why it can't: what
// would end a Go program, the runtime unblocks in each thread that it makes (runtime.blockableSig).
func Blockable(s syscall.Signal) error {
	switch s {
	case unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGILL, unix.SIGTRAP, unix.SIGABRT, unix.SIGBUS, unix.SIGFPE,
		unix.SIGSEGV, unix.SIGSTKFLT, unix.SIGTERM, unix.SIGCHLD, unix.SIGPROF, unix.SIGURG, unix.SIGSYS, 32, 33, 34:
		return fmt.Errorf("who has sent %s can't be known: the Go runtime does not let it be blocked; USR1, USR2, WINCH and the real-time signals from RTMIN+1 on can", sig.Name(s))
	}
	return nil
}

// Block blocks signals. If they are not blocked yet, the program is executed anew, with the same
// arguments, environment and open descriptors: Block is to be called before anything has been done
// that can't be done twice, and returns only if the signals are blocked, or with an error.
func Block(signals []syscall.Signal) error {
	for _, s := range signals {
		if err := Blockable(s); err != nil {
			return err
		}
	}
	tried := os.Getenv(again) != ""
	_ = os.Unsetenv(again)
	if Blocked(signals...) {
		mask.Lock()
		defer mask.Unlock()
		mask.left = true
		return nil
	}
	if tried {
		return errors.New("executed anew with its signals blocked, ev found them unblocked")
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	set, before := setOf(signals), unix.Sigset_t{}
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &set, &before); err != nil {
		return os.NewSyscallError("sigprocmask", err)
	}
	err := syscall.Exec(self(), os.Args, append(os.Environ(), again+"=1"))
	_ = unix.PthreadSigmask(unix.SIG_SETMASK, &before, nil)
	return fmt.Errorf("ev can't be executed anew with its signals blocked: %w", err)
}

// Blocked reports whether all of the signals are blocked; without any, whether one is.
func Blocked(signals ...syscall.Signal) bool {
	var now unix.Sigset_t
	if unix.PthreadSigmask(unix.SIG_BLOCK, nil, &now) != nil {
		return false
	}
	if len(signals) == 0 {
		return now != unix.Sigset_t{}
	}
	want := setOf(signals)
	for i, w := range want.Val {
		if now.Val[i]&w != w {
			return false
		}
	}
	return true
}

// FD opens a signalfd for signals that are blocked.
func FD(signals []syscall.Signal) (int, error) {
	mask.Lock()
	defer mask.Unlock()
	if mask.open || !Blocked(signals...) {
		return -1, errors.New("the signals have to be blocked when ev starts: start it anew")
	}
	set := setOf(signals)
	mask.left = true
	fd, err := unix.Signalfd(-1, &set, unix.SFD_NONBLOCK|unix.SFD_CLOEXEC)
	return fd, os.NewSyscallError("signalfd", err)
}

func setOf(signals []syscall.Signal) (set unix.Sigset_t) {
	const bits = 8 * int(unsafe.Sizeof(set.Val[0]))
	for _, s := range signals {
		set.Val[(int(s)-1)/bits] |= 1 << ((int(s) - 1) % bits)
	}
	return set
}

// self returns the program's file: by the path that it was started by, which gives the process its
// name (comm), unless something else is there by now.
func self() string {
	const exe = "/proc/self/exe"
	path, err := os.Executable()
	if err != nil {
		return exe
	}
	running, err1 := os.Stat(exe)
	there, err2 := os.Stat(path)
	if err1 != nil || err2 != nil || !os.SameFile(running, there) {
		return exe
	}
	return path
}

// Open has what the calling thread starts begin with no signal blocked, without a Wrap, unless
// Block was called. The thread is to be the caller's own, and to start nothing else.
func Open() {
	mask.Lock()
	defer mask.Unlock()
	if !mask.left && Blocked() {
		mask.open = unix.PthreadSigmask(unix.SIG_SETMASK, &unix.Sigset_t{}, nil) == nil
	}
}

// Wrap returns what is to be executed in place of file, so that the command starts with no signal
// blocked: file itself if none is.
func Wrap(file string, argv []string) (string, []string) {
	if !Blocked() {
		return file, argv
	}
	return self(), append([]string{os.Args[0], unmasked, file}, argv...)
}

// Unwrap turns a program that was started as Wrap says into the command. If it can't, the program
// is to end with the status returned; in any other program ok is false. It is to be called first of
// all.
func Unwrap() (status int, ok bool) {
	if len(os.Args) < 4 || os.Args[1] != unmasked {
		return 0, false
	}
	runtime.LockOSThread()
	file := os.Args[2]
	err := unix.PthreadSigmask(unix.SIG_SETMASK, &unix.Sigset_t{}, nil)
	if err == nil {
		err = syscall.Exec(file, os.Args[3:], os.Environ())
	}
	fmt.Fprintf(os.Stderr, "ev: %s: %v\n", file, err)
	return 126, true
}
