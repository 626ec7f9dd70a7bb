package process

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/looptest"
)

// What has ended in the group and that its parent, which lives elsewhere, never waits for keeps
// nobody.
func TestGroup_zombiesAreNotWaitedFor(t *testing.T) {
	if _, err := exec.LookPath("setsid"); err != nil {
		t.Skip("needs setsid")
	}
	r := newRig(t)
	var stranger int
	c := r.listen(func(p *Process, line string) {
		stranger, _ = strconv.Atoi(line)
		// A shell may wait for children that it has not started, sleep does not.
		for comm := ""; comm != "sleep\n"; time.Sleep(time.Millisecond) { //nolint:forbidigo // nobody tells of an execve(2)
			b, err := os.ReadFile("/proc/" + line + "/comm")
			if err != nil {
				t.Error(err)
				break
			}
			comm = string(b)
		}
		p.Stop()
	})
	sp := c.shell(`(sleep 1000 & exec setsid sh -c 'echo $$ >"$FIFO"; exec sleep 1000') & wait; wait`)
	sp.KillAfter = time.Hour
	r.run(sp)
	if err := unix.Kill(-r.process.PID, 0); err != nil {
		t.Errorf("there was no zombie in the group: %v", err)
	}
	if err := unix.Kill(stranger, unix.SIGKILL); err != nil {
		t.Errorf("what has left the group is gone: %v", err)
	}
}

// What has lost its parent comes to ev if that is PID 1, and is reaped.
func TestGroup_reapsItsOrphans(t *testing.T) {
	subreaper := func(on uintptr) {
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, on, 0, 0, 0); err != nil {
			t.Fatal(err)
		}
	}
	subreaper(1)
	defer subreaper(0)
	r := newRig(t)
	c := r.listen(func(p *Process, _ string) { p.Stop() })
	sp := c.shell(`(sleep 1000 &); echo up >"$FIFO"; sleep 1000`)
	sp.KillAfter = time.Hour
	r.run(sp)
	if pid, err := unix.Wait4(-r.process.PID, nil, unix.WNOHANG, nil); !errors.Is(err, unix.ECHILD) {
		t.Errorf("there is a child in the group: %d, %v", pid, err)
	}
}

func TestGroup_endIsToldByAPidfd(t *testing.T) {
	if fd, err := unix.PidfdOpen(unix.Getpid(), 0); err != nil {
		t.Skip("needs pidfds: ", err)
	} else {
		_ = unix.Close(fd)
	}
	r := newRig(t)
	p, err := r.starter.StartNow(r.loop, Spec{Argv: []string{"true"}}, func(Wait) {})
	if err != nil {
		t.Fatal(err)
	}
	if fd := p.body.(*group).pidfd; fd < 0 {
		t.Error("it has no pidfd")
	}
	looptest.Run(t, r.loop)
}

func TestGroup_tellsWhenTheTerminalStopsIt(t *testing.T) {
	children.stops.Do(followStops)
	r := newRig(t)
	stops := 0
	var goOn func()
	goOn = func() {
		if r.process == nil { // the process was faster than the news of its start
			r.loop.Post(goOn)
			return
		}
		r.process.Signal(unix.SIGCONT)
	}
	end := r.run(Spec{Argv: []string{"/bin/sh", "-c", "kill -TTIN $$; kill -TTOU $$; exit 5"}, Stopped: func() {
		stops++
		goOn()
	}})
	if stops != 2 || end.String() != "exited 5" {
		t.Errorf("told of %d stops; %v", stops, end)
	}
	if byTerminal(unix.SIGSTOP) || byTerminal(unix.SIGTSTP) {
		t.Error("what a user stops is taken for the terminal's doing")
	}
}
