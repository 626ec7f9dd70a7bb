package onexit

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/looptest"
	"github.com/evshell/ev/internal/report"
	"github.com/evshell/ev/process"
)

// TestExit_byProcessEvents is what happens on a kernel that keeps no status.
func TestExit_byProcessEvents(t *testing.T) {
	pids, release := strangers(t, 3, "exit $i")
	killed, kill := orphan(t, killItself)
	r := newRig(t, Options{PIDs: append(pids, killed)})
	var err error
	if r.exit.pidfds.events, err = process.NewEvents(r.loop); err != nil {
		t.Skip("needs the process events connector: ", err)
	}
	r.exit.pidfds.asked = true
	if err := r.exit.Start(); err != nil {
		t.Fatal(err)
	}
	release()
	kill()
	r.runLoop()
	if got := r.summary(); got != "exited 1, exited 2, exited 3, killed by KILL" {
		t.Errorf("%s", got)
	}
}

// The main thread of a process that a test has started ends before the others, in initialisation,
// where Go code is sure to be on that thread.
var _ = func() bool {
	if os.Getenv("EV_TEST_LEADER") == "" {
		return false
	}
	go func() {
		_, _ = os.Stdin.Read(make([]byte, 1))
		os.Exit(7)
	}()
	_, _, _ = syscall.RawSyscall(syscall.SYS_EXIT, 0, 0, 0)
	return true
}()

func TestExit_theLastThreadDecides(t *testing.T) {
	for _, waits := range []bool{true, false} {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), "EV_TEST_LEADER=1")
		stdin, err := cmd.StdinPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		r := newRig(t, Options{PIDs: []string{strconv.Itoa(cmd.Process.Pid)}})
		if err := r.exit.Start(); err != nil {
			t.Fatal(err)
		}
		_ = stdin.Close()
		if waits {
			_ = cmd.Wait()
		}
		r.runLoop()
		if got := r.summary(); got != "exited 7" {
			t.Errorf("waited for: %t: %s", waits, got)
		}
		if !waits {
			_ = cmd.Wait()
		}
	}
}

// TestExit_unknownStatusIsNotGuessed watches a process of another user that nobody waits for, as a
// user without rights.
func TestExit_unknownStatusIsNotGuessed(t *testing.T) {
	if pid := os.Getenv("EV_TEST_ZOMBIE"); pid != "" {
		var stderr bytes.Buffer
		r := newRig(t, Options{PIDs: []string{pid}, Report: report.New(&stderr, "ev", report.Plain, report.Verbose)})
		r.run()
		fmt.Println(r.summary())
		fmt.Print(stderr.String())
		return
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root, to be another user")
	}
	pid, release := orphan(t, "exit 3")
	release()
	exe, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.CreateTemp("/tmp", "ev-test-") // where another user may execute it
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(self.Name())
	_, err = self.Write(exe)
	if err == nil {
		err = self.Chmod(0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	_ = self.Close()
	cmd := exec.CommandContext(t.Context(), self.Name(), "-test.run=^"+t.Name()+"$")
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), "EV_TEST_ZOMBIE="+pid, "GORACE=atexit_sleep_ms=0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "ended, status unknown") || !strings.Contains(string(out), "its parent has not waited for it") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestExit_statusThatComesLate is known at the end of the grace, though the loop has not seen yet
// that the parent has waited.
func TestExit_statusThatComesLate(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", "read x <&3; exit 3")
	release := startHeld(t, cmd)
	r := newRig(t, Options{PIDs: []string{strconv.Itoa(cmd.Process.Pid)}})
	if err := r.exit.Start(); err != nil {
		t.Fatal(err)
	}
	if !r.exit.pidfds.keeps {
		t.Skip("needs a kernel that keeps the status")
	}
	release()
	_ = cmd.Wait()
	for target := range r.exit.targets {
		target.(*pidfdTarget).late()
	}
	if got := r.summary(); got != "exited 3" {
		t.Errorf("%s", got)
	}
}

// TestExit_foreignProcIsNotBelieved runs in a PID namespace of its own, where /proc is that of
// another: its status is the process's, and what else is said there another's.
func TestExit_foreignProcIsNotBelieved(t *testing.T) {
	if os.Getenv("EV_TEST_FOREIGN") != "" {
		pids, release := strangers(t, 1, "exit 3")
		r := newRig(t, Options{PIDs: pids})
		r.on = func(d event.Exit) { fmt.Printf("%q %v %s", d.Command, d.Elapsed, d.What()) }
		if err := r.exit.Start(); err != nil {
			t.Fatal(err)
		}
		release()
		r.runLoop()
		_, err := process.Names()
		fmt.Println(",", err)
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), "EV_TEST_FOREIGN=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, syscall.EPERM) {
		t.Skip("needs root, for a PID namespace: ", err)
	}
	status := map[bool]string{true: "exited 3", false: "ended, status unknown"}[strings.Contains(string(out), "exited")]
	if want := `"" 0s ` + status + ", " + "/proc is another PID namespace's"; err != nil || !strings.HasPrefix(string(out), want) {
		t.Errorf("%v\n%s, want %s", err, out, want)
	}
}

func TestExit_inode(t *testing.T) {
	pids, release := strangers(t, 1, "exit 4")
	pid, _ := strconv.Atoi(pids[0])
	fd, err := process.OpenPIDFD(process.Ref{PID: pid})
	if err != nil {
		t.Skip("needs pidfds: ", err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		t.Fatal(err)
	}
	_ = unix.Close(fd)
	r := newRig(t, Options{PIDs: []string{fmt.Sprintf("%d:%d", pid, st.Ino)}})
	if err := r.exit.Start(); err != nil {
		if strings.Contains(err.Error(), "no inodes") {
			t.Skip(err)
		}
		t.Fatal(err)
	}
	err = newRig(t, Options{PIDs: []string{fmt.Sprintf("%d:%d", pid, st.Ino+1)}}).exit.Start()
	if err == nil || !strings.Contains(err.Error(), "is another process") {
		t.Errorf("another inode: %v", err)
	}
	release()
	r.runLoop()
	if got := r.summary(); got != "exited 4" {
		t.Errorf("%s", got)
	}
}

func TestExit_threadsAreNoProcesses(t *testing.T) {
	entries, err := os.ReadDir("/proc/self/task")
	if err != nil || len(entries) < 2 {
		t.Skip("needs /proc, and a second thread")
	}
	for _, e := range entries {
		if e.Name() == strconv.Itoa(os.Getpid()) {
			continue
		}
		err := newRig(t, Options{PIDs: []string{e.Name()}}).exit.Start()
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("thread of process %d", os.Getpid())) {
			t.Errorf("thread %s: %v", e.Name(), err)
		}
	}
}

func TestExit_descriptorsAreGivenBack(t *testing.T) {
	count := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip("needs /proc")
		}
		return len(entries)
	}
	pids, release := strangers(t, 5, "exit")
	l := looptest.NewLoop(t)
	before := count()
	w, err := New(l, Options{PIDs: pids}, func(event.Detail) {})
	if err == nil {
		err = w.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	w.Stop()
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	release()
	looptest.Run(t, l)
	if after := count(); after > before {
		t.Errorf("%d descriptors more", after-before)
	}
}
