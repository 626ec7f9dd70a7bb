package main

import (
	"os"
	"os/exec"
	"reflect"
	"strings"
	"syscall"
	"testing"
)

func TestCountdown_isPausedByAKey(t *testing.T) {
	v := view(t, "timer", "1h", "--progress")
	if got := v.until("due "); !strings.Contains(got, "1h left ---") {
		t.Errorf("it begins with %q", got)
	}
	for _, want := range []string{"paused: p goes on", "due ", "paused: p goes on"} {
		v.press("xp")
		if got := v.until(want); strings.Contains(got, "p\r") {
			t.Errorf("the key was echoed: %q", got)
		}
	}
}

func TestCountdown_givesTheTerminalBack(t *testing.T) {
	v := view(t, "timer", "1h", "--progress")
	v.until("due ")
	if during := v.settings(); reflect.DeepEqual(during, v.before) {
		t.Error("the keys are not grabbed")
	}
	if err := v.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	v.until("\r\x1b[J")
	if _, last := v.gone(); strings.Contains(last, "left") {
		t.Errorf("it was drawn once more: %q", last)
	}
}

func TestCountdown_givesTheTerminalBackAtItsOwnEnd(t *testing.T) {
	v := view(t, "timer", "0.2", "--progress", "-q")
	v.until("due ")
	v.until("\r\x1b[J")
	v.gone()
}

func TestCountdown_givesTheTerminalBackAtTheEndOfActivity(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	c := exec.CommandContext(t.Context(), "ev", "timer", "1h", "--progress", "--again-on", "fd:3")
	c.ExtraFiles = []*os.File{r}
	v := viewOf(t, c)
	v.until("due ")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	v.until("\r\x1b[J")
	v.gone()
}

func TestCountdown_givesTheTerminalBackWhenItIsStopped(t *testing.T) {
	v := viewOf(t, exec.CommandContext(t.Context(), "sh", "-c", "set -m; ev timer 1h --progress; echo has stopped; read _; fg"))
	v.until("due ")
	v.press("\x1a")
	v.until("\r\x1b[J")
	v.until("has stopped")
	if now := v.settings(); !reflect.DeepEqual(now, v.before) {
		t.Error("the settings are those of the countdown")
	}
	v.press("\n")
	v.until("due ")
	v.press("p")
	v.until("paused: p goes on")
}

func TestCountdown_isOneOnATerminal(t *testing.T) {
	v := view(t, "run", "-e", "timer 1h --progress", "-e", "timer 2h --progress")
	v.until("-e:2:10: --progress: the terminal already shows the countdown of line 1")
	if state, _ := v.gone(); state.ExitCode() != 2 {
		t.Errorf("it ended with %v", state)
	}
}
