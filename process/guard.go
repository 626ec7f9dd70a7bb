package process

import (
	"os"
	"sync"
	"time"
)

// A guard is a process that outlives ev, and stops what ev's commands have started if ev is killed
// and can't (SIGKILL, the OOM killer). The kernel tells a command itself then (PR_SET_PDEATHSIG),
// but not its children.
//
// It is told of each process group and cgroup that lives, over a pipe, which ends with ev; but not
// before that has lived for guardAfter, or nearly: most are over by then.
type guard struct {
	mu    sync.Mutex
	lives map[int]*life // by the PID of the leader
	looks bool          // it will soon be looked whom it is to be told of
	pid   int           // 0: there is none
	pipe  *os.File
}

// A life is that of a group.
type life struct {
	record string // what the guard is to know
	told   bool   // it does
}

// guardAfter is how long a command lives without a guard, at most.
const guardAfter = 100 * time.Millisecond

// add has a group guarded; soon is called once it is to be looked for those that the guard is to be
// told of, and is to have tell called on the thread that starts processes.
func (g *guard) add(pid int, record string, soon func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.lives == nil {
		g.lives = map[int]*life{}
	}
	g.lives[pid] = &life{record: record}
	if !g.looks {
		g.looks = true
		time.AfterFunc(guardAfter, soon)
	}
}

// forget has a group guarded no more.
func (g *guard) forget(pid int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if l, ok := g.lives[pid]; ok {
		delete(g.lives, pid)
		if l.told {
			g.write(overRecord(pid))
		}
	}
}
