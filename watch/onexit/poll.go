package onexit

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/loop"
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
	process
}

// watch waits for the end of a process.
func (x *polls) watch(ref pidRef) (target, error) {
	if ref.inode != 0 {
		return nil, fmt.Errorf("process %d:%d: this system has no pidfds: name the PID alone", ref.pid, ref.inode)
	}
	found, err := lookUp([]int{ref.pid})
	if err != nil {
		return nil, err
	}
	p, ok := found[ref.pid]
	if !ok || ref.name != "" && p.name != ref.name {
		return nil, fmt.Errorf("process %d: %w", ref.pid, errNoProcess)
	}
	if len(x.targets) == 0 {
		x.w.options.Report.Verbosef("processes can't be watched here: they are looked at every second, and how they end is unknown")
		x.targets = map[int]*polledTarget{}
		x.timer = loop.NewTimer(x.w.loop, pollEvery, pollEvery, x.look)
		x.timer.SetPriority(x.w.active.Priority())
		x.timer.Start()
	}
	t := &polledTarget{x, p}
	x.targets[p.pid] = t
	return t, nil
}

// look emits the end of those that are gone. A PID that is alive is looked up, on
// another goroutine since that may take a while, lest it is another process's.
func (x *polls) look() {
	var alive []int
	for pid, t := range x.targets {
		if unix.Kill(pid, 0) == unix.ESRCH {
			x.w.ended(t, t.detail())
		} else {
			alive = append(alive, pid)
		}
	}
	if len(alive) == 0 {
		return
	}
	targets := x.targets
	go func() {
		found, err := lookUp(alive)
		x.w.loop.Post(func() {
			for pid, t := range targets {
				if p, ok := found[pid]; err == nil && x.targets[pid] == t && (!ok || p.id != t.id) {
					x.w.ended(t, t.detail())
				}
			}
		})
	}()
}

func (t *polledTarget) stop() {
	delete(t.polls.targets, t.pid)
	if len(t.polls.targets) == 0 {
		t.polls.timer.Stop()
	}
}
