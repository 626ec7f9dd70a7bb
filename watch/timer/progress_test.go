package timer

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"github.com/evshell/ev/event"
	"github.com/evshell/ev/internal/term"
	"github.com/evshell/ev/loop"
)

// TestCountdownProcess is not a test but the program of the others: a countdown needs a terminal that is its own.
func TestCountdownProcess(t *testing.T) {
	if os.Getenv("EV_TEST_COUNTDOWN") == "" {
		t.Skip("it is run by other tests")
	}
	l, err := loop.New()
	if err != nil {
		t.Fatal(err)
	}
	o := Options{After: time.Hour, Progress: &ProgressOptions{Terminal: 2}}
	timer, err := New(l, o, func(event.Detail) {})
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan os.Signal, 1)
	signal.Notify(got, syscall.SIGTERM, syscall.SIGTSTP)
	go func() {
		for sig := range got {
			l.Post(func() {
				if sig == syscall.SIGTERM {
					timer.Stop()
				} else if s, err := term.Settings(2); err == nil && s.Lflag&unix.ICANON != 0 {
					_, _ = os.Stderr.WriteString("as it was")
				}
			})
		}
	}()
	if err := timer.Start(); err != nil {
		t.Fatal(err)
	}
	if err := l.Run(t.Context(), loop.RunDefault); err != nil {
		t.Fatal(err)
	}
}

// A viewer is at the other end of the terminal that a countdown is shown on.
type viewer struct {
	t      *testing.T
	master *os.File
	cmd    *exec.Cmd
	seen   []byte
}

func startCountdown(t *testing.T) *viewer {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	v := &viewer{t: t, cmd: exec.CommandContext(t.Context(), exe, "-test.run=^TestCountdownProcess$")}
	v.cmd.Env = append(os.Environ(), "EV_TEST_COUNTDOWN=1")
	if v.master, err = pty.StartWithSize(v.cmd, &pty.Winsize{Cols: 70, Rows: 24}); err != nil {
		t.Skip("needs a pseudo-terminal: ", err)
	}
	t.Cleanup(func() {
		_ = v.cmd.Process.Kill()
		_ = v.cmd.Wait()
		_ = v.master.Close()
	})
	return v
}

// until reads up to and including text, and returns what came.
func (v *viewer) until(text string) string {
	v.t.Helper()
	for {
		if before, after, ok := bytes.Cut(v.seen, []byte(text)); ok {
			v.seen = after
			return string(before) + text
		}
		var b [1024]byte
		n, err := v.master.Read(b[:])
		if err != nil {
			v.t.Fatalf("%v, after %q", err, v.seen)
		}
		v.seen = append(v.seen, b[:n]...)
	}
}

func (v *viewer) settings() unix.Termios {
	v.t.Helper()
	s, err := term.Settings(int(v.master.Fd()))
	if err != nil {
		v.t.Fatal(err)
	}
	return *s
}

func TestCountdownIsPausedByKey(t *testing.T) {
	v := startCountdown(t)
	if got := v.until("due "); !strings.HasPrefix(got, "\r       1h left  ---") {
		t.Errorf("it begins with %q", got)
	}
	for _, want := range []string{"paused: p goes on", "due ", "paused: p goes on"} {
		if _, err := v.master.WriteString("p"); err != nil {
			t.Fatal(err)
		}
		if got := v.until(want); strings.Contains(got, "p\r") {
			t.Errorf("the key was echoed: %q", got)
		}
	}
}

func TestCountdownGivesTheTerminalBack(t *testing.T) {
	v := startCountdown(t)
	v.until("due ")
	during := v.settings()
	if err := v.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	v.until("\r" + eraseRest)
	rest, _ := io.ReadAll(v.master) // EIO at its end (pty(7))
	if bytes.Contains(append(v.seen, rest...), []byte("left")) {
		t.Errorf("it was drawn once more: %q, %q", v.seen, rest)
	}
	if after := v.settings(); reflect.DeepEqual(during, after) {
		t.Error("the settings are those of the countdown")
	}
}

func TestCountdownGivesTheTerminalBackWhenItIsStopped(t *testing.T) {
	v := startCountdown(t)
	v.until("due ")
	if _, err := v.master.Write([]byte{'Z' - '@'}); err != nil {
		t.Fatal(err)
	}
	v.until("\r" + eraseRest)
	v.until("as it was")
}
