package process

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/looptest"
	"github.com/evshell/ev/internal/sigmask"
	"github.com/evshell/ev/loop"
)

func TestMain(m *testing.M) {
	if status, ok := sigmask.Unwrap(); ok { // on a machine that starts the tests with signals blocked
		os.Exit(status)
	}
	os.Exit(m.Run())
}

// A rig starts real processes on a real loop.
type rig struct {
	*testing.T
	loop    *loop.Loop
	starter Starter
	process *Process // the last that was started
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{T: t, loop: looptest.NewLoop(t)}
	t.Cleanup(r.starter.Close)
	return r
}

// A cue is a FIFO by which processes tell how far they are.
type cue struct {
	path  string
	ended chan struct{} // all that had it open have
}

// listen has heard called on the loop for each line that comes through a new FIFO.
func (r *rig) listen(heard func(p *Process, line string)) *cue {
	r.Helper()
	c := &cue{filepath.Join(r.TempDir(), "fifo"), make(chan struct{})}
	if err := unix.Mkfifo(c.path, 0o600); err != nil {
		r.Fatal(err)
	}
	go func() {
		defer close(c.ended)
		f, err := os.Open(c.path)
		if err != nil {
			r.Error(err)
			return
		}
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			line := lines.Text()
			var tell func()
			tell = func() {
				if r.process == nil { // the process was faster than the news of its start
					r.loop.Post(tell)
					return
				}
				heard(r.process, line)
			}
			r.loop.Post(tell)
		}
	}()
	return c
}

// shell is a script, which finds the cue in $FIFO.
func (c *cue) shell(script string) Spec {
	return Spec{Argv: []string{"/bin/sh", "-c", script}, Env: append(os.Environ(), "FIFO="+c.path)}
}

// run starts a process, and runs the loop until it has ended.
func (r *rig) run(sp Spec) (end Wait) {
	r.Helper()
	r.starter.Start(r.loop, sp, func(p *Process, err error) {
		if r.process = p; err != nil {
			r.Error(err)
		}
	}, func(w Wait) { end = w })
	looptest.Run(r, r.loop)
	return end
}

// Without a pidfd, as everywhere but on Linux, a goroutine waits.
func TestGroup_endIsToldWithoutAPidfd(t *testing.T) {
	l, err := loop.New()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	pid, err := syscall.ForkExec("/bin/sh", []string{"sh", "-c", "exit 7"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	g := &group{pid: pid, pidfd: -1}
	var got Wait
	l.Ref()
	g.await(l, func(w Wait) {
		got = w
		l.Unref()
	})
	if err := l.Run(t.Context(), loop.RunDefault); err != nil {
		t.Fatal(err)
	}
	if got.Status.ExitStatus() != 7 {
		t.Errorf("got %v", got)
	}
}

// A cgroup is stopped whole, with what has left the process group.
func TestCgroup_stopsWhatLeftTheGroup(t *testing.T) {
	g, err := NewCgroup()
	if err != nil {
		t.Skip(err)
	}
	if _, err := exec.LookPath("setsid"); err != nil {
		t.Skip("needs setsid")
	}
	for name, tt := range map[string]struct {
		script string
		end    func(*Process)
	}{
		"by the stop signal": {"echo up >&3; sleep 1000; sleep 1000", (*Process).Stop},
		"by KILL":            {"trap '' TERM; echo up >&3; while :; do sleep 1000; done", (*Process).Stop},
		"at once":            {"trap '' TERM; echo up >&3; while :; do sleep 1000; done", (*Process).Kill},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			c := r.listen(func(p *Process, _ string) { tt.end(p) })
			sp := c.shell(`exec 3>"$FIFO"; setsid sh -c "` + tt.script + `" & wait`)
			sp.Cgroup, sp.KillAfter = g, 50*time.Millisecond
			r.run(sp)
			<-c.ended
			leftOf(t, g)
		})
	}
}

// leftOf reports the cgroups that should have been removed.
func leftOf(t *testing.T, g *Cgroup) {
	t.Helper()
	dirs, err := os.ReadDir(g.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dirs {
		if strings.HasPrefix(d.Name(), "ev-"+strconv.Itoa(os.Getpid())) {
			t.Errorf("%s is left", d.Name())
		}
	}
}
