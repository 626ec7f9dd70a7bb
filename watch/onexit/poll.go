package onexit

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/process"
)

// pollEvery is how often processes are looked at that can't be watched.
const pollEvery = time.Second

// polls are the processes of a Watcher that are looked at now and then. What is known of them is
// that they are there, and when they began.
type polls struct {
	w       *Watcher
	targets map[int]*polledTarget
	timer   *loop.Timer // while there are any
}

type polledTarget struct {
	polls *polls
	process.Info
}

// watch waits for the end of a process.
func (x *polls) watch(ref process.Ref) (target, error) {
	if ref.Inode != 0 {
		return nil, fmt.Errorf("process %d:%d: this system has no pidfds: name the PID alone", ref.PID, ref.Inode)
	}
	p, err := lookAt(ref)
	if err != nil {
		return nil, err
	}
	return x.add(p), nil
}

// lookAt returns what can be seen of a process that is there. If it can't be looked up, it is at
// least alive.
func lookAt(ref process.Ref) (process.Info, error) {
	found, err := process.Find([]int{ref.PID})
	p, ok := found[ref.PID]
	switch {
	case ok && (ref.Name == "" || p.Name == ref.Name):
		return p, nil
	case !ok && ref.Name == "" && !errors.Is(unix.Kill(ref.PID, 0), unix.ESRCH):
		return process.Info{PID: ref.PID}, nil
	case !ok && err != nil:
		return p, err
	}
	return p, fmt.Errorf("process %d: %w", ref.PID, process.ErrNoProcess)
}

// add has a process looked at from now on.
func (x *polls) add(p process.Info) *polledTarget {
	if len(x.targets) == 0 {
		x.w.options.Report.Verbosef("processes can't be watched here: they are looked at every second, and how they end is unknown")
		x.targets = map[int]*polledTarget{}
		x.timer = loop.NewTimer(x.w.loop, pollEvery, pollEvery, x.look)
		x.timer.SetPriority(x.w.active.Priority())
		x.timer.Start()
	}
	t := &polledTarget{x, p}
	x.targets[p.PID] = t
	return t
}

// look emits the end of those that are gone. A PID that is alive is looked up, on another goroutine
// since that may take a while, lest it is another process's, or that of one that nobody has waited
// for. What can't be looked up is looked at again.
func (x *polls) look() {
	var alive []int
	for pid, t := range x.targets {
		if errors.Is(unix.Kill(pid, 0), unix.ESRCH) {
			x.w.ended(t, detail(t.Info))
		} else {
			alive = append(alive, pid)
		}
	}
	if len(alive) == 0 {
		return
	}
	targets := x.targets
	go func() {
		found, _ := process.Find(alive)
		x.w.loop.Post(func() {
			for pid, t := range targets {
				if p, ok := found[pid]; ok && x.targets[pid] == t && t.hasEnded(p) {
					x.w.ended(t, detail(t.Info))
				}
			}
		})
	}()
}

// hasEnded reports whether a process that has the PID now shows that this one has ended. What was
// not known of it before is known then.
func (t *polledTarget) hasEnded(p process.Info) bool {
	if t.ID == "" {
		t.Info = p
	}
	return p.Ended || p.ID != t.ID
}

func (t *polledTarget) stop() {
	delete(t.polls.targets, t.PID)
	if len(t.polls.targets) == 0 {
		t.polls.timer.Stop()
	}
}
