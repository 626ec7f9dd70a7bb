package process

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ticksPerSecond is what /proc counts in: USER_HZ, which is 100 on all architectures that Go knows.
const ticksPerSecond = 100

// commLen is how much of a name the kernel keeps (TASK_COMM_LEN, less the NUL).
const commLen = 15

// foreignProc reports whether /proc shows another PID namespace than ours, as after unshare --pid
// without --mount-proc: there a PID is another process's.
func foreignProc() bool {
	self, err := os.Readlink("/proc/self")
	return err == nil && self != strconv.Itoa(os.Getpid())
}

// errForeignProc is the error for what can't be looked up there.
var errForeignProc = errors.New("/proc is another PID namespace's: mount it anew (unshare --mount-proc)")

// readProc reads a file of a process.
func readProc(pid int, name string) ([]byte, error) {
	if foreignProc() {
		return nil, errForeignProc
	}
	return os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name))
}

// All returns those that can be seen, by PID.
func All() (map[int]Info, error) {
	all, err := pids()
	if err != nil {
		return nil, err
	}
	return Find(all)
}

// pids returns the PIDs of those that can be seen.
func pids() ([]int, error) {
	if foreignProc() {
		return nil, errForeignProc
	}
	proc, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer proc.Close()
	names, err := proc.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var all []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			all = append(all, pid)
		}
	}
	return all, nil
}

// onlyZombies reports whether all that is left of a process group has ended and waits to be reaped
// by its parent. Where PID 1 does not reap (a container without an init), what has lost its parent
// waits for ever.
func onlyZombies(group int) bool {
	all, err := pids()
	if err != nil {
		return false
	}
	for _, pid := range all {
		text, _ := readProc(pid, "stat")
		st, err := parseStat(text)
		if err == nil && st.group == group && st.state != 'Z' && st.state != 'X' {
			return false
		}
	}
	return true
}

// Find returns those of the processes that are there, as far as we may see them. The error says
// that one of the others may be there as well.
func Find(pids []int) (map[int]Info, error) {
	found := map[int]Info{}
	var failed error
	for _, pid := range pids {
		p, err := findOne(pid)
		switch {
		case err == nil:
			found[pid] = p
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ESRCH), errors.Is(err, fs.ErrPermission):
		default:
			failed = cmp.Or(failed, err)
		}
	}
	return found, failed
}

func findOne(pid int) (Info, error) {
	text, err := readProc(pid, "stat")
	if err != nil {
		return Info{}, err
	}
	st, err := parseStat(text)
	if err != nil {
		return Info{}, err
	}
	p := Info{PID: pid, Name: st.comm, ID: strconv.FormatUint(st.start, 10), Ended: st.state == 'Z' || st.state == 'X'}
	if len(st.comm) == commLen {
		p.Name = fullName(pid, st.comm)
	}
	var now unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &now) == nil {
		age := time.Duration(now.Nano()) - time.Duration(st.start)*(time.Second/ticksPerSecond)
		p.Began = time.Now().Add(-max(age, 0))
	}
	return p, nil
}

// fullName completes a name that the kernel has cut off.
func fullName(pid int, comm string) string {
	text, _ := readProc(pid, "cmdline")
	for i, word := range strings.SplitN(string(text), "\x00", 3) {
		// The second word is the script, if the first is its interpreter.
		if name := filepath.Base(word); i < 2 && strings.HasPrefix(name, comm) {
			return name
		}
	}
	return comm
}

// procStat is what is used of /proc/PID/stat (proc_pid_stat(5)).
type procStat struct {
	comm     string
	state    byte
	group    int
	start    uint64 // in ticks since the machine started
	exitCode int    // as wait(2) has it, if the reader may trace the process; else 0
}

// ended reports whether it only waits to be reaped.
func (st procStat) ended() bool { return st.state == 'Z' || st.state == 'X' }

// groupLives reports whether a process of a group is there that its start proves to be of it. If the
// leader's PID is another's by now, as its start tells, nobody is.
func groupLives(leader int, leads, proves func(start uint64) bool) bool {
	if st, err := statOf(leader); err == nil && !leads(st.start) {
		return false
	}
	all, _ := pids()
	return slices.ContainsFunc(all, func(pid int) bool {
		st, err := statOf(pid)
		return err == nil && st.group == leader && proves(st.start) && !st.ended()
	})
}

func parseStat(text []byte) (st procStat, err error) {
	// The name may hold anything, parentheses and newlines too.
	open, end := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return st, fmt.Errorf("/proc/PID/stat: no name in %.80q", text)
	}
	st.comm = string(text[open+1 : end])
	fields := strings.Fields(string(text[end+1:])) // the first is the third of all
	if len(fields) < 50 {
		return st, fmt.Errorf("/proc/PID/stat: %d fields, not 52, in %.80q", len(fields)+2, text)
	}
	st.state = fields[0][0]
	var errs [3]error
	st.group, errs[0] = strconv.Atoi(fields[5-3])
	st.start, errs[1] = strconv.ParseUint(fields[22-3], 10, 64)
	st.exitCode, errs[2] = strconv.Atoi(fields[52-3])
	return st, cmp.Or(errs[:]...)
}

// threadOf returns the process that a thread belongs to, 0 if it is none.
func threadOf(tid int) int {
	text, _ := readProc(tid, "status")
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "Tgid:"); ok {
			if tgid, err := strconv.Atoi(strings.TrimSpace(value)); err == nil && tgid != tid {
				return tgid
			}
		}
	}
	return 0
}
