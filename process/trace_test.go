package process

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// TestLeft: a group is left as long as one of it lives, and is nobody else's.
func TestLeft(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", "cat <&3 & echo; read x")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.ExtraFiles = []*os.File{r}
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	trace := Trace(cmd.Process.Pid)
	if strings.ContainsAny(trace, " \n") {
		t.Errorf("%q is not a word", trace)
	}
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if !Left(trace) {
		t.Error("nothing is left, though it lives")
	}
	_ = in.Close()
	_ = out.Close()
	_ = cmd.Wait()
	if !Left(trace) {
		t.Error("nothing is left, though what it has started lives")
	}
	if own := Trace(os.Getpid()); strings.Contains(own, ":") {
		pid, rest, _ := strings.Cut(own, ":")
		start, boot, _ := strings.Cut(rest, ":")
		for _, other := range []string{pid + ":1" + start + ":" + boot, pid + ":" + start + ":x" + boot, pid, "", "x"} {
			if Left(other) {
				t.Errorf("%q is another's", other)
			}
		}
	}
	_ = w.Close()
	for Left(trace) { // until the test's own limit
		runtime.Gosched()
	}
}
