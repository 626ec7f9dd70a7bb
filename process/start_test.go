package process

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/cloexec"
	"github.com/evshell/ev/internal/looptest"
)

// shell runs a script to its end, and returns what it has written and how it ended.
func (r *rig) shell(sp Spec, script string) (string, Wait) {
	r.Helper()
	var text string
	var end Wait
	sp.Argv = []string{"/bin/sh", "-c", script}
	r.starter.Output(r.loop, sp, 1<<20, func(out []byte, w Wait) { text, end = string(out), w })
	looptest.Run(r, r.loop)
	return text, end
}

func TestStart_asItsSpecSays(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t)
	got, end := r.shell(Spec{Dir: dir, Env: []string{"A=b", "PATH=" + os.Getenv("PATH")}}, `pwd; echo $A; read x || echo nothing; echo lost >&2 || exit 1`)
	if want := dir + "\nb\nnothing\n"; got != want || end.String() != "exited 0" {
		t.Errorf("got %q, %v; want %q", got, end, want)
	}
}

func TestStart_inOrder(t *testing.T) {
	r := newRig(t)
	var started []int
	for i := range 20 {
		r.starter.Start(r.loop, Spec{Argv: []string{"true"}, Prepare: func(*Spec) error {
			started = append(started, i)
			return nil
		}}, func(_ *Process, err error) {
			if err != nil {
				t.Error(err)
			}
		}, func(Wait) {})
	}
	looptest.Run(t, r.loop)
	for i, n := range started {
		if i != n {
			t.Fatalf("started in the order %v", started)
		}
	}
	if len(started) != 20 {
		t.Errorf("%d were started, want 20", len(started))
	}
}

// Whatever comes of a start, what it owns is closed, and the loop is let go.
func TestStart_closesWhatItOwns(t *testing.T) {
	for name, sp := range map[string]Spec{
		"started":      {Argv: []string{"true"}},
		"not there":    {Argv: []string{"ev-no-such-command"}},
		"not prepared": {Prepare: func(*Spec) error { return os.ErrInvalid }},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			fd, w, err := cloexec.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(fd)
			sp.Owned = []*os.File{w}
			r.starter.Start(r.loop, sp, func(*Process, error) {}, func(Wait) {})
			looptest.Run(t, r.loop)
			if n, err := unix.Read(fd, make([]byte, 1)); n != 0 || err != nil {
				t.Errorf("the pipe has a writer: %d, %v", n, err)
			}
		})
	}
}

func TestStartNow(t *testing.T) {
	r := newRig(t)
	ends := ""
	p, err := r.starter.StartNow(r.loop, Spec{Argv: []string{"/bin/sh", "-c", "exit 4"}}, func(w Wait) {
		if w.Elapsed <= 0 || w.Usage.Maxrss == 0 {
			t.Errorf("got %+v", w)
		}
		ends += w.String()
	})
	if err != nil || p.PID <= 0 {
		t.Fatalf("got %v, %v", p, err)
	}
	looptest.Run(t, r.loop)
	if ends != "exited 4" {
		t.Errorf("told %q", ends)
	}
	p.Stop() // which reaches nobody any more, whoever has the number
	p.Kill()
	p.Signal(unix.SIGKILL)
	_, err = r.starter.StartNow(r.loop, Spec{Argv: []string{"ev-no-such-command"}}, func(Wait) { t.Error("told of an end") })
	if err == nil || !strings.Contains(err.Error(), "not found in PATH") {
		t.Errorf("got %v", err)
	}
	looptest.Run(t, r.loop)
}

func TestStart_leavesNoCgroupOfWhatDidNotStart(t *testing.T) {
	g, err := NewCgroup()
	if err != nil {
		t.Skip(err)
	}
	prog := filepath.Join(t.TempDir(), "prog")
	if err := os.WriteFile(prog, []byte("no program\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	r := newRig(t)
	for _, argv := range [][]string{{prog}, {"true"}} {
		r.starter.Start(r.loop, Spec{Argv: argv, Cgroup: g}, func(_ *Process, err error) {
			if (err == nil) != (argv[0] == "true") {
				t.Errorf("%q: %v", argv, err)
			}
		}, func(Wait) {})
		looptest.Run(t, r.loop)
		leftOf(t, g)
	}
}

func TestEnviron(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "secret")
	t.Setenv("A", "own")
	t.Setenv("B", "own")
	env := strings.Join(Environ([]string{"A=1", "LISTEN_FDS=mine", "A=2"}), "\n") + "\n"
	for want, n := range map[string]int{"A=2\n": 1, "A=1\n": 0, "A=own\n": 0, "B=own\n": 1, "NOTIFY_SOCKET": 0, "LISTEN_FDS=mine\n": 1} {
		if strings.Count("\n"+env, "\n"+want) != n {
			t.Errorf("%q, want %d of %q", env, n, want)
		}
	}
}

// A process has the lock that it is given as descriptor 3, and no other of ev's.
func TestStart_lock(t *testing.T) {
	lock, err := os.Create(filepath.Join(t.TempDir(), "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	r := newRig(t)
	if _, end := r.shell(Spec{Lock: lock}, `echo held >&3`); end.String() != "exited 0" {
		t.Error(end)
	}
	if text, err := os.ReadFile(lock.Name()); string(text) != "held\n" {
		t.Errorf("%q, %v", text, err)
	}
	if _, end := r.shell(Spec{}, `exec 2>/dev/null; echo held >&3`); end.String() == "exited 0" {
		t.Error("without a lock there is a descriptor 3")
	}
}
