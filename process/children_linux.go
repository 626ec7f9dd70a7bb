package process

import (
	"errors"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// children are the processes that ev has started and has not waited for yet. Another child is an
// orphan: its parent has ended, and ev is PID 1 or a subreaper, or it is one that the program had
// before it became ev. Nobody waits for those.
var children struct { //nolint:gochecknoglobals // the process has these
	starting sync.Mutex // held from fork to entry, and by who reaps orphans: meanwhile none is unknown
	sync.Mutex
	own  map[int]struct{} // by PID
	look chan os.Signal   // has orphans looked for; nil: nobody reaps them
}

// fork starts a process that wait is to be called for.
func fork(file string, argv []string, attr *syscall.ProcAttr) (int, error) {
	children.starting.Lock()
	defer children.starting.Unlock()
	pid, err := syscall.ForkExec(file, argv, attr)
	if err == nil {
		children.Lock()
		defer children.Unlock()
		if children.own == nil {
			children.own = map[int]struct{}{}
		}
		children.own[pid] = struct{}{}
	}
	return pid, err
}

// wait waits for the end of one child, and for no other's. Once it is waited for, its PID may be
// another's, so its entry goes in the same moment; until it has ended, nobody is held up.
func wait(pid int, w *Wait) error {
	if err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil); errors.Is(err, unix.EINTR) {
		return err
	}
	children.Lock()
	defer children.Unlock()
	_, err := syscall.Wait4(pid, &w.Status, 0, &w.Usage)
	if !errors.Is(err, unix.EINTR) {
		delete(children.own, pid)
	}
	select {
	case children.look <- unix.SIGCHLD: // the next zombie may be an orphan
	default:
	}
	return err
}

// ReapOrphans has what is orphaned to ev waited for from now on, so that no zombies are left: if ev
// is PID 1, or if it is to be a subreaper (PR_SET_CHILD_SUBREAPER of prctl(2)). To every other
// child of the program it does the same.
func ReapOrphans(subreaper bool) error {
	if subreaper {
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
			return os.NewSyscallError("prctl", err)
		}
	}
	children.Lock()
	defer children.Unlock()
	if !subreaper && os.Getpid() != 1 || children.look != nil {
		return nil
	}
	look := make(chan os.Signal, 1)
	children.look = look
	signal.Notify(look, unix.SIGCHLD)
	go func() {
		for {
			reapOrphans()
			<-look
		}
	}()
	return nil
}

// reapOrphans waits for the orphans that have ended, up to the first zombie that is ev's own: the
// kernel shows none behind it. The end of wait has it called again.
func reapOrphans() {
	children.starting.Lock()
	defer children.starting.Unlock()
	for pid := zombie(); pid != 0 && !isOwn(pid); pid = zombie() {
		_, _ = syscall.Wait4(pid, nil, unix.WNOHANG, nil)
	}
}

func isOwn(pid int) bool {
	children.Lock()
	defer children.Unlock()
	_, own := children.own[pid]
	return own
}

// zombie returns the PID of the first child that has ended, and leaves it there; 0 is none.
func zombie() int {
	var info unix.Siginfo
	for {
		err := unix.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
		if err == nil {
			break
		}
		if !errors.Is(err, unix.EINTR) {
			return 0
		}
	}
	// si_pid is the first member of a union that has pointers in it, after three ints.
	const ints, align = 3 * unsafe.Sizeof(int32(0)), unsafe.Alignof(uintptr(0))
	return int(*(*int32)(unsafe.Add(unsafe.Pointer(&info), (ints+align-1)&^(align-1))))
}
