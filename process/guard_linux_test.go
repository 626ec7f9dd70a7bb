package process

import (
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// A guard stops a group only if its leader began while ev was starting it: a PID may be another's
// by now.
func TestGuard_leaderIsProved(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "sleep", "1000")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	since := ticks()
	if err := cmd.Start(); err != nil {
		t.Skip("needs sleep(1): ", err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	line := strings.TrimSuffix(record(&group{pid: cmd.Process.Pid, subdir: "/a b"}, &Spec{StopSignal: syscall.SIGHUP, KillAfter: 3}, since), "\n")
	w, begins := parseRecord(line)
	if !begins || w.pid != cmd.Process.Pid || w.signal != syscall.SIGHUP || w.killAfter != 3 || w.cgroup != "/a b" {
		t.Fatalf("%q is read as %+v, %t", line, w, begins)
	}
	w.cgroup = ""
	if !w.left(ticks()) {
		t.Error("nothing is said to be left of a group that lives")
	}
	if w.since, w.by = w.by+1, w.by+1; w.left(ticks()) {
		t.Error("a leader that began before its start is taken for it")
	}
	if w, begins := parseRecord(strings.TrimSuffix(overRecord(17), "\n")); begins || w.pid != 17 {
		t.Errorf("the end of 17 is read as %+v, %t", w, begins)
	}
}

// A group that is over before it is looked for those that live costs the guard nothing.
func TestGuard_isToldOfWhatLives(t *testing.T) {
	told, pipe, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer told.Close()
	g := guard{pid: 1 << 30, pipe: pipe} // no process: it would be killed if it did not listen
	add := func(pid int, record string) { g.add(pid, record, func() {}) }
	add(1, "one\n")
	add(2, "two\n")
	g.forget(1)
	g.tell(nil)
	add(3, "three\n")
	g.forget(2)
	g.forget(3)
	add(4, "four\n")
	g.tell(nil)
	g.tell(nil)
	if err := pipe.Close(); err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(told); string(text) != "two\n- 2\nfour\n" || err != nil {
		t.Errorf("got %q, %v", text, err)
	}
}
