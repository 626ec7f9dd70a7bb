package onexit

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/loop"
	"github.com/evshell/ev/process"
)

// pollEvery is how often processes are looked at that can't be watched.
const pollEvery = time.Second

// polls are the processes of a Watcher that are looked at now and then. What is
// known of them is that they are there, and when they began.
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
	found, err := process.Find([]int{ref.PID})
	if err != nil {
		return nil, err
	}
	p, ok := found[ref.PID]
	if !ok || ref.Name != "" && p.Name != ref.Name {
		return nil, fmt.Errorf("process %d: %w", ref.PID, process.ErrNoProcess)
	}
	if len(x.targets) == 0 {
		x.w.options.Report.Verbosef("processes can't be watched here: they are looked at every second, and how they end is unknown")
		x.targets = map[int]*polledTarget{}
		x.timer = loop.NewTimer(x.w.loop, pollEvery, pollEvery, x.look)
		x.timer.SetPriority(x.w.active.Priority())
		x.timer.Start()
	}
	t := &polledTarget{x, p}
	x.targets[p.PID] = t
	return t, nil
}

// look emits the end of those that are gone. A PID that is alive is looked up, on
// another goroutine since that may take a while, lest it is another process's.
func (x *polls) look() {
	var alive []int
	for pid, t := range x.targets {
		if unix.Kill(pid, 0) == unix.ESRCH {
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
		found, err := process.Find(alive)
		x.w.loop.Post(func() {
			for pid, t := range targets {
				if p, ok := found[pid]; err == nil && x.targets[pid] == t && (!ok || p.ID != t.ID) {
					x.w.ended(t, detail(t.Info))
				}
			}
		})
	}()
}

func (t *polledTarget) stop() {
	delete(t.polls.targets, t.PID)
	if len(t.polls.targets) == 0 {
		t.polls.timer.Stop()
	}
}
