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
// It is told of each process group and cgroup that lives, over a pipe, which ends with ev. There is
// none before a command has lived for guardAfter: most are over by then.
type guard struct {
	mu     sync.Mutex
	lives  map[int]string // what it is to know, by the PID of the leader
	awaits bool           // there will be one soon
	pid    int            // 0: there is none
	pipe   *os.File
}

// guardAfter is how long a command lives without a guard.
const guardAfter = 100 * time.Millisecond

// add has a group guarded; soon is called if there is no guard yet, and is to have start called on
// the thread that starts processes.
func (g *guard) add(pid int, record string, soon func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.lives == nil {
		g.lives = map[int]string{}
	}
	g.lives[pid] = record
	g.tell(record)
	if g.pid == 0 && !g.awaits {
		g.awaits = true
		time.AfterFunc(guardAfter, soon)
	}
}

// forget has a group guarded no more.
func (g *guard) forget(pid int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, ok := g.lives[pid]; ok {
		delete(g.lives, pid)
		g.tell(overRecord(pid))
	}
}
