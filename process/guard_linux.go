package process

import (
	"bufio"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/internal/span"
)

// guardian is the first argument of a program that is started as a guard; the second is whose.
const guardian = "ev:guard"

// record is what a guard is told of a group that lives, whose leader has begun since then.
func record(g *group, sp *Spec, since uint64) string {
	return fmt.Sprintf("+ %d %d %d %d %d %s\n", g.pid, since, ticks(), sp.StopSignal, sp.KillAfter, strconv.Quote(g.subdir))
}

// overRecord is what it is told of one that does not.
func overRecord(pid int) string { return fmt.Sprintf("- %d\n", pid) }

// write tells the guard something. One that does not listen is none: it is ended, and there will be
// another with the next group, which is told of all.
func (g *guard) write(text string) {
	if g.pid == 0 {
		return
	}
	if _, err := unix.Write(int(g.pipe.Fd()), []byte(text)); err != nil {
		_ = unix.Kill(g.pid, unix.SIGKILL)
		_ = reap(g.pid)
		_ = g.pipe.Close()
		g.pid = 0
		for _, l := range g.lives {
			l.told = false
		}
	}
}

// tell tells the guard of the groups that it does not know, and starts one for that if there is none.
func (g *guard) tell(r *report.Reporter) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.looks = false
	if len(g.lives) == 0 {
		return
	}
	if g.pid == 0 {
		if err := g.fork(); err != nil {
			r.Verbosef("if ev is killed (SIGKILL), what its commands have started continues: %v", err)
			return
		}
	}
	for _, pid := range slices.Sorted(maps.Keys(g.lives)) {
		if l := g.lives[pid]; !l.told {
			g.write(l.record)
			l.told = g.pid != 0
		}
	}
}

func (g *guard) fork() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	p := [2]int{}
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return os.NewSyscallError("pipe2", err)
	}
	defer unix.Close(p[0])
	g.pid, err = fork(self, []string{"ev", guardian, strconv.Itoa(os.Getpid())}, &syscall.ProcAttr{
		Dir: "/", Env: []string{"GOMAXPROCS=1"},
		Files: []uintptr{uintptr(p[0]), uintptr(unix.Stderr), uintptr(unix.Stderr)},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	}, nil)
	if err != nil {
		g.pid = 0
		_ = unix.Close(p[1])
		return err
	}
	_ = unix.SetNonblock(p[1], true) // one that is stopped has nobody wait
	g.pipe = os.NewFile(uintptr(p[1]), "guard")
	return nil
}

// Guarding does the work of a guard if this program was started as one. The program is to end with
// the status then, and do nothing else.
func Guarding() (status int, ok bool) {
	if len(os.Args) != 3 || os.Args[1] != guardian {
		return 0, false
	}
	whose, err := strconv.Atoi(os.Args[2])
	if err != nil {
		return 2, true
	}
	// Whoever ends all programs of this name, or of this service, means ev: it is that which ends
	// the guard.
	signal.Ignore(unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT, unix.SIGPIPE, unix.SIGUSR1, unix.SIGUSR2, unix.SIGALRM)
	_ = os.WriteFile("/proc/self/comm", []byte("ev-guard"), 0)
	lives := map[int]*ward{}
	for s := bufio.NewScanner(os.Stdin); s.Scan(); {
		w, begins := parseRecord(s.Text())
		if begins {
			lives[w.pid] = w
		} else {
			delete(lives, w.pid)
		}
	}
	if len(lives) == 0 {
		return 0, true
	}
	died := ticks()
	// A process closes its descriptors before it has died.
	for range 10_000 {
		if os.Getppid() != whose {
			r := report.New(os.Stderr, "ev", report.Plain, report.Notice)
			end(slices.Collect(maps.Values(lives)), died, r)
			break
		}
		time.Sleep(time.Millisecond)
	}
	return 0, true
}

// A ward is what a guard knows of a group.
type ward struct {
	pid       int
	since, by uint64 // its leader began between these, in ticks since the machine started
	signal    syscall.Signal
	killAfter time.Duration
	cgroup    string // its directory; or none
}

func parseRecord(line string) (w *ward, begins bool) {
	w = &ward{}
	var sign string
	_, _ = fmt.Sscanf(line, "%s %d %d %d %d %d %q", &sign, &w.pid, &w.since, &w.by, &w.signal, &w.killAfter, &w.cgroup)
	return w, sign == "+"
}

func statOf(pid int) (procStat, error) {
	text, err := readProc(pid, "stat")
	if err != nil {
		return procStat{}, err
	}
	return parseStat(text)
}

// ticks is the time since the machine started, in the ticks of /proc.
func ticks() uint64 {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &now)
	return uint64(time.Duration(now.Nano()) / (time.Second / ticksPerSecond))
}

// left reports whether something is left of the group that is proved to be it: its leader, by the
// time of its start, or members that began before ev died. As long as one is there nobody else's
// group can have the number.
func (w *ward) left(died uint64) bool {
	if w.cgroup != "" {
		pids, _ := os.ReadFile(filepath.Join(w.cgroup, "cgroup.procs"))
		if len(pids) > 0 {
			return true
		}
	}
	return groupLives(w.pid, func(start uint64) bool { return w.since <= start && start <= w.by },
		func(start uint64) bool { return start <= died })
}

// send sends a signal to all of it.
func (w *ward) send(s syscall.Signal) {
	_ = unix.Kill(-w.pid, s)
	if w.cgroup != "" {
		(&Cgroup{}).signal(w.cgroup, w.pid, s)
	}
}

// end stops what is left, as ev would have: by the stop signal, then by KILL.
func end(wards []*ward, died uint64, r *report.Reporter) {
	began := time.Now()
	for told := map[*ward]bool{}; ; time.Sleep(20 * time.Millisecond) {
		wards = slices.DeleteFunc(wards, func(w *ward) bool {
			if !w.left(died) {
				if w.cgroup != "" {
					_ = os.Remove(w.cgroup)
				}
				return true
			}
			switch passed := time.Since(began); {
			case w.killAfter < span.Inf && passed >= w.killAfter:
				if w.cgroup != "" {
					(&Cgroup{}).kill(w.cgroup)
				}
				w.send(unix.SIGKILL)
			case !told[w]:
				told[w] = true
				r.Noticef("ev was killed: stopping what it ran, process group %d", w.pid)
				w.send(w.signal)
				w.send(unix.SIGCONT)
			}
			return false
		})
		if len(wards) == 0 {
			return
		}
	}
}
