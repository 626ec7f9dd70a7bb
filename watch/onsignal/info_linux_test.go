package onsignal

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/sigmask"
)

// TestSignal_everyQueuedOneWithItsSender runs in a process of its own, since it is executed anew
// with the signals blocked.
func TestSignal_everyQueuedOneWithItsSender(t *testing.T) {
	signals := []syscall.Signal{36, syscall.SIGUSR1}
	if os.Getenv("EV_TEST_SIGINFO") == "" {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), "EV_TEST_SIGINFO=1", "GORACE=atexit_sleep_ms=0")
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "1000 of 1000") {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	if err := sigmask.Block(signals); err != nil {
		t.Fatal(err)
	}
	got := 0
	watchSignals(t, Options{Signals: signals, Info: true},
		func() {
			for range 1000 {
				kill(t, 36)
			}
			kill(t, syscall.SIGUSR1)
		},
		func(w *Watcher, d event.Signal) {
			if d.Info == nil || d.Info.Sender != os.Getpid() || d.Info.UID != os.Getuid() || d.Count != 1 {
				t.Errorf("%+v", d)
			}
			if d.Signal == "RTMIN+2" {
				got++
			}
			if got == 1000 {
				w.Stop()
			}
		})
	fmt.Println(got, "of 1000")
}
