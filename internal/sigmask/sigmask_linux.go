package sigmask

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
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
// blocked: file itself if none is. The command's standard error is to be the descriptor stderr of
// what is executed, whose own is told why it can't become the command: nothing is, if it can. All
// that is written to it is for Failure.
func Wrap(file string, argv []string, stderr int) (string, []string) {
	if !Blocked() {
		return file, argv
	}
	return self(), append([]string{os.Args[0], unmasked, strconv.Itoa(stderr), file}, argv...)
}

// failure is what Unwrap writes for Failure to read.
const failure = "ev: errno %d"

// Failure returns why what Wrap had executed could not become the command. The Go runtime has words
// of its own, for threads and memory that it can't have.
func Failure(text []byte) error {
	var errno unix.Errno
	if _, err := fmt.Sscanf(string(text), failure, &errno); err != nil {
		return unix.EAGAIN
	}
	return errno
}

// Unwrap turns a program that was started as Wrap says into the command. If it can't, the program
// is to end with the status returned; in any other program ok is false. It is to be called first of
// all.
func Unwrap() (status int, ok bool) {
	if len(os.Args) < 5 || os.Args[1] != unmasked {
		return 0, false
	}
	runtime.LockOSThread()
	why := becomeCommand(os.Args[2], os.Args[3], os.Args[4:])
	errno, _ := errors.AsType[unix.Errno](why)
	fmt.Fprintf(os.Stderr, failure, errno)
	return 126, true
}

// becomeCommand returns only if it can't, with standard error as it was.
func becomeCommand(stderr, file string, argv []string) error {
	fd, err := strconv.Atoi(stderr)
	if err != nil {
		return unix.EINVAL
	}
	told, err := unix.FcntlInt(uintptr(unix.Stderr), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err := unix.Dup3(fd, unix.Stderr, 0); err != nil {
		return err
	}
	unix.CloseOnExec(fd)
	err = unix.PthreadSigmask(unix.SIG_SETMASK, &unix.Sigset_t{}, nil)
	if err == nil {
		err = syscall.Exec(file, argv, os.Environ())
	}
	_ = unix.Dup3(told, unix.Stderr, 0)
	return err
}
