package process

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/looptest"
)

// TestReapOrphans runs commands that each leave an orphan, which ends before the command or after
// it. It is a program of its own, since ev would wait for the tests' other children as well.
func TestReapOrphans(t *testing.T) {
	if os.Getenv("EV_TEST_SUBREAPER") == "" {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), "EV_TEST_SUBREAPER=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	if err := ReapOrphans(true); err != nil {
		t.Fatal(err)
	}
	r := newRig(t)
	ended := 0
	for range 40 { // 1,000 commands, of which 25 run at once
		for n := range 25 {
			script := fmt.Sprintf("(exit 99 &); exit %d", n)
			r.starter.Start(r.loop, Spec{Argv: []string{"/bin/sh", "-c", script}}, func(_ *Process, err error) {
				if err != nil {
					t.Error(err)
				}
			}, func(w Wait) {
				ended++
				if got, want := w.String(), fmt.Sprintf("exited %d", n); got != want {
					t.Errorf("%s, want %s", got, want)
				}
			})
		}
		looptest.Run(t, r.loop)
	}
	if ended != 1000 {
		t.Errorf("%d have ended, want 1000", ended)
	}
	if len(children.own) != 0 {
		t.Errorf("%v are still taken to run", children.own)
	}
	// What is left are orphans that have just ended, or are about to.
	defer time.AfterFunc(looptest.Patience, func() { panic("orphans are left that nobody waits for") }).Stop()
	for unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOWAIT, nil) != unix.ECHILD {
		runtime.Gosched()
	}
}
