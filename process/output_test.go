package process

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/cloexec"
	"github.com/evshell/ev/internal/looptest"
)

func TestOutput(t *testing.T) {
	const most = 100
	for _, tt := range []struct {
		name, script string
		text, end    string
	}{
		{"some", "echo a; echo b", "a\nb\n", "exited 0"},
		{"none", "exit 3", "", "exited 3"},
		{"a signal", "echo a; kill -9 $$", "a\n", "killed by KILL"},
		{"as much as may be", "printf %100s x", strings.Repeat(" ", most-1) + "x", "exited 0"},
		{"more", "while echo x; do :; done", "more", "killed by PIPE"},
		{"another has it too", "sleep 20 2>&1 & echo a", "a\n", "exited 0"},
		{"another writes on", "yes 2>/dev/null & exit 2", "", "exited 2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t)
			calls := 0
			r.starter.Output(r.loop, Spec{Argv: []string{"sh", "-c", tt.script}}, most, func(out []byte, w Wait) {
				calls++
				got := string(out)
				if len(out) > most {
					got = "more"
				}
				if got != tt.text && tt.name != "another writes on" || w.String() != tt.end {
					t.Errorf("got %q, %v; want %q, %s", got, w, tt.text, tt.end)
				}
			})
			looptest.Run(t, r.loop)
			if calls != 1 {
				t.Errorf("told %d times", calls)
			}
		})
	}
}

func TestOutput_ofWhatCannotStart(t *testing.T) {
	r := newRig(t)
	opened := func() (n int) {
		for fd := range uintptr(256) {
			if _, err := unix.FcntlInt(fd, unix.F_GETFD, 0); err == nil {
				n++
			}
		}
		return n
	}
	// The loop itself opens a descriptor when it first has to wait, sooner or later.
	const starts = 16
	before := opened()
	for range starts {
		var w Wait
		r.starter.Output(r.loop, Spec{Argv: []string{"ev-no-such-command"}}, 1, func(_ []byte, end Wait) { w = end })
		looptest.Run(t, r.loop)
		if got, want := w.String(), "ev-no-such-command: not found in PATH"; got != want || w.Err == nil {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if after := opened(); after >= before+starts {
		t.Errorf("%d descriptors are open, and after %d starts %d", before, starts, after)
	}
}

func TestOutput_killed(t *testing.T) {
	r := newRig(t)
	var early, late string
	kill := r.starter.Output(r.loop, Spec{Argv: []string{"sleep", "1000"}}, 1, func(_ []byte, w Wait) { early = w.String() })
	kill()
	c := r.listen(func(*Process, string) { kill() })
	r.process = &Process{}
	kill = r.starter.Output(r.loop, c.shell(`trap '' TERM; echo up >"$FIFO"; while :; do sleep 1000; done`), 1,
		func(_ []byte, w Wait) { late = w.String() })
	looptest.Run(t, r.loop)
	if want := "killed by KILL"; early != want || late != want {
		t.Errorf("before its start: %s; afterwards: %s", early, late)
	}
}

func TestPipe_isNotInherited(t *testing.T) {
	fd, w, err := cloexec.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	defer w.Close()
	for _, fd := range []uintptr{uintptr(fd), w.Fd()} {
		if flags, err := unix.FcntlInt(fd, unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("flags %#x, %v", flags, err)
		}
	}
	if n, err := unix.Read(fd, make([]byte, 1)); err != unix.EAGAIN {
		t.Errorf("read %d, %v", n, err)
	}
}
