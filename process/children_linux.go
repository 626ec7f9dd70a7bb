package process

import (
	"errors"
	"os"
	"os/signal"
	"slices"
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
	own  map[int]func()    // by PID, and what is to be called when the terminal stops it; nil: nothing
	look chan os.Signal    // has orphans looked for; nil: nobody reaps them
	kept map[int][]*Orphan // by PID: whose status is to be kept

	stops sync.Once // are looked for from then on
}

// fork starts a process that wait is to be called for. Stopped, if not nil, is called on some
// goroutine each time the terminal has stopped the process until then.
func fork(file string, argv []string, attr *syscall.ProcAttr, stopped func()) (int, error) {
	if stopped != nil {
		children.stops.Do(watchStops)
	}
	children.starting.Lock()
	defer children.starting.Unlock()
	pid, err := syscall.ForkExec(file, argv, attr)
	if err == nil {
		children.Lock()
		defer children.Unlock()
		if children.own == nil {
			children.own = map[int]func(){}
		}
		children.own[pid] = stopped
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
		reapOrphan(pid)
	}
}

// reapOrphan waits for an orphan that has ended. Its status is there before anybody else learns that
// it was waited for, and that is not to be had any more.
func reapOrphan(pid int) {
	children.Lock()
	defer children.Unlock()
	same := slices.DeleteFunc(slices.Clone(children.kept[pid]), func(o *Orphan) bool { return Reaped(o.pidfd) })
	var status syscall.WaitStatus
	if n, err := syscall.Wait4(pid, &status, unix.WNOHANG, nil); err != nil || n != pid {
		return
	}
	for _, o := range same {
		o.status, o.ended = status, true
	}
}

// An Orphan is a process that is or may be orphaned to ev, and whose status is kept if it is ev that
// waits for it.
type Orphan struct {
	pid, pidfd int
	status     syscall.WaitStatus
	ended      bool
}

// KeepOrphan has the status of a process kept, until Forget is called: before its pidfd is closed.
func KeepOrphan(pid, pidfd int) *Orphan {
	children.Lock()
	defer children.Unlock()
	if children.kept == nil {
		children.kept = map[int][]*Orphan{}
	}
	o := &Orphan{pid: pid, pidfd: pidfd}
	children.kept[pid] = append(children.kept[pid], o)
	return o
}

// Status returns how the process ended, if ev has waited for it.
func (o *Orphan) Status() (syscall.WaitStatus, bool) {
	children.Lock()
	defer children.Unlock()
	return o.status, o.ended
}

// Forget ends that.
func (o *Orphan) Forget() {
	children.Lock()
	defer children.Unlock()
	left := slices.DeleteFunc(children.kept[o.pid], func(other *Orphan) bool { return other == o })
	if children.kept[o.pid] = left; len(left) == 0 {
		delete(children.kept, o.pid)
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
	pid, _ := look(unix.WEXITED | unix.WNOWAIT)
	return pid
}

// look returns the PID of the first child that something has happened to, and its status; 0 is
// none.
func look(what int) (pid, status int) {
	var info unix.Siginfo
	for {
		err := unix.Waitid(unix.P_ALL, 0, &info, what|unix.WNOHANG, nil)
		if err == nil {
			break
		}
		if !errors.Is(err, unix.EINTR) {
			return 0, 0
		}
	}
	// si_pid, si_uid and si_status begin a union that has pointers in it, after three ints.
	const ints, align = 3 * unsafe.Sizeof(int32(0)), unsafe.Alignof(uintptr(0))
	child := (*[3]int32)(unsafe.Add(unsafe.Pointer(&info), (ints+align-1)&^(align-1)))
	return int(child[0]), int(child[2])
}

// watchStops is followStops if there is a terminal that can stop a process: no pidfd tells of that,
// and CHLD comes at the end of each process as well.
func watchStops() {
	fd, err := unix.Open("/dev/tty", unix.O_RDONLY|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	_ = unix.Close(fd)
	followStops()
}

// followStops has those told whose process the terminal stops.
func followStops() {
	changed := make(chan os.Signal, 1)
	signal.Notify(changed, unix.SIGCHLD)
	go func() {
		for range changed {
			tellStops()
		}
	}()
}

// tellStops tells of those that the terminal has stopped since the last time.
func tellStops() {
	for {
		pid, by := look(unix.WSTOPPED)
		if pid == 0 {
			return
		}
		children.starting.Lock() // it may be a moment old
		children.Lock()
		stopped := children.own[pid]
		children.Unlock()
		children.starting.Unlock()
		if stopped != nil && byTerminal(syscall.Signal(by)) {
			stopped()
		}
	}
}
