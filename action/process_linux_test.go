package action

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/evshell/ev/internal/looptest"
	"github.com/evshell/ev/process"
)

// A command gets the stop signal when ev is killed and can't send it.
func TestExec_endsWithEv(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ready := newFIFO(t)
	ev := exec.CommandContext(t.Context(), exe)
	ev.Env = append(os.Environ(), actorVariable+"=supervisor", "FIFO="+ready.path)
	if err := ev.Start(); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(ready.path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	_ = f.SetReadDeadline(time.Now().Add(looptest.Patience))
	buf := make([]byte, 16)
	if _, err := f.Read(buf); err != nil {
		t.Fatal(err)
	}
	if err := ev.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = ev.Wait()
	if n, err := f.Read(buf); n != 0 || !errors.Is(err, io.EOF) { // blocks as long as the command lives
		t.Errorf("read %q, %v", buf[:n], err)
	}
}

func TestExec_startsWithNoSignalBlockedOrCaught(t *testing.T) {
	th, _ := play(t, Options{Argv: []string{"cat", "/proc/self/status"}}, tick(1))
	for line := range strings.Lines(th.output()) {
		name, mask, _ := strings.Cut(line, ":")
		if (name == "SigBlk" || name == "SigCgt") && strings.Trim(mask, "0\t\n") != "" {
			t.Errorf("%s is %s", name, mask)
		}
	}
}

func TestExec_hasACgroupOfItsOwn(t *testing.T) {
	g, err := process.NewCgroup()
	if err != nil {
		t.Skip(err)
	}
	th := open(t, Options{Argv: []string{"cat", "/proc/self/cgroup"}})
	th.o.Cgroup = g
	th.Do(tick(1))
	th.run()
	if got, want := th.output(), fmt.Sprintf("/ev-%d-", os.Getpid()); !strings.Contains(got, want) {
		t.Errorf("it is in %q, want %s", got, want)
	}
}
